#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# A sample of tests/trust/attacks, and what it meets only by chance.
#
# shellcheck disable=SC2154 # run sets them

load ../tools/helper

@test "a swapper, locks that lie, hostile names, limits and environments" {
	need_inspection
	need_locks_of_descriptors
	need prlimit timeout
	type -P swapper >/dev/null ||
		skip "needs swapper, which is in the build directory only"
	no_failures "$BATS_TEST_DIRNAME/attacks" 3
}

# strace stops it when it has opened the directory, and not yet created the file.
stopped_before_the_file() {
	rm trace
	start strace -f -o trace -e trace=openat -e inject=openat:signal=STOP:when="$1" \
		lf-acquire "${@:2}" true
	eventually grep -qs 'stopped by SIGSTOP' trace
	read -r traced _ <trace
}

@test "a directory that is exchanged meanwhile: no file is left in either" {
	need_strace
	! calls __gcov_exit || skip "libgcov opens files too"
	local n path

	strace -o trace -e trace=openat lf-acquire d/lock true 2>/dev/null || :
	mkdir d other
	strace -o trace -e trace=openat lf-acquire d/lock true
	n=$(grep -n '"d"' trace | cut -d : -f 1)
	for path in d/lock "$PWD/d/lock"; do
		stopped_before_the_file "$n" "$path"
		mv d first && mv other d
		kill -CONT "$traced"
		finish "$pid"
		equal "$status" 0
		equal "$(ls d first)" $'d:\n\nfirst:'
		mv d other && mv first d
	done
}
