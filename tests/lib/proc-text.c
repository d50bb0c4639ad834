/* SPDX-License-Identifier: 0BSD */
/*
 * The parsers of Linux's proc(5), with the text of kernels of each age.  The
 * samples are the corpus of the fuzzer.
 */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"
#include "port/proc-text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 4096

/*
 * Those of 6.18 come from a machine.  The others follow lock_get_status() in
 * fs/locks.c and show_fdinfo() in fs/proc/fd.c of that Linux, or of the nearest
 * version with the same code.
 */
static const struct {
	const char *name, *locks;
} samples[] = {
	/* LOCK_MAND, leases, requests without a file; "%ld" for an inode */
	{ "locks-2.6.11", "POSIX WRITE 3568 253:0:2531452 0 EOF\n"
			  "FLOCK WRITE 3517 253:0:2531448 0 EOF\n"
			  "POSIX READ 2210 3:2:81 100 199\n"
			  "1-> POSIX WRITE 2211 3:2:81 150 150\n"
			  "1-> POSIX WRITE 2212 3:2:81 0 EOF\n"
			  "POSIX READ 1806 0:12:18446744071562068616 "
			  "1073741824 1073742335\n" },
	/* the first with open-file-description locks, still with PIDs */
	{ "locks-3.15", "OFDLCK WRITE 811 8:1:393228 1 EOF\n"
			"1-> OFDLCK WRITE 815 8:1:393228 1 EOF\n"
			"POSIX WRITE 811 8:1:393228 0 0\n"
			"1-> POSIX WRITE 812 8:1:393228 0 0\n"
			"1-> POSIX WRITE 813 8:1:393228 0 0\n"
			"OFDLCK READ 640 252:1048576:131 1 EOF\n"
			"FLOCK READ 0 8:1:393230 0 EOF\n"
			"POSIX READ 641 0:19:11529215046068469760 1 1\n"
			"POSIX WRITE 641 0:42:9223372036854775807 "
			"9223372036854775806 EOF\n" },
	/* PID -1, and the negative PIDs of other machines */
	{ "locks-4.14", "OFDLCK WRITE 0 8:1:8713209 128 191\n"
			"1-> OFDLCK READ 0 8:1:8713209 128 128\n"
			"POSIX WRITE 0 0:45:4294967301 0 EOF\n"
			"POSIX WRITE 699 0:22:28457 0 EOF\n"
			"1-> POSIX WRITE 0 0:22:28457 0 EOF\n"
			"FLOCK WRITE 1568 0:47:32388 0 EOF\n"
			"1-> FLOCK READ 1570 0:47:32388 0 EOF\n"
			"POSIX READ 5433 8:1:7864448 128 128\n" },
	/* delegations; "%lu"; no waiters for a waiter */
	{ "locks-5.4", "POSIX WRITE 4242 254:0:1572870 0 0\n"
		       "1-> POSIX WRITE 4243 254:0:1572870 0 0\n"
		       "OFDLCK WRITE 0 254:0:1572870 1 EOF\n"
		       "POSIX WRITE 55 0:49:11529215046068469760 0 EOF\n" },
	/* all waiters, indented; no mandatory locks, no LOCK_MAND */
	{ "locks-5.18", "OFDLCK WRITE 0 0:31:18446744073709551615 1 EOF\n"
			"POSIX WRITE 4242 0:31:2601 0 0\n"
			"1-> POSIX WRITE 4243 0:31:2601 0 0\n"
			"2-> POSIX WRITE 4244 0:31:2601 0 0\n"
			"3-> POSIX WRITE 4245 0:31:2601 0 0\n"
			"1-> POSIX READ 4246 0:31:2601 0 0\n"
			"FLOCK READ 4243 0:31:2601 0 EOF\n"
			"1-> FLOCK WRITE 4250 0:31:2601 0 EOF\n" },
	{ "locks-6.18", "FLOCK READ 32207 254:0:10996589 0 EOF\n"
			"OFDLCK WRITE 0 254:0:10996589 1 EOF\n"
			"POSIX WRITE 31968 254:0:10996589 0 0\n"
			"1-> POSIX WRITE 32068 254:0:10996589 0 0\n"
			"2-> POSIX WRITE 32131 254:0:10996589 0 0\n"
			"3-> POSIX WRITE 32207 254:0:10996589 0 0\n"
			"4-> POSIX READ 32239 254:0:10996589 0 0\n"
			"FLOCK READ 32239 254:0:10996589 0 EOF\n"
			"FLOCK READ 32131 254:0:10996589 0 EOF\n"
			"FLOCK READ 32068 254:0:10996589 0 EOF\n" },
	{ "fdinfo-4.1", "FLOCK READ 811 8:1:393228 0 EOF\n"
			"OFDLCK WRITE 811 8:1:393228 1 EOF\n" },
	{ "fdinfo-6.18", "POSIX WRITE 31968 254:0:10996589 0 0\n"
			 "OFDLCK WRITE 0 254:0:10996589 1 EOF\n" },
	{ "fdinfo-3.15", "" },
	{ "mountinfo-5.18", "" },
	{ "stat-6.18", "" },
	{ "empty", "" },
};

