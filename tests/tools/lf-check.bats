#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-check: holders, waiters, status, output, errors.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# --- Held, free, missing

@test "a held lock is status 0 and a sentence with PID, command and user" {
	need_holders_with_names
	hold lf-acquire lock
	run -0 --separate-stderr lf-check lock
	begins "$output" "lock: held by $(process "$holder" "lf-acquire lock sh -c $holding")"
	equal "$stderr" ""
}

@test "a free lock is status 1, whether the file is empty or not" {
	: >empty
	echo content >full
	run -1 --separate-stderr lf-check empty
	equal "$output" "empty: free"
	equal "$stderr" ""
	run -1 lf-check full
	equal "$output" "full: free"
}

@test "a missing file is free, in a missing directory too, and is not created" {
	run -1 --separate-stderr lf-check missing
	equal "$output" "missing: free"
	equal "$stderr" ""
	run -1 lf-check no/such
	equal "$output" "no/such: free"
	absent missing
	absent no
}

@test "a lock is free again when its holder has ended, kept or not" {
	hold lf-acquire -k lock
	run -0 lf-check lock
	release "$holder"
	run -1 lf-check lock
	hold lf-acquire lock
	run -0 lf-check lock
	release "$holder"
	run -1 lf-check lock
	absent lock
}

@test "a lock is free again when its holder was killed with -9" {
	hold lf-acquire -F lock
	kill_holder
	run -1 lf-check lock
	equal "$output" "lock: free"
}

@test "a file with content is checked like any other" {
	echo content >lock
	hold lf-acquire lock
	run -0 lf-check -q lock
	equal "$(<lock)" content
}

@test "the path is printed as it was given" {
	mkdir sub
	hold lf-acquire lock
	run -0 lf-check sub/../lock
	like "$output" '^sub/\.\./lock: held'
	run -0 lf-check "$PWD/lock"
	[[ $output == "$PWD/lock: held"* ]]
}

# --- The holder

