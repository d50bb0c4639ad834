#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Programs that know nothing of this project: the holders of their locks.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# What a program in Python does when it has the lock.
waiting='print("", flush=True, file=open(os.environ["locked"], "w")); open(os.environ["end"]).read(1)'

@test "fcntl.lockf of Python" {
	need python3
	need_holders_with_names
	need pgrep
	channel locked.fifo
	locked=$PWD/locked.fifo end=$BATS_TEST_TMPDIR/never start python3 -c \
		"import fcntl, os; f = open('lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); $waiting"
	next "$fd"
	reports lock "$(python_of "$pid") descriptor"
	run -0 lf-check -p lock
	equal "$output" "$(python_of "$pid")"
	run -75 lf-acquire lock true
}

# Where python3 is a script that runs another.
python_of() {
	local child

	child=$(pgrep -P "$1" || :)
	echo "${child:-$1}"
}

# need_record_locks KIND...: a program with such locks, record.py.
#
#   record.py KIND TYPE START LENGTH LOCKFILE COMMAND [ARGUMENT]...
#
# It runs COMMAND in its own place under the lock, or exits with 75.  KIND is a command
# of fcntl(2) or lockf(3); TYPE is F_RDLCK or F_WRLCK.
need_record_locks() {
	local kind

	need python3
	cat >record.py <<-'END'
		import fcntl, os, struct, sys

		kind, type, start, length, path = sys.argv[1:6]
		fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
		os.set_inheritable(fd, True)
		lock = struct.pack("hhqqi4x", getattr(fcntl, type), 0, int(start), int(length), 0)
		try:
		    if kind in ("F_LOCK", "F_TLOCK"):
		        os.lockf(fd, getattr(os, kind), 0)
		    else:
		        fcntl.fcntl(fd, getattr(fcntl, kind), lock)
		except BlockingIOError:
		    sys.exit(75)
		os.execvp(sys.argv[6], sys.argv[6:])
	END
	for kind; do
		python3 record.py "$kind" F_WRLCK 0 0 probe true ||
			skip "needs Python with $kind, and struct flock as on Linux"
	done
	rm -f probe
}

# exclude_each_other FILE: ours, and the commands "${try[@]}", which exits with 75 if
# FILE is locked, and "${wait[@]}", which waits.
exclude_each_other() {
	local theirs

	need_proc_locks
	hold "${wait[@]}" "$1"
	theirs=$holder
	held "$1"
	run -75 lf-acquire "$1" true
	calls lockf || run -75 lf-acquire -s "$1" true
	queue_holder lf-acquire -k -w "$1"
	has_not_locked "$holder"
	release "$theirs"
	holds "$holder"
	run -75 "${try[@]}" "$1" true
	start "${wait[@]}" "$1" touch ran
	eventually waits_for "$1"
	absent ran
	release "$holder"
	finish "$pid"
	equal "$status" 0
	present ran
}

# record_locks_exclude TRY WAIT: two kinds of need_record_locks.
record_locks_exclude() {
	need_record_locks "$@"
	try=(python3 record.py "$1" F_WRLCK 0 0)
	wait=(python3 record.py "$2" F_WRLCK 0 0)
	exclude_each_other lock
}

@test "fcntl(2) with locks of the process excludes, and is excluded" {
	record_locks_exclude F_SETLK F_SETLKW
}

@test "fcntl(2) with locks of the open file description excludes, and is excluded" {
	record_locks_exclude F_OFD_SETLK F_OFD_SETLKW
}

@test "lockf(3) excludes, and is excluded" {
	record_locks_exclude F_TLOCK F_LOCK
}

need_flock_fcntl() {
	need flock
	flock --help | grep -q -e --fcntl ||
		skip "flock(1) has no --fcntl before util-linux 2.41"
}

@test "flock(1) --fcntl excludes, and is excluded" {
	need_flock_fcntl
	try=(flock --fcntl -n -E 75)
	wait=(flock --fcntl)
	exclude_each_other lock
}

newline='
'

