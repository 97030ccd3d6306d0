from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import ImageOps

from recycle.data.images import displayed_size, frame_of, read_image, turn
from recycle.errors import DataError
from tests.data.small_dataset import HEIGHT, WIDTH, noise


def save_turned(path: Path, orientation: int, **options: Any) -> PIL.Image.Image:
    image = noise(1)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, **options)
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_equals_pillow(tmp_path: Path, orientation: int) -> None:
    save_turned(tmp_path / "a.png", orientation)
    with PIL.Image.open(tmp_path / "a.png") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    width, height = displayed_size((WIDTH, HEIGHT), orientation)
    read = read_image(tmp_path / "a.png", width, height)
    np.testing.assert_array_equal(read[:, :, ::-1], expected)
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(turn(np.asarray(noise(1)), orientation), expected)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_turned_image_is_read_as_recorded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    save_turned(path, 6)
    assert read_image(path, HEIGHT, WIDTH).shape == (WIDTH, HEIGHT, 3)
    if suffix != "tif":
        stored = read_image(path, WIDTH, HEIGHT)
        np.testing.assert_array_equal(turn(stored, 6), read_image(path, HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("stored", "orientation", "recorded", "frame"),
    [
        ((4, 3), 1, (4, 3), "displayed"),
        ((4, 3), 3, (4, 3), "displayed"),
        ((4, 3), 6, (3, 4), "displayed"),
        ((4, 3), 6, (4, 3), "stored"),
        ((4, 4), 6, (4, 4), "displayed"),
        ((4, 3), 1, (3, 4), None),
        ((4, 3), 8, (5, 5), None),
    ],
)
def test_frame(stored: tuple[int, int], orientation: int, recorded: tuple[int, int], frame: str | None) -> None:
    assert frame_of(stored, orientation, recorded) == frame


RED = (200, 30, 10)


def _sixteen_bit() -> PIL.Image.Image:
    return PIL.Image.fromarray(np.full((HEIGHT, WIDTH), 200 * 256 + 7, np.uint16))


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("grey.png", PIL.Image.new("L", (WIDTH, HEIGHT), 77), (77, 77, 77)),
        ("grey.jpg", PIL.Image.new("L", (WIDTH, HEIGHT), 77), (77, 77, 77)),
        ("alpha.png", PIL.Image.new("RGBA", (WIDTH, HEIGHT), (*RED, 40)), RED),
        ("grey-alpha.png", PIL.Image.new("LA", (WIDTH, HEIGHT), (77, 40)), (77, 77, 77)),
        ("sixteen.png", _sixteen_bit(), (200, 200, 200)),
        ("sixteen.tif", _sixteen_bit(), (200, 200, 200)),
        ("palette.gif", PIL.Image.new("RGB", (WIDTH, HEIGHT), RED).quantize(4), RED),
        ("palette.png", PIL.Image.new("RGB", (WIDTH, HEIGHT), RED).quantize(4), RED),
        ("cmyk.jpg", PIL.Image.new("RGB", (WIDTH, HEIGHT), RED).convert("CMYK"), RED),
        ("binary.png", PIL.Image.new("1", (WIDTH, HEIGHT), 1), (255, 255, 255)),
        ("plain.bmp", PIL.Image.new("RGB", (WIDTH, HEIGHT), RED), RED),
    ],
)
def test_every_mode_becomes_bgr(
    tmp_path: Path, name: str, image: PIL.Image.Image, expected: tuple[int, int, int]
) -> None:
    image.save(tmp_path / name)
    pixels = read_image(tmp_path / name, WIDTH, HEIGHT)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[5, 5, ::-1].astype(int) - expected).max() <= 3


@pytest.mark.parametrize(("width", "height"), [(1, 1), (20_000, 20)])
def test_extreme_sizes(tmp_path: Path, width: int, height: int) -> None:
    noise(0, width, height).save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg", width, height).shape == (height, width, 3)


def test_a_jpeg_is_read_by_opencv(tmp_path: Path) -> None:
    noise(3).save(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg", WIDTH, HEIGHT), cv2.imread(str(tmp_path / "a.jpg")))


def test_a_damaged_png_is_an_error(tmp_path: Path) -> None:
    noise(1).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[60:90] = bytes(30)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png: the image cannot be read"):
        read_image(tmp_path / "a.png", WIDTH, HEIGHT)


def test_errors_name_the_file_and_the_sizes(tmp_path: Path) -> None:
    noise(0).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no image")
    PIL.Image.new("F", (4, 4)).save(tmp_path / "c.tif")
    with pytest.raises(DataError, match=r"a\.jpg: the image must be 10x20 as recorded, but is 48x32"):
        read_image(tmp_path / "a.jpg", 10, 20)
    for name, reason in (("b.jpg", "cannot identify"), ("c.tif", "mode F"), ("d.jpg", "No such file")):
        with pytest.raises(DataError, match=f"{name}: the image cannot be read: .*{reason}"):
            read_image(tmp_path / name, 4, 4)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_upright(tmp_path: Path) -> None:
    noise(0).save(tmp_path / "a.jpg", exif=b"Exif\x00\x00MM\x00*broken")
    assert read_image(tmp_path / "a.jpg", WIDTH, HEIGHT).shape == (HEIGHT, WIDTH, 3)
