#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Lock files on FUSE: where the kernel keeps the locks, where the server does, and
# where the server fails, or does not answer.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # the helpers and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load ../tools/helper
load lockfs

teardown() {
	end_servers
	end_started
}

# --- What a server keeps

# in_order_and_named FILE: three in a row, and what is reported about them.
in_order_and_named() {
	local first

	need_locks_of_descriptors
	run -0 client backend "$1"
	equal "$output" ofd
	hold lf-acquire "$1"
	first=$holder
	run -75 lf-acquire "$1" true
	run -0 lf-check -p "$1"
	equal "$output" "$first"
	queue_holder lf-acquire -w "$1"
	release "$first"
	holds "$holder"
	run -0 lf-check -p "$1"
	equal "$output" "$holder"
	release "$holder"
	# A killed holder leaves the lock to COMMAND.
	hold lf-acquire "$1"
	kill_holder
	run -75 lf-acquire "$1" true
}

@test "where the kernel keeps the locks, holders have names, and the file stays" {
	serve m
	in_order_and_named m/lock
	run -0 lf-acquire -v m/new true
	equal "${lines[-1]}" "lf-acquire: m/new: left in place"
	present back/new
}

# serve_disk NAME: the file system is on a disk of this machine.
serve_disk() {
	local device

	need losetup
	truncate -s 1M disk
	device=$(losetup -f --show disk 2>/dev/null) || skip "has no loop device"
	serve "$1" "blkdev,fsname=$device"
	losetup -d "$device"
}

@test "on a disk of this machine, the file is removed" {
	serve_disk m
	in_order_and_named m/lock
	run -0 lf-acquire m/new true
	absent back/new
}

@test "where the server keeps them, an abandoned lock of a descriptor is never free" {
	serve m locks
	run -0 client leak m/leaked
	# So the library has none.
	run -0 client backend m/lock
	equal "$output" fcntl
	run -0 lf-acquire m/lock true
	run -0 lf-acquire m/lock true
	run -75 lf-acquire m/leaked true
}

@test "where the server keeps them, two clients exclude each other" {
	serve m1 locks
	serve m2 locks
	hold lf-acquire m1/lock
	run -75 lf-acquire m1/lock true
	run -75 lf-acquire m2/lock true
	run -75 lf-acquire -t .1 m2/lock true
	run -0 lf-check m2/lock
	like "$output" 'm2/lock: held'
	release "$holder"
	free m2/lock
	hold lf-acquire -s m1/lock
	run -75 lf-acquire m2/lock true
	run -0 lf-acquire -s m2/lock true
	kill_holder
	run -0 lf-acquire m2/lock true
}

@test "--flock holds both kinds where the kernel keeps the locks, and is refused where not" {
	need_flock
	need flock
	serve m1
	serve m2 locks
	run -1 lf-acquire --flock m1/lock flock -n m1/lock true
	hold flock m1/lock
	run -75 lf-acquire --flock m1/lock true
	release "$holder"
	for option in -n -w -t60; do
		run -71 lf-acquire --flock "$option" m2/lock true
		like "$output" 'no locks of flock\(2\) are available here'
	done
	run -0 lf-acquire m2/lock true
}

@test "where the server keeps them, the file stays, and -v reports it" {
	local option

	serve m locks
	for option in '' -w '-t 60' -p -s; do
		# shellcheck disable=SC2086 # an option may have an argument
		run -0 lf-acquire -v $option m/lock true
		equal "${lines[-1]}" "lf-acquire: m/lock: left in place"
		present back/lock
		equal "$(cat back/lock)" ""
	done
	run -0 lf-acquire -v -k m/lock true
	equal "${#lines[@]}" 1
}

@test "a waiter on the server is interrupted, and gets no lock later" {
	local first

	serve m1 locks
	serve m2 locks
	hold lf-acquire m1/lock
	first=$holder
	begin lf-acquire -w m2/lock
	asked "$holder"
	kill -TERM "$holder"
	finish "$holder"
	equal "$status" 143
	begin lf-acquire -t 60 m2/lock
	asked "$holder"
	kill -TERM "$holder"
	finish "$holder"
	equal "$status" 143
	run -75 lf-acquire -t .1 m2/lock true
	release "$first"
	free m1/lock
	run -0 lf-acquire m1/lock true
}

