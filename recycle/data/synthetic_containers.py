"""How the containers and cells of the synthetic sample are drawn.

Every function draws one upright object in a square of `size` pixels; colours and details vary by `rng`.
"""

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
    oval,
    pick,
    ring,
    smooth_noise,
)


def draw_paper_pack(rng: np.random.Generator, size: int) -> Sprite:
    """A drink carton with a gable top, seen from a corner."""
    ink = pick(rng, INKS)
    brush = Brush(size, WHITE)
    shadow, dark = mix(WHITE, BLACK, 0.28), mix(ink, BLACK, 0.35)
    brush.fill([(0.26, 0.32), (0.58, 0.32), (0.58, 0.95), (0.26, 0.95)], WHITE)
    brush.fill([(0.58, 0.32), (0.76, 0.26), (0.76, 0.87), (0.58, 0.95)], shadow)
    brush.fill([(0.26, 0.32), (0.31, 0.14), (0.60, 0.14), (0.58, 0.32)], mix(ink, WHITE, 0.25))
    brush.fill([(0.58, 0.32), (0.60, 0.14), (0.76, 0.26)], dark)
    brush.fill([(0.31, 0.05), (0.61, 0.05), (0.60, 0.15), (0.31, 0.15)], ink)
    brush.mark([(0.26, 0.68), (0.58, 0.60), (0.58, 0.95), (0.26, 0.95)], ink)
    brush.mark([(0.58, 0.60), (0.76, 0.58), (0.76, 0.87), (0.58, 0.95)], dark)
    drop = ring((0.42, 0.48), np.full(16, 0.085))
    drop[12] = (0.42, 0.34)
    brush.mark(drop, ink)
    brush.stroke([(0.31, 0.15), (0.60, 0.15), (0.76, 0.26)], mix(dark, BLACK, 0.3), 0.012)
    brush.shade(0.08 * smooth_noise(rng, size, 4))
    return brush.sprite()


def draw_metal(rng: np.random.Generator, size: int) -> Sprite:
    """A drink can with a printed or a bare, ribbed wall."""
    steel: Colour = (200, 198, 194)
    bare = rng.random() < 0.4
    wall = steel if bare else pick(rng, (*INKS, (45, 45, 45)))
    brush = Brush(size, steel)
    brush.fill(oval(0.5, 0.88, 0.50, 0.14), steel)
    brush.fill([(0.25, 0.17), (0.75, 0.17), (0.75, 0.88), (0.25, 0.88)], steel)
    brush.mark([(0.25, 0.23), (0.75, 0.23), (0.75, 0.88), (0.25, 0.88)], wall)
    if bare:
        for rib in np.arange(0.30, 0.86, 0.11):
            brush.stroke([(0.25, rib), (0.5, rib + 0.02), (0.75, rib)], mix(steel, BLACK, 0.4), 0.022)
    else:
        brush.mark([(0.25, 0.62), (0.75, 0.38), (0.75, 0.52), (0.25, 0.76)], WHITE)
    shine = 0.55 * np.exp(-(((brush.across() - 0.40) / 0.06) ** 2)) + 0.25 * np.exp(
        -(((brush.across() - 0.68) / 0.03) ** 2)
    )
    brush.shade(shine - 1.9 * np.abs(brush.across() - 0.47) ** 1.1 + 0.1)
    _draw_lid(brush, steel)
    brush.shade(0.10 * smooth_noise(rng, size, 5))
    return brush.sprite()


def _draw_lid(brush: Brush, steel: Colour) -> None:
    brush.fill(oval(0.5, 0.15, 0.50, 0.18), mix(steel, WHITE, 0.5))
    brush.mark(oval(0.5, 0.155, 0.42, 0.13), mix(steel, BLACK, 0.22))
    brush.mark(oval(0.54, 0.15, 0.16, 0.05), mix(steel, WHITE, 0.7))
    brush.mark(oval(0.42, 0.17, 0.10, 0.045), BLACK)


def draw_glass(rng: np.random.Generator, size: int) -> Sprite:
    """A translucent green or brown bottle with a long neck and a paper label."""
    glass = pick(rng, ((50, 120, 30), (70, 140, 60), (20, 55, 105), (25, 75, 140)))
    brush = Brush(size, glass)
    half = rng.uniform(0.14, 0.17)
    left = [
        (0.445, 0.03),
        (0.45, 0.28),
        (0.5 - half * 0.8, 0.38),
        (0.5 - half, 0.46),
        (0.5 - half, 0.93),
        (0.5 - half * 0.8, 0.97),
    ]
    brush.fill(mirrored(left), glass, opacity=0.82)
    edge = np.abs(brush.across() - 0.5) / half
    brush.shade(np.clip(0.35 - 0.75 * edge**2, -0.5, None))
    if rng.random() < 0.7:
        label = pick(rng, ((170, 215, 235), (215, 225, 230), (50, 60, 170)))
        brush.band(0.56, 0.80, label)
        brush.band(0.64, 0.71, pick(rng, INKS))
    brush.band(0.0, 0.075, pick(rng, ((70, 190, 215), (190, 190, 190))))
    glint = mix(glass, WHITE, 0.75)
    brush.stroke([(0.475, 0.11), (0.475, 0.28), (0.5 - half * 0.6, 0.44), (0.5 - half * 0.6, 0.90)], glint, 0.022)
    return brush.sprite()


