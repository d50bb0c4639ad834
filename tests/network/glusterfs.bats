#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# GlusterFS: F_GETLK may report the PID of another machine.
#
# shellcheck disable=SC2034 # cluster.bash uses it

bats_require_minimum_version 1.5.0
load cluster

file_system=glusterfs

@test "GlusterFS: two clients take turns, and no call fails" {
	need glusterd gluster glusterfs
	takes_turns
}

@test "GlusterFS: a lock of one client is reported to the other" {
	need glusterd gluster glusterfs
	excludes
}

@test "GlusterFS: the other client gets the lock of a killed holder" {
	need glusterd gluster glusterfs
	frees_the_lock_of_a_killed_holder
}
