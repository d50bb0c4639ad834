#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# The tools when system calls fail.  faulty-acquire and faulty-check are the
# tools with calls that fail as $FAULTY says.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154 # helper.bash and run set them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

# What the tools say and do when the system refuses.  faulty-acquire and
# faulty-check are the tools, with calls that fail as $FAULTY wants it.

load helper

# fails_with STATUS MESSAGE COMMAND...: that status, one line on standard error
# with the text, no other output, and no COMMAND runs.
fails_with() {
	run "-$1" --separate-stderr timeout 60 "${@:3}"
	equal "$output" ""
	equal "${#stderr_lines[@]}" 1
	like "$stderr" "^lf-(acquire|check): $2"
	absent ran
}

# fails FAULT STATUS MESSAGE: for a new file.
fails() {
	local option

	for option in -n -w '-t 60' -k '-m 600' -F; do
		# shellcheck disable=SC2086 # an option may have an argument
		FAULTY=$1 fails_with "$2" "lock: $3" \
			faulty-acquire $option lock touch ran
		absent lock
	done
}

# fails_there FAULT STATUS MESSAGE: for an existing file, which does not change.
fails_there() {
	local before option

	: >there
	before=$(facts there)
	for option in -n -w '-t 60' -k -F; do
		# shellcheck disable=SC2086
		FAULTY=$1 fails_with "$2" "there: $3" \
			faulty-acquire $option there touch ran
	done
	equal "$(facts there)" "$before"
}

@test "a new file that is refused is status 73, with a remedy" {
	fails create:EACCES 73 'permission denied; check the permissions'
	fails create:EDQUOT 73 'disk quota exceeded; free some space'
	fails create:ENOSPC 73 'no space left on the device; free some space'
	fails create:EPERM 73 'operation not permitted; check .* immutable'
	fails create:EROFS 73 'the file system is read-only; use'
	fails create:EINVAL 73 'invalid argument'
	fails create:ESTALE 73 'the path no longer names .*; check its file server'
}

@test "an existing file that is refused is status 66, with a remedy" {
	fails_there create:EROFS 66 'the file system is read-only; use'
	fails_there create:EPERM 66 'operation not permitted; check'
	fails_there create:ETXTBSY 66 'is a program that is running; use a file'
	fails_there create:EOVERFLOW 66 'the file is too large .*; use a file'
}

@test "an error that does not come from the file is status 71" {
	fails create:EMFILE 71 'too many open files in this process; check'
	fails create:ENFILE 71 'too many open files in the system; check'
	fails create:ENOMEM 71 'out of memory or threads; check'
	fails create:EIO 71 'input/output error .*; check'
	fails create:ENODEV 71 'input/output error or another failure'
	FAULTY=create:EAGAIN fails_with 71 'lock: another process has a lease on the file; try again' \
		faulty-acquire -n lock touch ran
	absent lock
	FAULTY=calloc:ENOMEM fails_with 71 'out of memory' faulty-acquire lock touch ran
	absent lock
	fails_there fstat:EIO 71 'input/output error .*; check'
}

@test "a file system without locks is status 71; COMMAND never runs unlocked" {
	local fault

	if calls lockf; then
		skip "built with lockf"
	fi
	for fault in F_SETLK:ENOLCK F_SETLK:EINVAL F_SETLK:ENOSYS \
		F_SETLK:ENOTSUP; do
		fails_there "$fault" 71 \
			'.*record locks.*; use a local file system'
	done
	need_locks_of_descriptors
	fails_there F_OFD_SETLK:ENOLCK 71 '.*record locks'
	fails_there F_OFD_SETLK:ENOTSUP 71 '.*record locks'
}

@test "a lock that cannot be passed on is status 71; COMMAND never runs unlocked" {
	need_locks_of_descriptors
	FAULTY=F_DUPFD:EMFILE fails_with 71 'lock: too many open files in this process' \
		faulty-acquire lock touch ran
	absent lock
	FAULTY=F_SETFD:EIO fails_with 71 'lock: input/output error' \
		faulty-acquire -F lock touch ran
	free lock
}

@test "on a kernel without open file description locks COMMAND runs locked" {
	need_locks_of_descriptors
	FAULTY=F_OFD_SETLK:EINVAL run -0 faulty-acquire lock \
		sh -c 'lf-check -p lock; lf-acquire lock touch ran || echo $?'
	like "${lines[0]}" '^[0-9]+$'
	equal "${lines[-1]}" 75
	absent ran
	absent lock
}

@test "a look at COMMAND that is interrupted is made again" {
	FAULTY=waitpid:EINTR:1 run -7 timeout 60 faulty-acquire lock sh -c 'exit 7'
	equal "$output" ""
	absent lock
}

@test "a COMMAND that something else has reaped is status 71, and the lock is free" {
	FAULTY=waitpid:ECHILD:1 run -71 timeout 60 faulty-acquire lock touch ran
	like "$output" '^lf-acquire: touch: how it ended is unknown: '
	present ran
	absent lock
}

