# SPDX-License-Identifier: 0BSD
#
# As exclusion.sh, in the ways that it leaves out.  The original that removes the
# file is unsafe here, as the manual says; its overlaps are counted only.
#
# shellcheck shell=dash
# shellcheck disable=SC1091

. ./overlap.sh

check "lf-acquire -k -w" excludes "lf-acquire -k -w" \
	"lf-acquire -k -w" "lf-acquire -k -w"
check "lf-acquire -p -w and -k -w" excludes "lf-acquire -p -w and -k -w" \
	"lf-acquire -p -w" "lf-acquire -k -w"
check "lf-acquire -w and the original that keeps" excludes \
	"lf-acquire -w and the original that keeps" "lf-acquire -w" "original -k"
check "remove" excludes "remove" remove remove
check "keep" excludes "keep" keep keep
check "keep, and the original that keeps" excludes \
	"keep, and the original that keeps" keep original-keep
check "the original that removes is counted" measure \
	"the original that removes" original original
check "remove, and the original that removes, is counted" measure \
	"remove, and the original that removes" remove original
