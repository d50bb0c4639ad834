#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# Every example in README and in the manual pages works as it is shown.
#
# An example is, in README, a block that is indented by four blanks or more; in a
# page, a display by ".Bd -literal" or ".Dl", or a row of a table or an item of a
# list with a command of another program and one of ours for the same purpose.
# try() chooses a test by the look of the example; one that no rule matches fails.
#
# Each example has a directory of its own, in which its absolute paths become
# relative.  The jobs that it names there are stand-ins, which log that they ran.

# shellcheck disable=SC2317 # functions that eventually calls

srcdir=$(cd "${srcdir:-.}" && pwd)
top=$PWD
dir=$(mktemp -d "${TMPDIR:-/tmp}/lf-examples.XXXXXX") || exit 99
number=0 failed=0 holding=0

PATH=$dir/bin:$PATH
LD_LIBRARY_PATH=$top/lib/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PKG_CONFIG_PATH=$top/lib
LC_ALL=C stay='' jobs=$dir/jobs
export PATH LD_LIBRARY_PATH PKG_CONFIG_PATH LC_ALL stay jobs
umask 022
# A bound against hanging; no example takes so long.
command -v timeout >/dev/null || timeout() { shift && "$@"; }

trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM

# --- Extraction: each example becomes a file PAGE:LINE

extract_from_readme() {
	awk -v to="$dir/examples/README" '
		/^    / && (file || blank) {
			if (!file) {
				file = sprintf("%s:%04d", to, NR)
				empty = 0
			}
			for (; empty > 0; empty--)
				print "" >file
			print substr($0, 5) >file
			next
		}
		{ blank = $0 == "" }
		blank { empty++; next }
		{ file = ""; empty = 0 }' "$1"
}

