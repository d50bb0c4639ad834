#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire as a job: what signals and terminals do to it and to COMMAND.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# --- How COMMAND ended

@test "a signal that ends COMMAND ends lf-acquire too" {
	local signal

	# bash reports a death by a signal, not a status above 127.
	for signal in TERM USR1 ABRT KILL; do
		run bash -c 'ulimit -c 0; lf-acquire lock sh -c "kill -$1 \$\$"; exit 1' \
			bash "$signal"
		run -0 grep -E 'Terminated|User defined|Aborted|Killed' <<<"$output"
		free lock
	done
	start lf-acquire lock sh -c 'kill -TERM $$'
	finish "$pid"
	equal "$status" 143
}

@test "so does a signal that lf-acquire ignores" {
	env --default-signal=HUP true 2>/dev/null ||
		skip "needs env with --default-signal"
	on_terminal nohup lf-acquire lock env --default-signal=HUP \
		sh -c 'kill -HUP $$' </dev/null
	ended "signal 1"
	free lock
}

# A core in a file is found even if the shell does not report it.
@test "lf-acquire dumps no second core" {
	local tool signal

	mkdir sub
	for signal in ABRT SEGV; do
		for tool in '' 'lf-acquire lock'; do
			run bash -c "ulimit -c unlimited || exit 0
				$tool"' sh -c "cd sub && kill -$1 \$\$"; exit 1' \
				bash "$signal"
			[[ -n $tool || $output == *"core dumped"* ]] ||
				skip "no core is dumped here"
		done
		like "$output" 'Aborted|Segmentation fault'
		[[ $output != *"core dumped"* ]]
		rm -f lock
		equal "$(ls)" sub
	done
}

# The kernel spares PID 1, which cannot end by the signal of COMMAND.
@test "PID 1 of a container exits with 128 plus the signal" {
	local own=(unshare --pid --fork)

	need unshare
	[ "$(id -u)" -eq 0 ] || own+=(--user --map-root-user)
	"${own[@]}" true 2>/dev/null || skip "may not make a PID namespace"
	run -143 "${own[@]}" lf-acquire lock sh -c 'kill -TERM $$'
	free lock
}

# --- What a killed COMMAND leaves behind

# shell_with_worker OPTION...: an lf-acquire whose COMMAND has started $worker,
# which ends when a line arrives at $to.
shell_with_worker() {
	local said

	channel said
	said=$fd
	channel to
	to=$fd
	start lf-acquire "$@" lock sh -c '
		sh -c "read -r _ <to" &
		echo $! >said
		echo $$ >said
		wait' 2>errors
	next "$said"
	worker=$line
	started+=("$worker")
	next "$said"
	command=$line
	started+=("$command")
}

@test "the lock lasts as long as a worker of a COMMAND that was killed" {
	need_locks_of_descriptors
	local to worker option

	for option in -v -q -s; do
		shell_with_worker "$option"
		kill -TERM "$command"
		finish "$pid"
		equal "$status" 143
		kill -0 "$worker"
		held lock
		run -75 lf-acquire -q lock true
		[ "$option" != -v ] ||
			like "$(tail -n 1 errors)" '^lf-acquire: lock: COMMAND was killed by SIGTERM; the lock lasts until all its processes have ended$'
		[ "$option" = -v ] || equal "$(<errors)" ""
		echo >&"$to"
		eventually is_gone "$worker"
		free lock
		run -0 lf-acquire lock true
		absent lock
		rm said to
	done
}

@test "with -o a killed COMMAND leaves neither lock nor file" {
	local to worker

	shell_with_worker -o
	kill -TERM "$command"
	finish "$pid"
	equal "$status" 143
	kill -0 "$worker"
	absent lock
}

# --- Signals of other processes

# What the scripts of bash below heed.  A signal just before read blocks is handled
# after it, so read must not block for long, and on a busy machine may have read a
# part of the word by then, or all of it and fail nevertheless.  A signal that
# arrives while the trap for the same signal ends is lost, so a trap does nothing
# that makes the signal come again.

