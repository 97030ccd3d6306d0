"""How each of the ten classes of the synthetic sample is drawn.

Every function draws one upright object in a square of `size` pixels; colours and details vary by `rng`.
"""

from collections.abc import Callable

import cv2
import numpy as np

from recycle.data.synthetic_brush import (
    BLACK,
    INKS,
    WHITE,
    Brush,
    Colour,
    Sprite,
    mirrored,
    mix,
    pick,
    ring,
    smooth_noise,
)
from recycle.data.synthetic_containers import draw_battery, draw_glass, draw_metal, draw_paper_pack, draw_plastic


def draw_general_trash(rng: np.random.Generator, size: int) -> Sprite:
    """A banana peel or a torn crisp packet."""
    return _banana_peel(rng, size) if rng.random() < 0.5 else _crisp_packet(rng, size)


def _banana_peel(rng: np.random.Generator, size: int) -> Sprite:
    yellow, inner = pick(rng, ((40, 200, 240), (30, 180, 225), (60, 190, 215))), (160, 220, 240)
    brush = Brush(size, yellow)
    arms = int(rng.integers(4, 6))
    turns = np.arange(arms) * 2 * np.pi / arms + rng.uniform(-0.25, 0.25, arms)
    for number, (turn, length) in enumerate(zip(turns, rng.uniform(0.36, 0.48, arms), strict=True)):
        curl = rng.uniform(-0.5, 0.5)
        steps = np.linspace(0.0, 1.0, 9)
        spine = 0.5 + length * steps[:, None] * np.stack([np.cos(turn + curl * steps), np.sin(turn + curl * steps)], 1)
        side = np.stack([-np.sin(turn + curl * steps), np.cos(turn + curl * steps)], 1)
        half = (0.11 * np.sqrt(1.02 - steps))[:, None] * side
        brush.fill(np.concatenate([spine - half, (spine + half)[::-1]]), inner if number == 0 else yellow)
        brush.stroke(spine[1:-1], mix(yellow, (20, 60, 90), 0.55), 0.022)
        brush.mark(ring((spine[-1][0], spine[-1][1]), np.full(8, 0.045)), (25, 45, 65))
    brush.shade(0.22 * smooth_noise(rng, size, 7))
    return brush.sprite()


def _crisp_packet(rng: np.random.Generator, size: int) -> Sprite:
    ground, splash = pick(rng, ((40, 40, 205), (30, 120, 240), (140, 40, 130), (170, 60, 20))), (60, 225, 250)
    brush = Brush(size, ground)
    teeth = np.linspace(0.2, 0.8, 15)
    zigzag = 0.05 + 0.03 * (np.arange(15) % 2) + rng.uniform(-0.005, 0.005, 15)
    torn = 0.90 + 0.06 * rng.uniform(-1, 1, 15)
    brush.fill(np.concatenate([np.stack([teeth, zigzag], 1), np.stack([teeth[::-1], torn], 1)]), ground)
    brush.band(0.0, 0.14, (205, 200, 200))
    brush.band(0.85, 1.0, (205, 200, 200))
    brush.mark(ring((0.5, 0.46), np.where(np.arange(20) % 2, 0.14, 0.25)), splash)
    brush.mark(ring((0.5, 0.47), np.full(14, 0.10)), mix(ground, BLACK, 0.3))
    brush.stroke([(0.42, 0.47), (0.58, 0.47)], WHITE, 0.04)
    brush.shade(0.30 * smooth_noise(rng, size, 6))
    brush.shade(np.clip(0.9 * smooth_noise(rng, size, 11) - 0.45, 0.0, None))
    return brush.sprite()


def draw_paper(rng: np.random.Generator, size: int) -> Sprite:
    """A printed sheet or a crumpled ball of paper."""
    return _printed_sheet(rng, size) if rng.random() < 0.5 else _crumpled_paper(rng, size)


def _printed_sheet(rng: np.random.Generator, size: int) -> Sprite:
    paper = pick(rng, (WHITE, (225, 240, 245), (205, 225, 235)))
    brush = Brush(size, paper)
    half = rng.uniform(0.28, 0.36)
    left, right = 0.5 - half, 0.5 + half
    fold = rng.uniform(0.10, 0.18)
    brush.fill([(left, 0.06), (right - fold, 0.06), (right, 0.06 + fold), (right, 0.94), (left, 0.94)], paper)
    ink = pick(rng, (BLACK, (90, 80, 80), (120, 60, 40)))
    brush.mark([(left + 0.05, 0.12), (right - fold - 0.04, 0.12), (right - fold - 0.04, 0.2), (left + 0.05, 0.2)], ink)
    for line in np.arange(0.28, 0.88, 0.075):
        brush.stroke([(left + 0.05, line), (right - rng.uniform(0.05, 0.2), line)], mix(ink, paper, 0.25), 0.024)
    brush.mark([(right - fold, 0.06), (right, 0.06 + fold), (right - fold, 0.06 + fold)], mix(paper, BLACK, 0.3))
    brush.shade(0.10 * smooth_noise(rng, size, 3))
    return brush.sprite()


