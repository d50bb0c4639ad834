/* SPDX-License-Identifier: 0BSD */
/* What the library reports about itself, its errors and its handles. */
#include "config.h"

#include "lock.h"
#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* More errors than any system has. */
#define NUMBERS 200

PLAIN_TEST(each_error_has_a_text_of_its_own)
{
	const char *unknown = lf_strerror(-9999);
	int ours = 0;

	for (int e = 1; e < NUMBERS; e++) {
		if (strcmp(lf_strerror(e), unknown) == 0)
			continue;
		ours++;
		assert_string_equal(lf_strerror(-e), lf_strerror(e));
		for (int f = 1; f < e; f++)
			assert_string_not_equal(lf_strerror(e), lf_strerror(f));
	}
	assert_in_range(ours, 20, 40);
	assert_string_equal(lf_strerror(0), "no error");
}

PLAIN_TEST(an_undocumented_error_becomes_EIO)
{
	assert_int_equal(lf_documented(-EAGAIN, LF_ACQUIRE), -EAGAIN);
	assert_int_equal(lf_documented(-EAGAIN, LF_CHECK), -EIO);
	assert_int_equal(lf_documented(-ERANGE, LF_ACQUIRE), -EIO);
	assert_int_equal(lf_documented(1, LF_RELEASE), 1);
}

TEST(a_handle_describes_itself)
{
	struct lf_lock *lock;
	char text[4200], whole[4200];
	int length;

	assert_int_equal(lf_describe(NULL, text, sizeof(text)), -EBADF);
	assert_int_equal(lf_fileno(NULL), -EBADF);
	assert_int_equal(lf_backend(NULL), -EBADF);
	assert_null(lf_path(NULL));

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_string_equal(lf_path(lock), lock_path);
	snprintf(whole, sizeof(whole), "<acquired lock file '%s'>", lock_path);
	length = (int)strlen(whole);
	assert_int_equal(lf_describe(lock, text, sizeof(text)), length);
	assert_string_equal(text, whole);
	assert_int_equal(lf_describe(lock, text, 10), length);
	assert_string_equal(text, "<acquired");
	assert_int_equal(lf_describe(lock, NULL, 0), length);
	assert_int_equal(lf_release(&lock), 0);
}

PLAIN_TEST(the_version_is_that_of_the_package)
{
	assert_string_equal(lf_version(), PACKAGE_VERSION);
}
