#!/usr/bin/env bats
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154 # helper.bash and run set them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

# What the tools say and do when the system refuses.  faulty-acquire and
# faulty-check are the tools, with calls that fail as $FAULTY wants it.

load helper

# told STATUS MESSAGE COMMAND...: that status, one line on standard error with
# the text, nothing else, and nothing is run.
told() {
	run "-$1" --separate-stderr timeout 60 "${@:3}"
	equal "$output" ""
	equal "${#stderr_lines[@]}" 1
	like "$stderr" "^lf-(acquire|check): $2"
	absent ran
}

# fails FAULT STATUS MESSAGE: of a file that is not there yet.
fails() {
	local option

	for option in -n -w '-t 60' -k '-m 600' -F; do
		# shellcheck disable=SC2086 # an option may have an argument
		FAULTY=$1 told "$2" "lock: $3" \
			faulty-acquire $option lock touch ran
		absent lock
	done
}

# fails_there FAULT STATUS MESSAGE: of a file that is there, and is not touched.
fails_there() {
	local before option

	: >there
	before=$(facts there)
	for option in -n -w '-t 60' -k -F; do
		# shellcheck disable=SC2086
		FAULTY=$1 told "$2" "there: $3" \
			faulty-acquire $option there touch ran
	done
	equal "$(facts there)" "$before"
}

@test "what a new file is refused for is status 73, and says what to do" {
	fails create:EACCES 73 'permission denied; check the permissions'
	fails create:EDQUOT 73 'disk quota exceeded; free some space'
	fails create:ENOSPC 73 'no space left on the device; free some space'
	fails create:EPERM 73 'operation not permitted; check .* immutable'
	fails create:EROFS 73 'the file system is read-only; use'
	fails create:EINVAL 73 'invalid argument'
	fails create:ESTALE 73 'the path no longer names .*; check its file server'
}

@test "what a file that is there is refused for is status 66" {
	fails_there create:EROFS 66 'the file system is read-only; use'
	fails_there create:EPERM 66 'operation not permitted; check'
	fails_there create:ETXTBSY 66 'is a program that is running; use a file'
	fails_there create:EOVERFLOW 66 'the file is too large .*; use a file'
}

@test "what has nothing to do with the file is status 71" {
	fails create:EMFILE 71 'too many open files in this process; check'
	fails create:ENFILE 71 'too many open files in the system; check'
	fails create:ENOMEM 71 'out of memory or threads; check'
	fails create:EIO 71 'input/output error .*; check'
	fails create:ENODEV 71 'input/output error or another failure'
	fails create:EAGAIN 71 'another process has a lease on the file; try again'
	FAULTY=calloc:ENOMEM told 71 'out of memory' faulty-acquire lock touch ran
	absent lock
	fails_there fstat:EIO 71 'input/output error .*; check'
}

