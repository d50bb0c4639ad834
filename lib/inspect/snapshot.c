/* SPDX-License-Identifier: 0BSD */
/*
 * The system at one time: the kernel's list of locks, and the processes, each
 * read once for all files in question.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>

/* ---- The list of locks, by inode */

static int compare_inodes(const struct lf_inode *a, const struct lf_inode *b)
{
	if (a->number != b->number)
		return a->number > b->number ? 1 : -1;
	if (a->major != b->major)
		return a->major > b->major ? 1 : -1;
	return (a->minor > b->minor) - (a->minor < b->minor);
}

/* A waiter is listed after the lock it waits for: the order is kept. */
static int compare_locks(const void *left, const void *right)
{
	const struct lf_listed_lock *const *a = left, *const *b = right;
	int order = compare_inodes(&(*a)->inode, &(*b)->inode);

	return order != 0 ? order : (*a > *b) - (*a < *b);
}

/* Errors that a caller can do something about, or that the system has no such list. */
static int why_not_listed(int error)
{
	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOTSUP:
		return error;
	default:
		return -ENOSYS;
	}
}

int lf_listing_read(struct lf_listing *listing)
{
	struct lf_lock_list *list = &listing->list;
	int rc = lf_list_locks(list);

	listing->sorted = NULL;
	listing->error = why_not_listed(rc);
	if (rc < 0)
		return rc;
	listing->sorted = calloc(list->count + 1, sizeof(*listing->sorted));
	if (!listing->sorted) {
		lf_listing_free(listing);
		return -ENOMEM;
	}
	for (size_t i = 0; i < list->count; i++)
		listing->sorted[i] = &list->locks[i];
	qsort(listing->sorted, list->count, sizeof(*listing->sorted),
	      compare_locks);
	return 0;
}

void lf_listing_free(struct lf_listing *listing)
{
	lf_lock_list_free(&listing->list);
	free(listing->sorted);
	listing->sorted = NULL;
}

