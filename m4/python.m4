# SPDX-License-Identifier: 0BSD
#
# LF_PYTHON: where the Python module is installed, which loads the shared library.  A
# Python below the prefix is asked for its directory: Debian's calls it dist-packages.
AC_DEFUN([LF_PYTHON], [
  AC_ARG_WITH([python], [AS_HELP_STRING([--with-python@<:@=DIR@:>@],
    [install the Python module, in DIR @<:@auto: if there is a python3, where it
     looks for modules of this prefix@:>@])],
    [], [with_python=auto])
  AM_PATH_PYTHON([3.7], [], [PYTHON=:])
  AS_CASE([$with_python:$PYTHON:$enable_shared],
    [yes:::*], [AC_MSG_ERROR([--with-python needs Python 3.7 or later, or a directory])],
    [auto:::*|auto:*:no], [with_python=no],
    [no:*|/*], [],
    [yes:*|auto:*], [LF_PYTHON_DIRECTORY],
    [AC_MSG_ERROR([--with-python=$with_python is not an absolute directory])])
  AS_CASE([$with_python], [/*], [pythondir=$with_python])
  AM_CONDITIONAL([WITH_PYTHON], [test "$with_python" != no])
  AS_VAR_IF([with_python], [no], [lf_python=no], [lf_python=$pythondir])
])

AC_DEFUN([LF_PYTHON_DIRECTORY], [
  AS_VAR_IF([prefix], [NONE], [lf_prefix=$ac_default_prefix], [lf_prefix=$prefix])
  lf_python_directory=`$PYTHON -c "
import site
for path in site.getsitepackages():
    if path.startswith('$lf_prefix/lib/'):
        print(path)
        break" 2>/dev/null`
  AS_IF([test -n "$lf_python_directory"],
    [pythondir='${prefix}'${lf_python_directory#"$lf_prefix"}],
    [pythondir='${prefix}'/lib/python$PYTHON_VERSION/site-packages])
])
