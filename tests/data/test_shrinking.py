"""Images and annotations made smaller together."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as rle

from recycle.data.images import read_image
from recycle.data.shrinking import read_shrunk, shrink_instances, shrunk_size
from recycle.errors import DataError
from tests.data.small_dataset import noise

SIDES = st.integers(1, 30_000)


@given(SIDES, SIDES, st.integers(1, 4096))
def test_the_size_is_what_mmcv_resizes_to(width: int, height: int, longest_side: int) -> None:
    from mmcv.image import rescale_size

    size = shrunk_size(width, height, longest_side)
    assert max(size) == min(longest_side, max(width, height))
    if max(width, height) > longest_side:
        theirs = rescale_size((width, height), (longest_side, longest_side))
        assert size == tuple(max(1, side) for side in theirs)
    assert shrunk_size(*size, longest_side) == size


@pytest.mark.parametrize(
    ("width", "height", "longest_side", "size"),
    [
        (640, 480, 512, (512, 384)),
        (480, 640, 512, (384, 512)),
        (512, 384, 512, (512, 384)),
        (100, 50, 512, (100, 50)),
        (20_000, 20, 512, (512, 1)),
        (1, 1, 32, (1, 1)),
    ],
)
def test_size(width: int, height: int, longest_side: int, size: tuple[int, int]) -> None:
    assert shrunk_size(width, height, longest_side) == size


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize(("width", "height"), [(800, 600), (799, 601), (404, 1020), (130, 90), (64, 48), (40, 30)])
def test_pixels_are_those_of_the_whole_image(tmp_path: Path, suffix: str, width: int, height: int) -> None:
    path = tmp_path / f"a.{suffix}"
    noise(1, width, height).save(path, quality=95)
    whole = read_image(path, width, height)
    size = shrunk_size(width, height, 64)
    expected = cv2.resize(whole, size, interpolation=cv2.INTER_AREA) if size != (width, height) else whole
    shrunk = read_shrunk(path, width, height, 64)
    assert shrunk.shape == (size[1], size[0], 3)
    difference = np.abs(shrunk.astype(int) - expected)
    assert difference.mean() < 1
    assert difference.max() <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_is_shrunk_in_its_frame(tmp_path: Path, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    noise(2, 400, 300).save(tmp_path / "a.jpg", exif=exif, quality=95)
    width, height = (300, 400) if orientation >= 5 else (400, 300)
    whole = read_image(tmp_path / "a.jpg", width, height)
    shrunk = read_shrunk(tmp_path / "a.jpg", width, height, 50)
    expected = cv2.resize(whole, (shrunk.shape[1], shrunk.shape[0]), interpolation=cv2.INTER_AREA)
    assert max(shrunk.shape) == 50
    assert np.abs(shrunk.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "I;16"])
def test_every_colour_mode_is_shrunk(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        PIL.Image.fromarray(np.full((60, 80), 40_000, np.uint16)).save(path)
    else:
        noise(3, 80, 60).convert(mode).save(path)
    assert read_shrunk(path, 80, 60, 20).shape == (15, 20, 3)


def test_a_wrong_size_is_refused(tmp_path: Path) -> None:
    noise(1, 400, 300).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="must be 200x150 as recorded, but is 400x300"):
        read_shrunk(tmp_path / "a.jpg", 200, 150, 20)


def instance(mask: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = {"bbox": [10.0, 20.0, 50.0, 40.0], "bbox_label": 3, "ignore_flag": 1}
    return made if mask is None else {**made, "mask": mask}


def test_boxes_and_polygons_are_scaled() -> None:
    before = instance([[10, 20, 50, 20, 50, 40], [0, 0, 200, 0, 200, 100]])
    (shrunk,) = shrink_instances([before], (200, 100), (100, 50))
    assert shrunk["bbox"] == [5, 10, 25, 20]
    assert shrunk["mask"] == [[5, 10, 25, 10, 25, 20], [0, 0, 100, 0, 100, 50]]
    assert (shrunk["bbox_label"], shrunk["ignore_flag"]) == (3, 1)
    assert before == instance([[10, 20, 50, 20, 50, 40], [0, 0, 200, 0, 200, 100]])


def test_each_direction_has_its_own_scale() -> None:
    (shrunk,) = shrink_instances([instance()], (300, 7), (100, 2))
    assert shrunk["bbox"] == pytest.approx([10 / 3, 40 / 7, 50 / 3, 80 / 7])
    assert "mask" not in shrunk


@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths_are_scaled(compressed: bool) -> None:
    pixels = np.zeros((100, 200), np.uint8, order="F")
    pixels[20:40, 10:50] = 1
    encoded = rle.encode(pixels)
    counts = np.diff(np.flatnonzero(np.diff(pixels.ravel("F"), prepend=0, append=1)), prepend=0).tolist()
    mask = encoded if compressed else {"size": [100, 200], "counts": counts}
    (shrunk,) = shrink_instances([instance(mask)], (200, 100), (100, 50))
    assert isinstance(shrunk["mask"]["counts"], str)
    assert rle.toBbox(shrunk["mask"]).tolist() == [5, 10, 20, 10]
