#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Crowds at the same files.  While their locks come and go, it may be impossible to
# read the kernel's list of locks as a whole, and then lf-check reports that a lock of
# flock(2) is unknown: make check runs this last, and nothing beside it.

load ../tools/helper

@test "64 processes with 4 threads each, of all kinds" {
	need_inspection
	need_locks_of_descriptors
	! calls __tsan_init || skip "a thread sanitizer allows no thread after fork"
	# Measured with clang 14 and gcc 12; the allocator of glibc is prepared for it.
	! calls __asan_init ||
		skip "a child of threads may hang in an address sanitizer's allocator"
	type -P hammer >/dev/null || skip "needs hammer, which is in the build directory only"
	no_failures hammer 5 "$(type -P lf-check)"
}

@test "waiters behind a holder that is killed" {
	need_inspection
	need_locks_of_descriptors
	type -P waiters >/dev/null || skip "needs waiters, which is in the build directory only"
	no_failures waiters 60
}
