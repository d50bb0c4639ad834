#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire: COMMAND, its status, waiting, the file, errors.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

replaced="lf-acquire: lock: was replaced while COMMAND ran; another may have run at the same time"

# --- COMMAND and its status

@test "COMMAND runs with its arguments and the file is gone afterwards" {
	run lf-acquire lock printf '%s,' a 'b c' '' -n
	equal "$status" 0
	equal "$output" "a,b c,,-n,"
	absent lock
}

@test "the status is that of COMMAND" {
	local wanted

	for wanted in 0 1 7 64 75 126 127 128 143 255; do
		run "-$wanted" lf-acquire lock sh -c 'exit "$1"' sh "$wanted"
		equal "$output" ""
	done
}

@test "while COMMAND runs the file is there, empty and locked" {
	run -0 lf-acquire lock sh -c 'test -f lock && ! test -s lock && lf-check -q lock'
	absent lock
}

@test "standard input, output and error are COMMAND's" {
	run --separate-stderr lf-acquire lock sh -c 'cat; echo error >&2' <<<"in and out"
	equal "$output" "in and out"
	equal "$stderr" "error"
}

@test "COMMAND has the umask, the directory and the environment of its caller" {
	umask 027
	run -0 env GREETING=hello lf-acquire -m 600 lock \
		sh -c 'umask; pwd -P; echo "$GREETING"'
	equal "${lines[0]}" 0027
	equal "${lines[1]}" "$(pwd -P)"
	equal "${lines[2]}" hello
}

@test "ten thousand arguments, empty ones too, reach COMMAND" {
	local many=()

	mapfile -t many < <(seq 10000)
	many+=('' ' ' '')
	run -0 lf-acquire lock printf '<%s>' "${many[@]}"
	equal "$output" "$(printf '<%s>' "${many[@]}")"
	absent lock
}

# lf-acquire has more arguments than COMMAND.
@test "arguments up to the limit reach COMMAND; more are status 126" {
	local count long many=() script low=0 high=100000 middle

	long=$(printf '%0100000d' 0)
	for ((count = 0; count < 50; count++)); do
		many+=("$long")
		sh -c 'exit 0' sh "${many[@]}" 2>/dev/null || break
	done
	[ "$count" -lt 50 ] || skip "no limit below 5 MB"
	unset 'many[-1]'
	run -0 lf-acquire lock sh -c 'echo $#' sh "${many[@]}"
	equal "$output" "$count"
	# A script has its interpreter as an argument more, and its path twice.
	script=$PWD/$(printf '%0200d' 0)
	printf '#!/bin/sh\nexit 0\n' >"$script"
	chmod +x "$script"
	while ((high - low > 1)); do
		middle=$(((low + high) / 2))
		if lf-acquire --version "$script" "${many[@]}" "${long:0:middle}" \
			>/dev/null 2>&1; then
			low=$middle
		else
			high=$middle
		fi
	done
	run -126 lf-acquire lock "$script" "${many[@]}" "${long:0:low}"
	like "$output" '^lf-acquire: .*: cannot be run: '
	absent lock
}

@test "a -- before COMMAND is skipped, a later one belongs to COMMAND" {
	run -0 lf-acquire lock -- echo -n -- -k
	equal "$output" "-- -k"
	run -0 lf-acquire -- lock echo -- x
	equal "$output" "-- x"
	absent lock
}

@test "a COMMAND may be named like an option" {
	local name

	for name in -n -k --help --; do
		printf '#!/bin/sh\necho "$0 $*"\n' >"./$name"
		chmod +x "./$name"
		PATH=$PWD:$PATH run -0 lf-acquire lock -- "$name" -x
		like "$output" "/$name -x\$"
		run -0 lf-acquire lock "./$name" -x
		equal "$output" "./$name -x"
	done
	absent lock
}

@test "options of COMMAND are left to it" {
	run -0 lf-acquire lock echo -k --help
	equal "$output" "-k --help"
	absent lock
}

# --- Held

@test "a held lock is refused with status 75 and names the holder" {
	need_holders_with_names
	hold lf-acquire lock
	run --separate-stderr lf-acquire lock touch ran
	equal "$status" 75
	equal "$output" ""
	names_holder "$stderr" lock "$holder" "lf-acquire lock sh -c $holding"
	absent ran
	release "$holder"
	absent lock
}

@test "-n and --no-wait refuse too, and undo a -w before" {
	local option

	hold lf-acquire lock
	for option in -n --no-wait -wn; do
		run -75 lf-acquire "$option" lock touch ran
	done
	absent ran
}

@test "a refused lf-acquire leaves the file, and the holder removes it" {
	hold lf-acquire lock
	run -75 lf-acquire lock true
	run -75 lf-acquire -k lock true
	present lock
	held lock
	release "$holder"
	absent lock
}

@test "-q prints nothing about a held lock" {
	hold lf-acquire lock
	run -75 lf-acquire -q lock true
	equal "$output" ""
	run -75 lf-acquire --quiet lock true
	equal "$output" ""
}

@test "-q does not hide an error" {
	run -66 lf-acquire -q . true
	like "$output" 'is a directory'
}

