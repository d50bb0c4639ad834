# SPDX-License-Identifier: 0BSD
#
# What other tests do with many processes and threads.  The names of a long queue
# need a kernel that lists all of it.
#
# shellcheck shell=dash
# shellcheck disable=SC2154 # tap.sh sets the variables

queue_of_100() {
	cd "$work" || exit
	waiters 100
}

hammers() {
	cd "$work" || exit
	hammer 10 "$(command -v lf-check)"
}

if is_since 5.13; then
	check "100 waiters behind a holder that ends or is killed" queue_of_100
fi
if has_locks_of_descriptions; then
	check "64 processes with 4 threads of all kinds" hammers
fi
