# SPDX-License-Identifier: 0BSD
#
# The table of results, from the output of nfs.sh: a paragraph for each version.
BEGIN { FS = "\t" }
!/^# result: / { next }
{ sub(/^# result: /, "") }
NF == 1 { print; next }
$1 != version { version = $1; printf "\nNFS %s\n", version }
{ printf "  %-52s %s\n", $2, $3 }
