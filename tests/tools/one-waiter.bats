#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire --one-waiter: one more run after the present one, and no more.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

nothing_left() {
	equal "$(ls)" "$(printf '%s\n' "$@")"
}

# have_ended NUMBER: of those that write their exit status to the file statuses.  A
# PID may be that of another process by then.
have_ended() {
	[ "$(wc -l <statuses)" -ge "$1" ]
}

@test "a free lock is taken, as ever" {
	run -7 lf-acquire -1 lock sh -c 'ls; exit 7'
	equal "$output" lock
	nothing_left
}

@test "if the lock is held, one waits and the next is refused" {
	need_inspection
	hold lf-acquire lock
	queue_holder lf-acquire -1 lock
	waiter=$holder
	held lock.next
	run -75 lf-acquire --one-waiter lock true
	names_holder "$output" lock.next "$waiter" \
		"lf-acquire -1 lock sh -c $holding" '; one waits already'
	run -75 lf-acquire -1 -q lock true
	equal "$output" ""
	run -0 lf-acquire -t 9 -1 -q -E 0 lock false
	has_not_locked "$waiter"
	release "${started[0]}"
	holds "$waiter"
	release "$waiter"
	nothing_left
}

@test "the place is free before COMMAND starts: whatever comes then, runs" {
	need_proc_locks
	hold lf-acquire -1 lock
	first=$holder
	queue_holder lf-acquire -1 lock
	second=$holder
	release "$first"
	holds "$second"
	absent lock.next
	queue_holder lf-acquire -1 lock
	third=$holder
	run -75 lf-acquire -1 lock true
	release "$second"
	holds "$third"
	release "$third"
	nothing_left
}

@test "100 callers during a run: exactly one more run, after the last of them" {
	need_proc_locks
	hold lf-acquire -1 lock
	: >statuses
	for n in {1..100}; do
		start sh -c 'lf-acquire -q -1 lock sh -c "echo run >>runs"
			echo $? >>statuses'
	done
	eventually have_ended 99
	equal "$(sort -u statuses)" 75
	held lock.next
	absent runs
	release "$holder"
	eventually have_ended 100
	started=()
	equal "$(<runs)" run
	nothing_left runs statuses
}

# A run sees all that was announced before it started.  The last caller either runs,
# or is refused because a run is to start.
@test "no caller is lost, however many come at any time" {
	mkdir news
	: >statuses
	for ((n = 1; n <= 300; n++)); do
		start sh -c 'touch "news/$0" && lf-acquire -q -E 0 -1 lock sh -c "
			ls news >list && mv list seen"
			echo $? >>statuses' "$n"
		((n % 20)) || eventually have_ended $((n - 10))
	done
	eventually have_ended 300
	started=()
	equal "$(sort -u statuses)" 0
	equal "$(<seen)" "$(ls news)"
	rm -r news seen
	nothing_left statuses
}

@test "a waiter that is killed or gives up frees the place" {
	need_proc_locks
	need_signals TERM
	hold lf-acquire lock
	for signal in KILL TERM; do
		queue lf-acquire -1 lock true
		kill "-$signal" "$pid"
		finish "$pid"
		free lock.next
	done
	run -75 lf-acquire -t 0.05 -1 lock true
	like "$output" '^lf-acquire: lock: held .*; timed out$'
	absent lock.next
	queue lf-acquire -1 lock true
	release "$holder"
	finish "$pid"
	equal "$status" 0
	nothing_left
}

# A caller that was refused has its first byte until it has closed the file, and the
# waiter may have given the place back meanwhile: a run has started, and nobody waits.
# Here a program has that byte until the next caller, refused, looks for a holder.
passing_by='import fcntl, os, subprocess, sys
def looks(pid, fd):
    flags = open("/proc/%d/fdinfo/%s" % (pid, fd)).read().split()[3]
    name = os.readlink("/proc/%d/fd/%s" % (pid, fd))
    return name.endswith("/lock.next") and int(flags, 8) & os.O_PATH
def any_looks(pid):
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            if looks(pid, fd):
                return True
        except OSError:
            pass
place = os.open("lock.next", os.O_CREAT | os.O_RDWR)
fcntl.lockf(place, fcntl.LOCK_EX, 1)
caller = subprocess.Popen(["lf-acquire", "-1", "lock", "touch", "ran"])
print(caller.pid, flush=True)
while caller.poll() is None and not any_looks(caller.pid):
    pass
os.close(place)
sys.exit(caller.wait())'

@test "the place is refused only while one waits, not by a caller in passing" {
	need_inspection
	need_locks_of_descriptors
	need python3
	hold lf-acquire lock
	channel "$BATS_TEST_TMPDIR/caller"
	start python3 -c "$passing_by" >&"$fd"
	next "$fd"
	queued "$line"
	held lock.next
	release "$holder"
	finish "$pid"
	equal "$status" 0
	present ran
	rm ran fdinfo
	nothing_left
}

@test "-k, -m, -p, -s, -a and -F work as ever" {
	need_proc_locks
	need_shared_locks
	umask 077
	hold lf-acquire -m 640 lock
	first=$holder
	queue lf-acquire -1 -k -p -F -m 640 -a other lock sh -c 'cat lock; echo $$ >pid'
	waiter=$pid
	equal "$(stat -c '%a %s' lock.next)" "640 0"
	release "$first"
	finish "$waiter"
	equal "$status" 0
	present lock.next
	present other
	rm lock lock.next other pid
	hold lf-acquire -s lock
	run -0 lf-acquire -1 -s lock true
	queue lf-acquire -1 lock true
	release "$holder"
	finish "$pid"
	nothing_left
}

@test "with --slots one waits for a slot" {
	need_proc_locks
	hold lf-acquire -1 -N 2 lock
	one=$holder
	hold lf-acquire -1 -N 2 lock
	queue lf-acquire -1 -N 2 lock sh -c 'test $LF_SLOT = 1'
	waiter=$pid
	run -75 lf-acquire -1 -N 2 lock true
	like "$output" '^lf-acquire: lock.next: held .*; one waits already$'
	release "$one"
	finish "$waiter"
	equal "$status" 0
	release "$holder"
	nothing_left
}

@test "--one-waiter is refused with --fd, and where it may not wait" {
	exec 9>>lock
	run -64 lf-acquire -1 --fd 9
	like "$output" '^lf-acquire: --fd cannot be used with .*--one-waiter'
	exec 9>&-
	rm lock
	for options in -n '-t 0'; do
		# shellcheck disable=SC2086 # words
		run -64 lf-acquire -1 $options lock true
		like "$output" '^lf-acquire: --one-waiter cannot be used with --no-wait'
	done
	nothing_left
}

@test "a place that cannot be locked is named" {
	need_proc_locks
	hold lf-acquire lock
	mkdir lock.next
	run -66 lf-acquire -1 lock true
	like "$output" '^lf-acquire: lock.next: is a directory'
	release "$holder"
	nothing_left lock.next
}
