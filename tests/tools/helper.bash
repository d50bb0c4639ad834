# SPDX-License-Identifier: 0BSD
# shellcheck shell=bash disable=SC2034,SC2154 # set for the tests, and by run
# What the tests of the tools share.
#
# No test relies on time passing.  A holder reports through a FIFO that it has the
# lock, and ends when another FIFO is written to; a waiter waits when the kernel
# lists it.  What has to be checked again and again is checked a limited number of
# times, so that a failure does not hang.
#
# teardown stops every process started here by its PID.  Descriptor 3 belongs to
# bats: a process that stays behind must not have it open.

bats_require_minimum_version 1.5.0

# About a minute, at the pace of pause.
looks=3000

# What a holder runs; short, as the tools show only the start of it.
# shellcheck disable=SC2016 # expanded by sh
holding='echo $$ >"$locked"; read -r s <"$end"; exit $s'

setup() {
	unset POSIXLY_CORRECT
	LC_ALL=C
	export LC_ALL
	umask 022
	# The directory above contains files of bats.
	mkdir "$BATS_TEST_TMPDIR/work" && cd "$BATS_TEST_TMPDIR/work" || return
	lock=$PWD/lock
	started=()
	arguments=()
	declare -gA locked_fd=() end_fd=()
	channel "$BATS_TEST_TMPDIR/never"
	never=$fd
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || show_files
	end_started
}

