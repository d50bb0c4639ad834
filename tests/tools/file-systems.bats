#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Holder and queue on file systems where /proc/locks shows another device than
# stat(2), or where a file has two names.
#
# shellcheck disable=SC2016 # expanded by the sh that is run, not here
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# The mounts are not of the test alone, and must go.
teardown() {
	local at

	[ -n "${BATS_TEST_COMPLETED-}" ] || show_files
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null || :
	done
	wait
	for at in "${mounted[@]}"; do
		umount -l "$at"
	done
}

# attach TYPE OPTIONS WHAT: on the directory "mnt"
attach() {
	mkdir -p mnt
	mount -t "$1" -o "$2" "$3" mnt 2>mount.log ||
		skip "cannot mount $1: $(head -n 1 mount.log)"
	mounted=("$PWD/mnt" "${mounted[@]}")
}

# image COMMAND... : makes a file system in the file "image"
image() {
	need "$1"
	truncate -s "$size" image
	"$@" image >mkfs.log 2>&1 || skip "$1 cannot make a file system"
}

# found PATH...: holder and waiter are found by each name of the file.
found() {
	local first path how=tag

	need_holders_with_names
	need_proc_locks
	lf-acquire -F probe sh -c 'cat /proc/$$/fdinfo/*' 2>/dev/null |
		grep -q '^lock:.*OFDLCK' || how=lock
	hold lf-acquire "$1"
	first=$holder
	queue_holder lf-acquire -w "$1"
	for path; do
		run -0 lf-check -p "$path"
		equal "$output" "$first"
		reports "$path" "$first $how" "$holder waits"
	done
	release "$first"
	holds "$holder"
	for path; do
		reports "$path" "$holder $how"
	done
	release "$holder"
	for path; do
		free "$path"
	done
}

# A holder without a tag is found by the descriptor of the body.
found_without_tag() {
	need_locks_of_descriptors
	hold lf-acquire -k "$1"
	kill_holder
	reports "$1" "$command descriptor"
}

need_mounts() {
	mounted=()
	[ "$(id -u)" -eq 0 ] || skip "needs to be root, to mount"
}

@test "tmpfs" {
	need_mounts
	attach tmpfs size=1m none
	found mnt/lock
	found_without_tag mnt/lock
}

@test "a bind mount" {
	need_mounts
	mkdir real
	attach none bind real
	found mnt/lock real/lock
	found real/lock mnt/lock
}

@test "overlayfs: the merged file and the upper one are two files" {
	need_mounts
	attach tmpfs size=1m none
	mkdir mnt/lower mnt/upper mnt/work merged
	: >mnt/lower/lock
	mount -t overlay -o \
		"lowerdir=$PWD/mnt/lower,upperdir=$PWD/mnt/upper,workdir=$PWD/mnt/work" \
		none merged 2>mount.log || skip "cannot mount overlayfs"
	mounted=("$PWD/merged" "${mounted[@]}")
	found merged/lock
	hold lf-acquire -k merged/new
	run -0 lf-check -p merged/new
	equal "$output" "$holder"
	# The kernel keeps locks of the two apart.
	free mnt/upper/new
	release "$holder"
	hold lf-acquire -k mnt/upper/new
	run -0 lf-check -p mnt/upper/new
	equal "$output" "$holder"
	free merged/new
	release "$holder"
	found_without_tag merged/other
}

@test "btrfs: a subvolume, whose device differs from that in /proc/locks" {
	need_mounts
	size=128M image mkfs.btrfs
	attach btrfs loop image
	need btrfs
	btrfs subvolume create mnt/sub >/dev/null
	[ "$(stat -c %d mnt)" != "$(stat -c %d mnt/sub)" ]
	found mnt/sub/lock
	found mnt/lock
	found_without_tag mnt/sub/lock
}

@test "xfs on a loop device" {
	need_mounts
	size=320M image mkfs.xfs -q
	attach xfs loop image
	found mnt/lock
	found_without_tag mnt/lock
}
