#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# MooseFS: open(2) with O_CREAT may fail with EEXIST when another client has just
# created the file.
#
# shellcheck disable=SC2034 # cluster.bash uses it

bats_require_minimum_version 1.5.0
load cluster

file_system=moosefs

@test "MooseFS: two clients take turns, and no call fails" {
	need mfsmaster mfschunkserver mfsmount
	takes_turns
}

@test "MooseFS: a lock of one client is reported to the other" {
	need mfsmaster mfschunkserver mfsmount
	excludes
}

@test "MooseFS: the other client gets the lock of a killed holder" {
	need mfsmaster mfschunkserver mfsmount
	frees_the_lock_of_a_killed_holder
}