@test "descriptors that may not be listed are not a lack of memory" {
	touch lock
	FAULTY=fdopendir:EACCES run -1 faulty-check --mine lock
	equal "$output" ""
	need_locks_of_descriptors
	FAULTY=fdopendir:EACCES run -0 lf-acquire lock faulty-check --mine lock
}

@test "without descriptors a list of locks is not one that the system lacks" {
	local n said=''

	hold lf-acquire lock
	for n in {1..30}; do
		FAULTY=openat:EMFILE:$n run --separate-stderr faulty-check "$PWD"
		[[ $stderr != *"does not list locks"* ]]
		said+=$stderr
	done
	like "$said" "too many open files"
}

# succeed_with STACK ARGUMENT...: each time, wherever the system begins the stack.
succeed_with() {
	local n

	for n in {1..10}; do
		prlimit --core=0 --stack="$1" env -i PATH="$PATH" \
			lf-acquire "${@:2}" lock true &>message || return
	done
}

# A program that dies of it has the lock.
@test "a message needs little of the stack" {
	local stack

	need prlimit
	for ((stack = 8192; stack <= 65536; stack += 4096)); do
		! succeed_with "$stack" || break
	done
	[ "$stack" -le 65536 ] || skip "a program needs more than 64 kB of it here"
	echo "$stack"
	succeed_with $((stack + 16384)) -v
	like "$(<message)" '^lf-acquire: lock: locked after '
}

@test "a wait without a thread, memory or descriptor is status 71" {
	hold lf-acquire lock
	FAULTY=pthread_create:EAGAIN fails_with 71 'lock: out of memory or threads; check' \
		faulty-acquire -t 60 lock touch ran
	FAULTY=malloc:ENOMEM fails_with 71 'lock: out of memory or threads' \
		faulty-acquire -t 60 lock touch ran
	FAULTY=pipe:EMFILE fails_with 71 'lock: too many open files in this process' \
		faulty-acquire -t 60 lock touch ran
	FAULTY=pipe:ENFILE fails_with 71 'lock: too many open files in the system' \
		faulty-acquire -t 60 lock touch ran
	held lock
	release "$holder"
	absent lock
}

@test "an interrupted wait is an error, not the lock" {
	need_holders_with_names
	hold lf-acquire lock
	FAULTY=F_SETLKW:EINTR fails_with 71 'lock: interrupted by a signal' \
		faulty-acquire -w lock touch ran
	held lock
}

@test "a held lock is status 75, whether or not its holder is known" {
	local fault

	hold lf-acquire lock
	# The search for the holder begins with the second openat, or the third.
	for fault in openat:E{MFILE,ACCES,NOENT}:{3,4,5,6,7,8} lstat:EIO \
		F_GETLK:EIO F_OFD_GETLK:EIO readlink:ENOENT fdopen:ENOMEM; do
		FAULTY=$fault fails_with 75 \
			'lock: (was held just now|held; holder unknown|held by PID)' \
			faulty-acquire lock touch ran
	done
	held lock
}

@test "a process that cannot be created is status 71 and leaves no file" {
	FAULTY=vfork:EAGAIN fails_with 71 'touch: cannot be run: ' \
		faulty-acquire lock touch ran
	FAULTY=vfork:ENOMEM fails_with 71 'touch: cannot be run: ' \
		faulty-acquire lock touch ran
	FAULTY=execvp:ENOMEM fails_with 71 'touch: cannot be run: ' \
		faulty-acquire lock touch ran
	absent lock
}

@test "without memory COMMAND does not run, or its status is not lost" {
	need_faults
	local call n runs=0

	for call in calloc malloc realloc; do
		for n in {1..12}; do
			FAULTY=$call:ENOMEM:$n run --separate-stderr \
				faulty-acquire lock sh -c '>ran; exit 5'
			absent lock
			if [ -e ran ]; then
				equal "$status" 5
				rm ran
				runs=$((runs + 1))
			else
				equal "$status" 71
			fi
		done
	done
	[ "$runs" -gt 0 ]
}

@test "a COMMAND that the system refuses is status 126 and leaves no file" {
	local error option

	for error in EACCES ENOEXEC ETXTBSY EIO ELOOP; do
		for option in -n -F; do
			FAULTY=execvp:$error fails_with 126 'touch: cannot be run: ' \
				faulty-acquire "$option" lock touch ran
			absent lock
		done
	done
}

@test "a file that cannot be removed is left, free, with COMMAND's status" {
	local error

	for error in EACCES EPERM EROFS EIO; do
		FAULTY=unlinkat:$error run -5 faulty-acquire lock sh -c 'exit 5'
		equal "$output" ""
		present lock
		free lock
		FAULTY=unlinkat:$error run -5 faulty-acquire -v lock sh -c 'exit 5'
		equal "${lines[-1]}" "lf-acquire: lock: left in place"
	done
	run -0 lf-acquire lock true
	absent lock
}

