/* SPDX-License-Identifier: 0BSD */
/*
 * Release at the end of the scope, with GCC and Clang: adds each NAME to LIST
 * unless it is already there.  Several processes may do so at the same time; the
 * lock is released after each name.
 *
 *     cc -o scoped scoped.c $(pkg-config --cflags --libs liblockfile-fcntl)
 *     ./scoped list.lock list one two three
 */
#include <errno.h>
#include <lockfile-fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns 1 if NAME is in LIST, 0 if not, or a negative errno. */
static int contains(const char *list, const char *name)
{
	FILE *file = fopen(list, "r");
	char *line = NULL;
	size_t size = 0;
	int found = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	errno = 0;
	while (!found && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line, name) == 0;
	}
	if (!found && !feof(file))
		found = errno ? -errno : -EIO;
	free(line);
	fclose(file);
	return found;
}

static int append(const char *list, const char *name)
{
	FILE *file = fopen(list, "a");
	int rc = 0;

	if (!file)
		return -errno;
	if (fprintf(file, "%s\n", name) < 0)
		rc = -errno;
	if (fclose(file) == EOF && rc == 0)
		rc = -errno;
	return rc;
}

static int fail(const char *path, const char *why)
{
	fprintf(stderr, "scoped: %s: %s\n", path, why);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "Usage: scoped LOCKFILE LIST [NAME]...\n");
		return EXIT_FAILURE;
	}
	for (int i = 3; i < argc; i++) {
		const char *list = argv[2], *name = argv[i];
		/* Released on every way out of these braces. */
		LF_AUTO struct lf_lock *lock = NULL;
		int rc = lf_acquire(&lock, argv[1], LF_FOREVER, 0);

		if (rc < 0)
			return fail(argv[1], lf_strerror(rc));
		rc = contains(list, name);
		if (rc > 0)
			continue;
		if (rc == 0)
			rc = append(list, name);
		if (rc < 0)
			return fail(list, strerror(-rc));
	}
	return EXIT_SUCCESS;
}