static const size_t sample_count = sizeof(samples) / sizeof(samples[0]);

static size_t read_sample(const char *name, char text[TEXT_SIZE])
{
	const char *srcdir = getenv("srcdir");
	char path[1024];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/proc-text/%s",
		 srcdir ? srcdir : ".", name);
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(text, 1, TEXT_SIZE - 1, file);
	fclose(file);
	text[length] = '\0';
	return length;
}

/* A copy that ends where its memory ends: a sanitizer sees each overrun. */
static char *exact_copy(const char *text, size_t length)
{
	char *copy = malloc(length + 1);

	assert_non_null(copy);
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static bool parses(const char *line, struct lf_listed_lock *lock)
{
	char *copy = exact_copy(line, strlen(line));
	bool is = lf_proc_parse_lock(copy, lock);

	free(copy);
	return is;
}

static bool is_lock(const char *line)
{
	struct lf_listed_lock lock;

	return parses(line, &lock);
}

static void print(char *text, const struct lf_listed_lock *lock)
{
	static const char *const types[] = {
		[LF_TYPE_POSIX] = "POSIX",
		[LF_TYPE_OFDLCK] = "OFDLCK",
		[LF_TYPE_FLOCK] = "FLOCK",
	};
	char last[32] = "EOF", waits[32] = "";

	if (lock->waits)
		snprintf(waits, sizeof(waits), "%zu-> ", lock->depth);
	if (lock->last != ULLONG_MAX)
		snprintf(last, sizeof(last), "%llu", lock->last);
	snprintf(text + strlen(text), TEXT_SIZE - strlen(text),
		 "%s%s %s %ld %u:%u:%llu %llu %s\n", waits,
		 types[lock->kind], lock->type == F_RDLCK ? "READ" : "WRITE",
		 (long)lock->pid, lock->inode.major, lock->inode.minor,
		 lock->inode.number, lock->first, last);
}

/* As the library reads /proc/locks and fdinfo. */
static void print_all(char *printed, const char *text, size_t length)
{
	char *copy = exact_copy(text, length), *rest = copy, *line;

	printed[0] = '\0';
	while ((line = lf_proc_cut_line(&rest)) != NULL) {
		struct lf_listed_lock lock;

		if (strncmp(line, "lock:", 5) == 0)
			line += 5;
		if (parses(line, &lock))
			print(printed, &lock);
	}
	free(copy);
}

PLAIN_TEST(the_text_of_each_kernel_is_parsed)
{
	char text[TEXT_SIZE], printed[TEXT_SIZE];

	for (size_t i = 0; i < sample_count; i++) {
		size_t length = read_sample(samples[i].name, text);

		print_all(printed, text, length);
		assert_string_equal(printed, samples[i].locks);
	}
}

/* Wherever the text is cut off, the rest parses to the same locks. */
PLAIN_TEST(a_text_cut_off_has_its_first_locks)
{
	char text[TEXT_SIZE], printed[TEXT_SIZE];

	for (size_t i = 0; i < sample_count; i++) {
		size_t length = read_sample(samples[i].name, text);

		while (length-- > 0) {
			print_all(printed, text, length);
			assert_memory_equal(printed, samples[i].locks,
					    strlen(printed));
		}
	}
}

/* Within its last number it still parses: a line without its end is dropped. */
PLAIN_TEST(a_line_cut_off_is_not_a_lock)
{
	static const char whole[] =
		"7:  -> POSIX  ADVISORY  WRITE 4242 fd:01:131 0 12";

	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		char *line = exact_copy(whole, length);

		assert_int_equal(is_lock(line), length >= sizeof(whole) - 2);
		free(line);
	}
	assert_true(is_lock(whole));
}

