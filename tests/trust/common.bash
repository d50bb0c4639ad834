# SPDX-License-Identifier: 0BSD
# shellcheck shell=bash disable=SC2034 # set for the programs that read this
# What the programs of this directory share.
#
# They run in a directory of their own.  What a probe notes is in $TRUST_LOG, and
# read with $noted; a FIFO lets it end.

set -u
LC_ALL=C
export LC_ALL
umask 022

: "${TMPDIR:=/tmp}"
top=$(mktemp -d "$TMPDIR/lf-trust.XXXXXX") || exit 99
mkdir "$top/work" && cd "$top/work" || exit 99
TRUST_LOG=$top/log
export TRUST_LOG
: >"$TRUST_LOG"
trap 'cd / && rm -rf "$top"' EXIT
trap 'exit 99' HUP INT TERM
# Probes report descriptors that they inherit; 255 is bash's own.
for fd in "/proc/$$/fd"/*; do
	fd=${fd##*/}
	((fd < 3 || fd == 255)) || exec {fd}>&-
done
mkfifo "$top/never" && exec {never}<>"$top/never"
runs=0
failures=0

# Between two checks of what the kernel shows; nothing relies on its length.
pause() {
	read -r -t 0.002 -u "$never" _ || :
}

# eventually COMMAND...: a minute and more; only a failure reaches the end.
eventually() {
	local look

	for ((look = 0; look < ${looks:-30000}; look++)); do
		! "$@" || return 0
		pause
	done
	return 1
}

# A PID is not used again so soon; bash reaps its children by itself.
is_gone() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	[[ $stat == [ZX]* ]]
}

# has_noted PATTERN: some line of the log matches; the line is $noted.
has_noted() {
	while read -r noted; do
		# shellcheck disable=SC2053 # a pattern
		[[ $noted != $1 ]] || return 0
	done <"$TRUST_LOG"
	return 1
}

# is_waited_for INODE: a process is blocked by a record lock of that file.  The list
# may be long, and bash would read it again for each line.
is_waited_for() {
	grep -q -e "-> .*:$1 " /proc/locks
}

# is_in_queue PID: one that waits behind a killed holder has no PID in the list.
is_in_queue() {
	grep -Eq -e "-> +[A-Z]+ +ADVISORY +(WRITE|READ) +$1 " /proc/locks ||
		grep -Eqs "lock_(file|inode)_wait|setlk" "/proc/$1/task"/*/wchan
}

# offers OPTION: lf-acquire has it.
offers() {
	[[ $(lf-acquire --help) == *" $1"* ]]
}

# wrong TEXT...: the run that $what describes fails.
wrong() {
	((is_wrong++)) || ((failures++))
	printf '# %s\n#   %s\n' "$what" "$*"
}

# begin_run WHAT
begin_run() {
	what=$1
	is_wrong=0
	((runs++))
	: >"$TRUST_LOG"
}

# print_row WHAT: the runs since the row before, where a program prints several.
runs_before=0
failures_before=0
print_row() {
	echo "row|$1|$((runs - runs_before))|$((failures - failures_before))"
	runs_before=$runs
	failures_before=$failures
}

# Its last line, for tests/trust/run, which makes the table.
finish_row() {
	echo "row|$1|$runs|$failures"
	[ "$failures" -eq 0 ]
}

# --- The system calls of a run

# list_calls TRACE [EXCEPT]: prints "CALL N" for each N-th call that some thread makes,
# without those whose line matches EXCEPT.  The loader's are omitted, whose last one
# unmaps its cache; a fault there would hit the first thread, as strace counts for each
# thread.
list_calls() {
	# shellcheck disable=SC2016 # for awk
	awk -v except="${2:-^$}" -v start="$(grep -n -m 1 ' munmap(' "$1" | cut -d : -f 1)" '
	NR == 1 { main = $1; next }
	$2 !~ /^[a-z_0-9]+\(/ || $2 ~ /^exit/ || $2 ~ /^rt_sigreturn/ { next }
	{
		call = $2
		sub(/\(.*/, "", call)
		n = ++count[$1, call]
		if ($1 == main && NR <= start)
			seen[call, n] = 1
		else if (!seen[call, n]++ && $0 !~ except)
			print call, n
	}' "$1" | sort -k 1,1 -k 2,2n
}