extract_from_page() {
	awk -v to="$dir/examples/$(basename "$1")" '
		function at(line) { return sprintf("%s:%04d", to, line) }
		function plain(text) {
			sub(/^\\&/, "", text)
			gsub(/\\-/, "-", text)
			gsub(/\\e/, "\\", text)
			return text
		}
		/^\.Bd -literal/ { file = at(NR); next }
		/^\.Ed/ { file = ""; next }
		file { print plain($0) >file }
		/^\.Dl / { print plain(substr($0, 5)) >at(NR) }
		/^\.It Li .* Ta Li lf-/ {
			gsub(/"/, "")
			sub(/^\.It Li /, "")
			sub(/ Ta Li /, "\n")
			print plain($0) >at(NR)
			next
		}
		/^\.Li lf-/ && item {
			print plain(item) "\n" plain(substr($0, 5)) >at(NR - 1)
		}
		{ item = /^\.It Li / ? substr($0, 8) : "" }' "$1"
}

# --- The directory of an example

relative() {
	sed -E "s#(^|[^A-Za-z0-9_./])/(run|usr/local|var|etc)\>#\1\2#g"
}

absolute() {
	sed -E "s#(^|[ '(])(run|usr/local|var|etc)/#\1/\2/#g"
}

# Replaces what differs from run to run, and joins lines that are folded.
normalise() {
	sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | tr -s ' \t\n' ' ' |
		sed -E 's/(READ|WRITE) [0-9]+ [^ ]+/\1 N U/g
			s/ \(try as root\)//g; s/ $//
			s/(PID) [0-9]+(: [^()]*\((lf-acquire, )?)[^ ()]+/\1 N\2U/g
			s/ for [0-9]+ [a-z]+( [0-9]+ [a-z]+)?/ for T/g
			s/[-0-9]{10}T[:0-9]{8}[-+:0-9]{6}/DATE/g'
}

locks() {
	grep -oE 'run/[a-z]+\.lock' example | sort -u
}

stand_ins() {
	grep -oE 'usr/local/s?bin/[a-z]+' example | sort -u
}

set_up() {
	rm -rf "$dir/here" && mkdir "$dir/here" && cd "$dir/here" || exit 99
	: >"$jobs"
	mkdir -p run var/lib/dpkg usr/local/bin usr/local/sbin etc
	echo content >etc/file
	relative <"$1" >example
	text=$(cat example)
	chmod +x example # a script may run itself
	for job in $(stand_ins); do
		cp "$dir/bin/cmd" "$job"
	done
}

set_up_for_all() {
	mkdir "$dir/bin" "$dir/examples"
	# The stand-in.  It writes what it finds in the row of a table into the
	# file facts, and waits at the FIFO $stay.
	cat >"$dir/bin/cmd" <<-'END'
		#!/bin/sh
		echo "$0" >>"$jobs"
		if [ -n "${facts-}" ]; then
			grep -qxE 'flock|lf-acquire' "/proc/$PPID/comm" &&
				echo 'is a child of the program'
			for fd in /proc/$$/fd/*; do
				[ "$fd" -ef F ] && echo 'has a descriptor'
			done | sort -u
			ls F F.lock
			grep -qxE ' *[0-9]+' F && echo 'finds a PID'
		fi >facts 2>/dev/null
		[ -z "$stay" ] || read -r line <"$stay"
	END
	# The compiler, with the header and the library of the build.
	cat >"$dir/bin/cc" <<-END
		#!/bin/sh
		exec ${CC:-cc} $CFLAGS -I'$srcdir/lib' "\$@" -L'$top/lib/.libs'
	END
	# etcdctl lock NAME COMMAND, without a server.
	printf '%s\n' '#!/bin/sh' 'shift 2 && exec "$@"' >"$dir/bin/etcdctl"
	chmod 755 "$dir/bin/cmd" "$dir/bin/cc" "$dir/bin/etcdctl"
	for job in backup count deploy mydaemon pull report resize rotate verify; do
		ln -s cmd "$dir/bin/$job"
	done
}

# --- Holders and waiters

# hold COMMAND...: in the background until stop.  The stand-in that COMMAND runs
# logs that it has the lock.
hold() {
	# What earlier holders wrote or did not read goes with their FIFOs.
	if [ "$holding" = 0 ]; then
		rm -f "$dir/stay" "$dir/log"
		mkfifo "$dir/stay" "$dir/log" || exit 99
		exec 4<>"$dir/stay" 5<>"$dir/log"
	fi
	holding=$((holding + 1))
	{
		stay=$dir/stay jobs=$dir/log "$@"
		echo ended >&5
	} >>held.out 2>&1 &
	read -r line <&5
	[ "$line" != ended ]
}

# queue COMMAND...: the same, for a waiter of $path.
queue() {
	holding=$((holding + 1)) waiters=$((waiters + 1))
	stay=$dir/stay jobs=$dir/log "$@" >>held.out 2>&1 &
	eventually is_queued
}

is_queued() {
	lf-check "$path" >seen
	[ "$(grep -cE '^  (waiting|then): ' seen)" -ge "$waiters" ]
}

stop() {
	while [ "$holding" -gt 0 ]; do
		echo >&4
		holding=$((holding - 1))
	done
	wait
}

# eventually COMMAND...: repeats it, for about a minute, until it succeeds.
eventually() {
	for look in $(seq 3000); do
		"$@" && return
		sleep 0.02
	done
	echo "failed $look times: $*"
	return 1
}

# Fails unless lf-check finds the holder of $path.
has_known_holder() {
	[ -n "$(lf-check -p "$path")" ] ||
		skip 'the holder is unknown in this build'
}

# Fails unless an open file description has the lock, as /proc shows.  The list
# is read in parts, so one look may miss a line.
has_description_lock() {
	for look in 1 2 3 4 5; do
		grep "OFDLCK.*:$(stat -c %i "$1") " /proc/locks && return
	done
	skip 'needs /proc/locks and locks of open file descriptions'
}

# hold_as_shown: starts the holders and waiters of the output in the example.
hold_as_shown() {
	waiters=0
	normalise <example | tr -d '$' | sed 's/ DATE/&\n/g' | grep -oE \
		'run/[a-z]+\.lock: (free|held[^)$]*\))|(and by|waiting:|then:) PID N: [^)]*\)|run/[a-z]+\.lock (READ|WRITE) N U DATE' |
		sed -E 's/^(.*): free$/free \1/
			s/^(.*): held by PID N: (.*) \(lf-acquire, U\)$/hold \1 lf-acquire \1 \2/
			s/^(.*): held by PID N: (flock .*) \(U\)$/hold \1 \2/
			s/^(.*) (READ|WRITE) N U DATE$/hold \1 lf-acquire \1 cmd/
			s/^(waiting|then): PID N: (.*) \(lf-acquire, U\)$/queue . \2/' >states
	while read -r state lock command; do
		# shellcheck disable=SC2086 # the words of the command
		case $state in
		free) ;;
		hold) path=$lock && hold $command && has_known_holder ;;
		queue) queue lf-acquire -w "$path" $command ;;
		*) false ;;
		esac || return
	done <states
	[ -s states ]
}

# --- What this build or this machine lacks

skip() {
	echo "$*" >"$dir/skip"
	return 1
}

# needs COMMAND
needs() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

# calls FUNCTION: whether lf-acquire has it from the C library.
calls() {
	tr '\0' '\n' <"$(command -v lf-acquire)" |
		grep -Ex "$1(64)?(@.*)?" >/dev/null
}

needs_proc() {
	calls fdopendir || skip 'needs Linux, and its proc(5)'
}

needs_shared_locks() {
	lf-acquire -s run/probe.lock true 2>/dev/null ||
		skip 'needs locks that can be shared'
}

needs_description_locks() {
	(exec 9>>run/probe.lock && lf-acquire -f 9 && rm run/probe.lock) \
		2>/dev/null || skip 'needs locks of an open file description'
}

needs_tables() {
	needs_proc || return
	! lf-check --help | grep 'Built without' || skip 'needs libsmartcols'
}

has_what_it_needs() {
	case $text in
	*'FLOCK  ADVISORY'*) calls flock || skip 'built without flock' ;;
	*lf_adopt* | *'exec 9'* | *' -f 9'*) needs_description_locks ;;
	*lf-check*'| jq '*) needs jq && needs_tables ;;
	*'lf-check -'[lJ]*) needs_tables ;;
	*': flock '*) needs flock && needs_proc ;;
	*', for '*' min'* | *', running for '*) needs_proc ;;
	*'flock --fcntl'*)
		needs flock && flock --help | grep -e --fcntl ||
			skip 'flock(1) has no --fcntl before util-linux 2.41' ;;
	esac || return
	case $text in *'lf-acquire '*'-s '*) needs_shared_locks ;; esac
}

# --- The test of an example

try() {
	has_what_it_needs || return
	case $text in
	'./bootstrap'*) is_a_step_of tests/fresh-machine ;;
	*'dpkg-buildpackage '*) is_a_step_of tests/fresh-packages ;;
	'flock '* | 'dotlockfile '* | 'lockfile-'*) is_equivalent ;;
	'cc '*) builds_the_last_program ;;
	*'from lock_file import'*) python_program ;;
	*'int main('*) cp example "$dir/program.c" && program ;;
	'#include '*) unit ;;
	'[Service]'*) service ;;
	'<'*) is_written_by_lf_describe ;;
	*lf_*'('*';'*) fragment ;;
	*' ADVISORY '*) is_in_proc_locks ;;
	'$ '*) sed -n 's/^\$ //p' example >commands && is_printed_by sh commands ;;
	'lf-acquire: run/'*) is_printed_by lf-acquire run/backup.lock cmd ;;
	run/*'flock(2)'*) is_printed_by lf-check run/sync.lock ;;
	run/*': '*) is_printed_by lf-check run/pull.lock ;;
	[*0-9]*' * '*) sed -E 's/^([^ ]+ +){5}//' example >job && script job ;;
	*lf-acquire* | *lf-check* | *fdinfo*) script example ;;
	*) echo 'no rule of tests/examples.sh matches this' && false ;;
	esac
}

# These need a fresh checkout, and more time than a test has.
is_a_step_of() {
	sed 's/  .*//; s/ && /, /' example >commands
	while read -r command; do
		grep -F "step '$command'" "$srcdir/$1" && continue
		echo "$1 has no step '$command'"
		return 1
	done <commands
}

# is_printed_by COMMAND...: the example, except its own commands, is the output.
is_printed_by() {
	hold_as_shown || return
	"$@" >out 2>&1
	stop
	grep -v '^\$ ' example | normalise | absolute | without_proc >wanted
	normalise <out | absolute | diff wanted -
}

# Without the proc(5) of Linux the tools print only the PID of a process.
without_proc() {
	if calls fdopendir; then
		cat
	else
		sed -E 's/(PID N): [^()]*\([^()]*\), (running )?for T/\1/g
			s/(PID N): [^()]*\([^()]*\)/\1/g'
	fi
}

# script FILE: runs without an error.  If it takes no lock, its files are held.
script() {
	case $text in
	*lf-acquire*) ;;
	*)
		locks | grep . >held || echo run/app.lock >held
		while read -r path; do
			hold lf-acquire "$path" cmd || return
			case $text in
			*'lf-check -p'*) has_known_holder ;;
			*OFDLCK*) has_description_lock "$path" ;;
			esac || return
		done <held ;;
	esac
	# The example waits until the job ends.
	case $text in *'lf-check '*'-t 600 '*) echo >&4 ;; esac
	timeout 60 sh "./$1" >out 2>err </dev/null
	status=$?
	cat out err
	if [ "$status" != 0 ]; then
		echo "exit status $status"
		return 1
	fi
	case $text in
	*'echo "'* | *fdinfo*)
		if [ ! -s out ]; then
			echo 'printed nothing'
			return 1
		fi ;;
	esac
	[ ! -s err ] && all_ran && all_free
}