# Reports "got NAME" for each signal until "end" arrives.
tattling='
	for s in HUP INT QUIT TERM USR1 USR2 WINCH RTMIN RTMAX; do
		trap "echo got $s >&7" $s
	done
	exec 7<>"$1" 8<>"$2"
	echo $$ >&7
	word=
	until [ "$word" = end ]; do
		read -r -t 0.1 part <&8
		word+=$part
	done
	exit 9'

# tattle PROGRAM...: PROGRAM runs that, with the channels $said and $to, as a job
# of its own: otherwise INT and QUIT are ignored in the background.
tattle() {
	channel said
	said=$fd
	channel to
	to=$fd
	set -m
	start "$@" bash -c "$tattling" bash said to
	set +m
	next "$said"
	started+=("$line")
}

@test "signals sent to lf-acquire reach COMMAND, and do not end lf-acquire" {
	need_signals HUP INT QUIT
	local said to signal

	tattle lf-acquire lock
	for signal in TERM HUP INT QUIT USR1 USR2 WINCH RTMIN RTMAX; do
		kill -"$signal" "$pid"
		next "$said"
		equal "$line" "got $signal"
	done
	held lock
	kill -0 "$pid"
	echo end >&"$to"
	finish "$pid"
	equal "$status" 9
	absent lock
}

@test "a deadly signal that is passed on ends both, and the lock is free" {
	hold lf-acquire lock
	kill -TERM "$holder"
	finish "$holder"
	equal "$status" 143
	is_gone "$command"
	free lock
}

@test "a signal to the whole group ends both, and the lock is free" {
	need_signals HUP INT QUIT
	local signal

	for signal in TERM HUP INT; do
		set -m
		hold lf-acquire lock
		set +m
		kill -"$signal" -- "-$holder"
		finish "$holder"
		equal "$status" $((128 + $(kill -l "$signal")))
		is_gone "$command"
		eventually free lock
	done
}

# ALRM makes timeout(1) believe that the time is over, once it waits.
@test "timeout(1) ends both, and the lock is free" {
	local option

	need timeout
	for option in '' --foreground --signal=HUP; do
		# shellcheck disable=SC2086 # none or one
		hold timeout $option 600 lf-acquire lock
		eventually is_asleep "$holder"
		kill -ALRM "$holder"
		finish "$holder"
		equal "$status" 124
		is_gone "$command"
		eventually free lock
	done
	hold timeout 600 lf-acquire lock
	eventually is_asleep "$holder"
	kill -TERM "$holder"
	finish "$holder"
	is_gone "$command"
	eventually free lock
}

@test "timeout(1) with KILL ends both, and the lock is free" {
	need timeout
	hold timeout --signal=KILL 600 lf-acquire lock
	eventually is_asleep "$holder"
	kill -ALRM "$holder"
	finish "$holder"
	equal "$status" 137
	eventually is_gone "$command"
	eventually free lock
	run -0 lf-acquire lock true
	absent lock
}

# comes_back TIMES PREFIX SENDER: COMMAND, run by PREFIX, receives TIMES times the
# USR1 that SENDER sends.  A USR2 from outside follows and is passed on after
# lf-acquire has handled USR1.
comes_back() {
	local said to

	channel said
	said=$fd
	channel to
	to=$fd
	mkfifo stay
	set -m
	# shellcheck disable=SC2086 # none or one
	start lf-acquire lock $2 bash -c '
		exec 7<>said 8<>to 9<>stay
		times=0
		trap "times=\$((times + 1))" USR1
		trap "echo \$times times >&7" USR2
		echo $$ >&7
		'"$3"'
		word=
		until [ "$word" = end ]; do
			read -r -t 0.1 part <&8
			word+=$part
		done
		echo go >&9
		wait
		exit 4'
	set +m
	next "$said"
	started+=("$line")
	next "$said"
	equal "$line" sent
	kill -USR2 "$pid"
	next "$said"
	equal "$line" "$1 times"
	echo end >&"$to"
	finish "$pid"
	equal "$status" 4
}

@test "a signal that COMMAND sends to lf-acquire does not come back" {
	comes_back 0 '' 'kill -USR1 $PPID; echo sent >&7'
}

