# SPDX-License-Identifier: 0BSD
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bats and by the test files
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# What the tests of cluster file systems share.  Two processes of one machine with two
# clients see no more of each other than those of two machines.

setup() {
	LC_ALL=C
	export LC_ALL
	directory=$BATS_TEST_TMPDIR/cluster
	[ "$(id -u)" -eq 0 ] || skip "needs to be root, for namespaces and mounts"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	unshare --net --mount --pid --fork true 2>/dev/null ||
		skip "may not make namespaces"
}

# need PROGRAM...
need() {
	local program

	for program; do
		type -P "$program" >/dev/null ||
			skip "$program is not installed"
	done
}

# on_cluster SCRIPT: for sh, with the directories of the clients as "$1" and "$2".
# What hangs is killed.
on_cluster() {
	run -0 timeout -s KILL 300 "$BATS_TEST_DIRNAME/cluster" "$file_system" \
		"$directory" sh -c "$1" sh "$directory/1" "$directory/2"
}

# prints LINE...: and nothing else.
prints() {
	[ "$output" = "$(printf '%s\n' "$@")" ] && return
	echo "$output" >&2
	return 1
}

# Each client has three workers, which take 20 turns each.
takes_turns() {
	PATH=$BATS_TEST_DIRNAME:$PATH
	on_cluster 'contend 3 20 "$1/lock" "$2/lock"; ls "$1/lock"'
	prints 120 "$directory/1/lock"
}

excludes() {
	on_cluster '
		lf-acquire "$1/lock" sh -c "
			lf-acquire \"\$0\" true; echo \$?
			lf-acquire -t .1 \"\$0\" true; echo \$?
			lf-check -q \"\$0\"; echo \$?" "$2/lock" 2>/dev/null
		lf-acquire "$2/lock" echo free'
	prints 75 75 0 free
}

# The descriptor is of COMMAND too, where the lock belongs to it.
frees_the_lock_of_a_killed_holder() {
	on_cluster '
		mkfifo "$1/../fifo"
		lf-acquire -F "$1/lock" sh -c "echo >\"\$0\"; exec sleep 1000" "$1/../fifo" &
		read -r line <"$1/../fifo"
		lf-acquire "$2/lock" true 2>/dev/null; echo $?
		kill -KILL $!
		lf-acquire -t 60 "$2/lock" echo free'
	prints 75 free
}
