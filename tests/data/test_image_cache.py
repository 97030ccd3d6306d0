"""A cache of images on one machine: what it reads, whom it serves, and when it goes."""

import fcntl
import multiprocessing
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from recycle.data.image_cache import GIB, ImageCache, open_image_cache, remove_image_cache
from recycle.data.pixel_store import PixelStore
from recycle.data.shrinking import read_shrunk
from recycle.errors import DataError, RecycleWarning
from recycle.paths import image_caches_folder
from tests.data.small_dataset import HEIGHT, WIDTH, noise

SIDE = 24


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    noise(1).save(path, quality=95)
    return path


def read(cache: ImageCache, path: Path, longest_side: int = SIDE) -> npt.NDArray[np.uint8]:
    return cache.read(path, WIDTH, HEIGHT, longest_side)


def root_in(folder: Path) -> Path:
    root = image_caches_folder()
    assert root.parent == folder
    return root


@pytest.mark.parametrize("longest_side", [16, SIDE, WIDTH, 1000])
def test_a_cache_reads_what_plain_decoding_does(temporary: Path, photograph: Path, longest_side: int) -> None:
    expected = read_shrunk(photograph, WIDTH, HEIGHT, longest_side)
    with open_image_cache("run", 0.01) as cache:
        for _ in range(3):
            np.testing.assert_array_equal(read(cache, photograph, longest_side), expected)
    np.testing.assert_array_equal(read(ImageCache(), photograph, longest_side), expected)


def test_an_image_is_decoded_once(temporary: Path, photograph: Path) -> None:
    found = photograph.stat()
    with open_image_cache("run", 0.01) as first:
        expected = read(first, photograph)
    photograph.write_bytes(bytes(found.st_size))  # can no longer be decoded, but looks the same
    os.utime(photograph, ns=(found.st_atime_ns, found.st_mtime_ns))
    with open_image_cache("run", 0.01) as second:
        np.testing.assert_array_equal(read(second, photograph), expected)
        with pytest.raises(DataError, match="cannot be read"):
            read(second, photograph, SIDE - 1)


def test_a_replaced_file_is_read_again(temporary: Path, photograph: Path) -> None:
    with open_image_cache("run", 0.01) as cache:
        before = read(cache, photograph)
        noise(2).save(photograph, quality=95)
        after = read(cache, photograph)
    assert (before != after).any()
    np.testing.assert_array_equal(after, read_shrunk(photograph, WIDTH, HEIGHT, SIDE))


def test_sizes_that_give_the_same_pixels_are_kept_once(temporary: Path, photograph: Path) -> None:
    store = PixelStore(temporary / "store", 2**20)
    for longest_side in (WIDTH, WIDTH + 1, 4096):
        read(ImageCache(store), photograph, longest_side)
    assert store.size == WIDTH * HEIGHT * 3


