#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
#
# Calls under a lock that their caller runs under: lf-check --mine, which answers,
# and lf-acquire, which never waits for its own caller.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

already='; this command runs under that lock already: use --nested to run COMMAND under it'

# Without a list of processes only the parent is known as an ancestor.
need_ancestors() {
	need_holders_with_names
	need_proc
}

# is_mine STATUS COMMAND...: the status of lf-check --mine in COMMAND under the lock.
is_mine() {
	local wanted=$1

	shift
	run -"$wanted" lf-acquire "$lock" "$@" lf-check --mine "$lock"
	equal "$output" ""
}

# is_known COMMAND...: whether its status is not 2.
is_known() {
	run "$@"
	[ "$status" -ne 2 ]
}

# --- lf-check --mine

@test "--mine: COMMAND runs under the lock, and what it starts" {
	need_ancestors
	is_mine 0
	is_mine 0 env
	is_mine 0 sh -c '"$@"; exit $?' sh
	is_mine 0 sh -c '"$@" & wait $!' sh
	is_mine 0 nice env sh -c 'sh -c "\"\$@\"; exit \$?" sh "$@"; exit $?' sh
	run -0 lf-acquire lock xargs lf-check --mine <<<lock
	run -0 lf-acquire -F lock sh -c 'lf-check --mine lock; exit $?'
}

@test "--mine: through make" {
	need make
	need_ancestors
	printf 'all:\n\tlf-check --mine lock\n' >Makefile
	run -0 lf-acquire lock make -s
	run -2 make -s
}

@test "--mine: COMMAND of which the descriptors were closed" {
	need_ancestors
	is_mine 0 bash -c 'for fd in /proc/self/fd/*; do
			fd=${fd##*/}
			[ "$fd" -lt 3 ] || eval "exec $fd>&-"
		done
		"$@"; exit $?' bash
	run -0 lf-acquire -o lock sh -c 'lf-check --mine lock; exit $?'
}

@test "--mine: free, and held by others, is status 1" {
	run -1 lf-check --mine lock
	equal "$output" ""
	absent lock
	: >lock
	run -1 lf-check --mine lock
	run -1 lf-check --mine missing/lock
	need_ancestors
	hold lf-acquire lock
	run -1 lf-check --mine lock
	equal "$output" ""
	# A descriptor of the same file is not enough.
	exec 8<lock
	run -1 lf-check --mine lock
	exec 8<&-
	release "$holder"
}

@test "--mine: COMMAND after kill -9 of lf-acquire" {
	need_locks_of_descriptors
	mkfifo go
	start lf-acquire lock sh -c 'echo >ready; read -r _ <go
		lf-check --mine lock; echo $? >status'
	eventually test -s ready
	kill -KILL "$pid"
	finish "$pid"
	echo >go
	eventually test -s status
	equal "$(<status)" 0
}

@test "--mine: a daemon without the descriptor and its parent" {
	need_ancestors
	mkfifo go
	hold lf-acquire -o lock sh -c '
		(sh -c "echo \$PPID >parent; read -r _ <go
			lf-check --mine lock; echo \$? >status" &)
		exec "$@"' sh
	eventually test -s parent
	echo >go
	eventually test -s status
	equal "$(<status)" 1
	release "$holder"
}

@test "--mine: another user, with the descriptor and without" {
	need_root
	need_ancestors
	local as=(setpriv --reuid="$nobody" --regid="$nobody" --clear-groups)

	run -0 lf-acquire lock "${as[@]}" lf-check --mine lock
	run -0 lf-acquire -m 600 lock "${as[@]}" lf-check --mine lock
	run -0 lf-acquire -o lock "${as[@]}" lf-check --mine lock
	# Only the kernel's list of locks shows it, and may change faster than it is read.
	looks=100 eventually is_known lf-acquire -m 600 -o lock "${as[@]}" sh -c '
		lf-check --mine lock; exit $?'
	equal "$status" 0
	equal "$output" ""
	hold lf-acquire lock
	run -1 "${as[@]}" lf-check --mine lock
	release "$holder"
}

# The process that acquired it was killed, or is outside this PID namespace.
without_tag() {
	case $(readlink /proc/self/ns/pid) in
	'pid:[4026531836]') run -1 "$@" ;;
	*) run -2 "$@" ;;
	esac
}

