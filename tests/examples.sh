#!/bin/sh
# Every example in README and in the manual pages does what it is there for.
#
# An example is a block of README indented by four blanks or more, a display of
# a page by ".Bd -literal" or ".Dl", or a row of a table or an item of a list that
# begins with a command of another program and goes on with one of ours.  They are
# taken from there as they are; what is done with one depends on what it looks
# like, see try.  One that looks like nothing known fails.
#
# Each has a directory of its own, where its absolute paths become relative.
# The jobs that it names there are stand-ins, which write down that they ran.

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
# Nothing here takes so long, unless it waits for ever.
command -v timeout >/dev/null || timeout() { shift && "$@"; }

trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM

# --- The examples: each becomes a file PAGE:LINE

of_readme() {
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

of_page() {
	awk -v to="$dir/examples/$(basename "$1")" '
		function plain(text) {
			sub(/^\\&/, "", text)
			gsub(/\\-/, "-", text)
			gsub(/\\e/, "\\", text)
			return text
		}
		/^\.Bd -literal/ { file = sprintf("%s:%04d", to, NR); next }
		/^\.Ed/ { file = ""; next }
		file { print plain($0) >file }
		/^\.Dl / {
			line = sprintf("%s:%04d", to, NR)
			sub(/^\.Dl /, "")
			print plain($0) >line
		}
		/^\.It Li .* Ta Li lf-/ {
			row = sprintf("%s:%04d", to, NR)
			gsub(/"/, "")
			sub(/^\.It Li /, "")
			sub(/ Ta Li /, "\n")
			print plain($0) >row
			next
		}
		/^\.Li lf-/ && item {
			row = sprintf("%s:%04d", to, NR - 1)
			print plain(item) >row
			print plain(substr($0, 5)) >row
		}
		{ item = /^\.It Li / ? substr($0, 8) : "" }' "$1"
}

# --- Its surroundings

here() {
	sed -E "s#(^|[^A-Za-z0-9_./])/(run|usr/local|var|etc)\>#\1\2#g"
}

as_printed() {
	sed -E "s#(^|[ '(])(run|usr/local|var|etc)/#\1/\2/#g"
}

# What differs from run to run, and where a long line is folded.
alike() {
	sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | tr -s ' \t\n' ' ' |
		sed -E 's/(READ|WRITE) [0-9]+ [^ ]+/\1 N U/g
			s/PID [0-9]+/PID N/g; s/user [^ ,]+/user U/g
			s/ \(try as root\)//g; s/ $//
			s/(locked|running for) [0-9]+ [a-z]+( [0-9]+ [a-z]+)?/\1 T/g
			s/[-0-9]{10}T[:0-9]{8}[-+:0-9]{6}/DATE/g'
}

locks() {
	grep -oE 'run/[a-z]+\.lock' example | sort -u
}

stand_ins() {
	grep -oE 'usr/local/s?bin/[a-z]+' example | sort -u
}

surroundings() {
	rm -rf "$dir/here" "$jobs"
	mkdir -p "$dir/here" && cd "$dir/here" || exit 99
	mkdir -p run var/lib/dpkg usr/local/bin usr/local/sbin etc
	echo content >etc/file
	: >"$jobs"
	here <"$1" >example
	chmod +x example # a script may run itself
	for job in $(stand_ins); do
		cp "$dir/bin/cmd" "$job"
	done
}

once_for_all() {
	mkdir "$dir/bin" "$dir/examples"
	# In $stay is a FIFO to wait at.
	cat >"$dir/bin/cmd" <<-'END'
		#!/bin/sh
		echo "$0" >>"$jobs"
		[ -z "${facts-}" ] || {
			grep -qxE 'flock|lf-acquire' "/proc/$PPID/comm" &&
				echo 'is a child of it'
			for fd in /proc/$$/fd/*; do
				[ "$fd" -ef F ] && echo 'has a descriptor'
			done | sort -u
			cat F >../content
		} >facts 2>/dev/null
		[ -z "$stay" ] || read -r line <"$stay"
	END
	# The compiler and the library are those of the build.
	cat >"$dir/bin/cc" <<-END
		#!/bin/sh
		exec ${CC:-cc} $CFLAGS -I'$srcdir/lib' "\$@" -L'$top/lib/.libs'
	END
	chmod 755 "$dir/bin/cmd" "$dir/bin/cc"
}

# hold COMMAND...: in the background, until stop; it has the lock when its
# stand-in says so.
hold() {
	if [ "$holding" = 0 ]; then
		rm -f "$dir/stay" "$dir/said"
		mkfifo "$dir/stay" "$dir/said" || exit 99
		exec 4<>"$dir/stay" 5<>"$dir/said"
	fi
	holding=$((holding + 1))
	{
		stay=$dir/stay jobs=$dir/said "$@"
		echo 'nobody, it has ended' >&5
	} >>held.out 2>&1 &
	read -r said <&5
	case $said in nobody*) return 1 ;; esac
}

stop() {
	for line in $(seq "$holding"); do
		echo "$line" >&4
	done
	holding=0
	wait
}

is_named() {
	pid=$(lf-check -p "$path")
	[ -n "$pid" ] || skip 'this build cannot tell who holds a lock'
}

# Unless it needs no shared locks, or there are some.
can_share() {
	case $1 in *lf-acquire*' -s '*) ;; *) return 0 ;; esac
	lf-acquire -s probe true 2>/dev/null ||
		skip 'this build has no locks that can be shared'
}

# By an open file description, as /proc shows; a look may miss a line.
is_kept() {
	for look in 1 2 3 4 5; do
		grep "OFDLCK.*:$(stat -c %i "$1") " /proc/locks && return
	done
	skip 'needs /proc/locks and locks of open file descriptions'
}

# can_be_had TEXT: what this build cannot have by its nature is skipped.
can_be_had() {
	case $1 in
	*'FLOCK  ADVISORY'*)
		calls flock || skip 'built without flock' ;;
	*lf_adopt* | *'exec 9'* | *' -f 9'*)
		is_of_descriptors ||
			skip 'needs locks of an open file description' ;;
	*lf-check*'| jq '* | *'lf-check -'[lJ]*)
		if lf-check --help | grep 'Built without'; then
			skip 'needs libsmartcols' || return
		fi
		case $1 in *' jq '*) needs jq || return ;; esac
		calls fdopendir || skip 'needs Linux, and its proc(5)' ;;
	*', running for '* | *', locked '*' ago'*)
		calls fdopendir || skip 'needs Linux, and its proc(5)' ;;
	*'lf-acquire '*'-s '*)
		lf-acquire -s run/probe.lock true 2>/dev/null ||
			skip 'needs locks that can be shared' ;;
	esac
}

is_of_descriptors() {
	(exec 9>>run/probe.lock && lf-acquire -f 9 && rm run/probe.lock) \
		2>/dev/null
}

# queue COMMAND...: the same, of one that waits for $path.
queue() {
	queued=$((queued + 1)) holding=$((holding + 1))
	stay=$dir/stay jobs=$dir/said "$@" >>held.out 2>&1 &
	for look in $(seq 3000); do
		lf-check "$path" >seen
		[ "$(grep -cE '^  (waiting|then): ' seen)" -lt $queued ] || return 0
		lf-acquire -t 0.02 run/never.lock true
	done
	return 1
}

# hold_as_in TEXT: whatever it says is held or waited for, and how.
hold_as_in() {
	queued=0
	alike <"$1" | tr -d '$' | sed 's/ DATE/&\n/g' | grep -oE \
		'run/[a-z]+\.lock: (free|held[^,$]*)|(and by|waiting:|then:) PID N \([^)]*\)|run/[a-z]+\.lock holder .* DATE' >states
	while read -r state; do
		# shellcheck disable=SC2086 # the words of the command
		case $state in
		'and by PID N ('*) command=${state#*(} && hold ${command%)*} ;;
		'waiting: '* | 'then: '*)
			command=${state#*(} && queue ${command%)*} ;;
		*' holder '[RW]*) path=${state%% *} command=${state#* U } &&
			hold ${command% DATE} && is_named ;;
		*) path=${state%%:*} command=${state#*(} && hold_first ;;
		esac || return
	done <states
	[ -s states ]
}

hold_first() {
	# shellcheck disable=SC2086 # the words of the command
	case $state in
	*': free') ;;
	*'held by PID N (lf-acquire '*) hold ${command%)*} && is_named ;;
	*'held by PID N ('*)
		hold lf-acquire -F "$path" ${command%)*} && is_named ;;
	*) false ;;
	esac
}

# --- What is done with one

try() {
	text=$(cat example)
	can_be_had "$text" || return
	case $text in
	'./bootstrap'*) is_a_step_of tests/fresh-machine ;;
	*'dpkg-buildpackage '*) is_a_step_of tests/fresh-packages ;;
	'flock '* | 'dotlockfile '* | 'lockfile-'*) means_the_same ;;
	'cc '*) builds_the_last_program ;;
	*'int main('*) cp example "$dir/program.c" && program ;;
	'#include '*) unit ;;
	'<'*) is_written_by_lf_describe ;;
	*lf_*'('*';'*) fragment ;;
	*' ADVISORY '*) is_in_proc_locks ;;
	'$ '*) is_answered ;;
	'lf-acquire: run/'*) is_told_by lf-acquire run/backup.lock cmd ;;
	run/*': '*) is_told_by lf-check run/pull.lock run/count.lock ;;
	[*0-9]*' * '*) sed -E 's/^([^ ]+ +){5}//' example >job && script job ;;
	*lf-acquire* | *lf-check* | *fdinfo*) script example ;;
	*) echo 'no rule of tests/examples.sh is for this' && false ;;
	esac
}

# These need a fresh checkout, and more than the time for one test.
is_a_step_of() {
	sed 's/  .*//; s/ && /, /' example >commands
	while read -r command; do
		grep -F "step '$command'" "$srcdir/$1" && continue
		echo "$1 has no step '$command'"
		return 1
	done <commands
}

# script FILE
script() {
	can_share "$text" || return
	case $text in
	*lf-acquire*) ;;
	*)
		for path in $(locks); do
			hold lf-acquire "$path" cmd || return
			case $text in *'lf-check -p'*) is_named || return ;; esac
		done
		case $text in *OFDLCK*) is_kept "$path" || return ;; esac
		locks | grep -q . || hold lf-acquire run/app.lock cmd || return ;;
	esac
	# Who waits for the end of a job is to see it.
	case $text in *'lf-check '*'-t 600 '*) echo >&4 ;; esac
	timeout 60 sh "./$1" >out 2>err </dev/null
	status=$?
	cat out err
	if [ "$status" != 0 ]; then
		echo "its status is $status"
		return 1
	fi
	case $text in
	*'echo "'* | *fdinfo*)
		if [ ! -s out ]; then
			echo 'it has not said what it is to say'
			return 1
		fi ;;
	esac
	[ ! -s err ] && ran && all_free
}

