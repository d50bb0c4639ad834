#!/bin/sh
# The header by itself, in every language it is for, with warnings as errors.

srcdir=${srcdir:-.}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
count=0

cat >"$dir/use.c" <<'END'
#include <lockfile-fcntl.h>
int use(const char *path);
int use(const char *path)
{
	LF_AUTO struct lf_lock *lock = 0;
	return lf_acquire(&lock, path, LF_FOREVER, LF_KEEP | LF_NOCREATE);
}
END
cp "$dir/use.c" "$dir/use.cc"

# compile COMPILER STANDARD FILE
compile()
{
	count=$((count + 1))
	if ! $1 --version >/dev/null 2>&1; then
		echo "ok $count # SKIP $1 is not installed"
	elif ! echo 'int i;' | $1 -std="$2" -x "$4" -fsyntax-only - 2>/dev/null
	then
		echo "ok $count # SKIP $1 does not know $2"
	elif $1 -std="$2" -pedantic-errors -Wall -Wextra -Wshadow -Wconversion \
		-Wundef -Werror -I"$srcdir/lib" -fsyntax-only "$dir/$3" 2>&1
	then
		echo "ok $count - $1 -std=$2"
	else
		echo "not ok $count - $1 -std=$2"
	fi
}

for standard in c99 c11 c17 c2x; do
	compile "${CC:-cc}" "$standard" use.c c
done
for standard in c++11 c++14 c++17 c++20; do
	compile "${CXX:-c++}" "$standard" use.cc c++
done
echo "1..$count"