@test "a signal that COMMAND sends to the whole group reaches COMMAND once" {
	# A second at the same time would not be counted.
	comes_back 1 '' '
		kill -STOP $PPID
		kill -USR1 0
		kill -CONT $PPID
		echo sent >&7'
}

# The sender stays: the group of a process that has ended is unknown.
@test "a signal from COMMAND's own process group does not come back" {
	need setsid
	comes_back 0 setsid '
		bash -c "kill -USR1 $PPID; echo sent >&7; read -r _ <&9" &'
}

@test "a COMMAND that ends the whole group ends lf-acquire, and the lock is free" {
	set -m
	start lf-acquire lock sh -c 'kill -TERM 0; exit 1'
	set +m
	finish "$pid"
	equal "$status" 143
	eventually free lock
}

# --- Stop and continue

@test "lf-acquire stops and continues with COMMAND, like any job" {
	# The kernel does not stop an orphaned group: it needs a parent outside.
	set -m
	hold lf-acquire lock
	set +m
	kill -TSTP "$command"
	eventually is_stopped "$holder"
	is_stopped "$command"
	held lock
	kill -CONT "$holder"
	eventually is_not_stopped "$holder"
	eventually is_not_stopped "$command"
	release "$holder" 3
	equal "$status" 3
	absent lock
}

@test "a COMMAND stopped by SIGSTOP is continued by SIGCONT alone" {
	hold lf-acquire lock
	kill -STOP "$command"
	eventually is_stopped "$command"
	run -75 lf-acquire -q lock true
	kill -CONT "$command"
	release "$holder"
	equal "$status" 0
}

# A second SIGCONT would undo a stop key that was pressed in between.
@test "a SIGCONT to the whole group continues COMMAND once" {
	local said

	channel said
	said=$fd
	set -m
	start lf-acquire lock bash -c '
		exec 7>said
		times=0 said=
		trap "times=\$((times + 1))" CONT
		trap "echo \$times times >&7; exit 4" USR2
		echo $$ >&7
		for ((i = 0; i < 600; i++)); do
			read -r -t 0.1 _ <&8
			[ "$times" -eq 0 ] || [ -n "$said" ] || {
				said=yes
				echo continued >&7
			}
		done' 8<>"$BATS_TEST_TMPDIR/never"
	set +m
	next "$said"
	started+=("$line")
	kill -STOP -- "-$pid"
	eventually is_stopped "$pid"
	eventually is_stopped "$line"
	kill -CONT -- "-$pid"
	next "$said"
	equal "$line" continued
	kill -USR2 "$pid"
	next "$said"
	equal "$line" "1 times"
	finish "$pid"
	equal "$status" 4
	absent lock
}

# lf-acquire has taken the signal, and COMMAND stops before lf-acquire looks.
@test "a SIGTSTP to the whole group stops COMMAND once" {
	need_faults
	set -m
	FAULTY=waitpid:STOP:1 hold faulty-acquire lock
	set +m
	kill -TSTP "$holder"
	eventually is_stopped "$holder"
	kill -TSTP "$command"
	eventually is_stopped "$command"
	kill -CONT "$holder"
	eventually is_stopped "$holder"
	kill -CONT -- "-$holder"
	eventually is_asleep "$holder"
	release "$holder" 3
	equal "$status" 3
	absent lock
}

@test "lf-acquire does not stop with COMMAND if no shell would continue it" {
	need setsid perl
	hold setsid lf-acquire lock perl -e 'setpgrp; exec @ARGV'
	kill -TSTP "$command"
	eventually is_stopped "$command"
	eventually is_asleep "$holder"
	kill -CONT "$command"
	release "$holder" 3
	equal "$status" 3
	absent lock
}

@test "a stopped lf-acquire keeps the lock, and returns the status when continued" {
	hold lf-acquire lock
	kill -STOP "$holder"
	eventually is_stopped "$holder"
	let_end "$holder" 6
	eventually is_gone "$command"
	held lock
	kill -CONT "$holder"
	finish "$holder"
	equal "$status" 6
	absent lock
}