/* What is BREAKING is shown as what it becomes. */
PLAIN_TEST(a_lease_is_one_that_an_open_for_reading_breaks)
{
	static const struct {
		const char *line;
		bool is;
	} lines[] = {
		{ "1: LEASE  ACTIVE    WRITE 42 fd:01:131 0 EOF", true },
		{ "1: LEASE  BREAKING  UNLCK 42 fd:01:131 0 EOF", true },
		{ "1: LEASE  BREAKING  READ 42 fd:01:131 0 EOF", true },
		{ "1: LEASE  ACTIVE    READ 42 fd:01:131 0 EOF", false },
		{ "1: LEASE  BREAKER   WRITE 42 fd:01:131 0 EOF", false },
		{ "1: DELEG  ACTIVE    WRITE 42 fd:01:131 0 EOF", false },
		{ "1: LEASE  ACTIVE    WRITE 42 fd:01:131", false },
		{ "1: LEASE  ACTIVE    OTHER 42 fd:01:131 0 EOF", false },
		{ "LEASE  ACTIVE    WRITE 42 fd:01:131 0 EOF", false },
		{ "1: POSIX  ADVISORY  WRITE 42 fd:01:131 0 EOF", false },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct lf_lease lease;

		assert_int_equal(lf_proc_parse_lease(lines[i].line, &lease),
				 lines[i].is);
		if (!lines[i].is)
			continue;
		assert_int_equal(lease.pid, 42);
		assert_int_equal(lease.inode.major, 0xfd);
		assert_int_equal(lease.inode.minor, 1);
		assert_int_equal(lease.inode.number, 131);
	}
}

/* Blanks in a field are written in octal. */
PLAIN_TEST(a_file_system_is_that_of_the_mount)
{
	char line[] = "36 35 98:0 / /point rw shared:1 - cifs "
		      "//server/the\\040share\\134 rw,a\\0b\n";
	char other[] = "36 35 98:0 / /point rw - ext4 /dev/sda rw\n";
	char cut[] = "36 35 98:0 / /point rw shared:1\n";
	char empty[] = "36 35 98:0 / /point rw - ext4\n";
	const char *type, *source, *options;

	assert_true(lf_proc_parse_filesystem(line, 36, &type, &source,
					     &options));
	assert_string_equal(type, "cifs");
	assert_string_equal(source, "//server/the share\\");
	assert_string_equal(options, "rw,a\\0b");
	assert_false(lf_proc_parse_filesystem(other, 35, &type, &source,
					      &options));
	assert_false(lf_proc_parse_filesystem(cut, 36, &type, &source,
					      &options));
	assert_false(lf_proc_parse_filesystem(empty, 36, &type, &source,
					      &options) &&
		     *options);
}

