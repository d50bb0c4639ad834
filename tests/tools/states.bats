#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# A job that is stuck: what the tools show of it at first sight, also on a terminal.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2016 # expanded by the sh that is run, not here

load helper

# in_state KIND PATH: $pid has the lock and is in this state.
in_state() {
	need states
	channel said
	start states "$1" "$2" >&"$fd"
	next "$fd"
	said=$fd
}

# has_state PID LETTER
has_state() {
	[ "$(state_of "$1")" = "$2" ]
}

# shows STATE [NAME]: every output shows $about, the lock's, in this state; or in none.
shows() {
	local state=${1:+, $1}

	run -0 lf-check lock
	like "$output" "^lock: held by PID [0-9]+: .* \\([^()]*\\)$state, (running )?for [0-9]+ (s|min)"
	run -75 lf-acquire lock true
	like "$output" "^lf-acquire: lock: held by PID [0-9]+: .* \\([^()]*\\)$state, (running )?for [0-9]+ (s|min)"
	need_tables
	run -0 lf-check -rno STATE lock
	equal "${lines[0]}" "${2:--}"
	run -0 lf-check -J lock
	like "$output" "\"state\": ${2:+\"}${2:-null}"
	run -0 lf-check -l lock
	like "$output" " ${2:-[^ ]*} +[0-9]+ (s|min) "
}

need_children() {
	[ -e "/proc/$$/task/$$/children" ] ||
		skip "the kernel does not list children"
}

# --- States

@test "a holder that was stopped is shown as such, and the one that it is" {
	need_inspection
	hold lf-acquire lock
	shows ''
	kill -STOP "$holder"
	eventually is_stopped "$holder"
	shows stopped stopped
	kill -CONT "$holder"
	eventually is_asleep "$holder"
	shows ''
}

@test "so is a job that was stopped, though lf-acquire was not, and a program of it" {
	need_inspection
	need_children
	hold lf-acquire lock
	kill -STOP "$command"
	eventually is_stopped "$command"
	shows "PID $command stopped" stopped
	release_stopped
	channel started
	start lf-acquire lock sh -c 'sh -c "sleep 1000; :"; :'
	holder=$pid
	eventually has_grandchildren "$pid" 3
	# Until then a shell that made it with vfork(2) waits in state D.
	eventually is_sleep "$grandchild"
	kill -STOP "$grandchild"
	eventually is_stopped "$grandchild"
	shows "PID $grandchild stopped" stopped
	kill -KILL "$grandchild"
	finish "$holder"
}

release_stopped() {
	kill -CONT "$command"
	release "$holder"
}

is_sleep() {
	[ "$(cat "/proc/$1/comm")" = sleep ]
}

# has_grandchildren PID DEPTH: the last one of them is $grandchild.
has_grandchildren() {
	local depth
	grandchild=$1

	for ((depth = 0; depth < $2; depth++)); do
		# The file has no newline at its end.
		{ read -r grandchild _ <"/proc/$grandchild/task/$grandchild/children" || :; } \
			2>/dev/null
		[ -n "$grandchild" ] || return
	done
}

# has_children PID NUMBER: they are ${children[@]}, and run sleep(1).
has_children() {
	local child

	{ read -ra children <"/proc/$1/task/$1/children"; } 2>/dev/null || :
	[ "${#children[@]}" -eq "$2" ] || return
	for child in "${children[@]}"; do
		is_sleep "$child" || return
	done
}

@test "of a job with two programs, neither is shown for it" {
	need_inspection
	need_children
	start lf-acquire lock sh -c 'sleep 1000 & sleep 1000; :'
	holder=$pid
	eventually has_grandchildren "$holder" 1
	eventually has_children "$grandchild" 2
	kill -STOP "${children[@]}"
	eventually is_stopped "${children[0]}"
	eventually is_stopped "${children[1]}"
	shows ''
	kill -KILL "${children[@]}"
	finish "$holder"
}

@test "so is a job that Ctrl-Z stopped" {
	need terminal bash
	need_inspection
	need_signals TSTP
	export HISTFILE=/dev/null TERM=dumb NO_COLOR=1 PS1='outer>'
	run -0 terminal bash --norc --noprofile --noediting -i <<-'END'
		wait outer>
		type lf-acquire lock sh -c 'echo run""ning; exec sleep 1000'^M
		wait running
		type ^Z
		wait Stopped
		wait outer>
		type lf-check lock; lf-acquire lock true^M
		wait lf-acquire: lock: held
		wait outer>
		type kill -KILL %1; exec sh -c 'exit 3'^M
		end
	END
	like "$output" $'\nlock: held by[ \r\n]+PID [0-9]+: sh -c [^\n]* \\([^()]*\\),[ \r\n]+stopped, for [0-9]+ (s|min)'
	like "$output" 'lf-acquire: lock: held by PID [0-9]+: sh -c .* \([^()]*\), stopped, for [0-9]+ (s|min)'
	like "$output" $'\nexit 3'
}

