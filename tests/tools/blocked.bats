#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire in a system call that does not return: what still ends it.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# --- A file server that does not answer

# hangs CALL OPTION...: starts $pid, in which CALL never returns, for $lock.
hangs() {
	need_faults
	rm -f hangs
	set -m
	FAULTY=$1 start faulty-acquire "${@:2}" "$lock" touch ran
	set +m
	eventually test -e hangs
}

@test "signals end an attempt that its file server keeps from returning" {
	need_signals HUP INT QUIT
	local signal option

	for signal in TERM HUP INT QUIT; do
		for option in -n -w '-t 600' -F; do
			# shellcheck disable=SC2086 # an option and its argument
			hangs create:HANG $option
			ends_by "$signal"
		done
	done
	absent ran
}

@test "signals end a wait that its file server keeps from returning" {
	need_signals HUP
	need_locks_of_descriptors
	local signal option

	hold lf-acquire -k lock
	for signal in TERM HUP; do
		for option in -w '-t 600'; do
			# shellcheck disable=SC2086 # an option and its argument
			hangs F_SETLKW:HANG $option
			ends_by "$signal"
		done
	done
	held lock
	absent ran
}

@test "signals end the search for the holder" {
	local option

	hold lf-acquire lock
	for option in -n -vw '-t .01'; do
		# shellcheck disable=SC2086 # an option and its argument
		hangs readlink:HANG $option
		kill -TERM "$pid"
		finish "$pid"
		equal "$status" 143
	done
}

@test "an ignored signal does not end an attempt that does not return" {
	env --ignore-signal=HUP true 2>/dev/null ||
		skip "needs env with --ignore-signal"
	need_faults
	rm -f hangs
	FAULTY=create:HANG start env --ignore-signal=HUP faulty-acquire lock true
	eventually test -e hangs
	kill -HUP "$pid"
	kill -TERM "$pid"
	finish "$pid"
	equal "$status" 143
}

@test "-t keeps its time if the file server does not answer" {
	need timeout
	need_faults
	local call

	FAULTY=create:HANG run -71 timeout -s KILL 60 faulty-acquire -t .1 lock touch ran
	equal "$output" "lf-acquire: lock: timed out: the file system does not answer"
	hold lf-acquire lock
	for call in fstatat F_SETLKW; do
		rm -f hangs
		FAULTY=$call:HANG run timeout -s KILL 60 faulty-acquire -t .1 lock touch ran
		like "$status" '^(71|75)$'
		like "$output" '^lf-acquire: lock: (held by .*; timed out$|(timed out: )?the file system does not answer)'
	done
	absent ran
	held lock
}

@test "a machine that has no processor for it is no file server, with -t" {
	need timeout
	need_faults
	need_inspection

	FAULTY=fstat:BUSY:1 run -0 timeout -s KILL 60 faulty-acquire -t .1 lock touch ran
	equal "$output" ""
	rm ran
	hold lf-acquire lock
	# The first attempt ends before, and then that of the thread which waits.
	for n in 1 2; do
		FAULTY=F_SETLK:BUSY:$n run -75 timeout -s KILL 60 faulty-acquire -t .1 lock touch ran
		like "$output" '^lf-acquire: lock: held by .*; timed out$'
	done
	absent ran
	held lock
}

@test "-t keeps its time if only the search for the holder is not answered" {
	need timeout
	need_faults
	need_inspection
	local option

	hold lf-acquire lock
	for option in '' -v; do
		FAULTY=readlinkat:HANG run -71 timeout -s KILL 60 faulty-acquire \
			${option:+"$option"} -t .1 lock touch ran
		equal "$output" "lf-acquire: lock: timed out: the file system does not answer"
	done
	absent ran
}

# --- A pipe that is full

# Fills the pipe that is standard error.
filling='
	my $flags = fcntl(STDERR, F_GETFL, 0);
	fcntl(STDERR, F_SETFL, $flags | O_NONBLOCK);
	1 while syswrite STDERR, "x" x 512;
	1 while syswrite STDERR, "x";
	fcntl(STDERR, F_SETFL, $flags);
	open(F, ">filled")'

# full_pipe: $full is a descriptor for writing to it.
full_pipe() {
	need perl
	mkfifo full
	exec {full}<>full
	perl -MFcntl -e "$filling" 2>&"$full"
}

@test "signals end a message that a full pipe blocks" {
	need_signals INT
	local signal option full

	full_pipe
	hold lf-acquire -k lock
	for signal in TERM INT; do
		for option in -n -vw '-t .01'; do
			set -m
			# shellcheck disable=SC2086 # an option and its argument
			start lf-acquire $option lock touch ran 2>&"$full"
			set +m
			eventually is_asleep "$pid"
			ends_by "$signal"
		done
	done
	absent ran
}

# The limit for what is asked of a file server is over after two seconds.
@test "-t: a reader that comes late gets the message, and the status is the same" {
	local option full caller

	hold lf-acquire -k lock
	for option in '' -v; do
		full_pipe
		start lf-acquire ${option:+"$option"} -t .01 lock touch ran 2>&"$full"
		caller=$pid
		eventually is_asleep "$caller"
		sleep 4
		start cat full >drained
		finish "$caller"
		equal "$status" 75
		eventually grep -q '; timed out' drained
		kill "$pid"
		finish "$pid"
		run ! grep 'does not answer' drained
		rm full drained
	done
	absent ran
}

@test "signals end a message after COMMAND, and the lock is free before" {
	need_signals INT
	local signal full

	need perl
	echo data >lock
	for signal in TERM INT; do
		mkfifo full
		exec {full}<>full
		set -m
		start lf-acquire -v lock perl -MFcntl -e "$filling" 2>&"$full"
		set +m
		eventually test -e filled
		eventually free lock 2>/dev/null
		eventually is_asleep "$pid"
		ends_by "$signal"
		rm filled full
	done
}
