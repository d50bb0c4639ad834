# SPDX-License-Identifier: 0BSD
#
# What else the library and its build need to know about the system.

# LF_DIRECTORIES: Libtool and the rules for installation do not quote names, so a
# directory with a blank fails half-way through make install.  It is refused here.
AC_DEFUN([LF_DIRECTORIES], [
  for lf_name in prefix exec_prefix bindir libdir includedir datarootdir datadir \
    mandir docdir; do
    eval lf_dir=\"\$$lf_name\"
    AS_CASE([$lf_dir], [*[[[:space:]]]*], [AC_MSG_ERROR(
      [$lf_name '$lf_dir' contains a blank; choose a directory without one])])
  done
])

# LF_O_CLOEXEC: open(2) with O_CLOEXEC, POSIX.1-2008.
AC_DEFUN([LF_O_CLOEXEC], [
  AC_CACHE_CHECK([for O_CLOEXEC], [lf_cv_o_cloexec], [
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <fcntl.h>]],
      [[return open("/", O_CLOEXEC);]])],
      [lf_cv_o_cloexec=yes], [lf_cv_o_cloexec=no])])
  AM_CONDITIONAL([HAVE_O_CLOEXEC], [test "$lf_cv_o_cloexec" = yes])
  AS_IF([test "$lf_cv_o_cloexec" = yes], [AC_DEFINE([HAVE_O_CLOEXEC], [1],
    [Define if open(2) has O_CLOEXEC.])])
])

# LF_PIPE2: pipe2(2), POSIX.1-2024; without O_CLOEXEC it is of no use.
AC_DEFUN([LF_PIPE2], [
  AC_CACHE_CHECK([for pipe2], [lf_cv_pipe2], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <fcntl.h>
      #include <unistd.h>]], [[int fd[2]; return pipe2(fd, O_CLOEXEC);]])],
      [lf_cv_pipe2=yes], [lf_cv_pipe2=no])])
  AM_CONDITIONAL([HAVE_PIPE2], [test "$lf_cv_o_cloexec:$lf_cv_pipe2" = yes:yes])
  AS_IF([test "$lf_cv_o_cloexec:$lf_cv_pipe2" = yes:yes],
    [AC_DEFINE([HAVE_PIPE2], [1], [Define if pipe2(2) is available.])])
])

# LF_THREADS: POSIX threads, in libc or in a library of their own.  A wait with a
# deadline needs a thread, so there is no library without them.  The GNU C library
# cancels a thread only if it can load another library, see
# lib/port/cancel-glibc.c.
AC_DEFUN([LF_THREADS], [
  AC_CACHE_CHECK([for POSIX threads], [lf_cv_threads], [
    lf_cv_threads=no
    lf_saved_LIBS=$LIBS
    for lf_flag in "" -lpthread; do
      LIBS="$lf_saved_LIBS $lf_flag"
      AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <pthread.h>]], [[
        pthread_t t;
        return pthread_create(&t, 0, 0, 0) + pthread_atfork(0, 0, 0) +
               pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, 0);]])],
        [lf_cv_threads="yes${lf_flag:+, with $lf_flag}"; break])
    done
    LIBS=$lf_saved_LIBS])
  AS_CASE([$lf_cv_threads],
    [no], [AC_MSG_ERROR([POSIX threads are required; config.log shows why
      pthread_create was not found, neither in libc nor in libpthread])],
    [*-lpthread], [THREAD_LIBS=-lpthread],
    [THREAD_LIBS=])
  AC_SUBST([THREAD_LIBS])
  AC_CACHE_CHECK([for the GNU C library], [lf_cv_glibc], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <execinfo.h>
      #ifndef __GLIBC__
      #error another C library
      #endif]], [[void *frame; return backtrace(&frame, 1);]])],
      [lf_cv_glibc=yes], [lf_cv_glibc=no])])
  AM_CONDITIONAL([GLIBC], [test "$lf_cv_glibc" = yes])
  AS_IF([test "$lf_cv_glibc" = yes],
    [AC_DEFINE([HAVE_GLIBC], [1], [Define to 1 with the GNU C library.])])
])

# LF_LINUX: statfs(2) with magic numbers, and proc(5) with fdinfo.
AC_DEFUN([LF_LINUX], [
  AC_CACHE_CHECK([for Linux], [lf_cv_linux], [
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <sys/vfs.h>
      #ifndef __linux__
      #error not Linux
      #endif]], [[struct statfs s; return fstatfs(0, &s);]])],
      [lf_cv_linux=yes], [lf_cv_linux=no])])
  AM_CONDITIONAL([LINUX], [test "$lf_cv_linux" = yes])
])

# LF_STATX: statx(2), Linux 4.11; the GNU C library has it since 2.28, musl since 1.2.5.
AC_DEFUN([LF_STATX], [
  AC_CACHE_CHECK([for statx], [lf_cv_statx], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <fcntl.h>
      #include <sys/stat.h>]], [[struct statx st;
      return statx(0, "", AT_STATX_DONT_SYNC, STATX_INO, &st);]])],
      [lf_cv_statx=yes], [lf_cv_statx=no])])
  AM_CONDITIONAL([HAVE_STATX], [test "$lf_cv_statx" = yes])
  AS_IF([test "$lf_cv_statx" = yes], [AC_DEFINE([HAVE_STATX], [1],
    [Define if statx(2) is available.])])
])

