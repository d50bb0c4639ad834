# SPDX-License-Identifier: 0BSD
"""Waits: how long, in which order, and what ends them."""

import errno
import fcntl
import itertools
import math
import os
import signal
import sys
import threading
import time

import pytest
from helper import Child, holder, names, wait_for_waiter

from lock_file import LockError, LockFile

WAITER = '''
    def handler(*_):
        say('signal')
        wait()
    signal.signal(signal.SIGUSR1, handler)
    say('starts')
    with LockFile(path, %s):
        say('held')
        wait()
'''


def waiter(path, arguments='wait=True'):
    child = Child(WAITER % arguments, path)
    assert child.says() == 'starts'
    wait_for_waiter(path, child.pid)
    return child


@pytest.mark.parametrize('arguments', [
    'wait=True', 'timeout=1e9', 'timeout=float("inf")', 'True'])
def test_a_waiter_gets_the_lock(path, arguments):
    lock = LockFile(path)
    with waiter(path, arguments) as child:
        lock.release()
        assert child.says() == 'held'
        with pytest.raises(LockError) as caught:
            LockFile(path)
        assert names(caught.value, child.pid)
        child.go()
        assert child.end() == (0, '')
    assert not os.path.exists(path)


@pytest.mark.parametrize('arguments', [
    {'timeout': 0.05}, {'timeout': 0.05, 'wait': True}])
def test_a_timeout_ends_a_wait_and_not_early(path, arguments):
    with holder(path) as other:
        start = time.monotonic()
        with pytest.raises(LockError) as caught:
            LockFile(path, **arguments)
        assert time.monotonic() - start >= 0.05
        assert names(caught.value, other.pid)
        assert str(caught.value) == (
            'Lock file is held by another process: %r' % path)


@pytest.mark.parametrize('arguments', [
    {'timeout': 0}, {'timeout': 0, 'wait': True}])
def test_a_timeout_of_0_does_not_wait(path, arguments):
    with holder(path), pytest.raises(LockError):
        LockFile(path, **arguments)


@pytest.mark.parametrize('timeout', [1e-9, 0, 10])
def test_a_free_lock_is_acquired_within_any_timeout(path, timeout):
    with LockFile(path, timeout=timeout):
        pass


def test_ctrl_c_ends_a_wait_and_nothing_is_left(path):
    code = '''
        files = os.listdir('/dev/fd')
        say('starts')
        try:
            LockFile(path, wait=True)
        except KeyboardInterrupt:
            say('interrupted')
        say(os.listdir('/dev/fd') == files)
        wait()
        with LockFile(path):
            say('held')
    '''
    lock = LockFile(path)
    with Child(code, path) as child:
        assert child.says() == 'starts'
        wait_for_waiter(path, child.pid)
        os.kill(child.pid, signal.SIGINT)
        assert child.says() == 'interrupted'
        assert child.says() == 'True'
        lock.release()
        assert not os.path.exists(path)
        child.go()
        assert child.says() == 'held'
        assert child.end() == (0, '')


@pytest.mark.parametrize('arguments', ['wait=True', 'timeout=1000'])
def test_ctrl_c_ends_the_program(path, arguments):
    lock = LockFile(path)
    with waiter(path, arguments) as child:
        os.kill(child.pid, signal.SIGINT)
        status, errors = child.end()
        assert status == -signal.SIGINT
        assert errors.splitlines()[-1] == 'KeyboardInterrupt'
    lock.release()
    assert not os.path.exists(path)


def test_ctrl_c_ends_the_wait_of_a_holder_of_another_lock(path):
    code = '''
        with LockFile(path + '-first'):
            say('starts')
            LockFile(path, wait=True)
    '''
    with LockFile(path), Child(code, path) as child:
        assert child.says() == 'starts'
        wait_for_waiter(path, child.pid)
        os.kill(child.pid, signal.SIGINT)
        assert child.end()[0] == -signal.SIGINT
    assert os.listdir(os.path.dirname(path)) == []


def test_ctrl_c_ends_a_wait_if_another_thread_takes_the_signal(path):
    code = '''
        def take():
            wait()
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        threading.Thread(target=take).start()
        LockFile(path, wait=True)
    '''
    lock = LockFile(path)
    with Child(code, path) as child:
        wait_for_waiter(path, child.pid)
        child.go()
        assert child.end()[0] == -signal.SIGINT
    lock.release()
    assert not os.path.exists(path)