def _crumpled_paper(rng: np.random.Generator, size: int) -> Sprite:
    paper = pick(rng, (WHITE, (215, 235, 242), (190, 212, 228), (140, 180, 205)))
    brush = Brush(size, paper)
    outline = ring((0.5, 0.5), rng.uniform(0.34, 0.48, 13))
    brush.fill(outline, paper)
    folds = ring((0.5, 0.5), rng.uniform(0.05, 0.36, 15))
    mesh = cv2.Subdiv2D((0, 0, 1, 1))
    mesh.insert(np.concatenate([outline, folds]).astype(np.float32).tolist())
    for facet in np.array(mesh.getTriangleList()).reshape(-1, 3, 2):
        brush.mark(facet, mix(paper, BLACK, rng.uniform(0.0, 0.36)))
    return brush.sprite()


def draw_styrofoam(rng: np.random.Generator, size: int) -> Sprite:
    """A grainy white block with broken edges, seen from a corner."""
    foam: Colour = (244, 246, 247)
    brush = Brush(size, foam)
    ridge = rng.uniform(0.34, 0.48)
    top = np.array([(0.30, 0.20), (0.94, 0.20), (0.72, ridge), (0.06, ridge)]) + rng.uniform(-0.025, 0.025, (4, 2))
    depth = (0.0, rng.uniform(0.26, 0.38))
    brush.fill(np.stack([top[3], top[2], top[2] + depth, top[3] + depth]), mix(foam, BLACK, 0.16))
    brush.fill(np.stack([top[2], top[1], top[1] + depth, top[2] + depth]), mix(foam, BLACK, 0.32))
    brush.fill(top, foam)
    for bead in rng.uniform(0.02, 0.98, (150, 2)):
        shade = mix(foam, (150, 145, 140), float(rng.uniform(0.2, 0.8)))
        brush.mark(ring((float(bead[0]), float(bead[1])), np.full(6, rng.uniform(0.008, 0.016))), shade)
    brush.stroke(np.stack([top[3], top[2], top[1]]), WHITE, 0.014)
    brush.stroke(np.stack([top[2], top[2] + depth]), WHITE, 0.012)
    return brush.sprite()


def draw_plastic_bag(rng: np.random.Generator, size: int) -> Sprite:
    """A wrinkled, half-transparent carrier bag with two handles."""
    film = pick(rng, ((235, 230, 228), (60, 55, 55), (200, 130, 50), (70, 200, 235), (190, 150, 225), (120, 190, 110)))
    brush = Brush(size, film)
    bulge = rng.uniform(-0.04, 0.03, 4)
    loops = [(0.20, 0.05), (0.32, 0.04), (0.37, 0.24), (0.5, 0.31), (0.63, 0.24), (0.68, 0.04), (0.80, 0.05)]
    bottom = [(0.82, 0.32), (0.93 + bulge[0], 0.6), (0.87 + bulge[1], 0.93), (0.5, 0.96), (0.13 - bulge[2], 0.93)]
    brush.fill([*loops, *bottom, (0.07 - bulge[3], 0.6), (0.18, 0.32)], film, opacity=0.76)
    brush.shade(0.28 * smooth_noise(rng, size, 5))
    dark, light = mix(film, BLACK, 0.3), mix(film, WHITE, 0.6)
    for number in range(10):
        start = np.array([0.30 if number % 2 else 0.70, 0.24]) + rng.uniform(-0.04, 0.04, 2)
        end = np.array([rng.uniform(0.15, 0.5) + 0.35 * (1 - number % 2), rng.uniform(0.6, 0.93)])
        knee = (start + end) / 2 + rng.uniform(-0.04, 0.04, 2)
        brush.stroke(np.stack([start, knee, end]), dark if number % 3 else light, 0.006)
    brush.mark(ring((0.5, 0.64), np.full(20, 0.13)), mix(film, pick(rng, INKS), 0.55))
    return brush.sprite()


def draw_clothing(rng: np.random.Generator, size: int) -> Sprite:
    """A striped T-shirt."""
    cloth, stripe = pick(rng, INKS), pick(rng, (WHITE, (40, 35, 35), (90, 220, 245)))
    brush = Brush(size, cloth)
    left = [(0.40, 0.08), (0.28, 0.10), (0.03, 0.32), (0.14, 0.46), (0.27, 0.36), (0.26, 0.95)]
    brush.fill([*mirrored(left), (0.5, 0.17)], cloth)
    for line in np.arange(0.24, 0.95, 0.13):
        brush.stroke([(0.0, line), (0.5, line + 0.02), (1.0, line)], stripe, 0.045)
    brush.stroke([(0.39, 0.06), (0.44, 0.14), (0.5, 0.17), (0.56, 0.14), (0.61, 0.06)], mix(cloth, BLACK, 0.4), 0.03)
    for side in (0.27, 0.73):
        brush.stroke([(side, 0.20), (side, 0.40)], mix(cloth, BLACK, 0.5), 0.014)
    brush.shade(0.25 * smooth_noise(rng, size, 5))
    return brush.sprite()


DRAWINGS: dict[str, Callable[[np.random.Generator, int], Sprite]] = {
    "General trash": draw_general_trash,
    "Paper": draw_paper,
    "Paper pack": draw_paper_pack,
    "Metal": draw_metal,
    "Glass": draw_glass,
    "Plastic": draw_plastic,
    "Styrofoam": draw_styrofoam,
    "Plastic bag": draw_plastic_bag,
    "Battery": draw_battery,
    "Clothing": draw_clothing,
}
"""Drawing function of each class, in the order of the labels; it takes the side of the drawing in pixels."""