PLAIN_TEST(text_after_a_null_byte_is_ignored)
{
	static const char text[] =
		"1: POSIX  ADVISORY  WRITE 1 00:01:1 0 0\n"
		"2: POSIX  ADVISORY  WRITE 2 00:01:\0"
		"2 0 0\n3: POSIX  ADVISORY  WRITE 3 00:01:3 0 0\n";
	char printed[TEXT_SIZE];

	print_all(printed, text, sizeof(text) - 1);
	assert_string_equal(printed, "POSIX WRITE 1 0:1:1 0 0\n");
}

/* The thousandth waiter is indented by a thousand; a page has 4,096 bytes. */
PLAIN_TEST(a_long_line_is_read_whole)
{
	static char line[3 * 4096];

	for (int depth = 1; depth < 10000; depth += 999) {
		struct lf_listed_lock lock;

		snprintf(line, sizeof(line),
			 "1:%*s POSIX  ADVISORY  WRITE 4242 fd:01:131 0 0",
			 depth + 2, "->");
		assert_true(parses(line, &lock));
		assert_true(lock.waits);
		assert_int_equal(lock.depth, depth);
		assert_int_equal(lock.pid, 4242);
	}
}

PLAIN_TEST(the_largest_numbers_are_read)
{
	struct lf_listed_lock lock;

	assert_true(parses("18446744073709551615: POSIX  ADVISORY  READ "
			   "2147483647 ffffffff:ffffffff:18446744073709551615 "
			   "18446744073709551614 18446744073709551615",
			   &lock));
	assert_int_equal(lock.pid, INT_MAX);
	assert_int_equal(lock.inode.major, UINT_MAX);
	assert_int_equal(lock.inode.minor, UINT_MAX);
	assert_true(lock.inode.number == ULLONG_MAX);
	assert_true(lock.first == ULLONG_MAX - 1);
	assert_true(lock.last == ULLONG_MAX);
	assert_true(parses("1: POSIX  ADVISORY  READ -2147483648 "
			   "0:0:-9223372036854775808 0 9223372036854775807",
			   &lock));
	assert_int_equal(lock.pid, 0);
	assert_true(lock.inode.number == 1ULL << 63);
	assert_true(lock.last == LLONG_MAX);
}

