/* SPDX-License-Identifier: 0BSD */
/* What make bench-picture measures, and draws. */
#ifndef TESTS_BENCH_PICTURE_H
#define TESTS_BENCH_PICTURE_H

#define MOST_POINTS 10

/* Each has a panel. */
enum measure { ELAPSED, CPU, MEASURES };

struct point {
	int waiters;
	double seconds[MEASURES];
};

struct curve {
	const char *name, *class;
	struct point points[MOST_POINTS];
	int count;
};

/* Writes SVG to stdout; CAPTION is a line below. */
void draw(const struct curve *curves, int count, const char *caption);

#endif