# --- Before COMMAND is there

@test "a signal ends a waiting lf-acquire" {
	need_proc_locks
	hold lf-acquire -k lock
	queue lf-acquire -w lock touch ran
	kill -TERM "$pid"
	finish "$pid"
	equal "$status" 143
	held lock
	absent ran
}

@test "a signal ends a timed wait too" {
	need_proc_locks
	hold lf-acquire lock
	queue lf-acquire -t 600 lock echo never
	kill -TERM "$pid"
	finish "$pid"
	equal "$status" 143
}

@test "an ignored signal does not end a wait" {
	env --ignore-signal=HUP true 2>/dev/null ||
		skip "needs env with --ignore-signal"
	need_proc_locks
	hold lf-acquire lock
	queue env --ignore-signal=HUP lf-acquire -w lock echo never
	kill -HUP "$pid"
	kill -TERM "$pid"
	finish "$pid"
	equal "$status" 143
}

@test "a blocked signal does not end a wait" {
	env --block-signal=TERM true 2>/dev/null ||
		skip "needs env with --block-signal"
	need_proc_locks
	hold lf-acquire lock
	queue env --block-signal=TERM lf-acquire -w lock sh -c 'exit 7'
	kill -TERM "$pid"
	release "$holder"
	finish "$pid"
	equal "$status" 7
	absent lock
}

@test "the queue goes on without waiters that a signal ended, and no file stays" {
	need_signals HUP
	need_proc_locks
	local first ended signal

	hold lf-acquire lock
	first=$holder
	for signal in TERM HUP KILL; do
		start lf-acquire -w lock touch ran
		ended=$pid
		queued "$ended"
		queue_holder lf-acquire -w lock
		kill -"$signal" "$ended"
		finish "$ended"
		equal "$status" $((128 + $(kill -l "$signal")))
		release "$first"
		holds "$holder"
		first=$holder
	done
	absent ran
	release "$holder"
	absent lock
}

@test "a waiter that is stopped does not hold up those behind it" {
	need_proc_locks
	local first stopped

	hold lf-acquire lock
	first=$holder
	queue_holder lf-acquire -w lock
	stopped=$holder
	queue_holder lf-acquire -w lock
	kill -STOP "$stopped"
	eventually is_stopped "$stopped"
	release "$first"
	holds "$holder"
	kill -CONT "$stopped"
	queued "$stopped"
	release "$holder"
	holds "$stopped"
	release "$stopped"
	absent lock
}

# No other process removes the file then: a waiter that ended immediately would
# leave it.
@test "a waiter that a signal ends as its turn comes leaves no file" {
	need_proc_locks
	local option first

	for option in -w '-t 600'; do
		hold lf-acquire lock
		first=$holder
		# shellcheck disable=SC2086 # an option and its argument
		queue lf-acquire $option lock touch ran
		kill -STOP "$pid"
		eventually is_stopped "$pid"
		release "$first"
		kill -TERM "$pid"
		kill -CONT "$pid"
		finish "$pid"
		equal "$status" 143
		absent lock
		absent ran
	done
}

need_strace_signals() {
	need strace
	strace -o /dev/null -e inject=umask:signal=CONT true 2>/dev/null ||
		skip "strace cannot send signals here"
}

# The thread that takes signals has ended then, and COMMAND is not there.
@test "a signal just after the wait ends lf-acquire, which leaves no file" {
	need_strace_signals
	need_proc_locks
	hold lf-acquire lock
	queue strace -D -o /dev/null -e inject=/rt_sigtimedwait:signal=TERM:when=1 \
		lf-acquire -w lock touch ran
	release "$holder"
	finish "$pid"
	equal "$status" 143
	absent lock
	absent ran
}

# stops FAULT ARGUMENT...: starts $pid, a faulty-acquire which stops as FAULT says.
stops() {
	need_faults
	FAULTY=$1 start faulty-acquire "${@:2}"
	eventually is_stopped "$pid"
}

# terminate: TERM arrives while it is stopped, and ends it.
terminate() {
	kill -TERM "$pid"
	kill -CONT "$pid"
	finish "$pid"
	equal "$status" 143
}

