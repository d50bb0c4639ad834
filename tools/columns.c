/* SPDX-License-Identifier: 0BSD */
/* The columns of a table, and the text of a cell. */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const names[COLUMNS] = {
	[COLUMN_LOCKFILE] = "LOCKFILE",
	[COLUMN_ROLE] = "ROLE",
	[COLUMN_MODE] = "MODE",
	[COLUMN_PID] = "PID",
	[COLUMN_USER] = "USER",
	[COLUMN_STATE] = "STATE",
	[COLUMN_JOB] = "JOB",
	[COLUMN_COMMAND] = "COMMAND",
	[COLUMN_LOCKED] = "LOCKED",
	[COLUMN_STARTED] = "STARTED",
	[COLUMN_TYPE] = "TYPE",
	[COLUMN_AGE] = "AGE",
	[COLUMN_STARTTIME] = "STARTTIME",
	[COLUMN_SOURCE] = "SOURCE",
};

/* On 80 columns, a job has some twenty of them. */
static const enum column for_terminals[] = {
	COLUMN_LOCKFILE, COLUMN_ROLE,  COLUMN_MODE, COLUMN_TYPE, COLUMN_PID,
	COLUMN_USER,	 COLUMN_STATE, COLUMN_AGE,  COLUMN_JOB,
};

const char *column_name(enum column column)
{
	return names[column];
}

bool column_is_number(enum column column)
{
	return column == COLUMN_PID || column == COLUMN_AGE ||
	       column == COLUMN_STARTTIME;
}

bool column_is_long(enum column column)
{
	return column == COLUMN_JOB || column == COLUMN_COMMAND;
}

__attribute__((__noreturn__)) static void refuse_column(const char *name,
							int length)
{
	char known[256] = "";

	for (int i = 0; i < COLUMNS; i++) {
		strcat(known, i > 0 ? ", " : "");
		strcat(known, names[i]);
	}
	usage_error("invalid column '%.*s': the columns are %s", length, name,
		    known);
}

/* NAME is LENGTH bytes long. */
static enum column column_by_name(const char *name, size_t length)
{
	for (int i = 0; i < COLUMNS; i++)
		if (strlen(names[i]) == length &&
		    strncasecmp(names[i], name, length) == 0)
			return (enum column)i;
	refuse_column(name, (int)length);
}

/* A JSON object may contain a name only once. */
static size_t choose(enum column column, enum column *chosen, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (chosen[i] == column)
			return count;
	chosen[count] = column;
	return count + 1;
}

static size_t choose_default(bool for_people, enum column *chosen)
{
	size_t count = for_people ? sizeof(for_terminals) /
					    sizeof(for_terminals[0]) :
				    DEFAULT_COLUMNS;

	for (size_t i = 0; i < count; i++)
		chosen[i] = for_people ? for_terminals[i] : (enum column)i;
	return count;
}

size_t columns_parse(const char *list, bool for_people, enum column *chosen)
{
	size_t count = 0;

	if (!list || *list == '+')
		count = choose_default(for_people, chosen);
	if (list && *list == '+')
		list++;
	while (list) {
		size_t length = strcspn(list, ",");

		count = choose(column_by_name(list, length), chosen, count);
		list = list[length] == ',' ? list + length + 1 : NULL;
	}
	return count;
}

static char *text(const char *string)
{
	return string && *string ? checked(strdup(string)) : NULL;
}

static char *number(unsigned long long n)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%llu", n);
	return text(digits);
}

/* "2026-11-23T02:14:07+01:00" */
static char *date_and_time(long long seconds)
{
	time_t when = (time_t)seconds;
	char date[64], zone[16];
	struct tm tm;

	if (seconds == UNKNOWN_TIME || !localtime_r(&when, &tm) ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
	    strftime(zone, sizeof(zone), "%z", &tm) != strlen("+0100"))
		return NULL;
	snprintf(date + strlen(date), sizeof(date) - strlen(date), "%.3s:%s",
		 zone, zone + 3);
	return text(date);
}

static const char *role(const struct row *row)
{
	if (row->free)
		return "free";
	return lf_entry_waits(row->entry) ? "waiter" : "holder";
}

static const char *type(const struct row *row)
{
	switch (lf_entry_type(row->entry)) {
	case LF_TYPE_OFDLCK:
		return row->both ? "OFDLCK,FLOCK" : "OFDLCK";
	case LF_TYPE_POSIX:
		return row->both ? "POSIX,FLOCK" : "POSIX";
	case LF_TYPE_FLOCK:
		return "FLOCK";
	default:
		return NULL;
	}
}

/* A lock of unknown type has an unknown mode. */
static const char *mode(const struct lf_entry *entry)
{
	if (lf_entry_type(entry) == LF_TYPE_UNKNOWN)
		return NULL;
	return lf_entry_shared(entry) ? "READ" : "WRITE";
}

static const char *source(const struct lf_entry *entry)
{
	switch (lf_entry_source(entry)) {
	case LF_SOURCE_LOCK:
		return "lock";
	case LF_SOURCE_TAG:
		return "tag";
	case LF_SOURCE_DESCRIPTOR:
		return "descriptor";
	default:
		return NULL;
	}
}

static char *number_unless_0(unsigned long long n)
{
	return n > 0 ? number(n) : NULL;
}

static const char *state(const struct process *process)
{
	switch (process->state) {
	case STATE_STOPPED:
		return "stopped";
	case STATE_TRACED:
		return "traced";
	case STATE_DISK:
		return "disk";
	case STATE_BLOCKED:
		return "blocked";
	case STATE_ZOMBIE:
		return "zombie";
	default:
		return NULL;
	}
}

static char *age(const struct times *times, bool for_people)
{
	long long since = times->locked != UNKNOWN_TIME ? times->locked :
							  times->started;
	char duration[48];

	if (since == UNKNOWN_TIME)
		return NULL;
	if (for_people) {
		format_duration(duration, sizeof(duration),
				seconds_since(since));
		return text(duration);
	}
	return number((unsigned long long)seconds_since(since));
}

char *column_text(enum column column, const struct row *row)
{
	switch (column) {
	case COLUMN_LOCKFILE:
		return text(row->path);
	case COLUMN_ROLE:
		return text(role(row));
	case COLUMN_MODE:
		return text(mode(row->entry));
	case COLUMN_PID:
		return number_unless_0(
			(unsigned long long)lf_entry_pid(row->entry));
	case COLUMN_USER:
		return text(row->process->user);
	case COLUMN_STATE:
		return text(state(row->process));
	case COLUMN_JOB:
		return text(process_job(row->process));
	case COLUMN_COMMAND:
		return text(row->process->command);
	case COLUMN_LOCKED:
		return date_and_time(row->times.locked);
	case COLUMN_STARTED:
		return date_and_time(row->times.started);
	case COLUMN_AGE:
		return age(&row->times, row->for_people);
	case COLUMN_TYPE:
		return text(type(row));
	case COLUMN_STARTTIME:
		return number_unless_0(lf_entry_start_time(row->entry));
	case COLUMN_SOURCE:
		return text(source(row->entry));
	default:
		return NULL;
	}
}
