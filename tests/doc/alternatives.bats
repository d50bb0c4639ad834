#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
#
# The table of alternatives in README: each cell of a program that is installed is
# tried.  "yes" and "no" are what the program does by default; an option is what
# makes it do that.  lockf(1) is FreeBSD's.  systemd must be the first process of a
# machine: its column was tried by hand in a container of systemd-nspawn(1), with a
# service of Type=oneshot, a timer and several "systemctl start".
#
# A function for each row, with the row's name, returns 0 for yes and 1 for no.
# The array with runs a job under the lock, once does so without waiting.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2030,SC2031,SC2317 # each cell has a subshell, on purpose

load ../tools/helper

README=${README-$BATS_TEST_DIRNAME/../../README}

columns=(lf-acquire flock lockf dotlockfile systemd sem)

# rows: LABEL CELL..., with dashes instead of blanks in LABEL.
rows() {
	sed -n '/^What people need/,/^$/p' "$README" | sed '1,2d; /^$/d' |
		sed -E ':a; s/^([^ ]+) ([^ ])/\1-\2/; ta'
}

# use PROGRAM [OPTION...]
use() {
	local program=$1

	shift
	case $program in
	lf-acquire) with=("$program" "$@" lock) once=("${with[@]}") ;;
	flock) with=("$program" "$@" lock) once=("$program" -n "$@" lock) ;;
	lockf) with=("$program" "$@" lock) once=("$program" -t 0 "$@" lock) ;;
	dotlockfile)
		with=("$program" "$@" lock) once=("$program" -r 0 "$@" lock) ;;
	sem)
		with=(sem --will-cite -q --fg --id lock "$@")
		once=("${with[@]}" --st -1) ;;
	esac
}

# is_refused: a call that does not wait does not run its job.
is_refused() {
	rm -f ran
	timeout 60 "${once[@]}" touch ran >/dev/null 2>&1
	[ ! -e ran ]
}

gets_it() {
	! is_refused
}

# must COMMAND...: without it there is no answer.
must() {
	"$@" || { echo "failed: $*" >&2 && exit 2; }
}

# soon COMMAND...: eventually; if the answer is to be no, for a second only.
soon() {
	local looks=$looks

	[ "$wanted" = yes ] || looks=50
	eventually "$@"
}

# --- The rows

# The job, and not only the program that runs it, is killed.
free-at-once-after-kill--9() {
	must hold "${with[@]}"
	must is_refused
	kill -KILL "$holder" "$command"
	must finish "$holder"
	must eventually is_gone "$command"
	gets_it
}

# The limits of dotlockfile and sem are not just a number of seconds.
waits,-for-a-limited-time() {
	local limit=(1) long=(3600)

	case $program in
	dotlockfile) limit=(1 -i 1) long=(99 -i 1) ;;
	sem) limit=(-1) long=(-3600) ;;
	esac
	use "$program"
	must hold "${with[@]}"
	use "$program" "$option" "${limit[@]}"
	run timeout 60 "${with[@]}" touch ran
	[ "$status" != 124 ] && [ ! -e ran ] || return
	use "$program" "$option" "${long[@]}"
	start "${with[@]}" touch ran
	must release "$holder"
	finish "$pid" && [ -e ran ]
}

# is_in_queue PID: the kernel's.  A program that tries again and again is in none.
is_in_queue() {
	grep -Eq -- "-> +(POSIX|FLOCK) +ADVISORY +(WRITE|READ) +$1 " /proc/locks
}

serves_in_order() {
	local i pids=()

	rm -f order
	must hold "${with[@]}"
	for i in {1..8}; do
		start "${with[@]}" sh -c 'echo "$0" >>order' "$i"
		pids+=("$pid")
		soon is_in_queue "$pid" || return
	done
	must release "$holder"
	for i in "${pids[@]}"; do
		must finish "$i"
	done
	[ "$(<order)" = "$(seq 8)" ]
}

# The order may be right by chance.
waiters-are-served-in-order() {
	local left=1

	[ "$program" != lf-acquire ] || use "$program" -w
	[ "$wanted" = yes ] || left=20
	for ((; left > 0; left--)); do
		serves_in_order || return
	done
}

# What an ordinary user, not the one of the jobs, can find out about the lock.
shown() {
	case $program in
	lf-acquire) unprivileged lf-check lock | grep -oE 'PID [0-9]+' ;;
	flock | lockf) unprivileged lslocks -n -o PID,PATH | grep "$PWD/lock\$" ;;
	dotlockfile) unprivileged cat lock ;;
	sem) unprivileged find home -name '*@*' ;;
	esac
} 2>/dev/null

any-user-is-shown-the-holder() {
	must hold "${with[@]}"
	shown | grep -w "$holder"
}

and-the-waiters,-in-order() {
	local first

	[ "$program" != lf-acquire ] || use "$program" -w
	must hold "${with[@]}"
	start "${with[@]}" true
	first=$pid
	soon is_in_queue "$first" || return
	start "${with[@]}" true
	soon is_in_queue "$pid" || return
	shown | tr '\n' ' ' | grep -E "\b$first\b.*\b$pid\b"
}

# excludes COMMAND...: this does not wait, and each excludes the other.
excludes() {
	must hold "${with[@]}"
	timeout 60 "$@" touch got-it
	[ ! -e got-it ] || return
	must release "$holder"
	must hold "$@"
	is_refused
}

excludes-users-of-fcntl() {
	excludes original -k -n lock
}

excludes-users-of-flock() {
	excludes flock -n lock
}

