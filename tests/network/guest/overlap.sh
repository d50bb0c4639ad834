# SPDX-License-Identifier: 0BSD
#
# Two clients with some workers each, which take turns in a critical section.
#
# shellcheck shell=dash
# shellcheck disable=SC2002,SC2086,SC2154 # a command is words; tap.sh sets others

# A way of locking is a word that turns(1) knows, or a command, which has a blank.
start_worker() { # CLIENT ROUNDS WAY
	case $3 in
	*' '*)
		start on "$1" worker "$work" "counter$number" "$2" $3 \
			"$lock"
		;;
	*)
		start on "$1" turns "$work" "counter$number" "$2" "$3" "$lock"
		;;
	esac
}

# count_overlaps WORKERS ROUNDS ODD EVEN: each client runs WORKERS, each for so many
# ROUNDS.  Every second worker locks in the way ODD, the others in the way EVEN.
# Then these are set: $total, $overlaps, $lost increments, $failed calls.
count_overlaps() {
	local workers=$1 rounds=$2 odd=$3 even=$4 n client way pids=''

	echo 0 >"$at/counter$number"
	for n in $(seq "$workers"); do
		way=$odd
		[ $((n % 2)) = 1 ] || way=$even
		for client in 1 2; do
			start_worker "$client" "$rounds" "$way"
			pids="$pids $pid"
		done
	done
	for pid in $pids; do
		wait "$pid"
	done
	total=$((2 * workers * rounds))
	overlaps=$(lines "$work/overlaps") failed=$(lines "$work/failures")
	lost=$((total - $(cat "$at/counter$number")))
	cat "$work/output"
	sort "$work/failures" 2>/dev/null | uniq -c
}

lines() {
	cat "$1" 2>/dev/null | wc -l
}

# measure WHAT ODD EVEN: 200 rounds, for the table.
measure() {
	count_overlaps 5 20 "$2" "$3"
	result "$1" "$overlaps overlaps, $lost lost, $failed failed of $total"
}

excludes() {
	measure "$@"
	equal "$overlaps overlaps, $lost lost, $failed failed" \
		"0 overlaps, 0 lost, 0 failed"
}

# The control: without a lock that reaches the server.
overlaps() {
	measure "$@"
	[ "$overlaps" -gt 0 ]
}