# It has the lock, but has not verified the path.
@test "a waiter that a signal ends as it gets the lock leaves no file" {
	need_proc_locks
	need_faults
	local option nth=2

	# Each attempt without waiting calls fstatat once.  With -v no thread looks at
	# the file during the wait.
	for option in -wv '-vt 600'; do
		hold lf-acquire lock
		# shellcheck disable=SC2086 # an option and its argument
		FAULTY=fstatat:STOP:$((nth++)) queue faulty-acquire $option lock touch ran
		release "$holder"
		eventually is_stopped "$pid"
		terminate
		absent lock
		absent ran
	done
}

# The signal interrupts no call.
@test "a signal just before the wait ends the wait" {
	local option

	if calls lockf; then
		skip "built with lockf"
	fi
	hold lf-acquire lock
	for option in -w '-t 600'; do
		# shellcheck disable=SC2086 # an option and its argument
		stops F_SETLKW:STOP:1 $option lock touch ran
		terminate
		held lock
	done
	absent ran
	release "$holder"
	absent lock
}

# As kill -9 would, but COMMAND does not run.
@test "a signal between the lock and COMMAND ends lf-acquire" {
	need_locks_of_descriptors
	stops F_DUPFD:STOP:1 lock touch ran
	held lock
	terminate
	free lock
	absent ran
}

# The only reader has closed the pipe before lf-acquire starts.
@test "a message to a pipe without a reader reaches COMMAND as no signal" {
	need_signals PIPE
	local option

	mkfifo errors go
	for option in -v -vw -vF; do
		start sh -c 'exec 2>errors; read -r _ <go
			exec lf-acquire "$1" -k lock sh -c "exit 7"' sh "$option"
		: <errors
		echo >go
		finish "$pid"
		equal "$status" 7
	done
}

# --- What lf-acquire was started with

@test "an ignored SIGCHLD costs no status and stays ignored in COMMAND" {
	need timeout
	env --ignore-signal=CHLD true 2>/dev/null ||
		skip "needs env with --ignore-signal" # sh does not ignore it
	run -7 timeout --signal=KILL 60 env --ignore-signal=CHLD lf-acquire lock sh -c 'exit 7'
	absent lock
	run env --ignore-signal=CHLD grep ^SigIgn /proc/self/status
	wanted=$output
	run env --ignore-signal=CHLD lf-acquire lock grep ^SigIgn /proc/self/status
	equal "$output" "$wanted"
}

@test "COMMAND inherits ignored and blocked signals unchanged" {
	local prefix

	for prefix in '' 'trap "" HUP INT PIPE TERM;'; do
		run sh -c "$prefix"' exec grep -E "^Sig(Blk|Ign)" /proc/self/status'
		wanted=$output
		run sh -c "$prefix"' exec lf-acquire lock grep -E "^Sig(Blk|Ign)" /proc/self/status'
		equal "$output" "$wanted"
	done
	env --block-signal=ALRM true 2>/dev/null ||
		skip "blocked ones: needs env with --block-signal"
	# A sanitizer has handlers for those three.
	for prefix in --block-signal=ALRM,TERM --block-signal \
		'--ignore-signal --default-signal=BUS,FPE,SEGV'; do
		# shellcheck disable=SC2086 # one or two options
		run env $prefix grep -E '^Sig(Blk|Ign)' /proc/self/status
		wanted=$output
		# shellcheck disable=SC2086
		run env $prefix lf-acquire lock grep -E '^Sig(Blk|Ign)' /proc/self/status
		equal "$output" "$wanted"
		# shellcheck disable=SC2086
		run -7 env $prefix lf-acquire lock sh -c 'exit 7'
		absent lock
	done
}

@test "COMMAND has the blocked signals of its caller after a wait, too" {
	need_proc_locks
	local usual

	usual=$(grep SigBlk /proc/self/status)
	hold lf-acquire lock
	# Some shells change the mask.
	queue lf-acquire -w lock grep SigBlk /proc/self/status >blocked
	release "$holder"
	finish "$pid"
	equal "$(cat blocked)" "$usual"
}