@test "so is a holder that a debugger stopped" {
	need states
	need_inspection
	hold lf-acquire lock
	channel debugged
	start states debug "$holder" >&"$fd"
	eventually has_state_or_is_gone "$holder" t "$pid"
	! is_gone "$pid" || skip "may not trace a process"
	shows "stopped by a debugger" traced
	kill -KILL "$pid"
	eventually is_asleep "$holder"
	shows ''
}

# has_state_or_is_gone PID LETTER OTHER
has_state_or_is_gone() {
	has_state "$1" "$2" || is_gone "$3"
}

@test "so is one that waits for the disk, if it does not just do so for an instant" {
	need_inspection
	in_state disk lock
	eventually has_state_or_is_gone "$pid" D "$pid"
	! is_gone "$pid" || skip "may not trace a process"
	shows "waiting for the disk" disk
	kill -KILL "$pid"
	finish "$pid"
	rm said
	in_state busy lock
	eventually has_state "$pid" D
	for _ in 1 2 3 4 5; do
		run -0 lf-check lock
		[[ $output != *disk* ]]
	done
}

@test "a job below lf-acquire that waits for the disk is shown as such" {
	need states
	need_inspection
	need_children
	channel said
	start lf-acquire lock states disk other >&"$fd"
	holder=$pid
	next "$fd"
	eventually has_grandchildren_or_is_gone "$holder"
	! is_gone "$holder" || skip "may not trace a process"
	eventually has_state "$grandchild" D
	shows "PID $grandchild waiting for the disk" disk
	kill -KILL "$grandchild"
	finish "$holder"
}

has_grandchildren_or_is_gone() {
	has_grandchildren "$1" 1 || is_gone "$1"
}

@test "a holder that waits for its child by vfork is not shown so, nor a job" {
	need states
	need_inspection
	in_state vfork lock
	eventually has_state "$pid" D
	[ -r "/proc/$pid/wchan" ] && [ "$(cat "/proc/$pid/wchan")" != 0 ] ||
		skip "the kernel does not show what a process waits for"
	shows ''
	kill -KILL "$pid"
	finish "$pid"
	rm said
	channel said
	start lf-acquire lock states vfork other >&"$fd"
	holder=$pid
	next "$fd"
	eventually has_grandchildren "$holder" 1
	eventually has_state "$grandchild" D
	shows ''
	need_children
	eventually has_grandchildren "$holder" 2
	kill -STOP "$grandchild"
	eventually is_stopped "$grandchild"
	shows "PID $grandchild stopped" stopped
	kill -KILL "$grandchild"
	finish "$holder"
}

@test "one of another user's is shown as waiting for either of the two" {
	need states
	need_root
	need_inspection
	need_children
	in_state vfork lock
	eventually has_state "$pid" D
	run -0 unprivileged lf-check lock
	like "$output" ', waiting for the disk or a new process, running for '
	need_tables
	run -0 unprivileged lf-check -rno STATE lock
	equal "$output" blocked
	kill -KILL "$pid"
}

# That a machine is so busy that it stays in one such wait may happen once.
@test "one of another user's that waits for an instant at a time is not shown so" {
	local times=0

	need states
	need_root
	need_inspection
	in_state busy lock
	eventually has_state "$pid" D
	for _ in 1 2 3 4 5; do
		run -0 unprivileged lf-check lock
		[[ $output != *"waiting for"* ]] || times=$((times + 1))
	done
	[ "$times" -le 2 ]
}

@test "a program whose name looks like a state is shown as any" {
	need states
	need_inspection
	cp "$(type -P states)" ') Z 1'
	channel said
	start './) Z 1' call lock job >&"$fd"
	next "$fd"
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: job ($(user_of "$pid")), running for "
}

@test "a holder whose main thread has ended is named, as alive" {
	need_inspection
	need_threads
	in_state leader lock
	eventually has_state "$pid" Z
	run -0 lf-check -p lock
	equal "$output" "$pid"
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: states leader lock ($(user_of "$pid")), running for "
	shows ''
	kill -STOP "$pid"
	eventually threads_have_stopped "$pid"
	shows stopped stopped
	kill -KILL "$pid"
}

threads_have_stopped() {
	sed 's/.*) //' "/proc/$1/task/"*/stat | grep -q '^T'
}

