#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
#
# The programs of doc/examples, as a reader would try them.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # variables of helper.bash and run
# shellcheck disable=SC2030,SC2031 # each test is a subshell on purpose

load ../tools/helper

# begin_example NAME ARGUMENT...: starts it; its PID is $pid, its standard error
# is in NAME.err.
begin_example() {
	local to=$BATS_TEST_TMPDIR/to.$1 from=$BATS_TEST_TMPDIR/from.$1

	channel "$to" || return
	to_fd=$fd
	channel "$from" || return
	from_fd=$fd
	start sh -c 'exec >"$1" <"$2" 2>"$3"; shift 3; exec "$@"' sh \
		"$from" "$to" "$1.err" "$EXAMPLES/$1" "${@:2}"
}

# works: waits until the example has the lock.
works() {
	next "$from_fd" && equal "$line" "at work; Enter ends it"
}

# enter: ends the work of the example.
enter() {
	echo >&"$to_fd"
}

# example NAME ARGUMENT...: runs it, with a bound against hanging.
example() {
	timeout 60 "$EXAMPLES/$1" "${@:2}"
}

# --- once

@test "once: a second one prints the PID of the first, and fails" {
	need_holders_with_names
	begin_example once lock
	works
	run -75 --separate-stderr example once lock
	equal "$stderr" "once: already running: PID $pid"
	equal "$output" ""
	held lock
	enter
	finish "$pid"
	equal "$status" 0
	equal "$(<once.err)" ""
	absent lock
	run -0 example once lock </dev/null
	absent lock
}

@test "once: already running, holder unknown" {
	need_locks_of_descriptors
	hold lf-acquire lock
	kill -KILL "$holder"
	finish "$holder"
	run -75 --separate-stderr example once lock
	equal "$stderr" "once: already running"
}

@test "once: error messages" {
	run -1 --separate-stderr example once no/such
	equal "$stderr" "once: no/such: no such file or directory"
	run -1 --separate-stderr example once
	equal "$stderr" "Usage: once LOCKFILE"
	[ -c /dev/full ] || skip "needs /dev/full"
	run -1 --separate-stderr sh -c '"$1/once" lock >/dev/full' sh "$EXAMPLES"
	equal "$stderr" "once: standard output: No space left on device"
	absent lock
}

# --- wait

# ends_with_lock: lets the work of $pid, which has just got the lock, end.
ends_with_lock() {
	works
	held lock
	enter
	finish "$pid"
	equal "$status" 0
	absent lock
}

@test "wait: prints that it waits, gets the lock, works" {
	need_proc_locks
	hold lf-acquire lock
	begin_example wait lock
	queued "$pid"
	equal "$(<wait.err)" "wait: waiting for lock"
	release "$holder"
	ends_with_lock
}

@test "wait: the same with a time limit" {
	need_proc_locks
	hold lf-acquire lock
	begin_example wait lock 3600
	queued "$pid"
	release "$holder"
	ends_with_lock
}

@test "wait: gives up after the time limit" {
	hold lf-acquire lock
	run -75 --separate-stderr example wait lock 1
	equal "$stderr" "wait: waiting for lock"$'\n'"wait: lock is still held"
	run -75 --separate-stderr example wait lock 0
	equal "$stderr" "wait: lock is still held"
	held lock
	release "$holder"
	absent lock
}

@test "wait: does not wait for a free lock" {
	begin_example wait lock
	works
	enter
	finish "$pid"
	equal "$status" 0
	equal "$(<wait.err)" ""
	absent lock
}

@test "wait: error messages" {
	local seconds

	run -1 --separate-stderr example wait no/such
	equal "$stderr" "wait: no/such: no such file or directory"
	for seconds in '' x -1 1x 2147484 99999999999999999999; do
		run -1 --separate-stderr example wait lock "$seconds"
		equal "$stderr" "Usage: wait LOCKFILE [SECONDS]"
	done
	absent lock
}

# --- scoped

