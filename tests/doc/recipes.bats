#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
#
# The recipes of doc/recipes.  Each runs in a directory of its own, which stands
# for the root of the system.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test runs in a subshell on purpose

load ../tools/helper

RECIPES=${RECIPES-$BATS_TEST_DIRNAME/../../doc/recipes}

# recipe NAME: copies it to ./NAME.  Stand-ins for the programs that it runs add
# their names to the file ran.
recipe() {
	local job

	mkdir -p run usr/local/sbin var/log var/lib/dpkg
	sed -E "s#(^|[ >=])/(run|usr/local|var)/#\1\2/#g" "$RECIPES/$1" >"$1"
	chmod 644 "$1"
	! grep -q '^#!' "$1" || chmod 755 "$1"
	for job in pull report; do
		printf '#!/bin/sh\necho %s >>%q/ran\n' "$job" "$PWD" >usr/local/sbin/$job
		chmod 755 "usr/local/sbin/$job"
	done
}

@test "cron: a run that would overlap is skipped silently" {
	recipe pull-cron
	# cron(8) of Debian ignores other names in /etc/cron.d.
	[ -n "$(compgen -G "$RECIPES/*cron*")" ]
	run -1 grep -v '^[A-Za-z0-9_-]*$' <<<"$(basename -a "$RECIPES"/*cron*)"
	sed -E '/^#/d; s/^([^ ]+ +){6}//' pull-cron >job
	run -0 sh job
	equal "$output" ""
	equal "$(<ran)" pull
	hold lf-acquire run/pull.lock
	run -0 sh job
	equal "$output" ""
	equal "$(<ran)" pull
	release "$holder"
	absent run/pull.lock
}

@test "nightly: a second run is refused" {
	recipe nightly
	run -0 ./nightly
	equal "$output" "no other copy is running"
	absent run/nightly.lock
	hold lf-acquire run/nightly.lock
	run -75 ./nightly
	[[ $output != *"no other copy"* ]]
	release "$holder"
	run -0 sh ./nightly
}

# other NAME: makes a script that runs itself under a lock as nightly does, with
# a lock file of its own, and then runs its arguments.
other() {
	sed "s#run/nightly\.#run/${1// /}.#; s/^echo .*/exec \"\$@\"/" nightly >"$1"
	chmod 755 "$1"
}

@test "nightly: a script gets its own lock below another such script" {
	recipe nightly
	other outer
	other inner
	run -0 ./outer ./inner lf-check run/outer.lock run/inner.lock
	[[ ${lines[0]} = "run/outer.lock: held"* ]]
	[[ ${lines[1]} = "run/inner.lock: held"* ]]
	# It does not wait for itself further down.
	run -0 ./outer env ./inner env ./outer echo 'done'
	equal "$output" "done"
}

@test "nightly: a script runs with its arguments, or not at all" {
	recipe nightly
	other "in ner"
	run -0 "./in ner" printf '<%s>' 'a  b' '' '*' -- --help
	equal "$output" '<a  b><><*><--><--help>'
	chmod 644 "in ner"
	run -126 sh "./in ner" -- echo hello
	like "$output" 'in ner: cannot be run'
	absent run/inner.lock
}

@test "count: a script locks a part of its work" {
	local pids=()

	need_locks_of_descriptors
	recipe count
	for _ in {1..8}; do
		start ./count counter
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish "$pid"
		equal "$status" 0
	done
	equal "$(<counter)" 8
	printf 41 >counter
	run -0 ./count counter
	equal "$(<counter)" 42
	free run/count.lock
}

@test "systemd: the service succeeds if the lock is held" {
	local job

	recipe pull.service
	job=$(sed -n 's/^ExecStart=//p' pull.service)
	run -0 sh -c "$job"
	equal "$(<ran)" pull
	hold lf-acquire run/pull.lock
	run -0 sh -c "$job"
	equal "$(<ran)" pull
	release "$holder"
}

# systemd-analyze ignores PATH, so the unit gets the full path of lf-acquire.
@test "systemd: service and timer are valid" {
	need systemd-analyze
	cp "$RECIPES/pull.timer" .
	sed "s#=lf-acquire#=$(type -P lf-acquire)#" "$RECIPES/pull.service" \
		>pull.service
	run -0 systemd-analyze verify ./pull.timer
	equal "$output" ""
}

@test "logrotate: the report waits until no job writes the log" {
	PATH=$PATH:/usr/sbin:/sbin
	need logrotate
	need_shared_locks
	need_proc_locks
	recipe app.logrotate
	sed -i "s#^var/.*log#\"$PWD/&\"#" app.logrotate
	echo entry >var/log/app.log
	chmod 755 var/log
	hold lf-acquire -s run/app.lock
	start logrotate -f -s state app.logrotate
	eventually test -e var/log/app.log.1
	eventually waits_for run/app.lock
	absent ran
	release "$holder"
	finish "$pid"
	equal "$status" 0
	equal "$(<ran)" report
	equal "$(<var/log/app.log.1)" entry
	absent run/app.lock
}

@test "snapshot: the lock of dpkg is held, and its file is kept" {
	recipe snapshot
	touch var/lib/dpkg/lock-frontend
	run -0 ./snapshot lf-check var/lib/dpkg/lock-frontend
	calls lockf || like "$output" 'held by PID'
	present var/lib/dpkg/lock-frontend
	need original
	need_proc_locks
	hold original -k var/lib/dpkg/lock-frontend
	start ./snapshot touch taken
	eventually waits_for var/lib/dpkg/lock-frontend
	absent taken
	release "$holder"
	finish "$pid"
	present taken
	present var/lib/dpkg/lock-frontend
}

# Runs apt-get with this directory as the root of the system.
apt() {
	apt-get -q -o Dir="$PWD" -o Dir::State::status="$PWD/var/lib/dpkg/status" \
		-o Dir::Etc::Parts=/dev/null "$@" install
}

# Configures nothing.
dpkg_here() {
	dpkg --admindir="$PWD/var/lib/dpkg" --force-not-root --log=/dev/null \
		--configure -a
}

@test "snapshot: dpkg is refused" {
	need dpkg
	recipe snapshot
	mkdir var/lib/dpkg/{info,updates,triggers}
	: >var/lib/dpkg/status
	PATH=$PATH:/usr/sbin:/sbin
	dpkg_here || skip "dpkg does not run here"
	hold ./snapshot
	run -2 --separate-stderr dpkg_here
	like "$stderr" 'locked by another process'
	[[ $stderr != *' pid '* ]] || like "$stderr" " pid $holder"
	release "$holder"
	present var/lib/dpkg/lock-frontend
	run -0 dpkg_here
}

@test "snapshot: apt-get names the holder, and can wait" {
	need apt-get
	need_holders_with_names
	recipe snapshot
	mkdir -p var/lib/apt/lists/partial var/cache/apt/archives/partial
	touch var/lib/dpkg/status var/lib/dpkg/lock-frontend
	hold ./snapshot
	run -100 --separate-stderr apt
	like "$stderr" "is held by process $holder \(lf-acquire\)"
	start apt -o DPkg::Lock::Timeout=60 >out
	eventually grep -q "is held by process $holder" out
	release "$holder"
	finish "$pid"
	equal "$status" 0
	present var/lib/dpkg/lock-frontend
}