def test_what_does_not_fit_is_decoded(temporary: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.png" for seed in range(4)]
    for seed, path in enumerate(paths):
        noise(seed).save(path)
    with open_image_cache("run", 2 * WIDTH * HEIGHT * 3 / GIB) as cache:
        for path in (*paths, *paths):
            np.testing.assert_array_equal(read(cache, path, WIDTH), read_shrunk(path, WIDTH, HEIGHT, WIDTH))
    assert (root_in(temporary) / "run" / "pixels").stat().st_size == 2 * WIDTH * HEIGHT * 3


@pytest.mark.parametrize("size", [(WIDTH + 1, HEIGHT), (HEIGHT, WIDTH)])
def test_a_wrong_record_is_refused_with_a_cache_too(temporary: Path, photograph: Path, size: tuple[int, int]) -> None:
    with open_image_cache("run", 0.01) as cache:
        read(cache, photograph)
        with pytest.raises(DataError, match=rf"must be {size[0]}x{size[1]} as recorded"):
            cache.read(photograph, *size, SIDE)


def test_a_missing_file_is_refused(temporary: Path, tmp_path: Path) -> None:
    with open_image_cache("run", 0.01) as cache, pytest.raises(DataError, match=r"gone\.jpg"):
        read(cache, tmp_path / "gone.jpg")


def test_no_limit_means_no_files(temporary: Path, photograph: Path) -> None:
    with open_image_cache("run", 0) as cache:
        read(cache, photograph)
    assert list(temporary.iterdir()) == []


def test_a_cache_outlives_its_process_until_it_is_removed(temporary: Path, photograph: Path) -> None:
    with open_image_cache("run", 0.01) as cache:
        read(cache, photograph)
    assert (root_in(temporary) / "run").is_dir()
    remove_image_cache("run")
    remove_image_cache("run")
    assert not (root_in(temporary) / "run").exists()


def test_a_cache_that_is_removed_while_open_still_reads(temporary: Path, photograph: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.jpg"
    noise(2).save(other)
    with open_image_cache("run", 0.01) as cache:
        read(cache, photograph)
        remove_image_cache("run")
        np.testing.assert_array_equal(read(cache, photograph), read_shrunk(photograph, WIDTH, HEIGHT, SIDE))
        with pytest.warns(RecycleWarning, match="decoded each time"):
            np.testing.assert_array_equal(read(cache, other), read_shrunk(other, WIDTH, HEIGHT, SIDE))


def test_caches_that_nobody_has_open_are_removed_by_the_next_run(temporary: Path, photograph: Path) -> None:
    root = root_in(temporary)
    with open_image_cache("in use", 0.01), open_image_cache("new", 0.01):
        pass
    with open_image_cache("in use", 0.01) as cache:
        read(cache, photograph)
        with open_image_cache("newer", 0.01):
            assert {path.name for path in root.iterdir()} == {"lock", "in use", "newer"}


def hold_open(name: str, opened: Any) -> None:
    with open_image_cache(name, 0.01):
        opened.set()
        multiprocessing.Event().wait()


def test_a_killed_process_holds_no_cache(temporary: Path) -> None:
    context = multiprocessing.get_context("fork")
    opened = context.Event()
    process = context.Process(target=hold_open, args=("killed", opened))
    process.start()
    assert opened.wait(60)
    with open_image_cache("second", 0.01):
        assert (root_in(temporary) / "killed").is_dir()
    process.kill()
    process.join()
    with open_image_cache("third", 0.01):
        assert not (root_in(temporary) / "killed").exists()


def test_a_folder_that_cannot_be_written_leaves_plain_decoding(
    temporary: Path, photograph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root_in(temporary).write_text("a file where the folder should be")
    with pytest.warns(RecycleWarning, match=r"decoded each time.*recycle-images"), open_image_cache("run", 1) as cache:
        np.testing.assert_array_equal(read(cache, photograph), read_shrunk(photograph, WIDTH, HEIGHT, SIDE))


def test_a_folder_that_another_put_there_is_not_used(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    root_in(temporary).symlink_to(tmp_path / "theirs")
    with pytest.warns(RecycleWarning, match="must be a folder of user"), open_image_cache("run", 1):
        pass
    assert list((tmp_path / "theirs").iterdir()) == []


def test_opening_waits_for_those_who_tidy_up(temporary: Path) -> None:
    with open_image_cache("first", 0.01):
        pass
    lock = os.open(root_in(temporary) / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    context = multiprocessing.get_context("fork")
    opened = context.Event()
    process = context.Process(target=hold_open, args=("second", opened))
    process.start()
    assert not opened.wait(0.3)
    fcntl.flock(lock, fcntl.LOCK_UN)  # the forked process inherited the descriptor
    os.close(lock)
    assert opened.wait(60)
    process.kill()
    process.join()


def test_grey_images_become_three_channels(temporary: Path, tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    noise(3).convert("L").save(path)
    with warnings.catch_warnings(), open_image_cache("run", 0.01) as cache:
        warnings.simplefilter("error")
        first, again = read(cache, path), read(cache, path)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (16, SIDE, 3)
    assert PIL.Image.open(path).mode == "L"
