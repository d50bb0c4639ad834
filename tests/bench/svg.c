/* SPDX-License-Identifier: 0BSD */
/* The picture: two panels with the same axes, both logarithmic. */
#include "config.h"

#include "picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 820
#define HEIGHT 452
#define TOP 150
#define BOTTOM 366
#define PANEL 318
#define MOST_WAITERS 1000.0

static const struct {
	int left;
	const char *title;
} panels[MEASURES] = {
	[ELAPSED] = { 72, "Time until the next waiter has the lock" },
	[CPU] = { 468, "CPU time for each acquisition, of all waiters" },
};

/* What the axes show. */
static double least, most;

static double x_of(int panel, double waiters)
{
	return panels[panel].left +
	       PANEL * log10(waiters) / log10(MOST_WAITERS);
}

static double y_of(double seconds)
{
	return BOTTOM - (BOTTOM - TOP) * log10(seconds / least) /
				log10(most / least);
}

/* Whole powers of ten around all points. */
static void choose_axis(const struct curve *curves, int count)
{
	least = 1e300;
	most = 0;
	for (int i = 0; i < count; i++)
		for (int j = 0; j < curves[i].count * MEASURES; j++) {
			double value = curves[i].points[j / MEASURES]
					       .seconds[j % MEASURES];

			least = fmin(least, value);
			most = fmax(most, value);
		}
	least = pow(10, floor(log10(least)));
	most = pow(10, ceil(log10(most)));
}

/* Also read where there is no dark mode, so the first colours are for light. */
static void begin(void)
{
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<!-- SPDX-License-Identifier: 0BSD -->\n"
	       "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	       "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
	       "aria-labelledby=\"title desc\">\n"
	       "<title id=\"title\">What it costs to hand over a lock, "
	       "by the number of waiters</title>\n",
	       WIDTH, HEIGHT, WIDTH, HEIGHT);
	printf("<style>\n"
	       "svg { --paper: #ffffff; --edge: #d0d7de; --ink: #1f2328;\n"
	       "  --soft: #59636e; --grid: #e4e8ec; --ours: #0969da;\n"
	       "  --lockf: #bc4c00; --flock: #1a7f37; --dot: #8250df }\n"
	       "@media (prefers-color-scheme: dark) {\n"
	       "svg { --paper: #0d1117; --edge: #3d444d; --ink: #f0f6fc;\n"
	       "  --soft: #9198a1; --grid: #262c36; --ours: #58a6ff;\n"
	       "  --lockf: #f0883e; --flock: #3fb950; --dot: #bc8cff } }\n");
	printf("text { font: 13px system-ui, -apple-system, 'Segoe UI', "
	       "Helvetica, Arial, sans-serif; fill: #1f2328; "
	       "fill: var(--ink) }\n"
	       ".head { font-size: 18px; font-weight: 600 }\n"
	       ".soft { fill: #59636e; fill: var(--soft) }\n"
	       ".small { font-size: 12px }\n"
	       ".title { font-weight: 600 }\n"
	       ".paper { fill: #ffffff; fill: var(--paper); "
	       "stroke: #d0d7de; stroke: var(--edge) }\n"
	       ".grid { stroke: #e4e8ec; stroke: var(--grid) }\n"
	       ".axis { stroke: #59636e; stroke: var(--soft) }\n"
	       "path { fill: none; stroke-width: 2; stroke-linejoin: round; "
	       "stroke-linecap: round }\n");
}

static void style(const char *class, const char *colour, const char *width)
{
	printf("path.%s { stroke: %s; stroke: var(--%s); stroke-width: %s }\n"
	       "circle.%s, text.%s { fill: %s; fill: var(--%s) }\n",
	       class, colour, class, width, class, class, colour, class);
}

static const char *name_of_time(double seconds)
{
	static char name[30];

	if (seconds < 0.9e-3)
		snprintf(name, sizeof(name), "%.0f µs", seconds * 1e6);
	else if (seconds < 0.9)
		snprintf(name, sizeof(name), "%.0f ms", seconds * 1e3);
	else
		snprintf(name, sizeof(name), "%.0f s", seconds);
	return name;
}

