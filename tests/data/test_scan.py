import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from recycle.data.scan import MAX_PIXELS, ImageFacts, ImageFault, scan_image, scan_images
from tests.data.small_dataset import HEIGHT, WIDTH, noise


def facts_of(path: Path) -> ImageFacts:
    facts = scan_image(path)
    assert isinstance(facts, ImageFacts), facts
    return facts


def test_facts_of_a_photograph(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    noise(1).save(tmp_path / "a.jpg", exif=exif)
    facts = facts_of(tmp_path / "a.jpg")
    assert (facts.size, facts.orientation, facts.mode) == ((WIDTH, HEIGHT), 6, "RGB")
    assert facts.digest == hashlib.blake2b((tmp_path / "a.jpg").read_bytes(), digest_size=16).hexdigest()


def test_a_picture_turned_by_exif_and_one_turned_in_pixels_look_alike(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    noise(1, 120, 80).save(tmp_path / "exif.png", exif=exif)
    noise(1, 120, 80).transpose(PIL.Image.Transpose.ROTATE_270).save(tmp_path / "pixels.png")
    assert facts_of(tmp_path / "exif.png").perceptual_hash == facts_of(tmp_path / "pixels.png").perceptual_hash
    assert facts_of(tmp_path / "exif.png").digest != facts_of(tmp_path / "pixels.png").digest


@pytest.mark.parametrize(
    ("name", "image", "mode"),
    [
        ("grey.png", PIL.Image.new("L", (9, 7)), "L"),
        ("alpha.png", PIL.Image.new("RGBA", (9, 7)), "RGBA"),
        ("sixteen.png", PIL.Image.fromarray(np.full((7, 9), 40_000, np.uint16)), "I;16"),
        ("cmyk.jpg", PIL.Image.new("CMYK", (9, 7)), "CMYK"),
        ("palette.gif", PIL.Image.new("P", (9, 7)), "P"),
        ("dot.png", PIL.Image.new("RGB", (1, 1)), "RGB"),
        ("long.jpg", PIL.Image.new("RGB", (20_000, 20)), "RGB"),
    ],
)
def test_every_mode_and_size_is_read(tmp_path: Path, name: str, image: PIL.Image.Image, mode: str) -> None:
    image.save(tmp_path / name)
    facts = facts_of(tmp_path / name)
    assert (facts.mode, facts.size) == (mode, image.size)


def _truncated(path: Path) -> None:
    noise(1, 300, 300).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-2000])


def _truncated_png(path: Path) -> None:
    noise(1, 300, 300).save(path, format="PNG")
    path.write_bytes(path.read_bytes()[:-20_000])


def _corrupt_png(path: Path) -> None:
    noise(1).save(path, format="PNG")
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)


def _bomb(path: Path) -> None:
    PIL.Image.new("1", (10_000, 9_000)).save(path, format="PNG")


def _large_bomb(path: Path) -> None:
    PIL.Image.new("1", (20_000, 9_000)).save(path, format="PNG")


@pytest.mark.parametrize(
    ("make", "rule", "value"),
    [
        (lambda path: None, "image_missing", "there is no such file"),
        (Path.mkdir, "image_missing", "not a file"),
        (os.mkfifo, "image_missing", "not a file"),
        (lambda path: path.write_bytes(b""), "image_unreadable", "not an image"),
        (lambda path: path.write_bytes(b"<html>"), "image_unreadable", "not an image"),
        (lambda path: PIL.Image.new("F", (4, 4)).save(path, format="TIFF"), "image_unreadable", "mode F"),
        (_truncated, "image_truncated", "truncated"),
        (_truncated_png, "image_truncated", "truncated"),
        (_corrupt_png, "image_unreadable", "OSError: broken data stream"),
        (_bomb, "image_too_large", f"10000x9000, more than {MAX_PIXELS} pixels"),
        (_large_bomb, "image_too_large", f"more than {MAX_PIXELS} pixels"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_faults(tmp_path: Path, make: Callable[[Path], object], rule: str, value: str) -> None:
    make(tmp_path / "a")
    fault = scan_image(tmp_path / "a")
    assert isinstance(fault, ImageFault), fault
    assert fault.rule == rule
    assert value in fault.value


def test_many_are_scanned_in_order_and_quietly(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(12)]
    for index, path in enumerate(paths):
        PIL.Image.new("RGB", (index + 1, 1)).save(path)
    paths[5].unlink()
    _bomb(paths[6])
    found = scan_images(paths)
    assert [item.width if isinstance(item, ImageFacts) else item.rule for item in found] == [
        *(1, 2, 3, 4, 5, "image_missing", "image_too_large", 8, 9, 10, 11, 12)
    ]
    assert not recwarn.list
