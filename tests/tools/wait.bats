#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-check --wait.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# begin_check ARGUMENT...: in the background; its output is in "said".
begin_check() {
	start sh -c 'exec lf-check "$@" >said 2>&1' sh "$@"
}

# watches PID FILE: the kernel will wake it.
watches() {
	grep -qs "^inotify .* ino:$(printf %x "$(stat -c %i "$2")") " \
		"/proc/$1/fdinfo/"*
}

need_watch() {
	tr '\0' '\n' <"$(type -P lf-check)" | grep -x inotify_init1 \
		>/dev/null || skip "built without inotify"
}

# polls: each wait, and how it ended.
polls() {
	grep -E '^p?poll\(\[.*events=' calls
}

@test "a free lock is not waited for" {
	local option

	: >lock
	mkdir dir
	for option in -w --wait '-t 60' '-t0' '--timeout=60' '-w -t 60'; do
		# shellcheck disable=SC2086 # several words
		run -1 --separate-stderr lf-check $option lock missing dir
		equal "$output" "lock: free"$'\n'"missing: free"
		equal "$stderr" ""
	done
}

@test "a lock that is released ends the wait, with status 1" {
	local checker keep option

	need_watch
	for option in -w '-t 3600' '-w -q' '-w -p'; do
		keep=()
		[ "$option" != -w ] || keep=(-k)
		hold lf-acquire "${keep[@]}" lock
		# shellcheck disable=SC2086 # several words
		begin_check $option lock
		checker=$pid
		eventually watches "$checker" lock
		release "$holder"
		finish "$checker"
		equal "$status" 1
		case $option in
		*-[pq]) equal "$(<said)" "" ;;
		*) equal "$(<said)" "lock: free" ;;
		esac
	done
}

@test "a file or directory that flock(2) holds is waited for" {
	local checker path

	need_watch
	need flock
	need_inspection
	mkdir dir
	: >lock
	for path in lock dir; do
		hold flock "$path"
		run -0 lf-check -t 0.05 "$path"
		like "$output" "^$path/?: held by PID $holder: "
		begin_check -w "$path"
		checker=$pid
		eventually watches "$checker" "$path"
		release "$holder"
		finish "$checker"
		equal "$status" 1
	done
}

@test "a wait that times out is status 0 and names the holder" {
	hold lf-acquire lock
	run -0 --separate-stderr lf-check -t 0.05 lock
	begins "$output" "lock: held"
	equal "$stderr" ""
	run -0 lf-check -t 0 lock
	run -0 lf-check -w -q -t 0.01 lock
	equal "$output" ""
	run -0 lf-check -t 0.01 -w lock
	held lock
}

@test "all of several files are waited for" {
	local first checker

	need_watch
	hold lf-acquire one
	first=$holder
	hold lf-acquire two
	begin_check -w one free two
	checker=$pid
	eventually watches "$checker" one
	release "$first"
	eventually watches "$checker" two
	release "$holder"
	finish "$checker"
	equal "$status" 1
	equal "$(<said)" $'one: free\nfree: free\ntwo: free'
}

@test "a directory is waited for until nothing in it is held" {
	local first checker

	need_watch
	mkdir dir
	hold lf-acquire dir/one
	first=$holder
	hold lf-acquire dir/two
	begin_check -w dir
	checker=$pid
	eventually watches "$checker" dir/one
	release "$first"
	eventually watches "$checker" dir/two
	release "$holder"
	finish "$checker"
	equal "$status" 1
	equal "$(<said)" ""
}

@test "kill -9 of the holder ends the wait" {
	need_watch
	hold lf-acquire -F lock
	begin_check -w lock
	eventually watches "$pid" lock
	kill_holder
	finish "$pid"
	equal "$status" 1
}

@test "the COMMAND of an lf-acquire that was killed is waited for" {
	local checker

	need_watch
	need_locks_of_descriptors
	hold lf-acquire lock
	begin_check -w lock
	checker=$pid
	eventually watches "$checker" lock
	kill_holder
	run -0 lf-check -q lock
	run ! is_gone "$checker"
	let_end "$holder"
	finish "$checker"
	equal "$status" 1
}

@test "a file without write access is waited for by its process alone" {
	local checker sharer

	need_unprivileged
	need_shared_locks
	need_locks_of_descriptors
	: >lock
	chmod 444 lock
	channel said
	mkfifo end
	chmod 777 . said end
	start unprivileged lf-acquire -s lock \
		sh -c 'echo ready >said; read -r _ <end'
	sharer=$pid
	next "$fd"
	start lf-check -q -w lock
	checker=$pid
	echo >end
	finish "$sharer"
	finish "$checker"
	equal "$status" 1
}

@test "a release without a close ends the wait as well" {
	local checker

	need_locks_of_descriptors
	exec 9>>lock
	lf-acquire --fd 9
	begin_check -w lock
	checker=$pid
	eventually test -e said
	lf-acquire -u --fd 9
	finish "$checker"
	equal "$status" 1
}

@test "a waiter in the queue gets the lock before the wait ends" {
	local first checker

	need_watch
	need_proc_locks
	hold lf-acquire lock
	first=$holder
	begin_check -w lock
	checker=$pid
	eventually watches "$checker" lock
	queue_holder lf-acquire -w lock
	release "$first"
	holds "$holder"
	run ! is_gone "$checker"
	release "$holder"
	equal "$status" 0
	finish "$checker"
	equal "$status" 1
	absent lock
}

