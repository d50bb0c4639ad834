# SPDX-License-Identifier: 0BSD
#
# The original that removes the file is unsafe on NFS, as the manual says; its
# overlaps are counted only.
#
# shellcheck shell=dash
# shellcheck disable=SC1091

. ./overlap.sh

check "the original that removes is measured" measure \
	"the original that removes" original original
check "the original that removes, with the library, is measured" measure \
	"remove, and the original that removes" remove original
