# SPDX-License-Identifier: 0BSD
#
# Which locks the system has.  Each answer is a cache variable, so that it can
# be forced: lf_cv_flock=no ./configure

# LF_RECORD_LOCKS: fcntl(2) record locks of the process, POSIX.1.
AC_DEFUN([LF_RECORD_LOCKS], [
  AC_CACHE_CHECK([for fcntl record locks], [lf_cv_fcntl], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <fcntl.h>]], [[
      struct flock f = { .l_type = F_WRLCK };
      return fcntl(0, F_SETLK, &f) + fcntl(0, F_SETLKW, &f) +
             fcntl(0, F_GETLK, &f);]])],
      [lf_cv_fcntl=yes], [lf_cv_fcntl=no])])
])

# LF_OFD_LOCKS: record locks of an open file description, Linux 3.15 and
# POSIX.1-2024.  Whether the running kernel has them is a question for run time.
AC_DEFUN([LF_OFD_LOCKS], [
  AC_CACHE_CHECK([for open file description locks], [lf_cv_ofd], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <fcntl.h>]], [[
      struct flock f = { .l_type = F_WRLCK };
      return fcntl(0, F_OFD_SETLK, &f) + fcntl(0, F_OFD_SETLKW, &f) +
             fcntl(0, F_OFD_GETLK, &f);]])],
      [lf_cv_ofd=yes], [lf_cv_ofd=no])])
])

# LF_LOCKF: lockf(3), for systems whose fcntl(2) has no record locks.
AC_DEFUN([LF_LOCKF], [
  AC_CACHE_CHECK([for lockf], [lf_cv_lockf], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <unistd.h>]],
      [[return lockf(0, F_TLOCK, 0) + lockf(0, F_TEST, 0);]])],
      [lf_cv_lockf=yes], [lf_cv_lockf=no])])
])

# LF_FLOCK: flock(2), for the mark of presence; on Linux only.  Elsewhere flock and
# record locks are in one list, and presence would be in the way of the body.
AC_DEFUN([LF_FLOCK], [
  AC_CACHE_CHECK([for flock], [lf_cv_flock], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <sys/file.h>
      #ifndef __linux__
      #error not Linux
      #endif]],
      [[return flock(0, LOCK_SH | LOCK_NB);]])],
      [lf_cv_flock=yes], [lf_cv_flock=no])])
  AM_CONDITIONAL([HAVE_FLOCK], [test "$lf_cv_flock" = yes])
  AS_IF([test "$lf_cv_flock" = yes],
    [AC_DEFINE([HAVE_FLOCK], [1], [Define if flock(2) is available.])])
])

# LF_BACKEND: the locks that are built in, the strongest first.
AC_DEFUN([LF_BACKEND], [
  AC_ARG_WITH([backend], [AS_HELP_STRING([--with-backend=auto|ofd|fcntl|lockf],
    [strongest locks to use: of the open file description, of the process by
     fcntl, of the process by lockf @<:@auto@:>@])],
    [], [with_backend=auto])
  lf_backends=
  AS_IF([test "$lf_cv_lockf" = yes], [lf_backends="lockf"])
  AS_IF([test "$lf_cv_fcntl" = yes], [lf_backends="fcntl $lf_backends"])
  AS_IF([test "$lf_cv_ofd:$lf_cv_fcntl" = yes:yes],
    [lf_backends="ofd $lf_backends"])
  lf_backend=
  for lf_try in $lf_backends; do
    AS_CASE([$with_backend], [auto|$lf_try], [lf_backend=$lf_try; break])
  done
  AS_IF([test -z "$lf_backend"], [AC_MSG_ERROR(
    [--with-backend=$with_backend is not available; this system has: $lf_backends])])
  AM_CONDITIONAL([BACKEND_OFD], [test "$lf_backend" = ofd])
  AS_IF([test "$lf_backend" != ofd], [AC_DEFINE([LF_NO_OFD_LOCKS], [1],
    [Define to leave open-file-description locks unused.])])
  AM_CONDITIONAL([BACKEND_LOCKF], [test "$lf_backend" = lockf])
])
