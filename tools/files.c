/* SPDX-License-Identifier: 0BSD */
/*
 * The files that the paths name, and what is known of each.
 *
 * The paths are collected first and inspected together, so that the kernel's
 * list of locks is read once for all of them.
 */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* PATH becomes the list's. */
static struct file *add(struct files *files, char *path)
{
	if (files->count == files->room) {
		files->room = files->room ? 2 * files->room : 16;
		files->list = checked(realloc(
			files->list, files->room * sizeof(*files->list)));
	}
	files->list[files->count] = (struct file){ .path = path };
	return &files->list[files->count++];
}

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static char *path_in(const char *directory, const char *name)
{
	size_t length = strlen(directory);
	char *path = checked(malloc(length + strlen(name) + 2));

	memcpy(path, directory, length);
	if (length > 0 && path[length - 1] != '/')
		path[length++] = '/';
	strcpy(path + length, name);
	return path;
}

/*
 * lf-acquire follows no symbolic link, so none stands for a lock file.  What cannot
 * be examined may be held, and is reported as an error later.  NULL: not collected.
 */
static struct file *collect_entry(struct files *files, char *path,
				  const char *directory, bool of_any_type)
{
	struct stat st;
	bool exists = lstat(path, &st) == 0;
	bool special = exists && !S_ISREG(st.st_mode);
	struct file *file;

	if (exists ? S_ISLNK(st.st_mode) || (special && !of_any_type) :
		     errno == ENOENT) {
		free(path);
		return NULL;
	}
	file = add(files, path);
	file->directory = directory;
	file->special = special;
	return file;
}

/* Of opendir(3); lf_strerror(3) knows no others. */
static int error_of_directory(void)
{
	switch (errno) {
	case EACCES:
	case ELOOP:
	case EMFILE:
	case ENAMETOOLONG:
	case ENFILE:
	case ENOENT:
	case ENOMEM:
	case ENOTDIR:
		return -errno;
	default:
		return -EIO;
	}
}

static void collect_directory(struct files *files, const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_entry, by_name);
	int error = count < 0 ? error_of_directory() : 0;
	struct file *file;

	if (count < 0) {
		file = add(files, checked(strdup(directory)));
		file->status = error;
		file->known = true;
		return;
	}
	collect_entry(files, path_in(directory, ""), directory, counts_flock());
	for (int i = 0; i < count; i++) {
		collect_entry(files, path_in(directory, entries[i]->d_name),
			      directory, counts_flock());
		free(entries[i]);
	}
	free(entries);
}

/* So is a symbolic link to one, such as /var/lock. */
static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * As the files of a directory, those that are held are shown.  A slot that has gone
 * since its name was seen may have been left for another one.
 */
static void collect_slots(struct files *files, const char *lockfile,
			  bool seen_before)
{
	bool exists[MOST_SLOTS + 1];
	size_t i = files->count - 1;

	slots_find(lockfile, exists, seen_before);
	for (int slot = 1; slot <= MOST_SLOTS; slot++) {
		struct file *file;

		if (!exists[slot])
			continue;
		files->list[i].has_slots = true;
		file = collect_entry(files, slot_path(lockfile, slot), lockfile,
				     false);
		if (file)
			file->slot = slot;
	}
}

void files_collect(struct files *files, char *const *paths)
{
	bool seen_before = false;

	*files = (struct files){ .count = 0 };
	for (char *const *path = paths; *path; path++) {
		if (is_directory(*path)) {
			collect_directory(files, *path);
			continue;
		}
		add(files, checked(strdup(*path)));
		collect_slots(files, *path, seen_before);
		seen_before = true;
	}
}

static bool is_device(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 &&
	       (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode));
}

/*
 * To check costs less, but each call reads the kernel's list, which is too much for a
 * directory.  An error is examined again, for a message.
 */
#define BRIEFLY 2

static void check(struct file *file)
{
	if (file->known || file->directory || !counts_record())
		return;
	file->status = counts_flock() ? lf_check_any(file->path) :
					lf_check(file->path, NULL);
	file->known = file->status >= 0;
}