@test "the holder of a lock of the original is named" {
	need original
	need_holders_with_names
	hold original lock
	run -0 lf-check lock
	begins "$output" "lock: held by $(process "$holder" "original lock sh -c $holding")"
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

@test "a lock of the original is held, and free afterwards" {
	need original
	hold original -k lock
	run -0 lf-check lock
	release "$holder"
	run -1 lf-check lock
}

@test "the holder is named, not a waiter" {
	local first

	need_proc_locks
	need_holders_with_names
	hold lf-acquire lock
	first=$holder
	for _ in 1 2 3; do
		queue lf-acquire -w lock true
	done
	for _ in {1..20}; do
		run -0 lf-check -p lock
		equal "$output" "$first"
	done
}

@test "after a hand-over the new holder is named" {
	local first

	need_proc_locks
	need_holders_with_names
	hold lf-acquire lock
	first=$holder
	queue_holder lf-acquire -w lock
	release "$first"
	holds "$holder"
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

@test "after kill -9 of lf-acquire no wrong PID is named" {
	need_locks_of_descriptors
	hold lf-acquire lock
	kill_holder
	run -0 lf-check lock
	like "$output" "^lock: held(; holder unknown( \(try as root\))?| by PID $command: .* \(.*\).*)"
	run -0 lf-check -p lock
	[[ -z $output || $output == "$command" ]]
}

@test "a stopped holder is a holder" {
	hold lf-acquire -F lock
	kill -STOP "$holder"
	eventually is_stopped "$holder"
	run -0 lf-check -q lock
	kill -CONT "$holder"
	release "$holder"
	equal "$status" 0
}

@test "COMMAND can check its own lock" {
	need_holders_with_names
	run -0 lf-acquire lock sh -c 'test "$(lf-check -p lock)" = "$PPID"'
	run -0 lf-acquire -F lock sh -c 'test "$(lf-check -p lock)" = $$'
}

@test "hostile arguments of the holder are printed escaped" {
	need_holders_with_names
	need_proc
	arguments=($'\e[2J' $'a\nb\r\x7f')
	hold lf-acquire -F lock
	run -0 lf-check lock
	equal "${#lines[@]}" 1
	like "$output" '\\x1b\[2J a\\x0ab\\x0d\\x7f \([^,]*\), running for '
	[[ $output != *$'\e'* && $output != *$'\r'* ]]
}

@test "a hostile name is printed escaped" {
	local name=$'e\e[31m\nx\xff\xe2\x80\xae\xc2\x9b'
	local escaped='e\x1b[31m\x0ax\xff\xe2\x80\xae\xc2\x9b'

	run -1 lf-check "$name"
	equal "$output" "$escaped: free"
	mkfifo "$name"
	run -2 lf-check "$name"
	equal "$output" "lf-check: $escaped: is not a regular file"
}

# --- All holders and waiters

@test "all holders of a shared lock are named, then the queue in order" {
	local first second third

	need_inspection
	need_shared_locks
	hold lf-acquire -s lock
	first=$holder
	hold lf-acquire -s lock
	second=$holder
	start lf-acquire -w lock true
	third=$pid
	queued "$third"
	queue lf-acquire -w lock true
	run -0 --separate-stderr lf-check lock
	equal "$stderr" ""
	equal "${#lines[@]}" 4
	like "${lines[0]}" "^lock: held by PID ($first|$second): sh -c .* \(lf-acquire, .*\), shared, for "
	like "${lines[1]}" "^  and by PID ($first|$second): sh -c .* \(lf-acquire, .*\), shared, for "
	[[ ${lines[0]%%: sh*} != *"${lines[1]##*by}" ]]
	begins "${lines[2]}" "  waiting: PID $third: true (lf-acquire, $(user_of "$third"))"
	begins "${lines[3]}" "  then: PID $pid: true (lf-acquire, "
	run -0 lf-check -p lock
	equal "$(sort -n <<<"$output")" \
		"$(printf '%s\n' "$first" "$second" | sort -n)"
}

@test "a waiter for a shared lock is marked" {
	need_inspection
	need_shared_locks
	hold lf-acquire lock
	queue lf-acquire -w -s lock true
	run -0 lf-check lock
	equal "${lines[1]}" "  waiting: PID $pid: true (lf-acquire, $(user_of "$pid")), to share it"
}

@test "a long queue is listed in full and in order" {
	local waiting=()

	need_inspection
	hold lf-acquire lock
	for _ in {1..20}; do
		queue lf-acquire -w lock true
		waiting+=("$pid")
	done
	run -0 lf-check lock
	equal "$(sed -n 's/^  [a-z]*: PID \([0-9]*\): .*/\1/p' <<<"$output")" \
		"$(printf '%s\n' "${waiting[@]}")"
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

# prints_pids PID...: each once, in any order.
prints_pids() {
	run -0 --separate-stderr lf-check -p lock
	[ "$(sort -n <<<"$output")" = "$(printf '%s\n' "$@" | sort -n)" ]
}

# The kernel's list of locks may change faster than it is read, and lack some.
@test "many holders of a shared lock are all named" {
	local holders=()

	need_inspection
	need_shared_locks
	for _ in {1..30}; do
		hold lf-acquire -s lock
		holders+=("$holder")
	done
	looks=100 eventually prints_pids "${holders[@]}"
	run -0 lf-check lock
	equal "${#lines[@]}" 30
}

@test "the holder of a lock on a shell's descriptor is named" {
	need_inspection
	need_locks_of_descriptors
	channel said
	start sh -c 'exec 9>>lock && lf-acquire --fd 9 && echo >said
		read -r _ <"$1"' sh "$BATS_TEST_TMPDIR/never"
	next "$fd"
	run -0 lf-check -p lock
	equal "$output" "$pid"
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: sh -c exec 9>>lock "
}

@test "a process without arguments is named by its name, escaped" {
	need perl
	need_inspection
	channel said
	start lf-acquire -F lock perl -e '$0 = "";
		open(F, ">", "/proc/self/comm"); print F "a\n\eb"; close(F);
		open(F, ">", "said"); print F "\n"; close(F); sleep(3600)'
	next "$fd"
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: [a\\x0a\\x1bb] ("
}

# Such a process has no PID in the namespace.
@test "in a PID namespace lf-check says that there may be others" {
	local own=(unshare --pid --fork)

	need unshare
	need_inspection
	[ "$(id -u)" -eq 0 ] || own+=(--user --map-root-user)
	"${own[@]}" true 2>/dev/null || skip "may not make a PID namespace"
	hold lf-acquire lock
	run -0 "${own[@]}" lf-check lock
	like "${lines[1]}" '^  there may be more holders and waiters, not visible here'
}

@test "a lock whose holder may not be examined is held, with advice" {
	need_root
	need_inspection
	need_locks_of_descriptors
	hold lf-acquire lock
	queue lf-acquire -w lock true
	kill_holder
	run -0 unprivileged lf-check lock
	equal "${lines[0]}" "lock: held; holder unknown (try as root)"
	run -0 lf-check lock
	begins "${lines[0]}" "lock: held by PID $command: sh -c "
	run -0 lf-check -p lock
	equal "$output" "$command"
}

@test "a holder without a tag is shown to root and its own user, and to no other" {
	need_root
	need_inspection
	need_locks_of_descriptors
	: >lock
	chmod 666 lock
	mkfifo -m 666 said stay
	exec {fd}<>said
	start setpriv --reuid="$nobody" --regid="$nobody" --clear-groups -- sh -c '
		exec 9>>lock && lf-acquire --fd 9 && echo >said
		read -r _ <>stay'
	next "$fd"
	run -0 lf-check -p lock
	equal "$output" "$pid"
	run -0 as "$nobody" lf-check -p lock
	equal "$output" "$pid"
	run -0 as 65533 lf-check -p lock
	equal "$output" ""
	run -0 as 65533 lf-check lock
	equal "${lines[0]}" "lock: held; holder unknown (try as root)"
}

# with_hidepid COMMAND...: as an ordinary user, who sees no process of root.
with_hidepid() {
	unshare -m sh -c 'mount -t proc -o hidepid=2 proc /proc &&
		exec setpriv --reuid="$0" --regid="$0" --clear-groups -- "$@"' \
		"$nobody" "$@"
}

@test "with hidepid a holder is known by its tag, and unknown without one" {
	need_root
	need unshare
	need_inspection
	need_locks_of_descriptors
	# Before Linux 5.8 the option is that of the first mount.
	with_hidepid test ! -e /proc/1 2>/dev/null || skip "cannot hide processes"
	hold lf-acquire lock
	run -1 with_hidepid test -e "/proc/$holder"
	run -0 with_hidepid lf-check -p lock
	equal "$output" "$holder"
	run -0 with_hidepid lf-check lock
	equal "${lines[0]}" "lock: held by PID $holder"
	kill_holder
	run -0 with_hidepid lf-check -p lock
	equal "$output" ""
	run -0 with_hidepid lf-check lock
	equal "${lines[0]}" "lock: held; holder unknown (try as root)"
}

@test "one of root that waits to share is no holder to an ordinary user" {
	need_root
	need_inspection
	need_shared_locks
	hold lf-acquire lock
	queue lf-acquire -s -w lock true
	run -0 unprivileged lf-check -p lock
	equal "$output" "$holder"
	run -0 unprivileged lf-check lock
	begins "${lines[0]}" "lock: held by PID $holder: "
	begins "${lines[1]}" "  waiting: PID $pid: "
}

# --- For how long

# since: the end of the sentence.
since() {
	echo "${output##*, }"
}

@test "without a PID in the file the age of the process is shown" {
	need_inspection
	hold lf-acquire lock
	# With lf-acquire, COMMAND began when it was locked.
	run -0 lf-check lock
	like "$(since)" '^for [0-9]+ (s|min)$'
	release "$holder"
	hold lf-acquire -F lock
	run -0 lf-check lock
	like "$(since)" '^running for [0-9]+ (s|min)$'
}

@test "with the holder's PID in the file the age of the lock is shown" {
	need_inspection
	local written

	hold lf-acquire -F -p lock
	written=$(($(stat -c %Y lock) - 1))
	touch -d "@$written" lock
	run -0 lf-check lock
	like "$(since)" '^for [0-9]+ (s|min)$'
	# Unless the machine was busy for a minute.
	((EPOCHSECONDS - written >= 60)) || like "$(since)" '^for [1-9][0-9]* s$'
}

@test "a PID in the file that cannot be the holder's is ignored" {
	need_inspection
	hold lf-acquire -F -p lock
	# Before its process started; and the PID of another.
	touch -d '2001-02-03 04:05:06' lock
	run -0 lf-check lock
	like "$(since)" '^running for '
	echo 1 >lock
	run -0 lf-check lock
	like "$(since)" '^running for '
	echo "$holder elsewhere" >lock
	run -0 lf-check lock
	output=${lines[0]}
	like "$(since)" '^running for '
	# In the future, as after setting the clock back.
	echo "$holder" >lock
	touch -d '2099-02-03 04:05:06' lock
	run -0 lf-check lock
	like "$(since)" '^running for '
}

# --- On a terminal

# on_terminal [COMMAND]...: $output is the output there, without the returns.
on_terminal() {
	run -0 terminal "$@" <<<end
	output=${output//$'\r'/}
}

@test "a command is shortened to the width of the terminal" {
	need terminal stty
	need_inspection
	arguments=("$(printf '%0200d' 0)")
	hold lf-acquire lock
	run -0 lf-check lock
	begins "${output#*: held by PID*: }" "sh -c "
	like "$output" '\.\.\. \(lf-acquire, '
	NO_COLOR=1 on_terminal sh -c 'stty cols 120; lf-check lock'
	equal "${#lines[0]}" 121 # with its return
	NO_COLOR=1 on_terminal sh -c 'stty cols 90; lf-check lock'
	equal "${#lines[0]}" 91
	like "$output" '\.\.\. \(lf-acquire, '
	# Its start is shown however narrow the terminal is.
	NO_COLOR=1 on_terminal sh -c 'stty cols 10; lf-check lock'
	like "$output" ': sh -c echo \$\$ >"\$lock\.\.\. \(lf-acquire, '
	NO_COLOR=1 on_terminal sh -c 'stty cols 1000; lf-check lock'
	like "$output" '0{200} \(lf-acquire, '
}

@test "only a terminal with colours gets colours" {
	need terminal
	hold lf-acquire lock
	: >free
	unset NO_COLOR
	export TERM=xterm
	on_terminal lf-check lock free
	[[ $output == *$'\e[1;31mheld\e[m'* && $output == *$'\e[32mfree\e[m'* ]]
	NO_COLOR='' on_terminal lf-check lock
	[[ $output == *$'\e['* ]]
	NO_COLOR=1 on_terminal lf-check lock free
	[[ $output != *$'\e'* ]]
	TERM=dumb on_terminal lf-check lock
	[[ $output != *$'\e'* ]]
	unset TERM
	on_terminal lf-check lock
	[[ $output != *$'\e'* ]]
	export TERM=xterm
	run -0 lf-check lock free
	[[ $output != *$'\e'* ]]
}

# The last two are a C1 control character and one that turns the direction.
@test "no hostile character reaches a terminal" {
	local name=$'a\e[31m\nb\xc2\x9bc\xe2\x80\xae' option

	need terminal
	arguments=($'\e]0;x\a\xc2\x9b' $'\xe2\x81\xa7\xff')
	hold lf-acquire -F "$name"
	unset TERM
	for option in '' -l -r -J '-lo+SOURCE'; do
		[ -z "$option" ] || need_tables
		on_terminal lf-check ${option:+"$option"} "$name"
		[[ $output != *[$'\e\a']* && $output != *$'\x9b'* ]]
		[[ $output != *$'\xe2\x80\xae'* && $output != *$'\xff'* ]]
	done
}

# --- Other users

@test "lf-check that inherited the lock does not show itself beside others" {
	need_locks_of_descriptors
	need_inspection
	run -0 sh -c 'exec 9<>lock; lf-acquire --fd 9; lf-check -p lock; echo $$
		lf-check lock; lf-check -q -t 0.1 lock && echo held'
	equal "${lines[0]}" "${lines[1]}"
	begins "${lines[2]}" "lock: held by PID ${lines[0]}: sh -c "
	equal "${lines[*]:3}" "held"
	run -0 lf-acquire lock sh -c 'lf-check -p lock; echo $PPID'
	equal "${lines[0]}" "${lines[1]}"
}

@test "lf-check that is the only holder says so, and does not wait for itself" {
	need_locks_of_descriptors
	need_inspection
	run -0 sh -c 'exec 9<>lock; lf-acquire --fd 9; exec lf-check lock'
	like "$output" '^lock: held by PID [0-9]+: lf-check lock \('
	run -0 sh -c 'exec 9<>lock; lf-acquire --fd 9; exec lf-check -p -w lock'
	equal "$output" ""
}

@test "an ordinary user sees which process of root holds the lock" {
	need_root
	need_holders_with_names
	hold lf-acquire lock
	run -0 --separate-stderr unprivileged lf-check lock
	begins "$output" "lock: held by $(process "$holder" "lf-acquire lock sh -c $holding")"
	equal "$stderr" ""
	run -0 unprivileged lf-check -p lock
	equal "$output" "$holder"
}

@test "an ordinary user sees which original of root holds the lock" {
	need original
	need_root
	need_holders_with_names
	hold original lock
	run -0 unprivileged lf-check -p lock
	equal "$output" "$holder"
}

@test "an ordinary user never sees a waiter as the holder of root's lock" {
	local first

	need_root
	need_proc_locks
	need_holders_with_names
	hold lf-acquire lock
	first=$holder
	queue lf-acquire -w lock true
	for _ in {1..5}; do
		run -0 unprivileged lf-check -p lock
		equal "$output" "$first"
	done
}

@test "root sees which process of an ordinary user holds the lock" {
	need_root
	need_holders_with_names
	channel said
	mkfifo end
	chmod 777 . said end
	start setpriv --reuid="$nobody" --regid="$nobody" --clear-groups -- \
		lf-acquire lock sh -c 'echo ready >said; read -r _ <end'
	next "$fd"
	run -0 lf-check lock
	begins "$output" "lock: held by $(process "$pid" "lf-acquire lock sh -c echo ready >said; read -r _ <end")"
}

@test "a file that may not be read is an error, not free" {
	need_unprivileged
	: >lock
	chmod 000 lock
	run -2 --separate-stderr unprivileged lf-check lock
	equal "$output" ""
	like "$stderr" '^lf-check: lock: permission denied'
	mkdir sealed
	chmod 000 sealed
	run -2 unprivileged lf-check sealed/lock
	like "$output" '^lf-check: sealed/lock: permission denied'
	chmod 755 sealed
}

@test "a file that may only be read can be checked" {
	need_unprivileged
	: >lock
	chmod 444 lock
	run -1 unprivileged lf-check lock
	equal "$output" "lock: free"
}

# --- -p and -q

@test "-p prints the PID of lf-acquire and nothing else" {
	local option

	need_holders_with_names
	hold lf-acquire lock
	for option in -p --pid; do
		run -0 --separate-stderr lf-check "$option" lock
		equal "$output" "$holder"
		equal "$stderr" ""
	done
}

@test "-p prints the PIDs of several holders, one per line" {
	local first

	need_holders_with_names
	hold lf-acquire one
	first=$holder
	hold lf-acquire two
	: >free
	run -0 lf-check -p one free two missing
	equal "$output" "$first"$'\n'"$holder"
}

@test "-p of a free lock prints nothing, with status 1" {
	: >lock
	run -1 lf-check -p lock missing
	equal "$output" ""
}

@test "-q prints nothing" {
	local option

	hold lf-acquire lock
	: >free
	for option in -q --quiet -qp; do
		run -0 lf-check "$option" lock
		equal "$output" ""
		run -1 lf-check "$option" free
		equal "$output" ""
		run -1 lf-check "$option" missing
		equal "$output" ""
	done
}

# --- Several

@test "several files: status 0 if one is held, 1 if none is" {
	need_inspection
	hold lf-acquire lock
	: >free
	run -0 lf-check free lock missing
	equal "${#lines[@]}" 3
	equal "${lines[0]}" "free: free"
	like "${lines[1]}" "^lock: held"
	equal "${lines[2]}" "missing: free"
	run -0 lf-check lock free
	run -0 lf-check lock lock
	run -1 lf-check free missing free
}

@test "several files: status 2 if one fails, and the others are shown" {
	need_inspection
	hold lf-acquire lock
	: >free
	mkfifo fifo
	run -2 --separate-stderr lf-check fifo lock free
	equal "${#lines[@]}" 2
	like "${lines[0]}" "^lock: held"
	equal "${lines[1]}" "free: free"
	like "$stderr" '^lf-check: fifo: is not a regular file'
	run -2 lf-check lock fifo
	run -2 lf-check -p lock fifo
	run -2 lf-check free fifo
}

@test "with -q status 0 if one is held, even if another fails" {
	hold lf-acquire lock
	: >free
	mkfifo fifo
	run -0 lf-check -q fifo lock
	run -0 lf-check -q lock fifo
	run -0 lf-check -q free lock fifo
	run -2 lf-check -q free fifo
	run -2 lf-check -q fifo missing
}

# --- It leaves no trace

@test "neither the file nor its directory changes, not even the atime" {
	local before option

	mkdir sub
	echo content >sub/full
	: >sub/empty
	: >sub/held
	touch -a -d '2001-02-03 04:05:06' sub/*
	hold lf-acquire -k sub/held
	before=$(facts sub sub/*)
	for option in -- -p -q; do
		run -0 lf-check "$option" sub/full sub/empty sub/held sub/missing
		run -1 lf-check "$option" sub/full sub/empty sub/missing
	done
	equal "$(facts sub sub/*)" "$before"
	release "$holder"
	equal "$(<sub/full)" content
}

@test "a check leaves the lock held and the waiter waiting" {
	local first

	need_proc_locks
	hold lf-acquire lock
	first=$holder
	begin lf-acquire -w lock
	for _ in {1..20}; do
		run -0 lf-check lock
	done
	queued "$holder"
	has_not_locked "$holder"
	run -75 lf-acquire -q lock true
	release "$first"
	holds "$holder"
	release "$holder"
	absent lock
}

@test "no system call takes a lock or changes a file" {
	need_strace
	hold lf-acquire lock
	: >free
	run -0 strace -f -o calls lf-check lock free missing
	grep -q GETLK calls
	run ! grep -E 'SETLK|flock\(|O_CREAT|O_WRONLY|O_RDWR|O_TRUNC|unlink|utime' calls
	equal "$output" ""
}

# No other process locks, so it is never refused.
lock_a_hundred_times() {
	for _ in {1..100}; do
		lf-acquire lock true || return
	done
}

@test "a check never makes lf-acquire fail" {
	start lock_a_hundred_times
	until is_gone "$pid"; do
		lf-check lock >/dev/null || [ $? -eq 1 ]
	done
	finish "$pid"
	equal "$status" 0
	absent lock
}

# --- Bad input

@test "a file that comes and goes during the check is no error" {
	local look

	start lock_a_hundred_times
	for ((look = 0; look < looks; look++)); do
		! is_gone "$pid" || break
		lf-check lock >said 2>&1 || [ $? -eq 1 ]
		like "$(head -n 1 said)" '^lock: (free|held)'
	done
	finish "$pid"
	equal "$status" 0
}

@test "a FIFO is status 2, does not hang and is not opened" {
	mkfifo fifo
	run -2 --separate-stderr timeout 60 lf-check fifo
	equal "$output" ""
	like "$stderr" '^lf-check: fifo: is not a regular file'
}

@test "a socket is status 2" {
	make_socket socket
	run -2 lf-check socket
	like "$output" '^lf-check: socket: is not a regular file'
}

@test "a symbolic link is status 2, dangling or not" {
	ln -s nowhere dangling
	: >file
	ln -s file link
	run -2 lf-check dangling
	like "$output" '^lf-check: dangling: is a symbolic link'
	run -2 lf-check link
	equal "$output" 'lf-check: link: is a symbolic link; name the file it points to'
	absent nowhere
}

@test "a path through a file, or a name that is too long, is status 2" {
	: >file
	run -2 lf-check file/lock
	like "$output" '^lf-check: file/lock: a part of the path is not a directory'
	run -2 lf-check "$(printf '%0256d' 0)"
	like "$output" 'the name is too long'
}

@test "an empty path is status 2" {
	run -2 --separate-stderr lf-check ''
	equal "$output" ""
	like "$stderr" "^lf-check: ''"
}

@test "an unknown option is status 64 and refers to --help" {
	run -64 --separate-stderr lf-check --no-such lock
	equal "$output" ""
	like "$stderr" "lf-check --help"
	run -64 lf-check -Z lock
}

@test "no path means every locked file of the machine" {
	local first

	need_inspection
	hold lf-acquire lock
	first=$holder
	queue_holder lf-acquire -w lock
	run -0 --separate-stderr lf-check
	like "$output" "$PWD/lock: held by PID $first: sh .*\\(lf-acquire"
	like "$output" "  waiting: PID $holder: "
	# Beside others only a remark that there may be more.
	[ -z "$stderr" ] || like "$stderr" '^lf-check: there may be more locked files'
	release "$first"
	release "$holder"
	run --separate-stderr lf-check
	[[ $output != *"$PWD/lock:"* ]]
}

@test "no path as an ordinary user: its own locks, and a remark on others" {
	need_inspection
	need_root
	hold lf-acquire lock
	run --separate-stderr unprivileged lf-check
	[[ $output != *"$PWD/lock:"* ]]
	like "$stderr" '^lf-check: there may be more locked files, not visible here \(try as root\)'
}

@test "no path and too few descriptors is status 2, never 'none is held'" {
	need_inspection
	hold lf-acquire lock
	need_faults
	# The first is that of /proc.
	FAULTY=opendir:EMFILE:2 run -2 --separate-stderr faulty-check
	equal "$output" ""
	like "$stderr" '^lf-check: cannot list the locks of this machine: too many open files'
}

# The variable that has the path may be empty.
@test "no path without proc(5) is status 2, and says what is missing" {
	unshare --mount true 2>/dev/null || skip "needs root, to hide /proc"
	! calls __asan_init || skip "the address sanitizer needs /proc"
	need_proc
	run -2 unshare --mount sh -c 'mount -t tmpfs none /proc && exec lf-check'
	begins "$output" "lf-check: cannot list the locks of this machine: that needs Linux's proc(5)"
}

@test "no path with an option that acts on the result is status 64" {
	local option

	for option in -q -p -w '-t 1' -a --fs; do
		# shellcheck disable=SC2086 # two words
		run -64 --separate-stderr lf-check $option
		equal "$output" ""
		like "$stderr" '^lf-check: no lock file given'
	done
}

@test "a -- ends the options" {
	: >./-q
	run -1 lf-check -- -q
	equal "$output" "-q: free"
}

@test "no file of lf-check becomes a standard stream that is closed" {
	local rc

	hold lf-acquire lock
	: >free
	for closed in '<&-' '2>&-' '<&- 2>&-'; do
		rc=0
		eval "lf-check lock $closed" || rc=$?
		equal "$rc" 0
	done
	for closed in '' '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
		rc=0
		eval "lf-check -q lock $closed" || rc=$?
		equal "$rc" 0
		rc=0
		eval "lf-check -q free $closed" || rc=$?
		equal "$rc" 1
	done
	equal "$(stat -c %s lock free | sort -u)" 0
}

@test "output that cannot be written is status 71, never 0 or 1" {
	need_dev_full
	hold lf-acquire lock
	run -71 sh -c 'lf-check lock >/dev/full'
	like "$output" '^lf-check: standard output: '
	run -71 sh -c 'lf-check missing >/dev/full'
	run -71 sh -c 'lf-check lock >&-'
}

# --- --help and --version

@test "--help and --version go to standard output with status 0" {
	answers_help_and_version lf-check
}

@test "--help names every option" {
	help_names lf-check '-a, --all' '-p, --pid' '-q, --quiet' '-w, --wait' \
		'-t, --timeout SECONDS' '-h, --help' '-V, --version'
}

@test "--help and --version that cannot be written are status 71" {
	needs_standard_output lf-check
}

@test "an alarm that was set before exec ends lf-check, and is not put off" {
	need perl
	need timeout
	hold lf-acquire lock
	run -142 timeout 60 perl -e 'alarm 1; exec @ARGV' lf-check -w lock
}
