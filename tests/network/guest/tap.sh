# SPDX-License-Identifier: 0BSD
#
# TAP, and what the tests share: processes in the background, and waits for what
# the kernel shows.
#
# shellcheck shell=dash
# shellcheck disable=SC2034,SC2154 # other files set and use some variables

number=0

# A test that takes more seconds has failed.
limit=${limit:-150}

say() {
	echo "$*" >&4
}

# result WHAT VALUE: a line of the generated table.
result() {
	say "# result: ${version%%,*}	$1	$2"
}

# check NAME FUNCTION [ARGUMENT]...: in a process, which ends at the first command
# that fails.  Its directory is $work, its lock file $lock, on each client; $at is
# the directory on the server.
check() {
	local name=$1 status=0 pid watch

	shift
	number=$((number + 1))
	work=/tmp/$number lock=lock$number at=$exported
	mkdir "$work"
	(
		set -ex
		"$@"
	) >"$work/log" 2>&1 &
	pid=$!
	sleep "$limit" &
	watch=$!
	while kill -0 $pid 2>/dev/null && kill -0 $watch 2>/dev/null; do
		usleep 20000
	done
	kill -KILL $pid $watch 2>/dev/null
	wait $pid || status=$?
	if [ "$status" = 0 ]; then
		say "ok $number - ${about:-NFS $version}: $name"
	else
		say "not ok $number - ${about:-NFS $version}: $name"
		tail -n 40 "$work/log" | sed 's/^/# /' >&4
		say "# status $status; see also the console"
	fi
	end_all
	rm -rf "$work"
}

# Nothing that a test has started outlasts it.
end_all() {
	local pid

	[ -e "$work/pids" ] || return 0
	while read -r pid; do
		kill -KILL "$pid" 2>/dev/null
	done <"$work/pids"
}

# --- Processes in the background

# start COMMAND...: its PID is $pid.
start() {
	"$@" >>"$work/output" 2>&1 &
	pid=$!
	echo "$pid" >>"$work/pids"
}

# eventually COMMAND...: until it succeeds.
eventually() {
	local look=0

	until "$@"; do
		look=$((look + 1))
		if [ "$look" -gt 600 ]; then
			echo "in vain: $*"
			cat "$work/output"
			return 1
		fi
		usleep 50000
	done
}

# Its threads and itself: the system call of each, while it is blocked; 72 is
# fcntl, 38 is F_OFD_SETLKW.
is_waiting() {
	cat "/proc/$1/task"/*/syscall 2>/dev/null |
		grep -q '^72 0x[0-9a-f]* 0x26 '
}

# finish PID [STATUS]: until it has ended, with this status.
finish() {
	local status=0

	wait "$1" || status=$?
	equal "$status" "${2:-0}"
}

# begin NAME CLIENT COMMAND...: the command runs hold NAME under the lock; its PID
# is $pid.
begin() {
	local name=$1 client=$2

	shift 2
	mkfifo "$work/$name.end"
	start on "$client" "$@" hold "$work" "$name"
}

# wait_in_queue NAME CLIENT COMMAND...: begins, and waits for the lock.
wait_in_queue() {
	begin "$@"
	eventually is_waiting "$pid"
}

# holds NAME: until it has the lock.
holds() {
	eventually [ -e "$work/$1.holds" ]
}

# let_end NAME: its command ends.
let_end() {
	: >"$work/$1.end"
}

# --- What is expected

equal() {
	[ "$1" = "$2" ] && return
	echo "is:     $1"
	echo "wanted: $2"
	return 1
}

contains() {
	case $1 in
	*"$2"*) return ;;
	esac
	echo "is:             $1"
	echo "should contain: $2"
	return 1
}

lacks() {
	case $1 in
	*"$2"*) ;;
	*) return 0 ;;
	esac
	echo "is:                 $1"
	echo "should not contain: $2"
	return 1
}

absent() {
	[ ! -e "$1" ] && return
	echo "is there: $1"
	return 1
}

# status STATUS COMMAND...: its output is $output.
status() {
	local wanted=$1 status=0

	shift
	output=$("$@" 2>&1) || status=$?
	equal "$status" "$wanted" || {
		echo "$*: $output"
		return 1
	}
}

# held, free: by a request from each client.
held() {
	status 75 on 1 lf-acquire -k "$lock" true
	status 75 on 2 lf-acquire -k "$lock" true
}

free() {
	status 0 on 1 lf-acquire -k "$lock" true
	status 0 on 2 lf-acquire -k "$lock" true
}
