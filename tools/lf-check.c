/* SPDX-License-Identifier: 0BSD */
/* lf-check: shows whether a lock is held, by which processes, and its queue. */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 0, FREE = 1, CANNOT_TELL = 2 };

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A process that holds it, or 0: unknown. */
static pid_t any_holder(const struct file *file)
{
	const struct lf_entry *entry = NULL;

	while ((entry = next_entry(file->report, entry)) != NULL)
		if (!lf_entry_waits(entry) && lf_entry_pid(entry) > 0)
			return lf_entry_pid(entry);
	return 0;
}

/* The files of free slots stay only with lf-acquire --keep. */
#define LOOKS_AT_SLOTS 5

static void collect_and_inspect(struct files *files, char *const *paths,
				bool all, bool briefly)
{
	limit_time();
	for (int looks = 1;; looks++) {
		files_collect(files, paths);
		files_inspect(files, all, briefly);
		if (looks == LOOKS_AT_SLOTS || !slots_seem_free(files))
			break;
		files_free(files);
	}
	end_limit();
}

/*
 * A waiter that the kernel wakes is not in the list, nor does it hold the lock, until
 * it has a processor.
 */
#define LOOKS_AFTER_RELEASE 4

/*
 * Inspects the files again and again until none is held, or TIMEOUT_MS is over.
 * The first file that is held is watched, and inspected again after the watch
 * began, so that no release is missed.
 */
static void inspect_until_free(struct files *files, char *const *paths,
			       bool all, int timeout_ms)
{
	long long end = timeout_ms < 0 ? LLONG_MAX : now_ms() + timeout_ms;
	const struct file *held;
	char *watched = NULL;
	int looks = 0;

	for (;;) {
		long long left;

		collect_and_inspect(files, paths, all, false);
		held = files_held(files);
		left = end - now_ms();
		looks = held ? 0 : looks + 1;
		if (watched && left > 0 && looks > 0 &&
		    looks < LOOKS_AFTER_RELEASE) {
			poll(NULL, 0, WATCH_PAUSE_MS);
			files_free(files);
			continue;
		}
		/* To wait for ourselves would take for ever. */
		if (!held || left <= 0 || only_we_hold(held->report))
			break;
		if (watched && strcmp(watched, held->path) == 0) {
			watch_process(any_holder(held));
			watch_wait(left < WATCH_LONGEST_MS ? (int)left :
							     WATCH_LONGEST_MS);
		} else {
			if (watched)
				watch_wait(WATCH_PAUSE_MS);
			free(watched);
			watched = checked(strdup(held->path));
		}
		/* The path may name another file by now. */
		watch_file(watched);
		files_free(files);
	}
	free(watched);
}

static void inspect_machine(struct files *files)
{
	int more;

	limit_time();
	more = files_of_machine(files);
	end_limit();
	if (more < 0) {
		bool no_proc = more == -ENOSYS || access("/proc/self", F_OK) < 0;

		message("cannot list the locks of this machine: %s",
			no_proc ? "that needs Linux's proc(5) at "
					   "/proc; give the path of a lock file" :
					   lf_strerror(more));
		exit(CANNOT_TELL);
	}
	if (more > 0)
		message("there may be more locked files, not visible here%s",
			try_as_root());
}

static void inspect(struct files *files, const struct check_options *o)
{
	if (!*o->paths) {
		inspect_machine(files);
		return;
	}
	if (o->wait) {
		inspect_until_free(files, o->paths, o->all, o->timeout_ms);
		return;
	}
	collect_and_inspect(files, o->paths, o->all, o->quiet);
}

static void print_failure(const struct file *file)
{
	const char *hint = remedy(file->status);
	bool is_of_flock = lf_report_status(file->report) >= 0;
	const char *why = is_of_flock && file->status == -EIO ?
				  "the list of locks changed too much; try "
				  "again, or use --record" :
				  lf_strerror(file->status);
	char more[80] = "";

	if (file->more > 0)
		snprintf(more, sizeof(more),
			 "; %zu more file%s of this directory cannot be "
			 "checked",
			 file->more, file->more > 1 ? "s" : "");
	message_about(file->path, "%s%s%s%s",
		      is_of_flock ? "whether flock(2) holds it is unknown: " : "",
		      why, hint, more);
}

static void print(const struct files *files, const struct check_options *o)
{
	print_begin();
	for (size_t i = 0; i < files->count; i++) {
		const struct file *file = &files->list[i];

		if (file->status < 0)
			print_failure(file);
		if (file->slot || o->quiet || o->pid || o->table)
			continue;
		if (slots_held(files, i) > 0)
			slots_print(files, i);
		else if (file->status > 0 ||
			 (file->status == 0 && !slots_unknown(files, i)))
			print_file(file);
	}
	if (o->table)
		table_print(files);
	else if (o->pid && !o->quiet)
		print_pids(files);
}

static int status(const struct files *files, const struct check_options *o)
{
	bool held = files_held(files), failed = false;

	for (size_t i = 0; i < files->count; i++)
		failed |= files->list[i].status < 0;
	if (failed && !(o->quiet && held))
		return CANNOT_TELL;
	return held ? HELD : FREE;
}

int main(int argc, char **argv)
{
	struct check_options o;
	struct files files;
	int rc;

	message_begin("lf-check");
	parse_options(argc, argv, &o);
	choose_kinds(o.record, o.flock);
	keep_limit_of_caller();
	if (o.fs)
		return finish_output(fs_show(o.paths, o.style.json));
	if (o.mine)
		return mine_check(o.paths, o.quiet);
	inspect(&files, &o);
	print(&files, &o);
	rc = status(&files, &o);
	files_free(&files);
	return finish_output(rc);
}