@test "-q -E 0 hides no refusal but that of a held lock" {
	run -66 lf-acquire -q -E 0 . true
	like "$output" 'is a directory'
	run -73 lf-acquire -q -E 0 missing/lock true
	like "$output" 'no such file'
	run -127 lf-acquire -q -E 0 lock ./missing
	like "$output" 'no such file'
	hold lf-acquire lock
	run -0 lf-acquire -q -E 0 lock touch ran
	equal "$output" ""
	absent ran
}

@test "a held lock is shown as lf-check shows it" {
	need_inspection
	need_locks_of_descriptors
	need_shared_locks
	channel said
	start sh -c 'exec 9>>lock && lf-acquire --fd 9 && echo >said
		read -r _ <"$1"' sh "$BATS_TEST_TMPDIR/never"
	next "$fd"
	run -75 lf-acquire lock true
	begins "$output" "lf-acquire: lock: held by PID $pid: sh -c exec 9>>lock "
	like "$output" ' \([^,]*\), running for [^,]*$'
	kill "$pid"
	finish "$pid"
	rm lock
	hold lf-acquire -s lock
	hold lf-acquire -s lock
	run -75 lf-acquire lock true
	like "$output" '^lf-acquire: lock: held by PID .*, shared(, for .*)?, and by 1 more$'
}

@test "a lock of another user is shown as held, with a remedy" {
	need_root
	need_inspection
	hold lf-acquire -k lock
	run -66 unprivileged lf-acquire "$PWD/lock" true
	like "$output" 'lock: permission denied; held by PID '"$holder"': .*; .* created with --mode 666$'
	release "$holder"
	run -66 unprivileged lf-acquire "$PWD/lock" true
	like "$output" 'lock: permission denied; a lock file that several users lock must be created with --mode 666$'
	rm lock
	hold lf-acquire -m 666 lock
	run -75 unprivileged lf-acquire "$PWD/lock" true
}

@test "-E gives the status for a held lock, 0 and 255 too" {
	local wanted

	hold lf-acquire lock
	for wanted in 0 1 255; do
		run lf-acquire -E "$wanted" lock touch ran
		equal "$status" "$wanted"
		like "$output" "held by PID|held; holder unknown"
		run lf-acquire --conflict-exit-code="$wanted" -q lock touch ran
		equal "$status" "$wanted"
		equal "$output" ""
	done
	absent ran
}

@test "-E changes no other status" {
	run -3 lf-acquire -E 9 lock sh -c 'exit 3'
	run -66 lf-acquire -E 9 . true
	run -75 lf-acquire -E 9 lock sh -c 'exit 75'
}

@test "hostile arguments of the holder are printed escaped" {
	need_holders_with_names
	need_proc
	arguments=($'\e[2J' $'a\nb\x7f')
	hold lf-acquire -F lock
	run -75 --separate-stderr lf-acquire lock true
	equal "${#stderr_lines[@]}" 1
	like "$stderr" '\\x1b\[2J a\\x0ab\\x7f \([^,]*\), running for '
	[[ $stderr != *$'\e'* ]]
}

@test "a hostile name of the lock file is printed escaped" {
	local name=$'e\e[31m\nx\xff\xe2\x80\xae\xc2\x9b'

	hold lf-acquire "$name"
	run -75 --separate-stderr lf-acquire "$name" true
	equal "${#stderr_lines[@]}" 1
	like "$stderr" '^lf-acquire: e\\x1b\[31m\\x0ax\\xff\\xe2\\x80\\xae\\xc2\\x9b: held'
	mkdir $'d\e'
	run -66 lf-acquire $'d\e' true
	like "$output" '^lf-acquire: d\\x1b: is a directory'
	run -127 lf-acquire lock $'./no\esuch'
	like "$output" '^lf-acquire: \./no\\x1bsuch: cannot be run'
}

@test "a very long command line of the holder is shortened" {
	need_holders_with_names
	need_proc
	arguments=("$(printf '%0500d' 0)")
	hold lf-acquire lock
	run -75 lf-acquire lock true
	like "$output" "held by PID $holder: sh -c .*\.\.\. \(lf-acquire, "
	[ "${#output}" -lt 300 ]
}

# --- Waiting

@test "-w waits until the holder has ended, then runs COMMAND" {
	local first option

	need_proc_locks
	for option in -w --wait -nw; do
		hold lf-acquire lock
		first=$holder
		queue_holder lf-acquire "$option" lock
		has_not_locked "$holder"
		release "$first" 4
		equal "$status" 4
		holds "$holder"
		present lock
		held lock
		release "$holder" 6
		equal "$status" 6
		absent lock
	done
}

@test "waiters get the lock in order, although each holder removes the file" {
	local first waiter waiters=()

	need_proc_locks
	need_locks_of_descriptors
	need_flock
	hold lf-acquire lock
	first=$holder
	for _ in 1 2 3 4 5; do
		queue_holder lf-acquire -w lock
		waiters+=("$holder")
	done
	release "$first"
	for waiter in "${waiters[@]}"; do
		holds "$waiter"
		present lock
		release "$waiter"
	done
	absent lock
}

@test "-t ends the wait with status 75 and names the holder" {
	need_holders_with_names
	hold lf-acquire lock
	run -75 lf-acquire -t 0.05 lock echo never
	names_holder "$output" lock "$holder" "lf-acquire lock sh -c $holding" "; timed out"
	run -75 lf-acquire -q --timeout=.01 lock echo never
	equal "$output" ''
	run -9 lf-acquire -t 0.01 -E 9 lock echo never
	# As short as it is, it is a wait.
	run -75 lf-acquire -t .0001 lock echo never
	like "$output" '; timed out$'
	release "$holder"
	[ ! -e lock ]
}

