# SPDX-License-Identifier: 0BSD
#
# Processes of two clients exclude each other, whether they keep the file or try to
# remove it.
#
# shellcheck shell=dash
# shellcheck disable=SC1091

. ./overlap.sh

check "lf-acquire -w" excludes "lf-acquire -w" "lf-acquire -w" "lf-acquire -w"
check "keep and remove" excludes "keep and remove" keep remove
check "PID in the file" excludes "PID in the file" pid remove
check "remove, and the original that keeps" excludes \
	"remove, and the original that keeps" remove original-keep