@test "--mine: a holder that is unknown is status 2" {
	need_root
	need_locks_of_descriptors
	need_proc
	hold lf-acquire lock
	kill_holder
	without_tag lf-check --mine lock
	run -2 unprivileged lf-check --mine lock
	equal "$output" "lf-check: lock: held; unknown whether by a caller of this command (try as root)"
	run -2 unprivileged lf-check --mine -q lock
	equal "$output" ""
}

@test "--mine: a PID namespace hides ancestors, not descriptors" {
	need unshare
	need_locks_of_descriptors
	unshare -pf true 2>/dev/null || skip "may not make a PID namespace"
	is_mine 0 unshare -pf
	run -2 lf-acquire -o lock unshare -pf lf-check --mine lock
}

@test "--mine: a shared lock, and several files" {
	need_shared_locks
	need_ancestors
	run -0 lf-acquire -s lock lf-check --mine lock
	run -0 lf-acquire -a b a lf-check --mine a b
	run -1 lf-acquire a lf-check --mine a b
	run -2 lf-acquire a lf-check --mine a .
	like "$output" '^lf-check: \.: is a directory$'
}

@test "--mine: a lock file that was replaced" {
	run -0 lf-acquire lock sh -c 'rm lock; lf-check --mine lock; echo $?
		>lock; lf-check --mine lock; echo $?'
	equal "${lines[0]} ${lines[1]}" "1 1"
}

@test "--mine: a descriptor of the shell" {
	need_locks_of_descriptors
	exec 9>>lock
	run -1 lf-check --mine lock
	lf-acquire --fd 9
	run -0 lf-check --mine lock
	run -0 lf-check -q --mine lock
	lf-acquire -u --fd 9
	run -1 lf-check --mine lock
}

@test "--mine: wrong usage" {
	run -64 lf-check --mine
	like "$output" 'no lock file given, which .* --mine need'
	run -64 lf-check --mine -l lock
	like "$output" '--mine can be combined with --quiet only'
	for option in -a -p -w -t1 --fs; do
		run -64 lf-check --mine "$option" lock
	done
	ln -s nowhere link
	run -2 lf-check --mine link
	equal "$output" "lf-check: link: is a symbolic link; name the file it points to"
}

# As where it was started in the first clock tick; the clock of process 1 may be so.
@test "--mine: a process 1 that has the start time 0 is an ancestor like others" {
	need_root
	need_ancestors
	need perl
	unshare -m mount --bind /proc/version /proc/1/stat 2>/dev/null ||
		skip "may not mount here"
	perl -pe 's/^(.*\) (?:\S+ ){19})\d+/${1}0/s' /proc/1/stat >stat
	hold lf-acquire lock
	run -1 unshare -m sh -c 'mount --bind stat /proc/1/stat &&
		exec lf-check --mine lock'
	equal "$output" ""
}

# --- lf-acquire without --nested

@test "a nested call fails immediately, whether or not it is to wait" {
	local option

	need_ancestors
	for option in -n -w '-t 60' -wF; do
		# shellcheck disable=SC2086 # -t and its argument
		run -75 timeout 60 lf-acquire lock sh -c 'lf-acquire "$@"; exit $?' sh \
			$option lock touch ran
		like "$output" "^lf-acquire: lock: held by PID .* \(lf-acquire, .*$already\$"
		equal "${#lines[@]}" 1
		absent ran
		absent lock
	done
	run -9 timeout 60 lf-acquire lock sh -c 'lf-acquire -w -E 9 lock true; exit $?'
	run -75 timeout 60 lf-acquire lock sh -c 'lf-acquire -wq lock true; exit $?'
	equal "$output" ""
}

