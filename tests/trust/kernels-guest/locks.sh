# SPDX-License-Identifier: 0BSD
#
# What a kernel is needed for: exclusion, names, the order of a queue, and the locks
# of a process that is killed.
#
# shellcheck shell=dash
# shellcheck disable=SC1091,SC2154 # tap.sh sets the variables

. ./overlap.sh

# exclude ODD EVEN: the last one removes the file, unless some keep it.
exclude() {
	excludes "$1 and $2" "$@"
	case "$*" in
	*keep*) ;;
	*) absent "$exported/$lock" ;;
	esac
}

# The holder and its queue, the same for every user.
names() {
	local holder user waiters=''

	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	for user in 2 1 0; do
		wait_in_queue "waiter$user" "$user" lf-acquire -w "$lock"
		waiters="$waiters $pid"
	done
	# shellcheck disable=SC2086 # words
	shows_queue "$lock" "$holder" $waiters
	for user in 0 1 2; do
		status 0 on "$user" lf-check -p "$lock"
		equal "$output" "$holder"
		status 75 on "$user" lf-acquire "$lock" true
		contains "$output" "held by PID $holder: "
	done
	let_end holder
	finish "$holder"
	for user in 2 1 0; do
		holds "waiter$user"
		let_end "waiter$user"
	done
	eventually absent "$exported/$lock"
}

# Nothing orders the waiters where locks belong to the process.
order() {
	local n pids='' served=012345678

	begin 0 1 lf-acquire "$@" "$lock"
	holds 0
	pids=$pid
	for n in 1 2 3 4 5 6 7 8; do
		wait_in_queue $n $((n % 3)) lf-acquire -w "$@" "$lock"
		pids="$pids $pid"
	done
	for n in 0 1 2 3 4 5 6 7 8; do
		let_end_when_asked $n
	done
	for pid in $pids; do
		finish "$pid"
	done
	if has_locks_of_descriptions; then
		equal "$(tr -d '\n' <"$work/order")" "$served"
	fi
	equal "$(sort "$work/order" | tr -d '\n')" "$served"
}

is_held() {
	on 2 lf-check -q "$lock"
}

# -F: the killed process is the holder and its command in one.
killed() {
	local n waiters='' holder

	start on 1 lf-acquire -F "$lock" sleep 1000000
	holder=$pid
	eventually is_held
	for n in 1 2 3 4; do
		wait_in_queue $n $((n % 3)) lf-acquire -w "$lock"
		waiters="$waiters $pid"
	done
	kill -KILL "$holder"
	wait "$holder" || :
	if has_locks_of_descriptions; then
		holds 1
		# shellcheck disable=SC2086 # words
		shows_queue "$lock" $waiters
	fi
	for n in 1 2 3 4; do
		let_end_when_asked $n
	done
	for pid in $waiters; do
		finish "$pid"
	done
	! has_locks_of_descriptions || equal "$(tr -d '\n' <"$work/order")" 1234
	absent "$exported/$lock"
	status 1 on 2 lf-check "$lock"
}

# The command goes on: the lock lasts as long, if it belongs to the descriptor.
tool_is_killed() {
	begin holder 1 lf-acquire "$lock"
	holds holder
	kill -KILL "$pid"
	wait "$pid" || :
	if has_locks_of_descriptions; then
		status 75 on 2 lf-acquire -k "$lock" true
		let_end holder
		eventually is_free
	else
		status 0 on 2 lf-acquire -k "$lock" true
		let_end holder
	fi
	free
}

is_free() {
	! is_held
}

# No memory of a waiter that gave up, or was killed.
gives_up() {
	local holder

	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	status 75 on 2 lf-acquire -t 0.2 "$lock" true
	wait_in_queue one 2 lf-acquire -w "$lock"
	kill -KILL "$pid"
	finish "$pid" 137
	wait_in_queue two 2 lf-acquire -w "$lock"
	kill -TERM "$pid"
	finish "$pid" 143
	let_end holder
	finish "$holder"
	absent "$work/one.holds"
	absent "$work/two.holds"
	free
}

shares() {
	local one

	begin one 1 lf-acquire -s "$lock"
	one=$pid
	holds one
	begin two 2 lf-acquire -s "$lock"
	holds two
	held
	let_end one
	finish "$one"
	held
	let_end two
	finish "$pid"
	free
}

# steps WAY: the lock is held while its command runs.
in_steps() {
	status 0 on 1 steps "$1" "$lock" lf-check -q "$lock"
	free
}

# The manual's table.
guarantees() {
	local order=yes

	has_locks_of_descriptions || order=no
	status 0 on 1 lf-check --fs .
	if [ $order = yes ]; then
		contains "$output" "first come, first served"
	else
		lacks "$output" "first come, first served"
	fi
}

check "what lf-check --fs promises" guarantees
check "control: without a lock workers overlap" \
	overlaps control "unlocked --" "unlocked --"
check "workers that keep the file" exclude keep keep
check "workers that remove the file" exclude remove remove
check "workers that keep and remove" exclude keep remove
check "PID in the file" exclude pid remove
check "lf-acquire -w" exclude "lf-acquire -w" "lf-acquire -w"
check "the original that keeps" exclude original-keep keep
check "the original that removes" exclude original remove
check "every user sees the holder and the queue" names
check "the order of a queue" order
check "the order of a queue, a file that is kept" order -k
check "a holder is killed in front of a queue" killed
check "lf-acquire is killed, and its command is not" tool_is_killed
check "waiters that give up, or are killed" gives_up
check "sharers" shares
for way in convert start adopt; do
	if [ $way != adopt ] || has_locks_of_descriptions; then
		check "the library: $way" in_steps $way
	fi
done
