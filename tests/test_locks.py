import multiprocessing
import multiprocessing.synchronize
import os
from pathlib import Path

import pytest

from recycle.locks import is_locked, locked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_is_locked_while_the_block_runs(path: Path, shared: bool) -> None:
    with locked(path, shared=shared):
        assert is_locked(path)
    assert not is_locked(path)


def test_several_share_a_lock_and_it_ends_with_the_last(path: Path) -> None:
    with locked(path, shared=True):
        with locked(path, shared=True):
            pass
        assert is_locked(path)
    assert not is_locked(path)


def test_a_block_that_fails_holds_no_lock(path: Path) -> None:
    with pytest.raises(ValueError, match="failed"), locked(path):
        raise ValueError("failed")
    assert not is_locked(path)


def test_looking_makes_no_file(path: Path) -> None:
    assert not is_locked(path)
    assert not path.exists()


def test_the_file_can_be_read_and_written(path: Path) -> None:
    with locked(path) as descriptor:
        os.write(descriptor, b"content")
        assert os.pread(descriptor, 100, 0) == b"content"


@pytest.mark.parametrize("shared", [False, True])
def test_a_process_forked_in_the_meantime_holds_no_lock(path: Path, shared: bool) -> None:
    context = multiprocessing.get_context("fork")
    goes_on = context.Event()
    process = context.Process(target=goes_on.wait)
    with locked(path, shared=shared):
        process.start()
    try:
        assert not is_locked(path)
    finally:
        goes_on.set()
        process.join()


def hold(path: Path, is_held: multiprocessing.synchronize.Event) -> None:
    with locked(path):
        is_held.set()
        multiprocessing.Event().wait()


def test_a_killed_process_holds_no_lock(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    is_held = context.Event()
    process = context.Process(target=hold, args=(path, is_held))
    process.start()
    assert is_held.wait(60)
    assert is_locked(path)
    process.kill()
    process.join()
    assert not is_locked(path)