PLAIN_TEST(larger_numbers_are_refused)
{
	static const char *const lines[] = {
		"18446744073709551616: POSIX  ADVISORY  READ 1 0:0:1 0 0",
		"1: POSIX  ADVISORY  READ 2147483648 0:0:1 0 0",
		"1: POSIX  ADVISORY  READ -2147483649 0:0:1 0 0",
		"1: POSIX  ADVISORY  READ 18446744073709551617 0:0:1 0 0",
		"1: POSIX  ADVISORY  READ 1 100000000:0:1 0 0",
		"1: POSIX  ADVISORY  READ 1 0:100000000:1 0 0",
		"1: POSIX  ADVISORY  READ 1 10000000000000001:0:1 0 0",
		"1: POSIX  ADVISORY  READ 1 0:0:18446744073709551616 0 0",
		"1: POSIX  ADVISORY  READ 1 0:0:-9223372036854775809 0 0",
		"1: POSIX  ADVISORY  READ 1 0:0:1 18446744073709551616 EOF",
		"1: POSIX  ADVISORY  READ 1 0:0:1 0 18446744073709551616",
		"1: POSIX  ADVISORY  READ 1 0:0:1 0 99999999999999999999999",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(is_lock(lines[i]));
}

PLAIN_TEST(garbage_is_not_a_lock)
{
	static const char *const lines[] = {
		"", " ", "\t", ":", "->", "1", "1:", "1: ", "1: ->", "EOF",
		/* as Linux 2.2 wrote it, with addresses */
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 0 0 c1234567 c1234568",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 0 0\r",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 0 EOFF",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 0 EO",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 0 ",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 EOF 0",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 -1 0",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 2 1",
		"1: POSIX  ADVISORY  WRITE 1 08:01:1 0 0x10",
		"1: POSIX  ADVISORY  WRITE 1 08:01: 0 0",
		"1: POSIX  ADVISORY  WRITE 1 08:01:+1 0 0",
		"1: POSIX  ADVISORY  WRITE 1 08:01:--1 0 0",
		"1: POSIX  ADVISORY  WRITE 1 08:01 0 0",
		"1: POSIX  ADVISORY  WRITE 1 08:FF:1 0 0",
		"1: POSIX  ADVISORY  WRITE 1 -8:01:1 0 0",
		"1: POSIX  ADVISORY  WRITE 1 sda1:1 0 0",
		"1: POSIX  ADVISORY  WRITE - 08:01:1 0 0",
		"1: POSIX  ADVISORY  WRITE -- 08:01:1 0 0",
		"1: POSIX  ADVISORY  WRITE x 08:01:1 0 0",
		"1: POSIX  ADVISORY  WRITE1 08:01:1 0 0",
		"1: POSIX  ADVISORY  write 1 08:01:1 0 0",
		"1: POSIX  ADVISORY  NONE 1 08:01:1 0 0",
		"1: POSIX  SOMETHING WRITE 1 08:01:1 0 0",
		"1: POSIXADVISORY  WRITE 1 08:01:1 0 0",
		"1: POSIX2 ADVISORY  WRITE 1 08:01:1 0 0",
		"1: posix  ADVISORY  WRITE 1 08:01:1 0 0",
		"1: ->POSIX  ADVISORY  WRITE 1 08:01:1 0 0",
		"1: -> -> POSIX  ADVISORY  WRITE 1 08:01:1 0 0",
		"-1: POSIX  ADVISORY  WRITE 1 08:01:1 0 0",
		"x: POSIX  ADVISORY  WRITE 1 08:01:1 0 0",
		"lock:\t1: POSIX  ADVISORY  WRITE 1 08:01:1 0 0",
		"\xff\xfe: POSIX  ADVISORY  WRITE 1 08:01:1 0 0",
	};

	assert_true(is_lock("1: POSIX  ADVISORY  WRITE 1 08:01:1 0 0"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(is_lock(lines[i]));
}

static unsigned long long number_in(const char *sample, const char *name)
{
	unsigned long long number;
	char text[TEXT_SIZE];

	read_sample(sample, text);
	return lf_proc_parse_number(text, name, &number) ? number : 0;
}

PLAIN_TEST(fdinfo_has_mount_and_inode)
{
	assert_int_equal(number_in("fdinfo-2.6.22", "mnt_id"), 0);
	assert_int_equal(number_in("fdinfo-3.15", "mnt_id"), 28);
	assert_int_equal(number_in("fdinfo-3.15", "ino"), 0);
	assert_int_equal(number_in("fdinfo-4.1", "mnt_id"), 28);
	assert_int_equal(number_in("fdinfo-5.14-inotify", "ino"), 1043);
	assert_int_equal(number_in("fdinfo-6.18", "ino"), 10996589);
	assert_int_equal(number_in("fdinfo-6.18", "mnt"), 0);
	assert_int_equal(number_in("fdinfo-6.18", "lock"), 0);
}

PLAIN_TEST(flags_are_octal)
{
	unsigned long long number;

	assert_true(lf_proc_parse_octal("pos:\t0\nflags:\t0404002\n", "flags",
					&number));
	assert_int_equal(number, 0404002);
	assert_false(lf_proc_parse_octal("flags:\t08\n", "flags", &number));
	assert_false(lf_proc_parse_octal("flags:\t2", "flags", &number));
}

static bool has_number(const char *text)
{
	char *copy = exact_copy(text, strlen(text));
	unsigned long long number;
	bool is = lf_proc_parse_number(copy, "ino", &number);

	free(copy);
	return is;
}

PLAIN_TEST(a_number_is_complete_or_missing)
{
	assert_true(has_number("ino:\t1\n"));
	assert_true(has_number("pos:\t0\nino:\t18446744073709551615\n"));
	assert_false(has_number("ino:\t18446744073709551616\n"));
	assert_false(has_number("ino:\t1"));
	assert_false(has_number("ino:\t1\r\n"));
	assert_false(has_number("ino:\t-1\n"));
	assert_false(has_number("ino:\t\n1\n"));
	assert_false(has_number("ino:"));
	assert_false(has_number("ino"));
	assert_false(has_number(" ino:\t1\n"));
	assert_false(has_number("inotify wd:1 ino:1\n"));
}

static bool device_of(const char *text, unsigned long long mount,
		      struct lf_inode *device)
{
	char *copy = exact_copy(text, strlen(text));
	bool is = lf_proc_parse_mount(copy, mount, device);

	free(copy);
	return is;
}

PLAIN_TEST(mountinfo_has_the_device)
{
	struct lf_inode device;
	char text[TEXT_SIZE];

	read_sample("mountinfo-2.6.26", text);
	assert_true(device_of(text, 36, &device));
	assert_int_equal(device.major, 98);
	assert_true(device_of(text, 13, &device));
	assert_int_equal(device.major, 8);
	assert_int_equal(device.minor, 1);
	/* The ID of a parent is not a mount, nor a part of another ID. */
	assert_false(device_of(text, 35, &device));
	assert_false(device_of(text, 1, &device));
	read_sample("mountinfo-5.18", text);
	assert_true(device_of(text, 61, &device));
	assert_int_equal(device.minor, 24);
	assert_true(device_of(text, 4294967295, &device));
	assert_int_equal(device.major, 4095);
	assert_int_equal(device.minor, 1048575);
}

PLAIN_TEST(a_mount_cut_off_is_missing)
{
	static const char whole[] = "36 35 98:12 ";
	struct lf_inode device;

	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		char *text = exact_copy(whole, length);

		assert_false(device_of(text, 36, &device));
		free(text);
	}
	assert_true(device_of(whole, 36, &device));
	assert_false(device_of("36 35 98 12 ", 36, &device));
	assert_false(device_of("36 35 4294967296:12 ", 36, &device));
	assert_false(device_of("36  35 98:12 ", 36, &device));
	assert_false(device_of("-36 35 98:12 ", 36, &device));
}

static bool filesystem_of(const char *line, unsigned long long id, char *found)
{
	const char *type, *source, *options;
	char *copy = exact_copy(line, strlen(line));
	bool is = lf_proc_parse_filesystem(copy, id, &type, &source, &options);

	if (is)
		snprintf(found, 128, "%s|%s|%s", type, source, options);
	free(copy);
	return is;
}

/* After the fields whose number changes; each may have blanks, written in octal. */
PLAIN_TEST(mountinfo_has_type_source_and_options)
{
	static const char line[] =
		"36 35 98:0 / /mnt\\040a rw shared:1 master:2 - nfs4 "
		"host:/a\\040b\\134\\1 rw,vers=4.2\n";
	char found[128];

	assert_true(filesystem_of(line, 36, found));
	assert_string_equal(found, "nfs4|host:/a b\\\\1|rw,vers=4.2");
	assert_false(filesystem_of(line, 35, found));
	assert_false(filesystem_of(line, 3, found));
	assert_true(filesystem_of("7 1 0:5 / / rw - proc none rw\n", 7, found));
	assert_string_equal(found, "proc|none|rw");
	assert_false(filesystem_of("7 1 0:5 / / rw - proc none", 7, found));
	assert_false(filesystem_of("7 1 0:5 / / rw\n", 7, found));
}

static unsigned long long start_time(const char *text, size_t length)
{
	char *copy = exact_copy(text, length);
	unsigned long long time = 0;

	if (!lf_proc_parse_start_time(copy, &time))
		time = 0;
	free(copy);
	return time;
}

/* -1: there is none. */
static pid_t parent_in(const char *text, size_t length)
{
	char *copy = exact_copy(text, length);
	pid_t parent;

	if (!lf_proc_parse_parent(copy, &parent))
		parent = -1;
	free(copy);
	return parent;
}

PLAIN_TEST(stat_has_the_parent)
{
	char text[TEXT_SIZE];
	size_t length = read_sample("stat-2.6.16", text);

	assert_int_equal(parent_in(text, length), 0);
	length = read_sample("stat-6.18", text);
	assert_int_equal(parent_in(text, length), 1);
	assert_int_equal(parent_in("1 (a) S 0 1", 11), 0);
	assert_int_equal(parent_in("1 (a) S 42", 10), -1);
	assert_int_equal(parent_in("1 (a) S 4294967295 1", 20), -1);
	assert_int_equal(parent_in("1 (a) S -1 1", 12), -1);
	assert_int_equal(parent_in("1 (a", 4), -1);
	assert_int_equal(parent_in("", 0), -1);
}

/* The flags of a process, or -1. */
static long flags_in(const char *text, size_t length)
{
	char *copy = exact_copy(text, length);
	unsigned long long flags;
	bool is = lf_proc_parse_flags(copy, &flags);

	free(copy);
	return is ? (long)flags : -1;
}

PLAIN_TEST(stat_has_the_flags)
{
	static const char whole[] = "1 (R 2) S 0 1 1 0 -1 4194308 ";
	char text[TEXT_SIZE];
	size_t length = read_sample("stat-2.6.16", text);

	assert_int_equal(flags_in(text, length), 4194560);
	length = read_sample("stat-6.18", text);
	assert_int_equal(flags_in(text, length), 4194304);
	for (length = 0; length < sizeof(whole) - 1; length++)
		assert_int_equal(flags_in(whole, length), -1);
	assert_int_equal(flags_in(whole, length), 4194308);
}

PLAIN_TEST(stat_has_the_start_time)
{
	char text[TEXT_SIZE];
	size_t length = read_sample("stat-2.6.16", text), whole = 0;

	assert_int_equal(start_time(text, length), 23);
	/* The command is "a) R 1 (b c". */
	length = read_sample("stat-6.18", text);
	assert_int_equal(start_time(text, length), 2607836);
	while (length-- > 0) {
		unsigned long long time = start_time(text, length);

		assert_true(time == 0 || time == 2607836);
		whole += time != 0;
	}
	assert_true(whole > 0);
	assert_int_equal(start_time("1 (a) S", 7), 0);
	assert_int_equal(start_time("1 (a", 4), 0);
	assert_int_equal(start_time("", 0), 0);
}

static bool run_of(const char *text, size_t length, char *state,
		   unsigned long long *ticks)
{
	char *copy = exact_copy(text, length);
	bool is = lf_proc_parse_run(copy, state, ticks);

	free(copy);
	return is;
}

PLAIN_TEST(stat_has_the_state_and_the_run_time)
{
	static const char whole[] = "1 (R 2) S 0 1 1 0 -1 0 0 0 0 0 12 30 ";
	unsigned long long ticks;
	char text[TEXT_SIZE], now;
	size_t length = read_sample("stat-2.6.16", text);

	assert_true(run_of(text, length, &now, &ticks));
	assert_int_equal(now, 'S');
	assert_int_equal(ticks, 1 + 69);
	length = read_sample("stat-6.18", text);
	assert_true(run_of(text, length, &now, &ticks));
	assert_int_equal(now, 'S');
	assert_int_equal(ticks, 0);
	for (length = 0; length < sizeof(whole) - 1; length++)
		assert_false(run_of(whole, length, &now, &ticks));
	assert_true(run_of(whole, length, &now, &ticks));
	assert_int_equal(now, 'S');
	assert_int_equal(ticks, 42);
}
