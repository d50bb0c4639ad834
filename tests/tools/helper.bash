# shellcheck shell=bash disable=SC2034 # set for the tests
# What the tests of the tools share.
#
# Nothing here relies on time passing.  A holder says through a FIFO that it has
# the lock and is told through another to end; a waiter is known to wait when
# the kernel shows it; what has to be looked at again and again is looked at a
# limited number of times, so that a failure does not hang.
#
# Every process started here is stopped by its PID in teardown.  Descriptor 3 is
# bats' own: what stays behind must not have it open.

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
	# bats has files of its own in the directory above.
	mkdir "$BATS_TEST_TMPDIR/work" && cd "$BATS_TEST_TMPDIR/work" || return
	lock=$PWD/lock
	started=()
	arguments=()
	declare -gA locked_fd=() end_fd=()
	channel "$BATS_TEST_TMPDIR/never"
	never=$fd
}

# With the COMMAND of an lf-acquire, which its end alone would leave behind.
teardown() {
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

# --- Looking until it is so

# Between two looks; no test counts on how long it takes.
pause() {
	read -r -t 0.02 -u "$never" _ || :
}

# eventually COMMAND...: fails if COMMAND does not succeed in all those looks.
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

# The letter that ps(1) shows too: R, S, T, Z ...; nothing if it is gone.
state_of() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	echo "${stat%% *}"
}

# An orphan may stay a zombie where the first process does not reap.
is_gone() {
	[[ $(state_of "$1") == [ZX]* || -z $(state_of "$1") ]]
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

# queued PID: waits until it waits for a lock; fails if it ended instead.  Seen
# once is enough: another look at /proc/locks may miss its line.
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

# finish PID: waits until it has ended; $status is how.
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

# channel PATH: a FIFO that may be written and read at any time; its descriptor
# is $fd.
channel() {
	mkfifo "$1" && exec {fd}<>"$1"
}

# next FD: the next line that was written to the channel is $line.
next() {
	read -r -t 60 -u "$1" line
}

# begin PROGRAM [OPTION]... LOCKFILE: will hold the lock once it gets it.
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

# holds PID: waits until it has the lock; the PID of its COMMAND is $command.
holds() {
	local line

	next "${locked_fd[$1]}" || return
	command=$line
	[ "$command" = "$1" ] || started+=("$command")
}

# has_not_locked PID: it has not said so up to now.
has_not_locked() {
	! read -r -t 0 -u "${locked_fd[$1]}"
}

# hold PROGRAM [OPTION]... LOCKFILE: $holder has the lock, $command is run.
hold() {
	begin "$@" && holds "$holder"
}

# tell PID [STATUS]: COMMAND is to end.
tell() {
	echo "${2:-0}" >&"${end_fd[$1]}"
}

# release PID [STATUS]: tells it, and waits; $status is how it ended.
release() {
	tell "$@" && finish "$1"
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
	[ -r /proc/locks ] || skip "needs /proc/locks, to see who waits"
}

# calls FUNCTION: whether lf-acquire has it from the C library.  A name that ends
# another is written as a part of it, in the one of its tables or in the other.
calls() {
	tr '\0' '\n' <"$(type -P lf-acquire)" |
		grep -Ex "$1(64)?(@.*)?" >/dev/null
}

# What is ignored here is ignored by all that is started here: HUP under nohup,
# INT and QUIT in the background of a script.
need_signals() {
	local ignored signal

	ignored=$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status)
	for signal; do
		[ $((0x${ignored:-0} >> ($(kill -l "$signal") - 1) & 1)) -eq 0 ] ||
			skip "SIG$signal is ignored here, as under nohup or in the background"
	done
}

# lockf(3) tells whether, never who.
need_holders_with_names() {
	if calls lockf; then
		skip "built with lockf, which cannot tell who holds a lock"
	fi
}

# Nor has it locks that can be shared.
need_shared_locks() {
	if calls lockf; then
		skip "built with lockf, which has exclusive locks only"
	fi
}

has_threads() {
	calls pthread_setcanceltype
}

# One of them waits where a wait has a bound.
need_threads() {
	has_threads || skip "built without threads"
}

# timed STATUS: that, or the one of a wait with a bound that cannot be had.
timed() {
	if has_threads; then
		echo "$1"
	else
		echo 71
	fi
}

reads_proc() {
	calls fdopendir
}

# For what is said of the process that holds a lock, besides its PID.
need_proc() {
	reads_proc || skip "built without what Linux tells of a process"
}

need_tables() {
	! lf-check --help | grep -q 'Built without libsmartcols' ||
		skip "built without libsmartcols"
}

# As the kernel shows who holds and waits.
need_inspection() {
	need_proc_locks
	need_holders_with_names
	need_proc
}

# Without the mark of presence whoever removes the file undoes the queue.
need_flock() {
	calls flock || skip "built without flock"
}

# Else the lock is the process' own: it is not inherited, and any close drops it.
# shellcheck disable=SC2016 # expanded by sh
need_locks_of_descriptors() {
	lf-acquire -F probe sh -c 'cat /proc/$$/fdinfo/*; :' >fdinfo 2>/dev/null
	rm probe
	grep -q '^lock:.*OFDLCK' fdinfo ||
		skip "needs locks of an open file description"
}

# A directory that every user may reach, with the tools in it; $public is its
# name.  That of bats is only its owner's.
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

# unprivileged COMMAND...: not as root.
unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid="$nobody" --regid="$nobody" --clear-groups \
			-- "$@"
	else
		"$@"
	fi
}

need_unprivileged() {
	[ "$(id -u)" -ne 0 ] || need setpriv
	unprivileged true || skip "cannot become an ordinary user"
	need_public_directory
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs to be root, to hold as another user"
	need_unprivileged
}

# --- What is expected

# The checks of bats' own failures show little: these show both sides.
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

# process PID COMMAND: what the tools say of it.
process() {
	if reads_proc; then
		echo "PID $1 ($2), user $(user_of "$1")"
	else
		echo "PID $1"
	fi
}

# Everything that a tool might change, its atime too.
facts() {
	stat -c '%n %i %h %f %u %g %s %x %y %z' "$@"
}

# user_of PID
user_of() {
	local uid

	uid=$(stat -c %u "/proc/$1")
	id -nu "$uid" 2>/dev/null || echo "$uid"
}