# The first lines of each text file that a test that failed has left.
show_files() {
	[[ $PWD == "$BATS_TEST_TMPDIR"/* || $PWD == "${public:-/no public}"* ]] ||
		return 0
	find . -type f -size -64k ! -empty -exec grep -HIm 8 '' {} + 2>/dev/null |
		cut -c -300 | head -n 60
}

# The end of an lf-acquire alone would leave its COMMAND behind.
end_started() {
	local pid children

	for pid in "${started[@]}"; do
		children=()
		{ read -ra children <"/proc/$pid/task/$pid/children"; } \
			2>/dev/null || :
		kill -CONT "$pid" 2>/dev/null || :
		kill -KILL "$pid" "${children[@]}" 2>/dev/null || :
	done
	wait
	if [ -n "${public-}" ]; then
		cd / && rm -rf "$public"
	fi
}

# --- Checking again and again

# Between two checks; no test relies on how long it takes.  What a test writes to this
# FIFO may be read here.
pause() {
	read -r -t 0.02 -u "$never" _ || :
}

# eventually COMMAND...: until COMMAND succeeds; fails if it never does.
eventually() {
	local look

	for ((look = 0; look < looks; look++)); do
		if "$@"; then
			return 0
		fi
		pause
	done
	echo "in vain: $*" >&2
	return 1
}

# run_clear COMMAND...: as run, again while lf-check answers "unknown": on a busy machine
# the list of locks may change too much.
run_clear() {
	eventually is_clear "$@"
}

is_clear() {
	run "$@"
	[ "$status" -ne 2 ] || [[ $output != *"changed too much"* ]]
}

# The letter that ps(1) shows: R, S, T, Z ...; nothing if the process is gone.
state_of() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	echo "${stat%% *}"
}

# An orphan stays a zombie where the first process does not reap it.
is_gone() {
	[[ $(state_of "$1") == [ZX]* || -z $(state_of "$1") ]]
}

is_asleep() {
	[ "$(state_of "$1")" = S ]
}

is_stopped() {
	[ "$(state_of "$1")" = T ]
}

is_not_stopped() {
	[ "$(state_of "$1")" != T ]
}

# "-> POSIX ADVISORY WRITE PID": the process is blocked by a record lock.
is_queued() {
	grep -Eq -- "-> +POSIX +ADVISORY +(WRITE|READ) +$1 " /proc/locks
}

is_queued_or_gone() {
	is_queued "$1" || is_gone "$1"
}

# waits_for FILE: a process is blocked by a record lock of it.
waits_for() {
	grep -Eq -- "-> .*:$(stat -c %i "$1") " /proc/locks
}

# queued PID: until it waits for a lock; fails if it ended instead.  Once is
# enough: reading /proc/locks again may miss its line.
queued() {
	eventually is_queued_or_gone "$1" && ! is_gone "$1"
}

# --- Processes in the background

# start COMMAND...: its PID is $pid.
start() {
	"$@" 3>&- &
	pid=$!
	started+=("$pid")
}

# finish PID: until it has ended; its status is $status.
finish() {
	local one rest=()

	eventually is_gone "$1" || return
	status=0
	wait "$1" || status=$?
	for one in "${started[@]}"; do
		[ "$one" = "$1" ] || rest+=("$one")
	done
	started=("${rest[@]}")
}

# ends_by SIGNAL: it is sent to $pid, which ends by it.
ends_by() {
	kill -"$1" "$pid"
	finish "$pid"
	equal "$status" $((128 + $(kill -l "$1")))
}

# channel PATH: a FIFO that can be written and read at any time, as $fd.
channel() {
	mkfifo "$1" && exec {fd}<>"$1"
}

# next FD: reads the next line of the channel into $line.
next() {
	read -r -t 60 -u "$1" line
}

# begin PROGRAM [OPTION]... LOCKFILE: starts $holder, which holds the lock once it
# gets it.
begin() {
	local n=${#locked_fd[@]} locked end locked_is end_is

	locked=$BATS_TEST_TMPDIR/locked.$n
	end=$BATS_TEST_TMPDIR/end.$n
	channel "$locked" || return
	locked_is=$fd
	channel "$end" || return
	end_is=$fd
	export locked end
	start "$@" sh -c "$holding" "${arguments[@]}"
	export -n locked end
	holder=$pid
	locked_fd[$pid]=$locked_is
	end_fd[$pid]=$end_is
}

# holds PID: until it has the lock; the PID of its COMMAND is $command.
holds() {
	local line

	next "${locked_fd[$1]}" || return
	command=$line
	[ "$command" = "$1" ] || started+=("$command")
}

# has_not_locked PID: it has not reported the lock up to now.
has_not_locked() {
	! read -r -t 0 -u "${locked_fd[$1]}"
}

# hold PROGRAM [OPTION]... LOCKFILE: $holder has the lock and runs $command.
hold() {
	begin "$@" && holds "$holder"
}

# let_end PID [STATUS]: its COMMAND ends.
let_end() {
	echo "${2:-0}" >&"${end_fd[$1]}"
}

# release PID [STATUS]: until it has ended; its status is $status.
release() {
	let_end "$@" && finish "$1"
}

# kill_holder: kill -9 of $holder, which leaves its COMMAND.
kill_holder() {
	kill -KILL "$holder"
	finish "$holder"
}

# queue COMMAND...: starts $pid, which waits for a lock.
queue() {
	start "$@" && queued "$pid"
}

# queue_holder PROGRAM [OPTION]... LOCKFILE: starts $holder, which waits for the
# lock.
queue_holder() {
	begin "$@" && queued "$holder"
}

# asking PID: until the child by which it asks whether the lock is its caller's has
# stopped in the middle of the question, as $child.
asking() {
	eventually has_stopped_child "$1" || return
	started+=("$child")
}

has_stopped_child() {
	child=$(children "$1")
	[ -n "$child" ] && is_stopped "$child"
}

# Those that have ended, and nothing has waited for, too.
children() {
	cat "/proc/$1/task/"*/children 2>/dev/null | tr -d ' '
}

has_no_child() {
	[ -z "$(children "$1")" ]
}

# begin_lease yield|keep [FILE]: a write lease on it, given up a while after it has
# been asked for, or kept.
begin_lease() {
	need python3
	mkfifo leased
	start python3 -c '
import fcntl, os, signal, sys
try:
    fd = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
    fcntl.fcntl(fd, 1024, fcntl.F_WRLCK)
    said = "yes"
except OSError as error:
    said = str(error)
open("leased", "w").write(said)
signal.sigwait([signal.SIGIO])
if sys.argv[1] == "keep":
    signal.pause()
fcntl.fcntl(fd, 1024, fcntl.F_UNLCK)
' "$1" "${2:-lock}"
	read -r said <leased || :
	rm leased
	[ "$said" = yes ] || skip "no lease: $said"
}

# --- What a test needs

# need COMMAND...
need() {
	local tool

	for tool; do
		type -P "$tool" >/dev/null || skip "$tool is not installed"
	done
}

need_proc_locks() {
	[ -r /proc/locks ] || skip "needs /proc/locks, to see waiters"
}

# The root of a chroot is often a directory inside a mount, which the kernel does not
# list there.
need_listed_mount() {
	local key id=

	[ -r /proc/self/mountinfo ] || skip "needs mountinfo of proc(5)"
	while read -r key id; do
		[ "$key" != mnt_id: ] || break
	done <"/proc/self/fdinfo/9"
	grep -q "^$id " /proc/self/mountinfo ||
		skip "needs to see the mount of $PWD in mountinfo"
} 9<.

# calls FUNCTION: whether lf-acquire takes it from the C library.  A table of names
# may contain one name as the end of another.
calls() {
	tr '\0' '\n' <"$(type -P lf-acquire)" |
		grep -Ex "$1(64)?(@.*)?" >/dev/null
}

# A signal that is ignored here is ignored by every process started here: HUP
# under nohup, INT and QUIT in the background of a script.
need_signals() {
	local ignored signal

	ignored=$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status)
	for signal; do
		[ $((0x${ignored:-0} >> ($(kill -l "$signal") - 1) & 1)) -eq 0 ] ||
			skip "SIG$signal is ignored here, as under nohup or in the background"
	done
}

# lockf(3) finds out whether a lock is held, never its holder.
need_holders_with_names() {
	if calls lockf; then
		skip "built with lockf, which cannot name a holder"
	fi
}

# It has no shared locks either.
need_shared_locks() {
	if calls lockf; then
		skip "built with lockf, which has exclusive locks only"
	fi
}

has_threads() {
	calls pthread_setcanceltype
}

need_threads() {
	has_threads || skip "built without threads"
}

reads_proc() {
	calls fdopendir
}

# For facts about the holder besides its PID.
need_proc() {
	reads_proc || skip "built without Linux's proc(5)"
}

need_tables() {
	! lf-check --help | grep -q 'Built without libsmartcols' ||
		skip "built without libsmartcols"
}

# For holders and waiters as the kernel lists them.
need_inspection() {
	need_proc_locks
	need_holders_with_names
	need_proc
}

# Without the mark of presence, removing the file loses the order of the queue.
need_flock() {
	calls flock || skip "built without flock"
}

# A lock of a process is not inherited, and any close drops it.  The holder shows
# which it is: that COMMAND inherits it is for a test to find out.
# shellcheck disable=SC2016 # expanded by sh
need_locks_of_descriptors() {
	lf-acquire probe sh -c 'cat /proc/$PPID/fdinfo/*; :' >fdinfo 2>/dev/null
	grep -q '^lock:.*OFDLCK' fdinfo ||
		skip "needs locks of an open file description"
}

# $public: a directory that every user can reach, with the tools in it.  That of
# bats belongs to its owner alone.
need_public_directory() {
	local tools

	public=$(mktemp -d "${TMPDIR:-/tmp}/lf-test.XXXXXX")
	chmod 755 "$public"
	tools=$public/bin
	mkdir "$tools"
	cp "$(type -P lf-acquire)" "$(type -P lf-check)" "$tools"
	chmod 755 "$tools" "$tools"/*
	cd "$public" || return
	PATH=$tools:$PATH
	unprivileged lf-check --version >/dev/null 2>&1 ||
		skip "an ordinary user cannot run the tools from $tools"
}

nobody=65534

# as USER COMMAND...: by root.
as() {
	setpriv --reuid="$1" --regid="$1" --clear-groups -- "${@:2}"
}

# unprivileged COMMAND...: as an ordinary user.
unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		as "$nobody" "$@"
	else
		"$@"
	fi
}

need_unprivileged() {
	[ "$(id -u)" -ne 0 ] || need setpriv
	unprivileged true || skip "cannot become an ordinary user"
	need_public_directory
}

need_dev_full() {
	[ -c /dev/full ] || skip "needs /dev/full"
}

# Tools with system calls that fail, which are not installed.
need_faults() {
	type -P faulty-acquire >/dev/null ||
		skip "needs faulty-acquire, which is in the build directory only"
}

need_strace() {
	need strace
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	# A leak sanitizer cannot work below strace.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

# make_socket NAME
make_socket() {
	need perl
	perl -MSocket -e '
		socket(S, AF_UNIX, SOCK_STREAM, 0) &&
			bind(S, sockaddr_un($ARGV[0])) or die "$!"' "$1" ||
		skip "cannot make a socket here"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs to be root, to hold as another user"
	need_unprivileged
}

# --- What is expected

# A failed check of bats shows little; these show both sides.
equal() {
	[ "$1" = "$2" ] && return
	printf 'is:     %s\nwanted: %s\n' "$1" "$2" >&2
	return 1
}

like() {
	[[ $1 =~ $2 ]] && return
	printf 'is:           %s\nwanted, like: %s\n' "$1" "$2" >&2
	return 1
}

# begins TEXT START
begins() {
	[[ $1 == "$2"* ]] && return
	printf 'is:                %s\nwanted, to begin: %s\n' "$1" "$2" >&2
	return 1
}

absent() {
	[ ! -e "$1" ] && [ ! -L "$1" ] && return
	echo "is there: $(ls -ld "$1")" >&2
	return 1
}

present() {
	[ -f "$1" ] && return
	echo "is not there: $1" >&2
	return 1
}

held() {
	lf-check -q "$1" && return
	echo "is not held: $1" >&2
	return 1
}

free() {
	local rc=0

	lf-check -q "$1" || rc=$?
	[ "$rc" -eq 1 ] && return
	echo "is not free: $1" >&2
	return 1
}

# process PID COMMAND: as the tools print it.  Of "lf-acquire -k lock backup" they
# print what runs under the lock.
process() {
	local command=$2 by=
	local under='^lf-acquire (-[^ ]*[aNtmE] [^ ]+ |-[^ ]+ )*[^ ]+ (.*)'

	if [[ $2 =~ $under ]]; then
		command=${BASH_REMATCH[2]}
		by='lf-acquire, '
	fi
	if reads_proc; then
		echo "PID $1: $command ($by$(user_of "$1"))"
	else
		echo "PID $1"
	fi
}

# names_holder TEXT PATH PID COMMAND [MORE]: the message of lf-acquire about a held
# lock, with MORE after what lf-check shows of the holder.
names_holder() {
	local start

	start="lf-acquire: $2: held by $(process "$3" "$4")"
	begins "$1" "$start" || return
	like "${1#"$start"}" "^(, shared)?(, (running )?for [0-9a-z ]+)?${5-}\$"
}

# reports PATH LINE...: by lf_inspect(), held.  The kernel's list may miss a line
# now and then.
reports() {
	local path=$1 wanted look

	need_inspection
	shift
	wanted=$(printf '%s\n' "$@")
	for ((look = 0; look < 100; look++)); do
		run -1 report "$path"
		[ "$output" != "$wanted" ] || return 0
	done
	equal "$output" "$wanted"
}

# no_failures COMMAND...: it ends with a row of the table of tests/trust/run; no row has
# failures, and none is without runs.
no_failures() {
	local line

	run "$@"
	echo "$output"
	equal "$status" 0
	[[ ! $output =~ ': not run, '([^|]*) ]] || skip "${BASH_REMATCH[1]}"
	begins "${lines[-1]}" 'row|'
	for line in "${lines[@]}"; do
		[[ $line != 'row|'* ]] || like "$line" '^row\|.*\|[1-9][0-9]*\|0$'
	done
}

# Everything that a tool might change, the atime as well.
facts() {
	stat -c '%n %i %h %f %u %g %s %x %y %z' "$@"
}

# user_of PID
user_of() {
	local uid

	uid=$(stat -c %u "/proc/$1")
	id -nu "$uid" 2>/dev/null || echo "$uid"
}

# --- --help and --version

answers_help_and_version() {
	local option

	for option in -h --help; do
		run -0 --separate-stderr "$1" "$option"
		begins "$output" "Usage: $1 "
		equal "$stderr" ""
	done
	for option in -V --version; do
		run -0 --separate-stderr "$1" "$option"
		like "$output" "^$1 \\(liblockfile-fcntl\\) [0-9]+\\.[0-9]"
		equal "${#lines[@]}" 1
		equal "$stderr" ""
	done
}

# help_names TOOL TEXT...
help_names() {
	local text

	run -0 "$1" --help
	for text in "${@:2}"; do
		[[ $output == *"$text"* ]] || equal "$output" "... $text"
	done
}

# shellcheck disable=SC2016 # expanded by the sh that is run
needs_standard_output() {
	local option

	need_dev_full
	for option in --help --version; do
		run -71 sh -c '"$1" "$2" >/dev/full' sh "$1" "$option"
		like "$output" "^$1: standard output: "
		run -71 sh -c '"$1" "$2" >&-' sh "$1" "$option"
	done
}