@test "a call waits before it asks whether the lock is its caller's" {
	local asks='"/proc/(self"|[0-9])' option

	need_strace
	need_ancestors
	for option in -w -wF '-t 600 -F'; do
		hold lf-acquire lock
		# shellcheck disable=SC2086 # options
		start strace -f -o trace lf-acquire $option lock true
		eventually grep -Eqs "$asks" trace
		release "$holder"
		finish "$pid"
		equal "$status" 0
		# The wait, not the question, is in the trace first.
		like "$(grep -E -m 1 "$asks|F_(OFD_)?SETLKW" trace)" 'SETLKW'
		rm -f lock trace
	done
}

need_stopped_questions() {
	need_faults
	need_ancestors
	need_locks_of_descriptors
	export FAULTY=F_GETLK:STOP:1
}

@test "with -F COMMAND has the mark with the PID, and no child of the question" {
	local first answered

	need_stopped_questions
	for answered in no yes; do
		hold lf-acquire -k lock
		first=$holder
		begin faulty-acquire -kwF lock
		asking "$holder"
		if [ "$answered" = yes ]; then
			kill -CONT "$child"
			eventually has_no_child "$holder"
		fi
		release "$first"
		holds "$holder"
		equal "$command" "$holder"
		has_no_child "$holder"
		is_gone "$child"
		reports lock "$holder tag"
		release "$holder"
	done
}

@test "what shows the holder on a terminal keeps up nobody, nor closes the lock file" {
	local first waiter asked

	need_stopped_questions
	hold lf-acquire -k lock
	first=$holder
	begin terminal faulty-acquire -kwF lock
	eventually eval 'waiter=$(children "$holder") && [ "$waiter" ]'
	asking "$waiter"
	asked=$child
	kill -CONT "$asked"
	eventually is_gone "$asked"
	asking "$waiter"
	release "$first"
	holds "$holder"
	equal "$command" "$waiter"
	has_no_child "$waiter"
	is_gone "$child"
	reports lock "$waiter tag"
	release "$holder"
}

@test "the end of the question leaves a waiter in its place in the queue" {
	local first next

	need_stopped_questions
	hold lf-acquire lock
	first=$holder
	begin faulty-acquire -w lock
	next=$holder
	asking "$next"
	queue_holder lf-acquire -w lock
	kill -CONT "$child"
	eventually has_no_child "$next"
	release "$first"
	holds "$next"
	has_not_locked "$holder"
	release "$next"
	release "$holder"
	absent lock
}

@test "a signal ends a wait and its question" {
	local option signal

	need_stopped_questions
	hold lf-acquire lock
	for signal in TERM INT; do
		for option in -w -wF '-t 600'; do
			# shellcheck disable=SC2086 # an option and its argument
			start env --default-signal="$signal" \
				faulty-acquire $option lock touch ran
			asking "$pid"
			ends_by "$signal"
			is_gone "$child"
		done
	done
	absent ran
	held lock
	release "$holder"
	absent lock
}

# stop_until_answered PID: the answer comes while it is stopped.
stop_until_answered() {
	asking "$1"
	kill -STOP "$1"
	eventually is_stopped "$1"
	kill -CONT "$child"
	eventually is_gone "$child"
	kill -CONT "$1"
}

@test "a wait that is stopped during the question takes the answer when it goes on" {
	local first

	need_stopped_questions
	hold lf-acquire -k lock
	first=$holder
	begin faulty-acquire -kw lock
	stop_until_answered "$holder"
	eventually has_no_child "$holder"
	queued "$holder"
	release "$first"
	holds "$holder"
	release "$holder"
	# The caller's own lock.
	channel waiter
	start sh -c 'exec lf-acquire lock sh -c "echo \$\$ >waiter; exec \"\$@\"" sh \
		faulty-acquire -w lock touch ran 2>said'
	next "$fd"
	stop_until_answered "$line"
	# It asks again by itself.
	eventually is_stopped "$line"
	kill -CONT "$line"
	finish "$pid"
	equal "$status" 75
	like "$(<said)" "$already\$"
	absent ran
}

