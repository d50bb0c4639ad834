#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire --slots: N at a time, and lf-check of a lock file with slots.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# fill: all of three slots of lock are held, by ${holders[@]}.
fill() {
	local n

	holders=()
	for n in 1 2 3; do
		hold lf-acquire -N 3 lock || return
		holders+=("$holder")
	done
}

# release_all PID...
release_all() {
	local one

	for one; do
		release "$one" || return
	done
}

is_waiting_for_slots() {
	lf-check lock | grep -q '^  waiting: '
}

is_all_free() {
	! lf-check -q lock
}

nothing_left() {
	rm -f fdinfo # of need_locks_of_descriptors
	equal "$(ls)" ""
}

# --- Running COMMAND

@test "COMMAND gets a slot, its number, and the descriptor of nothing else" {
	run -7 lf-acquire -N 3 lock sh -c 'ls; echo "$LF_SLOT"; exit 7'
	equal "${lines[*]}" "lock.1 1"
	LF_SLOT=9 run -0 lf-acquire -N 3 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 1
	nothing_left
	run -0 lf-acquire --slots=1000 ./lock lf-check -q lock.1
	nothing_left
	run -0 lf-acquire lock sh -c 'echo "${LF_SLOT-none}"'
	equal "$output" none
	need_locks_of_descriptors
	run -0 lf-acquire -N 3 "$lock" sh -c 'readlink /proc/$$/fd/*; :' 3>&-
	equal "$(grep -c "^$lock" <<<"$output")" 1
	like "$output" "$lock.1"
}

@test "each of N gets the first free slot, the next one is refused" {
	need_holders_with_names
	fill
	for n in 1 2 3; do held "lock.$n"; done
	absent lock
	run -75 lf-acquire -N 3 lock true
	names_holder "$output" lock.1 "${holders[0]}" \
		"lf-acquire -N 3 lock sh -c $holding" '; no slot is free'
	run -75 lf-acquire -q -n -N 3 lock true
	equal "$output" ""
	run -9 lf-acquire -E 9 -N 3 lock true
	run -75 lf-acquire -t 0.05 -N 3 lock true
	names_holder "$output" lock.1 "${holders[0]}" \
		"lf-acquire -N 3 lock sh -c $holding" '; no slot is free; timed out'
	absent lock
	release "${holders[1]}"
	run -0 lf-acquire -N 3 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 2
	release_all "${holders[0]}" "${holders[2]}"
	nothing_left
}

@test "a slot of which only the file is left is free" {
	: >lock.1
	run -0 lf-acquire -N 1 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 1
	nothing_left
}

@test "-a counts no slot of which only the file is left" {
	need_inspection
	hold lf-acquire -k -N 2 lock
	: >lock.2
	run -0 lf-check -a lock
	equal "${lines[0]}" "lock: 1 of 2 slots held"
	release "$holder"
	run -1 lf-check -a lock
	equal "$output" "lock: free"
}

@test "-k, -m, -p, -F and -o apply to the slot" {
	umask 077
	run -0 lf-acquire -k -m 640 -N 2 lock stat -c %a lock lock.1
	equal "${lines[*]}" "640 640"
	rm lock lock.1
	run -0 lf-acquire -p -N 2 lock sh -c 'cat lock.1; echo "$PPID"; ls'
	equal "${lines[0]} ${lines[2]}" "${lines[1]} lock.1"
	nothing_left
	# The queue has none, and its content does not matter.
	echo content >lock
	run -0 lf-acquire -p -N 2 lock cat lock
	equal "$output" content
	rm lock
	run -0 lf-acquire -o -N 2 lock sh -c 'readlink /proc/$$/fd/*; :' 3>&-
	[[ $output != *lock* ]]
	nothing_left
	need_holders_with_names
	run -0 lf-acquire -F -N 2 lock sh -c 'lf-check -p lock; echo $$ $$'
	equal "${lines[0]} ${lines[0]}" "${lines[1]}"
	equal "$(ls)" lock.1
}

