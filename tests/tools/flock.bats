#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# lf-acquire --flock: programs that lock by flock(2) are excluded too.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# free_of_records PATH: flock(2) may hold it.
free_of_records() {
	local rc=0

	lf-check -q --record "$1" || rc=$?
	[ "$rc" -eq 1 ]
}

is_queued_by_flock() {
	grep -Eq -- "-> +FLOCK +ADVISORY +(WRITE|READ) +$1 " /proc/locks
}

# queue_by_flock COMMAND...: starts $pid, which waits for a lock of flock(2).
queue_by_flock() {
	start "$@"
	eventually is_queued_by_flock "$pid"
}

# try_flock [OPTION]: whether flock(1) gets the lock; 1 if it is held.
try_flock() {
	flock -n "$@" lock true
}

# excluded_both_ways PROGRAM...: PROGRAM LOCKFILE COMMAND... locks, or exits with 9.
excluded_both_ways() {
	local waiter

	need_flock
	need_proc_locks
	run -0 "$@" lock true
	run -9 lf-acquire --flock lock "$@" lock true
	run -0 lf-acquire -k lock "$@" lock true
	hold "$@" lock
	run -75 lf-acquire --flock lock true
	run -0 lf-acquire -k lock true
	queue_by_flock lf-acquire --flock -w lock sh -c 'echo >served'
	waiter=$pid
	# It holds nothing meanwhile.
	eventually free_of_records lock
	release "$holder"
	finish "$waiter"
	equal "$status" 0
	present served
	present lock
	run -0 "$@" lock true
}

@test "flock(1)" {
	need flock
	excluded_both_ways flock -n -E 9
}

@test "fcntl.flock of Python" {
	need python3
	excluded_both_ways python3 -c '
import fcntl, subprocess, sys
file = open(sys.argv[1], "a")
try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(9)
sys.exit(subprocess.call(sys.argv[2:]))'
}

@test "flock of Perl" {
	need perl
	excluded_both_ways perl -MFcntl=:flock -e '
		open(my $file, ">>", shift) or die;
		flock($file, LOCK_EX | LOCK_NB) or exit 9;
		exit(system(@ARGV) >> 8)'
}

# want COMMAND: one that the set-up of the tests does not install, as it is large.
want() {
	type -P "$1" >/dev/null || skip "needs $1, which is optional"
}

# need_module MODULE: $python has it; the system's may not be the first in PATH.
need_module() {
	for python in python3 /usr/bin/python3; do
		"$python" -c "import $1" 2>/dev/null && return
	done
	skip "needs Python's module $1, which is optional"
}

@test "filelock of Python" {
	need_module filelock
	excluded_both_ways "$python" -c '
import filelock, subprocess, sys
try:
    with filelock.FileLock(sys.argv[1], timeout=0):
        sys.exit(subprocess.call(sys.argv[2:]))
except filelock.Timeout:
    sys.exit(9)'
}

@test "portalocker of Python" {
	need_module portalocker
	excluded_both_ways "$python" -c '
import portalocker, subprocess, sys
file = open(sys.argv[1], "a")
try:
    portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
except portalocker.LockException:
    sys.exit(9)
sys.exit(subprocess.call(sys.argv[2:]))'
}

@test "syscall.Flock of Go" {
	want go
	cat >lock.go <<-'END'
		package main

		import (
			"os"
			"os/exec"
			"syscall"
		)

		func main() {
			file, err := os.OpenFile(os.Args[1], os.O_RDWR|os.O_CREATE, 0666)
			if err != nil {
				os.Exit(1)
			}
			if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
				os.Exit(9)
			}
			command := exec.Command(os.Args[2], os.Args[3:]...)
			command.Run()
			os.Exit(command.ProcessState.ExitCode())
		}
	END
	HOME=$PWD GOFLAGS=-mod=mod run go build -o lock-go lock.go
	[ "$status" -eq 0 ] || skip "go cannot build here"
	excluded_both_ways ./lock-go
}

@test "File::try_lock of Rust" {
	want rustc
	cat >lock.rs <<-'END'
		fn main() {
		    let mut words = std::env::args().skip(1);
		    let file = std::fs::OpenOptions::new().write(true).create(true)
		        .open(words.next().unwrap()).unwrap();
		    if file.try_lock().is_err() {
		        std::process::exit(9);
		    }
		    let status = std::process::Command::new(words.next().unwrap())
		        .args(words).status().unwrap();
		    std::process::exit(status.code().unwrap());
		}
	END
	run rustc -o lock-rs lock.rs
	[ "$status" -eq 0 ] || skip "rustc is older than 1.89, without File::lock"
	excluded_both_ways ./lock-rs
}

@test "FileChannel of Java locks records, and is excluded without --flock" {
	want java
	need_holders_with_names
	cat >Lock.java <<-'END'
		import java.nio.channels.FileChannel;
		import java.nio.file.*;

		class Lock {
			public static void main(String[] a) throws Exception {
				FileChannel file = FileChannel.open(Path.of(a[0]),
					StandardOpenOption.WRITE, StandardOpenOption.CREATE);
				System.exit(file.tryLock() == null ? 9 : 0);
			}
		}
	END
	run java Lock.java lock
	[ "$status" -eq 0 ] || skip "java cannot run a source file"
	run -9 lf-acquire -k lock java Lock.java lock
	run -9 lf-acquire --flock lock java Lock.java lock
}

