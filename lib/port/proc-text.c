/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "port/proc-text.h"

#include "lockfile-fcntl.h"

#include <limits.h>
#include <string.h>

/* Of /proc/PID/stat, as proc(5) counts. */
enum {
	COMMAND_FIELD = 2,
	STATE_FIELD = 3,
	PARENT_FIELD = 4,
	FLAGS_FIELD = 9,
	USER_TIME_FIELD = 14,
	SYSTEM_TIME_FIELD = 15,
	START_TIME_FIELD = 22,
};

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* No sign, no blank before it, no overflow. */
static bool read_number(const char **text, unsigned base,
			unsigned long long *number)
{
	static const char digits[] = "0123456789abcdef";
	const char *begin = *text, *digit;

	*number = 0;
	while (**text && (digit = strchr(digits, **text)) != NULL &&
	       digit - digits < (int)base) {
		unsigned value = (unsigned)(digit - digits);

		if (*number > (ULLONG_MAX - value) / base)
			return false;
		*number = *number * base + value;
		++*text;
	}
	return *text > begin;
}

static bool read_char(const char **text, char wanted)
{
	if (**text != wanted)
		return false;
	++*text;
	return true;
}

static bool read_word(const char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*text, word, length) != 0 ||
	    ((*text)[length] != ' ' && (*text)[length] != '\t'))
		return false;
	*text = skip_blanks(*text + length);
	return true;
}

static bool read_kind(const char **text, int *kind)
{
	if (read_word(text, "POSIX"))
		*kind = LF_TYPE_POSIX;
	else if (read_word(text, "OFDLCK"))
		*kind = LF_TYPE_OFDLCK;
	else if (read_word(text, "FLOCK"))
		*kind = LF_TYPE_FLOCK;
	else
		return false;
	/* Mandatory locks went with Linux 5.15. */
	return read_word(text, "ADVISORY") || read_word(text, "MANDATORY");
}

static bool read_type(const char **text, short *type)
{
	if (read_word(text, "READ"))
		*type = F_RDLCK;
	else if (read_word(text, "WRITE"))
		*type = F_WRLCK;
	else
		return false;
	return true;
}

/* -1: of no process; any negative number: of a process of another machine. */
static bool read_pid(const char **text, pid_t *pid)
{
	bool negative = read_char(text, '-');
	unsigned long long number;

	if (!read_number(text, 10, &number) ||
	    number > (unsigned long long)INT_MAX + negative)
		return false;
	*pid = negative ? 0 : (pid_t)number;
	*text = skip_blanks(*text);
	return true;
}

static bool read_device(const char **text, unsigned base,
			struct lf_inode *inode)
{
	unsigned long long major, minor;

	if (!read_number(text, base, &major) || !read_char(text, ':') ||
	    !read_number(text, base, &minor) || major > UINT_MAX ||
	    minor > UINT_MAX)
		return false;
	inode->major = (unsigned)major;
	inode->minor = (unsigned)minor;
	return true;
}

/* Before Linux 5.5 a large one looks negative. */
static bool read_inode_number(const char **text, unsigned long long *number)
{
	bool negative = read_char(text, '-');

	if (!read_number(text, 10, number) ||
	    (negative && *number > (unsigned long long)LLONG_MAX + 1))
		return false;
	if (negative)
		*number = -*number;
	return true;
}

static bool read_range(const char **text, struct lf_listed_lock *lock)
{
	*text = skip_blanks(*text);
	if (!read_number(text, 10, &lock->first))
		return false;
	*text = skip_blanks(*text);
	if (strncmp(*text, "EOF", 3) == 0) {
		*text += 3;
		lock->last = ULLONG_MAX;
	} else if (!read_number(text, 10, &lock->last)) {
		return false;
	}
	*text = skip_blanks(*text);
	return (**text == '\0' || **text == '\n') &&
	       lock->first <= lock->last;
}

char *lf_proc_cut_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

/* "7: POSIX  ADVISORY  WRITE 4242 fd:01:131 0 0"; "7: -> ..." waits for it. */
bool lf_proc_parse_lock(const char *line, struct lf_listed_lock *lock)
{
	const char *text = skip_blanks(line);
	unsigned long long number;

	if (!read_number(&text, 10, &number) || !read_char(&text, ':'))
		return false;
	/* One more blank for each that waits before it, since Linux 5.13. */
	lock->depth = strspn(text, " ");
	text = skip_blanks(text);
	lock->waits = read_word(&text, "->");
	return read_kind(&text, &lock->kind) &&
	       read_type(&text, &lock->type) && read_pid(&text, &lock->pid) &&
	       read_device(&text, 16, &lock->inode) &&
	       read_char(&text, ':') &&
	       read_inode_number(&text, &lock->inode.number) &&
	       read_range(&text, lock);
}

/*
 * "7: LEASE  ACTIVE    WRITE 4242 fd:01:131 0 EOF": an open for reading breaks
 * it, and one that is BREAKING to READ still makes that open wait.  A lease for
 * reading does not mind.  A DELEG is the file server's own, which gives it up
 * without harm, and only then sees the locks of its client.
 */