# Every job that it names.
ran() {
	for job in $(stand_ins); do
		if ! grep -Fx "$job" "$jobs"; then
			echo "$job did not run"
			return 1
		fi
	done
}

# It may have been left to a process in the background, or that may be killed.
all_free() {
	case $text in *'kill '*) ;; *) stop ;; esac
	for lock in $(locks); do
		timeout 60 lf-acquire -w "$lock" true || return
	done
}

program() {
	compile "$dir/program.c" && timeout 60 ./program </dev/null && all_free
}

# compile FILE: the warnings are for those who copy it.
compile() {
	cc -Wall -Wextra -Werror -o program "$1" -llockfile-fcntl
}

unit() {
	cp example unit.c && echo 'int main(void) { return 0; }' >>unit.c &&
		compile unit.c
}

# A fragment begins with a lock that is held, unless it takes one.
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

# A line for each command of the text before.
builds_the_last_program() {
	name=$(echo "$text" | grep -oE '[a-z]+\.c' | head -n 1)
	case $text in
	*pkg-config*)
		needs pkg-config || return ;;
	esac
	case $text in
	*-static*)
		echo 'int main(void) { return 0; }' >empty.c
		[ -f "$top/lib/.libs/liblockfile-fcntl.a" ] &&
			cc -static -o empty empty.c 2>/dev/null ||
			skip 'nothing can be linked statically here' || return ;;
	esac
	here <"$dir/program.c" >"$name" && sh ./example &&
		timeout 60 "./${name%.c}" </dev/null
}