@test "-p prints no process that the user could end and not examine" {
	need states
	need_root
	need_inspection
	cp "$(type -P states)" .
	channel said
	chmod 777 .
	start setpriv --reuid="$nobody" --regid="$nobody" --clear-groups -- \
		./states hidden lock >&"$fd"
	next "$fd"
	run -0 lf-check -p lock
	equal "$output" "$pid"
	run -0 unprivileged lf-check lock
	begins "$output" "lock: held by PID $pid: "
	run -0 unprivileged lf-check -p lock
	equal "$output" ""
	kill -KILL "$pid"
}

# --- The job

# job_is JOB ARGUMENT...: the arguments of lf-acquire, which waits for "held".
job_is() {
	queue lf-acquire "${@:2}"
	run -0 lf-check held
	equal "${lines[1]}" "  waiting: PID $pid: $1 (lf-acquire, $(user_of "$pid"))"
	kill -KILL "$pid"
	finish "$pid"
}

@test "of any lf-acquire the job is shown, without the options" {
	need_inspection
	hold lf-acquire held
	job_is 'backup --full' -w held backup --full
	job_is 'backup -w -- -t 5' -w held backup -w -- -t 5
	job_is 'backup' -kwx -m 600 held -- backup
	job_is 'backup' -w -m600 -E 3 held backup
	job_is 'backup' --wai --conflict-exit-code=3 --mode 600 held backup
	job_is 'backup' --timeout=1000 --keep -- held backup
	job_is '-b -c' -w held -- -b -c
	job_is 'nice lf-acquire a b' -w held nice lf-acquire a b
	job_is 'backup' -w -a other --also another held backup
}

# call_itself PROGRAM WORD...: PROGRAM has the lock as $pid, and this as its command
# line.
call_itself() {
	rm -f said
	channel said
	start "$1" call lock "${@:2}" >&"$fd"
	next "$fd"
	equal "$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/ *$//')" "${*:2}"
}

end_call() {
	kill -KILL "$pid"
	finish "$pid"
}

@test "what merely calls itself lf-acquire is shown as it calls itself" {
	need states
	need_inspection
	call_itself states lf-acquire -w lock backup
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: lf-acquire -w lock backup ($(user_of "$pid")), running for "
}

@test "the command line of an lf-acquire that is wrong or has no job is shown as it is" {
	local words user

	need states
	need_inspection
	cp "$(type -P states)" lf-acquire
	user=$(user_of $$)
	call_itself ./lf-acquire lf-acquire -w lock backup
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: backup (lf-acquire, $user), "
	rm lf-acquire
	run -0 lf-check lock
	begins "$output" "lock: held by PID $pid: backup (lf-acquire, $user), "
	end_call
	cp "$(type -P states)" lf-acquire
	for words in '--unknown lock x' 'lock' '--help lock x' '-f 9 lock x' \
		'--no lock x' '-m' '' '-w --' '-w lock --' '--fd=9 lock x' \
		'--wait=3 lock x' '-? lock x' '-- lock' '--keep=x lock y'; do
		# shellcheck disable=SC2086 # several words
		call_itself ./lf-acquire lf-acquire $words
		run -0 lf-check lock
		begins "$output" "lock: held by PID $pid: lf-acquire${words:+ $words} ($user), "
		end_call
	done
}

# --- At first sight

# on_terminal COLUMNS COMMAND: $lines are those of its output there.
on_terminal() {
	run -0 env NO_COLOR=1 terminal sh -c "stty cols $1; $2" <<<end
	mapfile -t lines <<<"${output//$'\r'/}"
}

# fits COLUMNS: no line of the output is longer.
fits() {
	local line

	for line in "${lines[@]}"; do
		[ "${#line}" -le "$1" ] || equal "$line" "a line of $1 columns"
	done
}

