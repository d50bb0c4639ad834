#!/usr/bin/env bats
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be
# lf-acquire: what is written into the file, what it may be, habits of flock(1).

load helper

@test "-p writes the PID of the holder while the lock is held" {
	local option

	for option in -p --pid; do
		hold lf-acquire "$option" lock
		equal "$(cat lock)" "$holder"
		equal "$(lf-check -p lock)" "$holder"
		release "$holder"
		absent lock
	done
}

@test "-p with -k empties the file afterwards" {
	run -0 lf-acquire -p -k lock cat lock
	like "$output" '^[0-9]+$'
	present lock
	equal "$(cat lock)" ""
}

@test "-p with -F is the PID of COMMAND" {
	run -0 lf-acquire -p -F lock sh -c 'echo $$; cat lock'
	equal "${lines[0]}" "${lines[1]}"
}

@test "-p takes over the stamp of a holder that was killed" {
	hold lf-acquire -p -o lock
	kill -KILL "$holder"
	finish "$holder"
	eventually free lock
	equal "$(cat lock)" "$holder"
	run -0 lf-acquire -p lock cat lock
	[ "$output" != "$holder" ]
	absent lock
}

@test "-p of a file with other content is status 66, and the file stays" {
	echo 'not a PID' >lock
	run -66 lf-acquire -p lock true
	like "$output" '^lf-acquire: lock: has content that is not a PID; use'
	equal "$(cat lock)" 'not a PID'
	free lock
}

@test "without -p the stamp of another is content like any other" {
	echo 4242 >lock
	run -0 lf-acquire lock true
	equal "$(cat lock)" 4242
}

@test "--no-create locks a file that is there, and makes none" {
	run -73 lf-acquire --no-create lock true
	like "$output" '^lf-acquire: lock: no such file'
	absent lock
	touch lock
	run -0 lf-acquire --no-create lock lf-check -q lock
	absent lock
}

@test "--follow locks what the link points to, and keeps both" {
	touch file
	ln -s file lock
	run -66 lf-acquire lock true
	like "$output" 'symbolic link'
	run -0 lf-acquire --follow lock lf-check -q file
	equal "$(readlink lock)" file
	present file
	hold lf-acquire --follow lock
	run -75 lf-acquire file true
	release "$holder"
}

@test "--follow makes the file that a dangling link points to" {
	ln -s file lock
	run -66 lf-acquire --follow --no-create lock true
	absent file
	run -0 lf-acquire --follow lock lf-check -q file
	present file
	ln -sf missing/file lock
	run -66 lf-acquire --follow lock true
	like "$output" '^lf-acquire: lock: no such file'
}

@test "--follow of a link to a directory or to itself is status 66" {
	ln -s . lock
	run -66 lf-acquire --follow lock true
	like "$output" 'is a directory'
	ln -sf lock lock
	run -66 lf-acquire --follow lock true
	like "$output" 'symbolic link'
}

@test "--follow waits, and is not misled by a link that changes meanwhile" {
	need_proc_locks
	touch one two
	ln -s one lock
	hold lf-acquire -k one
	first=$holder
	begin lf-acquire --follow -w lock
	queued "$holder"
	ln -sfn two lock
	release "$first"
	holds "$holder"
	held two
	free one
	release "$holder"
	present one
	present two
}

# --- Habits of flock(1)

@test "long options of flock(1) are taken where they mean the same" {
	local option

	for option in --nonblock --nb --exclusive --timeout=5 \
		--conflict-exit-code=3 --close --verbose; do
		run -0 --separate-stderr lf-acquire "$option" lock echo ran
		equal "$output" ran
		absent lock
	done
	run -0 lf-acquire --no-fork lock sh -c 'lf-check -p lock; echo $$'
	equal "${lines[0]}" "${lines[1]}"
}

# says WHAT ARGUMENT...: refused with the line that says what to type.
says() {
	local what=$1
	shift
	run -64 lf-acquire "$@"
	like "$output" "$what"
	absent lock
	absent 5
}

@test "what flock(1) would take otherwise is refused, with what to type" {
	says 'to wait at most 5 seconds: -t 5' -w5 lock true
	says '5 seconds: -t 5' -w 5 lock true
	says 'to wait at most 5 seconds: -t 5' --wait 5 lock true
	says 'to wait at most 5 seconds: --timeout=5' --wait=5 lock true
	says 'for an exclusive lock: -x' -e lock true
	says "LOCKFILE sh -c 'COMMAND'" -c 'true' lock
	says "LOCKFILE sh -c 'COMMAND'" lock -c 'true'
	says "LOCKFILE sh -c 'COMMAND'" --command true lock
	says 'to lock this descriptor: --fd 9' 9
	says 'to lock this descriptor: --fd 9' -n 9
}

@test "a lock file whose name is a number can be had all the same" {
	run -0 lf-acquire 5 lf-check -q 5
	run -0 lf-acquire -w ./5 lf-check -q 5
	run -0 lf-acquire -t 5 5 lf-check -q 5
	absent 5
}

@test "an option after the lock file is refused, but for a COMMAND after --" {
	run -64 lf-acquire lock -n true
	like "$output" 'give options before the lock file'
	absent lock
	run -127 lf-acquire lock -- -n true
	like "$output" '^lf-acquire: -n: cannot be run'
	absent lock
}