# Whether theirs and ours do the same: where the lock is free, is held by another,
# and is held by one who shares it.  Each is tried with a holder of its own kind.
means_the_same() {
	theirs=$(sed -n 1p example) ours=$(sed -n 2p example)
	can_share "$ours" || return
	needs "${theirs%% *}" || return
	case $theirs in
	*--fcntl*)
		flock --help | grep -e --fcntl ||
			skip 'flock(1) has no --fcntl before util-linux 2.41' ||
			return ;;
	esac
	for command in "$ours" "$theirs"; do
		in_a_free_place || return
		case $command in
		*--version | *--help | *'-u -f 9' | *'-u 9') ;;
		*check*) has_nothing_to_find ;;
		*-remove*) ;; # that would remove the lock of another
		*) in_a_held_place && beside_one_who_shares ;;
		esac || return
	done
	diff facts.ours facts.theirs && waits_as_long
}

in_a_free_place() {
	begin free && finish 0 && has_run || return
	case $theirs in
	flock*) facts ;;
	*' -p '*) grep -qxE ' *[0-9]+' content ;;
	esac >"facts.$whose"
}

has_nothing_to_find() {
	begin nothing && finish_not 0
}

in_a_held_place() {
	refused=75
	case $theirs in
	*' -E 9 '*) refused=9 ;;
	esac
	begin held || return
	case $whose:$theirs in
	*:*' -n '* | *:*' -r 0 '* | *:*--nonblock*)
		if [ "$whose" = ours ] || [ "$refused" != 75 ]; then
			finish "$refused"
		else
			finish_not 0
		fi && has_not_run ;;
	ours:* | *:flock*) waits && has_not_run && stop && finish 0 && has_run ;;
	*) stop && finish 0 ;; # it looks again and again: who can see it wait?
	esac
}