@test "kill -9 of lf-acquire does not free the slot of its COMMAND" {
	need_locks_of_descriptors
	need_proc_locks
	hold lf-acquire -N 1 lock
	queue_holder lf-acquire -w -N 1 lock
	waiter=$holder
	first=${started[0]}
	kill -KILL "$first"
	finish "$first"
	run -75 lf-acquire -N 1 lock true
	has_not_locked "$waiter"
	let_end "$first"
	holds "$waiter"
	release "$waiter"
	nothing_left
}

# --- Waiting

@test "200 jobs through 3 slots: never 4, and 3 as long as 3 are left" {
	local busy=() n
	channel "$BATS_TEST_TMPDIR/begun"
	begun=$fd
	for n in 1 2 3; do
		channel "$BATS_TEST_TMPDIR/go.$n"
		go[n]=$fd
	done
	export BATS_TEST_TMPDIR
	for ((n = 0; n < 200; n++)); do
		start lf-acquire -w -N 3 lock sh -c '
			mkdir "$BATS_TEST_TMPDIR/busy.$LF_SLOT" || LF_SLOT=twice
			echo "$LF_SLOT" >"$BATS_TEST_TMPDIR/begun"
			read -r _ <"$BATS_TEST_TMPDIR/go.$LF_SLOT"
			rmdir "$BATS_TEST_TMPDIR/busy.$LF_SLOT"'
	done
	for ((n = 0; n < 200; n++)); do
		next "$begun"
		[ -z "${busy[line]-}" ]
		[[ $line == [123] ]]
		busy[line]=yes
		((n >= 2)) || continue
		equal "${!busy[*]}" "1 2 3"
		! read -r -t 0 -u "$begun" || false
		slot=$((RANDOM % 3 + 1))
		unset "busy[$slot]"
		echo >&"${go[slot]}"
	done
	for slot in "${!busy[@]}"; do
		echo >&"${go[slot]}"
	done
	eventually is_all_free
	started=()
	nothing_left
}

@test "waiters get slots in the order of their arrival" {
	need_proc_locks
	need_flock
	need_locks_of_descriptors
	fill
	waiters=()
	for n in {1..8}; do
		queue_holder lf-acquire -w -N 3 lock
		waiters+=("$holder")
	done
	release "${holders[2]}"
	for n in {0..7}; do
		holds "${waiters[n]}"
		for next in "${waiters[@]:n+1}"; do
			has_not_locked "$next"
		done
		release "${waiters[n]}"
	done
	release_all "${holders[@]:0:2}"
	nothing_left
}

@test "a slot that another program locks meanwhile is passed over" {
	need_faults
	local first

	# The file of the queue is created first, that of the slot then.
	FAULTY=create:STOP:2 start faulty-acquire -N 2 lock sh -c 'echo "$LF_SLOT" >ran'
	first=$pid
	eventually is_stopped "$first"
	hold lf-acquire lock.1
	kill -CONT "$first"
	finish "$first"
	equal "$status" 0
	equal "$(<ran)" 2
	release "$holder"
}

@test "a slot that becomes free just before it is waited for is taken" {
	need_faults
	local first

	# One thread is that of the wait of lf-acquire, the next one waits for the slot.
	hold lf-acquire -N 1 lock
	FAULTY=pthread_create:STOP:2 start faulty-acquire -w -N 1 lock touch ran
	first=$pid
	eventually is_stopped "$first"
	release "$holder"
	kill -CONT "$first"
	finish "$first"
	equal "$status" 0
	present ran
}