@test "-t gets the lock in its turn" {
	need_proc_locks
	need_locks_of_descriptors
	local first second

	hold lf-acquire lock
	first=$holder
	begin lf-acquire -t 600 lock
	second=$holder
	queued "$second"
	queue_holder lf-acquire -w lock
	release "$first"
	holds "$second"
	has_not_locked "$holder"
	release "$second"
	holds "$holder"
	release "$holder"
	[ ! -e lock ]
}

@test "-t of a free lock does not wait" {
	run -7 lf-acquire -t 600 lock sh -c 'exit 7'
	[ ! -e lock ]
}

@test "the last of -n, -w and -t counts" {
	hold lf-acquire lock
	run -75 lf-acquire -w -t 0 lock true
	run -75 lf-acquire -w -t 600 -n lock true
	run -75 lf-acquire -w -t 0.01 lock true
}

# Where libgcc_s is missing glibc ends a program that cancels a thread.
@test "-t ends the wait where libgcc_s is missing" {
	local library root=$PWD/root

	[ "$(id -u)" -eq 0 ] || skip "needs to be root, for chroot"
	need ldd chroot
	mkdir -p "$root/tmp"
	while read -r library; do
		mkdir -p "$root${library%/*}"
		cp "$library" "$root$library"
	done < <(ldd "$(type -P lf-acquire)" | grep -o '/[^ ]*')
	if ls "$root"/lib*/*/libgcc_s* >/dev/null 2>&1; then
		skip "built with libgcc_s"
	fi
	cp "$(type -P lf-acquire)" "$root/lf-acquire"
	hold lf-acquire "$root/tmp/lock"
	run -75 chroot "$root" /lf-acquire -t 0.05 /tmp/lock /lf-acquire --version
	like "$output" 'held'
	release "$holder"
	[ ! -e "$root/tmp/lock" ]
}

@test "-v names the holder while it waits, and prints how long it took" {
	local first

	need_proc_locks
	need_holders_with_names
	hold lf-acquire lock
	first=$holder
	begin lf-acquire -v -w lock 2>said
	queued "$holder"
	names_holder "$(<said)" lock "$first" "lf-acquire lock sh -c $holding" "; waiting"
	release "$first"
	release "$holder"
	like "$(sed -n 2p said)" '^lf-acquire: lock: locked after [0-9]+\.[0-9]{3} seconds$'
	equal "$(wc -l <said)" 2
}

@test "-v prints one line for a free lock" {
	run -0 lf-acquire --verbose lock true
	equal "${#lines[@]}" 1
	like "$output" '^lf-acquire: lock: locked after [0-9]+\.[0-9]{3} seconds$'
}

@test "without -v waiting prints nothing" {
	local first

	need_proc_locks
	hold lf-acquire lock
	first=$holder
	begin lf-acquire -w lock 2>said
	queued "$holder"
	release "$first"
	release "$holder"
	equal "$(<said)" ""
}

# A process that reads about its descriptors just then delays the end of its lock.
lacks_flock() {
	! grep -q " FLOCK .*:$(stat -c %i "$1") " /proc/locks
}

@test "a waiter that was killed does not keep the holder from removing the file" {
	need_proc_locks
	hold lf-acquire lock
	queue lf-acquire -w lock true
	kill -KILL "$pid"
	finish "$pid"
	eventually lacks_flock lock
	release "$holder"
	absent lock
}

@test "a lock file that is removed by hand while it is held excludes nobody" {
	hold lf-acquire -k lock
	rm lock
	run -0 lf-acquire lock true
	release "$holder"
	absent lock
}

# --- How long the lock lasts

@test "COMMAND inherits the locked file at a descriptor above 9" {
	run -0 lf-acquire lock sh -c '
		for fd in /proc/$$/fd/*; do
			if [ "$fd" -ef lock ]; then
				echo "${fd##*/}"
			fi
		done'
	equal "${#lines[@]}" 1
	calls lockf || [ "$output" -gt 9 ]
}

@test "a COMMAND that uses descriptors 3 to 9 itself keeps the lock" {
	need_locks_of_descriptors
	run -75 lf-acquire -F lock sh -c '
		exec 3>o 4>o 5>o 6>o 7>o 8>o 9>o
		lf-acquire lock true'
}

@test "without room for the PID it is status 71, whether or not the file existed" {
	local option

	for option in -n -k; do
		: >lock
		run -71 sh -c 'ulimit -f 0; exec lf-acquire -p "$1" lock touch ran' \
			sh "$option"
		like "$output" 'lock: no space left'
		rm -f lock
	done
	run -71 sh -c 'ulimit -f 0; exec lf-acquire -p lock touch ran'
	absent ran
	absent lock
}

@test "without permission to read the file, -p does not blame a sandbox" {
	need_unprivileged
	: >lock
	chmod 222 lock
	[ "$(id -u)" -ne 0 ] || chown "$nobody" lock
	run -0 unprivileged lf-acquire -k lock echo ran
	run -66 unprivileged lf-acquire -p lock touch ran
	like "$output" 'lock: permission denied; .* --mode 666'
	absent ran
}