# contend LOCKFILE...: for each of them three workers, which add to one counter.
contend() {
	local n=0 path round

	echo 0 >counter
	for path in "$@" "$@" "$@"; do
		start sh -c '
			for round in 1 2 3 4 5 6 7 8 9 10; do
				lf-acquire -w "$1" sh -c "$2" || echo "$?"
			done >>log 2>&1' sh "$path" '
			mkdir busy || echo overlap
			n=$(cat counter)
			echo $((n + 1)) >counter
			rmdir busy'
		workers+=("$pid")
	done
	for pid in "${workers[@]}"; do
		finish "$pid"
	done
	equal "$(cat log)" ""
	equal "$(cat counter)" $((30 * $#))
}

@test "two clients that cache names for a day exclude each other" {
	serve m1 locks cache
	serve m2 locks cache
	contend m1/lock m2/lock
	present back/lock
}

@test "two names of one client exclude each other where the kernel keeps the locks" {
	serve m
	contend m/lock "$PWD/m/lock"
}

# --- Odd answers

# odd FILE OPERATION ERROR [OPTION]: in each way to wait; COMMAND does not run.
odd() {
	local option

	fault "$2" "$3"
	for option in -n '-t 60' -w; do
		# shellcheck disable=SC2086 # an option may have an argument
		run -71 timeout 60 lf-acquire $option ${4-} "m/$1" touch ran
		like "$output" "^lf-acquire: m/$1: "
		[[ $output != *held* ]]
		absent ran
	done
	no_fault "$2"
}

exist=17 again=11 io=5 interrupted=4 stale=116 timeout=110 denied=13

# excludes FILE [asked]: a holder, a refused caller and a waiter, asked if the server
# keeps the locks.
excludes() {
	local first

	hold lf-acquire "$1"
	first=$holder
	run -75 lf-acquire "$1" true
	begin lf-acquire -w "$1"
	"${2-queued}" "$holder"
	release "$first"
	holds "$holder"
	run -75 lf-acquire "$1" true
	release "$holder"
}

@test "EEXIST without O_EXCL, and ESTALE, mean to start over" {
	local call locks

	for locks in '' locks; do
		serve "m$locks" $locks
		for call in "create $exist" "create $stale" "open $stale" \
			"getattr $stale" "lock $stale"; do
			# ESTALE is tried twice by the kernel itself.
			fault "${call% *}.once" "${call#* }"
			run -0 lf-acquire "m$locks/new" true
			rm -f faults/*.once back/new
			: >back/there
			fault "${call% *}.once" "${call#* }"
			run -0 lf-acquire -w "m$locks/there" true
			rm -f faults/*.once
		done
	done
}

@test "EEXIST and ESTALE without end are an error, and never 'held'" {
	serve m
	fault create $exist
	run -71 timeout 60 lf-acquire -w m/lock touch ran
	absent ran
	no_fault create
	: >back/lock
	fault open $stale
	run -66 timeout 60 lf-acquire -w m/lock touch ran
	absent ran
}

@test "EAGAIN, ETIMEDOUT, EIO and EINTR of any call are errors, and never 'held'" {
	local error

	serve m
	for error in $again $timeout $io $interrupted; do
		: >back/there
		odd new create "$error"
		odd there open "$error"
		odd there getattr "$error"
		odd there write "$error" -p
		odd there truncate "$error" -p
	done
}

@test "a PID that cannot be cleared stays, and keeps nobody out" {
	serve m
	hold lf-acquire -p m/lock
	fault truncate $io
	release "$holder"
	equal "$status" 0
	[ -s back/lock ]
	no_fault truncate
	excludes m/lock
	run -0 lf-acquire -p m/lock true
	equal "$(cat back/lock)" ""
}

@test "a file that cannot be removed, or only seems to be, stays for the next" {
	local answer

	serve_disk m
	for answer in $io $denied lie; do
		fault unlink "$answer"
		run -0 lf-acquire -v m/lock true
		[ "$answer" = lie ] ||
			equal "${lines[-1]}" "lf-acquire: m/lock: left in place"
		present back/lock
		excludes m/lock
		no_fault unlink
	done
	run -0 lf-acquire m/lock true
	absent back/lock
}

@test "a file system that does not say what it is counts as a network" {
	local locks

	serve mlocks locks
	serve_disk m
	fault statfs $io
	for locks in '' locks; do
		run -0 lf-acquire -v "m$locks/lock" true
		equal "${lines[-1]}" "lf-acquire: m$locks/lock: left in place"
		hold lf-acquire "m$locks/lock"
		run -75 lf-acquire "m$locks/lock" touch ran
		release "$holder"
		run -0 lf-acquire -w "m$locks/lock" true
		run -71 lf-acquire --global "m$locks/lock" touch ran
		run -71 lf-acquire --flock "m$locks/lock" touch ran
	done
	absent ran
}

@test "where the server keeps the locks, an error of a close is none, and keeps none" {
	local option

	serve m locks
	fault flush $io
	for option in -n -w '-t 60' -s -p; do
		# shellcheck disable=SC2086 # an option may have an argument
		run -0 lf-acquire $option m/lock true
		free m/lock
	done
	excludes m/lock asked
	free m/lock
}

@test "a file with a name that its server does not count is locked by that name only" {
	serve m
	fault getattr lie
	excludes m/lock
	run -66 sh -c 'lf-acquire --fd 9 9>>m/lock && touch ran'
	like "$output" 'm/lock: removed since it was opened'
	absent ran
}

# A descriptor of each attempt stays open: it seems to be the program's by then.
@test "a file that is another one without end is an error, and never 'held'" {
	local option

	serve m
	: >back/lock
	fault getattr other
	for option in -n '-t 60' -w; do
		run timeout 60 sh -c 'ulimit -n 64 && lf-acquire '"$option"' m/lock touch ran'
		[[ $status =~ ^(66|71)$ && $output != *held* ]]
		absent ran
	done
}

@test "a server that grants a lock to two is noticed while both have it" {
	serve m1 locks
	serve m2 locks
	hold lf-acquire m1/lock
	fault lock lie
	run -3 lf-acquire m2/lock sh -c 'exit 3'
	like "$output" 'gave the lock to another while COMMAND ran'
	run -1 client verify m2/lock
	equal "$output" "another process holds the lock"
	no_fault lock
	run -75 lf-acquire m2/lock true
	release "$holder"
	run -0 lf-acquire m2/lock true
	run -0 client verify m2/lock
}

@test "a server that cannot lock" {
	local error

	serve m locks
	: >back/there
	for error in $io $timeout $interrupted; do
		odd there lock "$error"
	done
	free m/there
}

@test "a file whose path cannot be verified after the wait is not taken for locked" {
	local error first

	serve m
	for error in $again $timeout $io; do
		hold lf-acquire -k m/lock
		first=$holder
		queue_holder lf-acquire -w m/lock
		fault getattr "$error"
		release "$first"
		finish "$holder"
		equal "$status" 71
		has_not_locked "$holder"
		no_fault getattr
		run -0 lf-acquire m/lock true
	done
}

# --- A server that does not answer

# ended_by SIGNAL COMMAND...: while it waits for the server, the signal ends it.
ended_by() {
	start env --default-signal="$1" "${@:2}"
	asked "$pid"
	kill -"$1" "$pid"
	finish "$pid"
	equal "$status" $((128 + $(kill -l "$1")))
}

# Not by QUIT: Linux lets no signal that dumps core end such a call.
@test "signals end lf-acquire and lf-check on a server that does not answer" {
	local signal option

	need_wchan
	serve m
	stop_server m
	for signal in TERM INT HUP; do
		for option in -n '-t 60' -w; do
			# shellcheck disable=SC2086 # an option may have an argument
			ended_by "$signal" lf-acquire $option m/lock touch ran
		done
		ended_by "$signal" lf-check m/lock
	done
	continue_server m
	run -0 lf-acquire m/lock true
	absent ran
}

@test "-t ends by itself on a server that does not answer" {
	serve m
	stop_server m
	start lf-acquire -t .2 m/lock touch ran 2>log
	finish "$pid"
	equal "$status" 71
	like "$(cat log)" '^lf-acquire: m/lock: timed out: the file system does not answer'
	start client acquire m/lock 200 >log
	finish "$pid"
	equal "$status" 1
	equal "$(cat log)" "the file system does not answer"
	absent ran
}

# in_python ARGUMENTS: of LockFile, in a process of its own.
in_python() {
	[ -e "$LIBRARIES/liblockfile-fcntl.so.0" ] || skip "no shared library is built"
	[ "$PYTEST" != no ] || skip "pytest is not installed"
	start env --default-signal=INT LD_LIBRARY_PATH="$LIBRARIES" \
		PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$BATS_TEST_DIRNAME/../../python" \
		"$PYTEST" -c "import lock_file; lock_file.LockFile('m/lock', $1)" 2>log
}

@test "a time limit in Python ends by itself on a server that does not answer" {
	serve m
	stop_server m
	in_python timeout=.2
	finish "$pid"
	equal "$status" 1
	like "$(tail -n 1 log)" '^OSError: \[Errno 113\] .* does not answer'
}

# Without a limit it is the thread of the program that asks the server.
@test "Ctrl-C ends a wait with a limit in Python on a server that does not answer" {
	need_wchan
	serve m
	stop_server m
	in_python timeout=1000
	eventually grep -q poll "/proc/$pid/wchan"
	kill -INT "$pid"
	finish "$pid"
	equal "$status" 130
}

@test "TERM ends a waiter whose server stopped answering, once it can close the file" {
	local first

	need_wchan
	serve m
	hold lf-acquire -k m/lock
	first=$holder
	queue_holder lf-acquire -w m/lock
	stop_server m
	kill -TERM "$holder"
	# It may end when the server lets it close the file.
	asked "$holder"
	continue_server m
	finish "$holder"
	equal "$status" 143
	release "$first"
	free m/lock
}

# beside CALL: the rest of the process, and other files, go on.
beside() {
	local client answer

	# A process in the background has no input unless it is asked for.
	start bash -c 'exec client beside "$@" <orders >answers' bash "$1" \
		"$PWD/m/lock" "$PWD/local"
	client=$pid
	said ready
	stop_server m
	echo >&"$orders"
	said called
	asked "$client"
	echo >&"$orders"
	for answer in acquired "timed out" checked inspected released \
		"child released"; do
		said "$answer"
	done
	waits_for_server "$client"
	continue_server m
	echo >&"$orders"
	said returned
	finish "$client"
	equal "$status" 0
}

said() {
	next "$answers"
	equal "$line" "$1"
}

@test "a call that a server keeps stops no other file of the process, no bounded wait, no fork" {
	local call fd orders answers

	need_wchan
	channel orders
	orders=$fd
	channel answers
	answers=$fd
	hold lf-acquire -k local
	serve m
	for call in acquire check release verify wait; do
		beside "$call"
	done
	kill_server m
	umount -l m
	serve m locks
	for call in acquire check release verify wait; do
		beside "$call"
	done
}

# ask_server PID: until its child waits for the server, in the middle of the question
# whether the lock is the caller's.
ask_server() {
	asking "$1"
	fault open.once gate
	kill -CONT "$child"
	asked "$child"
}

@test "a question that a server keeps, and SIGKILL cannot end, stops no COMMAND and no signal" {
	local option first

	need_wchan
	need_faults
	serve m
	mkfifo faults/gate
	export FAULTY=readlink:STOP:1
	for option in -w -wF; do
		hold lf-acquire -k m/lock
		first=$holder
		begin faulty-acquire -k "$option" m/lock
		ask_server "$holder"
		release "$first"
		holds "$holder"
		waits_for_server "$child"
		open_gate
		eventually is_gone "$child"
		release "$holder"
	done
	hold lf-acquire -k m/lock
	start faulty-acquire -w m/lock touch ran
	ask_server "$pid"
	ends_by TERM
	waits_for_server "$child"
	open_gate
	eventually is_gone "$child"
	absent ran
	release "$holder"
	free m/lock
}

# --- Holders and servers that are killed

@test "a holder that is killed while its server does not answer leaves no lock" {
	local locks

	for locks in '' locks; do
		serve "m$locks" $locks
		hold lf-acquire -o "m$locks/lock"
		stop_server "m$locks"
		kill -KILL "$holder" "$command"
		continue_server "m$locks"
		finish "$holder"
		eventually free "m$locks/lock"
		run -0 lf-acquire "m$locks/lock" true
	done
}

@test "a server that is killed changes no status, and a new one has no old lock" {
	local locks

	for locks in '' locks; do
		hold_on_killed_server "m$locks" $locks
		release "$holder" 3
		equal "$status" 3
		umount -l "m$locks"
		serve "m$locks" $locks
		run -0 lf-acquire "m$locks/lock" true
	done
}

hold_on_killed_server() {
	serve "$@"
	hold lf-acquire "$1/lock"
	kill_server "$1"
	# The kernel refuses each call on its files.
	run -71 lf-acquire "$1/lock" true
	[[ $output != *held* ]]
	run lf-check "$1/lock"
	[ "$status" -gt 1 ]
}

@test "lf-check ends by itself on a server that does not answer" {
	need_wchan
	serve m
	stop_server m
	start lf-check m/lock
	finish "$pid"
	equal "$status" $((128 + $(kill -l ALRM)))
	continue_server m
}