@test "a slot that cannot be waited for is an error that names it, and ends the waits" {
	need_faults
	local fault first slot

	fill
	# One thread is that of the wait of lf-acquire.
	for fault in "pthread_create:EAGAIN 2" "pipe:EMFILE 1"; do
		first=${fault#* }
		for slot in 1 2 3; do
			FAULTY=${fault% *}:$((first + slot - 1)) run -71 \
				timeout 60 faulty-acquire -w -N 3 lock touch ran
			like "$output" "^lf-acquire: lock.$slot: .* ulimit -[an]$"
			absent ran lock
		done
	done
	for slot in 1 2 3; do held "lock.$slot"; done
	release_all "${holders[@]}"
	nothing_left
}

@test "kill -9 of a holder starts the first waiter" {
	need_proc_locks
	fill
	queue_holder lf-acquire -w -N 3 lock
	waiter=$holder
	{ read -r command <"/proc/${holders[1]}/task/${holders[1]}/children"; } || :
	kill -KILL "${holders[1]}" ${command:+$command}
	finish "${holders[1]}"
	holds "$waiter"
	release_all "$waiter" "${holders[0]}" "${holders[2]}"
	nothing_left
}

@test "kill -9 or a signal to the first waiter: the next is first" {
	need_proc_locks
	fill
	for signal in KILL TERM; do
		queue lf-acquire -w -N 3 lock true
		head=$pid
		queue_holder lf-acquire -w -N 3 lock
		kill "-$signal" "$head"
		finish "$head"
		equal "$status" $((128 + $(kill -l "$signal")))
		queued "$holder"
		release "${holders[0]}"
		holds "$holder"
		holders[0]=$holder
	done
	release_all "${holders[@]}"
	nothing_left
}

@test "-t is one limit on the wait in the queue and for a slot" {
	need_proc_locks
	fill
	run -75 lf-acquire -t 0.1 -N 3 lock true
	like "$output" '^lf-acquire: lock.1: held .*; no slot is free; timed out$'
	queue lf-acquire -w -N 3 lock true
	head=$pid
	run -75 lf-acquire -t 0.1 -N 3 lock true
	like "$output" '^lf-acquire: lock.1: held .*; no slot is free; timed out$'
	release_all "${holders[@]}"
	finish "$head"
	equal "$status" 0
	nothing_left
}

@test "the first waiter does not poll: it makes no system call" {
	need_strace
	need_proc_locks
	need_locks_of_descriptors
	fill
	queue_holder lf-acquire -w -N 3 lock
	# It starts a thread for each slot.
	for n in 1 2 3; do
		eventually waits_for "lock.$n"
	done
	eventually is_asleep "$holder"
	start strace -f -o trace -p "$holder"
	eventually grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$holder/status"
	for n in {1..20}; do
		run -75 lf-acquire -N 3 lock true
		run -0 lf-check lock
	done
	kill -INT "$pid"
	finish "$pid"
	cat trace
	run -1 grep -E ' = [0-9]|ERESTART.*\n' trace
	rm trace
	release "${holders[0]}"
	holds "$holder"
	release_all "$holder" "${holders[@]:1}"
	nothing_left
}

@test "a limit on open files does not limit the slots that can be waited for" {
	need_proc_locks
	need_locks_of_descriptors
	holders=()
	for n in {1..20}; do
		hold lf-acquire -N 20 lock
		holders+=("$holder")
	done
	queue bash -c 'ulimit -Sn 40; exec lf-acquire -w -N 20 lock sh -c "ulimit -Sn >limit"'
	release "${holders[7]}"
	finish "$pid"
	equal "$status" 0
	equal "$(<limit)" 40
	rm limit
	release_all "${holders[@]:0:7}" "${holders[@]:8}"
	nothing_left
}

# --- Not waiting

@test "a caller that does not wait is not refused because another takes a slot" {
	channel "$BATS_TEST_TMPDIR/all"
	all=$fd
	for round in {1..10}; do
		pids=()
		for n in {1..8}; do
			start lf-acquire -n -N 8 lock \
				sh -c "read -r _ <'$BATS_TEST_TMPDIR/all'"
			pids+=("$pid")
		done
		for n in {1..8}; do
			echo >&"$all"
		done
		for pid in "${pids[@]}"; do
			finish "$pid"
			equal "$status" 0
		done
	done
	nothing_left
}

# The holder of the queue counts too, and holds one slot after the other for an
# instant.  Here a program does so: it has the first slot while the caller looks at that,
# and the second while the caller, stopped in between, looks at this.
counting='import fcntl, os, signal, subprocess, sys
def lock(name):
    file = open(name, "w")
    fcntl.lockf(file, fcntl.LOCK_EX)
    return file
def has_open(pid, name):
    try:
        links = ["/proc/%d/fd/%s" % (pid, fd) for fd in os.listdir("/proc/%d/fd" % pid)]
        return any(os.readlink(link).endswith(name) for link in links)
    except OSError:
        return False
def is_queued(pid):
    return any("->" in line and " %d " % pid in line for line in open("/proc/locks"))
queue, slot = lock("lock"), lock("lock.1")
open("lock.2", "w").close()
tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-P", "lock.2",
    "-e", "inject=openat:signal=STOP:when=1",
    "sh", "-c", "echo $$ >pid; exec lf-acquire -n -N 2 lock touch ran"])