def test_a_handler_that_returns_does_not_cost_the_place(ofd, path):
    """Not with a removed file, whose waiters keep their order on Linux only."""
    lock = LockFile(path, remove=False)
    with waiter(path) as first, waiter(path) as second:
        os.kill(first.pid, signal.SIGUSR1)
        assert first.says() == 'signal'
        # It would have come forward by now if the first one had left.
        wait_for_waiter(path, second.pid)
        first.go()
        wait_for_waiter(path, first.pid)
        lock.release()
        assert first.says() == 'held'
        first.go()
        assert second.says() == 'held'
        second.go()
        assert first.end() == second.end() == (0, '')


def test_other_threads_go_on_during_a_wait(path):
    code = '''
        def work():
            wait()
            say('the thread runs')
        threading.Thread(target=work).start()
        LockFile(path, wait=True)
        say('held')
    '''
    lock = LockFile(path)
    with Child(code, path) as child:
        wait_for_waiter(path, child.pid)
        child.go()
        assert child.says() == 'the thread runs'
        lock.release()
        assert child.says() == 'held'


def test_a_thread_waits_for_another_of_the_process(path):
    order = []
    started = threading.Event()

    def work():
        started.set()
        with LockFile(path, wait=True):
            order.append('thread')

    with LockFile(path):
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        order.append('main')
    thread.join()
    assert order == ['main', 'thread']
    assert not os.path.exists(path)


def test_threads_exclude_each_other(path):
    inside = []

    def work():
        for _ in range(20):
            with LockFile(path, wait=True):
                inside.append(1)
                assert inside == [1]
                time.sleep(0)
                inside.clear()
            done.append(1)

    done = []
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 160
    assert not os.path.exists(path)


class Interrupt:
    """Raises KeyboardInterrupt before the Nth step of release()."""

    def __init__(self, nth):
        self.left = nth

    def __call__(self, frame, event, _):
        if frame.f_code is not LockFile.release.__code__:
            return None
        frame.f_trace_opcodes = True
        if event == 'opcode':
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def test_ctrl_c_during_a_release_leaves_no_lock_without_an_owner(path):
    steps = 0
    for nth in itertools.count(1):
        lock = LockFile(path)
        interrupt = Interrupt(nth)
        try:
            # Python 3.12 looks for this only in settrace().
            sys._getframe().f_trace_opcodes = True
            sys.settrace(interrupt)
            lock.release()
        except KeyboardInterrupt:
            steps += 1
        finally:
            sys.settrace(None)
        if repr(lock).startswith('<acquired'):
            lock.release()
        assert not os.path.exists(path)
        if interrupt.left > 0:
            break
    assert steps > 20


def test_two_threads_release_once(path):
    """Each thread releases all locks: one gets each, and the other an error."""
    results = []

    def work():
        barrier.wait()
        for lock in locks:
            try:
                lock.release()
                results.append('released')
            except ValueError:
                results.append('refused')

    locks = [LockFile(path + str(i)) for i in range(50)]
    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count('released') == results.count('refused') == 50
    assert os.listdir(os.path.dirname(path)) == []


def test_a_thread_does_not_wait_for_itself(path):
    with LockFile(path):
        with pytest.raises(OSError) as caught:
            LockFile(path, wait=True)
    assert caught.value.errno == errno.EDEADLK


def test_processes_do_not_wait_for_each_other_for_ever(ofd, path):
    code = '''
        with LockFile(path + '-other'):
            say('held')
            wait()
            try:
                LockFile(path, wait=True).release()
            except OSError as error:
                assert error.errno == errno.EDEADLK
    '''
    with Child(code, path) as child:
        assert child.says() == 'held'
        with LockFile(path):
            child.go()
            wait_for_waiter(path, child.pid)
            with pytest.raises(OSError) as caught:
                LockFile(path + '-other', wait=True)
            assert caught.value.errno == errno.EDEADLK
        assert child.end() == (0, '')


LEASE = '''
    import fcntl
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    signal.signal(signal.SIGIO, lambda *_: None)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        say('none')
    say('leased')
    wait()
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    wait()
'''


@pytest.mark.parametrize('arguments', [
    {'wait': True}, {'timeout': 1e9}, {'timeout': math.inf}])
def test_a_wait_is_for_a_lease_too(path, arguments):
    """As of a Samba server; the kernel ends it after a while."""
    if not hasattr(fcntl, 'F_SETLEASE'):
        pytest.skip('needs leases')
    with Child(LEASE, path) as other:
        if other.says() == 'none':
            pytest.skip('this file system has no leases')
        with pytest.raises(OSError) as caught:
            LockFile(path)
        assert caught.value.errno == errno.EBUSY
        later = threading.Timer(0.1, other.go)
        later.start()
        with LockFile(path, **arguments):
            later.join()
