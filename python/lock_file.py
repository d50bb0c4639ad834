# SPDX-License-Identifier: 0BSD
"""Lock files that are never stale.

A lock file is how unrelated processes agree that only one of them does
something at a time.  Here it is a regular file, usually empty, under a record
lock of the kernel.  The kernel drops the lock when its holder ends, however it
ends, so no program has to judge a lock by its age or by a PID in the file.  On
release the file is removed by default.

The interface is that of the module of the same name that locks by fcntl.lockf,
and both exclude each other.  The locks are those of liblockfile-fcntl: threads
exclude each other too, the lock survives when the process closes another
descriptor of the file, and waiters get it in the order of their arrival, also
if the file is removed in between.

Only one instance of a program:

    import sys
    from lock_file import LockFile, LockError

    try:
        lock = LockFile('/run/app.lock')
    except LockError as error:
        sys.exit('already running: %s' % error)
    try:
        work()
    finally:
        lock.release()

Waiting, as long as it takes or at most ten seconds:

    with LockFile('/run/app.lock', wait=True):
        work()
    with LockFile('/run/app.lock', timeout=10):
        work()
"""

import ctypes
import errno
import math
import os
import select
import threading
import time
from types import TracebackType
from typing import Dict, List, NamedTuple, NoReturn, Optional, Type, Union

__all__ = ['LockError', 'LockFile']

AnyPath = Union[str, bytes, 'os.PathLike[str]', 'os.PathLike[bytes]']

# --- The library

try:
    _lib = ctypes.CDLL('liblockfile-fcntl.so.0')
except OSError as _error:
    raise ImportError(
        'lock_file needs the shared library of liblockfile-fcntl: %s' % _error,
        name=__name__) from None

_HANDLE = ctypes.POINTER(ctypes.c_void_p)
_lib.lf_acquire.argtypes = [
    _HANDLE, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint]
_lib.lf_start.argtypes = [_HANDLE, ctypes.c_char_p, ctypes.c_uint]
_lib.lf_pending_fd.argtypes = [ctypes.c_void_p]
_lib.lf_finish.argtypes = [_HANDLE]
_lib.lf_release.argtypes = [_HANDLE]
_lib.lf_fileno.argtypes = [ctypes.c_void_p]
# As pid_t, which is an int on every system with a record lock.
_lib.lf_check.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)]
_lib.lf_strerror.argtypes = [ctypes.c_int]
_lib.lf_strerror.restype = ctypes.c_char_p

_KEEP, _PID, _FOLLOW, _SHARED = 0x1, 0x4, 0x8, 0x10
_FOREVER = -1
_REPLACED, _LOST = 2, 3


class _Held(NamedTuple):
    """What a LockFile has until it is released."""

    handle: ctypes.c_void_p
    fd: int
    thread: threading.Thread
    # The calls of release().  The first one uses the handle, and nobody after it:
    # to append is one step, in which no thread and no signal comes between.
    releases: List[object]


# A LockFile is acquired as long as it is here.
_held: Dict['LockFile', _Held] = {}


class LockError(Exception):
    """The lock is held, and the caller did not want to wait (any longer).

    pid is the PID of a holder, or None if it is unknown or has gone meanwhile.
    """

    def __init__(self, message: str, pid: Optional[int] = None) -> None:
        super().__init__(message)
        self.pid = pid