beside_one_who_shares() {
	case $theirs in
	flock*--fcntl*) return ;; # what it shares is not told by --help
	flock*' -s '*) begin shared && finish 0 && has_run ;;
	flock*' -n '* | flock*--nonblock*)
		can_share 'lf-acquire -s' && begin shared && finish_not 0 && has_not_run ;;
	flock*)
		can_share 'lf-acquire -s' && begin shared && waits && has_not_run &&
			stop && finish 0 && has_run ;;
	esac
}

# begin free|held|shared|nothing: runs $command there, in the background.
begin() {
	rm -rf row && mkdir row && : >"$jobs" || return
	cd row || return
	whose=theirs
	case $command in lf-*) whose=ours ;; esac
	case $1:$command in
	free:lf-check*F.lock) hold lf-acquire F.lock cmd ;;
	free:lf-check*) hold lf-acquire F cmd ;;
	free:lockfile-check*-l*) lockfile-create -l F ;;
	free:lockfile-check*) lockfile-create F ;;
	held:dotlockfile*) hold dotlockfile -P F cmd ;;
	held:lockfile*F.lock*) hold dotlockfile -P F.lock cmd ;;
	held:lockfile*) hold dotlockfile -P F cmd ;;
	held:flock*--fcntl*) hold flock --fcntl F cmd ;;
	held:flock*) hold flock F cmd ;;
	held:*F.lock*) hold lf-acquire F.lock cmd ;;
	held:*) hold lf-acquire -k F cmd ;; # as all do who use -f
	shared:flock*) hold flock -s F cmd ;;
	shared:*) hold lf-acquire -k -s F cmd ;;
	esac && run_in_background
	begun=$?
	cd ..
	return $begun
}

run_in_background() {
	script=$command
	case $command in *' 9') script="exec 9>>F && $command" ;; esac
	{
		facts=1 timeout 60 sh -c "$script"
		echo $? >ended
	} >../out 2>&1 </dev/null &
	running=$!
}

# Who waits is listed, by the file that it waits for.
waits() {
	[ -r /proc/locks ] || skip 'needs /proc/locks, to see who waits' || return
	for look in $(seq 3000); do
		for file in row/F row/F.lock; do
			[ ! -e "$file" ] || ! grep -Eq -e \
				"-> .*:$(stat -c %i "$file") " /proc/locks || return 0
		done
		[ ! -e row/ended ] || break
	done
	echo "does not wait: $command"
	return 1
}

