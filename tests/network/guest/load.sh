# SPDX-License-Identifier: 0BSD
#
# Two clients with 20 workers each increment one counter, for a minute.
#
# shellcheck shell=dash
# shellcheck disable=SC1091,SC2154

. ./overlap.sh

nothing_is_lost() {
	local client pids='' turns

	echo 0 >"$at/counter$number"
	for _ in $(seq 20); do
		for client in 1 2; do
			start_worker "$client" 0 "$1"
			pids="$pids $pid"
		done
	done
	sleep 60
	: >"$work/end"
	for pid in $pids; do
		finish "$pid"
	done
	# What each of them has counted.
	turns=$(awk '{ n += $1 } END { print n + 0 }' "$work/output")
	result "40 workers, a minute, $1" "$turns turns, $(
		lines "$work/overlaps") overlaps, $(
		lines "$work/failures") failed, $((
		turns - $(cat "$at/counter$number"))) lost"
	[ "$turns" -gt 0 ]
	equal "$(cat "$at/counter$number")" "$turns"
	absent "$work/overlaps"
	absent "$work/failures"
}

check "40 workers for a minute, which keep" nothing_is_lost keep
check "40 workers for a minute, which remove" nothing_is_lost remove