# go_on PID: until it stops again; fails if it ends.
go_on() {
	kill -CONT "$1"
	eventually is_stopped_or_gone "$1"
	is_stopped "$1"
}

is_stopped_or_gone() {
	is_stopped "$1" || is_gone "$1"
}

# A waiter that is stopped is not in the list, as one that has been woken and has no
# processor yet.  lf-check stops before each of its pauses: one follows the release,
# and one the look meanwhile.
@test "a lock that is being handed over is not free yet" {
	local first next checker

	need_faults
	need_watch
	need_proc_locks
	hold lf-acquire -k lock
	first=$holder
	queue_holder lf-acquire -k -w lock
	next=$holder
	start env FAULTY=poll:STOP faulty-check -w lock
	checker=$pid
	eventually is_stopped "$checker"
	kill -STOP "$next"
	eventually is_stopped "$next"
	release "$first"
	go_on "$checker"
	go_on "$checker"
	kill -CONT "$next"
	holds "$next"
	go_on "$checker"
	release "$next"
	while ! is_gone "$checker"; do
		kill -CONT "$checker" || :
		pause
	done
	finish "$checker"
	equal "$status" 1
}

@test "lf-check -w never makes lf-acquire fail" {
	local checkers=()

	hold lf-acquire -k lock
	for _ in {1..5}; do
		begin_check -w lock
		checkers+=("$pid")
	done
	release "$holder"
	for _ in {1..50}; do
		run -0 lf-acquire -k lock true
	done
	for pid in "${checkers[@]}"; do
		finish "$pid"
		equal "$status" 1
	done
}

# watch RELEASE...: $woken says whether the kernel wakes lf-check at the release.
watch() {
	local checker strace

	rm -f calls
	start strace -o calls lf-check -w -q lock 9>&-
	strace=$pid
	eventually grep -qs 'inotify_add_watch(' calls
	read -r checker _ <"/proc/$strace/task/$strace/children" || :
	eventually is_asleep "$checker"
	"$@"
	finish "$strace"
	equal "$status" 1
	woken=
	! polls | tail -n 1 | grep -q '= [12] ' || woken=yes
}

@test "the kernel wakes lf-check" {
	local round woken

	need_watch
	need_strace
	# The half second may be over just then, but not each time.
	for round in {1..10}; do
		hold lf-acquire lock
		watch release "$holder"
		[ ! "$woken" ] || return 0
	done
	equal "$(polls)" "woken once in $round rounds"
}

close_9() {
	exec 9>&-
}

@test "the kernel wakes lf-check though neither file nor process ends" {
	local round woken

	need_watch
	need_strace
	need_locks_of_descriptors
	for round in {1..10}; do
		exec 9>>lock
		run -0 lf-acquire --fd 9
		watch close_9
		[ ! "$woken" ] || return 0
	done
	equal "$(polls)" "woken once in $round rounds"
}

@test "the process of the holder is watched as well" {
	need_watch
	need_strace
	need_inspection
	hold lf-acquire lock
	start strace -o calls lf-check -w -q lock
	eventually grep -Eqs "^pidfd_open\($holder, 0\) += [0-9]" calls
	release "$holder"
	finish "$pid"
	equal "$status" 1
	run ! grep -E 'SETLK|flock\(|O_CREAT|O_WRONLY|O_RDWR|O_TRUNC|unlink|utime' calls
}

@test "other lf-checks do not wake it" {
	local before strace

	need_watch
	need_strace
	hold lf-acquire lock
	begin_check -w lock
	eventually watches "$pid" lock
	start strace -o calls lf-check -w -q lock
	strace=$pid
	eventually grep -qs 'inotify_add_watch(' calls
	for _ in {1..30}; do
		lf-check lock >/dev/null
	done
	run ! grep -E '^p?poll\(\[.*= [12] ' calls
	release "$holder"
	finish "$strace"
}

@test "a file that fails is an error, after the wait for the others" {
	need_watch
	mkfifo fifo
	hold lf-acquire lock
	begin_check -w fifo lock
	eventually watches "$pid" lock
	release "$holder"
	finish "$pid"
	equal "$status" 2
	equal "$(sort said)" "lf-check: fifo: is not a regular file"$'\n'"lock: free"
}

@test "a signal ends the wait" {
	local signal

	need_watch
	need_signals TERM INT
	for signal in TERM INT; do
		hold lf-acquire lock
		start env --default-signal="$signal" lf-check -w lock
		eventually watches "$pid" lock
		ends_by "$signal"
		release "$holder"
	done
}

@test "an invalid time is status 64" {
	local time

	: >lock
	for time in '' x -1 1x 1..5 '1 ' +1 2147484 1e3 inf 0x1; do
		run -64 --separate-stderr lf-check -t "$time" lock
		equal "$output" ""
		like "$stderr" '^lf-check: invalid time .*: give seconds'
	done
	run -64 lf-check -t
	run -64 lf-check lock -t
}

@test "a table is printed after the wait" {
	need_tables
	need_watch
	hold lf-acquire lock
	begin_check -w -rno LOCKFILE,ROLE lock
	eventually watches "$pid" lock
	release "$holder"
	finish "$pid"
	equal "$status" 1
	equal "$(<said)" "lock free"
	hold lf-acquire lock
	run -0 lf-check -t 0.01 -rno LOCKFILE,ROLE lock
	equal "$output" "lock holder"
}
