# SPDX-License-Identifier: 0BSD
"""Each argument, the methods, and what they say and raise."""

import decimal
import errno
import fractions
import gc
import inspect
import os
import pathlib
import pickle
import subprocess
import sys

import pytest
from helper import Child, holder, names

from lock_file import LockError, LockFile


def test_the_interface_is_that_of_the_original():
    first = list(inspect.signature(LockFile).parameters.values())[:3]
    assert [(p.name, p.default) for p in first] == [
        ('path', inspect.Parameter.empty), ('wait', False), ('remove', True)]
    assert LockError.__bases__ == (Exception,)
    assert repr(LockError('text')) == "LockError('text')"
    assert LockError('text').pid is None


def test_a_lock_is_acquired_and_released(path):
    lock = LockFile(path)
    assert repr(lock) == "<acquired lock file '%s'>" % path
    assert lock.get_path() == path
    assert os.path.samestat(os.fstat(lock.fileno()), os.stat(path))
    assert not os.get_inheritable(lock.fileno())
    lock.release()
    assert repr(lock) == "<released lock file '%s'>" % path
    assert not os.path.exists(path)


def test_a_released_lock_is_refused(path):
    lock = LockFile(path)
    lock.release()
    for method in lock.fileno, lock.get_path, lock.__enter__:
        with pytest.raises(ValueError, match='^The lock file is released$'):
            method()
    with pytest.raises(ValueError, match='^The lock file is already released$'):
        lock.release()


def test_with_releases_after_an_exception(path):
    with pytest.raises(KeyError):
        with LockFile(path) as lock:
            raise KeyError
    assert repr(lock).startswith('<released')
    assert not os.path.exists(path)


def test_a_held_lock_is_refused_and_its_holder_named(path):
    with holder(path) as other:
        with pytest.raises(LockError) as caught:
            LockFile(path)
        text = 'Lock file is held by another process: %r' % path
        assert str(caught.value) == text
        assert repr(caught.value) == 'LockError(%r)' % text
        assert names(caught.value, other.pid)
        copy = pickle.loads(pickle.dumps(caught.value))
        assert str(copy) == text and names(copy, other.pid)


def test_a_lock_of_this_process_is_not_that_of_another(path):
    with LockFile(path):
        with pytest.raises(LockError) as caught:
            LockFile(path)
    assert str(caught.value) == 'Lock file is held by this process: %r' % path
    assert caught.value.pid == os.getpid()


@pytest.mark.parametrize('arguments', [(False, False), (True, False)])
def test_remove_false_keeps_the_file(path, arguments):
    with LockFile(path, *arguments):
        pass
    assert os.path.getsize(path) == 0
    with LockFile(path):
        pass
    assert not os.path.exists(path)


def test_a_file_with_content_is_never_removed(path):
    pathlib.Path(path).write_text('content')
    with LockFile(path):
        pass
    assert pathlib.Path(path).read_text() == 'content'


def test_pid_is_in_the_file_while_it_is_locked(path):
    with LockFile(path, pid=True, remove=False):
        assert pathlib.Path(path).read_text() == '%d\n' % os.getpid()
    assert os.path.getsize(path) == 0


def test_shared_locks_share_and_exclude(path):
    try:
        first = LockFile(path, shared=True)
    except OSError as error:
        pytest.skip('no shared locks here: %s' % error)
    with holder(path, 'shared=True'):
        with pytest.raises(LockError):
            LockFile(path)
        first.release()
        with pytest.raises(LockError):
            LockFile(path)
    with LockFile(path):
        with pytest.raises(LockError):
            LockFile(path, shared=True)


def test_a_symbolic_link_is_followed_on_request(path):
    os.symlink('file', path)
    file = os.path.join(os.path.dirname(path), 'file')
    with pytest.raises(OSError) as caught:
        LockFile(path)
    assert caught.value.errno == errno.ELOOP
    assert not os.path.exists(file)
    with LockFile(path, follow=True) as lock:
        assert os.path.samestat(os.fstat(lock.fileno()), os.stat(file))
    assert os.path.exists(file)


def test_a_new_file_has_the_mode_of_any_other(path):
    before = os.umask(0o027)
    try:
        with LockFile(path):
            assert os.stat(path).st_mode & 0o7777 == 0o640
    finally:
        os.umask(before)


def test_each_kind_of_path_is_a_path(path):
    name = os.fsencode(path) + b'-\xff\n'
    for each, given in [(name, name), (os.fsdecode(name), os.fsdecode(name)),
                        (pathlib.Path(path), path)]:
        with LockFile(each) as lock:
            assert lock.get_path() == given
            assert os.path.exists(given)
            with pytest.raises(LockError) as caught:
                LockFile(each)
            assert str(caught.value).endswith(': %r' % (given,))
        assert not os.path.exists(given)


