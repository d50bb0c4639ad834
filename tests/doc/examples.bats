#!/usr/bin/env bats
# The programs of doc/examples, as a reader would try them.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load ../tools/helper

# begin_example NAME ARGUMENT...: its PID is $pid; what it says is in NAME.err.
begin_example() {
	local to=$BATS_TEST_TMPDIR/to.$1 from=$BATS_TEST_TMPDIR/from.$1

	channel "$to" || return
	to_fd=$fd
	channel "$from" || return
	from_fd=$fd
	start sh -c 'exec >"$1" <"$2" 2>"$3"; shift 3; exec "$@"' sh \
		"$from" "$to" "$1.err" "$EXAMPLES/$1" "${@:2}"
}

# works: waits until it has the lock.
works() {
	next "$from_fd" && equal "$line" "at work; Enter ends it"
}

# enter: ends its work.
enter() {
	echo >&"$to_fd"
}

# example NAME ARGUMENT...: only one that hangs takes a minute.
example() {
	timeout 60 "$EXAMPLES/$1" "${@:2}"
}

# --- once

@test "once: a second one names the first, and fails" {
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

@test "once: already running, whoever it is" {
	need_locks_of_descriptors
	hold lf-acquire lock
	kill -KILL "$holder"
	finish "$holder"
	run -75 --separate-stderr example once lock
	equal "$stderr" "once: already running"
}

@test "once: what goes wrong is told" {
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

@test "wait: says that it waits, gets its turn, works" {
	need_proc_locks
	hold lf-acquire lock
	begin_example wait lock
	queued "$pid"
	equal "$(<wait.err)" "wait: waiting for lock"
	release "$holder"
	works
	held lock
	enter
	finish "$pid"
	equal "$status" 0
	absent lock
}

@test "wait: with a bound, too" {
	need_threads
	need_proc_locks
	hold lf-acquire lock
	begin_example wait lock 3600
	queued "$pid"
	release "$holder"
	works
	held lock
	enter
	finish "$pid"
	equal "$status" 0
	absent lock
}

@test "wait: gives up after so many seconds" {
	need_threads
	hold lf-acquire lock
	run -75 --separate-stderr example wait lock 1
	equal "$stderr" "wait: waiting for lock"$'\n'"wait: lock is still held"
	run -75 --separate-stderr example wait lock 0
	equal "$stderr" "wait: lock is still held"
	held lock
	release "$holder"
	absent lock
}

@test "wait: a free lock is not waited for" {
	begin_example wait lock
	works
	enter
	finish "$pid"
	equal "$status" 0
	equal "$(<wait.err)" ""
	absent lock
}

@test "wait: what goes wrong is told" {
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

# Who ends without release leaves the file, and two of one thread are refused.
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

@test "scoped: many at a time add each name once" {
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

# Descriptor 3 is bats' own, and the daemon lives on.
start_daemon() {
	run -0 example daemon lock log 3>&-
	equal "$output" ""
	eventually grep -q "is at work" log
	read -r _ _ daemon _ <log
	started+=("$daemon")
	equal "$(<lock)" "$daemon"
}

# Without threads there is nobody who waits until its parent is named no more.
names() {
	local named

	named=$(lf-check -p lock)
	if [ -z "$named" ] && ! has_threads; then
		return 0
	fi
	[ "$named" = "$1" ]
}

@test "daemon: holds the lock on its own until it is told to end" {
	local session named

	need_locks_of_descriptors
	start_daemon
	eventually names "$daemon"
	named=$(lf-check -p lock)
	read -r _ _ _ _ _ session _ <"/proc/$daemon/stat"
	equal "$session" "$daemon"
	run -75 --separate-stderr example daemon lock log 3>&-
	equal "$stderr" "daemon: already running${named:+: PID $named}"
	held lock
	kill -TERM "$daemon"
	eventually is_gone "$daemon"
	absent lock
	grep -q "daemon: PID $daemon has done" log
}

@test "daemon: one that was killed is in nobody's way" {
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

@test "daemon: a failed start is told, and leaves nothing" {
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

# Without HDF5's own locks the file may even become unreadable.
@test "hdf5: updates overlap where the lock is the process' own" {
	need_hdf5
	export HDF5_USE_FILE_LOCKING=TRUE
	run -1 --separate-stderr example hdf5 --process-owned data.h5
	like "$output" ', [1-9][0-9]* overlaps$'
}

@test "hdf5: what goes wrong is told" {
	need_hdf5
	run -1 --separate-stderr example hdf5
	equal "$stderr" "Usage: hdf5 [--process-owned] NEW-FILE"
	echo content >data
	run -1 example hdf5 data
	equal "${lines[-1]}" "hdf5: data: cannot be created"
	equal "$(<data)" content
}