# The signal by which the threads of lf-acquire reach each other.
@test "an ignored VTALRM stays ignored in COMMAND after a wait" {
	env --ignore-signal=VTALRM true 2>/dev/null ||
		skip "needs env with --ignore-signal"
	need_proc_locks
	local signals

	hold lf-acquire lock
	queue env --ignore-signal=VTALRM lf-acquire -w lock \
		grep SigIgn /proc/self/status >ignored
	release "$holder"
	finish "$pid"
	read -r _ signals <ignored
	equal $((0x$signals >> ($(kill -l VTALRM) - 1) & 1)) 1
}

@test "a blocked signal waits for COMMAND to unblock it" {
	need perl
	env --block-signal=TERM true 2>/dev/null ||
		skip "needs env with --block-signal"
	channel said
	start env --block-signal=TERM lf-acquire lock perl -MPOSIX -e '
		$| = 1;
		my $term = POSIX::SigSet->new(SIGTERM);
		my $pending = POSIX::SigSet->new;
		print "ready\n";
		for (;;) {
			sigpending($pending);
			last if $pending->ismember(SIGTERM);
			select(undef, undef, undef, 0.01);
		}
		$SIG{TERM} = sub { exit 4 };
		sigprocmask(SIG_UNBLOCK, $term);
		exit 5' >said
	next "$fd"
	kill -TERM "$pid"
	finish "$pid"
	equal "$status" 4
	absent lock
}

@test "an alarm that was set before exec reaches COMMAND" {
	need timeout
	need_strace_signals
	run -142 timeout 60 strace -o /dev/null \
		-e inject=/rt_sigtimedwait:signal=ALRM:when=1 \
		lf-acquire lock sh -c 'read -r _ <"$1"' \
		sh "$BATS_TEST_TMPDIR/never"
	free lock
}

# --- On a terminal

# on_terminal PROGRAM...: with standard input as the script of terminal.c.
on_terminal() {
	HISTFILE=/dev/null TERM=dumb PS1='outer> ' run terminal "$@"
	[ "$status" -eq 0 ] && return
	echo "$output" >&2
	return 1
}

# ended "exit N" or "signal N"
ended() {
	equal "${lines[-1]}" "$1"
}

# Prints how many INTs arrived.  lf-acquire is stopped until the first is counted:
# a second one at the same time would get lost.  The USR2, which a child sends by
# way of lf-acquire, arrives after all of them.
counting='
	times=0 sent=
	trap "times=\$((times + 1))" INT
	trap "echo \$times times; exit 5" USR2
	kill -STOP "$PPID"
	echo ready
	for ((i = 0; i < 600; i++)); do
		[ "$times" -eq 0 ] || [ -n "$sent" ] || {
			kill -CONT "$PPID"
			sent=$(bash -c "kill -USR2 \$1; echo yes" bash "$PPID")
		}
		read -r -t 0.1 _
	done'

# Shells with job control, and a job that reads its status, one digit, from "to".
# The job says "continued" after its trap, since the test stops and continues it as
# soon as it reads that.
need_interactive_shells() {
	local shell

	unset ENV
	shells=('bash --norc --noprofile --noediting -i')
	if type -P dash >/dev/null; then
		shells+=('dash -i')
	fi
	mkfifo to
	cat >job <<-'END'
		exec 4<>to
		continued=
		trap 'continued=yes' CONT
		echo ready
		for ((i = 0; i < 600; i++)); do
			read -r -t 0.1 status <&4
			[ -z "$status" ] || exit "$status"
			[ -n "$continued" ] || continue
			continued=
			echo continued
		done
	END
}

@test "the interrupt key reaches COMMAND once, and COMMAND chooses its status" {
	on_terminal lf-acquire lock bash -c "$counting" <<-END
		wait ready
		type ^C
		wait 1 times
	END
	ended "exit 5"
	absent lock
}

@test "the keys that end COMMAND end lf-acquire, and the lock is free" {
	local key wanted=2

	for key in '^C' "^\\"; do
		on_terminal sh -c 'ulimit -c 0
			exec lf-acquire lock sh -c "echo ready; read -r _"' <<-END
			wait ready
			type $key
		END
		ended "signal $wanted"
		eventually free lock
		wanted=3
	done
}

