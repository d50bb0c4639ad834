#include "config.h"

#include "until-free.h"

#include "look.h"
#include "message.h"
#include "watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * Of several the first that is held is watched; when it is not any more, it is
 * another's turn.  What is watched is looked at afterwards, so that no release
 * is missed.
 */
void look_until_free(struct files *files, char *const *paths, bool all,
		     int timeout_ms)
{
	long long end = timeout_ms < 0 ? LLONG_MAX : now_ms() + timeout_ms;
	const struct file *held;
	char *watched = NULL;

	for (;;) {
		long long left;

		files_collect(files, paths);
		files_inspect(files, all, false);
		held = files_held(files);
		left = end - now_ms();
		if (!held || left <= 0)
			break;
		if (watched && strcmp(watched, held->path) == 0) {
			watch_process(any_holder(held));
			watch_wait(left < WATCH_LONGEST_MS ? (int)left :
							     WATCH_LONGEST_MS);
		} else {
			if (watched)
				watch_wait(WATCH_PAUSE_MS);
			free(watched);
			watched = strdup(held->path);
			if (!watched)
				out_of_memory();
		}
		/* It may be another file by now. */
		watch_file(watched);
		files_free(files);
	}
	free(watched);
}