# is_shown_to_root_alone: $holder, which holds lock.
is_shown_to_root_alone() {
	run -0 unprivileged lf-check lock
	equal "${lines[0]}" "lock: held; holder unknown (try as root)"
	run -0 unprivileged lf-check -p lock
	equal "$output" ""
	run -0 lf-check -p lock
	[[ $newline$output$newline == *"$newline$holder$newline"* ]]
}

@test "the holder of a lock of a description is shown to root, and not to other users" {
	need_root
	need_inspection
	need_locks_of_descriptors
	need_record_locks F_OFD_SETLK
	hold python3 record.py F_OFD_SETLK F_WRLCK 0 0 lock
	is_shown_to_root_alone
}

@test "the holder of a lock of flock(1) --fcntl is shown to root, and not to other users" {
	need_flock_fcntl
	need_root
	need_inspection
	need_locks_of_descriptors
	hold flock --fcntl lock
	is_shown_to_root_alone
}

# Ours has to be a sharer, as any other would exclude the program.
@test "a file is not removed while a program has a lock of one byte of it" {
	local kind start sharer

	need_shared_locks
	need_record_locks F_SETLK F_OFD_SETLK
	for kind in F_SETLK F_OFD_SETLK; do
		for start in 0 1 12345 2000000000 9223372036854775806; do
			hold lf-acquire -s lock
			sharer=$holder
			hold python3 record.py "$kind" F_RDLCK "$start" 1 lock
			release "$sharer"
			equal "$status" 0
			present lock
			run -75 lf-acquire lock true
			present lock
			release "$holder"
			present lock
			run -0 lf-acquire lock true
			absent lock
		done
	done
}

# Without a wait, a sharer does not need the first byte.
@test "nor while a program that writes has the first byte, as with-lock-ex" {
	local kind

	need_locks_of_descriptors
	need_record_locks F_SETLK F_OFD_SETLK
	for kind in F_SETLK F_OFD_SETLK; do
		hold python3 record.py "$kind" F_WRLCK 0 1 lock
		run -0 lf-acquire -s lock true
		present lock
		run -75 lf-acquire lock true
		present lock
		release "$holder"
		run -0 lf-acquire lock true
		absent lock
	done
}

# wait_behind OPTION...: while lf-acquire holds lock, a program waits for the whole file,
# gets it, and never looks at the path again.
wait_behind() {
	local ours

	need_proc_locks
	need_record_locks F_SETLK F_SETLKW
	hold lf-acquire "$@" lock
	ours=$holder
	queue_holder python3 record.py F_SETLKW F_WRLCK 0 0 lock
	release "$ours"
	holds "$holder"
}

@test "without -k two programs that do not verify the path get in" {
	wait_behind
	absent lock
	run -0 python3 record.py F_SETLK F_WRLCK 0 0 lock true
}

@test "with -k one of two programs that do not verify the path gets in" {
	wait_behind -k
	run -75 python3 record.py F_SETLK F_WRLCK 0 0 lock true
}

@test "flock(1): the file is held, and its lock is reported as one of flock(2)" {
	need_inspection
	need flock
	hold flock -x lock
	held lock
	run -1 lf-check -q --record lock
	run -0 report lock
	like "$output" "^($holder|0|$command) flock "
	hold lf-acquire -k lock
	reports_beside_flock
	release "$holder"
}

reports_beside_flock() {
	run -1 report lock
	like "${lines[0]}" "^$holder (tag|lock|descriptor)$"
	like "${lines[1]}" ' flock '
	equal "${#lines[@]}" 2
}

@test "--fd in a shell: the shell holds the lock" {
	need_locks_of_descriptors
	start sh -c 'exec 9>>lock; lf-acquire --fd 9; echo $? >result; read -r s <"$0"' \
		"$BATS_TEST_TMPDIR/never"
	eventually test -s result
	equal "$(<result)" 0
	reports lock "$pid descriptor"
}

# locks_by_existence COMMAND...: makes the file lock, and fails if it is there.  What
# holds such a lock has ended here, as after a crash.
locks_by_existence() {
	run -0 "$@" lock
	run ! "$@" lock
	free lock
	chmod u+w lock
	run -0 lf-acquire -k lock true
	present lock
	run ! "$@" lock
	rm lock
}

