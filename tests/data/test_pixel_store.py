"""A store that several processes fill at once, and that killed ones leave whole."""

import multiprocessing
import pickle
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.pixel_store import RECORD, PixelStore

LIMIT = 2**24
SPAWN = multiprocessing.get_context("spawn")
FORK = multiprocessing.get_context("fork")


def picture(seed: int, width: int = 20, height: int = 10) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def key(number: int) -> bytes:
    return number.to_bytes(16, "little")


def test_what_was_put_is_got_by_all(tmp_path: Path) -> None:
    stores = [PixelStore(tmp_path, LIMIT), PixelStore(tmp_path, LIMIT)]
    assert stores[0].get(key(1)) is None
    assert stores[0].put(key(1), picture(1))
    for store in (*stores, PixelStore(tmp_path, LIMIT), pickle.loads(pickle.dumps(stores[1]))):
        np.testing.assert_array_equal(store.get(key(1)), picture(1))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(1, 9)), max_size=20))
def test_the_first_image_of_each_key_stays(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[int, int, int]]
) -> None:
    store = PixelStore(tmp_path_factory.mktemp("store"), LIMIT)
    expected: dict[int, npt.NDArray[np.uint8]] = {}
    for seed, (number, width, height) in enumerate(puts):
        image = picture(seed, width, height)
        store.put(key(number), image)
        expected.setdefault(number, image)
    for number, image in expected.items():
        np.testing.assert_array_equal(store.get(key(number)), image)
    assert store.size == sum(image.nbytes for image in expected.values())


def test_what_is_got_may_be_changed(tmp_path: Path) -> None:
    store = PixelStore(tmp_path, LIMIT)
    store.put(key(1), picture(1))
    got = store.get(key(1))
    assert got is not None
    got[:] = 0
    np.testing.assert_array_equal(store.get(key(1)), picture(1))


def test_a_mirrored_view_is_put_as_it_looks(tmp_path: Path) -> None:
    store = PixelStore(tmp_path, LIMIT)
    store.put(key(1), picture(1)[:, ::-1])
    np.testing.assert_array_equal(store.get(key(1)), picture(1)[:, ::-1])


def test_the_limit_holds(tmp_path: Path) -> None:
    size = picture(0).nbytes
    store = PixelStore(tmp_path, 2 * size)
    assert [store.put(key(number), picture(number)) for number in range(3)] == [True, True, False]
    assert store.put(key(0), picture(0))
    assert store.get(key(2)) is None
    assert store.size == (tmp_path / "pixels").stat().st_size == 2 * size


def test_the_file_takes_room_only_as_it_fills(tmp_path: Path) -> None:
    PixelStore(tmp_path, 2**30).put(key(1), picture(1))
    assert (tmp_path / "pixels").stat().st_size == 2**30
    assert (tmp_path / "pixels").stat().st_blocks * 512 < 2**20


@pytest.mark.parametrize("torn", [1, RECORD.itemsize - 1])
def test_a_torn_record_is_overwritten(tmp_path: Path, torn: int) -> None:
    PixelStore(tmp_path, LIMIT).put(key(1), picture(1))
    with (tmp_path / "index").open("ab") as index:
        index.write(b"\xff" * torn)
    store = PixelStore(tmp_path, LIMIT)
    store.put(key(2), picture(2))
    for number in (1, 2):
        np.testing.assert_array_equal(PixelStore(tmp_path, LIMIT).get(key(number)), picture(number))


def test_lost_pixels_are_found_and_replaced(tmp_path: Path) -> None:
    PixelStore(tmp_path, LIMIT).put(key(1), picture(1))
    with (tmp_path / "pixels").open("r+b") as pixels:
        pixels.write(bytes(picture(1).nbytes))
    store = PixelStore(tmp_path, LIMIT)
    assert store.get(key(1)) is None
    store.put(key(1), picture(1))
    for reader in (store, PixelStore(tmp_path, LIMIT)):
        np.testing.assert_array_equal(reader.get(key(1)), picture(1))


def put_all(folder: Path, numbers: range) -> None:
    store = PixelStore(folder, LIMIT)
    for number in numbers:
        store.put(key(number), picture(number))


def put_through(store: PixelStore, numbers: range) -> None:
    for number in numbers:
        store.put(key(number), picture(number))


def test_processes_that_fill_at_once_keep_each_image_once(tmp_path: Path) -> None:
    inherited = PixelStore(tmp_path, LIMIT)
    processes: list[multiprocessing.process.BaseProcess] = [
        SPAWN.Process(target=put_all, args=(tmp_path, range(60))),
        FORK.Process(target=put_through, args=(inherited, range(30, 90))),
        FORK.Process(target=put_through, args=(inherited, range(90))),
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    store = PixelStore(tmp_path, LIMIT)
    for number in range(90):
        np.testing.assert_array_equal(store.get(key(number)), picture(number))
    assert store.size == 90 * picture(0).nbytes
    assert (tmp_path / "index").stat().st_size == 90 * RECORD.itemsize


def put_from(folder: Path, first: int) -> None:
    put_all(folder, range(first, 10**9))


def records(folder: Path) -> int:
    return (folder / "index").stat().st_size // RECORD.itemsize


def test_a_killed_filler_leaves_nothing_broken(tmp_path: Path) -> None:
    PixelStore(tmp_path, LIMIT)
    for _ in range(3):
        first = records(tmp_path)
        process = FORK.Process(target=put_from, args=(tmp_path, first))
        process.start()
        while process.is_alive() and records(tmp_path) < first + 5:
            time.sleep(0.001)
        process.kill()
        process.join()
        store = PixelStore(tmp_path, LIMIT)
        kept = records(tmp_path)
        assert kept >= first + 5
        for number in range(kept):
            np.testing.assert_array_equal(store.get(key(number)), picture(number))
        assert store.put(key(kept), picture(kept))
