# SPDX-License-Identifier: 0BSD
"""Fixtures."""

import os
import signal
import tempfile

import pytest
from helper import OFD, backend


@pytest.fixture(autouse=True)
def limit():
    """A test that would hang fails; none of them takes so long."""
    def fail(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, fail)
    signal.alarm(120)
    yield
    signal.alarm(0)


@pytest.fixture
def path():
    """A lock file in a directory of its own, which is empty at the end."""
    with tempfile.TemporaryDirectory(prefix='lf-python.') as directory:
        os.chmod(directory, 0o755)
        yield os.path.join(directory, 'lock')


@pytest.fixture
def ofd():
    """Locks of open file descriptions, which do not belong to the process."""
    if backend() != OFD:
        pytest.skip('locks belong to the process here')
