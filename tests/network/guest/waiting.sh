# SPDX-License-Identifier: 0BSD
#
# Waiters, holders that end in any way, and what the other client sees of them.
#
# shellcheck shell=dash
# shellcheck disable=SC2154 # tap.sh sets the variables

# Both queues, of the holder's client and of the other.
wakes() {
	local client begin

	for client in 1 2; do
		begin holder$client 1 lf-acquire "$lock"
		holder=$pid
		holds holder$client
		wait_in_queue waiter$client $client lf-acquire -w "$lock"
		waiter=$pid
		begin=$(cut -d ' ' -f 1 /proc/uptime)
		let_end holder$client
		holds waiter$client
		let_end waiter$client
		finish "$holder"
		finish "$waiter"
		say "# client $client woke after $begin to $(cut -d ' ' -f 1 /proc/uptime)"
	done
	free
}

# Each of five waiters of one client gets it; the order is for the table.
all_are_served() {
	local n pids='' served

	begin 0 1 lf-acquire "$lock"
	holds 0
	pids=$pid
	for n in 1 2 3 4 5; do
		wait_in_queue $n 2 lf-acquire -w "$lock"
		pids="$pids $pid"
	done
	for n in 0 1 2 3 4 5; do
		let_end_when_asked $n
	done
	for pid in $pids; do
		finish "$pid"
	done
	served=$(tr -d '\n' <"$work/order")
	result "order of five waiters of one client" "$served"
	equal "$(sort "$work/order" | tr -d '\n')" 012345
}

# Its FIFO has a reader once it holds the lock.
let_end_when_asked() {
	(: >"$work/$1.end") &
	echo $! >>"$work/pids"
}

times_out() {
	begin holder 1 lf-acquire "$lock"
	holds holder
	status 75 on 2 lf-acquire -t 1 "$lock" true
	status 75 on 1 lf-acquire -t 1 "$lock" true
	let_end holder
	finish "$pid"
	free
}

# -F: the killed process is the holder and its command in one.
holder_is_killed() {
	start on 1 lf-acquire -F "$lock" sleep 1000000
	holder=$pid
	eventually is_held
	wait_in_queue waiter 2 lf-acquire -w "$lock"
	kill -KILL "$holder"
	holds waiter
	held
	let_end waiter
	finish "$pid"
	free
}

is_held() {
	on 2 lf-check -q "$lock"
}

# end_waiter SIGNAL: the lock is not granted to a waiter that has ended.
end_waiter() {
	local signal client

	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	for signal; do
		for client in 1 2; do
			wait_in_queue "$signal$client" $client lf-acquire -w "$lock"
			kill "-$signal" "$pid"
			finish "$pid" $((128 + $(kill -l "$signal")))
			absent "$work/$signal$client.holds"
		done
	done
	wait_in_queue next 2 lf-acquire -w "$lock"
	let_end holder
	finish "$holder"
	holds next
	let_end next
	finish "$pid"
	free
}

# replaced COMMAND...: changes the name during a wait of both clients.
name_changes() {
	local client

	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	for client in 1 2; do
		wait_in_queue waiter$client $client lf-acquire -w "$lock"
		eval "waiter$client=\$pid"
	done
	"$@"
	let_end holder
	finish "$holder" # it reports that the file was replaced
	eventually one_holds
	held
	release_both
	free
}

one_holds() {
	[ -e "$work/waiter1.holds" ] || [ -e "$work/waiter2.holds" ]
}

release_both() {
	let_end_when_asked waiter1
	let_end_when_asked waiter2
	# shellcheck disable=SC2154 # set by eval
	finish "$waiter1"
	finish "$waiter2"
}

replace() {
	on 2 sh -c ": >new && mv new '$lock'"
}

remove() {
	on 2 rm "$lock"
}

share() {
	local client

	for client in 1 2; do
		begin sharer$client $client lf-acquire -s "$lock"
		eval "sharer$client=\$pid"
		holds sharer$client
	done
	held
	wait_in_queue writer 2 lf-acquire -w "$lock"
	let_end sharer1
	finish "$sharer1"
	absent "$work/writer.holds"
	let_end sharer2
	finish "$sharer2"
	holds writer
	status 75 on 1 lf-acquire -s "$lock" true
	let_end writer
	finish "$pid"
	free
}

# All or none, in opposite order.
several() {
	begin holder 1 lf-acquire -a "$lock.b" "$lock"
	holder=$pid
	holds holder
	held
	status 75 on 2 lf-acquire "$lock.b" true
	wait_in_queue both 2 lf-acquire -w -a "$lock" "$lock.b"
	let_end holder
	finish "$holder"
	holds both
	status 75 on 1 lf-acquire "$lock.b" true
	held
	let_end both
	finish "$pid"
	free
}

# A PID would be that of another machine.
checks() {
	local client

	status 1 on 2 lf-check "$lock"
	begin holder 1 lf-acquire "$lock"
	holds holder
	for client in 1 2; do
		status 0 on $client lf-check "$lock"
		contains "$output" held
		status 0 on $client lf-check -l "$lock"
		contains "$output" "$lock"
	done
	status 0 on 2 lf-check -p "$lock"
	equal "$output" ""
	status 0 on 2 lf-check "$lock"
	lacks "$output" PID
	let_end holder
	finish "$pid"
	status 1 on 2 lf-check "$lock"
}

writes_pid() {
	begin holder 1 lf-acquire -p "$lock"
	holds holder
	equal "$(cat "$at/$lock")" "$pid client1"
	equal "$(on 2 cat "$lock")" "$pid client1"
	let_end holder
	finish "$pid"
	equal "$(cat "$at/$lock")" ""
}

is_kept() {
	status 0 on 1 lf-acquire -v "$lock" true
	contains "$output" "left in place"
	[ -e "$at/$lock" ]
}

check "waiters of both clients wake" wakes
check "all waiters of one client are served" all_are_served
check "a time limit ends a wait" times_out
check "the next gets the lock of a killed holder" holder_is_killed
check "a killed waiter does not get the lock" end_waiter KILL
check "an interrupted waiter does not get the lock" end_waiter TERM HUP
check "waiters notice a replaced file" name_changes replace
check "waiters notice a removed file" name_changes remove
check "clients share a lock" share
check "several files, in any order" several
check "lf-check reports a lock of the other client, and no PID" checks
check "the PID is in the file while it is held" writes_pid
check "lf-acquire -v reports that the file is kept" is_kept