@test "a file system without locks is status 71 and a hint, never unlocked" {
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

@test "a kernel without locks of descriptions runs COMMAND locked all the same" {
	need_locks_of_descriptors
	FAULTY=F_OFD_SETLK:EINVAL run -0 faulty-acquire lock \
		sh -c 'lf-check -p lock; lf-acquire lock touch ran || echo $?'
	like "${lines[0]}" '^[0-9]+$'
	equal "${lines[-1]}" 75
	absent ran
	absent lock
}

@test "a wait that finds no thread, memory or descriptor is status 71" {
	hold lf-acquire lock
	FAULTY=pthread_create:EAGAIN told 71 'lock: out of memory or threads; check' \
		faulty-acquire -t 60 lock touch ran
	FAULTY=malloc:ENOMEM told 71 'lock: out of memory or threads' \
		faulty-acquire -t 60 lock touch ran
	FAULTY=pipe:EMFILE told 71 'lock: too many open files in this process' \
		faulty-acquire -t 60 lock touch ran
	FAULTY=pipe:ENFILE told 71 'lock: too many open files in the system' \
		faulty-acquire -t 60 lock touch ran
	held lock
	release "$holder"
	absent lock
}

@test "an interrupted wait is told, not taken for the lock" {
	need_holders_with_names
	hold lf-acquire lock
	FAULTY=F_SETLKW:EINTR told 71 'lock: interrupted by a signal' \
		faulty-acquire -w lock touch ran
	held lock
}

@test "a held lock is status 75, whatever is known of its holder" {
	local fault

	hold lf-acquire lock
	# To look for the holder begins with the second openat, or the third.
	for fault in openat:E{MFILE,ACCES,NOENT}:{3,4,5,6,7,8} lstat:EIO \
		F_GETLK:EIO F_OFD_GETLK:EIO readlink:ENOENT fdopen:ENOMEM; do
		FAULTY=$fault told 75 \
			'lock: (was held just now|held; holder unknown|held by PID)' \
			faulty-acquire lock touch ran
	done
	held lock
}

@test "a process that cannot be had is status 71 and leaves no file" {
	FAULTY=vfork:EAGAIN told 71 'touch: cannot be run: ' \
		faulty-acquire lock touch ran
	FAULTY=vfork:ENOMEM told 71 'touch: cannot be run: ' \
		faulty-acquire lock touch ran
	FAULTY=execvp:ENOMEM told 71 'touch: cannot be run: ' \
		faulty-acquire lock touch ran
	absent lock
}

@test "a COMMAND that the system refuses is status 126 and leaves no file" {
	local error option

	for error in EACCES ENOEXEC ETXTBSY EIO ELOOP; do
		for option in -n -F; do
			FAULTY=execvp:$error told 126 'touch: cannot be run: ' \
				faulty-acquire "$option" lock touch ran
			absent lock
		done
	done
}

@test "a file that cannot be removed is left, free, and COMMAND's status counts" {
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

@test "lf-check that cannot tell is status 2, and never says free" {
	local fault option

	hold lf-acquire lock
	for fault in lstat:EACCES lstat:EIO openat:EACCES openat:EIO \
		openat:EMFILE openat:ENFILE openat:ENOMEM fstat:EIO; do
		for option in '' -p -q; do
			FAULTY=$fault told 2 'lock: ' \
				faulty-check ${option:+"$option"} lock
		done
	done
	FAULTY=calloc:ENOMEM told 71 'out of memory' faulty-check lock
	need_locks_of_descriptors
	for fault in F_OFD_GETLK:EIO F_OFD_GETLK:ENOLCK; do
		FAULTY=$fault told 2 'lock: ' faulty-check lock
	done
	held lock
}

@test "lf-check says what it can of one file though another fails" {
	: >free
	FAULTY=lstat:EIO:1 run -2 --separate-stderr faulty-check lock free
	equal "$output" "free: free"
	like "$stderr" '^lf-check: lock: input/output error'
}

# --- The system itself

# in_tmpfs OPTIONS COMMAND: sh runs it where m is a new file system with "there".
in_tmpfs() {
	local apart=(unshare -m)

	need unshare
	[ "$(id -u)" -eq 0 ] || apart+=(-r)
	"${apart[@]}" true 2>/dev/null ||
		skip "a mount of its own is not to be had here"
	mkdir m
	run --separate-stderr "${apart[@]}" sh -c '
		mount -t tmpfs -o "$1" none m && : >m/there && eval "$2"' \
		sh "$1" "$2"
}

@test "a read-only file system is told, and what is there can be checked" {
	in_tmpfs size=1m 'mount -t tmpfs -o remount,ro none m || exit
		lf-acquire m/lock touch ran; echo $?
		lf-acquire -w m/there touch ran; echo $?
		lf-acquire -F -k m/there touch ran; echo $?
		lf-check m/there m/lock'
	equal "${output//$'\n'/ }" "73 66 66 m/there: free m/lock: free"
	like "$stderr" 'm/lock: the file system is read-only; use a writable file system'
	absent ran
}

@test "a full file system is told, and what is there can be locked" {
	in_tmpfs nr_inodes=2 'lf-acquire m/lock touch ran; echo $?
		lf-acquire -t 1 m/lock touch ran; echo $?
		lf-acquire -k m/there lf-check -q m/there; echo $?; ls m'
	equal "${output//$'\n'/ }" "73 73 0 there"
	like "$stderr" 'm/lock: no space left on the device; free some space'
	absent ran
}

@test "too few descriptors are told, and leave nothing behind" {
	local limit rc told=0

	for limit in {4..20}; do
		rc=0
		sh -c 'ulimit -n "$1"; exec lf-acquire lock sh -c :' sh "$limit" \
			2>error || rc=$?
		absent lock
		[ "$rc" -ne 0 ] || break
		# Not even the loader had enough.
		! grep 'shared libraries' error || continue
		equal "$rc" 71
		like "$(cat error)" \
			'lock: too many open files in this process; check .* ulimit'
		told=1
	done
	equal "$rc $told" "0 1"
}

# --- The last word counts

@test "of an option that is given twice the last counts" {
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

@test "a wrong option among right ones is status 64, and nothing is done" {
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

@test "the shortest and the longest times are times" {
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
