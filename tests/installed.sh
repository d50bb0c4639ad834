#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# Reports tests that are left out because a library or a tool is missing.

echo 1..6
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
if test "$HDF5" = yes; then
	echo "ok 3 - the test with HDF5 is here"
else
	echo "ok 3 # SKIP the test with HDF5: hdf5 is not installed"
fi
if test "$LIBUV" = yes; then
	echo "ok 4 - the test with libuv is here"
else
	echo "ok 4 # SKIP the test with libuv: libuv is not installed"
fi
if test "$SMARTCOLS" = yes; then
	echo "ok 5 - the tests of tables and JSON are here"
else
	echo "ok 5 # SKIP the tests of tables and JSON: libsmartcols is not installed"
fi
if test "$SHARED" = no; then
	echo "ok 6 # SKIP the tests of the Python module: no shared library is built"
elif test "$PYTEST" != no; then
	echo "ok 6 - the tests of the Python module are here"
else
	echo "ok 6 # SKIP the tests of the Python module: pytest is not installed"
fi