@test "on 80 columns a line that is too long goes on below" {
	local name

	need terminal stty flock
	need_inspection
	need_shared_locks
	need_flock
	name=$(printf '%046d' 0).lock
	hold lf-acquire -k -s "$name"
	hold lf-acquire -k -s "$name"
	hold flock "$name"
	queue lf-acquire -k -w "$name" verify --all
	on_terminal 80 "lf-check $name"
	fits 80
	equal "${lines[0]}" "$name: held by"
	like "${lines[1]}" '^    PID [0-9]+: sh -c .*\.\.\. \(lf-acquire, '
	# The rest is folded or not, by the length of the user's name.
	like "${lines[*]}" ', +shared, for .*  and by +PID [0-9]+: sh -c .*\.\.\. \(lf-acquire, .*\), +shared, for '
	like "${lines[*]}" "  waiting: PID $pid: verify --all \\(lf-acquire, $(user_of "$pid")\\)"
	like "${lines[*]}" "  also held by flock\\(2\\), which excludes lf-acquire only with --flock: +PID $holder: flock "
	# A lock of both kinds is on one line, too.
	hold lf-acquire --flock both.lock
	on_terminal 80 "lf-check both.lock"
	fits 80
	like "${lines[*]}" ' for [0-9]+ [a-z]+, also by flock\(2\) '
	# What matters of a stuck job is on a line of its own.
	hold lf-acquire stuck.lock
	kill -STOP "$command"
	eventually is_stopped "$command"
	on_terminal 80 "lf-check stuck.lock"
	fits 80
	equal "${lines[0]}" "stuck.lock: held by"
	like "${lines[1]}" "^    PID $holder: sh -c .*\\.\\.\\. \\(lf-acquire, "
	like "${lines[*]}" "\\), +PID $command stopped, for [0-9]+ (s|min) "
	kill -CONT "$command"
	# Where there is room, and where there is no terminal, nothing is folded.
	on_terminal 160 "lf-check $name"
	begins "${lines[0]}" "$name: held by PID "
	run -0 lf-check "$name"
	begins "${lines[0]}" "$name: held by PID "
}

@test "on 80 columns the job gets the room of an empty STATE" {
	local name

	need terminal stty
	need_tables
	need_inspection
	name=$(printf '%032d' 0).lock
	hold lf-acquire "$name"
	on_terminal 80 "lf-check -l $name"
	fits 80
	like "${lines[0]}" '^LOCKFILE +ROLE +PID +USER +AGE +JOB$'
	equal "${#lines[1]}" 80
	on_terminal 120 "lf-check -l $name"
	like "${lines[0]}" 'STATE'
	kill -STOP "$holder"
	eventually is_stopped "$holder"
	on_terminal 80 "lf-check -l $name"
	like "${lines[0]}" 'STATE'
	like "${lines[1]}" ' stopped '
	kill -CONT "$holder"
}

@test "the stuck job on 80 and 120 columns, without colours, in the C locale" {
	local user held waiting columns

	need terminal stty
	need_tables
	need_inspection
	user=$(user_of $$)
	mkdir bin
	ln -s "$(type -P sleep)" bin/backup
	PATH=$PWD/bin:$PATH
	start lf-acquire --keep -m 600 backup.lock backup 1000
	held=$pid
	eventually has_grandchildren "$held" 1
	started+=("$grandchild")
	queue lf-acquire -w -E 0 backup.lock verify --all
	waiting=$pid
	kill -STOP "$held"
	eventually is_stopped "$held"
	for columns in 80 120; do
		on_terminal $columns 'lf-check backup.lock'
		fits "$columns"
		output=${output//by$'\r\n'   /by}
		like "${output%%$'\r'*}" "^backup\\.lock: held by PID $held: backup 1000 \\(lf-acquire, $user\\), stopped, for [0-9]+ (s|min)$"
		like "$output" $'\n'"  waiting: PID $waiting: verify --all \\(lf-acquire, $user\\)"
		on_terminal $columns 'lf-check -l backup.lock'
		[ "${#lines[0]}" -le "$columns" ]
		[ "${#lines[1]}" -le "$columns" ]
		like "${lines[0]}" "^LOCKFILE +ROLE( +MODE)?( +TYPE)? +PID +USER +STATE +AGE +JOB$"
		[ "$columns" -eq 80 ] || like "${lines[0]}" MODE
		like "${lines[1]}" "^backup\\.lock +holder( +WRITE)?( +(OFDLCK|POSIX))? +$held +$user +stopped +[0-9]+ (s|min) +backup 1000$"
		like "${lines[2]}" "^backup\\.lock +waiter( +WRITE)?( +POSIX)? +$waiting +$user +[0-9]+ (s|min) +verify --all$"
	done
	# A long name leaves room for the job, as long as there is any.
	ln backup.lock very-long-name.of.a.backup.lock
	on_terminal 80 'lf-check -l very-long-name.of.a.backup.lock'
	like "${lines[1]}" "^very-long-name\\.of\\.a\\.backup\\.lock +holder +$held +$user +stopped +[0-9]+ (s|min) +backup 1000$"
	# In the mail of cron.
	run -75 lf-acquire backup.lock true
	like "$output" "^lf-acquire: backup\\.lock: held by PID $held: backup 1000 \\(lf-acquire, $user\\), stopped, for [0-9]+ (s|min)$"
	run -75 lf-acquire -q backup.lock true
	equal "$output" ""
	kill -CONT "$held"
}
