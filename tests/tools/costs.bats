#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# shellcheck shell=bash disable=SC2154,SC2034 # variables of helper.bash and run
#
# What the main paths cost, in counts that do not depend on the machine's speed:
# system calls, and instructions outside the kernel.  make bench measures time.

load helper

# The limits are those of one kind of build.  A path of libraries would be searched.
need_plain_build() {
	unset LD_LIBRARY_PATH
	need_locks_of_descriptors
	[ -z "${LD_PRELOAD-}" ] || skip "another library is preloaded"
	type -P cycles >/dev/null ||
		skip "needs cycles, which is in the build directory only"
	if grep -aqE '__(asan|ubsan|tsan|gcov)_' "$(type -P cycles)"; then
		skip "built with instruments that have costs of their own"
	fi
}

need_usual_code() {
	need_plain_build
	[ "$(uname -m)" = x86_64 ] || skip "the limits are those of x86-64"
	[[ " ${CFLAGS-} " == *" -O2 "* && ${CC-} != *clang* ]] ||
		skip "the limits are those of gcc -O2"
}

need_counted_instructions() {
	need_usual_code
	type -P valgrind >/dev/null ||
		skip "needs valgrind, which is optional"
}

# COMMAND...: its children are not counted.
system_calls() {
	strace -c -o counted "$@" >/dev/null || :
	awk '$NF == "total" { n += $4 } END { print n }' counted
}

instructions() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--log-file=collected "$@" >/dev/null
	sed -n 's/.*Collected *: *//p' collected
}

# in_a_cycle COUNT [keep]: one of system_calls and instructions.
in_a_cycle() {
	echo $((($("$1" cycles 110 lock "${@:2}") -
		$("$1" cycles 10 lock "${@:2}")) / 100))
}

# within COUNT LIMIT: not far below it either, or the limit is out of date.
within() {
	echo "$1 of at most $2"
	[ "$1" -gt $(($2 / 2)) ]
	[ "$1" -le "$2" ]
}

@test "an uncontended acquire and release makes few system calls" {
	need_plain_build
	need_strace
	within "$(in_a_cycle system_calls keep)" 13
	within "$(in_a_cycle system_calls)" 18
}

@test "an uncontended acquire and release executes few instructions" {
	need_counted_instructions
	within "$(in_a_cycle instructions keep)" 4200
	within "$(in_a_cycle instructions)" 4600
}

@test "lf-acquire L true executes few instructions more than true" {
	local base

	need_counted_instructions
	base=$(instructions true)
	within $(($(instructions lf-acquire lock true) - base)) 41000
}

# A locale is loaded with the first letter of a message beyond ASCII, not before.
@test "no locale makes lf-acquire L true cost more" {
	local calls locale

	need_plain_build
	need_strace
	calls=$(LC_ALL=C system_calls lf-acquire lock true)
	within "$calls" 58
	for locale in C.UTF-8 en_US.UTF-8 de_DE; do
		equal "$(LC_ALL=$locale system_calls lf-acquire lock true)" \
			"$calls"
	done
}

# Each page of them costs a page fault, as much as hundreds of instructions; so does
# the first copy of a variable of the C library.
@test "the variables of lf-acquire are on one page" {
	local tool type address size end=0 relro=0

	need_usual_code
	type -P readelf >/dev/null || skip "needs readelf, which is optional"
	tool=$(type -P lf-acquire)
	run ! grep R_X86_64_COPY <(readelf -rW "$tool")
	while read -r type _ address _ _ size _; do
		case $type in
		LOAD) end=$((address + size)) ;;
		GNU_RELRO) relro=$((address + size)) ;;
		esac
	done < <(readelf -lW "$tool")
	echo "from $relro to $end"
	[ "$relro" -gt 0 ]
	[ $((end - relro)) -le 4096 ]
}

@test "a quiet call that is refused makes few system calls" {
	need_plain_build
	need_strace
	hold lf-acquire lock
	within "$(system_calls lf-acquire -q lock true)" 45
	release "$holder"
}

@test "a static lf-acquire locks, and executes half the instructions of a dynamic one" {
	local build

	need_plain_build
	need make
	build=$(dirname "$(type -P cycles)")/..
	env -u MAKEFLAGS -u MFLAGS make -s -C "$build" tests/static-acquire &>made ||
		skip "cannot link with a static C library here: $(tail -n 1 made)"
	run -7 static-acquire lock sh -c 'lf-check --mine lock; echo $?; exit 7'
	equal "$output" 0
	absent lock
	hold static-acquire lock
	run -75 lf-acquire lock true
	names_holder "$output" lock "$holder" "static-acquire lock sh -c $holding"
	release "$holder"
	need_counted_instructions
	[ "$(instructions static-acquire lock true)" -le \
		$(($(instructions lf-acquire lock true) / 2)) ]
}

# least_calls_besides_reading LIMIT COMMAND...: while other processes lock and unlock
# files, the list of all locks is read again, into more memory, and what it lacked is
# looked for.  So reading does not count, nor do instructions, and the cheapest of ten
# runs does, or of a hundred if none costs LIMIT or less.  ${inside[@]} runs it.
least_calls_besides_reading() {
	local limit=$1 run calls least=9999

	shift
	for ((run = 0; run < 10 || (least > limit && run < 100); run++)); do
		"${inside[@]}" strace -c -o counted "$@" >/dev/null || :
		calls=$(awk '$NF !~ /^(read|pread64|brk|mmap|mremap|munmap|total)$/ {
			n += $4 } END { print n }' counted)
		[ "$calls" -ge "$least" ] || least=$calls
	done
	echo "$least"
}

# Then it is read at one moment, and once.
has_a_short_list() {
	[ "$(wc -c </proc/locks)" -lt 1800 ]
}

@test "lf-check -q makes few system calls" {
	need_plain_build
	need_strace
	need_proc_locks
	eventually has_a_short_list || skip "other processes hold many locks"
	touch lock
	within "$(least_calls_besides_reading 53 lf-check -q lock)" 53
	hold lf-acquire lock
	within "$(least_calls_besides_reading 52 lf-check -q lock)" 52
}

# Two descriptors of the list take turns.  It is read up to four times, with new
# descriptors, if locks of other processes have moved in it.
@test "lf-check reads a long list of locks twice" {
	local also=() n options opened run twice

	need_plain_build
	need_strace
	need_proc
	need_proc_locks
	for ((n = 0; n < 100; n++)); do
		also+=("--also=other$n")
	done
	hold lf-acquire "${also[@]}" other
	touch lock
	for options in -q ''; do
		twice=false
		for run in {1..100}; do
			# shellcheck disable=SC2086 # or none
			run -1 strace -o counted lf-check $options lock
			opened=$(grep -c '"/proc/locks"' counted)
			[ "$opened" -le 8 ]
			[ "$opened" -ne 4 ] || twice=true
			! "$twice" || break
		done
		"$twice" || skip "other processes lock and unlock files all the time"
	done
	release "$holder"
}

# calls_below N: of the question whether the lock is the caller's, N processes deeper.
calls_below() {
	local n inside=()

	for ((n = 0; n < $1; n++)); do
		inside=(sh -c '"$@"; exit $?' sh "${inside[@]}")
	done
	least_calls_besides_reading 9999 lf-acquire -q -r lock true
}

@test "each ancestor costs few system calls" {
	need_plain_build
	need_strace
	need_proc
	hold lf-acquire lock
	within $((($(calls_below 11) - $(calls_below 1)) / 10)) 6
	release "$holder"
}
