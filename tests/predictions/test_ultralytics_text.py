from pathlib import Path

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.predictions.ultralytics_text import read_ultralytics_text

SIZES = {"images/a.jpg": (100, 50), "images/b.png": (512, 256), "images/c.jpg": (10, 10)}


def folder_of(folder: Path, **files: str | bytes) -> Path:
    for stem, content in files.items():
        (folder / f"{stem}.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_fractions_become_pixels_of_the_image_with_the_same_stem(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, b="2 0.5 0.5 0.5 0.25 0.75\n", a="0 0.5 0.5 1 1 0.5\n9 0.25 0.2 0.1 0.2 1\n", c="")
    found = read_ultralytics_text(folder, SIZES)
    assert found.images == ("images/a.jpg", "images/b.png", "images/c.jpg")
    expected = np.array([[0, 0.5, 0, 0, 100, 50], [9, 1, 20, 5, 30, 15], [2, 0.75, 128, 96, 384, 160]])
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert found.place(1) == f"{folder}: line 2, image images/a.jpg"
    assert found.place(2) == f"{folder}: line 1, image images/b.png"
    assert not found.lists_all


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"d": "0 0.5 0.5 1 1 0.5"}, "d.txt: must belong to one image with the stem d, but there is none"),
        ({"a": "0 0.5 0.5 1 1"}, "a.txt: line 1: must be class x_center y_center width height confidence, but got 5 "),
        ({"a": "0 0.5 0.5 1 1"}, "values; save_conf=True writes confidences"),
        ({"a": "0 0.5 0.5 1 1 0.5\n\n"}, "a.txt: line 2: must be class x_center y_center width height confidence, but"),
        ({"a": "paper 0.5 0.5 1 1 0.5"}, "a.txt: line 1: must be 6 numbers, but got 'paper 0.5"),
        ({"a": b"\xff"}, "a.txt: must be UTF-8 text, but byte 0 is not"),
        ({"a": "0 0.5 0.5 1 1 nan"}, "line 1, image images/a.jpg: score must be finite, but got score=nan"),
        ({"a": "0.5 0.5 0.5 1 1 0.5"}, "line 1, image images/a.jpg: label must be a whole number from 0"),
        ({"a": "0 0.5 0.5 1 1 1.5"}, "line 1, image images/a.jpg: score must be between 0 and 1 inclusive"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, files: dict[str, str | bytes], message: str) -> None:
    with pytest.raises(DataError) as error:
        read_ultralytics_text(folder_of(tmp_path, **files), SIZES)
    assert message in str(error.value)


def test_a_stem_that_several_images_have_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a="0 0.5 0.5 1 1 0.5")
    with pytest.raises(
        DataError, match=r"a\.txt: must belong to one image with the stem a, but got x/a\.jpg, y/a\.png"
    ):
        read_ultralytics_text(folder, {"x/a.jpg": (10, 10), "y/a.png": (10, 10), "x/b.jpg": (10, 10)})