# The first limit that suffices for lf-acquire alone.
@test "without a descriptor for COMMAND it does not run, status 71" {
	local option

	need_locks_of_descriptors
	for option in -k -F; do
		rm -f lock
		run -71 sh -c 'ulimit -n 10; exec lf-acquire "$1" lock touch ran' \
			sh "$option"
		like "$output" 'lock: too many open files in this process; check'
		absent ran
		[ ! -e lock ] || free lock
	done
	run -0 sh -c 'ulimit -n 10; exec lf-acquire -o lock touch ran'
	present ran
}

@test "after kill -9 of lf-acquire COMMAND holds the lock until it ends" {
	local waiter

	need_locks_of_descriptors
	hold lf-acquire lock
	kill_holder
	held lock
	run -75 lf-acquire lock true
	run -75 original -n lock true
	begin lf-acquire -w lock
	waiter=$holder
	is_gone "$command" && false
	kill -KILL "$command"
	holds "$waiter"
	release "$waiter"
	absent lock
}

@test "kill -9 of a holder frees the lock" {
	hold lf-acquire -F lock
	kill_holder
	free lock
	run -0 lf-acquire lock true
	absent lock
}

@test "after kill -9 of a holder a waiter gets the lock" {
	local first

	need_proc_locks
	hold lf-acquire -F lock
	first=$holder
	queue_holder lf-acquire -w lock
	kill -KILL "$first"
	holds "$holder"
	release "$holder"
	equal "$status" 0
	absent lock
}

@test "a daemon that COMMAND leaves behind does not keep the lock" {
	local keep

	channel daemon
	daemon=$fd
	# A kept file is the very one that the daemon has open.
	for keep in '' -k; do
		# shellcheck disable=SC2086 # none or one
		start lf-acquire $keep lock sh -c '
			(read -r _ <"$1") >/dev/null 2>&1 &
			echo $! >daemon' sh "$BATS_TEST_TMPDIR/never"
		next "$daemon"
		started+=("$line")
		finish "$pid"
		equal "$status" 0
		kill -0 "$line"
		free lock
		run -0 lf-acquire -k lock true
		run -0 original -n lock true
	done
}

# Opens and closes the lock file, of which the lock is held.
straying='
	: <lock
	: >>lock
	lf-acquire lock true
	test $? -eq 75 || exit 1
	original -n lock true
	test $? -eq 75 || exit 2
	lf-check -q lock'

@test "a stray open and close by COMMAND does not free the lock" {
	run -0 lf-acquire lock sh -c "$straying"
	absent lock
}

@test "a stray open and close by COMMAND with -F does not free the lock" {
	need_locks_of_descriptors
	run -0 lf-acquire -F lock sh -c "$straying"
}

@test "locks on different files are independent" {
	hold lf-acquire one
	run -0 lf-acquire two lf-acquire three true
	held one
}

# --- -F

@test "-F becomes COMMAND: one PID, which holds the lock, and the file is kept" {
	local option

	for option in -F --exec; do
		hold lf-acquire "$option" lock
		equal "$command" "$holder"
		held lock
		run -75 lf-acquire lock true
		release "$holder" 8
		equal "$status" 8
		present lock
		free lock
	done
}

@test "with -F COMMAND is named as the holder" {
	need_holders_with_names
	hold lf-acquire -F lock
	run -75 lf-acquire lock true
	names_holder "$output" lock "$holder" "sh -c $holding"
}

# A user that may not examine COMMAND has nothing else to know it by.
@test "with -F COMMAND has the mark with the PID" {
	need_locks_of_descriptors
	hold lf-acquire -F lock
	reports lock "$holder tag"
}

@test "-F with a COMMAND that cannot be run leaves no lock, and a file only with -k" {
	run -127 lf-acquire -F lock ./no-such
	absent lock
	run -127 lf-acquire -k -F lock ./no-such
	present lock
	free lock
}

# --- The file

@test "-k keeps the file, the default removes it" {
	run -0 lf-acquire -k lock true
	present lock
	free lock
	run -0 lf-acquire --keep lock true
	present lock
	run -0 lf-acquire lock true
	absent lock
}

@test "-m is the mode of a new file, whatever the umask" {
	local mask mode

	for mask in 000 022 077 777; do
		for mode in 600 0640 644 0666 777 1; do
			umask "$mask"
			run lf-acquire -k -m "$mode" lock true
			umask 022
			equal "$status" 0
			equal "$(stat -c %04a lock)" "$(printf %04o "0$mode")"
			rm -f lock
		done
	done
	umask 027
	run -0 lf-acquire -m 666 lock sh -c umask
	equal "$output" 0027
}

@test "without -m the mode is 0666 less the umask" {
	local mask

	for mask in 000 022 027 077; do
		umask "$mask"
		run lf-acquire -k lock true
		umask 022
		equal "$status" 0
		equal "$(stat -c %a lock)" "$(printf %o $((0666 & ~0$mask)))"
		rm lock
	done
}

@test "-m does not change the mode of an existing file" {
	: >lock
	chmod 640 lock
	run -0 lf-acquire -k -m 600 lock true
	run -0 lf-acquire -k --mode=666 lock true
	equal "$(stat -c %a lock)" 640
}

