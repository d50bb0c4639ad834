#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire: the PID in the file, --no-create, --follow, --shared, and habits of
# flock(1).
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

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

@test "-p replaces the PID of a holder that was killed" {
	hold lf-acquire -p -o lock
	kill_holder
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

@test "without -p a PID in the file is content like any other" {
	echo 4242 >lock
	run -0 lf-acquire lock true
	equal "$(cat lock)" 4242
}

@test "--no-create locks an existing file and creates none" {
	run -73 lf-acquire --no-create lock true
	like "$output" '^lf-acquire: lock: no such file'
	absent lock
	touch lock
	run -0 lf-acquire --no-create lock lf-check -q lock
	absent lock
}

@test "--follow locks the target of the link, and keeps both" {
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

@test "--follow creates the target of a dangling link" {
	ln -s file lock
	run -73 lf-acquire --follow --no-create lock true
	absent file
	run -0 lf-acquire --follow lock lf-check -q file
	present file
	ln -sf missing/file lock
	run -73 lf-acquire --follow lock true
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

@test "--follow waits, and notices a link that changed meanwhile" {
	need_proc_locks
	touch one two
	ln -s one lock
	hold lf-acquire -k one
	first=$holder
	queue_holder lf-acquire --follow -w lock
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

@test "-s runs beside other sharers, and the last one removes the file" {
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

@test "an exclusive lock is refused beside a sharer, which is named" {
	need_shared_locks
	need_holders_with_names
	hold lf-acquire -s lock
	run -75 lf-acquire lock true
	names_holder "$output" lock "$holder" "lf-acquire -s lock sh -c $holding"
	run -75 lf-acquire -s -x lock true
	equal "$(lf-check -p lock)" "$holder"
	release "$holder"
	hold lf-acquire lock
	run -75 lf-acquire -s lock true
	names_holder "$output" lock "$holder" "lf-acquire lock sh -c $holding"
	release "$holder"
	absent lock
}

@test "-s waits for an exclusive holder, which waits for all sharers" {
	need_proc_locks
	need_shared_locks
	local writer readers=() reader

	hold lf-acquire lock
	writer=$holder
	for reader in 1 2; do
		queue_holder lf-acquire -w -s lock
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

@test "-s of a file that may only be read shares and leaves the file" {
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

@test "-s with -p is status 64" {
	run -64 lf-acquire -s -p lock true
	like "$output" '--pid cannot be used with --shared'
	absent lock
	run -0 lf-acquire -s -p -x lock true
}

# --- Invalid options

# invalid TOOL LINE OPTION...
invalid() {
	run -64 --separate-stderr "$1" "${@:3}"
	equal "${stderr_lines[0]}" "$1: $2"
	equal "${stderr_lines[-1]}" "$1: try '$1 --help' for more information"
}

@test "a message about an option is escaped, and names it" {
	local tool

	for tool in lf-acquire lf-check; do
		invalid "$tool" "unrecognized option '--\\x1b]0;x'" -q $'--\e]0;x' lock
		invalid "$tool" "invalid option -- '\\x1b'" $'-q\e]0;x' lock
		invalid "$tool" "invalid option -- 'Z'" -qZ lock
		invalid "$tool" "unrecognized option '--no-such=1'" --no-such=1
		invalid "$tool" "option requires an argument -- 't'" -qt
		invalid "$tool" "option '--timeout' requires an argument" --timeout
		invalid "$tool" "option '--quiet=\\x1bx' takes no argument" $'--quiet=\ex'
	done
	invalid lf-acquire "option '--no' is ambiguous" --no
	invalid lf-check "unrecognized option '--x'" --all lock - --x
	invalid lf-check "invalid option -- 'Z'" --all lock -qZ --x
}

# --- Habits of flock(1)

@test "long options of flock(1) are accepted where they mean the same" {
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

# refused_with WHAT ARGUMENT...: status 64 and a line with the remedy.
refused_with() {
	local what=$1
	shift
	run -64 lf-acquire "$@"
	like "$output" "$what"
	absent lock
	absent 5
}

@test "usage of flock(1) that means something else is refused, with a remedy" {
	refused_with 'to wait at most 5 seconds, use -t 5' -w5 lock true
	refused_with '5 seconds, use -t 5' -w 5 lock true
	refused_with 'to wait at most 5 seconds, use -t 5' --wait 5 lock true
	refused_with 'to wait at most 5 seconds, use --timeout=5' --wait=5 lock true
	refused_with 'exclusive by default; use -x' -e lock true
	refused_with "LOCKFILE sh -c 'COMMAND'" -c 'true' lock
	refused_with "LOCKFILE sh -c 'COMMAND'" lock -c 'true'
	refused_with "LOCKFILE sh -c 'COMMAND'" --command true lock
	refused_with 'for descriptor 9, use --fd 9' 9
	refused_with 'for descriptor 9, use --fd 9' -n 9
	refused_with 'for descriptor 9, use -u --fd 9' -u 9
	refused_with 'to wait at most 5 seconds, use -t 5' -xw 5 lock true
	refused_with 'to wait at most 5 seconds, use -t 5' -xw5 lock true
	refused_with 'to wait at most 1 seconds, use -t 1' -w1 lock true
	refused_with 'to wait at most 1 seconds, use -t 1' -xw1 lock true
	refused_with 'to wait at most 11 seconds, use -t 11' -w11 lock true
	refused_with 'for descriptor 9, use --fd 9, with -w' 9
	refused_with 'for descriptor 9, use -w --fd 9$' -w 9
	refused_with 'use --no-wait or nothing' --nonblocking lock true
	refused_with 'use --no-wait or nothing' --nowait lock true
	refused_with 'omit --fcntl' --fcntl lock true
	refused_with 'omit --start' --start 5 lock true
	refused_with 'omit --start' --length=5 lock true
	refused_with 'nor a command, which follows in the script' --fd 9 true
}

@test "lf-check -w 5 LOCKFILE is refused, with a remedy" {
	run -64 lf-check -w 5 lock
	equal "${lines[0]}" "lf-check: '5' would be a lock file; to wait at most 5 seconds, use -t 5"
	run -64 lf-check lock -w .5 lock
	run -1 lf-check -w ./5 lock
	run -1 lf-check -w -- 5 lock
	run -1 lf-check 5 lock
	run -1 lf-check -t 5 5 lock
	run -1 lf-check -w 5
}

@test "the name of a lock file may be a number" {
	run -0 lf-acquire 5 lf-check -q 5
	run -0 lf-acquire -w ./5 lf-check -q 5
	run -0 lf-acquire -t 5 5 lf-check -q 5
	run -0 lf-acquire -w -- 5 lf-check -q 5
	refused_with 'to wait at most 5 seconds, use -t 5' -w -a -- 5 true
	absent 5
}

@test "an option after the lock file is refused, unless -- marks it as COMMAND" {
	run -64 lf-acquire lock -n true
	like "$output" 'give options before the lock file'
	absent lock
	run -127 env PATH="$PWD" "$(type -P lf-acquire)" lock -- -n true
	like "$output" '^lf-acquire: -n: cannot be run'
	absent lock
}