while not os.path.exists("pid") or not open("pid").read():
    pass
pid = int(open("pid").read())
while tracer.poll() is None and not has_open(pid, "/lock.2"):
    pass
slot = slot.close(), lock("lock.2")
while tracer.poll() is None and not is_queued(pid):
    os.kill(pid, signal.SIGCONT)
slot[1].close()
queue.close()
sys.exit(tracer.wait())'

# The caller gives up where this machine is too slow.
gets_in() {
	rm -f pid
	start python3 -c "$counting"
	finish "$pid"
	[ "$status" -eq 0 ]
}

@test "a caller that does not wait does not count slots that another only looks at" {
	need_inspection
	need_locks_of_descriptors
	need_strace
	need python3
	for ((n = 1; n < 5; n++)); do
		! gets_in || break
	done
	present ran
	rm -f ran pid
	nothing_left
}

@test "a caller that does not wait is refused while another waits for a smaller N" {
	need_inspection
	hold lf-acquire -N 3 lock
	one=$holder
	queue_holder lf-acquire -w -N 1 lock
	run -75 lf-acquire -N 3 lock true
	names_holder "$output" lock "$holder" \
		"lf-acquire -w -N 1 lock sh -c $holding"
	release "$one"
	holds "$holder"
	release "$holder"
	nothing_left
}

@test "a smaller N lets nobody in until the number has fallen below it" {
	need_proc_locks
	fill
	run -75 lf-acquire -N 1 lock true
	queue_holder lf-acquire -w -N 2 lock
	release "${holders[0]}"
	run -75 lf-acquire -N 2 lock true
	has_not_locked "$holder"
	queued "$holder"
	release "${holders[1]}"
	holds "$holder"
	held lock.1
	held lock.3
	run -75 lf-acquire -N 2 lock true
	run -0 lf-acquire -N 3 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 2
	release_all "$holder" "${holders[2]}"
	nothing_left
}

# --- lf-check

@test "lf-check shows how many slots are held, by which processes, and the queue" {
	need_inspection
	hold lf-acquire -N 3 lock
	one=$holder
	hold lf-acquire -o --slots 3 lock
	two=$holder
	run -0 lf-check lock
	equal "${lines[0]}" "lock: 2 of 3 slots held"
	begins "${lines[1]}" "  slot 1: $(process "$one" "lf-acquire -N 3 lock sh -c $holding")"
	begins "${lines[2]}" "  slot 2: $(process "$two" "lf-acquire -o -N 3 lock sh -c $holding")"
	equal "${#lines[@]}" 3
	queue lf-acquire -w -N 2 lock true
	head=$pid
	queue lf-acquire -t 600 --slots=3 lock true
	run -0 lf-check lock other
	begins "${lines[3]}" "  waiting: $(process "$head" 'lf-acquire -w -N 2 lock true')"
	begins "${lines[4]}" "  then: $(process "$pid" 'lf-acquire -t 600 --slots=3 lock true')"
	equal "${lines[5]}" "other: free"
	release_all "$one" "$two"
	finish "$head"
	finish "$pid"
	run -1 lf-check lock
	equal "$output" "lock: free"
	nothing_left
}

@test "lf-check of a lock file: status, -p, -w and -t count its slots" {
	need_inspection
	hold lf-acquire -N 1 ./lock
	run -0 lf-check -q lock
	run -0 lf-check -p lock
	equal "$output" "$holder"
	run -0 lf-check lock
	equal "${lines[0]}" "lock: 1 of 1 slot held"
	run -0 lf-check -t 0.05 lock
	start lf-check -w lock
	release "$holder"
	finish "$pid"
	equal "$status" 1
}