@test "dotlockfile(1) and lockfile-create(1) lock by existence, and exclude nobody else" {
	need dotlockfile lockfile-create
	locks_by_existence dotlockfile -r 0
	locks_by_existence lockfile-create -q -r 0 -l
}

@test "lockfile(1) locks by existence, and excludes nobody else" {
	type -P lockfile >/dev/null || skip "needs lockfile, which is optional"
	locks_by_existence lockfile -r 0
}

# A dpkg of its own: nothing outside of the directory is touched.
new_dpkg() {
	need dpkg dpkg-deb
	mkdir -p root/var/lib/dpkg/{info,updates,triggers} root/var/log
	: >root/var/lib/dpkg/status
	: >root/var/lib/dpkg/available
}

# package SCRIPT: whose preinst runs it
package() {
	mkdir -p package/DEBIAN
	printf '%s\n' 'Package: lf-test' 'Version: 1' 'Architecture: all' \
		'Maintainer: Nobody <nobody@example.org>' \
		'Description: a test' >package/DEBIAN/control
	printf '#!/bin/sh\n%s\n' "$1" >package/DEBIAN/preinst
	chmod 755 package/DEBIAN/preinst
	dpkg-deb --build package package.deb >/dev/null
}

@test "dpkg" {
	need_holders_with_names
	[ "$(id -u)" -eq 0 ] || skip "dpkg wants to be root"
	new_dpkg
	package 'echo >"$locked"; read -r s <"$end"'
	mkfifo up down
	exec {up}<>up {down}<>down
	locked=$PWD/up end=$PWD/down start dpkg --force-script-chrootless \
		--log="$PWD/log" --root="$PWD/root" -i package.deb >dpkg.log 2>&1
	read -r -t 60 -u "$up" _ || skip "dpkg does not run: $(tail -n 1 dpkg.log)"
	reports root/var/lib/dpkg/lock "$pid descriptor"
	reports root/var/lib/dpkg/lock-frontend "$pid descriptor"
	run -0 lf-check -p root/var/lib/dpkg/lock
	equal "$output" "$pid"
	run -75 lf-acquire -k root/var/lib/dpkg/lock-frontend true
	echo 0 >&"$down"
	finish "$pid"
	free root/var/lib/dpkg/lock
	present root/var/lib/dpkg/lock
	present root/var/lib/dpkg/lock-frontend
}

@test "apt-get" {
	need apt-get
	need_holders_with_names
	mkdir -p state/lists/partial cache/archives/partial
	mkfifo up down
	exec {up}<>up {down}<>down
	: >status
	start apt-get -o Dir::State="$PWD/state" -o Dir::Cache="$PWD/cache" \
		-o Dir::State::status="$PWD/status" -o Dir::Log="$PWD" \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::Parts=/dev/null \
		-o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User= \
		-o APT::Update::Pre-Invoke::="echo >$PWD/up; read -r s <$PWD/down" \
		update >apt.log 2>&1
	read -r -t 60 -u "$up" _ ||
		skip "apt-get does not run: $(tail -n 1 apt.log)"
	reports state/lists/lock "$pid descriptor"
	run -0 lf-check -p state/lists/lock
	equal "$output" "$pid"
	run -75 lf-acquire state/lists/lock true
	echo 0 >&"$down"
	finish "$pid"
	free state/lists/lock
	present state/lists/lock
}

# is_forked PID: HDF5's example has its four processes.
is_forked() {
	mapfile -t forked < <(pgrep -P "$1")
	[ "${#forked[@]}" -eq 4 ]
}

@test "a program of HDF5: the holder is one of its processes" {
	local how pids

	[ "$HDF5" = yes ] || skip "hdf5 is not installed"
	need pgrep
	need_locks_of_descriptors
	start "$EXAMPLES/hdf5" data.h5 >hdf5.log 2>&1
	eventually is_forked "$pid"
	# It reads the file itself in the end.
	pids=" 0 $pid ${forked[*]} "
	while ! is_gone "$pid"; do
		report data.h5 >reported || [ $? -eq 1 ]
		while read -r one how; do
			[[ $one = partial || $how = *waits* ||
				$pids = *" $one "* ]]
		done <reported
	done
	finish "$pid"
	equal "$(<hdf5.log)" "80 of 80 updates, 0 overlaps"
}