@test "the keys reach a COMMAND that has left the process group as well" {
	need setsid
	on_terminal lf-acquire lock setsid bash -c '
		trap "exit 5" INT
		echo ready
		for ((i = 0; i < 600; i++)); do
			read -r -t 0.1 _
		done' <<-END
		wait ready
		type ^C
	END
	ended "exit 5"
	absent lock
}

@test "the interrupt key ends a waiting lf-acquire" {
	need_proc_locks
	hold lf-acquire lock
	on_terminal sh -c 'exec lf-acquire -v -w lock touch ran' <<-END
		wait waiting
		type ^C
	END
	ended "signal 2"
	held lock
	absent ran
	release "$holder"
	absent lock
}

@test "a terminal shows the holder of a slot" {
	local one

	need_proc_locks
	need_holders_with_names
	hold lf-acquire -N 2 lock
	one=$holder
	hold lf-acquire -N 2 lock
	on_terminal sh -c 'exec lf-acquire -w -N 2 lock touch ran' <<-END
		wait lf-acquire: lock.1: held by PID $one
		wait ; no slot is free; waiting
		type ^C
	END
	ended "signal 2"
	release "$one"
	release "$holder"
	absent ran
}

@test "a terminal shows the holder after a second" {
	need_proc_locks
	hold lf-acquire lock
	on_terminal sh -c 'exec lf-acquire -w lock touch ran' <<-END
		wait lf-acquire: lock: held
		wait ; waiting
		type ^C
	END
	ended "signal 2"
	on_terminal lf-acquire -t 600 lock touch ran <<-END
		wait ; waiting
		type ^C
	END
	ended "signal 2"
	absent ran
	release "$holder"
	absent lock
}

@test "a wait on a terminal goes on where no process can be created to show the holder" {
	local keys first

	need_faults
	need_proc_locks
	hold lf-acquire lock
	first=$holder
	FAULTY=fork:EAGAIN on_terminal faulty-acquire -t 1.5 lock touch ran </dev/null
	[[ ${lines[*]} != *"; waiting"* ]]
	ended "exit 75"
	absent ran
	# The second one: the first asks whether the lock is the caller's.
	channel keys
	keys=$fd
	export FAULTY=fork:EAGAIN:2
	start sh -c 'exec terminal faulty-acquire -w lock touch ran <keys >out'
	printf 'wait ; waiting\nend\n' >&"$keys"
	eventually grep -qs '; waiting' out
	release "$first"
	finish "$pid"
	equal "$(tail -n 1 out)" "exit 0"
	[ -e ran ]
	absent lock
}

@test "-q, and a wait without a terminal, print no holder after a second" {
	hold lf-acquire lock
	on_terminal lf-acquire -q -t 1.5 lock touch ran </dev/null
	equal "${lines[*]}" "exit 75"
	run -75 lf-acquire -t 1.5 lock touch ran
	equal "${#lines[@]}" 1
	like "$output" 'timed out$'
	absent ran
}

@test "the stop key stops the job, which keeps the lock; fg and bg continue it" {
	local shell shells

	need_interactive_shells
	for shell in "${shells[@]}"; do
		# shellcheck disable=SC2086 # with its options
		on_terminal $shell <<-'END'
			wait outer>
			type lf-acquire lock bash job^M
			wait ready
			type ^Z
			wait Stopped
			wait outer>
			type lf-check -q lock; echo "held $?"^M
			wait held 0
			wait outer>
			type fg^M
			wait continued
			type ^Z
			wait Stopped
			wait outer>
			type bg^M
			wait continued
			type lf-check -q lock; echo "held $?"^M
			wait held 0
			type echo 9 >to; wait %1; echo "status $?"^M
			wait status 9
			type exit 3^M
		END
		ended "exit 3"
		absent lock
	done
}