is_asleep_or_gone() {
	is_asleep "$1" || is_gone "$1"
}

# On a very busy machine its time may be over before.
@test "lf-check -w sees a slot that is taken meanwhile" {
	local first checker paths

	need_holders_with_names
	mkdir directory
	for paths in lock 'directory lock'; do
		hold lf-acquire -N 2 lock
		first=$holder
		# shellcheck disable=SC2086 # words
		start lf-check -q -w -t 2 $paths
		checker=$pid
		eventually is_asleep_or_gone "$checker"
		hold lf-acquire -N 2 lock
		release "$first"
		finish "$checker"
		equal "$status" 0
		release "$holder"
	done
}

# It has seen the names of the slots, and not yet whether they are files, or held.
@test "lf-check: a lock file with a slot that changes hands is not free" {
	local call option checker first

	need_faults
	need_holders_with_names
	need_locks_of_descriptors
	for option in -q -p '-w -t 0.1' '-q lstat'; do
		call=F_OFD_GETLK
		[[ $option != *lstat ]] || call=lstat
		hold lf-acquire -N 2 lock
		first=$holder
		# shellcheck disable=SC2086 # an option and its argument
		FAULTY=$call:STOP:1 start faulty-check ${option%lstat} lock
		checker=$pid
		eventually is_stopped "$checker"
		hold lf-acquire -N 2 lock
		release "$first"
		kill -CONT "$checker"
		finish "$checker"
		equal "$status" 0
		release "$holder"
	done
	# Files alone are no locks.
	run -0 lf-acquire -k -N 2 lock true
	present lock.1
	run -1 lf-check lock
	equal "$output" "lock: free"
}

@test "lf-check: other files beside the lock file are no slots" {
	need_holders_with_names
	mkdir lock.1
	mkfifo lock.2
	touch lock.3 lock.x lock.04 lock.1001 lock3
	flock lock.1 -c 'lf-check lock; echo $?' >answer
	equal "$(cat answer)" $'lock: free\n1'
	for file in lock.x lock.04 lock.1001 lock3; do
		hold lf-acquire -k "$file"
		run -1 lf-check lock
		equal "$output" "lock: free"
		release "$holder"
	done
	for file in lock.3 lock.1000; do
		hold lf-acquire -k "$file"
		run -0 lf-check lock
		equal "${lines[0]}" "lock: 1 slot held"
		release "$holder"
	done
}

@test "lf-check: lock files in two directories have slots of their own" {
	need_holders_with_names
	mkdir one two
	hold lf-acquire -k two/lock.1
	run -0 lf-check one/lock two/lock
	equal "${lines[0]}" "one/lock: free"
	equal "${lines[1]}" "two/lock: 1 slot held"
	release "$holder"
}

@test "lf-check: a slot that is given beside its lock file is shown once" {
	need_holders_with_names
	hold lf-acquire -N 2 lock
	for order in 'lock lock.1' 'lock.1 lock'; do
		# shellcheck disable=SC2086 # words
		run -0 lf-check $order
		equal "${#lines[@]}" 2
		like "${lines[0]}" '^lock: 1 (of 2 )?slots? held$'
		begins "${lines[1]}" "  slot 1: PID $holder"
	done
	run -0 lf-check lock.1 lock.2 lock
	begins "${lines[0]}" "lock.2: free"
	equal "${#lines[@]}" 3
	need_tables
	run -0 lf-check -lnro LOCKFILE,ROLE lock lock.1
	equal "$output" $'lock free\nlock.1 holder'
	release "$holder"
	run -1 lf-check lock lock.1
	equal "$output" $'lock: free\nlock.1: free'
}

# Ten times as many files take ten times as long, and not a hundred times: counted are
# instructions, not seconds.
@test "lf-check: many files whose names end in numbers cost no more than others" {
	type -P valgrind >/dev/null || skip "needs valgrind, which is optional"
	! calls __asan_init && ! calls __tsan_init || skip "built with a sanitizer"
	mkdir few many
	touch few/{a,b}.{1..100} many/{a,b}.{1..1000}
	instructions few
	few=$count
	instructions many
	echo "$few $count"
	[ "$count" -lt $((20 * few)) ]
}