# One of another child of the caller's stays pending.
@test "SIGCHLD is to COMMAND as it was to its caller, in spite of the question" {
	local as how answered wanted
	local one_pending='sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGCHLD));
		fork or _exit(0); wait; exec @ARGV'
	# Without the signals of the C library, which are its own affair.  A child has
	# still to send the signal.
	local show=(sed -nE -e 's/^((Sig(Pnd|Blk|Ign)|ShdPnd):).*(.{7})$/\1 \4/p'
		-e 's/^[0-9 ]+$/a child/p' /proc/self/status /proc/thread-self/children)

	need perl
	env --block-signal=CHLD true 2>/dev/null ||
		skip "needs env with --block-signal"
	need_stopped_questions
	for how in block ignore pending; do
		# shellcheck disable=SC2016 # for perl
		case $how in
		pending) as=(perl -MPOSIX -e "$one_pending") ;;
		*) as=(env "--$how-signal=CHLD") ;;
		esac
		# In the background, too, where INT and QUIT are ignored.
		start "${as[@]}" "${show[@]}" >shown
		finish "$pid"
		wanted=$(<shown)
		for answered in no yes; do
			hold lf-acquire -k lock
			start "${as[@]}" faulty-acquire -kwF lock "${show[@]}" >shown
			asking "$pid"
			if [ "$answered" = yes ]; then
				kill -CONT "$child"
				eventually has_no_child "$pid"
			fi
			release "$holder"
			finish "$pid"
			equal "$(<shown)" "$wanted"
		done
	done
}

@test "a nested call that cannot ask while it waits asks before or after" {
	need_ancestors
	run -75 timeout 60 lf-acquire lock sh -c 'lf-acquire -t 0.001 lock true; exit $?'
	like "$output" "$already\$"
	need_faults
	run -75 timeout 60 lf-acquire lock sh -c '
		FAULTY=pthread_create:EAGAIN faulty-acquire -w lock true; exit $?'
	like "$output" "$already\$"
	run -75 timeout 60 lf-acquire lock sh -c '
		FAULTY=fork:EAGAIN faulty-acquire -wF lock true; exit $?'
	like "$output" "$already\$"
	run -75 timeout 60 env --ignore-signal=CHLD lf-acquire lock sh -c '
		lf-acquire -w lock true; exit $?'
	like "$output" "$already\$"
}

@test "a nested call with several files says which one" {
	need_ancestors
	run -75 timeout 60 lf-acquire a sh -c 'lf-acquire -w -a a -a c b touch ran; exit $?'
	like "$output" "^lf-acquire: a: held .*$already\$"
	absent ran
	# Also if another file is refused first.
	hold lf-acquire b
	run -75 timeout 60 lf-acquire a sh -c 'lf-acquire -w -a a b true; exit $?'
	like "$output" "^lf-acquire: a: held .*$already\$"
	run -75 lf-acquire a sh -c 'lf-acquire -a c b true; exit $?'
	names_holder "$output" b "$holder" "lf-acquire b sh -c $holding"
	release "$holder"
	absent b
	absent c
}

@test "a nested call through a symbolic link" {
	need_ancestors
	: >file
	ln -s file link
	run -75 timeout 60 lf-acquire -k file sh -c 'lf-acquire -w --follow link true; exit $?'
	like "$output" "^lf-acquire: link: held .*$already\$"
	run -0 lf-acquire -k file lf-acquire -r --follow link echo inner
	equal "$output" inner
}

@test "a call in the background of COMMAND does not wait for its end" {
	need_ancestors
	run -0 timeout 60 lf-acquire lock sh -c 'lf-acquire -w lock touch ran & wait $!
		echo $?'
	equal "${lines[1]}" 75
	absent ran
}

@test "a call under a lock that others hold waits as ever" {
	need_proc_locks
	hold lf-acquire lock
	start lf-acquire other lf-acquire -w lock touch ran
	eventually grep -Eq -- "-> .*:$(stat -c %i lock) " /proc/locks
	absent ran
	release "$holder"
	finish "$pid"
	equal "$status" 0
	present ran
}