@test "a file with content is locked, not removed and not changed" {
	local option

	printf 'precious\0 \n\n' >lock
	touch -d '2001-02-03 04:05:06' lock
	cp -p lock copy
	facts=$(stat -c '%i %h %f %u %g %s %y %z' lock)
	for option in -n -w -k -F -mn; do
		[ "$option" != -mn ] || option=--mode=600
		run -0 lf-acquire "$option" lock sh -c 'lf-check -q lock && cmp lock copy'
		cmp lock copy
		equal "$(stat -c '%i %h %f %u %g %s %y %z' lock)" "$facts"
		free lock
	done
}

@test "a file that COMMAND writes to is not removed" {
	run -0 lf-acquire lock sh -c 'echo kept >lock'
	equal "$(<lock)" kept
	free lock
	rm lock
	run -0 lf-acquire -v lock sh -c 'echo kept >lock'
	equal "$(<lock)" kept
	like "${lines[1]}" '^lf-acquire: lock: left in place$'
}

@test "an existing empty file is locked and removed" {
	: >lock
	run -0 lf-acquire lock true
	absent lock
}

@test "a file that replaced the locked one is not removed" {
	run -0 lf-acquire lock sh -c 'mv lock old; echo new >other; mv other lock'
	equal "$(<lock)" new
	run -0 lf-acquire lock2 sh -c 'rm lock2; : >lock2'
	present lock2
}

@test "COMMAND may remove the file, which is reported" {
	run -5 lf-acquire lock sh -c 'rm lock; exit 5'
	equal "$output" "$replaced"
	absent lock
}

@test "a relative path keeps its meaning wherever COMMAND changes to" {
	mkdir -p sub/deep
	run -0 lf-acquire sub/lock sh -c 'cd sub/deep && lf-check -q ../lock'
	absent sub/lock
	cd sub/deep
	run -0 lf-acquire ../lock sh -c 'cd / && lf-check -q "$1"' sh "$PWD/../lock"
	absent ../lock
	run -0 lf-acquire ./lock sh -c 'lf-check -q lock'
	absent lock
}

@test "a relative and an absolute path are one lock" {
	mkdir sub
	hold lf-acquire lock
	run -75 lf-acquire "$PWD/lock" true
	run -75 lf-acquire sub/../lock true
	cd sub
	run -75 lf-acquire ../lock true
	held "$lock"
}

@test "the file is removed although its directory was renamed meanwhile" {
	mkdir before
	run -0 lf-acquire before/lock mv before after
	absent after/lock
	mkdir before
	run -0 lf-acquire "$PWD/before/lock" mv before after2
	absent after2/lock
}

@test "hard links to the file are one lock" {
	: >lock
	ln lock link
	hold lf-acquire -k lock
	run -75 lf-acquire -k link true
}

@test "a name may have 255 bytes, blanks, or a dash in front" {
	local name

	for name in "$(printf '%0255d' 0)" ' ' 'a b' '*' ./-k; do
		run -0 lf-acquire "$name" lf-check -q "$name"
		absent "$name"
	done
	run -0 lf-acquire -- -k lf-check -q ./-k
	absent ./-k
}

# --- With the original, in every mix

# hands_over HOLDER REFUSED WAITER AGAIN: programs with their options.  While
# HOLDER has the lock REFUSED is refused and WAITER waits; while WAITER has it
# AGAIN is refused.
hands_over() {
	local first

	# shellcheck disable=SC2086 # the options of each
	{
		hold $1 lock
		first=$holder
		run -75 $2 lock touch ran
		queue_holder $3 lock
		has_not_locked "$holder"
		release "$first" 3
		equal "$status" 3
		holds "$holder"
		held lock
		run -75 $4 lock touch ran
		release "$holder"
		equal "$status" 0
		absent ran
	}
}

@test "while the original holds the lock lf-acquire is refused, or waits" {
	local keep our_keep

	need original
	need_proc_locks
	for keep in '' -k; do
		for our_keep in '' -k; do
			hands_over "original $keep" "lf-acquire $our_keep" \
				"lf-acquire $our_keep -w" "original -n"
			[ -z "$our_keep" ] || rm lock
			absent lock
		done
	done
}

@test "while lf-acquire holds the lock the original is refused, or waits" {
	local keep our_keep

	need original
	need_proc_locks
	for keep in '' -k; do
		for our_keep in '' -k -F; do
			hands_over "lf-acquire $our_keep" "original -n $keep" \
				"original $keep" lf-acquire
			[ -z "$keep" ] || rm lock
			absent lock
		done
	done
}

@test "the original is named as the holder" {
	need original
	need_holders_with_names
	hold original lock
	run -75 lf-acquire lock true
	names_holder "$output" lock "$holder" "original lock sh -c $holding"
}

@test "kill -9 of an original frees the lock" {
	need original
	hold original lock
	kill_holder
	run -0 lf-acquire lock true
	absent lock
}

# Overlapping runs find the directory there, or lose an update.
counting='
	mkdir inside || echo overlap >>overlaps
	read -r n <count
	echo $((n + 1)) >count
	rmdir inside || echo overlap >>overlaps'

# in_turn ROUNDS PROGRAM...: that often, again when it is refused.
in_turn() {
	local i

	for ((i = 0; i < $1; i++)); do
		until "${@:2}" sh -c "$counting"; do
			:
		done
	done
}