# The unit is valid, and its command works.
service() {
	sed -n 's/^ExecStart=//p' example >job && script job || return
	command -v systemd-analyze || return 0
	sed "s#=lf-acquire#=$(command -v lf-acquire)#" example >job.service
	systemd-analyze verify ./job.service >verified 2>&1
	cat verified && [ ! -s verified ]
}

# Fails unless every job of the example ran.
all_ran() {
	for job in $(stand_ins); do
		if ! grep -Fx "$job" "$jobs"; then
			echo "$job did not run"
			return 1
		fi
	done
}

# Waits until every lock is free: a process in the background may have it.  The
# example may have killed the holder, which then does not read the FIFO.
all_free() {
	case $text in *'kill $'*) ;; *) stop ;; esac
	for lock in $(locks); do
		timeout 60 lf-acquire -w "$lock" true || return
	done
}

# --- Programs in C

# compile FILE: with the warnings that a reader of the manual may have.
compile() {
	cc -Wall -Wextra -Werror -o program "$1" -llockfile-fcntl
}

program() {
	compile "$dir/program.c" && timeout 60 ./program </dev/null && all_free
}

python_program() {
	needs python3 || return
	[ -e "$top/lib/.libs/liblockfile-fcntl.so.0" ] ||
		skip 'no shared library is built' || return
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$srcdir/python \
		timeout 60 python3 example && all_free
}

