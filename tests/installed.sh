#!/bin/sh
# Says so if most tests are left out because a library or a tool is missing.

echo 1..2
if test "$CMOCKA" = yes; then
	echo "ok 1 - the tests of the library are here"
else
	echo "ok 1 # SKIP the tests of the library: cmocka is not installed"
fi
if test -n "$BATS"; then
	echo "ok 2 - the tests of the tools are here"
else
	echo "ok 2 # SKIP the tests of the tools: bats is not installed"
fi