@test "no two COMMANDs overlap, in any mix of waiting, keeping and removing" {
	local pids=() rounds=15

	need original
	echo 0 >count
	for program in \
		"original" "original -k" "original -n" "original -n -k" \
		"lf-acquire -w" "lf-acquire -w -k" \
		"lf-acquire -q" "lf-acquire -q -k"; do
		# shellcheck disable=SC2086 # its options
		start in_turn "$rounds" $program lock
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish "$pid"
	done
	absent overlaps
	equal "$(<count)" $((8 * rounds))
}

@test "processes that remove the file leave none behind" {
	local pids=() program

	echo 0 >count
	for program in "-w" "-w" "-w" "-q" "-q"; do
		start in_turn 15 lf-acquire "$program" lock
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish "$pid"
	done
	equal "$(<count)" 75
	absent lock
}

# --- Bad input: a clear message, the status, and nothing created or changed

# refused STATUS MESSAGE ARGUMENT...
refused() {
	local before

	before=$(find . -printf '%p %i %m %s %t\n' | sort)
	run --separate-stderr timeout 60 lf-acquire "${@:3}" touch ran
	equal "$status" "$1"
	equal "$output" ""
	like "$stderr" "^lf-acquire: .*$2"
	[[ $stderr != *$'\e'* ]]
	equal "$(find . -printf '%p %i %m %s %t\n' | sort)" "$before"
}

@test "a missing directory is status 73" {
	refused 73 'no/such/lock: no such file or directory' no/such/lock
	refused 73 'no such file or directory' -w -k "$PWD/no/lock"
}

@test "a path through a file is status 73" {
	: >file
	refused 73 'file/lock: a part of the path is not a directory' file/lock
}

@test "a directory is status 66" {
	mkdir dir
	refused 66 'dir: is a directory' dir
	refused 66 'dir/: is a directory' -k dir/
	refused 66 '\.: is a directory' -w .
	refused 66 '/: is a directory' /
}

@test "with -p, other content and a second hard link are status 66, with a remedy" {
	echo data >file
	: >linked
	ln linked other
	refused 66 'file: .*; use another lock file, or omit --pid' -p file
	refused 66 'linked: the file has another name.*; use another lock file, or omit --pid' -p linked
}

@test "a FIFO is status 66 and does not hang" {
	mkfifo fifo
	refused 66 'fifo: is not a regular file' fifo
	refused 66 'fifo: is not a regular file' -w fifo
	refused 66 'fifo: is not a regular file' -k fifo
}

@test "a device is status 66" {
	refused 66 '/dev/null: is not a regular file' /dev/null
	refused 66 '/dev/zero: is not a regular file' -w /dev/zero
	[ -c /dev/null ]
}

@test "a socket is status 66" {
	make_socket socket
	refused 66 'socket: is not a regular file' socket
}

@test "a symbolic link is status 66, dangling or not" {
	ln -s nowhere dangling
	: >file
	ln -s file link
	ln -s . dir
	ln -s loop loop
	refused 66 'dangling: is a symbolic link' dangling
	refused 66 'link: is a symbolic link' -k link
	refused 66 'dir: is a symbolic link' -w dir
	refused 66 'loop: is a symbolic link' loop
	absent nowhere
}

@test "with --follow, the holder of the file behind a link is named" {
	need_holders_with_names
	hold lf-acquire lock
	ln -s lock link
	run -75 lf-acquire --follow link true
	names_holder "$output" link "$holder" "lf-acquire lock sh -c $holding"
}

@test "a symbolic link on the way to the lock file is followed" {
	mkdir real
	ln -s real link
	run -0 lf-acquire link/lock lf-check -q real/lock
	absent real/lock
}

@test "a directory that may not be written or searched is status 73" {
	need_unprivileged
	mkdir closed sealed
	chmod 555 closed
	chmod 000 sealed
	run -73 --separate-stderr unprivileged lf-acquire closed/lock true
	like "$stderr" '^lf-acquire: closed/lock: permission denied'
	run -73 --separate-stderr unprivileged lf-acquire sealed/lock true
	like "$stderr" '^lf-acquire: sealed/lock: permission denied'
	absent closed/lock
	chmod 755 sealed
	absent sealed/lock
}

@test "a file that may not be written is status 66" {
	local mode

	need_unprivileged
	for mode in 000 444; do
		echo content >file
		: >empty
		chmod "$mode" file empty
		before=$(facts file empty)
		for file in file empty; do
			run -66 --separate-stderr unprivileged \
				lf-acquire "$file" true
			like "$stderr" "^lf-acquire: $file: permission denied"
			run -66 unprivileged lf-acquire -k -w "$file" true
		done
		equal "$(facts file empty)" "$before"
		rm -f file empty
	done
}

@test "a file that may be written but not removed is locked and left" {
	need_unprivileged
	mkdir closed
	: >closed/lock
	chmod 666 closed/lock
	chmod 555 closed
	run -5 unprivileged lf-acquire closed/lock \
		sh -c 'lf-check -q closed/lock || exit 1; exit 5'
	equal "$output" ""
	present closed/lock
	chmod 755 closed
}

@test "a file that may be written but not read is locked" {
	need_unprivileged
	mkdir open
	chmod 777 open
	: >open/lock
	chmod 222 open/lock
	run -0 unprivileged lf-acquire open/lock true
	absent open/lock
}

@test "a name that is too long is status 73" {
	refused 73 'the name is too long' "$(printf '%0256d' 0)"
	refused 73 'the name is too long' "$(printf 'd/%.0s' {1..3000})lock"
}

@test "an empty path is status 64" {
	refused 64 'the name of a lock file is empty' ''
}

