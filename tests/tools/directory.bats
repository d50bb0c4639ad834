#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-check of a directory.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

@test "the held files of a directory are listed by name" {
	need_inspection
	mkdir dir dir/sub
	: >dir/free
	hold lf-acquire dir/two
	hold lf-acquire dir/one
	hold lf-acquire dir/.hidden
	hold lf-acquire dir/sub/below
	run -0 --separate-stderr lf-check dir
	equal "${#lines[@]}" 3
	begins "${lines[0]}" "dir/.hidden: held"
	begins "${lines[1]}" "dir/one: held"
	begins "${lines[2]}" "dir/two: held"
	equal "$stderr" ""
	run -0 lf-check dir/
	begins "$output" "dir/.hidden: held"
}

@test "--all lists the free files as well" {
	local option

	need_inspection
	mkdir dir
	: >dir/free
	hold lf-acquire dir/lock
	for option in -a --all; do
		run -0 lf-check "$option" dir
		equal "${#lines[@]}" 2
		equal "${lines[0]}" "dir/free: free"
		begins "${lines[1]}" "dir/lock: held"
	done
}

@test "a directory where nothing is held is status 1, and prints nothing" {
	mkdir dir empty
	: >dir/free
	run -1 --separate-stderr lf-check dir empty
	equal "$output$stderr" ""
	run -1 lf-check -q dir
	run -1 lf-check -p dir
	run -1 lf-check -a dir
	equal "$output" "dir/free: free"
}

@test "a directory and files, some held and some not" {
	need_inspection
	mkdir dir
	: >free
	hold lf-acquire dir/lock
	run -0 lf-check free dir missing
	equal "${#lines[@]}" 3
	equal "${lines[0]}" "free: free"
	begins "${lines[1]}" "dir/lock: held"
	equal "${lines[2]}" "missing: free"
}

@test "-p and -q of a directory" {
	local first

	need_holders_with_names
	mkdir dir
	hold lf-acquire dir/one
	first=$holder
	hold lf-acquire dir/two
	: >dir/free
	run -0 lf-check -p dir
	equal "$output" "$first"$'\n'"$holder"
	run -0 lf-check -q dir
	equal "$output" ""
}

@test "-p prints the holder of two files once" {
	need_holders_with_names
	mkdir dir
	hold lf-acquire -F dir/one lf-acquire -F dir/two
	run_clear lf-check -p dir dir/one
	equal "$status $output" "0 $holder"
}

@test "a directory entry that is not a regular file is skipped and not opened" {
	mkdir dir
	mkfifo dir/fifo
	: >file
	ln -s ../file dir/link
	ln -s nowhere dir/dangling
	run -1 --separate-stderr timeout 60 lf-check -a dir
	equal "$output$stderr" ""
}

@test "a symbolic link to a directory is followed" {
	mkdir dir
	ln -s dir link
	hold lf-acquire dir/lock
	run -0 lf-check link
	begins "$output" "link/lock: held"
}

@test "neither the directory nor its files change" {
	local before

	mkdir dir
	: >dir/free
	hold lf-acquire -k dir/lock
	touch -a -d '2001-02-03 04:05:06' dir/*
	before=$(facts dir/*)
	run -0 lf-check -a dir
	equal "$(facts dir/*)" "$before"
	equal "$(ls -A dir)" $'free\nlock'
}

@test "of files that may not be opened, one is named and the rest are counted" {
	need_inspection
	need_unprivileged
	mkdir dir
	: >dir/a
	: >dir/b
	: >dir/c
	chmod 000 dir/[abc]
	chmod 755 dir
	hold lf-acquire dir/lock
	run -2 --separate-stderr unprivileged lf-check dir
	equal "${#lines[@]}" 1
	begins "$output" "dir/lock: held"
	equal "$stderr" "lf-check: dir/a: permission denied (try as root); 2 more files of this directory cannot be checked"
	run -0 --separate-stderr unprivileged lf-check -q dir
	rm -f dir/c
	run -2 --separate-stderr unprivileged lf-check dir
	equal "$stderr" "lf-check: dir/a: permission denied (try as root); 1 more file of this directory cannot be checked"
	rm -f dir/b
	run -2 --separate-stderr unprivileged lf-check dir
	equal "$stderr" "lf-check: dir/a: permission denied (try as root)"
}

@test "a file that may not be opened is held if the kernel lists its lock" {
	need_inspection
	need_root
	mkdir dir
	hold lf-acquire -m 600 dir/lock
	run -0 --separate-stderr unprivileged lf-check dir dir/lock
	equal "${#lines[@]}" 2
	begins "${lines[0]}" "dir/lock: held"
	begins "${lines[1]}" "dir/lock: held"
	equal "$stderr" ""
	run -0 unprivileged lf-check -q dir
	run -0 unprivileged lf-check -q dir/lock
}

@test "a directory that may not be read is status 2" {
	need_unprivileged
	mkdir dir
	chmod 000 dir
	run -2 --separate-stderr unprivileged lf-check dir
	equal "$output" ""
	equal "$stderr" "lf-check: dir: permission denied (try as root)"
	chmod 755 dir
}

# No other process locks.
lock_in_turn() {
	for _ in {1..20}; do
		lf-acquire dir/one true && lf-acquire dir/two true || return
	done
}

@test "the files of a directory that may be read but not searched are status 2" {
	need_unprivileged
	mkdir dir
	hold lf-acquire dir/lock
	chmod 444 dir
	run -2 --separate-stderr unprivileged lf-check dir
	equal "$output" ""
	like "$stderr" '^lf-check: dir/lock: permission denied'
	run -2 --separate-stderr unprivileged lf-check -a dir
	equal "$output" ""
	chmod 755 dir
}

@test "files that come and go during the check are no error" {
	mkdir dir
	start lock_in_turn
	until is_gone "$pid"; do
		lf-check -a dir >/dev/null 2>error || [ $? -eq 1 ]
		equal "$(<error)" ""
	done
	finish "$pid"
	equal "$status" 0
}

@test "a path of the maximum length" {
	local name directory

	name=$(printf '%0255d' 0)
	directory=$name
	for _ in {1..13}; do
		directory+=/$name
	done
	mkdir -p "$directory"
	: >"$directory/free"
	run -1 lf-check -a "$directory"
	equal "$output" "$directory/free: free"
}

# strace makes the open of the directory itself fail.
@test "any other failure to read a directory is an input/output error" {
	need_strace
	local error n

	mkdir dir
	strace -o trace -e trace=openat lf-check dir || :
	n=$(grep -n -m 1 '"dir"' trace | cut -d : -f 1)
	for error in ENODEV ENXIO EEXIST; do
		run -2 --separate-stderr strace -o /dev/null -e trace=openat \
			-e "inject=openat:error=$error:when=$n" lf-check dir
		equal "$output" ""
		like "$stderr" '^lf-check: dir: input/output error'
	done
}