/* The first lock of this inode or a greater one; of a greater one if AFTER. */
static size_t find_bound(const struct lf_listing *listing,
			 const struct lf_inode *inode, bool after)
{
	size_t low = 0, high = listing->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_inodes(&listing->sorted[middle]->inode,
					   inode);

		if (order < 0 || (order == 0 && after))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool lf_listing_has_number(const struct lf_listing *listing,
			   unsigned long long number)
{
	size_t first = find_bound(listing, &(struct lf_inode){ .number = number },
				  false);

	return first < listing->list.count &&
	       listing->sorted[first]->inode.number == number;
}

const struct lf_listed_lock *const *
lf_listing_find(const struct lf_listing *listing, const struct lf_inode *inode,
		size_t *count)
{
	size_t first = find_bound(listing, inode, false);

	*count = find_bound(listing, inode, true) - first;
	return listing->sorted + first;
}

/* ---- The files in question */

int lf_snapshot_begin(struct lf_snapshot *snapshot, struct lf_file_id *files,
		      size_t count)
{
	size_t unique = 0;

	*snapshot = (struct lf_snapshot){
		.is_ours = lf_proc_is_ours(),
		.files = files,
	};
	if (count > 1)
		qsort(files, count, sizeof(*files), lf_file_id_compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || lf_file_id_compare(&files[i], &files[i - 1]) != 0)
			files[unique++] = files[i];
	snapshot->file_count = unique;
	snapshot->users = calloc(unique + 1, sizeof(*snapshot->users));
	return snapshot->users ? 0 : -ENOMEM;
}

size_t lf_snapshot_file(const struct lf_snapshot *snapshot,
			const struct lf_file_id *file)
{
	const struct lf_file_id *found =
		bsearch(file, snapshot->files, snapshot->file_count,
			sizeof(*snapshot->files), lf_file_id_compare);

	return (size_t)(found - snapshot->files);
}

void lf_snapshot_end(struct lf_snapshot *snapshot)
{
	for (size_t i = 0; i < LF_BUCKETS; i++) {
		struct lf_examined *next = snapshot->examined[i];

		while (next) {
			struct lf_examined *examined = next;

			next = examined->next;
			free(examined);
		}
	}
	free(snapshot->users);
	free(snapshot->files);
}

/* ---- The processes */

static struct lf_examined **bucket(struct lf_snapshot *snapshot, pid_t pid)
{
	return &snapshot->examined[(size_t)pid % LF_BUCKETS];
}

static struct lf_examined *find(struct lf_snapshot *snapshot, pid_t pid)
{
	struct lf_examined *examined = *bucket(snapshot, pid);

	while (examined && examined->pid != pid)
		examined = examined->next;
	return examined;
}

/* Several descriptors of a file are one use; they come one after the other. */
static void add_to_use(struct lf_examined *examined,
		       const struct lf_descriptor *descriptor)
{
	struct lf_use *use = examined->uses + examined->count;

	if (examined->count > 0 && use[-1].file == descriptor->file) {
		use--;
	} else {
		*use = (struct lf_use){
			.pid = examined->pid,
			.file = descriptor->file,
			.descriptor = -1,
		};
		examined->count++;
	}
	use->descriptors++;
	use->bodies += descriptor->bodies;
	use->exclusive_body |= descriptor->exclusive_body;
	use->has_tag |= descriptor->bodies > 0 && descriptor->has_posix;
	use->has_posix |= descriptor->has_posix;
	use->exclusive_posix |= descriptor->exclusive_posix;
	if (descriptor->named > 0)
		use->named = descriptor->named;
	use->has_flock |= descriptor->has_flock;
	use->exclusive_flock |= descriptor->exclusive_flock;
	use->has_presence |= descriptor->has_presence;
	if (use->descriptor < 0 && descriptor->bodies > 0)
		use->descriptor = descriptor->number;
	if (descriptor->error < 0)
		use->error = descriptor->error;
}

static int keep(struct lf_snapshot *snapshot, const struct lf_process *process)
{
	struct lf_examined **head = bucket(snapshot, process->pid);
	struct lf_examined *examined =
		calloc(1, sizeof(*examined) +
				  process->count * sizeof(*examined->uses));

	if (!examined)
		return -ENOMEM;
	examined->pid = process->pid;
	examined->error = process->error;
	examined->start_time = process->start_time;
	for (size_t i = 0; i < process->count; i++)
		add_to_use(examined, &process->descriptors[i]);
	for (size_t i = 0; i < examined->count; i++) {
		struct lf_use *use = &examined->uses[i];

		if (snapshot->users[use->file].last)
			snapshot->users[use->file].last->next = use;
		else
			snapshot->users[use->file].first = use;
		snapshot->users[use->file].last = use;
	}
	examined->next = *head;
	*head = examined;
	return 0;
}

/* ALWAYS: also a process that has no descriptor of the files is kept. */
static int examine(struct lf_snapshot *snapshot, pid_t pid, bool always)
{
	struct lf_process process = { .pid = pid, .error = -ENOTSUP };
	int rc = 0;

	if (snapshot->is_ours)
		rc = lf_process_read(&process, pid, snapshot->files,
				     snapshot->file_count, lf_is_body, always);
	if (rc < 0)
		return rc;
	if (process.error < 0 && process.error != -ENOENT &&
	    process.error != -ESRCH)
		snapshot->denied = true;
	if (always || process.count > 0)
		rc = keep(snapshot, &process);
	lf_process_free(&process);
	return rc;
}

int lf_snapshot_examine(struct lf_snapshot *snapshot, pid_t pid,
			const struct lf_examined **examined)
{
	int rc = 0;

	*examined = find(snapshot, pid);
	if (!*examined)
		rc = examine(snapshot, pid, true);
	if (rc == 0 && !*examined)
		*examined = find(snapshot, pid);
	return rc;
}

int lf_snapshot_scan(struct lf_snapshot *snapshot)
{
	size_t count;
	pid_t *pids;
	int rc;

	if (snapshot->scanned)
		return snapshot->scan_result;
	snapshot->scanned = true;
	rc = lf_list_processes(&pids, &count);
	if (rc == 0) {
		snapshot->denied |= lf_some_are_hidden(pids, count);
		for (size_t i = 0; i < count && rc == 0; i++)
			if (!find(snapshot, pids[i]))
				rc = examine(snapshot, pids[i], false);
		free(pids);
	}
	return snapshot->scan_result = rc;
}
