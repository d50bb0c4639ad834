#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-check of files, directories and devices that are locked by flock(2).
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them

load helper

remark='  by flock(2), which excludes lf-acquire only with --flock'

need_flocks() {
	need flock
	need_inspection
}

# In Python, as most programs do it: of its own, on its own descriptor.
flock_in_python='import fcntl, sys, os
f = open(sys.argv[1], "a")
fcntl.flock(f, fcntl.LOCK_EX)
os.set_inheritable(f.fileno(), True)
os.execvp(sys.argv[2], sys.argv[2:])'

# is_queued_at_flock PID
is_queued_at_flock() {
	grep -Eq -- "-> +FLOCK +ADVISORY +(WRITE|READ) +$1 " /proc/locks
}

queue_at_flock() {
	start "$@"
	eventually is_queued_at_flock "$pid"
}

@test "a file that flock(1) locks is held: status, PID, and a remark" {
	need_flocks
	hold flock lock
	run -0 lf-check lock
	begins "${lines[0]}" "lock: held by PID $holder: flock lock "
	equal "${lines[1]}" "$remark"
	equal "${#lines[@]}" 2
	run -0 lf-check -p lock
	equal "$output" "$holder"
	run -0 lf-check -q lock
	equal "$output" ""
	release "$holder"
	run -1 lf-check lock
	equal "$output" "lock: free"
	run -1 lf-check -p lock
	equal "$output" ""
	free lock
}