leaves-no-file-behind() {
	must "${with[@]}" true
	[ -z "$(find . -name '*lock' ! -type d)" ]
}

many-readers-or-one-writer() {
	must hold "${with[@]}"
	gets_it || return
	use "$program"
	is_refused
}

a-number-of-jobs-at-a-time() {
	[ -z "$option" ] || use "$program" "$option" 2
	must hold "${with[@]}"
	gets_it || return
	must hold "${with[@]}"
	is_refused
}

two-locks,-both-or-neither() {
	[ -n "$option" ] || return
	use "$program" "$option" other
	must hold "${with[@]}"
	held lock && held other || return
	must release "$holder"
	must hold "$program" other
	is_refused && free lock
}

# The first call that meets a held lock waits, and a further one does not.
once-more-after-this-run() {
	[ -n "$option" ] || return
	must hold "${with[@]}"
	start "${with[@]}" sh -c 'echo again >>runs'
	soon is_in_queue "$pid" && is_refused || return
	must release "$holder"
	must finish "$pid"
	[ "$(<runs)" = again ]
}

passes-the-exit-status() {
	run "${with[@]}" sh -c 'exit 23'
	[ "$status" = 23 ]
}

# sem leaves a job that it has only just started, about one in eight.
SIGTERM-ends-the-job,-too() {
	local left=1

	[ "$program" != sem ] || left=9 wanted=no
	for ((; left > 0; left--)); do
		must hold "${with[@]}"
		kill -TERM "$holder"
		! soon is_gone "$command" || return 0
	done
	return 1
}

# dotlockfile believes a file without a PID for five minutes, and then removes it
# when it tries again.
lasts-as-long-as-the-job() {
	must hold "${with[@]}"
	must kill_holder
	if [ "$program" = dotlockfile ]; then
		touch -d '6 minutes ago' lock
		use dotlockfile -r 2 -i 1
		once=("${with[@]}")
	fi
	! is_gone "$command" && is_refused
}

and-not-longer() {
	local daemon

	mkfifo forever
	must timeout 60 "${with[@]}" sh -c '
		sh -c "read -r line <>forever" >/dev/null 2>&1 3>&- &
		echo $! >daemon'
	daemon=$(<daemon)
	started+=("$daemon")
	must eventually is_asleep "$daemon"
	gets_it
}

# --- The columns

# answer: that of $row for $program with $option, in a directory of its own.
answer() (
	local rc=0

	started=() locked_fd=() end_fd=() public=''
	trap end_started EXIT
	BATS_TEST_TMPDIR=$PWD/$program/$row/$1
	mkdir -p "$BATS_TEST_TMPDIR/work" && cd "$BATS_TEST_TMPDIR/work" &&
		mkdir -m 700 home || exit 2
	HOME=$PWD/home # where sem keeps its locks
	"$row" >&2 || rc=$?
	case $rc in
	0) echo yes ;;
	1) echo no ;;
	esac
)

# answers_with OPTION WANTED
answers_with() {
	local option=$1 wanted=$2

	use "$program" ${option:+"$option"}
	answer "with$option" >answered
	[ "$(<answered)" = "$wanted" ] && return
	echo "$program $option, $row: $(<answered), wanted $wanted" >&2
	return 1
}

# cell_is_true: with an option the answer is yes, and no without it.
cell_is_true() {
	case $cell in
	yes | no)
		answers_with '' "$cell" && return
		return 1 ;;
	esac
	answers_with "$cell" yes || return
	# The others do not try anything without an option.
	case $row in
	waits* | two* | once*) ;;
	*) answers_with '' no ;;
	esac
}

column_is_true() {
	local program=$1 column row cell cells wrong=''

	for column in "${!columns[@]}"; do
		[ "${columns[column]}" != "$program" ] || break
	done
	while read -r row cells <&4; do
		read -ra cells <<<"$cells"
		cell=${cells[column]}
		case $row in
		any-user* | and-the-waiters*)
			[ "$(id -u)" -eq 0 ] || continue ;; # needs another user
		*flock) type -P flock >/dev/null || continue ;;
		*fcntl) [ "$program" != lockf ] || [ "$(uname)" = FreeBSD ] || continue ;;
		esac
		cell_is_true || wrong=1
	done 4< <(rows)
	[ -z "$wrong" ]
}

setup_column() {
	need original
	need_proc_locks
	[ "$(id -u)" -ne 0 ] || need_unprivileged
}

@test "README: a test for each row of the table, a cell for each column" {
	local row cells

	run -0 rows
	[ "${#lines[@]}" -ge 10 ]
	while read -r row cells; do
		declare -F "$row"
		read -ra cells <<<"$cells"
		equal "${#cells[@]}" "${#columns[@]}"
	done < <(rows)
	run -0 sed -n 's/^What people need  *//p' "$README"
	read -ra cells <<<"$output"
	equal "${cells[*]}" "${columns[*]}"
}

@test "README: each cell of lf-acquire is true" {
	need_inspection
	need_locks_of_descriptors
	need_flock
	need_threads
	setup_column
	column_is_true lf-acquire
}

@test "README: each cell of flock is true" {
	need flock lslocks
	setup_column
	column_is_true flock
}

@test "README: each cell of lockf is true" {
	type -P lockf >/dev/null || skip "needs lockf, which is optional"
	setup_column
	column_is_true lockf
}

@test "README: each cell of dotlockfile is true" {
	need dotlockfile
	setup_column
	column_is_true dotlockfile
}

@test "README: each cell of sem is true" {
	type -P sem >/dev/null || skip "needs sem, which is optional"
	setup_column
	column_is_true sem
}
