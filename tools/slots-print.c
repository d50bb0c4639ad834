/* SPDX-License-Identifier: 0BSD */
/*
 * A lock file with slots, for example
 *
 *   build.lock: 2 of 3 slots held
 *     slot 1: PID 812: make (lf-acquire, www), for 3 min
 *     slot 3: PID 815: make (lf-acquire, www), for 12 s
 *     waiting: PID 900: make (lf-acquire, www)
 *     then: PID 901: make (lf-acquire, www)
 *
 * The first that waits holds the lock file itself, and waits for the slots.
 */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <stdio.h>

/* The next slot of file I that is held, after file AFTER, or NULL. */
static const struct file *next_slot(const struct files *files, size_t i,
				    const struct file *after)
{
	const struct file *end = files->list + files->count;
	const struct file *file = after ? after : &files->list[i];

	while (++file < end && file->slot)
		if (file->status > 0 && !file->special)
			return file;
	return NULL;
}

size_t slots_held(const struct files *files, size_t i)
{
	const struct file *slot = NULL;
	size_t count = 0;

	while ((slot = next_slot(files, i, slot)) != NULL)
		count++;
	return count;
}

bool slots_seem_free(const struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->list[i].has_slots && files->list[i].status == 0 &&
		    slots_held(files, i) == 0)
			return true;
	return false;
}

bool slots_unknown(const struct files *files, size_t i)
{
	for (size_t k = i + 1; k < files->count && files->list[k].slot; k++)
		if (files->list[k].status < 0)
			return true;
	return false;
}

/* N of "lf-acquire -N 3 ...", or 0.  The system has no other trace of it. */
static int slots_of(const struct lf_entry *entry)
{
	struct process p;
	int number;

	process_read(&p, lf_entry_pid(entry), lf_entry_start_time(entry));
	number = p.slots;
	process_free(&p);
	return number;
}

/* The greatest N of those that hold or await a slot, or 0: unknown. */
static size_t most_slots(const struct files *files, size_t i)
{
	const struct file *slot = NULL;
	int most = 0;

	while ((slot = next_slot(files, i, slot)) != NULL) {
		const struct lf_entry *entry = NULL;

		while ((entry = next_entry(slot->report, entry)) != NULL) {
			int number = slots_of(entry);

			most = number > most ? number : most;
		}
	}
	return (size_t)most;
}

static void print_headline(const struct files *files, size_t i)
{
	size_t held = slots_held(files, i), most = most_slots(files, i);

	print_escaped(stdout, files->list[i].path);
	printf(": %zu ", held);
	if (most >= held)
		printf("of %zu ", most);
	fputs((most >= held ? most : held) == 1 ? "slot " : "slots ", stdout);
	print_held();
	putchar('\n');
}

static void print_slot(const struct file *slot)
{
	const struct lf_entry *entry = NULL;
	char first[32];
	const char *lead = first;

	snprintf(first, sizeof(first), "  slot %d: ", slot->slot);
	while ((entry = next_entry(slot->report, entry)) != NULL) {
		if (lf_entry_waits(entry) || lf_entry_pid(entry) <= 0)
			continue;
		print_line(slot, entry, lead);
		lead = "    and by ";
	}
	if (lead == first)
		printf("%sholder unknown%s\n", lead, try_as_root());
}

/* Whether PID waits for one of the slots before END, or NULL: of all. */
static bool waits_for_slot(const struct files *files, size_t i,
			   const struct file *end, pid_t pid)
{
	const struct file *slot = NULL;

	while ((slot = next_slot(files, i, slot)) != end) {
		const struct lf_entry *entry = NULL;

		while ((entry = next_entry(slot->report, entry)) != NULL)
			if (lf_entry_waits(entry) && lf_entry_pid(entry) == pid)
				return true;
	}
	return false;
}

/* A process that waits for all slots is printed once. */
static void print_head(const struct files *files, size_t i, const char **lead)
{
	const struct file *slot = NULL;

	while ((slot = next_slot(files, i, slot)) != NULL) {
		const struct lf_entry *entry = NULL;

		while ((entry = next_entry(slot->report, entry)) != NULL) {
			if (!lf_entry_waits(entry) ||
			    waits_for_slot(files, i, slot, lf_entry_pid(entry)))
				continue;
			print_line(slot, entry, *lead);
			*lead = "  then: ";
		}
	}
}

/* Anybody else that has the lock file lets nobody in. */
static void print_queue(const struct files *files, size_t i)
{
	const struct file *file = &files->list[i];
	const struct lf_entry *entry = NULL;
	const char *lead = "  waiting: ";

	while ((entry = next_entry(file->report, entry)) != NULL)
		if (is_holder(entry) &&
		    !waits_for_slot(files, i, NULL, lf_entry_pid(entry)))
			print_line(file, entry, "  the queue is held by ");
	print_head(files, i, &lead);
	while ((entry = next_entry(file->report, entry)) != NULL) {
		if (!lf_entry_waits(entry))
			continue;
		print_line(file, entry, lead);
		lead = "  then: ";
	}
}

void slots_print(const struct files *files, size_t i)
{
	const struct file *slot = NULL;
	bool partial = lf_report_partial(files->list[i].report);

	print_headline(files, i);
	while ((slot = next_slot(files, i, slot)) != NULL) {
		print_slot(slot);
		partial |= lf_report_partial(slot->report);
	}
	print_queue(files, i);
	if (partial)
		printf("  there may be more holders and waiters, not visible "
		       "here%s\n",
		       try_as_root());
}