unit() {
	cp example unit.c && echo 'int main(void) { return 0; }' >>unit.c &&
		compile unit.c
}

# A fragment starts with a held lock unless it acquires one itself.
fragment() {
	case $text in
	*lf_acquire* | *lf_start* | *lf_check*) first=0 ;;
	*) first='lf_acquire(&lock, path, 0, 0)' ;;
	esac
	cat >fragment.c <<-END
		#include <errno.h>
		#include <fcntl.h>
		#include <lockfile-fcntl.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		struct lf_lock *lock;
		const char *path = "run/app.lock";
		#define prepare() puts("prepared")
		#define report() puts("reported")
		static int fragment(void)
		{
		$text
			return 0;
		}
		int main(void)
		{
			int rc = $first;
			if (rc == 0)
				rc = fragment();
			if (lock)
				lf_release(&lock);
			return rc != 0;
		}
	END
	compile fragment.c && timeout 60 ./program </dev/null && all_free
}

# The example builds the program of an earlier example.
builds_the_last_program() {
	name=$(echo "$text" | grep -oE '[a-z]+\.c' | head -n 1)
	case $text in *pkg-config*) needs pkg-config || return ;; esac
	case $text in
	*-static*)
		echo 'int main(void) { return 0; }' >empty.c
		[ -f "$top/lib/.libs/liblockfile-fcntl.a" ] &&
			cc -static -o empty empty.c 2>/dev/null ||
			skip 'nothing can be linked statically here' || return ;;
	esac
	relative <"$dir/program.c" >"$name" && sh ./example &&
		timeout 60 "./${name%.c}" </dev/null
}

