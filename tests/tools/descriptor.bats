#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire --fd, --unlock and --close: which process has the locked descriptor.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

@test "--fd locks a descriptor of the shell until the shell closes it" {
	need_locks_of_descriptors
	exec 9>>lock
	run -0 lf-acquire --fd 9
	equal "$output" ""
	held lock
	run -75 lf-acquire lock true
	exec 9>&-
	free lock
	present lock
}

@test "locking a descriptor twice is no conflict, locking two of one file is" {
	need_locks_of_descriptors
	exec 8>>lock 9>>lock
	run -0 lf-acquire -f 9
	run -0 lf-acquire -n -f9
	run -75 lf-acquire --fd 8
	like "$output" '^lf-acquire: .*/lock: held'
	run -3 lf-acquire -q -E 3 --fd=8
	equal "$output" ""
	exec 9>&-
	run -0 lf-acquire --fd 8
}

@test "a process that shares the descriptor keeps the lock" {
	need_locks_of_descriptors
	exec 9>>lock
	run -0 lf-acquire --fd 9
	# begin: any program will do that runs "sh -c ..."
	begin env
	holds "$holder"
	exec 9>&-
	held lock
	release "$holder"
	free lock
}

@test "each process that has the descriptor is a holder" {
	need_inspection
	need_locks_of_descriptors
	channel said
	start sh -c 'exec 9>>lock && lf-acquire --fd 9
		sh -c "read -r _ <\"\$0\"" "$0" &
		echo $! >said; read -r _ <"$0"' "$BATS_TEST_TMPDIR/never"
	next "$fd"
	started+=("$line")
	run -0 lf-check -p lock
	equal "$(sort -n <<<"$output")" "$(printf '%s\n' "$pid" "$line" | sort -n)"
	kill -KILL "$pid"
	finish "$pid"
	run -0 lf-check -p lock
	equal "$output" "$line"
	kill -KILL "$line"
	eventually free lock
}

@test "--fd with -u unlocks, and is no error if there is no lock" {
	need_locks_of_descriptors
	exec 9>>lock
	run -0 lf-acquire --fd 9
	held lock
	run -0 lf-acquire -u --fd 9
	equal "$output" ""
	free lock
	run -0 lf-acquire --unlock --fd 9
	run -0 lf-acquire --fd 9
	held lock
}

@test "--fd with -u of what is no regular file is status 66" {
	for file in /dev/null .; do
		exec 9<"$file"
		run -66 lf-acquire -u --fd 9
		like "$output" '^lf-acquire: .*: is (not a regular file|a directory)'
		exec 9<&-
	done
}

@test "--fd with -u unlocks though others wait" {
	need_proc_locks
	need_locks_of_descriptors
	mkfifo unlock end
	# A waiter that this shell starts would run under its lock.
	start sh -c 'exec 9>>lock; lf-acquire --fd 9 && >locked; read -r _ <unlock
		lf-acquire -u --fd 9 && >unlocked; read -r _ <end'
	shell=$pid
	eventually test -e locked
	begin lf-acquire -k -w lock
	eventually is_queued_anyhow "$holder"
	echo >unlock
	holds "$holder"
	eventually test -e unlocked
	release "$holder"
	equal "$status" 0
	echo >end
	finish "$shell"
}

# For the tag, or for the body, since the tag is gone with lf-acquire.
is_queued_anyhow() {
	grep -Eq -- "-> +(POSIX|OFDLCK) +ADVISORY +WRITE +($1|-1) " /proc/locks
}

@test "--fd waits with -w, and with -t no longer than that" {
	need_proc_locks
	need_locks_of_descriptors
	hold lf-acquire -k lock
	exec 9>>lock
	run -75 lf-acquire -t 0.05 --fd 9
	names_holder "lf-acquire: ${output#"lf-acquire: $PWD/"}" lock "$holder" "lf-acquire -k lock sh -c $holding" "; timed out; the descriptor has no lock now"
	queue lf-acquire -w --fd 9
	waiter=$pid
	release "$holder"
	finish "$waiter"
	equal "$status" 0
	held lock
}

