#!/usr/bin/env bats
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# --- Held, free, missing

@test "a held lock is status 0 and a sentence with PID, command and user" {
	need_holders_with_names
	hold lf-acquire lock
	run -0 --separate-stderr lf-check lock
	equal "$output" "lock: held by $(process "$holder" "lf-acquire lock sh -c $holding")"
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
	kill -KILL "$holder"
	finish "$holder"
	run -1 lf-check lock
	equal "$output" "lock: free"
}

@test "a file that holds content is checked as any other" {
	echo content >lock
	hold lf-acquire lock
	run -0 lf-check -q lock
	equal "$(<lock)" content
}

@test "the name is as it was given" {
	mkdir sub
	hold lf-acquire lock
	run -0 lf-check sub/../lock
	like "$output" '^sub/\.\./lock: held'
	run -0 lf-check "$PWD/lock"
	[[ $output == "$PWD/lock: held"* ]]
}

# --- The holder

@test "the holder of an original's lock is named" {
	need original
	need_holders_with_names
	hold original lock
	run -0 lf-check lock
	equal "$output" "lock: held by $(process "$holder" "original lock sh -c $holding")"
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

@test "an original's lock is seen as held and as free" {
	need original
	hold original -k lock
	run -0 lf-check lock
	release "$holder"
	run -1 lf-check lock
}

@test "the holder is named, not those who wait" {
	local first

	need_proc_locks
	need_holders_with_names
	hold lf-acquire lock
	first=$holder
	for _ in 1 2 3; do
		start lf-acquire -w lock true
		queued "$pid"
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
	begin lf-acquire -w lock
	queued "$holder"
	release "$first"
	holds "$holder"
	run -0 lf-check -p lock
	equal "$output" "$holder"
}

@test "no PID is made up for COMMAND when lf-acquire was killed with -9" {
	need_locks_of_descriptors
	hold lf-acquire lock
	kill -KILL "$holder"
	finish "$holder"
	run -0 lf-check lock
	like "$output" "^lock: held(; holder not known( \(try as root\))?| by PID $command \(.*\), user .*)$"
	run -0 lf-check -p lock
	[[ -z $output || $output == "$command" ]]
}

@test "a holder that is stopped is a holder" {
	hold lf-acquire -F lock
	kill -STOP "$holder"
	eventually is_stopped "$holder"
	run -0 lf-check -q lock
	kill -CONT "$holder"
	release "$holder"
	equal "$status" 0
}

@test "one may ask about a lock from under it" {
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
	like "$output" '\\x1b\[2J a\\x0ab\\x0d\\x7f\), user '
	[[ $output != *$'\e'* && $output != *$'\r'* ]]
}

@test "a hostile name is printed escaped" {
	local name=$'e\e[31m\nx\xff\xe2\x80\xae\xc2\x9b'
	local escaped='e\x1b[31m\x0ax\xff\xe2\x80\xae\xc2\x9b'

	run -1 lf-check "$name"
	equal "$output" "$escaped: free"
	mkdir "$name"
	run -2 lf-check "$name"
	equal "$output" "lf-check: $escaped: is a directory"
}

@test "letters beyond ASCII are printed as they are" {
	run -1 lf-check $'gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x94\x92'
	equal "$output" $'gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x94\x92: free'
}

# --- Other users

@test "an ordinary user is told which process of root holds the lock" {
	need_root
	need_holders_with_names
	hold lf-acquire lock
	run -0 --separate-stderr unprivileged lf-check lock
	equal "$output" "lock: held by $(process "$holder" "lf-acquire lock sh -c $holding")"
	equal "$stderr" ""
	run -0 unprivileged lf-check -p lock
	equal "$output" "$holder"
}

@test "an ordinary user is told of an original's lock that root holds" {
	need original
	need_root
	need_holders_with_names
	hold original lock
	run -0 unprivileged lf-check -p lock
	equal "$output" "$holder"
}

@test "an ordinary user is not told of a waiter that it holds root's lock" {
	local first

	need_root
	need_proc_locks
	need_holders_with_names
	hold lf-acquire lock
	first=$holder
	start lf-acquire -w lock true
	queued "$pid"
	for _ in {1..5}; do
		run -0 unprivileged lf-check -p lock
		equal "$output" "$first"
	done
}

@test "root is told which process of an ordinary user holds the lock" {
	need_root
	need_holders_with_names
	channel said
	mkfifo end
	chmod 777 . said end
	start setpriv --reuid="$nobody" --regid="$nobody" --clear-groups -- \
		lf-acquire lock sh -c 'echo ready >said; read -r _ <end'
	next "$fd"
	run -0 lf-check lock
	equal "$output" "lock: held by $(process "$pid" "lf-acquire lock sh -c echo ready >said; read -r _ <end")"
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

@test "-p prints just the PID that lf-acquire has" {
	local option

	need_holders_with_names
	hold lf-acquire lock
	for option in -p --pid; do
		run -0 --separate-stderr lf-check "$option" lock
		equal "$output" "$holder"
		equal "$stderr" ""
	done
}

@test "-p prints the PIDs of several holders, one a line" {
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

@test "of several, one held is status 0 and none is 1" {
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

@test "of several, one that cannot be told is status 2, and the others are told" {
	hold lf-acquire lock
	: >free
	mkdir dir
	run -2 --separate-stderr lf-check dir lock free
	equal "${#lines[@]}" 2
	like "${lines[0]}" "^lock: held"
	equal "${lines[1]}" "free: free"
	like "$stderr" '^lf-check: dir: is a directory'
	run -2 lf-check lock dir
	run -2 lf-check -p lock dir
	run -2 lf-check free dir
}

@test "with -q one held is status 0, whatever else" {
	hold lf-acquire lock
	: >free
	mkdir dir
	run -0 lf-check -q dir lock
	run -0 lf-check -q lock dir
	run -0 lf-check -q free lock dir
	run -2 lf-check -q free dir
	run -2 lf-check -q dir missing
}

# --- It leaves no trace

@test "nothing of the file or its directory changes, its atime neither" {
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

@test "the lock is still held afterwards, and its waiter still waits" {
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

@test "it takes no lock, by the calls that it makes" {
	need strace
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	hold lf-acquire lock
	: >free
	# A leak sanitizer cannot work below strace.
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 \
		run -0 strace -f -o calls lf-check lock free missing
	grep -q GETLK calls
	run ! grep -E 'SETLK|flock\(|O_CREAT|O_WRONLY|O_RDWR|O_TRUNC|unlink|utime' calls
	equal "$output" ""
}

# Nobody else locks, so it is never refused.
lock_a_hundred_times() {
	for _ in {1..100}; do
		lf-acquire lock true || return
	done
}

@test "nobody who takes the lock is ever refused because of a look" {
	start lock_a_hundred_times
	until is_gone "$pid"; do
		lf-check lock >/dev/null || [ $? -eq 1 ]
	done
	finish "$pid"
	equal "$status" 0
	absent lock
}

# --- Bad input

@test "a directory is status 2" {
	mkdir dir
	run -2 --separate-stderr lf-check dir
	equal "$output" ""
	like "$stderr" '^lf-check: dir: is a directory'
	run -2 lf-check -q dir
	run -2 lf-check -p /
}

@test "a FIFO is status 2, does not hang and is not opened" {
	mkfifo fifo
	run -2 --separate-stderr timeout 60 lf-check fifo
	equal "$output" ""
	like "$stderr" '^lf-check: fifo: is not a regular file'
}

@test "a device is status 2" {
	run -2 lf-check /dev/null
	like "$output" '^lf-check: /dev/null: is not a regular file'
}

@test "a socket is status 2" {
	need perl
	perl -MSocket -e '
		socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("socket"))
		or die "$!"' || skip "cannot make a socket here"
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
	like "$output" '^lf-check: link: is a symbolic link'
	absent nowhere
}

@test "a file on the way, or a name that is too long, is status 2" {
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

@test "an unknown option is status 64 and says where to read" {
	run -64 --separate-stderr lf-check --no-such lock
	equal "$output" ""
	like "$stderr" "lf-check --help"
	run -64 lf-check -Z lock
}

@test "no path is status 64" {
	run -64 lf-check
	like "$output" '^lf-check: no lock file given'
	run -64 lf-check -q
}

@test "a -- ends the options" {
	: >./-q
	run -1 lf-check -- -q
	equal "$output" "-q: free"
}

@test "closed standard streams are no file of ours" {
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

@test "an answer that cannot be written is status 71, never 0 or 1" {
	[ -c /dev/full ] || skip "needs /dev/full"
	hold lf-acquire lock
	run -71 sh -c 'lf-check lock >/dev/full'
	like "$output" '^lf-check: standard output: '
	run -71 sh -c 'lf-check missing >/dev/full'
	run -71 sh -c 'lf-check lock >&-'
}

# --- What it says of itself

@test "--help and --version go to standard output with status 0" {
	local option

	for option in -h --help; do
		run -0 --separate-stderr lf-check "$option"
		like "$output" '^Usage: lf-check '
		equal "$stderr" ""
	done
	for option in -V --version; do
		run -0 --separate-stderr lf-check "$option"
		like "$output" '^lf-check \(liblockfile-fcntl\) [0-9]+\.[0-9]'
		equal "${#lines[@]}" 1
		equal "$stderr" ""
	done
}

@test "--help names every option" {
	local option

	run -0 lf-check --help
	for option in '-p, --pid' '-q, --quiet' '-h, --help' '-V, --version'; do
		[[ $output == *"$option"* ]] || equal "$output" "... $option"
	done
}

@test "--help and --version that cannot be written are status 71" {
	local option

	[ -c /dev/full ] || skip "needs /dev/full"
	for option in --help --version; do
		run -71 sh -c 'lf-check "$1" >/dev/full' sh "$option"
		like "$output" '^lf-check: standard output: '
		run -71 sh -c 'lf-check "$1" >&-' sh "$option"
	done
}
