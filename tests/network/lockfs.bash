# SPDX-License-Identifier: 0BSD
# shellcheck shell=bash disable=SC2034,SC2154 # set for the tests, and by helper.bash
# The FUSE server of the tests, lockfs: started, stopped, killed, and made to fail.
#
# Nothing here waits for a call on the files of a server that does not answer, except
# in the background.

declare -gA server_of=()

# --- Servers

# serve NAME [OPTION]...: one more client of the directory "back", at NAME.  The PID of
# the server is in ${server_of[NAME]}.
serve() {
	local name=$1 options

	type -P lockfs >/dev/null || skip "libfuse3 is not installed"
	mkdir -p back faults "$name"
	options=back=$PWD/back,faults=$PWD/faults
	[ $# -eq 1 ] || options+=$(printf ',%s' "${@:2}")
	start lockfs -f -o "$options" "$name" >"$name.log" 2>&1
	eventually is_mounted_or_gone "$name" "$pid"
	! is_gone "$pid" || skip "cannot mount FUSE: $(tail -n 1 "$name.log")"
	server_of[$name]=$pid
}

is_mounted() {
	grep -Eq " $PWD/$1 fuse(blk|[.]lockfs) " /proc/mounts
}

is_mounted_or_gone() {
	is_mounted "$1" || is_gone "$2"
}

# A thread that has stopped answers no more.
threads_are_stopped() {
	! sed 's/.*) //' "/proc/$1/task/"*/stat | grep -qv '^T'
}

# stop_server NAME: until it does not answer.
stop_server() {
	kill -STOP "${server_of[$1]}" &&
		eventually threads_are_stopped "${server_of[$1]}"
}

continue_server() {
	kill -CONT "${server_of[$1]}"
}

kill_server() {
	kill -KILL "${server_of[$1]}"
	finish "${server_of[$1]}"
}

# fault OPERATION ERROR: each fails, until no_fault OPERATION; OPERATION.once fails once.
# gate instead of an error: it waits at the FIFO faults/gate, and nothing else does.
fault() {
	ln -sfn "$2" "faults/$1"
}

no_fault() {
	rm "faults/$1"
}

# open_gate: what waits there, see fault, goes on.
open_gate() {
	: 1<>faults/gate
}

# A process in the kernel, which waits for an answer.  A call of any thread counts.
waits_for_server() {
	grep -qs request_wait_answer "/proc/$1/task/"*/wchan
}

waits_for_server_or_is_gone() {
	waits_for_server "$1" || is_gone "$1"
}

# asked PID: until it waits for a server; fails if it ended instead.
asked() {
	eventually waits_for_server_or_is_gone "$1" && ! is_gone "$1"
}

# The kernel shows in which function a process sleeps.
need_wchan() {
	local look

	start sleep 1000
	for ((look = 0; look < 50; look++)); do
		! grep -qs '[a-z]' "/proc/$pid/wchan" || return 0
		pause
	done
	skip "needs wchan in proc(5), and to be root"
}

# The servers first: what waits for one goes on when it is gone.
end_servers() {
	local name

	for name in "${!server_of[@]}"; do
		kill -KILL "${server_of[$name]}" 2>/dev/null || :
		umount -l "$name" 2>/dev/null ||
			fusermount3 -uz "$name" 2>/dev/null || :
	done
}