@test "--fd: another descriptor of the locked file" {
	need_locks_of_descriptors
	need_ancestors
	exec 8>>lock 9>>lock
	lf-acquire --fd 9
	run -75 timeout 60 lf-acquire -w --fd 8
	like "$output" '; this command runs under that lock already$'
	run -0 timeout 60 lf-acquire -w --fd 9
	run -75 timeout 60 lf-acquire -w lock true
	like "$output" "$already\$"
	run -0 lf-acquire -r lock echo inner
	equal "$output" inner
	run -64 lf-acquire -r --fd 9
	like "$output" '--nested cannot be used with --fd'
}

@test "--fd: a descriptor that shares the lock waits for other sharers" {
	need_locks_of_descriptors
	need_proc_locks
	hold lf-acquire -k -s lock
	exec 9<>lock
	lf-acquire -s --fd 9
	run -75 lf-acquire --fd 9
	[[ $output != *"already"* ]]
	start lf-acquire -w --fd 9
	queued "$pid"
	release "$holder"
	finish "$pid"
	equal "$status" 0
}

# --- lf-acquire --nested

@test "--nested runs COMMAND under the lock of the caller" {
	need_ancestors
	run -7 lf-acquire lock sh -c 'lf-acquire -r lock sh -c "echo inner; exit 7"
		s=$?; lf-check --mine lock && echo outer; exit $s'
	equal "$output" "inner
outer"
	absent lock
	run -0 timeout 60 lf-acquire lock lf-acquire --nested -w lock lf-acquire -rF lock echo in
	equal "$output" in
	run -127 lf-acquire lock lf-acquire -r lock ./missing
	like "$output" '^lf-acquire: ./missing: cannot be run'
	run -0 lf-acquire lock lf-acquire -rv lock echo in
	equal "${lines[0]}" 'lf-acquire: lock: COMMAND runs under the lock of its caller'
}

@test "--nested without such a caller is a call like any other" {
	run -0 lf-acquire -r lock lf-check -q lock
	absent lock
	need_ancestors
	hold lf-acquire lock
	run -75 lf-acquire -r lock touch ran
	names_holder "$output" lock "$holder" "lf-acquire lock sh -c $holding"
	absent ran
	release "$holder"
}

@test "--nested ends by the signal that ends COMMAND" {
	need_ancestors
	run -143 lf-acquire lock sh -c 'lf-acquire -r lock sh -c "kill \$\$"; exit $?'
	absent lock
}

@test "--nested: a shared lock serves for a shared one only" {
	need_shared_locks
	need_ancestors
	run -75 timeout 60 lf-acquire -s lock sh -c 'lf-acquire -rw lock touch ran; exit $?'
	like "$output" 'shared, .*; this command shares that lock already, and cannot make it exclusive$'
	absent ran
	run -75 timeout 60 lf-acquire -s lock sh -c 'lf-acquire -w lock touch ran; exit $?'
	like "$output" 'cannot make it exclusive$'
	absent ran
	run -0 lf-acquire -s lock lf-acquire -rs lock echo in
	run -0 lf-acquire lock sh -c 'lf-acquire -rsw lock echo in
		lf-acquire -q -s lock echo none; echo $?'
	equal "$output" "in
75"
	absent lock
}

@test "--nested: of several files the others are locked" {
	need_ancestors
	run -0 lf-acquire a sh -c 'lf-acquire -r -a a -a c b lf-check -q b &&
		lf-check --mine a && echo done; ls'
	equal "$output" "done
a"
	run -0 lf-acquire -a b a lf-acquire -r -a a b echo both
	equal "$output" both
	hold lf-acquire b
	run -75 lf-acquire a sh -c 'lf-acquire -r -a b a touch ran; exit $?'
	names_holder "$output" b "$holder" "lf-acquire b sh -c $holding"
	absent ran
	release "$holder"
}

# --- A script that locks itself

