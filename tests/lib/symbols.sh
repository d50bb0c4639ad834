#!/bin/sh
# What the map, the header, the manual pages and the libraries say is exported
# is the same.

srcdir=${srcdir:-.}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

# same N NAME: test N, the list on standard input is that of the map
same()
{
	sort -u >"$dir/list"
	if diff "$dir/map" "$dir/list" | sed 's/^/# /' | grep .; then
		echo "not ok $1 - $2"
	else
		echo "ok $1 - $2"
	fi
}

sed -n 's/^[[:space:]]*\(lf_[a-z_]*\);$/\1/p' \
	"$srcdir/lib/liblockfile-fcntl.map" | sort -u >"$dir/map"
echo 1..5

tr '\n' ' ' <"$srcdir/lib/lockfile-fcntl.h" | tr ';' '\n' |
	sed -n 's/.*LF_PUBLIC [^(]*[ *]\(lf_[a-z_]*\)(.*/\1/p' |
	same 1 "the functions of the header are those of the map"

for page in "$srcdir"/doc/lf_*.3; do
	basename "$page" .3
done | same 2 "each function has a manual page"

sed -n 's/^\.Fo \(lf_[a-z_]*\)$/\1/p; s/^\.Fn \(lf_[a-z_]*\) .*/\1/p; s/^\.Fn \(lf_[a-z_]*\)$/\1/p' \
	"$srcdir"/doc/lf_*.3 | same 3 "each function is in a SYNOPSIS"

shared=lib/.libs/liblockfile-fcntl.so
if test -f $shared; then
	${NM:-nm} -D --defined-only $shared |
		sed -n 's/.* [TDBRVW] \([^@]*\).*/\1/p' |
		same 4 "the shared library exports what the map says"
else
	echo "ok 4 # SKIP no shared library is built here"
fi

static=lib/.libs/liblockfile-fcntl.a
if ! test -f $static; then
	echo "ok 5 # SKIP no static library is built here"
elif ${NM:-nm} -g --defined-only $static 2>/dev/null |
	sed -n 's/.* [TDBRVC] //p' | grep -v -e '^_*lf_' -e '^__x86\.' |
	sed 's/^/# /' | grep .
then
	echo "not ok 5 - the static library leaves other names alone"
else
	echo "ok 5 - the static library leaves other names alone"
fi