/* lf-acquire does not lock a device, and so the list is the whole answer. */
static int status_of(const struct file *file)
{
	int record = lf_report_status(file->report);
	int flock = lf_report_flock(file->report);

	if (!counts_flock())
		return record;
	/* The system has no list that could show a lock on it. */
	if (file->special && (flock == -EISDIR || flock == -ENOTSUP))
		return 0;
	if (flock > 0 || !counts_record() || file->special)
		return flock;
	if (record == -ENOTSUP && is_device(file->path))
		return flock;
	return record == 0 ? flock : record;
}

static void inspect(struct files *files)
{
	const char **paths = checked(calloc(files->count, sizeof(*paths)));
	struct lf_report **reports =
		checked(calloc(files->count, sizeof(*reports)));
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++)
		if (!files->list[i].known)
			paths[count++] = files->list[i].path;
	if (count > 0 && lf_inspect_all(reports, paths, count) < 0)
		out_of_memory();
	count = 0;
	for (size_t i = 0; i < files->count; i++) {
		struct file *file = &files->list[i];

		if (file->known)
			continue;
		file->report = reports[count++];
		file->status = status_of(file);
	}
	free(reports);
	free(paths);
}

static void file_free(struct file *file)
{
	lf_report_free(file->report);
	free(file->path);
}

/* A directory may hold many files that are free, or that may not be opened. */
static void select_files(struct files *files, bool all)
{
	struct file *failed = NULL;
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++) {
		struct file *file = &files->list[i];
		bool again = failed && failed->directory == file->directory;

		if (file->directory && file->status == 0 &&
		    (file->special || !all)) {
			file_free(file);
		} else if (file->directory && file->status < 0 && again) {
			failed->more++;
			file_free(file);
		} else {
			files->list[count] = *file;
			if (file->directory && file->status < 0)
				failed = &files->list[count];
			count++;
		}
	}
	files->count = count;
}

static int by_path(const void *a, const void *b)
{
	const struct file *const *one = a, *const *other = b;

	return strcmp((*one)->path, (*other)->path);
}

/* Those that are held, in the order of their paths. */
static size_t list_held_slots(const struct files *files,
			      const struct file **slots)
{
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++)
		if (files->list[i].slot && files->list[i].status > 0)
			slots[count++] = &files->list[i];
	qsort(slots, count, sizeof(*slots), by_path);
	return count;
}

/* A path that is a held slot of another one is shown there. */
static void drop_slots_among_paths(struct files *files)
{
	const struct file **slots =
		checked(calloc(files->count, sizeof(*slots)));
	size_t held = list_held_slots(files, slots), count = 0;
	bool *drop = checked(calloc(files->count, sizeof(*drop)));

	for (size_t i = 0; i < files->count && held > 0; i++) {
		const struct file *file = &files->list[i];

		/* One that has slots itself stays in front of them. */
		if (i + 1 < files->count && files->list[i + 1].slot)
			continue;
		drop[i] = !file->slot && !file->directory && file->status > 0 &&
			  bsearch(&file, slots, held, sizeof(*slots), by_path);
	}
	for (size_t i = 0; i < files->count; i++)
		if (drop[i])
			file_free(&files->list[i]);
		else
			files->list[count++] = files->list[i];
	files->count = count;
	free(drop);
	free(slots);
}

void files_inspect(struct files *files, bool all, bool briefly)
{
	if (files->count == 0)
		return;
	/* Each check reads the list of locks: of many files at once is cheaper. */
	briefly = briefly && files->count <= BRIEFLY;
	for (size_t i = 0; briefly && i < files->count; i++)
		check(&files->list[i]);
	inspect(files);
	select_files(files, all);
	drop_slots_among_paths(files);
}

int files_of_machine(struct files *files)
{
	int more;

	*files = (struct files){ .count = 0 };
	more = lf_inspect_machine(&files->machine, &files->machine_count);
	for (size_t i = 0; i < files->machine_count; i++) {
		struct lf_report *report = files->machine[i];
		const char *path = lf_report_path(report);
		struct file *file;

		/* No lock of a kind that counts. */
		if (!next_entry(report, NULL))
			continue;
		file = add(files, checked(strdup(path)));
		file->report = report;
		file->status = status_of(file);
	}
	return more;
}

void files_free(struct files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		if (files->machine)
			files->list[i].report = NULL;
		file_free(&files->list[i]);
	}
	lf_reports_free(files->machine, files->machine_count);
	free(files->list);
}

const struct file *files_held(const struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->list[i].status > 0)
			return &files->list[i];
	return NULL;
}
