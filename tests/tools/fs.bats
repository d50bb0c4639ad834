#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# What a file system does with locks, and locks that other machines respect.
#
# shellcheck disable=SC2154 # run sets it

load helper

@test "a link to a missing file is on the file system where that would be" {
	need_proc
	[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || skip "needs a tmpfs at /dev/shm"
	[ "$(stat -f -c %T .)" != tmpfs ] || skip "needs two file systems"
	elsewhere=$(mktemp -u /dev/shm/lf-test.XXXXXX)
	ln -s "$elsewhere" one
	ln -s ./one two
	for link in one two; do
		run -0 lf-check --fs "$link"
		[[ $output == *tmpfs* ]]
	done
	absent "$elsewhere"
}

@test "--fs says what a local file system does" {
	need_listed_mount
	run -0 lf-check --fs lock
	like "$output" '^lock:'
	like "$output" '  file system: .*[a-z]'
	like "$output" '  other machines: .*are not excluded: this file system is not shared'
	like "$output" '  file at release: .*removed'
	like "$output" '  order of waiters: .*first come, first served'
	like "$output" '  PID of the holder: .*shown'
	[ ! -e lock ]
}

@test "--fs takes files, directories and links, and creates nothing" {
	need_listed_mount
	mkfifo fifo
	ln -s fifo link
	ln -s missing dangling
	run -0 --separate-stderr lf-check --fs . fifo link dangling missing
	equal "$(grep -c 'file system:' <<<"$output")" 5
	equal "$(ls)" "$(printf '%s\n' dangling fifo link)"
}

# alarm(2) is setitimer(2) on some processors.
@test "a slow reader of --fs or --mine is no file server that does not answer" {
	need_strace
	need_listed_mount
	run strace -o trace -e 'trace=?alarm,setitimer,write,writev' lf-check --fs .
	limit_ends_before_output
	: >file
	run strace -o trace -e 'trace=?alarm,setitimer,write,writev' lf-check --mine file/lock
	limit_ends_before_output
}

limit_ends_before_output() {
	cat trace
	awk '/^(alarm|setitimer)/ { set++; running = /\(30\)|tv_sec=30/ }
		/^write/ { wrote++; if (running) exit 1 }
		END { exit !(set && wrote) || running }' trace
}

@test "--fs of a path in no directory is status 2, and the others are shown" {
	need_listed_mount
	run -2 --separate-stderr lf-check --fs missing/lock lock
	like "$stderr" '^lf-check: missing/lock: no such file or directory'
	like "$output" '^lock:'
	run -2 --separate-stderr lf-check --fs ''
	like "$stderr" '^lf-check: .*no such file or directory'
}

@test "--fs prints JSON" {
	need_listed_mount
	need_tables
	run -0 lf-check --fs -J lock 'a"b'
	equal "$(jq -r '.filesystems[].path' <<<"$output")" \
		"$(printf '%s\n' lock 'a"b')"
	jq -e '.filesystems[] | .type and .global and .removes' <<<"$output"
	equal "$(jq -c '.filesystems[0] |
		[.shared, .global, .removes, .ordered, .pids]' <<<"$output")" \
		'["no","no","yes","yes","yes"]'
	jq -e 'all(.filesystems[]; .shared | IN("yes", "no", "unknown"))' \
		<<<"$output"
}

@test "--fs has no other options" {
	local option

	for option in -a -p -q -l -w '-t 1' '-o PID' -n -r; do
		# shellcheck disable=SC2086 # two words
		run -64 --separate-stderr lf-check --fs $option lock
		like "$stderr" '^lf-check: --fs can be combined with --json only'
	done
}

@test "--global refuses a file system of this machine, and creates nothing" {
	local option

	[ "$(lf-check --fs . | sed -n 's/.*other machines: *//p')" != \
		"are excluded" ] || skip "this file system is shared"
	for option in -n -w '-t 1' -k -s -p; do
		# shellcheck disable=SC2086 # two words
		run -71 --separate-stderr lf-acquire --global $option lock \
			touch ran
		like "$stderr" '^lf-acquire: lock: locks here do not, or may not, exclude other machines'
		equal "$(ls)" ''
	done
	: >there
	run -71 lf-acquire --global there touch ran
	run -71 lf-acquire --global -a there lock touch ran
	exec 9>>there
	run -71 lf-acquire --global --fd 9
	free there
	equal "$(ls)" there
}

# By the list of mounts it is one of SMB, and by fstatfs(2) unknown.
@test "--global with --flock: on SMB it is flock(2) that is missing" {
	local apart=(unshare -m) command fake

	need_faults
	need unshare
	[ "$(id -u)" -eq 0 ] || apart+=(-r)
	fake='sed "s/ - [^ ]* / - cifs /" /proc/self/mountinfo >list &&
		mount --bind list /proc/$$/mountinfo'
	"${apart[@]}" sh -c "$fake" 2>/dev/null || skip "may not mount here"
	command="$fake"'
		FAULTY=fstatfs:EIO exec faulty-acquire --global "$@" lock touch ran'
	run -71 "${apart[@]}" sh -c "$command" sh --flock
	like "$output" '^lf-acquire: lock: no locks of flock\(2\) are available here'
	absent ran
	run -0 "${apart[@]}" sh -c "$command" sh
	rm ran
}

# A file system of an unknown kind may be that of several machines.
@test "where other machines may share the file, it has PID and host" {
	local here

	need_inspection
	need_faults
	here=$(uname -n)
	export FAULTY=fstatfs:EIO
	hold faulty-acquire -p lock
	equal "$(cat lock)" "$holder $here"
	run -0 faulty-check lock
	like "$output" '^lock: held'
	like "$output" "  PID $holder on host $here, according to the file"
	release "$holder"
	equal "$(cat lock)" ''
}

@test "a refused caller is shown the PID and the host of a holder without a name" {
	need_root
	need_inspection
	need_locks_of_descriptors
	chmod 711 .
	hold lf-acquire -k -m 666 lock
	kill_holder
	printf '42 we\e]0;b1\n' >lock
	run -75 unprivileged lf-acquire "$PWD/lock" true
	equal "$output" "lf-acquire: $PWD/lock: held; holder unknown (try as root); PID 42 on host we\\x1b]0;b1, according to the file"
	run -75 unprivileged lf-acquire -q "$PWD/lock" true
	equal "$output" ""
}

@test "a host name that another user wrote is escaped" {
	local evil=$'we\e]0;b1'

	need_inspection
	hold lf-acquire -k lock
	printf '42 %s\n' "$evil" >lock
	run -0 lf-check lock
	like "$output" '  PID 42 on host we\\x1b\]0;b1, according to the file'
	printf '42 two words\n' >lock
	run -0 lf-check lock
	[[ $output != *'according to'* ]]
}

@test "the PID of an earlier holder on another host is replaced" {
	printf '42 elsewhere\n' >lock
	run -0 lf-acquire -p lock cat lock
	like "$output" '^[0-9]+$'
	absent lock
}

# The server is COMMAND: it unlocks the file, and another process locks it.
@test "a lock that a server gave to another is reported, with COMMAND's status" {
	need_locks_of_descriptors
	need_proc
	need_faults
	mkfifo never taken
	cat >job <<-'END'
		unset FAULTY
		for fd in /proc/$$/fd/*; do
			[ "$fd" -ef lock ] && lf-acquire -u --fd "${fd##*/}"
		done
		lf-acquire -k lock sh -c 'echo >taken; read -r line <never' >/dev/null 2>&1 3>&- &
		read -r line <taken
		exit 7
	END
	FAULTY=fstatfs:EIO run -7 --separate-stderr faulty-acquire lock sh job
	like "$stderr" '^lf-acquire: lock: the file server gave the lock to another while COMMAND ran; both may have run at the same time'
	equal "${#stderr_lines[@]}" 1
	timeout 60 sh -c "echo >never"
}
