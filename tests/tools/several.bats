#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire --also: several lock files, all or none.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

@test "all files are held while COMMAND runs, and gone afterwards" {
	run -0 lf-acquire -a b -a c a sh -c 'lf-check -q a && lf-check -q b &&
		lf-check -q c && echo "$@"' sh 1 -- 2
	equal "$output" "1 -- 2"
	absent a
	absent b
	absent c
}

@test "COMMAND inherits all locks: kill -9 of lf-acquire frees none" {
	need_locks_of_descriptors
	channel end
	start lf-acquire --also b a sh -c 'echo >ready; read -r _ <end'
	eventually test -s ready
	kill -KILL "$pid"
	finish "$pid"
	held a
	held b
	echo >&"$fd"
	eventually free a
	eventually free b
}

@test "a held file is named, and none of the others is left" {
	need_holders_with_names
	hold lf-acquire b
	run -75 lf-acquire -a b -a c a true
	names_holder "$output" b "$holder" "lf-acquire b sh -c $holding"
	equal "${#lines[@]}" 1
	absent a
	absent c
	run -75 lf-acquire -t 0.05 -a b -a c a true
	like "$output" '; timed out$'
	absent a
	release "$holder"
}

@test "-w waits for one file, and holds none meanwhile" {
	need_proc_locks
	hold lf-acquire b
	start lf-acquire -w -a b -a c a true
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

@test "a file that fails is named, and nothing is left" {
	run -73 lf-acquire -a missing/b -a c a true
	like "$output" '^lf-acquire: missing/b: '
	mkdir d
	run -66 lf-acquire -a d a true
	like "$output" '^lf-acquire: d: is a directory'
	run -64 lf-acquire -a '' a true
	run -64 lf-acquire --also= a true
	absent a
	absent c
}

@test "a file that is named twice is locked once" {
	touch hard
	ln hard link
	run -0 lf-acquire -k -a ./a -a hard -a "$PWD/a" -a link a lf-check -q a
	present a
	present link
}

@test "-m, -k, -p and -F apply to all files" {
	run -0 lf-acquire -m 640 -k -p -a b a sh -c 'stat -c %a a b; cmp a b'
	equal "${lines[*]}" "640 640"
	rm a b
	umask 077
	run -0 lf-acquire -m 4751 --also=b a stat -c %a a b
	equal "${lines[*]}" "4751 4751"
	calls lockf && return
	run -0 lf-acquire -F -a b a sh -c 'lf-check -p a; lf-check -p b; echo $$'
	equal "${lines[0]} ${lines[1]}" "${lines[2]} ${lines[2]}"
}

@test "the first operand is the lock file, the rest is COMMAND" {
	run -0 lf-acquire lock echo a -- b
	equal "$output" "a -- b"
	run -0 lf-acquire lock -- echo a -- b
	equal "$output" "a -- b"
	run -0 lf-acquire -a other lock echo -a x -- y
	equal "$output" "-a x -- y"
	absent lock
	absent other
	absent x
}

@test "the arguments of a COMMAND that is missing are not locked" {
	: >data
	run -127 lf-acquire lock ./notinstalled data -- echo hello
	equal "$output" "lf-acquire: ./notinstalled: cannot be run: no such file"
	present data
	absent notinstalled
	absent lock
	run lf-acquire lock notinstalled data -- echo hello
	like "$status $output" '^12[67] lf-acquire: notinstalled: cannot be run: '
	run -127 lf-acquire lock ./notinstalled -u nobody -- id
	present data
	absent lock
}

@test "--also with --fd, or without LOCKFILE or COMMAND, is status 64" {
	exec 9>>lock
	run -64 lf-acquire -a a --fd 9
	like "$output" '^lf-acquire: --also cannot be used with --fd'
	run -64 lf-acquire -a a
	like "$output" 'no lock file and no command given'
	run -64 lf-acquire -a a b
	like "$output" '^lf-acquire: b: no command given'
	run -64 lf-acquire -a a b --
	like "$output" '^lf-acquire: b: no command given'
	run -64 lf-acquire -a
	absent a
	absent b
	free lock
}

@test "a hundred lock files at once" {
	local also=() n

	for n in {1..99}; do
		also+=(-a "f$n")
	done
	run -0 lf-acquire -w "${also[@]}" f0 sh -c 'ls | wc -l'
	equal "$output" 100
	equal "$(ls)" ""
}
