# SPDX-License-Identifier: 0BSD
#
# Mounted so that locks stay on the client, which the test has to notice.
#
# shellcheck shell=dash
# shellcheck disable=SC1091

. ./overlap.sh

check "locks that end at the client do not exclude" overlaps \
	"control: local_lock=all" keep keep