@test "an unknown option is status 64 and refers to --help" {
	run -64 --separate-stderr lf-acquire --no-such lock touch ran
	like "$stderr" "lf-acquire --help"
	like "$stderr" "no-such"
	run -64 --separate-stderr lf-acquire -Z lock touch ran
	like "$stderr" "lf-acquire --help"
	absent ran
	absent lock
}

@test "no lock file, or no COMMAND, is status 64" {
	run -64 lf-acquire
	like "$output" "^lf-acquire: no lock file and no command given"
	run -64 lf-acquire -k
	run -64 lf-acquire lock
	like "$output" "^lf-acquire: lock: no command given"
	run -64 lf-acquire lock --
	like "$output" "^lf-acquire: lock: no command given"
	absent lock
}

@test "an invalid exit status for -E is status 64" {
	local bad

	for bad in -1 256 1000 4294967296 18446744073709551616 x 1x ' 1' +1 0x1 1.5 ''; do
		refused 64 'invalid exit status ' -E "$bad" lock
	done
	run -64 lf-acquire -E
}

@test "an invalid time for -t is status 64" {
	local bad

	for bad in -1 1e3 nan inf infinity 0x1 ' 1' +1 1s 1,5 . '' 2147484 \
		99999999999999999999; do
		refused 64 'invalid time ' -t "$bad" lock
	done
	run -64 lf-acquire -t
}

@test "an invalid mode for -m is status 64" {
	local bad

	for bad in 8 10000 -1 rw u+r 0x1 ' 600' +600 99999999999 ''; do
		refused 64 'invalid mode ' -m "$bad" lock
	done
	run -64 lf-acquire -m 999 lock true
	equal "$output" "lf-acquire: invalid mode '999': give up to four octal digits, such as 600"
	run -64 lf-acquire -m $'6\e' lock true
	begins "$output" "lf-acquire: invalid mode '6\\x1b': "
	run -64 lf-acquire -m
}

# As with execvp(3), a directory of PATH that may not be searched makes it 126.
need_path_of_all() {
	PATH=$(dirname "$(type -P lf-acquire)"):/usr/bin:/bin
}

@test "a COMMAND that is not found is status 127 and leaves no file" {
	need_path_of_all
	run -127 --separate-stderr lf-acquire lock no-such-command-here
	like "$stderr" '^lf-acquire: no-such-command-here: cannot be run: '
	run -127 lf-acquire -w lock ./no-such
	run -127 lf-acquire lock no/such
	run -127 lf-acquire lock ''
	absent lock
}

@test "a COMMAND whose interpreter is missing is status 126" {
	printf '#!/no/such/interpreter\n' >script
	chmod +x script
	run -126 lf-acquire lock ./script
	like "$output" 'its interpreter is missing$'
	absent lock
}

@test "a COMMAND that is not executable is status 126 and leaves no file" {
	: >file
	chmod 644 file
	mkdir dir
	run -126 --separate-stderr lf-acquire lock ./file
	like "$stderr" '^lf-acquire: \./file: cannot be run: '
	run -126 lf-acquire lock ./dir
	absent lock
	run -126 lf-acquire -F lock ./file
	free lock
}

@test "no file of lf-acquire becomes a standard stream that is closed" {
	local closed

	for closed in '' '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' \
		'<&- >&- 2>&-'; do
		rc=0
		eval "lf-acquire -v -k lock sh -c '
			for fd in 0 1 2; do
				test /proc/\$\$/fd/\$fd -ef lock && exit 1
			done
			lf-check -q lock || exit 2
			echo out; echo error >&2; exit 7' $closed" || rc=$?
		equal "$rc" 7
		present lock
		equal "$(stat -c %s lock)" 0
	done
}

@test "a closed standard stream is closed for COMMAND as well" {
	run -0 sh -c 'exec lf-acquire lock sh -c "! test -e /proc/\$\$/fd/0" <&-'
	run -0 sh -c 'exec lf-acquire lock sh -c "! test -e /proc/\$\$/fd/1" >&-'
	run -0 sh -c 'exec lf-acquire lock sh -c "! test -e /proc/\$\$/fd/2" 2>&-'
}

@test "a held lock is status 75 with all standard streams closed" {
	local rc=0

	hold lf-acquire lock
	lf-acquire lock true <&- >&- 2>&- || rc=$?
	equal "$rc" 75
	equal "$(stat -c %s lock)" 0
}

@test "a full standard error changes no status" {
	need_dev_full
	hold lf-acquire lock
	run -75 sh -c 'lf-acquire lock true 2>/dev/full'
	run -6 sh -c 'lf-acquire -v other sh -c "exit 6" 2>/dev/full'
}

# --- --help and --version

@test "--help and --version go to standard output with status 0" {
	answers_help_and_version lf-acquire
}

@test "--help names every option" {
	help_names lf-acquire '-a, --also FILE' '-n, --no-wait' '-w, --wait' '-t, --timeout' '-k, --keep' '-m, --mode' \
		'-1, --one-waiter' '-N, --slots N' \
		'-E, --conflict-exit-code' '-F, --exec' '-q, --quiet' \
		'-v, --verbose' '-h, --help' '-V, --version'
}

