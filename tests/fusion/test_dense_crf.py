"""The random field against a plain mean field over all pairs of pixels, and what it is for."""

import numpy as np
import pytest

from recycle.fusion.dense_crf import refine
from recycle.recipe.voting import CRF


def scene(side: int = 24, noise: float = 0.35) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, a photograph of two colours whose edge is the truth's, and probabilities that are blurred and noisy."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    truth = (columns + rows // 2 > 0.75 * side).astype(np.uint8)
    image = np.where(truth[..., None] == 1, [40, 60, 200], [190, 180, 60]) + rng.normal(0, 4, (side, side, 3))
    blurred = 1 / (1 + np.exp(-(columns + rows / 2 - 0.75 * side - 3) / 2))  # its edge is 3 pixels off
    foreground = np.clip(blurred + rng.normal(0, noise, truth.shape), 0.02, 0.98)
    shares = np.stack([1 - foreground, foreground]).astype(np.float32)
    return truth, np.clip(image, 0, 255).astype(np.uint8), shares


def accuracy(shares: np.ndarray, truth: np.ndarray) -> float:
    return float((shares.argmax(axis=0) == truth).mean())


def test_a_known_boundary_is_sharpened() -> None:
    truth, image, shares = scene()
    before, after = accuracy(shares, truth), accuracy(refine(shares, image, CRF()), truth)
    assert before < 0.9
    assert after > 0.97


def test_without_an_edge_in_the_photograph_noise_goes_all_the_same() -> None:
    truth, image, shares = scene()
    grey = np.full_like(image, 128)
    assert accuracy(shares, truth) < accuracy(refine(shares, grey, CRF()), truth)


def test_results_are_probabilities() -> None:
    _, image, shares = scene(9)
    refined = refine(shares, image, CRF(window=3, iterations=1))
    np.testing.assert_allclose(refined.sum(axis=0), 1, rtol=1e-5)
    assert refined.shape == shares.shape
    assert refined.min() > 0


@pytest.mark.parametrize(("window", "iterations"), [(3, 1), (5, 3), (21, 4)])
def test_it_is_the_mean_field_over_all_pairs_in_the_window(window: int, iterations: int) -> None:
    _, image, shares = scene(10)
    settings = CRF(window=window, iterations=iterations)
    np.testing.assert_allclose(refine(shares, image, settings), reference(shares, image, settings), atol=1e-4)


def reference(shares: np.ndarray, image: np.ndarray, settings: CRF) -> np.ndarray:
    """Every pair of pixels one by one, in float64."""
    _, height, width = shares.shape
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).reshape(-1, 2)
    colours = image.reshape(-1, 3).astype(float)
    apart = places[:, None] - places[None]
    is_near = (np.abs(apart).max(axis=2) <= settings.window // 2) & (apart != 0).any(axis=2)
    squares, contrast = (apart**2).sum(axis=2), ((colours[:, None] - colours[None]) ** 2).sum(axis=2)
    alike = is_near * np.exp(-squares / (2 * settings.reach**2) - contrast / (2 * settings.colour_spread**2))
    near = is_near * np.exp(-squares / 2)
    kernel = settings.strength * alike / alike.sum(axis=1, keepdims=True)
    kernel += settings.smoothness * near / near.sum(axis=1, keepdims=True)
    unary = np.log(shares.reshape(len(shares), -1).astype(float).clip(1 / 512))
    belief = np.exp(unary) / np.exp(unary).sum(axis=0)
    for _ in range(settings.iterations):
        belief = np.exp(unary + belief @ kernel.T)
        belief /= belief.sum(axis=0)
    return np.asarray(belief.reshape(shares.shape))