@test "a job that was stopped while waiting continues to wait" {
	local shell shells

	need_interactive_shells
	for shell in "${shells[@]}"; do
		hold lf-acquire lock
		# shellcheck disable=SC2086 # with its options
		on_terminal $shell <<-END
			wait outer>
			type lf-acquire -v -w lock sh -c 'exit 8'^M
			wait waiting
			type ^Z
			wait Stopped
			wait outer>
			type bg^M
			wait outer>
			type echo 0 >${BATS_TEST_TMPDIR@Q}/end.$((${#end_fd[@]} - 1)); wait %1; echo "status \$?"^M
			wait status 8
			type exit 3^M
		END
		ended "exit 3"
		finish "$holder"
		absent lock
	done
}

@test "a job in the background that reads the terminal is stopped" {
	local shells

	need_interactive_shells
	# shellcheck disable=SC2086 # with its options
	on_terminal ${shells[0]} <<-'END'
		wait outer>
		type lf-acquire lock cat & wait %1^M
		wait Stopped
		wait outer>
		type lf-check -q lock; echo "held $?"^M
		wait held 0
		wait outer>
		type fg; echo "status $?"^M
		wait lf-acquire lock cat
		type hello^M
		wait hello
		wait hello
		type ^D
		wait status 0
		type exit 3^M
	END
	ended "exit 3"
	absent lock
}

@test "a shell that suspends itself returns the terminal, and gets it back" {
	local shell shells

	need_interactive_shells
	for shell in "${shells[@]}"; do
		# shellcheck disable=SC2086 # with its options
		on_terminal $shell <<-END
			wait outer>
			type lf-acquire lock env PS1='inner''> ' ${shells[0]}^M
			wait inner>
			type suspend^M
			wait Stopped
			wait outer>
			type lf-check -q lock; echo "held \$?"^M
			wait held 0
			wait outer>
			type fg^M
			wait PS1=
			type echo in \$((20 + 3))^M
			wait in 23
			type exit 4^M
			wait outer>
			type exit 3^M
		END
		ended "exit 3"
		absent lock
	done
}

# The kernel does not stop a job that no shell would continue.
@test "without a shell to continue it, the stop key stops nothing" {
	on_terminal lf-acquire lock bash -c "$counting" <<-END
		wait ready
		type ^Z^C
		wait 1 times
	END
	ended "exit 5"
	absent lock
}

@test "a terminal that hangs up ends COMMAND, and the lock with it" {
	on_terminal lf-acquire lock sh -c 'echo ready; read -r _ <"$1"' \
		sh "$BATS_TEST_TMPDIR/never" <<-END
		wait ready
		hang up
	END
	ended "signal 1"
	eventually free lock
}

@test "a terminal that hangs up ends a stopped COMMAND as well" {
	local said keys

	channel said
	said=$fd
	channel keys
	keys=$fd
	# A process in the background has no standard input unless it opens it.
	start sh -c 'exec terminal lf-acquire lock sh -c "$1" sh "$2" <keys >out' sh \
		'echo $$ >said; read -r _ <"$1"' "$BATS_TEST_TMPDIR/never"
	next "$said"
	started+=("$line")
	kill -STOP "$line"
	eventually is_stopped "$line"
	printf 'hang up\nend\n' >&"$keys"
	finish "$pid"
	equal "$(tail -n 1 out)" "signal 1"
	eventually free lock
}

@test "a hang-up ends a job of a shell, unless COMMAND ignores it" {
	local said shell shells

	need_interactive_shells
	channel said
	said=$fd
	cat >deaf <<-'END'
		trap '' HUP
		echo ready
		read -r _ <to
		lf-check -q lock && echo held >said
	END
	for shell in "${shells[@]}"; do
		# shellcheck disable=SC2086 # with its options
		on_terminal $shell <<-'END'
			wait outer>
			type lf-acquire lock bash job^M
			wait ready
			hang up
		END
		eventually free lock 2>/dev/null
		# shellcheck disable=SC2086
		on_terminal $shell <<-'END'
			wait outer>
			type lf-acquire lock sh deaf^M
			wait ready
			hang up
		END
		echo go >to
		next "$said"
		equal "$line" held
		eventually absent lock 2>/dev/null
	done
}
