# SPDX-License-Identifier: 0BSD
#
# fs.protected_*: files, FIFOs and links of other users in a sticky directory, with
# each value.  The users are 1, 2 and root; the directory is that of user 9.
#
# shellcheck shell=dash
# shellcheck disable=SC1091,SC2154 # tap.sh sets the variables

. ./overlap.sh
protection=/proc/sys/fs/protected_

# sticky MODE: $lock is a name in such a directory.
sticky() {
	mkdir "$at/$number"
	chown 9:9 "$at/$number"
	chmod "$1" "$at/$number"
	lock=$number/lock
}

# is_as_before COMMAND...: it succeeds, and the lock file of another stays as it is.
is_as_before() {
	local before

	before=$(facts "$at/$lock")
	status 0 "$@"
	equal "$(facts "$at/$lock")" "$before"
}

# make USER MODE: the lock file, empty.
make() {
	on "$1" sh -c ": >'$lock' && chmod '$2' '$lock'"
}

# --- protected_regular

# Its own file, or none: created and removed as anywhere.
own_file() {
	local user

	sticky 1777
	for user in 1 2 0; do
		status 0 on $user lf-acquire "$lock" lf-check -q "$lock"
		absent "$at/$lock"
		make $user 666
		status 0 on $user lf-acquire -p "$lock" lf-check -q "$lock"
		absent "$at/$lock"
		error 73 $user lf-acquire --no-create "$lock" true
		absent "$at/$lock"
	done
}

# is_protected MODE VALUE: the directory, and the setting.
is_protected() {
	case $1,$2 in
	1777,[12] | 1775,2) ;;
	*) return 1 ;;
	esac
}

# Locked, never changed, never removed; without protection root may do both.
file_of_another() { # MODE VALUE
	local option

	sticky "$1"
	chown 1:1 "$at/$number"
	make 1 666
	chown 9:9 "$at/$number"
	for option in '' -k -s -w '-t 1' --no-create -v; do
		# shellcheck disable=SC2086 # words
		is_as_before on 2 lf-acquire $option "$lock" lf-check -q "$lock"
	done
	is_as_before on 2 lf-acquire -F "$lock" true
	status 0 on 2 lf-acquire -p "$lock" cat "$lock"
	if is_protected "$@"; then
		equal "$output" ""
		is_as_before on 0 lf-acquire -p "$lock" lf-check -q "$lock"
	else
		[ "$output" ]
		equal "$(stat -c '%u %a %s' "$at/$lock")" "1 666 0"
		status 0 on 0 lf-acquire -p "$lock" lf-check -q "$lock"
		absent "$at/$lock"
	fi
}

held_by_another() {
	local holder user waiters=

	sticky 1777
	make 1 666
	begin holder 1 lf-acquire "$lock"
	holder=$pid
	holds holder
	for user in 2 0; do
		status 75 on $user lf-acquire "$lock" true
		contains "$output" "held by PID $holder: "
		status 75 on $user lf-acquire -t 0.1 "$lock" true
		status 75 on $user lf-acquire -s "$lock" true
		status 0 on $user lf-check -p "$lock"
		equal "$output" "$holder"
		wait_in_queue "waiter$user" $user lf-acquire -w "$lock"
		waiters="$waiters $pid"
	done
	let_end holder
	finish "$holder"
	# They may not remove it, so they begin again in any order: lockfile-fcntl(7).
	for user in 2 0; do
		let_end_when_asked "waiter$user"
	done
	for pid in $waiters; do
		finish "$pid"
	done
	free
}

# What may not be opened is an error.
closed_file() {
	local before

	sticky 1777
	make 1 644
	before=$(facts "$at/$lock")
	error 66 2 lf-acquire "$lock" true
	error 66 2 lf-acquire -w "$lock" true
	is_as_before on 2 lf-acquire -s "$lock" true
	status 1 on 2 lf-check "$lock"
	equal "$(facts "$at/$lock")" "$before"
	chmod 600 "$at/$lock"
	error 66 2 lf-acquire "$lock" true
	error 66 2 lf-acquire -s "$lock" true
	error 2 2 lf-check "$lock"
	begin holder 1 lf-acquire -k "$lock"
	holds holder
	status 66 on 2 lf-acquire "$lock" true
	contains "$output" "permission denied"
	status 0 on 0 lf-acquire -E 0 "$lock" false
	status 0 on 0 lf-check "$lock"
	let_end holder
	finish "$pid"
}

# The file is created by one user, and removed by it at any moment.
storm() { # ODD EVEN
	sticky 1777
	exclude "$1 and $2" "$@"
}

exclude() {
	local what=$1

	shift
	count_overlaps 4 25 "$@"
	result "sticky, $what" "$overlaps overlaps, $lost lost, $failed failed of $total"
	equal "$overlaps overlaps, $lost lost, $failed failed" \
		"0 overlaps, 0 lost, 0 failed"
}