def draw_plastic(rng: np.random.Generator, size: int) -> Sprite:
    """A clear PET bottle with a bright cap and ribs, or a takeaway cup with a straw."""
    return _pet_bottle(rng, size) if rng.random() < 0.65 else _takeaway_cup(rng, size)


def _pet_bottle(rng: np.random.Generator, size: int) -> Sprite:
    clear = pick(rng, ((245, 235, 215), (240, 215, 165), (235, 195, 120)))
    ink = pick(rng, INKS)
    brush = Brush(size, clear)
    left = [
        (0.43, 0.05),
        (0.43, 0.15),
        (0.31, 0.30),
        (0.30, 0.52),
        (0.335, 0.58),
        (0.30, 0.64),
        (0.30, 0.92),
        (0.34, 0.97),
    ]
    brush.fill(mirrored(left), clear, opacity=0.62)
    brush.shade(np.clip(0.12 - 1.6 * (np.abs(brush.across() - 0.5) / 0.2) ** 4 * 0.22, -0.4, None))
    for rib in (0.68, 0.75, 0.82, 0.89):
        brush.stroke([(0.30, rib), (0.5, rib + 0.015), (0.70, rib)], mix(clear, (120, 80, 40), 0.5), 0.013)
    brush.band(0.34, 0.52, ink)
    brush.band(0.40, 0.46, WHITE)
    brush.band(0.0, 0.115, pick(rng, ((200, 90, 20), (40, 40, 210), (240, 240, 240), (70, 160, 40))))
    brush.stroke([(0.44, 0.18), (0.37, 0.30), (0.36, 0.33)], WHITE, 0.022)
    brush.stroke([(0.36, 0.66), (0.36, 0.92)], WHITE, 0.022)
    return brush.sprite()


def _takeaway_cup(rng: np.random.Generator, size: int) -> Sprite:
    clear: Colour = (240, 232, 220)
    brush = Brush(size, clear)
    brush.cord([(0.53, 0.24), (0.60, 0.03)], pick(rng, ((40, 40, 215), (70, 160, 40), (200, 90, 20))), 0.045)
    brush.fill([(0.27, 0.27), (0.73, 0.27), (0.65, 0.96), (0.35, 0.96)], clear, opacity=0.6)
    drink = pick(rng, ((40, 70, 120), (60, 120, 230), (90, 60, 200)))
    brush.fill([(0.315, 0.62), (0.685, 0.62), (0.65, 0.96), (0.35, 0.96)], drink, opacity=0.75)
    brush.fill([(0.29, 0.19), (0.71, 0.19), (0.76, 0.28), (0.24, 0.28)], WHITE, opacity=0.85)
    brush.stroke([(0.24, 0.28), (0.76, 0.28)], (170, 160, 150), 0.014)
    brush.stroke([(0.35, 0.32), (0.40, 0.90)], WHITE, 0.025)
    return brush.sprite()


def draw_battery(rng: np.random.Generator, size: int) -> Sprite:
    """A round cell: nub, coloured band at the plus end, dark body."""
    body = pick(rng, ((35, 32, 32), (60, 50, 45)))
    brand = pick(rng, ((50, 120, 205), (40, 170, 235), (70, 175, 60)))
    brush = Brush(size, body)
    brush.fill([(0.44, 0.03), (0.56, 0.03), (0.56, 0.12), (0.44, 0.12)], (205, 205, 205))
    brush.fill([(0.35, 0.09), (0.65, 0.09), (0.65, 0.95), (0.35, 0.95)], body)
    brush.band(0.12, 0.40, brand, 0.35, 0.65)
    brush.band(0.09, 0.12, (210, 210, 210), 0.35, 0.65)
    brush.band(0.91, 0.95, (210, 210, 210), 0.35, 0.65)
    brush.stroke([(0.5, 0.19), (0.5, 0.33)], WHITE, 0.035)
    brush.stroke([(0.43, 0.26), (0.57, 0.26)], WHITE, 0.035)
    brush.stroke([(0.5, 0.50), (0.5, 0.84)], mix(brand, WHITE, 0.3), 0.05)
    brush.shade(0.5 * np.exp(-(((brush.across() - 0.42) / 0.03) ** 2)) - 12.0 * (brush.across() - 0.47) ** 2)
    return brush.sprite()