@pytest.mark.parametrize('bad, error', [
    (3, TypeError), (None, TypeError), ('a\0b', ValueError), (b'\0', ValueError),
    ('', FileNotFoundError), ('/dev/null', OSError), ('/', IsADirectoryError),
    ('/missing/lock', FileNotFoundError)], ids=repr)
def test_a_bad_path_is_refused(bad, error):
    with pytest.raises(error) as caught:
        LockFile(bad)
    if isinstance(caught.value, OSError):
        assert caught.value.filename == bad


@pytest.mark.parametrize('bad, error', [
    (-1, ValueError), (float('nan'), ValueError), ('1', TypeError),
    (b'1', TypeError), ([], TypeError), ('inf', TypeError)], ids=repr)
def test_a_bad_timeout_creates_nothing(path, bad, error):
    with pytest.raises(error):
        LockFile(path, timeout=bad)
    assert not os.path.exists(path)


@pytest.mark.parametrize('timeout', [
    0, decimal.Decimal('0.01'), fractions.Fraction(1, 100), 10 ** 400], ids=type)
def test_any_number_is_a_timeout(path, timeout):
    with LockFile(path, timeout=timeout):
        if timeout < 1:
            with pytest.raises(LockError):
                LockFile(path, timeout=timeout)


def test_a_link_to_itself_is_explained(path):
    os.symlink(path, path)
    with pytest.raises(OSError, match='leads to itself') as caught:
        LockFile(path, follow=True)
    assert caught.value.errno == errno.ELOOP


def test_shared_with_a_pid_is_refused(path):
    with pytest.raises(ValueError, match='pid and shared'):
        LockFile(path, shared=True, pid=True)
    assert not os.path.exists(path)


@pytest.mark.skipif(os.getuid() == 0, reason='root may do all this')
def test_no_permission_is_an_error_and_not_a_held_lock(path):
    os.chmod(os.path.dirname(path), 0o555)
    with pytest.raises(PermissionError):
        LockFile(path)
    with pytest.raises(PermissionError):
        LockFile(path, wait=True)


def test_a_forgotten_lock_is_held_until_the_process_ends(path):
    code = '''
        import gc
        LockFile(path)
        gc.collect()
        say('held')
        wait()
    '''
    with Child(code, path, options=['-X', 'dev', '-W', 'error']) as child:
        assert child.says() == 'held'
        with pytest.raises(LockError):
            LockFile(path)
        assert child.end() == (0, '')
    with LockFile(path):
        pass
    assert not os.path.exists(path)


def test_a_failed_lock_leaves_no_descriptor(path):
    with holder(path):
        before = os.listdir('/dev/fd')
        for arguments in {}, {'timeout': 0.001}:
            with pytest.raises(LockError):
                LockFile(path, **arguments)
        gc.collect()
        assert os.listdir('/dev/fd') == before


def test_a_replaced_file_is_reported(path):
    lock = LockFile(path)
    os.remove(path)
    pathlib.Path(path).touch()
    with pytest.raises(OSError) as caught:
        lock.release()
    assert caught.value.errno == errno.ESTALE
    assert caught.value.filename == path
    assert os.path.exists(path)
    assert repr(lock).startswith('<released')


def test_a_program_that_closes_all_descriptors(path):
    """It has lost the lock, and opened another file under the same number."""
    code = '''
        try:
            with LockFile(path, pid=True) as lock:
                fd = lock.fileno()
                os.closerange(3, 100)
                others = [os.open(path + '-%d' % i, os.O_CREAT | os.O_RDWR)
                          for i in range(10)]
                assert fd in others
        except OSError as error:
            say(errno.errorcode[error.errno])
        for other in others:
            os.write(other, b'whole')
        say(lock)
    '''
    with Child(code, path) as child:
        assert child.says() == 'EBADF'
        assert child.says() == "<released lock file '%s'>" % path
        assert child.end() == (0, '')
    for i in range(10):
        assert pathlib.Path(path + '-%d' % i).read_text() == 'whole'


def test_a_program_that_is_started_does_not_inherit_the_lock(path):
    with LockFile(path):
        listed = subprocess.run(['ls', '-l', '/dev/fd/'], close_fds=False,
                                stdout=subprocess.PIPE, check=True).stdout
        assert os.fsencode(path) not in listed


def test_a_missing_library_is_named():
    program = '''
import ctypes
class Missing:
    def __init__(self, name): raise OSError(name + ': cannot open it')
ctypes.CDLL = Missing
import lock_file
'''
    result = subprocess.run([sys.executable, '-c', program],
                            stderr=subprocess.PIPE, text=True)
    assert result.stderr.splitlines()[-1] == (
        'ImportError: lock_file needs the shared library of liblockfile-fcntl: '
        'liblockfile-fcntl.so.0: cannot open it')