# --- protected_fifos, protected_symlinks, protected_hardlinks

fifo() {
	local before user

	sticky 1777
	on 1 mkfifo "$lock"
	before=$(facts "$at/$lock")
	for user in 1 2 0; do
		error 66 $user lf-acquire "$lock" true
		error 66 $user lf-acquire -s "$lock" true
		error 66 $user lf-acquire -w "$lock" true
		error 66 $user lf-acquire --follow "$lock" true
		error 2 $user lf-check "$lock"
	done
	equal "$(facts "$at/$lock")" "$before"
}

# follow USER VALUE: --follow does, unless it is another user's link.
follow() {
	if [ "$2" = 0 ] || [ "$1" = 1 ]; then
		status 0 on "$1" lf-acquire --follow "$lock" lf-check -q "target$number"
	else
		error 66 "$1" lf-acquire --follow "$lock" true
	fi
}

symbolic_link() { # VALUE
	local before user

	sticky 1777
	on 1 ln -s "/srv/target$number" "$lock"
	for user in 1 2 0; do
		error 66 $user lf-acquire "$lock" true
		[ "$1" = 0 ] || [ $user = 1 ] ||
			error 66 $user lf-acquire --follow "$lock" true
		absent "$at/target$number"
	done
	on 1 sh -c ": >target$number"
	before=$(facts "$at/target$number")
	for user in 1 2 0; do
		error 66 $user lf-acquire "$lock" true
		follow $user "$1"
	done
	equal "$(facts "$at/target$number")" "$before"
	[ -L "$at/$lock" ]
	begin holder 1 lf-acquire -k "target$number"
	holds holder
	for user in 2 0; do
		error 66 $user lf-acquire "$lock" true
		[ "$1" = 0 ] || error 66 $user lf-acquire --follow "$lock" true
	done
	let_end holder
	finish "$pid"
}

# A file with content is another user's data; an empty one has another name.
hard_link() { # VALUE
	local before

	sticky 1777
	[ ! -e "${protection}regular" ] || echo 0 >"${protection}regular"
	on 2 sh -c "umask 077; echo data >data$number; : >empty$number"
	if [ "$1" = 1 ]; then
		! on 1 ln "data$number" "$lock"
		! on 1 ln "empty$number" "$lock"
		absent "$at/$lock"
		return
	fi
	on 1 ln "data$number" "$lock"
	before=$(facts "$at/data$number")
	is_as_before on 0 lf-acquire "$lock" lf-check -q "data$number"
	is_as_before on 2 lf-acquire "$lock" lf-check -q "data$number"
	error 66 0 lf-acquire -p "$lock" true
	error 66 1 lf-acquire "$lock" true
	equal "$(facts "$at/data$number")" "$before"
	equal "$(cat "$at/data$number")" data
	[ ! -e "${protection}regular" ] || echo 1 >"${protection}regular"
	is_as_before on 0 lf-acquire -p "$lock" lf-check -q "data$number"
	[ ! -e "${protection}regular" ] || echo 0 >"${protection}regular"
	rm "$at/$lock"
	on 1 ln "empty$number" "$lock"
	error 66 0 lf-acquire -p "$lock" true
	before=$(facts "$at/empty$number")
	status 0 on 0 lf-acquire "$lock" lf-check -q "empty$number"
	equal "$(facts "$at/empty$number")" "$before"
}

# with NAME VALUE TITLE FUNCTION [ARGUMENT]...: for kernels that have the setting.
with() {
	local name=$1 value=$2 title=$3

	shift 3
	[ -e "$protection$name" ] || return 0
	echo "$value" >"$protection$name" 2>/dev/null || return 0
	check "protected_$name=$value: $title" "$@"
}

for value in 0 1 2; do
	with regular $value "own files" own_file
	for mode in 1777 1775; do
		with regular $value "a file of another user, directory $mode" \
			file_of_another $mode $value
	done
	with regular $value "held by another user" held_by_another
	with regular $value "a file that may not be opened" closed_file
	with regular $value "two users remove each other's file" storm remove remove
	with regular $value "and one of them keeps it" storm remove keep
	with regular $value "and by lf-acquire -w" storm "lf-acquire -w" remove
	with fifos $value "a FIFO" fifo
done
for value in 0 1; do
	with symlinks $value "a symbolic link" symbolic_link $value
	with hardlinks $value "a hard link" hard_link $value
done
[ -e "${protection}symlinks" ] ||
	say "# this kernel has no fs.protected_symlinks and fs.protected_hardlinks"
[ -e "${protection}regular" ] ||
	say "# this kernel has no fs.protected_regular and fs.protected_fifos"
