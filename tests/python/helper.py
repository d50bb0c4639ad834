# SPDX-License-Identifier: 0BSD
"""What the tests of the Python module share."""

import fcntl
import functools
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

from lock_file import LockFile, _lib

OFD, LOCKF = 1, 3


@functools.lru_cache()
def backend():
    """The kind of all locks here."""
    with tempfile.TemporaryDirectory(prefix='lf-python.') as directory:
        with LockFile(os.path.join(directory, 'lock')) as lock:
            return _lib.lf_backend(lock._get().handle)


def names(error, pid):
    """Whether a LockError does; locks by lockf do not show their holder."""
    return error.pid == (None if backend() == LOCKF else pid)


class Child:
    """A process that runs CODE, speaks in lines, and waits for lines."""

    PRELUDE = '''
        import errno, os, signal, sys, threading
        from lock_file import LockError, LockFile
        path = sys.argv[1]
        # Programs in the background ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        def say(what): print(what, flush=True)
        def wait(): return sys.stdin.readline()
    '''

    def __init__(self, code, *arguments, options=()):
        program = textwrap.dedent(self.PRELUDE) + textwrap.dedent(code)
        self.process = subprocess.Popen(
            [sys.executable, *options, '-c', program, *arguments], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def says(self):
        return self.process.stdout.readline().rstrip('\n')

    def go(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()

    def end(self):
        """Returns its exit status and what it wrote to stderr."""
        _, errors = self.process.communicate()
        return self.process.returncode, errors


def holder(path, arguments=''):
    """A child that holds PATH until it may go on."""
    child = Child('''
        with LockFile(path, %s):
            say('held')
            wait()
    ''' % arguments, path)
    assert child.says() == 'held'
    return child


class Original:
    """A lock as the module of 2007 takes it: lockf on the whole file."""

    def __init__(self, path, wait=True, remove=True):
        self.path, self.remove = path, remove
        while True:
            self.fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o666)
            fcntl.lockf(self.fd,
                        fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if self.is_at_path():
                return
            os.close(self.fd)

    def is_at_path(self):
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.fd))
        except FileNotFoundError:
            return False

    def release(self):
        if self.remove:
            os.remove(self.path)
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


def wait_for_waiter(path, pid):
    """Until the kernel lists a request of PID that waits for PATH."""
    if not os.path.exists('/proc/locks'):
        pytest.skip('the kernel does not list locks')
    waiter = re.compile(r'-> \S+ +\S+ +\S+ +%d \S+:%d ' %
                        (pid, os.stat(path).st_ino))
    limit = time.monotonic() + 30
    while True:
        with open('/proc/locks') as locks:
            if waiter.search(locks.read()):
                return
        assert time.monotonic() < limit, 'PID %d does not wait' % pid
        os.sched_yield()


def program(name):
    """The path of a program of this project that tests use."""
    for directory in os.environ['PATH'].split(':'):
        found = os.path.join(directory, name)
        if os.access(found, os.X_OK):
            return found
    return pytest.skip('%s is missing' % name)
