#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# The header alone compiles without a warning in each C and C++ standard, and nothing
# needs headers of the kernel.

srcdir=${srcdir:-.}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
number=0

cat >"$dir/use.c" <<'END'
#include <lockfile-fcntl.h>
int use(const char *path);
int use(const char *path)
{
	LF_AUTO struct lf_lock *lock = 0;
	return lf_acquire(&lock, path, LF_FOREVER, LF_KEEP | LF_NOCREATE);
}
END

# compiles COMPILER LANGUAGE STANDARD
compiles()
{
	number=$((number + 1))
	if ! $1 --version >/dev/null 2>&1; then
		echo "ok $number # SKIP $1 is not installed"
	elif ! echo 'int i;' | $1 -x "$2" -std="$3" -fsyntax-only - 2>/dev/null
	then
		echo "ok $number # SKIP $1 has no -std=$3"
	elif $1 -x "$2" -std="$3" -pedantic-errors -Wall -Wextra -Wshadow \
		-Wconversion -Wundef -Werror -I"$srcdir/lib" -fsyntax-only \
		"$dir/use.c" 2>&1
	then
		echo "ok $number - $1 -std=$3"
	else
		echo "not ok $number - $1 -std=$3"
	fi
}

for standard in c99 c11 c17 c2x; do
	compiles "${CC:-cc}" c "$standard"
done
for standard in c++11 c++14 c++17 c++20; do
	compiles "${CXX:-c++}" c++ "$standard"
done
number=$((number + 1))
if grep -rn '#include <linux/' "$srcdir/lib" "$srcdir/tools"; then
	echo "not ok $number - headers of the kernel"
else
	echo "ok $number - no headers of the kernel"
fi
echo "1..$number"