@test "a check that fails is status 2, never free" {
	local fault option

	hold lf-acquire lock
	for fault in openat:EACCES openat:EIO openat:EMFILE openat:ENFILE \
		fstat:EIO; do
		for option in '' -p -q; do
			FAULTY=$fault fails_with 2 'lock: ' \
				faulty-check ${option:+"$option"} lock
		done
	done
	for fault in calloc openat; do
		FAULTY=$fault:ENOMEM fails_with 71 'out of memory' \
			faulty-check lock
	done
	need_locks_of_descriptors
	held lock
	: >free
	for fault in F_OFD_GETLK:EIO F_OFD_GETLK:ENOLCK; do
		FAULTY=$fault fails_with 2 'free: ' faulty-check free
		# The system's list of locks has the holder.
		! reads_proc || FAULTY=$fault run -0 faulty-check lock
	done
}

@test "--fs does not guess where mounts are not listed" {
	FAULTY=fopen:ENOENT fails_with 2 'lock: its file system cannot be found out' \
		faulty-check --fs lock
}

@test "a file that fails does not hide the others" {
	: >free
	FAULTY=fstat:EIO:1 run -2 --separate-stderr faulty-check lock free
	case $output in
	'lock: free') like "$stderr" '^lf-check: free: input/output error' ;;
	'free: free') like "$stderr" '^lf-check: lock: input/output error' ;;
	*) equal "$output" "one of them is free" ;;
	esac
}

# --- The system itself

# in_tmpfs OPTIONS COMMAND: sh runs it where m is a new file system with "there".
in_tmpfs() {
	local apart=(unshare -m)

	need unshare
	[ "$(id -u)" -eq 0 ] || apart+=(-r)
	"${apart[@]}" true 2>/dev/null ||
		skip "may not make a mount namespace here"
	mkdir m
	run --separate-stderr "${apart[@]}" sh -c '
		mount -t tmpfs -o "$1" none m && : >m/there && eval "$2"' \
		sh "$1" "$2"
}

@test "on a read-only file system no lock is taken, but files can be checked" {
	in_tmpfs size=1m 'mount -t tmpfs -o remount,ro none m || exit
		lf-acquire m/lock touch ran; echo $?
		lf-acquire -w m/there touch ran; echo $?
		lf-acquire -F -k m/there touch ran; echo $?
		lf-check m/there m/lock'
	equal "${output//$'\n'/ }" "73 66 66 m/there: free m/lock: free"
	like "$stderr" 'm/lock: the file system is read-only; use a directory that can be written here'
	absent ran
}

@test "on a full file system an existing file can be locked" {
	in_tmpfs nr_inodes=2 'lf-acquire m/lock touch ran; echo $?
		lf-acquire -t 1 m/lock touch ran; echo $?
		lf-acquire -k m/there lf-check -q m/there; echo $?; ls m'
	equal "${output//$'\n'/ }" "73 73 0 there"
	like "$stderr" 'm/lock: no space left on the device; free some space'
	absent ran
}

@test "too few descriptors are status 71 and leave nothing behind" {
	local limit rc refused=0

	for limit in {4..20}; do
		rc=0
		sh -c 'ulimit -n "$1"; exec lf-acquire lock sh -c :' sh "$limit" \
			2>error || rc=$?
		absent lock
		[ "$rc" -ne 0 ] || break
		# The loader itself had too few.
		! grep 'shared libraries' error || continue
		equal "$rc" 71
		like "$(cat error)" \
			'lock: too many open files in this process; check .* ulimit'
		refused=1
	done
	equal "$rc $refused" "0 1"
}

# --- Repeated and invalid options

@test "the last of repeated options counts" {
	hold lf-acquire lock
	run -3 lf-acquire -E 2 -E 3 lock true
	run -75 lf-acquire -w -t 60 -n lock true
	run -75 lf-acquire -w -t 0 lock true
	run -75 --separate-stderr lf-acquire -q -q lock true
	equal "$stderr" ""
	run -0 lf-acquire -k -k -m 644 -m 600 -t 2147483 other stat -c %a other
	equal "$output" 600
	present other
}

@test "the last of -s and -x counts" {
	need_shared_locks
	run -75 lf-acquire -q -s lock lf-acquire -q -s -x lock true
	run -0 lf-acquire -q -x -s lock lf-acquire -q -x -s lock true
}

@test "one invalid option is status 64, and nothing is done" {
	local bad

	for bad in '-t x' '-E x' '-m x' '-Z' '--no-such' '--keep=1' '-wt'; do
		# shellcheck disable=SC2086 # the option and its argument
		run -64 --separate-stderr lf-acquire -w -k $bad -v -n \
			lock touch ran
		equal "$output" ""
		like "$stderr" '^lf-acquire: '
		absent lock
		absent ran
	done
}

@test "the shortest and the longest time are valid" {
	local time

	for time in 0 000 0.0 .0 5. .5 0.0001 2147483 000000005 2147483.647; do
		run -0 lf-acquire -t "$time" lock true
		equal "$output" ""
	done
	for time in 2147483.648 2147484 0000000005 1..5 1.5. '1 ' '5 ' +.5 -.5 \
		-inf infinity NaN 1e-3 1E3 0x.8 $'1\n' '١'; do
		run -64 --separate-stderr lf-acquire -t "$time" lock touch ran
		like "$stderr" 'invalid time .*: give seconds'
	done
	absent lock
	absent ran
}
