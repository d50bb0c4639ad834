/* SPDX-License-Identifier: 0BSD */
/*
 * Every locked file of the machine.  The kernel's list has inode numbers and no
 * names; a process that has the file open shows one.  What has such a number on
 * another device is not locked, and its report is dropped.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct search {
	unsigned long long *numbers; /* of the locked inodes, each once */
	size_t number_count;
	char **paths;
	size_t path_count;
};

static int compare_paths(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int add_numbers(struct search *search, const struct lf_lock_list *list)
{
	size_t all = search->number_count + list->count, count = 0;
	unsigned long long *numbers =
		realloc(search->numbers, (all + 1) * sizeof(*numbers));

	if (!numbers)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		numbers[search->number_count + i] = list->locks[i].inode.number;
	qsort(numbers, all, sizeof(*numbers), lf_number_compare);
	for (size_t i = 0; i < all; i++)
		if (i == 0 || numbers[i] != numbers[count - 1])
			numbers[count++] = numbers[i];
	search->numbers = numbers;
	search->number_count = count;
	return 0;
}

/* A list in parts may lack a lock that moved just then; another list has it. */
static int list_numbers(struct search *search, struct lf_listing *listing)
{
	int lists = 0, rc;

	do {
		lf_listing_free(listing);
		rc = lf_listing_read(listing);
		if (rc == 0)
			rc = add_numbers(search, &listing->list);
	} while (rc == 0 && ++lists < listing->list.enough);
	return rc;
}

/*
 * The link may be of a file that has been removed, or another may be there.
 * -EACCES: there may be one.
 */
static int add_path(const char *path, void *argument)
{
	struct search *search = argument;
	unsigned long long number;
	struct stat st;
	size_t n = search->path_count;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -EACCES;
	if (S_ISLNK(st.st_mode))
		return 0;
	number = st.st_ino;
	if (!bsearch(&number, search->numbers, search->number_count,
		     sizeof(number), lf_number_compare))
		return 0;
	/* The room is a power of two. */
	if ((n & (n - 1)) == 0) {
		char **more = realloc(search->paths,
				      (n ? 2 * n : 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		search->paths = more;
	}
	search->paths[n] = strdup(path);
	if (!search->paths[n])
		return -ENOMEM;
	search->path_count++;
	return 0;
}

static void remove_repeated_paths(struct search *search)
{
	size_t count = 0;

	if (search->path_count == 0)
		return;
	qsort(search->paths, search->path_count, sizeof(*search->paths),
	      compare_paths);
	for (size_t i = 0; i < search->path_count; i++) {
		if (count > 0 &&
		    strcmp(search->paths[i], search->paths[count - 1]) == 0)
			free(search->paths[i]);
		else
			search->paths[count++] = search->paths[i];
	}
	search->path_count = count;
}

/*
 * A file without entries has no lock any more, or never had; or it could not be
 * inspected, and is one *MORE.
 */
static size_t drop_unlocked(struct lf_report **reports, size_t count, int *more)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (reports[i]->count > 0) {
			reports[kept++] = reports[i];
			continue;
		}
		if (reports[i]->status < 0 || reports[i]->flock < 0)
			*more = 1;
		lf_report_free(reports[i]);
	}
	return kept;
}

static int inspect_paths(const struct search *search,
			 struct lf_listing *listing,
			 struct lf_report ***reports, size_t *count, int *more)
{
	size_t n = search->path_count;
	int rc;

	*reports = calloc(n + 1, sizeof(**reports));
	if (!*reports)
		return -ENOMEM;
	rc = lf_inspect_listed(*reports, (const char *const *)search->paths, n,
			       listing);
	if (rc < 0) {
		free(*reports);
		*reports = NULL;
		return rc;
	}
	*count = drop_unlocked(*reports, n, more);
	return 0;
}

int lf_inspect_all_locked(struct lf_report ***reports, size_t *count)
{
	struct search search = { .numbers = NULL };
	struct lf_listing listing = { .sorted = NULL };
	int rc = list_numbers(&search, &listing), more = 0;

	if (rc == 0)
		rc = more = lf_find_paths(search.numbers, search.number_count,
					  add_path, &search);
	if (rc >= 0) {
		more |= listing.list.is_torn;
		remove_repeated_paths(&search);
		rc = inspect_paths(&search, &listing, reports, count, &more);
	}
	lf_listing_free(&listing);
	for (size_t i = 0; i < search.path_count; i++)
		free(search.paths[i]);
	free(search.paths);
	free(search.numbers);
	return rc < 0 ? rc : more;
}
