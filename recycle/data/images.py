"""Reading of photographs in the frame in which their annotations were made, whatever their mode or rotation."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ExifTags

from recycle.errors import DataError

Frame = Literal["stored", "displayed"]
"""Pixels as the file holds them, or turned as its EXIF orientation says, which is how viewers show them."""

Reduction = Literal[1, 2, 4, 8]
"""What a JPEG decoder divides both sides by, rounding up, while it decodes."""

OPENCV_FORMATS = ("JPEG", "MPO", "PNG", "BMP", "WEBP")
OPENCV_MODES = ("L", "RGB", "RGBA")
"""OpenCV is nearly twice as fast as Pillow but reads palettes, CMYK and 16 bits differently or not at all."""

REDUCED_FORMATS = ("JPEG", "MPO")
REDUCED_READING = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def read_image(path: Path, width: int, height: int, reduction: Reduction = 1) -> npt.NDArray[np.uint8]:
    """Reads an image as BGR pixels of the recorded size.

    Where the recorded size fits only the pixels as stored they are returned so, else turned as the EXIF
    orientation says. Grey becomes three equal channels, 16 bits become 8, transparency is dropped.

    Args:
        path: The image file, in any format that Pillow reads.
        width: Recorded width in pixels.
        height: Recorded height in pixels.
        reduction: What to divide the size by where that makes decoding faster, as it does for most JPEG files;
            others come whole.

    Returns:
        Shape (height, width, 3), BGR, or reduced.

    Raises:
        DataError: The file is missing or unreadable, or has another size.
    """
    try:
        with PIL.Image.open(path) as image:
            orientation = orientation_of(image)
            frame = frame_of(image.size, orientation, (width, height))
            if frame is not None:
                pixels = _pixels(path, image, reduction)
    except Exception as error:  # decoders raise almost anything
        raise DataError(f"{path}: the image cannot be read: {error}") from None
    if frame is None:
        size = "x".join(map(str, displayed_size(image.size, orientation)))
        raise DataError(f"{path}: the image must be {width}x{height} as recorded, but is {size}")
    return turn(pixels, orientation) if frame == "displayed" else pixels


def orientation_of(image: PIL.Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where there is none or it cannot be read."""
    exif = PIL.Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))  # `image.getexif()` would decode a PNG; TIFF is turned by Pillow itself
        orientation = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF raises almost anything and does not make the pixels worse
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def displayed_size(stored: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height in pixels once the EXIF orientation is applied."""
    return (stored[1], stored[0]) if orientation >= 5 else stored


def frame_of(stored: tuple[int, int], orientation: int, recorded: tuple[int, int]) -> Frame | None:
    """The frame in which an image of the recorded width and height was annotated; None if it fits neither.

    Annotation tools show images upright, so where both frames fit it is the displayed one.
    """
    if recorded == displayed_size(stored, orientation):
        return "displayed"
    return "stored" if recorded == stored else None


def turn(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Applies an EXIF orientation, 1 to 8, to pixels of shape (height, width, channels)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """Converts an image of any mode to 8-bit RGB; of 16 bits the upper 8 stay.

    Raises:
        ValueError: The image holds floating-point numbers, whose range nothing says.
    """
    if image.mode == "F":
        raise ValueError("mode F: the range of floating-point pixels is unknown")
    if image.mode.startswith("I"):
        image = PIL.Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


def _pixels(path: Path, image: PIL.Image.Image, reduction: Reduction) -> npt.NDArray[np.uint8]:
    if image.format in OPENCV_FORMATS and image.mode in OPENCV_MODES:
        divisor = reduction if image.format in REDUCED_FORMATS else 1
        read = cv2.imdecode(np.fromfile(path, np.uint8), REDUCED_READING[divisor] | cv2.IMREAD_IGNORE_ORIENTATION)
        if read is not None and read.shape[1::-1] == tuple(-(-side // divisor) for side in image.size):
            return np.asarray(read, dtype=np.uint8)
    return np.ascontiguousarray(np.asarray(to_rgb(image))[:, :, ::-1])