@test "a COMMAND that cannot be run is explained" {
	# A directory that may not be searched is EACCES, as for execvp(3).
	local tool
	tool=$(type -P lf-acquire)
	local PATH=${tool%/*}:/usr/bin:/bin

	run -127 lf-acquire lock no-such-command
	equal "$output" "lf-acquire: no-such-command: cannot be run: not found in any directory of PATH"
	run -127 lf-acquire lock "echo a b"
	like "$output" "use sh -c 'COMMAND'\$"
	run -127 lf-acquire lock ./missing
	like "$output" 'cannot be run: no such file$'
	printf '#!/no/such/interpreter\n' >script
	chmod +x script
	run -126 lf-acquire lock ./script
	like "$output" 'its interpreter is missing$'
	printf '#!/bin/sh\necho ran\n' >script
	run -126 lf-acquire ./script ./script
	like "$output" 'open for writing, perhaps as its own lock file; .* sh SCRIPT$'
	run -0 lf-acquire ./script sh ./script
	equal "$output" ran
}

@test "a lock file that was replaced or removed while COMMAND ran is reported" {
	local change option

	for change in 'rm lock' 'mv lock lock.old' 'mv new lock' \
		'cp lock new; mv new lock'; do
		for option in -n -q -o -s -k --follow -v; do
			! [[ $option = -s ]] || ! calls lockf || continue
			rm -f lock lock.old
			: >new
			run -7 --separate-stderr lf-acquire "$option" lock \
				sh -c "$change; exit 7"
			equal "${stderr_lines[-1]}" "$replaced"
		done
	done
	echo data >lock
	run -0 --separate-stderr lf-acquire lock sed -i s/data/more/ lock
	equal "$stderr" "$replaced"
	equal "$(<lock)" more
}

@test "a lock file in a directory that was replaced while COMMAND ran is reported" {
	local change option file

	for option in -n -k -s; do
		! [[ $option = -s ]] || ! calls lockf || continue
		for file in dir/lock "$PWD/dir/lock"; do
			for change in 'mv dir old' 'mv dir old; mkdir dir; : >dir/lock' \
				'mv dir old; mkdir other; ln -s other dir'; do
				mkdir dir
				run -7 --separate-stderr lf-acquire "$option" "$file" \
					sh -c "$change; exit 7"
				equal "$stderr" "${replaced/lock/"$file"}"
				rm -rf dir old other
			done
		done
	done
}

@test "a symbolic link to the lock file that was replaced while COMMAND ran is reported" {
	local file

	for file in link ./link "$PWD/link"; do
		: >lock
		ln -s lock link
		run -7 --separate-stderr lf-acquire --follow "$file" \
			sh -c 'ln -sf other link; exit 7'
		equal "$stderr" "${replaced/lock/"$file"}"
		rm link
	done
}

@test "a lock file that COMMAND changes or links is not reported as replaced" {
	run -0 --separate-stderr lf-acquire lock sh -c 'echo data >>lock'
	equal "$stderr" ""
	run -0 --separate-stderr lf-acquire lock sh -c 'ln lock other; rm lock; mv other lock'
	equal "$stderr" ""
	equal "$(<lock)" data
}

@test "one of several lock files that was replaced is reported by its name" {
	run -0 --separate-stderr lf-acquire -a other lock rm lock
	equal "$stderr" "$replaced"
	absent other
}

@test "a lock file that was replaced is reported if COMMAND was killed" {
	need_locks_of_descriptors
	start sh -c 'exec 2>errors; exec lf-acquire lock sh -c "rm lock; kill -TERM \$\$"'
	finish "$pid"
	equal "$status" 143
	equal "$(<errors)" "$replaced"
}

@test "--help and --version that cannot be written are status 71" {
	needs_standard_output lf-acquire
}

@test "lf-acquire itself makes at most 58 system calls" {
	local calls

	need_strace
	[ -z "${LD_PRELOAD-}" ] || skip "another library is preloaded"
	if grep -aqE '__(asan|ubsan|tsan|gcov)_' "$(type -P lf-acquire)"; then
		skip "built with instruments that make calls of their own"
	fi
	# shellcheck disable=SC2209 # a variable for it
	run -0 env -u LD_LIBRARY_PATH strace -c -o counted lf-acquire lock true
	# A total each for what is made as a 32-bit and as a 64-bit program.
	calls=$(awk '$NF == "total" { n += $4 } END { print n }' counted)
	echo "$calls calls"
	[ "$calls" -gt 10 ]
	[ "$calls" -le 58 ]
}

# --- Leases

@test "a call that waits waits for a lease too" {
	local option

	for option in -w '-t 60'; do
		begin_lease yield
		# shellcheck disable=SC2086 # two words
		run -0 --separate-stderr lf-acquire $option lock echo ran
		equal "$output" ran
		equal "$stderr" ''
		finish "$pid"
	done
}

@test "a lease is an error for a call that does not wait, and never 'held'" {
	begin_lease keep
	run -71 lf-acquire lock true
	like "$output" '^lf-acquire: lock: another process has a lease on the file; try again'
	run -71 lf-acquire -t .01 lock true
	like "$output" '^lf-acquire: lock: another process has a lease on the file; try again'
	run -71 lf-acquire -t .01 -a other lock true
	like "$output" '^lf-acquire: lock: another process has a lease on the file; try again'
	run -71 lf-acquire -q -E 0 -t .01 -a lock other true
	absent other
	kill "$pid"
	finish "$pid"
	run -0 lf-acquire lock true
}
