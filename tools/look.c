#include "config.h"

#include "look.h"

#include "lockfile-fcntl.h"
#include "message.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct finding *add(struct findings *found, const char *path, int rc)
{
	struct finding *finding;

	if (found->count == found->room) {
		size_t room = found->room ? 2 * found->room : 16;

		found->list = realloc(found->list,
				      room * sizeof(*found->list));
		if (!found->list)
			refuse_for_memory();
		found->room = room;
	}
	finding = &found->list[found->count++];
	*finding = (struct finding){ .path = strdup(path), .rc = rc };
	if (!finding->path)
		refuse_for_memory();
	return finding;
}

/* The kernel's list of locks is read once for all of them. */
static void look_at_file(struct findings *found, const char *path,
			 unsigned how)
{
	struct lf_report *report = NULL;
	int rc = how & LOOK_BRIEFLY ? lf_check(path, NULL) : -EACCES;

	/* Not to be opened: it may be in the list. */
	if (rc == -EACCES)
		rc = lf_inspect(path, &report);
	add(found, path, rc)->report = report;
}

/*
 * Most files are free, of which lf_check() tells at less cost.  Of what may not
 * be opened the first is told: in a directory there may be many.
 */
static void look_at_entry(struct findings *found, const char *path,
			  unsigned how, size_t *failed)
{
	struct lf_report *report = NULL;
	int rc = lf_check(path, NULL);

	if (rc == -EACCES || (rc > 0 && !(how & LOOK_BRIEFLY)))
		rc = lf_inspect(path, &report);
	if (rc < 0 && *failed > 0)
		found->list[*failed - 1].more++;
	else if (rc != 0 || (how & LOOK_ALL))
		add(found, path, rc)->report = report;
	else
		lf_report_free(report);
	if (rc < 0 && *failed == 0)
		*failed = found->count;
}

static char *path_in(const char *directory, const char *name)
{
	size_t length = strlen(directory);
	char *path = malloc(length + strlen(name) + 2);

	if (!path)
		refuse_for_memory();
	memcpy(path, directory, length);
	if (length > 0 && path[length - 1] != '/')
		path[length++] = '/';
	strcpy(path + length, name);
	return path;
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

static void look_in_directory(struct findings *found, const char *directory,
			      unsigned how)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_entry, by_name);
	size_t failed = 0; /* 1 + where it is */

	if (count < 0) {
		add(found, directory, -errno);
		return;
	}
	for (int i = 0; i < count; i++) {
		char *path = path_in(directory, entries[i]->d_name);
		struct stat st;

		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
			look_at_entry(found, path, how, &failed);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

/* A symbolic link to a directory will do, such as /var/lock. */
static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void look(struct findings *found, char *const *paths, unsigned how)
{

	*found = (struct findings){ .count = 0 };
	for (; *paths; paths++) {
		if (is_directory(*paths))
			look_in_directory(found, *paths, how);
		else
			look_at_file(found, *paths, how);
	}
}

void forget(struct findings *found)
{
	for (size_t i = 0; i < found->count; i++) {
		lf_report_free(found->list[i].report);
		free(found->list[i].path);
	}
	free(found->list);
}

const struct finding *first_held(const struct findings *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->list[i].rc > 0)
			return &found->list[i];
	return NULL;
}

pid_t any_holder(const struct finding *finding)
{
	const struct lf_entry *entry = NULL;

	while ((entry = lf_report_next(finding->report, entry)) != NULL)
		if (!lf_entry_waits(entry) && lf_entry_pid(entry) > 0 &&
		    lf_entry_type(entry) != LF_TYPE_FLOCK)
			return lf_entry_pid(entry);
	return 0;
}
