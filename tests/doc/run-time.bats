#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
#
# A limit of the run time: the recipe in lf-acquire(1), with timeout(1); and what a
# job gets from a service manager.  Each job would run for ever; none is ended by the
# time that passes in the test itself.
#
# What lf-acquire(1) says of systemd was tried by hand, with units in a container.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2016 # expanded by the sh that is run, not here

load ../tools/helper

# A job waits here.
setup_jobs() {
	need timeout
	mkfifo forever
}

@test "timeout ends a job: status 124, and the lock is free" {
	setup_jobs
	run -124 lf-acquire lock timeout 2 sh -c 'lf-check -q lock && echo $$ >job
		read -r _ <>forever'
	is_gone "$(<job)"
	absent lock
}

@test "a job that ends in time has its own status" {
	need timeout
	run -7 lf-acquire lock timeout 3h sh -c 'lf-check -q lock && exit 7'
	absent lock
}

# The job reports SIGTERM, and goes on.
@test "a job that ignores SIGTERM keeps the lock until it ends" {
	local term

	setup_jobs
	channel "$BATS_TEST_TMPDIR/term"
	term=$fd
	start lf-acquire lock timeout 2 sh -c 'trap "echo TERM >\"$0\"" TERM
		until read -r go <forever; do :; done' "$BATS_TEST_TMPDIR/term"
	next "$term"
	equal "$line" TERM
	held lock
	run -75 lf-acquire -q lock true
	is_asleep "$pid"
	timeout 60 sh -c 'echo go >forever'
	finish "$pid"
	equal "$status" 124
	absent lock
}

# The job's own child ignores the signal too, as it inherits this.
@test "timeout -k kills a job that ignores SIGTERM: status 137, the file is free" {
	setup_jobs
	run -137 lf-acquire lock timeout -k 0.1 2 sh -c 'trap "" TERM
		sh -c "echo \$\$ >child; read -r _ <>forever"; :'
	eventually is_gone "$(<child)"
	need_locks_of_descriptors
	present lock
	eventually free lock
}

# RuntimeMaxSec and TimeoutStartSec send SIGTERM to the main process, which -F has
# made the job, and SIGKILL if it does not end.
@test "with -F the job itself gets the signals of a service manager" {
	hold lf-acquire -F lock
	equal "$command" "$holder"
	kill -TERM "$holder"
	finish "$holder"
	equal "$status" 143
	free lock
}

# service COMMAND...: with a socket, here a file, as descriptor 3.
service() {
	echo line >socket
	LISTEN_FDS=1 sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" 3<socket
}

@test "with -F a job finds the sockets that a service manager passes to it" {
	local finds='[ "$LISTEN_PID" = $$ ] && read -r _ <&3'

	run -0 service lf-acquire -F lock sh -c "$finds"
	run -1 service lf-acquire lock sh -c "$finds"
	run -0 service lf-acquire lock sh -c "read -r _ <&3"
}
