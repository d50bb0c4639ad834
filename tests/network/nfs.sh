#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# Tests between two NFS clients, in an emulated machine.  Prints TAP.
#
# Environment: NFS_TESTS is the list that guest/init reads; NFS_SECONDS bounds the
# machine, NFS_LIMIT each test; NFS_BUILD is the build tree of the programs to test
# (default: this one).
set -u

here=$(cd "$(dirname "$0")" && pwd)
directory=$PWD/tests/network/nfs
build=${NFS_BUILD-$PWD}
seconds=${NFS_SECONDS-360}
tests=$(echo "${NFS_TESTS-4.2:exclusion,waiting 3,local_lock=all:control}" |
	tr -s '[:space:]' ' ')
machine=

mkdir -p "$directory"
"$here/machine" fetch "$directory" 2>"$directory/reason" || {
	echo "1..0 # SKIP $(cat "$directory/reason")"
	exit
}
"$here/machine" build "$directory" "$here/guest" "$build/tools/lf-acquire" \
	"$build/tools/lf-check" "$build/tests/original" \
	"$build/tests/network/turns" || exit

trap '[ -z "$machine" ] || kill "$machine" 2>/dev/null' EXIT
trap 'exit 130' HUP INT TERM
echo "# result: nfs-utils $(cat "$directory/version")" >"$directory/results"
"$here/machine" run "$directory" "$seconds" "tests=\"$tests\"" \
	"limit=${NFS_LIMIT-150}" \
	>>"$directory/results" 2>"$directory/emulator.log" &
machine=$!
wait "$machine"
machine=
cat "$directory/results"
grep -q '^1\.\.[0-9]' "$directory/results" || {
	tail -n 20 "$directory/emulator.log" "$directory/console.log" | sed 's/^/# /'
	echo "Bail out! the machine did not come to its end in $seconds seconds"
	exit 1
}