# Without the release the file would stay, and the thread's next lock would be
# refused.
@test "scoped: each way out of the scope releases" {
	run -0 example scoped lock list one two one
	equal "$output" ""
	equal "$(<list)" one$'\n'two
	absent lock
	run -1 example scoped lock . one
	equal "$output" "scoped: .: Is a directory"
	absent lock
	run -1 example scoped lock no/such one
	equal "$output" "scoped: no/such: No such file or directory"
	absent lock
	run -1 example scoped no/such list one
	equal "$output" "scoped: no/such: no such file or directory"
	equal "$(<list)" one$'\n'two
}

@test "scoped: six processes add each name once" {
	local names pids=()

	mapfile -t names < <(seq 100)
	for _ in {1..6}; do
		start "$EXAMPLES/scoped" lock list "${names[@]}"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish "$pid"
		equal "$status" 0
	done
	equal "$(sort -n list)" "$(seq 100)"
	absent lock
}

# --- daemon

# Descriptor 3 is that of bats, and the daemon outlives the test.
start_daemon() {
	run -0 example daemon lock log 3>&-
	equal "$output" ""
	eventually grep -q "is at work" log
	read -r _ _ daemon _ <log
	started+=("$daemon")
	equal "$(<lock)" "$daemon"
}

# is_holder PID: lf-check reports it.  Until its starter has ended it does not.
is_holder() {
	[ "$(lf-check -p lock)" = "$1" ]
}

@test "daemon: holds the lock by itself until SIGTERM" {
	local session

	need_locks_of_descriptors
	start_daemon
	eventually is_holder "$daemon"
	read -r _ _ _ _ _ session _ <"/proc/$daemon/stat"
	equal "$session" "$daemon"
	run -75 --separate-stderr example daemon lock log 3>&-
	equal "$stderr" "daemon: already running: PID $daemon"
	held lock
	kill -TERM "$daemon"
	eventually is_gone "$daemon"
	absent lock
	grep -q "daemon: PID $daemon ends" log
}

@test "daemon: a killed one does not prevent the next start" {
	local killed

	need_locks_of_descriptors
	start_daemon
	killed=$daemon
	kill -KILL "$daemon"
	eventually is_gone "$daemon"
	present lock
	rm log
	start_daemon
	[ "$daemon" != "$killed" ]
	kill -TERM "$daemon"
	eventually is_gone "$daemon"
	absent lock
}

@test "daemon: a failed start prints why, and leaves nothing" {
	need_locks_of_descriptors
	run -1 --separate-stderr example daemon lock no/such 3>&-
	equal "$stderr" "daemon: no/such: No such file or directory"
	absent lock
	run -1 --separate-stderr example daemon no/such log 3>&-
	equal "$stderr" "daemon: no/such: no such file or directory"
	run -1 --separate-stderr example daemon lock
	equal "$stderr" "Usage: daemon LOCKFILE LOGFILE"
	absent log
}

# --- hdf5

need_hdf5() {
	[ "$HDF5" = yes ] || skip "hdf5 is not installed"
}

@test "hdf5: no update is lost where the data file is the lock file" {
	local locking

	need_hdf5
	need_locks_of_descriptors
	for locking in TRUE FALSE; do
		export HDF5_USE_FILE_LOCKING=$locking
		run -0 example hdf5 "$locking.h5"
		equal "$output" "80 of 80 updates, 0 overlaps"
		free "$locking.h5"
		present "$locking.h5"
	done
}

# With HDF5's own locks: without them the file may become unreadable.
@test "hdf5: updates overlap with a lock of the process" {
	need_hdf5
	export HDF5_USE_FILE_LOCKING=TRUE
	run -1 --separate-stderr example hdf5 --process-owned data.h5
	like "$output" ', [1-9][0-9]* overlaps$'
}

@test "hdf5: error messages" {
	need_hdf5
	run -1 --separate-stderr example hdf5
	equal "$stderr" "Usage: hdf5 [--process-owned] NEW-FILE"
	echo content >data
	run -1 example hdf5 data
	equal "${lines[-1]}" "hdf5: data: cannot create the file"
	equal "$(<data)" content
}
