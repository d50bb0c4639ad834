#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# The map, the header, the manual pages, the package and the libraries agree on
# what is exported.

srcdir=${srcdir:-.}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
number=0

# result: the test $name passed if standard input is empty.
result()
{
	number=$((number + 1))
	if sed 's/^/# /' | grep .; then
		echo "not ok $number - $name"
	else
		echo "ok $number - $name"
	fi
}

skip()
{
	number=$((number + 1))
	echo "ok $number # SKIP $name: $1"
}

# same: the list on standard input is that of the map.
same()
{
	sort -u >"$dir/list"
	diff "$dir/map" "$dir/list" >"$dir/diff"
	result <"$dir/diff"
}

sed -n 's/^[[:space:]]*\(lf_[a-z_]*\);$/\1/p' \
	"$srcdir/lib/liblockfile-fcntl.map" | sort -u >"$dir/map"

name='the functions of the header are those of the map'
tr '\n' ' ' <"$srcdir/lib/lockfile-fcntl.h" | tr ';' '\n' |
	sed -n 's/.*LF_PUBLIC [^(]*[ *]\(lf_[a-z_]*\)(.*/\1/p' >"$dir/header"
same <"$dir/header"

name='each function has a manual page'
for page in "$srcdir"/doc/lf_*.3; do
	basename "$page" .3
done >"$dir/pages"
same <"$dir/pages"

name='each function is in a SYNOPSIS'
sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/s/^\.F[no] \(lf_[a-z_]*\).*/\1/p' \
	"$srcdir"/doc/lf_*.3 >"$dir/synopsis"
same <"$dir/synopsis"

name='each page has a NAME for its functions'
for page in "$srcdir"/doc/lf_*.3; do
	sed -n '/^\.Sh NAME/,/^\.Sh LIBRARY/s/^\.Nm \(lf_[a-z_]*\).*/\1/p' \
		"$page"
done >"$dir/names"
same <"$dir/names"

name='the symbols of the package are those of the map'
symbols=$srcdir/debian/liblockfile-fcntl0.symbols
if test -f "$symbols"; then
	sed -n 's/^ \(lf_[a-z_]*\)@.*/\1/p' "$symbols" >"$dir/package"
	same <"$dir/package"
else
	skip 'the packaging is not here'
fi

name='the shared library exports what is in the map'
shared=lib/.libs/liblockfile-fcntl.so
if test -f $shared; then
	${NM:-nm} -D --defined-only $shared |
		sed -n 's/.* [TDBRVW] \([^@]*\).*/\1/p' >"$dir/shared"
	same <"$dir/shared"
else
	skip 'no shared library is built here'
fi

name='the static library defines no names of others'
static=lib/.libs/liblockfile-fcntl.a
if test -f $static; then
	${NM:-nm} -g --defined-only $static 2>/dev/null |
		sed -n 's/.* [TDBRVC] //p' |
		grep -v -e '^_*lf_' -e '^__x86\.' -e '^flock$' -e '^pipe2$' >"$dir/static"
	result <"$dir/static"
else
	skip 'no static library is built here'
fi
echo "1..$number"