class LockFile:
    """An acquired lock file, until it is released.

    After that all methods but repr() raise ValueError.  The lock is held until
    release() or the end of the process, also if the object is forgotten.  Any
    thread may call the methods.
    """

    def __init__(self, path: AnyPath, wait: bool = False, remove: bool = True,
                 *, timeout: Optional[float] = None, shared: bool = False,
                 pid: bool = False, follow: bool = False) -> None:
        """Create the file if it does not exist, and lock it.

        wait     wait until the lock is available
        remove   remove the file on release, unless it has content, is on a
                 network file system, or others wait for the lock or share it
        timeout  wait for this many seconds at most, also without wait; 0 does
                 not wait
        shared   share the lock with others that do so
        pid      have the PID of this process in the file while it is locked
        follow   the path may be a symbolic link; the file is then not removed

        A signal handler, such as that of Ctrl-C, runs during a wait, at most a
        second after the signal; but if this thread has another lock and waits
        without a timeout, only if the signal interrupts its wait.  If the
        handler raises an exception, the wait is given up.  On a file server
        that does not answer, only a call with a timeout ends.

        Raises LockError if the lock is held and is not waited for, or is still
        held after timeout seconds.  Raises OSError if anything else fails: with
        EDEADLK if this thread has the lock itself and waits for it without a
        timeout, or if the system notices that processes wait for each other.
        """
        name = os.fspath(path)
        file = os.fsencode(name)
        if b'\0' in file:
            raise ValueError('embedded null byte')
        if timeout is None:
            timeout = math.inf if wait else 0
        else:
            timeout = _seconds(timeout)
        if pid and shared:
            raise ValueError('pid and shared exclude each other: the file has '
                             'room for one PID')
        flags = ((0 if remove else _KEEP) | (_SHARED if shared else 0) |
                 (_PID if pid else 0) | (_FOLLOW if follow else 0))
        self._path = name
        handle = ctypes.c_void_p()
        try:
            error = _acquire(handle, file, flags, timeout)
            if error == 0:
                _held[self] = _Held(handle, _lib.lf_fileno(handle),
                                    threading.current_thread(), [])
        except BaseException:
            # Ctrl-C may come at any place, also between the two lines above.
            if _held.pop(self, None) or handle:
                _lib.lf_release(ctypes.byref(handle))
            raise
        if error in (-errno.EAGAIN, -errno.ETIMEDOUT):
            raise _lock_error(name, file)
        if error == -errno.ELOOP and follow:
            raise OSError(errno.ELOOP, 'the link leads to itself, or there are '
                          'too many links', name)
        if error < 0:
            _fail(error, name)

    def __enter__(self) -> 'LockFile':
        """Return self."""
        self._get()
        return self

    def __exit__(self, exc_type: Optional[Type[BaseException]],
                 exc_value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        """Call release()."""
        self.release()

    def __repr__(self) -> str:
        state = 'acquired' if self in _held else 'released'
        return '<%s lock file %r>' % (state, self._path)

    def fileno(self) -> int:
        """Return the descriptor of the file, which the caller never closes.

        It is closed by an exec; a process that inherits it shares the lock.
        """
        return self._get().fd

    def get_path(self) -> Union[str, bytes]:
        """Return the path of the file, as it was given."""
        self._get()
        return self._path

    def release(self) -> None:
        """Release the lock, and remove the file if it is to be removed.

        In a child made by os.fork() this only closes the descriptor that the
        child inherited: the lock stays with the parent.

        Raises OSError if the lock may not have excluded others: with ESTALE if
        the file was removed or replaced while it was locked, which is noticed
        if it was to be removed, or if another process has the lock as well, as
        a file server may let it; with EBADF if the program has closed the
        descriptor.  The lock counts as released then, and no other file is
        touched.
        """
        held = _held.get(self)
        me = object()
        try:
            if held is None or not _is_first(held.releases, me):
                raise ValueError('The lock file is already released')
            _held.pop(self, None)
            result = _lib.lf_release(ctypes.byref(held.handle))
        except BaseException:
            # Ctrl-C may come at any place; a handle that is freed is null.
            if held and held.releases and held.releases[0] is me:
                _held.pop(self, None)
                _lib.lf_release(ctypes.byref(held.handle))
            raise
        if result == _REPLACED:
            raise OSError(errno.ESTALE, 'the lock file was removed or replaced '
                          'while it was locked', self._path)
        if result == _LOST:
            raise OSError(errno.ESTALE, 'the lock was lost, and another '
                          'process has it', self._path)
        if result == -errno.EBADF:
            raise OSError(errno.EBADF, 'the program has closed the descriptor '
                          'of the lock file', self._path)

    def _get(self) -> _Held:
        held = _held.get(self)
        if held is None:
            raise ValueError('The lock file is released')
        return held


def _is_first(releases: List[object], me: object) -> bool:
    releases.append(me)
    return releases[0] is me


def _seconds(timeout: float) -> float:
    # float() would take a text, too.
    if isinstance(timeout, (str, bytes, bytearray)):
        raise TypeError('timeout must be a number of seconds, or None')
    try:
        seconds = float(timeout)
    except OverflowError:
        seconds = math.inf if timeout > 0 else -math.inf
    if not seconds >= 0:
        raise ValueError('timeout must be 0 or more')
    return seconds


# --- Acquiring.  These return 0 or an error of the library.

def _acquire(handle: ctypes.c_void_p, file: bytes, flags: int,
             timeout: float) -> int:
    if 0 < timeout < math.inf:
        return _acquire_within(handle, file, flags, timeout)
    error = _attempt(handle, file, flags, 0)
    # EBUSY: a lease of another process on the file.
    if error not in (-errno.EAGAIN, -errno.EBUSY) or timeout == 0:
        return error
    # The library notices a wait that never ends only in a call that blocks; only
    # a thread that has a lock can be in one.
    if _has_a_lock():
        return _attempt(handle, file, flags, _FOREVER)
    return _wait(handle, file, flags, math.inf)


def _acquire_within(handle: ctypes.c_void_p, file: bytes, flags: int,
                    timeout: float) -> int:
    error = _wait(handle, file, flags, time.monotonic() + timeout)
    # The time is over, and a call with a short bound finds out why: the lock is
    # held, or the file system does not answer.
    return _attempt(handle, file, flags, 1) if error == -errno.ETIMEDOUT else error


def _attempt(handle: ctypes.c_void_p, file: bytes, flags: int,
             timeout_ms: int) -> int:
    error = -errno.EINTR
    while error == -errno.EINTR:
        error = _lib.lf_acquire(ctypes.byref(handle), file, timeout_ms, flags)
    return error


def _wait(handle: ctypes.c_void_p, file: bytes, flags: int,
          deadline: float) -> int:
    """Wait in Python, where signal handlers run and the place is kept."""
    error: int = _lib.lf_start(ctypes.byref(handle), file, flags)
    if error < 0:
        return error
    fd = _lib.lf_pending_fd(handle)
    event = _poll_until(fd, deadline)
    if event & select.POLLIN:
        error = _lib.lf_finish(ctypes.byref(handle))
        return error
    # Without the descriptor, which another thread has closed, the end of the wait
    # would not be noticed.
    _lib.lf_release(ctypes.byref(handle))
    return -errno.EBADF if event else -errno.ETIMEDOUT


def _poll_until(fd: int, deadline: float) -> int:
    """Return what poll(2) reports, or 0 if the time is over."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return 0
        # A signal that arrives just before poll(2), or in another thread, does
        # not end it, and Python runs the handler only then.
        for _, event in poll.poll(min(left, 1) * 1000):
            return event


def _has_a_lock() -> bool:
    me = threading.current_thread()
    return any(held.thread is me for held in list(_held.values()))


# --- Errors

def _lock_error(path: Union[str, bytes], file: bytes) -> LockError:
    pid = ctypes.c_int()
    if _lib.lf_check(file, ctypes.byref(pid)) <= 0:
        pid.value = 0
    holder = 'this' if pid.value == os.getpid() else 'another'
    return LockError('Lock file is held by %s process: %r' % (holder, path),
                     pid.value or None)


def _fail(error: int, path: Union[str, bytes]) -> NoReturn:
    text: bytes = _lib.lf_strerror(error)
    raise OSError(-error, text.decode(), path)