@test "HDF5: an open data file is locked, and one under --flock cannot be opened" {
	need_flock
	need_module h5py
	cat >open.py <<-'END'
		import h5py, subprocess, sys
		try:
		    with h5py.File(sys.argv[1], "a"):
		        sys.exit(subprocess.call(sys.argv[2:]))
		except OSError:
		    sys.exit(9)
	END
	export HDF5_USE_FILE_LOCKING=TRUE
	excluded_both_ways "$python" open.py
}

@test "the holder is named, and the lock that it has" {
	need_flock
	need flock
	need_inspection
	hold flock lock
	run -75 lf-acquire --flock lock true
	like "$output" "^lf-acquire: lock: held by .*flock lock.*, by flock\\(2\\)\$"
	equal "${#lines[@]}" 1
	run -75 lf-acquire --flock -t 0.05 lock true
	like "$output" ", by flock\\(2\\); timed out\$"
	run -4 lf-acquire --flock -q -n -E 4 lock true
	equal "$output" ""
}

@test "-s shares with flock -s, and excludes flock -x" {
	need_flock
	need_shared_locks
	need flock
	run -1 lf-acquire --flock -s lock flock -n -x lock true
	run -0 lf-acquire --flock -s lock flock -n -s lock true
	run -0 lf-acquire --flock -s lock lf-acquire --flock -s lock true
	hold flock -s lock
	run -0 lf-acquire --flock -s lock true
	run -75 lf-acquire --flock lock true
}

@test "kill -9 of lf-acquire: COMMAND still has both" {
	need_flock
	need_locks_of_descriptors
	need flock
	hold lf-acquire --flock lock
	kill_holder
	run -1 try_flock -s
	run -75 lf-acquire --flock lock true
	let_end "$holder"
	eventually free lock
	eventually try_flock
	run -0 lf-acquire --flock lock true
}

@test "-o passes neither to COMMAND, -F both" {
	need_flock
	need_locks_of_descriptors
	need flock
	channel end
	start lf-acquire --flock -o lock sh -c 'echo >ready; read -r _ <end'
	eventually test -s ready
	run -1 try_flock
	kill -KILL "$pid"
	finish "$pid"
	eventually try_flock
	echo >&"$fd"
	hold lf-acquire --flock -F lock
	run -1 try_flock
	release "$holder"
	run -0 try_flock
}

@test "a signal ends a waiter, which leaves nothing" {
	need_flock
	need_signals TERM
	need flock
	need_proc_locks
	hold flock lock
	for option in -w -t60; do
		queue_by_flock lf-acquire --flock "$option" lock true
		kill -TERM "$pid"
		finish "$pid"
		equal "$status" $((128 + $(kill -l TERM)))
		free_of_records lock
	done
	release "$holder"
	run -0 try_flock
}

@test "--fd locks and unlocks both" {
	need_flock
	need_locks_of_descriptors
	need flock
	run -0 sh -c 'exec 9>>lock
		lf-acquire --flock --fd 9 || exit
		! flock -n lock true && ! lf-acquire lock true 2>/dev/null || exit
		lf-acquire -u --fd 9 && flock -n lock true && lf-acquire -k lock true'
	hold flock -s lock
	run -75 sh -c 'exec 9<>lock
		lf-acquire --flock -s --fd 9 || exit
		lf-acquire --flock --fd 9'
	like "$output" 'may have lost its shared lock$'
	run -75 sh -c 'exec 9<>lock
		lf-acquire --flock -s --fd 9 || exit
		lf-acquire --flock -t 0.05 --fd 9'
	like "$output" 'timed out; the descriptor has no lock now$'
}

@test "several files: all or none, by both" {
	need_flock
	need flock
	hold flock lock
	run -75 lf-acquire --flock -a lock other true
	like "$output" '^lf-acquire: lock: '
	free other
	release "$holder"
	run -1 lf-acquire --flock -a lock other sh -c 'flock -n lock true'
	run -1 lf-acquire --flock -a lock other sh -c 'flock -n other true'
}

# work KINDS PROGRAM...: turns, in which no other has the same kind of lock.
work() {
	local kinds i

	read -r -a kinds <<<"$1"
	shift
	for ((i = 0; i < 25; i++)); do
		"$@" lock sh -c '
			for kind; do
				mkdir "$kind" || echo "$kind" >>overlaps
			done
			for kind; do
				rmdir "$kind"
			done
			echo >>turns' sh "${kinds[@]}" || return
	done
}

@test "turns with flock(1) and with lf-acquire -k never overlap, and all get theirs" {
	need_flock
	need flock
	local pids=() one

	for _ in 1 2; do
		start work "records flocks" lf-acquire --flock -w
		pids+=("$pid")
		start work "records flocks" lf-acquire --flock -t 60
		pids+=("$pid")
		start work records lf-acquire -k -w
		pids+=("$pid")
		start work flocks flock
		pids+=("$pid")
	done
	for one in "${pids[@]}"; do
		finish "$one"
		equal "$status" 0
	done
	absent overlaps
	equal "$(wc -l <turns)" 200
}

@test "where there is no flock(2), --flock is refused" {
	! calls flock || skip "built with flock"
	run -71 lf-acquire --flock lock true
	like "$output" 'no locks of flock\(2\) are available here'
}