# self_locking NAME: makes it; it prints its arguments.
self_locking() {
	printf '#!/bin/sh\nlf-check --mine %s || exec lf-acquire %s "$0" "$@"\n' \
		"$PWD/lock" "$PWD/lock" >"$1"
	printf '%s\n' "${@:2}" >>"$1"
	chmod 755 "$1"
}

@test "a call for a slot under the lock of the queue fails" {
	need_ancestors
	run -75 lf-acquire lock lf-acquire -w -N 2 lock touch ran
	like "$output" "^lf-acquire: lock: held by .* already: use --nested"
	absent ran
	run -0 lf-acquire lock lf-acquire -r -w -N 2 lock \
		sh -c 'echo "${LF_SLOT-none}"'
	equal "$output" none
}

@test "with --nested, the slot of another lock is not that of COMMAND" {
	need_ancestors
	LF_SLOT=9 run -0 lf-acquire lock lf-acquire -r -N 2 lock \
		sh -c 'echo "${LF_SLOT-none}"'
	equal "$output" none
	run -0 lf-acquire -N 2 other lf-acquire lock lf-acquire -r -N 2 lock \
		sh -c 'echo "${LF_SLOT-none}"'
	equal "$output" none
}

@test "--mine: a lock file stands for its slots" {
	need_ancestors
	run -0 lf-acquire -N 3 lock lf-check --mine lock
	run -1 lf-check --mine lock
	hold lf-acquire -N 3 lock
	run -1 lf-check --mine lock
	run -0 lf-acquire -N 3 lock lf-check --mine lock
}

@test "--mine: a slot of an unknown holder is status 2" {
	need_root
	need_locks_of_descriptors
	need_proc
	hold lf-acquire -N 3 lock
	kill_holder
	without_tag lf-check --mine lock
	run -2 unprivileged lf-check --mine lock
	like "$output" "^lf-check: lock.1: held; unknown whether by a caller"
}

@test "--nested needs no other slot, and cannot exclude flock(2)" {
	need_ancestors
	run -0 lf-acquire -N 3 lock lf-acquire -r -N 3 lock \
		sh -c 'echo "$LF_SLOT" && ! lf-check -q lock.2'
	equal "$output" 1
	run -64 lf-acquire -k lock lf-acquire -r --flock lock touch ran
	absent ran
}

@test "a call for a slot under a slot fails, or shares it with --nested" {
	need_ancestors
	for slots in 1 2; do
		run -75 lf-acquire -N 2 lock lf-acquire -N "$slots" lock \
			lf-acquire -w -N "$slots" lock touch ran
		like "$output" "^lf-acquire: lock.[12]: held by .* already: use --nested"
		absent ran
	done
	run -0 lf-acquire -N 1 lock lf-acquire -r -w -N 1 lock \
		sh -c 'echo "$LF_SLOT" && lf-check -q lock.1'
	equal "$output" 1
	absent lock
	absent lock.1
}

@test "a script locks itself, and calls itself" {
	need_ancestors
	self_locking script 'echo "$# $*"' '[ $# -eq 0 ] || { shift; "$0" "$@"; }'
	run -0 ./script a 'b  c'
	equal "$output" "2 a b  c
1 b  c
0 "
	absent lock
	hold lf-acquire lock
	run -75 ./script
	names_holder "$output" "$lock" "$holder" "lf-acquire lock sh -c $holding"
	release "$holder"
}

@test "a script that is started twice runs once" {
	need_ancestors
	mkfifo go
	self_locking script 'echo >>ran' 'read -r _ <go'
	start ./script
	eventually test -s ran
	run -75 ./script
	echo >go
	finish "$pid"
	equal "$status" 0
	equal "$(<ran)" ""
	equal "$(wc -l <ran)" 1
	absent lock
}

@test "root's script locks itself, and goes on as another user" {
	need_root
	need_ancestors
	self_locking script 'id -u' "[ \$# -eq 0 ] || exec setpriv --reuid=$nobody --regid=$nobody --clear-groups \"\$0\""
	run -0 ./script again
	equal "$output" "0
$nobody"
	absent lock
}
