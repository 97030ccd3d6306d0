"""Photographs of every kind that people really have, each with one object, and files that are none."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from tests.data.small_dataset import noise

ORIENTATION = 0x0112
SIZE = 64, 48


def write_odd_images(folder: Path) -> Path:
    """Writes them all and `annotations.json`, and returns the JSON's path."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = dict((*_readable(folder), *_broken(folder)))
    content = {
        "categories": [{"id": 0, "name": "Paper"}],
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height}
            for number, (name, (width, height)) in enumerate(sizes.items(), start=1)
        ],
        "annotations": [
            _object(number, width, height) for number, (width, height) in enumerate(sizes.values(), start=1)
        ],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def _readable(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names and recorded sizes of images that can be read."""
    upright = noise(1, *SIZE)
    turned = PIL.Image.Exif()
    turned[ORIENTATION] = 6
    images: dict[str, tuple[PIL.Image.Image, dict[str, Any]]] = {
        "grey.jpg": (upright.convert("L"), {}),
        "grey.png": (noise(2, *SIZE).convert("L"), {}),
        "rgba.png": (noise(3, *SIZE).convert("RGBA"), {}),
        "palette.png": (noise(4, *SIZE).quantize(16), {}),
        "sixteen.png": (_sixteen_bits(5), {}),
        "sixteen.tif": (_sixteen_bits(6), {}),
        "cmyk.jpg": (noise(7, *SIZE).convert("CMYK"), {}),
        "turned.jpg": (noise(8, *SIZE), {"exif": turned}),
        "dot.png": (noise(9, 1, 1), {}),
        "wide.jpg": (noise(10, 20_000, 20), {}),
        "high.jpg": (noise(11, 20, 20_000), {}),
        "hair.png": (noise(12, 30_000, 1), {}),
    }
    for name, (image, options) in images.items():
        image.save(folder / name, **options)
        yield name, image.size[::-1] if "exif" in options else image.size


def _broken(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    noise(13, 300, 300).save(folder / "truncated.jpg")
    whole = (folder / "truncated.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "corrupt.jpg").write_bytes(b"\xff\xd8\xff" + bytes(500))
    (folder / "page.jpg").write_text("<html>404</html>")
    (folder / "empty.png").write_bytes(b"")
    PIL.Image.new("F", SIZE).save(folder / "floats.tif")
    yield "truncated.jpg", (300, 300)
    yield from ((name, SIZE) for name in ("corrupt.jpg", "page.jpg", "empty.png", "floats.tif", "missing.jpg"))


def _sixteen_bits(seed: int) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.asarray(noise(seed, *SIZE).convert("L")).astype(np.uint16) * 257)


def _object(number: int, width: int, height: int) -> dict[str, Any]:
    """The left three quarters of an image, at least a pixel."""
    right = max(1, width * 3 // 4)
    return {
        "id": number,
        "image_id": number,
        "category_id": 0,
        "bbox": [0, 0, right, height],
        "area": right * height,
        "iscrowd": 0,
        "segmentation": [[0, 0, right, 0, right, height, 0, height]],
    }
