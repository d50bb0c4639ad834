#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
#
# The manual pages as a reader finds them.  tests/examples.sh runs their examples.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them

load ../tools/helper

DOC=${DOC-$BATS_TEST_DIRNAME/../../doc}

# pages: those that are not just a link to another page.
pages() {
	grep -L '^\.so ' "$DOC"/*.[1-9]
}

# Each page, also a link, is found by what it is about.
@test "man -k lock lists each page" {
	local page name

	type -P mandb >/dev/null || skip "needs mandb, which is optional"
	for page in "$DOC"/*.[1-9]; do
		mkdir -p "man/man${page##*.}"
		cp "$page" "man/man${page##*.}"
	done
	mandb -q -c man
	run -0 man -M man -k lock
	for page in "$DOC"/*.[1-9]; do
		name=$(basename "$page")
		grep -q "^${name%.*} (${name##*.})" <<<"$output" ||
			fail_for "$name"
	done
}

fail_for() {
	echo "not found: $1" >&2
	return 1
}

@test "the NAME of each page says that it is about locks" {
	local page

	for page in $(pages); do
		grep -q '^\.Nd .*lock' "$page" || fail_for "$page"
	done
}

# has_option PAGE SHORT LONG: in the SYNOPSIS, and with a text of its own.  A SHORT
# of "-" is none.
has_option() {
	local synopsis

	synopsis=$(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/s/^\.\(Op \)*Fl //p' "$1")
	if [ "$2" = - ]; then
		grep -qE -- "(^| )-$3( |$)" <<<"$synopsis" &&
			grep -qE "^\.It Fl -$3( |$)" "$1"
	else
		grep -qE "(^[^- ]*| )$2" <<<"$synopsis" &&
			grep -qE "^\.It Fl $2 , -$3( |$)" "$1"
	fi
}

@test "the page of a tool has each option of its --help, in the SYNOPSIS too" {
	local tool short long

	for tool in lf-acquire lf-check; do
		"$tool" --help | sed -nE 's/^  -(.), --([a-z-]+).*/\1 \2/p
			s/^      --([a-z-]+).*/- \1/p' >options
		[ "$(wc -l <options)" -ge 10 ]
		while read -r short long; do
			has_option "$DOC/$tool.1" "$short" "$long" ||
				fail_for "$tool --$long"
		done <options
	done
}

@test "the page of each command and function has examples" {
	local page

	for page in $(pages); do
		[[ $page == *.7 ]] || grep -q '^\.Sh EXAMPLES' "$page" ||
			fail_for "$page"
	done
}

# example_line PAGE: of its first example, as rendered.
example_line() {
	sed '0,/^\.Bd -literal/ { s/^\.Bd -literal.*/&\nthe first example/ }' \
		"$DOC/$1" >rendered
	mandoc -T ascii -O width=80 rendered | grep -n '^ *the first example' |
		cut -d : -f 1
}

# On a terminal of 24 lines the first screen ends at line 23, the second at 46.
@test "lf-check(1) says on its first screen what to do about a job that hangs" {
	type -P mandoc >/dev/null || skip "needs mandoc, which is optional"
	mandoc -T ascii -O width=80 "$DOC/lf-check.1" | col -b | sed 23q |
		tr -s '[:space:]' ' ' >screen
	grep -E 'held by PID 4242: .*kill 4242.*kill -CONT 4242' screen
}

@test "the pages at which readers begin show an example on the first screens" {
	local page number

	type -P mandoc >/dev/null || skip "needs mandoc, which is optional"
	for page in lf-acquire.1 lf-check.1 liblockfile-fcntl.3 lf_acquire.3; do
		number=$(example_line "$page")
		echo "$page: line $number"
		case $page in
		*.1) [ "$number" -le 23 ] ;;
		*) [ "$number" -le 46 ] ;;
		esac
	done
}

# --- The commands of lockfile-fcntl(7), "Finding an unknown holder"

# make_find_holders: as that page shows them, of the file lock.
make_find_holders() {
	need_inspection
	need_locks_of_descriptors
	sed '1,/^The following commands print the same PIDs:/d; /^\.Ed/,$d' \
		"$DOC/lockfile-fcntl.7" | sed '1d; s#/run/app\.lock#lock#' >find-holders
	[ "$(grep -c fdinfo find-holders)" -eq 1 ]
}

find_holders() {
	sh ./find-holders
}

# both_find PID...: the commands of the page, and lf-check.
both_find() {
	local wanted

	wanted=$(printf '%s\n' "$@" | sort -u)
	run -0 find_holders
	equal "$output" "$wanted"
	run -0 lf-check -p lock
	equal "$(sort -u <<<"$output")" "$wanted"
}

@test "the commands of lockfile-fcntl(7) find the holders that lf-check finds" {
	local shell

	make_find_holders
	: >lock
	# This shell and its children have it open, which is no lock.
	exec 8<lock
	run find_holders
	equal "$output" ""
	run -1 lf-check -p lock
	equal "$output" ""
	# One process has the descriptor.
	hold lf-acquire -F lock
	both_find "$holder"
	release "$holder"
	# A shell that ran lf-acquire --fd, and its child.
	channel said
	start sh -c 'exec 9>>lock && lf-acquire --fd 9 && echo >said; read -r _ <"$0"
		sh -c "echo \$\$ >said; read -r _ <\"\$0\"" "$0"; :' "$BATS_TEST_TMPDIR/never"
	shell=$pid
	next "$fd"
	both_find "$shell"
	echo >&"$never"
	next "$fd"
	started+=("$line")
	both_find "$shell" "$line"
	kill -KILL "$shell"
	finish "$shell"
	both_find "$line"
	kill -KILL "$line"
	eventually free lock
	# A child that has not adopted the lock.
	hold lf-acquire lock
	kill_holder
	both_find "$command"
}

# The tag names lf-acquire; the commands also find COMMAND, which has the descriptor too.
@test "the commands of lockfile-fcntl(7) find the COMMAND of lf-acquire, too" {
	make_find_holders
	hold lf-acquire lock
	run -0 lf-check -p lock
	equal "$output" "$holder"
	run -0 find_holders
	equal "$output" "$(printf '%s\n' "$holder" "$command" | sort -u)"
}
