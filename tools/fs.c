/* SPDX-License-Identifier: 0BSD */
/* lf-check --fs: what the file systems of the paths do with locks. */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <stdio.h>

static const char *choose(const struct lf_fs *fs, enum lf_fs_property property,
			  const char *yes, const char *no)
{
	switch (lf_fs_has(fs, property)) {
	case LF_FS_YES:
		return yes;
	case LF_FS_NO:
		return no;
	default:
		return "unknown";
	}
}

const char *fs_answer(const struct lf_fs *fs, enum lf_fs_property property)
{
	return choose(fs, property, "yes", "no");
}

static void print_property(const char *name, const char *value)
{
	printf("  %-20s %s\n", name, value);
}

static const char *other_machines(const struct lf_fs *fs)
{
	if (lf_fs_has(fs, LF_FS_SHARED) == LF_FS_NO)
		return "are not excluded: this file system is not shared";
	return choose(fs, LF_FS_GLOBAL, "are excluded",
		      "are NOT excluded: locks end at this machine");
}

/* A type that the system does not report makes each answer a guess. */
static int check_type(const char *path, const struct lf_fs *fs)
{
	if (lf_fs_type(fs))
		return 0;
	message_about(path, "its file system cannot be found out: the system "
			    "does not list it");
	return 2;
}

static void print_fs(const char *path, const struct lf_fs *fs)
{
	const char *type = lf_fs_type(fs), *source = lf_fs_source(fs);

	print_escaped(stdout, path);
	puts(":");
	printf("  %-20s ", "file system:");
	print_escaped(stdout, type ? type : "unknown");
	if (source) {
		fputs(", ", stdout);
		print_escaped(stdout, source);
	}
	putchar('\n');
	print_property("other machines:", other_machines(fs));
	print_property("file at release:",
		   choose(fs, LF_FS_REMOVES, "removed", "kept, never removed"));
	print_property("order of waiters:",
		   choose(fs, LF_FS_ORDERED, "first come, first served", "any"));
	print_property("PID of the holder:",
		   choose(fs, LF_FS_PIDS, "shown", "not shown"));
}

int fs_show(char *const *paths, bool json)
{
	int status = 0;

	if (json)
		fs_table_begin();
	for (; *paths; paths++) {
		struct lf_fs *fs;
		int rc;

		limit_time();
		rc = lf_inspect_fs(*paths, &fs);
		end_limit();
		if (rc < 0) {
			message_about(*paths, "%s%s", lf_strerror(rc),
				      rc == -EACCES ? try_as_root() : "");
			status = 2;
		} else if (check_type(*paths, fs) != 0) {
			status = 2;
		} else if (json) {
			fs_table_add(*paths, fs);
		} else {
			print_fs(*paths, fs);
		}
		lf_fs_free(fs);
	}
	if (json)
		fs_table_print();
	return status;
}
