"""One pass over the image files: everything that later steps need to know of them, from one reading and decoding."""

import hashlib
import io
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import PIL.Image
from PIL import ImageOps

from recycle.data.images import orientation_of, to_rgb

MAX_PIXELS = 89_478_485
"""Pillow's limit against decompression bombs: a quarter of a gigabyte of RGB."""

MAX_THREADS = 8  # each may hold one decoded image


@dataclass(frozen=True)
class ImageFacts:
    """What one image file holds."""

    width: int
    """Pixels, as stored."""
    height: int
    """Pixels, as stored."""
    orientation: int
    """EXIF orientation, 1 (upright) to 8."""
    mode: str
    """Pillow's name of the pixel format."""
    digest: str
    """Blake2b of the file's bytes, 32 hexadecimal digits."""
    perceptual_hash: int
    """64-bit perceptual hash of the displayed picture, of which near duplicates share most bits."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as stored."""
        return self.width, self.height


@dataclass(frozen=True)
class ImageFault:
    """Why an image file cannot be used: the rule it breaks and what was met."""

    rule: str
    value: str


def scan_images(paths: Sequence[Path]) -> list[ImageFacts | ImageFault]:
    """Reads and fully decodes each file once, in several threads; never raises for a bad file.

    Args:
        paths: The image files.

    Returns:
        Facts or a fault for each path, in order.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as threads:
        warnings.filterwarnings("ignore", module="PIL")  # broken EXIF, large images: judged here
        return list(threads.map(scan_image, paths))


def scan_image(path: Path) -> ImageFacts | ImageFault:
    """Reads and fully decodes one file; never raises for a bad one."""
    try:
        if not path.is_file():  # a pipe would block for ever
            return ImageFault("image_missing", "not a file" if path.exists() else "there is no such file")
        return _decode(path.read_bytes())
    except PIL.UnidentifiedImageError:
        return ImageFault("image_unreadable", "not an image of a known format")
    except PIL.Image.DecompressionBombError:
        return ImageFault("image_too_large", f"more than {MAX_PIXELS} pixels")
    except Exception as error:  # decoders raise almost anything
        rule = "image_truncated" if "truncated" in str(error) else "image_unreadable"
        return ImageFault(rule, f"{type(error).__name__}: {error}")


def _decode(data: bytes) -> ImageFacts | ImageFault:
    with PIL.Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            return ImageFault("image_too_large", f"{width}x{height}, more than {MAX_PIXELS} pixels")
        orientation, mode = orientation_of(image), image.mode
        image.load()
        upright = ImageOps.exif_transpose(image) if orientation > 1 else image
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        return ImageFacts(width, height, orientation, mode, digest, perceptual_hash(upright))


def perceptual_hash(image: PIL.Image.Image) -> int:
    """64-bit perceptual hash (`imagehash.phash`) of an image of any mode."""
    bits = imagehash.phash(to_rgb(image)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
