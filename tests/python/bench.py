# SPDX-License-Identifier: 0BSD
"""What the Python module costs, as ratios of two things measured in turns."""

import functools
import os
import statistics
import tempfile
import time

from helper import Original

from lock_file import LockFile

try:
    from filelock import FileLock
except ImportError:
    FileLock = None

TURNS = 15
CYCLES = 500


def time_of(lock):
    start = time.perf_counter()
    for _ in range(CYCLES):
        with lock():
            pass
    return time.perf_counter() - start


def compare(what, ours, theirs):
    ratio = statistics.median(time_of(ours) / time_of(theirs)
                              for _ in range(TURNS))
    print('%-56s %6.2f' % ('Python, ' + what, ratio), flush=True)


with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, 'lock')

    def with_path(kind, **arguments):
        return functools.partial(kind, path, **arguments)

    original = with_path(Original)
    compare('remove: ours / original', with_path(LockFile), original)
    compare('keep: ours / original', with_path(LockFile, remove=False),
            with_path(Original, remove=False))
    if FileLock:
        compare('keep: ours / filelock', with_path(LockFile, remove=False),
                with_path(FileLock))
    compare('with a time limit: ours / original',
            with_path(LockFile, timeout=1), original)
