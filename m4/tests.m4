# LF_TEST_TOOLS: what the tests need; tests/installed.sh says what is missing.
AC_DEFUN([LF_TEST_TOOLS], [
  PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5], [have_cmocka=yes],
    [have_cmocka=no])
  AC_SUBST([have_cmocka])
  AM_CONDITIONAL([HAVE_CMOCKA], [test "$have_cmocka" = yes])
  AC_PATH_PROG([BATS], [bats])
  AM_CONDITIONAL([HAVE_BATS], [test -n "$BATS"])
])

# LF_SUMMARY: what was found and decided, for a person.
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
    threads            $lf_cv_threads
    large files        $lf_large_files
    Linux statfs, proc $lf_cv_linux
    symbol versions    $lf_cv_version_script
    libraries          shared: $enable_shared, static: $enable_static
    tests              cmocka: $have_cmocka, bats: ${BATS:-no}

  Next: make, make check, make install
])])
