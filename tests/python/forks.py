# SPDX-License-Identifier: 0BSD
"""A lock belongs to the process that acquired it."""

import os
import signal

import pytest
from helper import Child

from lock_file import LockError, LockFile


def in_child(work):
    """Returns whether WORK ended without an exception in a child."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def is_held(path, pid):
    with pytest.raises(LockError) as caught:
        LockFile(path)
    return caught.value.pid == pid


def test_a_child_that_ends_does_not_release(ofd, path):
    def work():
        assert is_held(path, os.getppid())

    with LockFile(path):
        assert in_child(work)
        assert os.path.exists(path)
        assert is_held(path, os.getpid())
    assert not os.path.exists(path)


def test_a_child_that_releases_leaves_the_lock_to_the_parent(ofd, path):
    def work():
        assert repr(lock).startswith('<acquired')
        lock.release()
        assert repr(lock).startswith('<released')
        assert is_held(path, os.getppid())

    with LockFile(path) as lock:
        assert in_child(work)
        assert os.path.exists(path)
        assert is_held(path, os.getpid())
    assert not os.path.exists(path)


def test_a_child_waits_for_its_parent(ofd, path):
    """The child has the parent's lock only by name, so this is no deadlock."""
    lock = LockFile(path)
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            lock.release()
            os.write(go, b'.')
            with LockFile(path, wait=True):
                status = 0
        finally:
            os._exit(status)
    os.read(ready, 1)
    lock.release()
    assert os.waitpid(pid, 0)[1] == 0
    assert not os.path.exists(path)


def test_the_parent_releases_though_a_child_has_the_descriptor(ofd, path):
    code = '''
        lock = LockFile(path)
        pid = os.fork()
        if pid == 0:
            signal.pause()
        lock.release()
        LockFile(path).release()
        os.kill(pid, signal.SIGKILL)
        say(os.path.exists(path))
    '''
    with Child(code, path) as child:
        assert child.says() == 'False'
        assert child.end() == (0, '')


def test_the_lock_of_a_killed_process_is_free(path):
    with Child("LockFile(path); say('held'); wait()", path) as child:
        assert child.says() == 'held'
        os.kill(child.pid, signal.SIGKILL)
        child.end()
    with LockFile(path):
        pass
    assert not os.path.exists(path)
