"""Floors, litter that is no object, and light for the synthetic sample."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.synthetic_brush import Brush, Colour, Sprite, mix, pick, ring, smooth_noise

Picture = npt.NDArray[np.uint8]
"""(size, size, 3) BGR."""

_SHADOW = 0.45


def paste(picture: Picture, sprite: Sprite, left: int, top: int) -> None:
    """Lays a sprite with a soft shadow onto a picture, in place; what lies outside of the picture is cut off."""
    height, width = sprite.shape.shape
    drop = max(1, min(height, width) // 16)
    # Room for the shadow, which is blurred and falls to the lower right.
    roomy = cv2.copyMakeBorder(sprite.shape, 2 * drop, 3 * drop, 2 * drop, 3 * drop, cv2.BORDER_CONSTANT)
    shadow = np.asarray(cv2.blur(roomy, (2 * drop + 1, 2 * drop + 1)) * _SHADOW, np.uint8)
    _blend(picture, np.zeros((*shadow.shape, 3), np.uint8), shadow, left - drop, top - drop)
    _blend(picture, sprite.colour, sprite.opacity, left, top)


def _blend(picture: Picture, colour: Picture, opacity: npt.NDArray[np.uint8], left: int, top: int) -> None:
    height, width = opacity.shape
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    inside = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
    share = opacity[inside][..., None].astype(np.float32) * np.float32(1 / 255)
    under = picture[y1:y2, x1:x2]
    under[:] = under + (colour[inside].astype(np.float32) - under) * share


def draw_floor(rng: np.random.Generator, size: int) -> Picture:
    """Draws one of the floors: tiles, asphalt, grass, cardboard, planks or sand."""
    floors = (_tiles, _asphalt, _grass, _cardboard, _planks, _sand)
    return floors[int(rng.integers(len(floors)))](rng, size)


def _plain(size: int, colour: Colour) -> Picture:
    return np.full((size, size, 3), colour, np.uint8)


def _modulate(picture: Picture, field: npt.NDArray[np.float32]) -> Picture:
    return np.clip(picture * (1.0 + field)[..., None], 0, 255).astype(np.uint8)


def _grain(rng: np.random.Generator, size: int) -> npt.NDArray[np.float32]:
    return rng.standard_normal((size, size), np.float32)


def _tiles(rng: np.random.Generator, size: int) -> Picture:
    tile = pick(rng, ((175, 185, 190), (150, 165, 180), (185, 180, 165), (130, 140, 165)))
    picture = _plain(size, tile)
    pitch = round(size * rng.uniform(0.22, 0.36))
    start = rng.integers(-pitch, 0, 2)
    for x in range(int(start[0]), size, pitch):
        for y in range(int(start[1]), size, pitch):
            tone = mix(tile, pick(rng, ((90, 95, 100), (225, 225, 225))), rng.uniform(0.0, 0.2))
            cv2.rectangle(picture, (x, y), (x + pitch, y + pitch), tone, -1)
            cv2.rectangle(picture, (x, y), (x + pitch, y + pitch), mix(tile, (60, 60, 60), 0.5), max(1, size // 110))
    return _modulate(picture, 0.06 * smooth_noise(rng, size, 9))


def _asphalt(rng: np.random.Generator, size: int) -> Picture:
    picture = _plain(size, pick(rng, ((95, 95, 95), (80, 82, 85), (115, 112, 110))))
    speckle = cv2.GaussianBlur(_grain(rng, size), (0, 0), size / 300)
    picture = _modulate(picture, 0.28 * speckle + 0.10 * smooth_noise(rng, size, 4))
    crack = np.cumsum(rng.normal(0.0, 0.035, 12)) + rng.uniform(0.1, 0.9)
    points = np.stack([np.linspace(0.0, 1.0, 12), crack], 1) * size
    cv2.polylines(picture, [points.astype(np.int32)], False, (45, 45, 45), max(1, size // 150), cv2.LINE_AA)
    return picture


def _grass(rng: np.random.Generator, size: int) -> Picture:
    green = pick(rng, ((50, 110, 70), (45, 95, 60), (60, 125, 95)))
    picture = _modulate(_plain(size, green), 0.25 * smooth_noise(rng, size, 8))
    roots = rng.uniform(0.0, 1.0, (420, 2))
    tips = roots + np.stack([rng.normal(0.0, 0.018, 420), -rng.uniform(0.02, 0.05, 420)], 1)
    for root, tip, tone in zip(roots * size, tips * size, rng.uniform(0.0, 0.6, 420), strict=True):
        blade = mix(green, (70, 200, 150) if tone > 0.3 else (20, 50, 25), float(tone))
        ends = np.rint([root, tip]).astype(np.int32)
        cv2.line(picture, ends[0].tolist(), ends[1].tolist(), blade, max(1, size // 190), cv2.LINE_AA)
    return picture


def _cardboard(rng: np.random.Generator, size: int) -> Picture:
    picture = _plain(size, pick(rng, ((105, 145, 180), (90, 130, 165))))
    flutes = 0.05 * np.sin(np.arange(size, dtype=np.float32) * (2 * np.pi * 45 / size))[:, None]
    crease = round(size * rng.uniform(0.2, 0.8))
    picture = _modulate(picture, flutes + 0.03 * _grain(rng, size) + 0.06 * smooth_noise(rng, size, 3))
    picture[:, crease : crease + max(2, size // 90)] = (65, 95, 125)
    return picture


def _planks(rng: np.random.Generator, size: int) -> Picture:
    wood = pick(rng, ((80, 120, 160), (65, 95, 130), (120, 145, 165)))
    picture = _plain(size, wood)
    pitch = round(size * rng.uniform(0.14, 0.22))
    veins = cv2.resize(rng.uniform(-1, 1, (size // 3, 5)).astype(np.float32), (size, size))
    for y in range(0, size, pitch):
        picture[y : y + pitch] = mix(wood, (50, 70, 90), rng.uniform(0.0, 0.35))
        picture[y : y + max(1, size // 120)] = (35, 45, 60)
    return _modulate(picture, 0.14 * veins)


def _sand(rng: np.random.Generator, size: int) -> Picture:
    picture = _plain(size, pick(rng, ((140, 180, 205), (125, 160, 185))))
    return _modulate(picture, 0.09 * _grain(rng, size) + 0.12 * smooth_noise(rng, size, 7))


def add_litter(rng: np.random.Generator, picture: Picture) -> None:
    """Strews leaves, pebbles and sticks, which are no objects, in place."""
    kinds: tuple[Callable[[np.random.Generator, int], Sprite], ...] = (_leaf, _pebble, _stick)
    size = picture.shape[0]
    for _ in range(int(rng.integers(3, 9))):
        side = round(size * rng.uniform(0.05, 0.15))
        sprite = kinds[int(rng.integers(len(kinds)))](rng, max(side, 24))
        sprite = sprite.transformed(side, rng.uniform(0, 360), rng.uniform(0.8, 1.2))
        left, top = rng.integers(-side // 2, size - side // 2, 2)
        paste(picture, sprite, int(left), int(top))


def _leaf(rng: np.random.Generator, size: int) -> Sprite:
    colour = pick(rng, ((40, 110, 60), (35, 85, 150), (30, 120, 180), (30, 60, 110)))
    brush = Brush(size, colour)
    along = np.linspace(0.0, 1.0, 12)
    half = rng.uniform(0.16, 0.26) * np.sin(np.pi * along**0.8)
    right = np.stack([0.5 + half, 0.06 + 0.8 * along], 1)
    left = np.stack([0.5 - half, 0.06 + 0.8 * along], 1)[::-1]
    brush.fill(np.concatenate([right, left]), colour)
    brush.cord([(0.5, 0.1), (0.5, 0.97)], mix(colour, (20, 30, 30), 0.5), 0.03)
    return brush.sprite()


def _pebble(rng: np.random.Generator, size: int) -> Sprite:
    colour = pick(rng, ((130, 130, 130), (105, 115, 125), (150, 160, 170)))
    brush = Brush(size, colour)
    brush.fill(ring((0.5, 0.5), rng.uniform(0.24, 0.34, 10)), colour)
    brush.mark(ring((0.43, 0.42), np.full(10, 0.1)), mix(colour, (230, 230, 230), 0.4))
    return brush.sprite()


def _stick(rng: np.random.Generator, size: int) -> Sprite:
    colour = pick(rng, ((40, 65, 95), (60, 85, 110)))
    brush = Brush(size, colour)
    bend = rng.uniform(0.4, 0.6)
    brush.cord([(0.5, 0.03), (bend, 0.5), (0.48, 0.97)], colour, 0.07)
    brush.cord([(bend, 0.5), (bend + rng.uniform(-0.25, 0.25), 0.25)], colour, 0.045)
    return brush.sprite()


def photograph(rng: np.random.Generator, picture: Picture) -> Picture:
    """Lights a picture from one side, tints it and adds sensor noise; now and then it is out of focus.

    Args:
        rng: Source of randomness.
        picture: (size, size, 3) BGR.

    Returns:
        A new picture of the same size.
    """
    size = picture.shape[0]
    x, y = np.meshgrid(*[np.linspace(-0.5, 0.5, size, dtype=np.float32)] * 2)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.35)
    light = rng.uniform(0.85, 1.2) * (1.0 + slope * (np.cos(angle) * x + np.sin(angle) * y) - 0.25 * (x**2 + y**2))
    tint = rng.uniform(0.94, 1.06, 3).astype(np.float32)
    lit = picture * light[..., None].astype(np.float32) * tint
    if rng.random() < 0.2:
        lit = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.4, 0.9))
    lit += rng.uniform(1.0, 6.0) * rng.standard_normal(picture.shape, np.float32)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)
