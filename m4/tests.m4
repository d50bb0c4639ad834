# SPDX-License-Identifier: 0BSD
#
# LF_TEST_TOOLS: what the tests need; tests/installed.sh reports what is missing.
AC_DEFUN([LF_TEST_TOOLS], [
  PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5], [have_cmocka=yes],
    [have_cmocka=no])
  AC_SUBST([have_cmocka])
  AM_CONDITIONAL([HAVE_CMOCKA], [test "$have_cmocka" = yes])
  AC_PATH_PROG([BATS], [bats])
  AM_CONDITIONAL([HAVE_BATS], [test -n "$BATS"])
  dnl For one test of the library, in an event loop of another project.
  PKG_CHECK_MODULES([LIBUV], [libuv], [have_libuv=yes], [have_libuv=no])
  AC_SUBST([have_libuv])
  AM_CONDITIONAL([HAVE_LIBUV], [test "$have_libuv" = yes])
  LF_HDF5
  LF_PYTEST
  dnl For the file server of make check-fuse.
  PKG_CHECK_MODULES([FUSE], [fuse3 >= 3.10], [have_fuse=yes], [have_fuse=no])
  AM_CONDITIONAL([HAVE_FUSE], [test "$have_fuse" = yes])
])

# LF_PYTEST: a Python with pytest, which may be another than the first in PATH.  It
# loads the shared library.
AC_DEFUN([LF_PYTEST], [
  AC_CACHE_CHECK([for a Python with pytest], [lf_cv_pytest], [
    lf_cv_pytest=no
    for lf_try in "$PYTHON" python3 /usr/bin/python3; do
      AS_IF([test "$lf_try" != : && "$lf_try" -c 'import pytest' 2>/dev/null],
        [lf_cv_pytest=$lf_try; break])
    done])
  AC_SUBST([PYTEST_PYTHON], [$lf_cv_pytest])
  AC_SUBST([enable_shared])
  AM_CONDITIONAL([HAVE_PYTEST],
    [test "$lf_cv_pytest" != no && test "$enable_shared" = yes])
])

# LF_FUZZING: libFuzzer of clang, only on request.
AC_DEFUN([LF_FUZZING], [
  AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing],
    [enable make fuzz, which needs clang (for developers)])], [],
    [enable_fuzzing=no])
  FUZZ_CFLAGS=
  AS_IF([test "$enable_fuzzing" != no], [
    AC_CACHE_CHECK([for libFuzzer], [lf_cv_fuzzer], [
      lf_saved_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -fsanitize=fuzzer,address,undefined"
      AC_LINK_IFELSE([AC_LANG_SOURCE([[#include <stddef.h>
        int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
        { return data && size > 0 ? 0 : 0; }]])],
        [lf_cv_fuzzer=yes], [lf_cv_fuzzer=no])
      CFLAGS=$lf_saved_CFLAGS])
    AS_IF([test "$lf_cv_fuzzer" = no], [AC_MSG_ERROR(
      [--enable-fuzzing needs clang and its libFuzzer: try CC=clang])])
    FUZZ_CFLAGS="-g -O1 -fsanitize=fuzzer,address,undefined"
    FUZZ_CFLAGS="$FUZZ_CFLAGS -fno-sanitize-recover=all"])
  AC_SUBST([FUZZ_CFLAGS])
  AM_CONDITIONAL([FUZZING], [test "$enable_fuzzing" != no])
])

# LF_HDF5: libhdf5 without MPI, for one of the examples.  Debian has variants with
# MPI too, which need other compilers, so the name says which is meant; not every
# system has a file for pkg-config.
AC_DEFUN([LF_HDF5], [
  PKG_CHECK_MODULES([HDF5], [hdf5-serial], [],
    [PKG_CHECK_MODULES([HDF5], [hdf5], [], [HDF5_LIBS="${HDF5_LIBS--lhdf5}"])])
  AC_CACHE_CHECK([whether programs can be built with HDF5], [lf_cv_hdf5], [
    lf_saved_CPPFLAGS=$CPPFLAGS
    lf_saved_LIBS=$LIBS
    CPPFLAGS="$CPPFLAGS $HDF5_CFLAGS"
    LIBS="$HDF5_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <hdf5.h>]],
      [[return H5open() < 0;]])], [lf_cv_hdf5=yes], [lf_cv_hdf5=no])
    CPPFLAGS=$lf_saved_CPPFLAGS
    LIBS=$lf_saved_LIBS])
  AM_CONDITIONAL([HAVE_HDF5], [test "$lf_cv_hdf5" = yes])
  AC_SUBST([have_hdf5], [$lf_cv_hdf5])
])

# LF_SUMMARY: shows the results.
AC_DEFUN([LF_SUMMARY], [
  AS_CASE([$lf_backend],
    [ofd], [lf_locks="of the open file description, named by a lock of the process"],
    [fcntl], [lf_locks="of the process, by fcntl (weaker: see lf_acquire(3))"],
    [lockf], [lf_locks="of the process, by lockf (weaker: see lf_acquire(3))"])
  AS_CASE(["$ac_cv_sys_file_offset_bits:$ac_cv_sys_largefile_opts"],
    [unknown:*|*:support*], [lf_large_files=no], [lf_large_files=yes])
  AC_MSG_NOTICE([

  $PACKAGE_NAME $PACKAGE_VERSION

    installs to        $prefix
    locks              $lf_locks
    presence by flock  $lf_cv_flock
    O_CLOEXEC          $lf_cv_o_cloexec
    large files        $lf_large_files
    Linux statfs, proc $lf_cv_linux
    inotify, pidfd     $lf_cv_watch
    libsmartcols       $have_smartcols
    Python module      $lf_python
    symbol versions    $lf_cv_version_script
    libraries          shared: $enable_shared, static: $enable_static
    tests              cmocka: $have_cmocka, bats: ${BATS:-no}, hdf5: $have_hdf5, libuv: $have_libuv, fuse: $have_fuse, pytest: $lf_cv_pytest

  Next: make, make check, make install
])])