@test "a file that a Python program locks by flock(2) is held" {
	need python3
	need_inspection
	hold python3 -c "$flock_in_python" lock
	run -0 lf-check lock
	begins "${lines[0]}" "lock: held by PID $holder: "
	equal "${lines[1]}" "$remark"
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

@test "--record and --flock restrict the question to one kind of lock" {
	need_flocks
	hold flock by-flock
	hold lf-acquire by-record
	run -1 lf-check --record by-flock
	equal "$output" "by-flock: free"
	run -1 lf-check --flock by-record
	equal "$output" "by-record: free"
	run -0 lf-check -q --flock by-flock
	run -0 lf-check -q --record by-record
	run -1 lf-check -q --record by-flock
	run -1 lf-check -q --flock by-record
	run -1 lf-check -p --record by-flock
	equal "$output" ""
	run -0 lf-check --record --flock by-flock by-record
	equal "${#lines[@]}" 3
	run -0 lf-check --record .
	equal "${#lines[@]}" 1
	begins "$output" "./by-record: held by PID $holder: "
	run -0 lf-check --flock .
	equal "${#lines[@]}" 2
	begins "$output" "./by-flock: held by "
	run -64 lf-check --fs --flock by-flock
}

@test "both kinds on one file: each holder on a line, and both with -p" {
	local by_flock

	need_flocks
	hold flock lock
	by_flock=$holder
	hold lf-acquire -k lock
	run -0 lf-check lock
	begins "${lines[0]}" "lock: held by PID $holder: "
	begins "${lines[1]}" "  also held by flock(2), which excludes lf-acquire only with --flock: PID $by_flock: flock lock "
	equal "${#lines[@]}" 2
	run -0 lf-check -p lock
	equal "$output" "$holder"$'\n'"$by_flock"
	run -0 lf-check -p --record lock
	equal "$output" "$holder"
	run -0 lf-check -p --flock lock
	equal "$output" "$by_flock"
}

@test "a process that holds both kinds is one holder" {
	need python3
	need_inspection
	need_tables
	hold python3 -c 'import fcntl, sys, os
f = open("lock", "a")
fcntl.flock(f, fcntl.LOCK_EX)
fcntl.lockf(f, fcntl.LOCK_EX)
os.set_inheritable(f.fileno(), True)
os.execvp(sys.argv[1], sys.argv[1:])'
	run -0 lf-check lock
	like "$output" "^lock: held by PID $holder: .*, also by flock\(2\)$"
	run -0 lf-check -p lock
	equal "$output" "$holder"
	run -0 lf-check -ro ROLE,PID,TYPE lock
	equal "${lines[1]}" "holder $holder POSIX,FLOCK"
	equal "${#lines[@]}" 2
	run -0 lf-check --flock lock
	begins "${lines[0]}" "lock: held by PID $holder: "
	equal "${lines[1]}" "$remark"
}

@test "sharers of flock(2) are all named, then its queue in order" {
	local sharers=() waiters=()

	need_flocks
	for _ in 1 2 3; do
		hold flock -s lock
		sharers+=("$holder")
	done
	for _ in 1 2 3; do
		queue_at_flock flock lock true
		waiters+=("$pid")
	done
	run -0 lf-check -p lock
	equal "$(sort -n <<<"$output")" \
		"$(printf '%s\n' "${sharers[@]}" | sort -n)"
	run -0 lf-check lock
	like "${lines[0]}" '^lock: held by PID [0-9]+: .*, shared, running for '
	begins "${lines[1]}" "  and by PID "
	equal "${lines[3]}" "$remark"
	begins "${lines[4]}" "  waiting in flock(2): PID ${waiters[0]}: "
	begins "${lines[5]}" "  then: PID ${waiters[1]}: "
	begins "${lines[6]}" "  then: PID ${waiters[2]}: "
	equal "${#lines[@]}" 7
}

@test "a lock that flock(1) left to a shell is shown as the shell's" {
	need_flocks
	[ "$(readlink /proc/self/ns/pid)" = "pid:[4026531836]" ] ||
		skip "needs to be outside of any PID namespace"
	channel said
	start sh -c 'exec 9>>lock && flock 9 && echo >said
		read -r _ <"$1"' sh "$BATS_TEST_TMPDIR/never"
	next "$fd"
	run -0 lf-check lock
	begins "${lines[0]}" "lock: held by PID $pid: sh -c exec 9>>lock "
	equal "${lines[1]}" "$remark"
	run -0 lf-check -p lock
	equal "$output" "$pid"
}

@test "a directory: the files in it that flock(2) holds, and itself" {
	need_flocks
	mkdir dir dir/inner
	: >dir/free
	run -1 lf-check dir
	equal "$output" ""
	hold flock dir/file
	run -0 lf-check dir
	begins "$output" "dir/file: held by PID $holder: "
	run -0 lf-check -p dir
	equal "$output" "$holder"
	release "$holder"
	hold flock dir
	run -0 lf-check dir
	begins "${lines[0]}" "dir/: held by PID $holder: flock dir "
	equal "${lines[1]}" "  by flock(2)"
	run -0 lf-check -q dir
	run -0 lf-check -p dir
	equal "$output" "$holder"
	run -1 lf-check --record dir
	release "$holder"
	hold flock dir/inner
	run -0 lf-check dir
	begins "${lines[0]}" "dir/inner: held by PID $holder: "
	release "$holder"
	run -1 lf-check -q dir
}

@test "a device is free, or held by flock(2), and is not opened" {
	need_flocks
	run -1 lf-check /dev/full
	equal "$output" "/dev/full: free"
	run -2 lf-check --record /dev/full
	like "$output" '^lf-check: /dev/full: is not a regular file'
	mknod device c 1 7 2>/dev/null && { : <device; } 2>/dev/null ||
		skip "cannot make a device here"
	hold flock device
	run -0 lf-check device
	begins "${lines[0]}" "device: held by PID $holder: flock device "
	equal "${lines[1]}" "  by flock(2)"
	run -0 lf-check -p device
	equal "$output" "$holder"
	run -0 lf-check .
	begins "${lines[0]}" "./device: held "
	release "$holder"
	run -1 lf-check -t 60 device
}

@test "no path: files, directories and devices that flock(2) holds too" {
	need_flocks
	mkdir dir
	hold flock lock
	hold flock dir
	run lf-check
	like "$output" "$lock: held by PID "
	like "$output" "${lock%/*}/dir: held by PID $holder: "
	run lf-check --record
	run ! grep -F "$lock" <<<"$output"
}

@test "a table and JSON have holders and waiters of flock(2), and no free line" {
	need_flocks
	need_tables
	hold flock lock
	queue_at_flock flock -s lock true
	run -0 lf-check -nro ROLE,MODE,PID,TYPE,SOURCE lock
	equal "${lines[0]}" "holder WRITE $holder FLOCK descriptor"
	equal "${lines[1]}" "waiter READ $pid FLOCK lock"
	equal "${#lines[@]}" 2
	need jq
	run -0 lf-check -J lock
	equal "$(jq -r '.locks[] | "\(.role) \(.pid) \(.type)"' <<<"$output")" \
		"holder $holder FLOCK"$'\n'"waiter $pid FLOCK"
}

@test "an ordinary user sees which process of root holds it by flock(2)" {
	need_root
	need_flocks
	hold flock lock
	run -0 unprivileged lf-check lock
	begins "${lines[0]}" "lock: held by PID $holder: flock lock "
	run -0 unprivileged lf-check -p lock
	equal "$output" "$holder"
	release "$holder"
	hold flock -s lock
	run -0 unprivileged lf-check --flock lock
	like "${lines[0]}" "^lock: held by PID $holder: .*, shared, "
}

@test "an ordinary user sees that root's running process holds it by flock(2)" {
	need python3
	need_root
	need_inspection
	channel said
	start python3 -c 'import fcntl
f = open("lock", "a")
fcntl.flock(f, fcntl.LOCK_EX)
with open("said", "w") as said:
	said.write("\n")
while True:
	pass'
	next "$fd"
	run -0 unprivileged lf-check -p lock
	equal "$output" "$pid"
}

@test "a file that may not be read is held if flock(2) holds it" {
	need_root
	need_flocks
	: >lock
	chmod 600 lock
	hold flock lock
	run -0 unprivileged lf-check lock
	begins "${lines[0]}" "lock: held by PID $holder: "
	release "$holder"
	run -1 unprivileged lf-check --flock lock
	run -2 unprivileged lf-check lock
}

# --- Marks of this library

@test "holders and waiters of lf-acquire hold nothing by flock(2)" {
	local first

	need_inspection
	need_shared_locks
	hold lf-acquire lock
	first=$holder
	queue_holder lf-acquire -ws lock
	queue lf-acquire -w lock true
	run -1 lf-check --flock lock
	equal "$output" "lock: free"
	run -0 lf-check lock
	equal "${#lines[@]}" 3
	release "$first"
	# The next holder keeps its mark.
	holds "$holder"
	run -1 lf-check --flock lock
	run -1 lf-check -p --flock .
	run -0 lf-check lock
	equal "${#lines[@]}" 2
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

@test "root's waiter is no lock of flock(2) to an ordinary user" {
	need_root
	need_inspection
	hold lf-acquire lock
	queue lf-acquire -w lock true
	run -1 unprivileged lf-check --flock lock
	run -0 unprivileged lf-check lock
	equal "${#lines[@]}" 2
}

@test "while removers wait in a loop, flock(2) never holds it" {
	local n rc

	need_inspection
	channel said
	for n in 1 2 3 4; do
		start sh -c 'while :; do
			lf-acquire -w lock true
			lf-acquire -t 0.001 lock true
			[ -e begun ] || { : >begun; echo >said; }
		done 2>/dev/null'
	done
	next "$fd"
	for ((n = 0; n < 100; n++)); do
		rc=0
		lf-check --flock lock >seen 2>&1 || rc=$?
		[ "$rc" -eq 1 ] || cat seen
		equal "$rc" 1
	done
}

# --- What cannot be known

@test "without /proc/locks a free file is unknown, except with --record" {
	need_root
	need_flocks
	unshare -m true 2>/dev/null || skip "cannot have mounts of its own"
	# A sanitizer does not work without /proc.
	unshare -m sh -c 'mount -t tmpfs none /proc && exec lf-check --version' \
		>/dev/null 2>&1 || skip "lf-check does not run without /proc here"
	: >lock
	run -2 --separate-stderr unshare -m sh -c \
		'mount -t tmpfs none /proc && exec lf-check lock'
	like "$stderr" '^lf-check: lock: whether flock\(2\) holds it is unknown: '
	run -2 unshare -m sh -c \
		'mount -t tmpfs none /proc && exec lf-check -q lock'
	run -1 unshare -m sh -c \
		'mount -t tmpfs none /proc && exec lf-check --record lock'
	hold lf-acquire lock
	run -0 unshare -m sh -c \
		'mount -t tmpfs none /proc && exec lf-check -q lock'
	need_tables
	run -0 unshare -m sh -c \
		'mount -t tmpfs none /proc && exec lf-check -rno ROLE,MODE,TYPE lock'
	equal "$output" "holder - -"
}

# Locks that look alike, and all have the same number: no two parts can be joined.
@test "if the list of locks cannot be read whole, the message says so" {
	need_root
	need_flocks
	[ -r /proc/locks ] || skip "needs /proc/locks"
	unshare -m true 2>/dev/null || skip "cannot have mounts of its own"
	local i
	for ((i = 0; i < 150; i++)); do
		echo "1: OFDLCK ADVISORY  READ -1 fe:00:$i 0 EOF"
	done >list
	: >lock
	run -2 --separate-stderr unshare -m sh -c \
		'mount --bind list /proc/locks && exec lf-check lock'
	like "$stderr" '^lf-check: lock: whether flock\(2\) holds it is unknown: the list of locks changed too much; try again, or use --record$'
	equal "$output" ""
}

# --- Both kinds, by lf-acquire --flock

@test "a narrow table shows the type of a holder of both kinds" {
	need terminal stty
	need_inspection
	need_locks_of_descriptors
	lf-check --help | grep -q -e --output || skip "is built without tables"
	hold lf-acquire --flock lock
	run -0 terminal sh -c 'stty cols 40; lf-check -l lock' <<<end
	like "$output" 'OFDLCK,FLOCK'
	release "$holder"
	hold lf-acquire lock
	run -0 terminal sh -c 'stty cols 40; lf-check -l lock' <<<end
	run ! grep OFDLCK <<<"$output"
}

@test "lf-acquire --flock is one holder that excludes both kinds" {
	local mode

	need_inspection
	need_locks_of_descriptors
	lf-acquire --help | grep -q -e --flock || skip "has no --flock"
	for mode in -x -s; do
		hold lf-acquire --flock "$mode" lock
		run -0 lf-check lock
		like "$output" "^lock: held by PID $holder: .*, also by flock\(2\)$"
		if lf-check --help | grep -q -e --output; then
			run -0 lf-check -rno ROLE,TYPE lock
			equal "$output" "holder OFDLCK,FLOCK"
		fi
		run -0 lf-check -p --flock lock
		equal "$output" "$holder"
		run -0 lf-check -p --record lock
		equal "$output" "$holder"
		release "$holder"
	done
}
