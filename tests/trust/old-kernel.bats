#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Linux before 3.15, which refuses locks of open file descriptions: as in the table
# of lockfile-fcntl(7), and beside programs that have them.
#
# shellcheck disable=SC2154 # run sets them

load ../tools/helper

need_old_kernel() {
	need_locks_of_descriptors
	type -P old-kernel >/dev/null ||
		skip "needs old-kernel, which is in the build directory only"
	old-kernel true || [ $? -ne 77 ] ||
		skip "needs a kernel that filters system calls"
}

# both COMMAND [ARGUMENT]...: with the locks of either kind as $holding_by, and the
# other way round.
both() {
	as_holder=old-kernel as_other=env
	"$@"
	as_holder=env as_other=old-kernel
	"$@"
	as_holder=old-kernel
	"$@"
}

excludes() {
	local option

	hold "$as_holder" lf-acquire lock
	for option in --no-wait --timeout=0.1 --shared --keep; do
		run "$as_other" lf-acquire "$option" lock touch ran
		equal "$status" 75
		absent ran
		like "$output" "held by PID $holder"
	done
	run "$as_other" lf-check -p lock
	equal "$status $output" "0 $holder"
	release "$holder"
	absent lock
}

@test "without locks of descriptions, both exclude and name each other" {
	need_old_kernel
	need_inspection
	both excludes
}

@test "without locks of descriptions, 20 take turns" {
	need_old_kernel
	local n pids=() as option

	echo 0 >count
	for n in {1..20}; do
		as=old-kernel option=--wait
		((n % 2)) || as="env"
		((n % 4 < 2)) || option=--keep
		start "$as" lf-acquire -w "$option" lock \
			sh -c 'read -r n <count; echo $((n + 1)) >count'
		pids+=("$pid")
	done
	for n in "${pids[@]}"; do
		finish "$n"
		equal "$status" 0
	done
	equal "$(<count)" 20
}

@test "without locks of descriptions, lf-acquire that is killed leaves no lock" {
	need_old_kernel
	local waiter

	hold old-kernel lf-acquire lock
	start old-kernel lf-acquire -w lock true
	waiter=$pid
	queued "$waiter"
	kill_holder
	finish "$waiter"
	equal "$status" 0
	run old-kernel lf-check lock
	equal "$status" 1
}

@test "without locks of descriptions, lf-check --fs promises no order" {
	need_old_kernel
	run -0 old-kernel lf-check --fs .
	like "$output" "file at release: +removed"
	[[ $output != *"first come, first served"* ]]
	run -0 lf-check --fs .
	like "$output" "first come, first served"
}
