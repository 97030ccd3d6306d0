from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.errors import DataError
from recycle.predictions.probabilities import (
    Probabilities,
    by_image,
    read_probabilities,
    to_bytes,
    writing_probabilities,
)


def drawn(ids: list[int], classes: int = 3, size: tuple[int, int] = (4, 5)) -> Probabilities:
    values = np.random.default_rng(len(ids)).integers(0, 256, (len(ids), classes, *size), np.uint8)
    return Probabilities(np.array(ids, np.int64), values)


def write(probabilities: Probabilities, path: Path, batch: int = 2) -> None:
    ids, values = probabilities.image_ids.tolist(), probabilities.values
    with writing_probabilities(path, len(ids), probabilities.classes, probabilities.size) as writer:
        for start in range(0, len(ids), batch):
            writer.add(ids[start : start + batch], values[start : start + batch])


@pytest.mark.parametrize("ids", [[], [7], [5, -3, 2**40]])
def test_a_file_gives_back_what_was_written(tmp_path: Path, ids: list[int]) -> None:
    path = tmp_path / "new" / "member.npy"
    write(drawn(ids), path)
    again = read_probabilities(path)
    assert again.image_ids.tolist() == ids
    assert np.array_equal(again.values, drawn(ids).values)
    assert (again.classes, again.size) == (3, (4, 5))
    assert [file.name for file in path.parent.iterdir()] == ["member.npy"]


def test_pixels_stay_on_the_disk(tmp_path: Path) -> None:
    write(drawn([1, 2]), tmp_path / "member.npy")
    values = read_probabilities(tmp_path / "member.npy").values
    assert isinstance(values, np.memmap)
    assert isinstance(by_image([read_probabilities(tmp_path / "member.npy")])[2], np.memmap)


def test_a_file_with_images_missing_does_not_appear(tmp_path: Path) -> None:
    path = tmp_path / "member.npy"
    with (
        pytest.raises(DataError, match="3 images must be written, but there were fewer"),
        writing_probabilities(path, 3, 2, (4, 4)) as writer,
    ):
        writer.add([1], np.zeros((1, 2, 4, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "member.npy"
    if content is None:
        np.save(path, np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"member\.npy: not a file of probabilities"):
        read_probabilities(path)
    with pytest.raises(DataError, match=r"absent\.npy: not a file of probabilities"):
        read_probabilities(tmp_path / "absent.npy")


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        ([1], np.zeros((1, 2, 3), np.uint8), r"must be uint8 \(images, classes, height, width\)"),
        ([1], np.zeros((1, 2, 3, 3)), "got float64"),
        ([1, 2], np.zeros((1, 2, 3, 3), np.uint8), "there must be 1 image ids"),
        ([6, 6], np.zeros((2, 2, 3, 3), np.uint8), "an image must be predicted once, but 6 is predicted again"),
    ],
)
def test_columns_that_do_not_fit_are_refused(ids: list[int], values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Probabilities(np.array(ids, np.int64), values)


def test_the_folds_of_a_model_join_by_image() -> None:
    joined = by_image([drawn([3]), drawn([1, 9])])
    assert sorted(joined) == [1, 3, 9]
    assert np.array_equal(joined[9], drawn([1, 9]).values[1])
    with pytest.raises(DataError, match="but 3 is predicted again"):
        by_image([drawn([3]), drawn([3, 4])])
    with pytest.raises(DataError, match="must have one shape"):
        by_image([drawn([3]), drawn([1], classes=2)])


@given(st.lists(st.floats(0, 1), min_size=1))
def test_bytes_are_the_nearest_step(values: list[float]) -> None:
    probabilities = np.array(values)
    assert np.abs(to_bytes(probabilities) / 255 - probabilities).max() <= 0.5 / 255 + 1e-12
