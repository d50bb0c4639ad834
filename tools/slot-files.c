/* SPDX-License-Identifier: 0BSD */
/*
 * The slots of a lock file: LOCKFILE.1, LOCKFILE.2 and so on.  Their number is no
 * property of LOCKFILE, as each caller gives its own: the files that exist count.
 */
#include "config.h"

#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *slot_path(const char *lockfile, int slot)
{
	size_t size = strlen(lockfile) + sizeof(".1000");
	char *path = checked(malloc(size));

	snprintf(path, size, "%s.%d", lockfile, slot);
	return path;
}

/* "7" of NAME "LOCKFILE.7", or 0; "07" is another name than that of slot 7. */
static int slot_of(const char *name, const char *lockfile)
{
	size_t length = strlen(lockfile);
	unsigned long slot;

	if (name[length] != '.' || name[length + 1] == '0' ||
	    !parse_number(name + length + 1, 10, MOST_SLOTS, &slot))
		return 0;
	return (int)slot;
}

/* By bytes, so that the names with one beginning follow each other. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int ends_in_number(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	unsigned long slot;

	return dot && parse_number(dot + 1, 10, MOST_SLOTS, &slot);
}

/* What may be slots in a directory; -1: it cannot be read. */
static struct {
	char *directory;
	struct dirent **entries;
	int count;
} seen;

/* DIRECTORY becomes ours. */
static void look_at(char *directory)
{
	for (int i = 0; i < seen.count; i++)
		free(seen.entries[i]);
	if (seen.count >= 0)
		free(seen.entries);
	free(seen.directory);
	seen.directory = directory;
	seen.entries = NULL;
	seen.count = scandir(directory, &seen.entries, ends_in_number, by_name);
	if (seen.count < 0 && (errno == ENOENT || errno == ENOTDIR))
		seen.count = 0;
}

/* A directory that may be searched and not read: each name is tried. */
static void try_names(const char *lockfile, bool *exists)
{
	struct stat st;

	for (int slot = 1; slot <= MOST_SLOTS; slot++) {
		char *path = slot_path(lockfile, slot);

		exists[slot] = lstat(path, &st) == 0;
		free(path);
	}
}

/* Without a look at all the others, of which a directory may have many. */
static int first_after(const char *name)
{
	int low = 0, high = seen.count;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (strcmp(seen.entries[middle]->d_name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void slots_find(const char *lockfile, bool *exists, bool seen_before)
{
	const char *slash = strrchr(lockfile, '/');
	const char *name = slash ? slash + 1 : lockfile;
	char *directory = checked(slash ? strndup(lockfile,
						  (size_t)(name - lockfile)) :
					  strdup("."));

	memset(exists, 0, (MOST_SLOTS + 1) * sizeof(*exists));
	if (seen_before && seen.directory &&
	    strcmp(directory, seen.directory) == 0)
		free(directory);
	else
		look_at(directory);
	for (int i = first_after(name); i < seen.count; i++) {
		const char *found = seen.entries[i]->d_name;

		if (strncmp(found, name, strlen(name)) != 0)
			break;
		exists[slot_of(found, name)] = true;
	}
	exists[0] = false;
	if (seen.count < 0)
		try_names(lockfile, exists);
}