@test "--fd of a file that a holder removes meanwhile is refused, with the reason" {
	need_proc_locks
	hold original lock
	exec 9>>lock
	start lf-acquire -w --fd 9 2>err
	queued "$pid"
	waiter=$pid
	release "$holder"
	finish "$waiter"
	equal "$status" 66
	like "$(cat err)" 'removed since it was opened.*--keep'
	absent lock
}

@test "a descriptor of a removed file is not named as another file" {
	exec 9>>lock
	rm lock
	: >'lock (deleted)'
	run -66 lf-acquire --fd 9
	begins "$output" 'lf-acquire: descriptor 9: removed since'
}

@test "a descriptor that is not open, not open for writing, or not of a file is status 66" {
	mkfifo fifo
	touch lock
	exec 7<>fifo 8<lock
	run -66 lf-acquire --fd 9
	like "$output" '^lf-acquire: descriptor 9: not open; open it first'
	run -66 lf-acquire --fd 8
	like "$output" '/lock: not open for writing; open it for example'
	run -66 lf-acquire --fd 7
	like "$output" '/fifo: is not a regular file'
	run -66 lf-acquire --fd 9 -u
	like "$output" '^lf-acquire: descriptor 9: not open; '
	exec 6<.
	run -66 lf-acquire --fd 6
	like "$output" 'is a directory'
}

@test "--fd with -s shares, by a descriptor for reading too" {
	need_locks_of_descriptors
	touch lock
	exec 7<>lock
	exec 8<lock
	exec 9<lock
	run -0 lf-acquire -s --fd 8
	run -0 lf-acquire --shared -f 9
	run -0 lf-acquire -s lock true
	run -75 lf-acquire -f 7
	like "$output" '^lf-acquire: .*/lock: held'
	run -75 lf-acquire lock true
	run -0 lf-acquire -u --fd 8
	run -75 lf-acquire -f 7
	exec 9<&-
	run -0 lf-acquire -f 7
	run -75 lf-acquire -s --fd 8
	present lock
}

# poller N: a shell shares the lock, then wants it exclusively, and appends N.
poller() {
	exec 9<>lock
	lf-acquire -s --fd 9 || exit
	echo "$1" >&"$shares"
	read -r _ <&"$go"
	lf-acquire -x "${how[@]}" --fd 9 || exit
	lf-check -q lock || exit
	echo "$1" >>served
}

@test "--fd from shared to exclusive with -w or -t: all are served in turn" {
	local go how line shares=

	need_locks_of_descriptors
	need_shared_locks
	touch lock
	for how in -w '-t 60'; do
		read -ra how <<<"$how"
		: >served
		mkfifo "shares${how[0]}" "go${how[0]}"
		exec {shares}<>"shares${how[0]}" {go}<>"go${how[0]}"
		pids=()
		for n in 1 2 3 4; do
			poller "$n" &
			pids+=("$!")
		done
		for n in 1 2 3 4; do
			read -r line <&"$shares"
		done
		printf '1\n2\n3\n4\n' >&"$go"
		for n in "${pids[@]}"; do
			wait "$n"
		done
		equal "$(sort served | tr '\n' ' ')" "1 2 3 4 "
		free lock
	done
}

@test "--fd from shared to exclusive: refused at once it stays shared, in time it is gone" {
	need_locks_of_descriptors
	need_shared_locks
	touch lock
	exec 8<>lock 9<>lock
	run -0 lf-acquire -s --fd 8
	run -0 lf-acquire -s --fd 9
	run -75 lf-acquire -x -n --fd 9
	like "$output" '/lock: held'
	run -0 lf-acquire -u --fd 8
	held lock
	run -0 lf-acquire -s --fd 8
	run -75 lf-acquire -x -t 0.05 --fd 9
	like "$output" 'timed out; the descriptor has no lock now$'
	run -0 lf-acquire -u --fd 8
	free lock
}

