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
		calls lockf || equal "$(lf-check -p lock)" "$holder"
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

# --- Sharing

@test "-s runs beside others that share, and the last removes the file" {
	need_shared_locks
	local first second

	hold lf-acquire -s lock
	first=$holder
	hold lf-acquire --shared lock
	second=$holder
	run -0 lf-acquire -x -s lock echo ran
	equal "$output" ran
	release "$first"
	equal "$status" 0
	present lock
	held lock
	release "$second"
	equal "$status" 0
	absent lock
}

@test "who does not share is refused beside one who does, and told one of them" {
	need_shared_locks
	need_holders_with_names
	hold lf-acquire -s lock
	run -75 lf-acquire lock true
	equal "$output" "lf-acquire: lock: held by $(process "$holder" "lf-acquire -s lock sh -c $holding")"
	run -75 lf-acquire -s -x lock true
	equal "$(lf-check -p lock)" "$holder"
	release "$holder"
	hold lf-acquire lock
	run -75 lf-acquire -s lock true
	equal "$output" "lf-acquire: lock: held by $(process "$holder" "lf-acquire lock sh -c $holding")"
	release "$holder"
	absent lock
}

@test "-s waits for who does not share, who waits for all who do" {
	need_proc_locks
	need_shared_locks
	local writer readers=() reader

	hold lf-acquire lock
	writer=$holder
	for reader in 1 2; do
		begin lf-acquire -w -s lock
		queued "$holder"
		has_not_locked "$holder"
		readers+=("$holder")
	done
	release "$writer"
	for reader in "${readers[@]}"; do
		holds "$reader"
	done
	begin lf-acquire -w lock
	writer=$holder
	queued "$writer"
	release "${readers[1]}"
	queued "$writer"
	has_not_locked "$writer"
	release "${readers[0]}"
	holds "$writer"
	release "$writer"
	absent lock
}

@test "-s of a file that may only be read shares it, and leaves it" {
	need_shared_locks
	need_unprivileged
	touch lock
	chmod 444 lock
	run -0 unprivileged lf-acquire -s "$PWD/lock" echo ran
	equal "$output" ran
	present lock
	run -66 unprivileged lf-acquire "$PWD/lock" true
	like "$output" 'permission denied'
}

@test "-s with -p is status 64: the PID would be that of one of many" {
	run -64 lf-acquire -s -p lock true
	like "$output" '--pid cannot be used with --shared'
	absent lock
	run -0 lf-acquire -s -p -x lock true
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
	if ! calls lockf; then
		run -0 lf-acquire --shared lock echo ran
		absent lock
	fi
	if ! calls lockf; then
		run -0 lf-acquire --no-fork lock sh -c 'lf-check -p lock; echo $$'
		equal "${lines[0]}" "${lines[1]}"
	fi
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
	says 'to wait at most 5 seconds, use -t 5' -w5 lock true
	says '5 seconds, use -t 5' -w 5 lock true
	says 'to wait at most 5 seconds, use -t 5' --wait 5 lock true
	says 'to wait at most 5 seconds, use --timeout=5' --wait=5 lock true
	says 'exclusive by default; use -x' -e lock true
	says "LOCKFILE sh -c 'COMMAND'" -c 'true' lock
	says "LOCKFILE sh -c 'COMMAND'" lock -c 'true'
	says "LOCKFILE sh -c 'COMMAND'" --command true lock
	says 'for descriptor 9, use --fd 9' 9
	says 'for descriptor 9, use --fd 9' -n 9
	says 'for descriptor 9, use -u --fd 9' -u 9
	says 'to wait at most 5 seconds, use -t 5' -xw 5 lock true
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
	run -127 env PATH="$PWD" "$(type -P lf-acquire)" lock -- -n true
	like "$output" '^lf-acquire: -n: cannot be run'
	absent lock
}
