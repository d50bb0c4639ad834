#!/usr/bin/env bats
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be
# lf-acquire with several lock files: LOCKFILE... -- COMMAND

load helper

@test "all are held while COMMAND runs, and gone afterwards" {
	run -0 lf-acquire a b c -- sh -c 'lf-check -q a && lf-check -q b &&
		lf-check -q c && echo "$@"' sh 1 -- 2
	equal "$output" "1 -- 2"
	absent a
	absent b
	absent c
}

@test "COMMAND inherits each, so that kill -9 of lf-acquire frees none" {
	need_locks_of_descriptors
	start lf-acquire a b -- sh -c 'echo >ready; read -r _ <"$0"' \
		"$BATS_TEST_TMPDIR/never"
	eventually test -s ready
	kill -KILL "$pid"
	finish "$pid"
	held a
	held b
	echo >"$BATS_TEST_TMPDIR/never"
	eventually free a
	eventually free b
}

@test "one that is held is named, and none is left" {
	need_holders_with_names
	hold lf-acquire b
	run -75 lf-acquire a b c -- true
	equal "$output" "lf-acquire: b: held by $(process "$holder" "lf-acquire b sh -c $holding")"
	equal "${#lines[@]}" 1
	absent a
	absent c
	run "-$(timed 75)" lf-acquire -t 0.05 a b c -- true
	if has_threads; then
		like "$output" '; gave up$'
	fi
	absent a
	release "$holder"
}

@test "-w waits for one, and holds none meanwhile" {
	need_proc_locks
	hold lf-acquire b
	start lf-acquire -w a b c -- true
	waiter=$pid
	queued "$waiter"
	free a
	free c
	release "$holder"
	finish "$waiter"
	equal "$status" 0
	absent a
	absent b
	absent c
}

@test "what cannot be had is named, and nothing is left" {
	run -73 lf-acquire a missing/b c -- true
	like "$output" '^lf-acquire: missing/b: '
	mkdir d
	run -66 lf-acquire a d -- true
	like "$output" '^lf-acquire: d: is a directory'
	run -64 lf-acquire a '' -- true
	absent a
	absent c
}

@test "a file that is named twice is locked once" {
	touch hard
	ln hard link
	run -0 lf-acquire -k a ./a hard "$PWD/a" link -- lf-check -q a
	present a
	present link
}

@test "-m, -k, -p and -F hold for all" {
	run -0 lf-acquire -m 640 -k -p a b -- sh -c 'stat -c %a a b; cmp a b'
	equal "${lines[*]}" "640 640"
	rm a b
	umask 077
	run -0 lf-acquire -m 4751 a b -- stat -c %a a b
	equal "${lines[*]}" "4751 4751"
	calls lockf && return
	run -0 lf-acquire -F a b -- sh -c 'lf-check -p a; lf-check -p b; echo $$'
	equal "${lines[0]} ${lines[1]}" "${lines[2]} ${lines[2]}"
}

@test "a -- of COMMAND is its own if the word after the lock file is a command" {
	run -0 lf-acquire lock echo a -- b
	equal "$output" "a -- b"
	run -0 lf-acquire lock "$(type -P echo)" a -- b
	equal "$output" "a -- b"
	run -0 lf-acquire lock ./echo -- printf "%s" ran
	equal "$output" ran
	absent echo
	run -0 lf-acquire lock -- echo a -- b
	equal "$output" "a -- b"
}

@test "a COMMAND that is not installed does not make lock files of its arguments" {
	run -64 lf-acquire lock nosuchwrapper -u nobody -- id
	like "$output" '^lf-acquire: -u: would be a lock file here'
	run -64 lf-acquire a -w -- true
	absent lock
	absent nosuchwrapper
	absent a
}

@test "an executable lock file is no command as long as it is empty" {
	: >b
	chmod +x b
	run -0 lf-acquire -k a ./b -- echo both
	equal "$output" both
}

@test "no COMMAND after -- is status 64" {
	run -64 lf-acquire a b --
	like "$output" 'no command given'
	absent a
	absent b
}

@test "a hundred lock files at once" {
	run -0 lf-acquire -w f{0..99} -- sh -c 'ls | wc -l'
	equal "$output" 100
	equal "$(ls)" ""
}