static void draw_axes(int panel)
{
	int left = panels[panel].left, right = left + PANEL;

	printf("<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", left,
	       TOP - 18, panels[panel].title);
	for (double t = least; t < most * 1.1; t *= 10)
		printf("<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" "
		       "y2=\"%.1f\"/>\n<text class=\"soft\" x=\"%d\" "
		       "y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
		       left, right, y_of(t), y_of(t), left - 10, y_of(t) + 4.5,
		       name_of_time(t));
	for (int n = 1; n <= MOST_WAITERS; n *= 10)
		printf("<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" "
		       "y1=\"%d\" y2=\"%d\"/>\n<text class=\"soft\" "
		       "x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s"
		       "</text>\n", x_of(panel, n), x_of(panel, n), BOTTOM,
		       BOTTOM + 5, x_of(panel, n), BOTTOM + 21,
		       n == 1 ? "1" : n == 10 ? "10" : n == 100 ? "100" :
								  "1,000");
	printf("<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" "
	       "y2=\"%d\"/>\n<text class=\"soft\" x=\"%d\" y=\"%d\" "
	       "text-anchor=\"middle\">waiting processes</text>\n", left,
	       right, BOTTOM, BOTTOM, left + PANEL / 2, BOTTOM + 40);
}

static void draw_curve(int panel, const struct curve *curve)
{
	if (curve->count == 0)
		return;
	printf("<path class=\"%s\" d=\"", curve->class);
	for (int i = 0; i < curve->count; i++)
		printf("%s%.1f,%.1f", i == 0 ? "M" : " L",
		       x_of(panel, curve->points[i].waiters),
		       y_of(curve->points[i].seconds[panel]));
	printf("\"/>\n");
	for (int i = 0; i < curve->count; i++)
		printf("<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" "
		       "r=\"3\"/>\n", curve->class,
		       x_of(panel, curve->points[i].waiters),
		       y_of(curve->points[i].seconds[panel]));
}

/* The names in one row, each as wide as its text. */
static void draw_names(const struct curve *curves, int count)
{
	double x = 30;

	for (int i = 0; i < count; i++) {
		if (curves[i].count == 0)
			continue;
		printf("<circle class=\"%s\" cx=\"%.0f\" cy=\"88\" "
		       "r=\"5\"/>\n<text class=\"%s\" x=\"%.0f\" "
		       "y=\"92.5\"%s>%s</text>\n", curves[i].class, x,
		       curves[i].class, x + 11,
		       i == 0 ? " font-weight=\"600\"" : "", curves[i].name);
		x += 48 + 6.8 * (double)strlen(curves[i].name);
	}
}

/* For those that cannot see it. */
static void describe(const struct curve *curves, int count)
{
	printf("<desc id=\"desc\">Microseconds until the next waiter has the "
	       "lock, and of CPU time.");
	for (int i = 0; i < count; i++) {
		if (curves[i].count == 0)
			continue;
		printf("\n%s:", curves[i].name);
		for (int j = 0; j < curves[i].count; j++)
			printf(" %.1f and %.1f with %d%s",
			       curves[i].points[j].seconds[ELAPSED] * 1e6,
			       curves[i].points[j].seconds[CPU] * 1e6,
			       curves[i].points[j].waiters,
			       j + 1 < curves[i].count ? "," : ".");
	}
	printf("</desc>\n");
}

void draw(const struct curve *curves, int count, const char *caption)
{
	static const char *const colours[] = {
		"#0969da", "#bc4c00", "#1a7f37", "#8250df"
	};

	choose_axis(curves, count);
	begin();
	for (int i = 0; i < count; i++)
		style(curves[i].class, colours[i], i == 0 ? "3.5" : "2");
	printf("</style>\n");
	describe(curves, count);
	printf("<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"%d\" "
	       "height=\"%d\" rx=\"8\"/>\n", WIDTH - 1, HEIGHT - 1);
	printf("<text class=\"head\" x=\"24\" y=\"36\">Handing over a lock"
	       "</text>\n<text class=\"soft\" x=\"24\" y=\"60\">What it "
	       "costs when many wait. Lower is better.</text>\n");
	draw_names(curves, count);
	for (int panel = 0; panel < MEASURES; panel++) {
		draw_axes(panel);
		/* Ours last: it lies on top. */
		for (int i = count - 1; i >= 0; i--)
			draw_curve(panel, &curves[i]);
	}
	printf("<text class=\"soft small\" x=\"24\" y=\"%d\">%s</text>\n"
	       "</svg>\n", HEIGHT - 16, caption);
}
