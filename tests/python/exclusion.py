# SPDX-License-Identifier: 0BSD
"""Exclusion in many processes, some of which lock as the original does."""

import itertools
import os
import subprocess
import sys

import pytest
from helper import Original, holder, names, program

from lock_file import LockError, LockFile

ROUNDS = 100


def enter_and_leave(path):
    """Fails if another process is inside."""
    inside = path + '-inside'
    os.close(os.open(inside, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.sched_yield()
    os.remove(inside)


def work(path, kind, remove):
    for _ in range(ROUNDS):
        with kind(path, wait=True, remove=remove):
            enter_and_leave(path)


def start(function, *arguments):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        function(*arguments)
        status = 0
    finally:
        os._exit(status)


def all_succeed(pids):
    return all([os.waitpid(pid, 0)[1] == 0 for pid in pids])


@pytest.mark.parametrize('ours, theirs', itertools.product([True, False], repeat=2))
def test_processes_of_both_kinds_exclude_each_other(path, ours, theirs):
    assert all_succeed([
        start(work, path, kind, remove) for kind, remove in
        [(LockFile, ours), (LockFile, True), (Original, theirs), (Original, True)]])
    assert not os.path.exists(path + '-inside')


def test_the_file_is_removed_by_the_last_of_many(path):
    assert all_succeed([start(work, path, LockFile, True) for _ in range(6)])
    assert os.listdir(os.path.dirname(path)) == []


def test_the_program_of_the_other_tests_and_this_module(path):
    original = program('original')
    enter = 'set -C; for i in 1 2; do : >"$0-inside" && rm "$0-inside"; done'
    pids = [start(work, path, LockFile, remove) for remove in (True, False)]
    for i in range(30):
        subprocess.run([original, *['-k'][i % 2:], path, 'sh', '-ec', enter, path],
                       check=True)
    assert all_succeed(pids)


def test_a_lock_of_the_original_is_refused_and_its_holder_named(path):
    code = '''
import sys
sys.path.insert(0, sys.argv[2])
from helper import Original, names
lock = Original(sys.argv[1])
print('held', flush=True)
sys.stdin.read()
lock.release()
'''
    other = subprocess.Popen(
        [sys.executable, '-c', code, path, os.path.dirname(__file__)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b'held\n'
    with pytest.raises(LockError) as caught:
        LockFile(path)
    assert names(caught.value, other.pid)
    with pytest.raises(LockError):
        LockFile(path, timeout=0.01)
    other.communicate()
    with LockFile(path):
        pass


def test_the_original_is_refused(path):
    with holder(path), pytest.raises(BlockingIOError):
        Original(path, wait=False)