# LF_WATCH: inotify(7), and pidfd_open(2) of Linux 5.3; with them lf-check learns
# when a lock may be free.  The latter is called by its number, because glibc has
# a function for it only since 2.36.
AC_DEFUN([LF_WATCH], [
  AC_CACHE_CHECK([for inotify and pidfd_open], [lf_cv_watch], [
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <sys/inotify.h>
      #include <sys/syscall.h>
      #include <unistd.h>]], [[
      return inotify_init1(IN_CLOEXEC | IN_NONBLOCK) +
             inotify_add_watch(0, "/", IN_DONT_FOLLOW) +
             (int)syscall(SYS_pidfd_open, 1, 0);]])],
      [lf_cv_watch=yes], [lf_cv_watch=no])])
  AM_CONDITIONAL([HAVE_WATCH], [test "$lf_cv_watch" = yes])
])

# LF_SMARTCOLS: libsmartcols of util-linux, for the tables and JSON of lf-check.
AC_DEFUN([LF_SMARTCOLS], [
  AC_ARG_WITH([libsmartcols], [AS_HELP_STRING([--without-libsmartcols],
    [build lf-check without tables and JSON @<:@auto@:>@])],
    [], [with_libsmartcols=auto])
  have_smartcols=no
  AS_VAR_IF([with_libsmartcols], [no], [], [
    PKG_CHECK_MODULES([SMARTCOLS], [smartcols >= 2.31],
      [have_smartcols=yes], [AS_VAR_IF([with_libsmartcols], [yes],
        [AC_MSG_ERROR([libsmartcols is missing: $SMARTCOLS_PKG_ERRORS])])])])
  AC_SUBST([have_smartcols])
  AM_CONDITIONAL([HAVE_SMARTCOLS], [test "$have_smartcols" = yes])
])

# LF_VERSION_SCRIPT: whether the linker accepts a symbol map.
AC_DEFUN([LF_VERSION_SCRIPT], [
  AC_CACHE_CHECK([for version scripts], [lf_cv_version_script], [
    echo 'V_1 { global: main; local: *; };' >conftest.map
    lf_saved_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
      [lf_cv_version_script=yes], [lf_cv_version_script=no])
    LDFLAGS=$lf_saved_LDFLAGS
    rm -f conftest.map])
  AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test "$lf_cv_version_script" = yes])
])

# LF_NODELETE: dlclose(3) must not unmap a library of which a thread still runs.
AC_DEFUN([LF_NODELETE], [
  AC_CACHE_CHECK([for -z nodelete], [lf_cv_nodelete], [
    lf_saved_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,-z,nodelete"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
      [lf_cv_nodelete=yes], [lf_cv_nodelete=no])
    LDFLAGS=$lf_saved_LDFLAGS])
  AS_IF([test "$lf_cv_nodelete" = yes], [NODELETE=-Wl,-z,nodelete], [NODELETE=])
  AC_SUBST([NODELETE])
])

# LF_FEW_SEGMENTS: code and constants of a tool in one mapping, as linkers of other
# processors do it: fewer mappings and page faults at each start.
AC_DEFUN([LF_FEW_SEGMENTS], [
  AC_CACHE_CHECK([for -z noseparate-code], [lf_cv_noseparate_code], [
    lf_saved_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -Wl,-z,noseparate-code"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
      [lf_cv_noseparate_code=yes], [lf_cv_noseparate_code=no])
    LDFLAGS=$lf_saved_LDFLAGS])
  AS_IF([test "$lf_cv_noseparate_code" = yes],
    [FEW_SEGMENTS=-Wl,-z,noseparate-code], [FEW_SEGMENTS=])
  AC_SUBST([FEW_SEGMENTS])
])

# LF_CHECK_FLAG(FLAG, VARIABLE): appends FLAG to VARIABLE if the compiler accepts
# it; with -Werror, because clang only warns about unknown flags.
AC_DEFUN([LF_CHECK_FLAG], [
  AS_VAR_PUSHDEF([lf_flag], [lf_cv_flag_$1])
  AC_CACHE_CHECK([whether $CC accepts $1], [lf_flag], [
    lf_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
      [AS_VAR_SET([lf_flag], [yes])], [AS_VAR_SET([lf_flag], [no])])
    CFLAGS=$lf_saved_CFLAGS])
  AS_VAR_IF([lf_flag], [yes], [$2="$$2 $1"])
  AS_VAR_POPDEF([lf_flag])
])

# LF_COMPILER_FLAGS: warnings, which are errors only on request; hidden symbols.
AC_DEFUN([LF_COMPILER_FLAGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror],
    [treat warnings as errors (for developers)])], [], [enable_werror=no])
  WARN_CFLAGS=
  m4_foreach_w([lf_w], [-Wall -Wextra -Wshadow -Wconversion -Wcast-qual
    -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wvla
    -Wwrite-strings], [LF_CHECK_FLAG(lf_w, [WARN_CFLAGS])])
  AS_VAR_IF([enable_werror], [yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
  dnl Else a tool has copies of variables of the C library, such as stderr, which
  dnl cost each start a page fault.
  PIC_CFLAGS=
  LF_CHECK_FLAG([-fPIC], [PIC_CFLAGS])
  AC_SUBST([PIC_CFLAGS])
  HIDDEN_CFLAGS=
  LF_CHECK_FLAG([-fvisibility=hidden], [HIDDEN_CFLAGS])
  AC_SUBST([HIDDEN_CFLAGS])
])
