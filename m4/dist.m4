# SPDX-License-Identifier: 0BSD
#
# LF_DIST: with GNU tar the tarball does not depend on user, place and umask; make
# dist takes the time from SOURCE_DATE_EPOCH.
AC_DEFUN([LF_DIST], [
  AC_CACHE_CHECK([whether tar is GNU tar], [lf_cv_gnu_tar], [
    AS_IF([${TAR-tar} --version 2>/dev/null | grep 'GNU tar' >/dev/null],
      [lf_cv_gnu_tar=yes], [lf_cv_gnu_tar=no])])
  AS_VAR_IF([lf_cv_gnu_tar], [yes],
    [am__tar='$${TAR-tar} --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -chof - "$$tardir"'])
])