is_written_by_lf_describe() {
	cat >describe.c <<-'END'
		#include <lockfile-fcntl.h>
		#include <stdio.h>
		static void describe(struct lf_lock **lock)
		{
			char text[99];
			lf_describe(*lock, text, sizeof(text));
			puts(text);
			lf_release(lock);
		}
		int main(void)
		{
			struct lf_lock *lock;
			if (lf_acquire(&lock, "run/app.lock", 0, 0) == 0)
				describe(&lock);
			if (lf_start(&lock, "run/app.lock", 0) == 0)
				describe(&lock);
			return 0;
		}
	END
	compile describe.c && ./program | diff example -
}

# --- /proc/locks

# The example shows a holder and a waiter.
is_in_proc_locks() {
	sed_locks example >wanted
	hold lf-acquire run/app.lock cmd &&
		has_description_lock run/app.lock || return
	inode=$(stat -c %i run/app.lock)
	lf-acquire -w run/app.lock cmd &
	eventually are_listed
	listed=$?
	stop
	cat is
	return $listed
}

are_listed() {
	grep ":$inode " /proc/locks >is
	sed_locks is | diff wanted - >/dev/null
}

sed_locks() {
	sed -E 's/^[0-9]+: //; s/[0-9a-f]+:[0-9a-f]+:[0-9]+/FILE/
		s/ [0-9]{2,} / PID /; s/ +/ /g' "$1" | sort -u
}

# --- Rows with a command of another program and one of ours

# Both commands have the same outcome: where the lock is free, where it is held,
# and where it is shared.  The holder is of the same kind as the command.
is_equivalent() {
	theirs=$(sed -n 1p example) ours=$(sed -n 2p example)
	needs "${theirs%% *}" || return
	case $theirs in
	*check*) places='held free' ;;
	*--version | *--help | *' -u 9' | *-remove*) places=free ;;
	dotlockfile* | *--fcntl*) places='free held' ;;
	*) places='free held shared' ;;
	esac
	for command in "$theirs" "$ours"; do
		for place in $places; do
			case $place in shared) needs_shared_locks || return ;; esac
			outcome || return
		done >outcomes.new
		sed 's/^/outcome: /' outcomes.new
		# The first place is one in which both succeed.
		sed 1q outcomes.new | grep -q 'status 0' || return
		[ "$command" = "$ours" ] || mv outcomes.new outcomes.theirs
	done
	diff outcomes.theirs outcomes.new && waits_as_long
}

# outcome: prints that of $command in $place.  In a shell of its own, which stops
# its holders however it ends.
outcome() (
	holding=0 waited=''
	trap stop EXIT
	rm -rf row && mkdir row && cd row && : >"$jobs" || exit
	hold_in_place >&2 || exit
	case $command in
	*' 9') script="exec 9>>F && $command" ;;
	*) script=$command ;;
	esac
	{
		facts=1 timeout 60 sh -c "$script"
		echo $? >ended
	} >out 2>&1 </dev/null &
	case $place:$command in
	free:*) wait $! ;;
	*:*' -r 0 '* | *:flock* | *check* | *:lf-*)
		eventually waits_or_ended >&2 || exit
		[ -e ended ] || waited='waits, ' ;;
	*) waited='waits, ' ;; # dotlockfile polls, which the kernel does not list
	esac
	runs=$(wc -l <"$jobs")
	stop
	echo "$place: $waited$(status), runs: $runs, then $(wc -l <"$jobs")"
	[ "$place" != free ] || findings
)