# $count: of lf-check with all files in DIRECTORY, and of the loader.  Twice the same, or
# nearly: the list of all locks is read again while other programs change it.
instructions() {
	local last

	count=0
	for _ in {1..20}; do
		last=$count
		valgrind --tool=callgrind --callgrind-out-file=/dev/null \
			--log-file=callgrind lf-check "$1"/* >/dev/null || :
		count=$(sed -n 's/.*Collected : //p' callgrind)
		if ((count < last + last / 100 && last < count + count / 100)); then
			return
		fi
	done
	echo "never twice the same: $last, $count"
	return 1
}

@test "lf-check: the queue held by another program lets nobody in, and is shown" {
	need_inspection
	hold lf-acquire -N 2 lock
	one=$holder
	hold lf-acquire lock
	run -0 lf-check lock
	equal "${lines[0]}" "lock: 1 of 2 slots held"
	begins "${lines[2]}" "  the queue is held by PID $holder"
	release "$one"
	release "$holder"
	nothing_left
}

@test "lf-check finds slots in a directory that it may only search" {
	need_unprivileged
	mkdir secret
	chmod 711 secret
	hold lf-acquire -m 666 -N 3 secret/lock
	run -0 unprivileged lf-check secret/lock
	like "${lines[0]}" '^secret/lock: 1 (of 3 )?slots? held$'
	release "$holder"
}

@test "--mine: a slot that cannot be examined is unknown, and what is no file is none" {
	need_unprivileged
	chmod 711 .
	touch lock.1
	mkdir lock.2
	ln -s nowhere lock.3
	chmod 0 lock.1
	run -2 unprivileged lf-check --mine lock
	begins "$output" "lf-check: lock.1: permission denied"
	rm lock.1
	run -1 unprivileged lf-check --mine lock
	equal "$output" ""
}

# --- Errors

@test "N is a number from 1 to 1000" {
	for n in 0 00 -1 1001 99999999999999999999 x '' 3x 1.5 ' 3'; do
		run -64 lf-acquire -N "$n" lock true
		begins "${lines[0]}" "lf-acquire: invalid number '$n': give a number of slots from 1 to 1000"
	done
	nothing_left
}

@test "--slots is refused with --fd, --also, --shared, --follow and --no-create" {
	exec 9>>lock
	run -64 lf-acquire -N 3 --fd 9
	like "$output" '^lf-acquire: --fd cannot be used with --slots'
	exec 9>&-
	rm lock
	for options in '-a x' -s --follow --no-create; do
		# shellcheck disable=SC2086 # words
		run -64 lf-acquire -N 3 $options lock true
		begins "$output" "lf-acquire: --slots cannot be used with --"
	done
	nothing_left
}

@test "a slot that cannot be locked is named, and nothing is left" {
	mkdir lock.2
	run -66 lf-acquire -N 3 lock true
	like "$output" '^lf-acquire: lock.2: is a directory'
	equal "$(ls)" lock.2
	run -0 lf-acquire -N 1 lock true
	rmdir lock.2
	run -73 lf-acquire -N 3 missing/lock true
	like "$output" '^lf-acquire: missing/lock: '
	long=$(printf '%0255d' 0)
	run -73 lf-acquire -N 3 "$long" true
	begins "$output" "lf-acquire: $long.1: "
	run -66 lf-acquire -N 3 . true
	run -127 lf-acquire -N 3 lock ./missing
	nothing_left
}

@test "a symbolic link is no lock file with slots, and --follow is not advised" {
	ln -s target lock
	ln -s target other.1
	run -66 lf-acquire -N 2 lock true
	like "$output" 'name the file it points to$'
	run -66 lf-acquire -N 2 other true
	like "$output" 'name the file it points to$'
}

@test "a greater slot that may not be opened may be held: status 66" {
	need_unprivileged
	[ "$(id -u)" -eq 0 ] || skip "needs root, for a file of another user"
	mkdir shared
	chmod 777 shared
	: >shared/lock.9
	chmod 600 shared/lock.9
	run -66 unprivileged lf-acquire -N 2 shared/lock true
	like "$output" '^lf-acquire: shared/lock.9: permission denied'
	run -2 --separate-stderr unprivileged lf-check shared/lock
	like "$stderr" '^lf-check: shared/lock.9: permission denied'
	equal "$output" ""
	equal "$(ls shared)" lock.9
}

@test "a slot under a lease is held" {
	begin_lease keep lock.2
	run -0 lf-acquire -N 2 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 1
}

@test "with -p a slot that is only counted gets no PID" {
	echo text >lock.2
	run -0 lf-acquire -p -N 2 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 1
	equal "$(cat lock.2)" text
}

@test "with -p a slot that is only waited for gets no PID" {
	need_proc_locks
	echo text >lock.2
	hold lf-acquire -k lock.2
	start lf-acquire -w -p -N 1 lock sh -c 'cat lock.1; echo "$PPID"' >out
	waiter=$pid
	queued "$waiter"
	release "$holder"
	finish "$waiter"
	equal "$status" 0
	equal "$(cat out)" "$waiter"$'\n'"$waiter"
	equal "$(cat lock.2)" text
}

@test "a file that is no slot is not counted" {
	: >lock.02
	run -0 lf-acquire -k -N 2 lock true
	equal "$(echo lock*)" "lock lock.02 lock.1"
}

@test "a slot that is removed before it is counted is not created" {
	need_faults
	local first

	# The directory is opened for the queue first, for the slot that is counted then.
	: >lock.2
	FAULTY=openat:STOP:2 start faulty-acquire -k -N 2 lock touch ran
	first=$pid
	eventually is_stopped "$first"
	rm lock.2
	kill -CONT "$first"
	finish "$first"
	equal "$status" 0
	equal "$(echo lock*)" "lock lock.1"
}

@test "a caller that is refused beside a waiter learns of a slot" {
	need_holders_with_names
	need_proc_locks
	fill
	queue lf-acquire -w -N 3 lock true
	run -75 lf-acquire -N 3 lock true
	names_holder "$output" lock.1 "${holders[0]}" \
		"lf-acquire -N 3 lock sh -c $holding" '; no slot is free'
	run -75 lf-acquire -t 0.05 -N 3 lock true
	names_holder "$output" lock.1 "${holders[0]}" \
		"lf-acquire -N 3 lock sh -c $holding" '; no slot is free; timed out'
}

# The names are sorted.
@test "a held slot is found among any number of other files" {
	local i

	hold lf-acquire -k lock.1
	for i in 1 2 3 4 5; do
		: >"a.$i"
		run -0 lf-check lock
		equal "${lines[0]}" "lock: 1 slot held"
	done
}

@test "a file that looks like a slot of a greater number stays" {
	: >lock.9
	run -0 lf-acquire -N 2 lock true
	present lock.9
	run -0 lf-acquire -N 2 lock sh -c 'echo "$LF_SLOT"'
	equal "$output" 1
	present lock.9
}

@test "flock(2) holds a slot: it is shown, and excludes nobody" {
	need flock
	need_inspection
	hold flock lock.1
	run -0 lf-check lock
	equal "${lines[0]}" "lock: 1 slot held"
	begins "${lines[1]}" "  slot 1: PID $holder: flock lock.1 "
	run -0 lf-acquire -k -N 1 lock true
}

@test "--mine: a slot is the caller's though a waiter that nobody knows holds the lock file" {
	local asker waiter

	need_root
	need_inspection
	need_locks_of_descriptors
	unshare -pf --mount-proc true 2>/dev/null ||
		skip "may not make a PID namespace here"
	hold lf-acquire -N 2 lock
	mkfifo go
	start lf-acquire -N 2 lock sh -c ': >runs; read -r _ <go
		unshare -pf --mount-proc sh -c "lf-check --mine lock; echo \$?" >answer'
	asker=$pid
	eventually test -e runs
	start lf-acquire -w -N 2 lock true
	waiter=$pid
	eventually is_waiting_for_slots
	echo >go
	finish "$asker"
	equal "$(cat answer)" 0
	finish "$waiter"
	equal "$status" 0
}
