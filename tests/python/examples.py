# SPDX-License-Identifier: 0BSD
"""The four uses that the documentation of the original shows."""

import os
import subprocess
import sys
import textwrap

import pytest
from helper import holder

ONLY_INSTANCE = '''
    import sys
    from lock_file import LockFile, LockError

    try:
        lock_f = LockFile(PATH)
    except LockError:
        sys.exit('The script is already running')

    try:
        work()
    finally:
        lock_f.release()
'''

WAITING = '''
    from lock_file import LockFile

    lock_f = LockFile(PATH, wait = True)
    try:
        work()
    finally:
        lock_f.release()
'''

WITH = '''
    from __future__ import with_statement
    from lock_file import LockFile

    with LockFile(PATH, wait = True):
        work()
'''

# The data file is its own lock file.  HDF5 opens and closes it, which would drop a
# lock of the process.
HDF5 = '''
    import h5py as h5
    from lock_file import LockFile

    for _ in range(20):
        lock_f = LockFile(PATH, wait = True, remove = False)
        try:
            h5_f = h5.File(PATH, 'a')
            count = h5_f.attrs['count']
            h5_f.attrs['count'] = count + 1
            h5_f.close()
        finally:
            lock_f.release()
'''


def run(example, path):
    code = textwrap.dedent(example).replace('PATH', repr(path)).replace(
        'work()', "print('works')")
    return subprocess.Popen([sys.executable, '-c', code], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize('example', [ONLY_INSTANCE, WAITING, WITH],
                         ids=['only instance', 'waiting', 'with'])
def test_an_example_works(path, example):
    assert run(example, path).communicate() == ('works\n', '')
    assert not os.path.exists(path)


def test_a_second_instance_ends(path):
    with holder(path):
        process = run(ONLY_INSTANCE, path)
        assert process.communicate() == ('', 'The script is already running\n')
        assert process.returncode == 1


def test_no_update_of_an_hdf5_file_is_lost(ofd, path):
    h5py = pytest.importorskip('h5py', reason='h5py is not installed')
    with h5py.File(path, 'w') as file:
        file.attrs['count'] = 0
    processes = [run(HDF5, path) for _ in range(4)]
    for process in processes:
        assert process.communicate() == ('', '')
    with h5py.File(path, 'r') as file:
        assert file.attrs['count'] == 80
