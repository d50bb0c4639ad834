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

# What holds such a lock has ended here, as after a crash.
@test "dotlockfile(1) and lockfile-create(1) lock by existence, and exclude nobody else" {
	local create

	need dotlockfile lockfile-create
	for create in 'dotlockfile -r 0' 'lockfile-create -q -r 0 -l'; do
		# shellcheck disable=SC2086 # words
		run -0 $create lock
		# shellcheck disable=SC2086 # words
		run ! $create lock
		free lock
		run -0 lf-acquire -k lock true
		present lock
		# shellcheck disable=SC2086 # words
		run ! $create lock
		rm lock
	done
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
	echo 0 >&"$down"
	finish "$pid"
	free root/var/lib/dpkg/lock
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
