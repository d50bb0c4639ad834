# SPDX-License-Identifier: 0BSD
"""What the Python module costs, as ratios of two things measured in turns.

The median, and the quartiles, as tests/bench prints them.
"""

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


def compare(what, ours, theirs, bar=''):
    ratios = [time_of(ours) / time_of(theirs) for _ in range(TURNS)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print('  %-52s %7.2f  %5.2f to %5.2f  %s' % (what, middle, low, high, bar),
          flush=True)


print('\nThe Python module, uncontended')
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, 'lock')

    def with_path(kind, **arguments):
        return functools.partial(kind, path, **arguments)

    original = with_path(Original)
    compare('remove: ours / original', with_path(LockFile), original)
    compare('keep: ours / original', with_path(LockFile, remove=False),
            with_path(Original, remove=False))
    compare('with a time limit: ours / original',
            with_path(LockFile, timeout=1), original)
    if FileLock:
        compare('keep: ours / filelock', with_path(LockFile, remove=False),
                with_path(FileLock))
    else:
        print('\nNot compared, as it is not here: filelock')
