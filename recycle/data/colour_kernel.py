"""The loop over pixels of a photometric distortion, compiled."""

import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled

Channel = npt.NDArray[np.uint8]
float32 = np.float32


@compiled()
def distort_planes(
    blues: Channel,
    greens: Channel,
    reds: Channel,
    new_blues: Channel,
    new_greens: Channel,
    new_reds: Channel,
    brightness: np.float32,
    contrast: np.float32,
    saturation: np.float32,
    hue: np.float32,
) -> None:
    """Writes the distorted channels, each of shape (pixels,); the hue is in sectors of 60 degrees, -6 to 6."""
    for pixel in range(blues.size):
        blue = float32(blues[pixel]) + brightness
        green = float32(greens[pixel]) + brightness
        red = float32(reds[pixel]) + brightness
        value = _larger(blue, _larger(green, red))
        chroma = value - _smaller(blue, _smaller(green, red))
        sector = _within_circle(_sector(blue, green, red, value, chroma) + hue)
        if saturation > float32(1):
            chroma *= _smaller(saturation, value / _larger(chroma, float32(1e-6)))
        else:
            chroma *= saturation
        new_blues[pixel] = _channel(float32(1), sector, value, chroma, contrast)
        new_greens[pixel] = _channel(float32(3), sector, value, chroma, contrast)
        new_reds[pixel] = _channel(float32(5), sector, value, chroma, contrast)


# Plain comparisons, unlike `min` and `max`, care for no NaN, which lets the compiler handle many pixels at once.


@compiled()
def _larger(one: np.float32, other: np.float32) -> np.float32:
    return one if one > other else other


@compiled()
def _smaller(one: np.float32, other: np.float32) -> np.float32:
    return one if one < other else other


@compiled()
def _within_circle(sector: np.float32) -> np.float32:
    sector = sector + float32(6) if sector < float32(0) else sector
    return sector - float32(6) if sector >= float32(6) else sector


@compiled()
def _sector(blue: np.float32, green: np.float32, red: np.float32, value: np.float32, chroma: np.float32) -> np.float32:
    """The hue in sectors, -1 to 5; 0 for grey."""
    inverse = float32(1) / _larger(chroma, float32(1e-6))
    sector = float32(4) + (red - green) * inverse
    sector = float32(2) + (blue - red) * inverse if value == green else sector
    return (green - blue) * inverse if value == red else sector


@compiled()
def _channel(
    offset: np.float32, sector: np.float32, value: np.float32, chroma: np.float32, contrast: np.float32
) -> np.uint8:
    """One channel of HSV's inverse in its form without branches, which differs between channels by `offset` alone."""
    turned = _within_circle(sector + offset)
    share = _larger(_smaller(_smaller(turned, float32(4) - turned), float32(1)), float32(0))
    result = (value - chroma * share) * contrast
    return np.uint8(np.int32(_smaller(_larger(result, float32(0)), float32(255)) + float32(0.5)))