@test "--fd from exclusive to shared never loses the lock" {
	local option

	need_locks_of_descriptors
	need_shared_locks
	exec 9<>lock
	for option in -n -w '-t 1'; do
		run -0 lf-acquire --fd 9
		# shellcheck disable=SC2086 # several words
		run -0 lf-acquire -s $option --fd 9
		run -75 lf-acquire lock true
		run -0 lf-acquire -s -k lock true
	done
	run -0 lf-acquire --fd 9
	rm lock
	run -66 lf-acquire -s --fd 9
	like "$output" 'removed since it was opened'
	# Still locked: another description of the same file is refused.
	run -75 lf-acquire --no-create --follow "/proc/$$/fd/9" true
}

# In COMMAND, $n is the inherited descriptor.
find_inherited='
	for n in /proc/$$/fd/*; do
		[ "$(readlink "$n")" = "$PWD/lock" ] && break
	done
	n=${n##*/}'

@test "COMMAND can neither unlock nor convert the lock of lf-acquire" {
	local options

	need_proc_locks
	need_locks_of_descriptors
	for options in -u -x '-x -w' '-x -t 5' -s '-s -w' '-s -t 5'; do
		run -66 lf-acquire lock sh -c "$find_inherited
			lf-acquire $options --fd \$n
			status=\$?
			lf-acquire -q -E 3 -s lock true
			[ \$? = 3 ] || exit 1
			exit \$status"
		like "$output" '/lock: its lock belongs to another process, such as the lf-acquire that runs this command'
		absent lock
	done
}

@test "--fd with -s and a descriptor open for writing only is status 66" {
	need_shared_locks
	exec 9>>lock
	run -66 lf-acquire -s --fd 9
	like "$output" '/lock: not open for reading, which --shared needs'
}

@test "an option that means nothing for a descriptor is status 64" {
	local arguments

	exec 9>>lock
	for arguments in '--fd' '--fd nine' '--fd -1' '--fd 99999999999' \
		'--fd 9 lock true' '--fd 9 -p' '--fd 9 -m 600' '--fd 9 -F' \
		'--fd 9 -o' '--fd 9 -s -p' '--fd 9 --follow' '--fd 9 --no-create' \
		'-u' '-u lock true'; do
		# shellcheck disable=SC2086 # several words
		run -64 lf-acquire $arguments
		like "$output" '^lf-acquire: '
	done
	free lock
}

@test "--fd is refused by a kernel without locks of descriptors" {
	need_faults
	exec 9>>lock
	FAULTY=F_OFD_SETLK:EINVAL run -71 faulty-acquire --fd 9
	like "$output" 'belongs to the process'
	free lock
}

@test "--fd is refused where locks belong to the process" {
	exec 9>>lock
	if lf-acquire --fd 9 2>err; then
		skip "these locks belong to the open file description"
	fi
	like "$(cat err)" 'belongs to the process'
	free lock
}

@test "--fd leaves the content of the file unchanged" {
	need_locks_of_descriptors
	echo data >lock
	exec 9<>lock
	run -0 lf-acquire --fd 9
	held lock
	run -0 lf-acquire -u --fd 9
	equal "$(cat lock)" data
}

@test "-o does not pass the descriptor on, but holds the lock" {
	local option

	for option in -o --close; do
		run -0 lf-acquire "$option" lock sh -c '
			lf-check -q lock && ls -l /proc/$$/fd'
		[[ $output != *"$PWD/lock"* ]]
		absent lock
	done
}

@test "with -o, kill -9 of lf-acquire frees the lock while COMMAND runs" {
	hold lf-acquire -o lock
	kill_holder
	eventually free lock
	is_not_stopped "$command"
	[ -n "$(state_of "$command")" ]
	present lock
}

@test "-o with -F, which would drop the lock, is status 64" {
	run -64 lf-acquire -o -F lock true
	like "$output" '--exec cannot be used with --close'
	absent lock
}