hold_in_place() {
	case $place:$command in
	held:flock*--fcntl*) hold flock --fcntl F cmd ;;
	held:flock*) hold flock F cmd ;;
	shared:flock*) hold flock -s F cmd ;;
	held:dotlockfile*) hold dotlockfile -P F cmd ;;
	held:lockfile-check*-l*) lockfile-create -l F ;;
	held:lockfile-check*) lockfile-create F ;;
	held:lf-check*)
		case $theirs in
		*' -l '*) hold lf-acquire F cmd ;;
		*) hold lf-acquire F.lock cmd ;;
		esac ;;
	held:*) hold lf-acquire -k F cmd ;; # --fd keeps the file, too
	shared:*) hold lf-acquire -k -s F cmd ;;
	esac
}

# The kernel lists a waiter with its file.
waits_or_ended() {
	if [ ! -r /proc/locks ]; then
		skip 'needs /proc/locks, to see a waiter'
		exit 1
	fi
	[ -e ended ] ||
		grep -Eq -e "-> .*:$(stat -c %i F) " /proc/locks
}

# A refusal has status 75 in lf-acquire, 1 in lf-check, and any in the others,
# unless the row sets it by -E.
status() {
	read -r number <ended
	case $number:$command in
	*:*' -E '*) echo "status $number" ;;
	75:lf-acquire* | 1:lf-check*) echo refused ;;
	0:* | *:lf-*) echo "status $number" ;;
	*) echo refused ;;
	esac
}

# What the job found, and whether the program printed something.
findings() {
	case $theirs in
	*' -c '*) grep -v child facts ;; # its parent is the shell
	*--verbose*) cat facts && [ -s out ] && echo 'prints something' ;;
	flock*cmd*) cat facts ;;
	*' -p '*) grep -e F -e PID facts ;;
	*cmd*) grep F facts ;;
	esac
	return 0
}

# The waits of dotlockfile and lockfile-create between two attempts are counted,
# not slept.
waits_as_long() {
	seconds=$(echo "$ours" | sed -n 's/.* -t \([0-9]*\) .*/\1/p')
	case $theirs in
	flock*)
		[ "$seconds" = \
			"$(echo "$theirs" | sed -n 's/.* -w \([0-9]*\) .*/\1/p')" ] ;;
	*)
		[ -n "$seconds" ] || return 0
		needs strace || return
		strace -o /dev/null true || skip 'strace may not trace here' || return
		mkdir slept && cd slept && dotlockfile F && dotlockfile F.lock || return
		strace -f -o trace -e trace=nanosleep,clock_nanosleep \
			-e inject=nanosleep,clock_nanosleep:retval=0 \
			timeout 60 sh -c "$theirs"
		slept=$(grep -oE 'tv_sec=[0-9]+' trace |
			awk -F = '{ n += $2 } END { print n + 0 }')
		echo "$theirs sleeps for $slept seconds in all"
		[ "$slept" = "$seconds" ] ;;
	esac
}

# --- All of them

# The answer was that the list of locks changed too much, as on a busy machine.
is_unclear() {
	grep -qE 'changed too much|there may be more holders' "$dir/output"
}

set_up_for_all
extract_from_readme "$srcdir/README"
for page in "$srcdir"/doc/*.[1-9]; do
	extract_from_page "$page"
done
for file in "$dir"/examples/*; do
	number=$((number + 1))
	name="$(basename "$file" | sed 's/:0*/ line /'): $(
		sed '/^#/d; /^$/d' "$file" | sed q)"
	attempts=0
	while
		stop
		rm -f "$dir/skip"
		set_up "$file"
		try >"$dir/output" 2>&1
		result=$?
		attempts=$((attempts + 1))
		[ "$result" != 0 ] && [ "$attempts" -lt 3 ] && is_unclear
	do :; done
	if [ "$result" = 0 ]; then
		echo "ok $number - $name"
	elif [ -f "$dir/skip" ]; then
		echo "ok $number # SKIP $name: $(cat "$dir/skip")"
	else
		failed=1
		echo "not ok $number - $name"
		sed 's/^/# /' "$dir/output"
	fi
	stop
done
echo "1..$number"
exit $failed