finish() {
	wait "$running" 2>/dev/null # unless by stop
	stop
	status=$(cat row/ended)
	echo "$whose: $command: status $status, ran: $(cat "$jobs")"
	cat out
	[ "$status" = "$1" ]
}

finish_not() {
	! finish "$1"
}

has_run() {
	case $command in
	*cmd*) [ -s "$jobs" ] ;;
	esac
}

has_not_run() {
	[ ! -s "$jobs" ]
}

# What the job saw: whether the program is its parent, and whether it has a
# descriptor of the file; and whether the program says anything.
facts() {
	case $theirs in
	*' -c '*) grep -v child row/facts ;; # that is the shell
	*--verbose*) cat row/facts && [ -s out ] && echo 'it says something' ;;
	*cmd*) cat row/facts ;;
	esac
}

# The time that they sleep between one try and the next is counted, not slept.
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
		mkdir slept && cd slept || return
		dotlockfile F && dotlockfile F.lock &&
			strace -f -o trace -e trace=nanosleep,clock_nanosleep \
				-e inject=nanosleep,clock_nanosleep:retval=0 \
				timeout 60 sh -c "$theirs"
		slept=$(grep -oE 'tv_sec=[0-9]+' trace |
			awk -F = '{ n += $2 } END { print n + 0 }')
		echo "it sleeps for $slept seconds in all"
		[ "$slept" = "$seconds" ] ;;
	esac
}

is_written_by_lf_describe() {
	echo "$text" | as_printed >wanted
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
	compile describe.c && ./program | as_printed | diff wanted -
}

# "$ COMMAND" and what it answers.
is_answered() {
	sed -n 's/^\$ //p' example >commands
	hold_as_in example || return
	sh ./commands >out 2>&1
	same_as_page out
}

# is_told_by COMMAND...: the text is what it says.
is_told_by() {
	hold_as_in example || return
	"$@" >out 2>&1
	same_as_page out
}

same_as_page() {
	grep -v '^\$ ' example | alike | as_printed | as_told >wanted
	alike <"$1" | as_printed >is
	stop
	diff wanted is
}

# A holder and one who waits, as the kernel shows them.
is_in_proc_locks() {
	hold lf-acquire run/app.lock cmd && is_kept run/app.lock || return
	inode=$(stat -c %i run/app.lock)
	lf-acquire -w run/app.lock cmd &
	for look in $(seq 3000); do
		grep ":$inode " /proc/locks >is
		[ "$(wc -l <is)" -lt "$(wc -l <example)" ] || break
		lf-acquire -t 0.02 run/never.lock true
	done
	stop
	echo "after $look looks:"
	cat is
	for file in example is; do
		sed -E 's/^[0-9]+: //; s/[0-9a-f]+:[0-9a-f]+:[0-9]+/FILE/
			s/ [0-9]{2,} / PID /; s/ +/ /g' $file | sort -u >$file.alike
	done
	diff example.alike is.alike
}

# Built without what Linux tells of a process, the tools know but its PID.
as_told() {
	if calls fdopendir; then
		cat
	else
		sed -E 's/ \([^()]*\), user U//g'
	fi
}

# calls FUNCTION: whether lf-acquire has it from the C library.
calls() {
	tr '\0' '\n' <"$(command -v lf-acquire)" |
		grep -Ex "$1(64)?(@.*)?" >/dev/null
}

# needs COMMAND
needs() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

skip() {
	echo "$*" >"$dir/skip"
	return 1
}

# --- All of them

once_for_all
of_readme "$srcdir/README"
for page in "$srcdir"/doc/*.[1-9]; do
	of_page "$page"
done
for file in "$dir"/examples/*; do
	number=$((number + 1))
	what="$(basename "$file" | sed 's/:0*/ line /'): $(
		sed '/^#/d; /^$/d' "$file" | sed q)"
	rm -f "$dir/skip"
	surroundings "$file"
	if try >"$dir/log" 2>&1; then
		echo "ok $number - $what"
	elif [ -f "$dir/skip" ]; then
		echo "ok $number # SKIP $what: $(cat "$dir/skip")"
	else
		failed=1
		echo "not ok $number - $what"
		sed 's/^/# /' "$dir/log"
	fi
	stop
done
echo "1..$number"
exit $failed