bool lf_proc_parse_lease(const char *line, struct lf_lease *lease)
{
	const char *text = skip_blanks(line);
	unsigned long long number;
	bool breaks;
	short type;

	if (!read_number(&text, 10, &number) || !read_char(&text, ':'))
		return false;
	text = skip_blanks(text);
	if (!read_word(&text, "LEASE"))
		return false;
	breaks = read_word(&text, "BREAKING");
	if (!breaks && !read_word(&text, "ACTIVE"))
		return false;
	if (read_word(&text, "UNLCK"))
		type = F_UNLCK;
	else if (!read_type(&text, &type))
		return false;
	return (breaks || type == F_WRLCK) && read_pid(&text, &lease->pid) &&
	       read_device(&text, 16, &lease->inode) &&
	       read_char(&text, ':') &&
	       read_inode_number(&text, &lease->inode.number) && *text == ' ';
}

static const char *next_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end ? end + 1 : text + strlen(text);
}

static bool parse_number(const char *text, const char *name, unsigned base,
			 unsigned long long *number)
{
	size_t length = strlen(name);

	for (; *text; text = next_line(text)) {
		const char *value = text + length;

		if (strncmp(text, name, length) != 0 || !read_char(&value, ':'))
			continue;
		value = skip_blanks(value);
		return read_number(&value, base, number) && *value == '\n';
	}
	return false;
}

bool lf_proc_parse_number(const char *text, const char *name,
			  unsigned long long *number)
{
	return parse_number(text, name, 10, number);
}

bool lf_proc_parse_octal(const char *text, const char *name,
			 unsigned long long *number)
{
	return parse_number(text, name, 8, number);
}

/* "36 35 98:0 /root /mount/point ...": ID, parent, device in decimal. */
bool lf_proc_parse_mount(const char *text, unsigned long long id,
			 struct lf_inode *device)
{
	for (; *text; text = next_line(text)) {
		const char *field = text;
		unsigned long long number;

		if (!read_number(&field, 10, &number) || number != id ||
		    !read_char(&field, ' ') ||
		    !read_number(&field, 10, &number) ||
		    !read_char(&field, ' '))
			continue;
		return read_device(&field, 10, device) && *field == ' ';
	}
	return false;
}

/* Cuts off the next field; blanks and backslashes in it are written as "\\040". */
static char *cut_field(char **rest)
{
	char *field = strsep(rest, " \n"), *to = field;

	for (const char *from = field; from && *from; to++) {
		bool is_octal = from[0] == '\\' && from[1] >= '0' &&
				from[1] <= '3' &&
				strspn(from + 1, "01234567") >= 3;

		*to = is_octal ? (char)((from[1] - '0') * 64 +
					(from[2] - '0') * 8 + (from[3] - '0')) :
				 *from;
		from += is_octal ? 4 : 1;
	}
	if (to)
		*to = '\0';
	return field;
}

/* "36 35 98:0 /root /point rw shared:1 - nfs4 server:/export rw,vers=4.2" */
bool lf_proc_parse_filesystem(char *line, unsigned long long id,
			      const char **type, const char **source,
			      const char **options)
{
	const char *start = line;
	unsigned long long number;
	char *field;

	if (!read_number(&start, 10, &number) || number != id || *start != ' ')
		return false;
	do
		field = cut_field(&line);
	while (field && strcmp(field, "-") != 0);
	if (!field)
		return false;
	*type = cut_field(&line);
	*source = cut_field(&line);
	*options = cut_field(&line);
	return *options != NULL;
}

/* FIELD of /proc/PID/stat, counted from 1, if it is after the command. */
static const char *stat_field(const char *text, int field)
{
	const char *at = strrchr(text, ')');

	for (int i = COMMAND_FIELD; at && i < field; i++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at;
}

static bool read_stat(const char *text, int field, unsigned long long *number)
{
	const char *at = stat_field(text, field);

	return at && read_number(&at, 10, number) && *at == ' ';
}

bool lf_proc_parse_start_time(const char *text, unsigned long long *start_time)
{
	return read_stat(text, START_TIME_FIELD, start_time);
}

bool lf_proc_parse_parent(const char *text, pid_t *parent)
{
	unsigned long long number;

	if (!read_stat(text, PARENT_FIELD, &number) || number > INT_MAX)
		return false;
	*parent = (pid_t)number;
	return true;
}

bool lf_proc_parse_flags(const char *text, unsigned long long *flags)
{
	return read_stat(text, FLAGS_FIELD, flags);
}

bool lf_proc_parse_run(const char *text, char *state, unsigned long long *ticks)
{
	const char *at = stat_field(text, STATE_FIELD);
	unsigned long long system;

	if (!at || at[0] == '\0' || at[1] != ' ' ||
	    !read_stat(text, USER_TIME_FIELD, ticks) ||
	    !read_stat(text, SYSTEM_TIME_FIELD, &system))
		return false;
	*state = at[0];
	*ticks += system;
	return true;
}
