/* SPDX-License-Identifier: 0BSD */
/*
 * What it costs to start a command under a lock: over the plain command, and as a
 * ratio to the floor (see floor.c), so that 1.00 is what cannot be undercut by a
 * dynamically linked program.  How many pages are touched explains most of it.
 */
#include "config.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 15

static const char *const kinds[] = {
	/* The measure of both lists. */
	"tests/bench/floor L true",
	"tests/bench/floor -F L true",
	/* With a child ... */
	"lf-acquire L true",
	"tests/static-acquire L true",
	"tests/bench/floor-static L true",
	"flock L true",
	"lckdo L true",
	"dotlockfile -l L true",
	/* ... and without. */
	"lf-acquire -F L true",
	"tests/static-acquire -F L true",
	"tests/bench/floor-static -F L true",
	"flock -F L true",
	"s6-setlock L true",
	"setlock L true",
	"chpst -l L true",
};
enum { FLOOR, FLOOR_F, FIRST, FIRST_F = 8, KINDS = 15 };

static struct command commands[KINDS], plain;
static bool is_here[KINDS];

struct ratios {
	struct series wall, cpu, faults;
};

static void turn(struct ratios *ratios, char *const *environment)
{
	struct cost base = cost_of(&plain, environment, RUNS), floor[2];

	for (int i = 0; i < KINDS; i++) {
		struct cost cost, least;

		if (!is_here[i])
			continue;
		cost = cost_of(&commands[i], environment, RUNS);
		if (i < FIRST)
			floor[i] = cost;
		least = floor[i == FLOOR_F || i >= FIRST_F];
		add(&ratios[i].wall,
		    (cost.wall - base.wall) / (least.wall - base.wall));
		add(&ratios[i].cpu,
		    (cost.cpu - base.cpu) / (least.cpu - base.cpu));
		add(&ratios[i].faults, cost.faults - base.faults);
	}
}

/* Without directories. */
static const char *short_name(int kind)
{
	const char *name = strrchr(kinds[kind], '/');

	return name ? name + 1 : kinds[kind];
}

static const char *bar_of(int kind)
{
	return kind == FIRST || kind == FIRST_F ? "bar: at most 1.1" : "";
}

static void measure(char *const *environment, const char *where)
{
	static struct ratios none[KINDS], ratios[KINDS];
	char text[100];

	snprintf(text, sizeof(text),
		 "Start-up over plain true / that of the floor; %s", where);
	heading(text);
	memcpy(ratios, none, sizeof(ratios));
	for (int i = 0; i < TURNS; i++)
		turn(ratios, environment);
	printf("  %-36s %-24s%-24s%s\n", "", "    elapsed", "    CPU time",
	       "page faults");
	for (int i = 0; i < KINDS; i++) {
		struct ratios *r = &ratios[i];

		if (!is_here[i])
			continue;
		printf("  %-36s %5.2f  %5.2f to %5.2f   %5.2f  %5.2f to %5.2f "
		       "%7.0f     %s\n",
		       short_name(i), median(&r->wall),
		       quantile(&r->wall, 0.25), quantile(&r->wall, 0.75),
		       median(&r->cpu), quantile(&r->cpu, 0.25),
		       quantile(&r->cpu, 0.75), median(&r->faults), bar_of(i));
	}
	fflush(stdout);
}

/* Programs that use locales read one then; it is made here, as few are installed. */
static bool make_locale(const char *directory)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "mkdir -p %s && localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 "
		 ">/dev/null 2>&1", directory, directory);
	return system(command) == 0;
}

static void measure_all(void)
{
	static char c[] = "LC_ALL=C", utf8[] = "LC_ALL=C.UTF-8",
		    german[] = "LC_ALL=de_DE.UTF-8", search[] =
						     "PATH=/usr/bin:/bin";
	static char locales[300];
	char *with_c[] = { search, c, NULL };
	char *with_utf8[] = { search, utf8, NULL };
	char *with_german[] = { search, german, locales, NULL };

	must(make_command(&plain, "true", path), "true");
	for (int i = 0; i < KINDS; i++)
		is_here[i] = make_command(&commands[i], kinds[i], path);
	measure(with_c, "LC_ALL=C");
	measure(with_utf8, "LC_ALL=C.UTF-8");
	snprintf(locales, sizeof(locales), "LOCPATH=%s.locales", path);
	if (make_locale(strchr(locales, '=') + 1))
		measure(with_german, "LC_ALL=de_DE.UTF-8");
	else
		heading("LC_ALL=de_DE.UTF-8: localedef(1) cannot make it here");
}

void bench_start(void)
{
	begin_directory("/tmp");
	measure_all();
	end_directory();
}
