#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# A sample of what make check-trust does in full.
#
# shellcheck disable=SC2154 # run sets them

load ../tools/helper

# Whose runtime ends the program when a system call fails, or makes calls at its end.
need_no_instruments() {
	local symbol

	for symbol in __asan_init __tsan_init __gcov_exit; do
		! calls "$symbol" || skip "built with instruments: $symbol"
	done
}

# sample EVERY PROGRAM: the last lines are rows of the table.
sample() {
	need_faults
	need_inspection
	need_locks_of_descriptors
	need_strace
	need_no_instruments
	no_failures "$BATS_TEST_DIRNAME/$2" "$1" 0
}

@test "system calls that fail" {
	sample 291 failing
}

@test "a process that is killed or stopped at a system call" {
	sample 141 killed
}

@test "programs of others, in both directions" {
	need_inspection
	need_locks_of_descriptors
	need_flock
	no_failures "$BATS_TEST_DIRNAME/foreigners" python perl with_lock_ex flock flopen
}
