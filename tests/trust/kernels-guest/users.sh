# SPDX-License-Identifier: 0BSD
#
# What the tests of kernels share: other users, and what this kernel has.
#
# shellcheck shell=dash
# shellcheck disable=SC2154 # tap.sh sets others

# is_since VERSION
is_since() {
	[ "$(printf '%s\n' "$1" "${version%%[!0-9.]*}" | sort -V | sed -n 1p)" = "$1" ]
}

has_locks_of_descriptions() {
	is_since 3.15
}

# shows_queue LOCKFILE HOLDER WAITER...: to each user.  Some kernels list the first
# waiter only, see lockfile-fcntl(7).
shows_queue() {
	local file=$1 wanted="holder $2" user

	shift 2
	if is_since 5.0 && ! is_since 5.13; then
		set -- "$1"
	fi
	wanted="$wanted$(printf '\nwaiter %s' "$@")"
	for user in 0 1 2; do
		status 0 on $user lf-check -nro ROLE,PID "$file"
		equal "$output" "$wanted"
	done
}

# Its threads and itself: fcntl with F_SETLKW or F_OFD_SETLKW.
is_waiting() {
	cat "/proc/$1/task"/*/syscall 2>/dev/null |
		grep -Eq '^72 0x[0-9a-f]* 0x(7|26) '
}

# Its FIFO has a reader once it holds the lock.
let_end_when_asked() {
	(: >"$work/$1.end") &
	echo $! >>"$work/pids"
}

# An error, and not the answer to whether it is held.
error() { # STATUS USER COMMAND...
	local wanted=$1

	shift
	status "$wanted" on "$@"
	lacks "$output" held
	lacks "$output" free
	[ -n "$output" ]
}

# facts FILE: all that a lock must leave as it is.
facts() {
	stat -c '%F %u %a %s %i %Y' "$1"
}
