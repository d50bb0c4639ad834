# SPDX-License-Identifier: 0BSD
#
# A server that does not answer, is restarted, or is cut off from a holder.  Client
# 1 is cut off.
#
# shellcheck shell=dash
# shellcheck disable=SC2154 # tap.sh sets the variables

# within SECONDS COMMAND...: it ends by itself; its status is $ended.
within() {
	local seconds=$1

	shift
	ended=0
	timeout -s KILL "$seconds" "$@" >"$work/within" 2>&1 || ended=$?
	cat "$work/within"
	[ "$ended" != 137 ]
}

# The mount is still there, and the server is not.
without_server() {
	: >"$at/$lock"
	on 1 lf-acquire "$lock" true
	cut_link 1
	# A failed test ends here too.
	trap 'mend_link 1' EXIT
	export away=1
	"$@"
	unset away
	mend_link 1
	eventually free_again
}

free_again() {
	on 1 lf-acquire -t 10 "$lock" true
}

timeout_ends() {
	within 20 on 1 lf-acquire -t 2 "/mnt/$lock" true
	echo "status $ended"
	[ "$ended" != 0 ]
}

# It never reports held or free.
check_ends() {
	start on 1 lf-check "/mnt/$lock"
	eventually is_stuck "$pid"
	kill "$pid"
	eventually is_gone "$pid"
	equal "$(cat "$work/output")" ""
}

# waiter_ends SIGNAL: its system call is not a lock, but an open.
waiter_ends() {
	start on 1 lf-acquire -w "/mnt/$lock" true
	eventually is_stuck "$pid"
	kill "-$1" "$pid"
	eventually is_gone "$pid"
}

# Another thread of the process waits for the server.
locks_beside() {
	local before

	echo 0 >"$work/counter"
	start on 1 turns "$work" "$work/counter" 0 remove "$work/lock" \
		"/mnt/$lock"
	eventually is_stuck "$pid"
	before=$(cat "$work/counter")
	eventually has_grown "$before"
	: >"$work/end"
	eventually is_gone "$pid"
	absent "$work/failures"
}

has_grown() {
	[ "$(cat "$work/counter")" -gt $(($1 + 10)) ]
}

# It waits for the server, in whatever call.
is_stuck() {
	cat "/proc/$1/task"/*/stack 2>/dev/null | grep -q 'rpc_\|nfs'
}

is_gone() {
	[ ! -e "/proc/$1/stat" ] || grep -q ') [ZX] ' "/proc/$1/stat"
}

# A holder keeps its lock over a restart, because it claims it again, and a waiter
# gets it afterwards.
restart_keeps_lock() {
	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	wait_in_queue waiter 2 lf-acquire -w "$lock"
	waiter=$pid
	rpc.nfsd 0
	rpc.nfsd 8
	# New locks have to wait for the holders of old ones.
	within 20 on 2 lf-acquire -t 1 "$lock" true
	[ "$ended" != 0 ]
	eventually grace_is_over
	held
	! [ -e "$work/waiter.holds" ]
	let_end holder
	finish "$holder"
	holds waiter
	held
	let_end waiter
	finish "$waiter"
	free
}

# The other client can create a file.
grace_is_over() {
	timeout -s KILL 40 on 2 lf-acquire "$lock.new" true
}

# The server gives the lock of a client that is cut off to the next; the holder
# notices that when it releases.
cut_holder_loses() {
	local begin

	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	wait_in_queue waiter 2 lf-acquire -w "$lock"
	begin=$(cut -d . -f 1 /proc/uptime)
	cut_link 1
	trap 'mend_link 1' EXIT
	holds waiter
	result "seconds until a holder that is cut off loses the lock" \
		$(($(cut -d . -f 1 /proc/uptime) - begin))
	mend_link 1
	let_end holder
	eventually is_gone "$holder"
	contains "$(cat "$work/output")" lost
	let_end waiter
	finish "$pid"
}

check "-t ends in time though the server does not answer" \
	without_server timeout_ends
check "TERM ends lf-check though the server does not answer" \
	without_server check_ends
check "TERM ends lf-acquire though the server does not answer" \
	without_server waiter_ends TERM
check "KILL ends it too" without_server waiter_ends KILL
check "other locks of a process that waits for the server go on" \
	without_server locks_beside
check "a restarted server keeps locks" restart_keeps_lock
case $version in
3*) ;; # never within minutes
*) check "a holder that is cut off loses its lock" cut_holder_loses ;;
esac
