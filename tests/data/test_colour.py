"""Colours as mmdet distorts them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.colour import DistortColours, Distortion, distort
from recycle.recipe import Colour


def picture(seed: int, height: int = 40, width: int = 50) -> npt.NDArray[np.uint8]:
    """Noise with a grey part, a black one and a white one, where the hue has no meaning."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image[:5] = image[:5, :, :1]
    image[5:7], image[7:9] = 0, 255
    return image


@pytest.mark.parametrize("seed", range(40))
def test_equals_mmdet_to_rounding(seed: int) -> None:
    from mmdet.datasets.transforms import PhotoMetricDistortion

    theirs = PhotoMetricDistortion(hue_delta=180, swap_channels=False)
    image = picture(seed)
    np.random.seed(seed)
    _, brightness, contrast, saturation, hue, _, *values, _ = theirs._random_flags()
    np.random.seed(seed)
    expected = np.rint(theirs.transform({"img": image})["img"]).clip(0, 255)
    drawn = Distortion(
        brightness=values[0] if brightness else 0,
        contrast=values[1] if contrast else 1,
        saturation=values[2] if saturation else 1,
        hue=values[3] if hue else 0,
    )
    distorted = distort(image, drawn)
    lit = image.max(axis=2) + drawn.brightness >= 0
    assert np.abs(expected - distorted)[lit].max() <= 1
    assert (distorted[~lit] == 0).all()
    assert lit.mean() > 0.9


@given(st.floats(-128, 128), st.floats(0, 2), st.floats(0, 2), st.floats(-180, 180))
def test_grey_stays_grey(brightness: float, contrast: float, saturation: float, hue: float) -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    distorted = distort(grey, Distortion(brightness, contrast, saturation, hue))
    assert (distorted == distorted[:, :, :1]).all()
    expected = np.rint((np.arange(256) + brightness) * contrast).clip(0, 255)
    assert np.abs(distorted[:, :, 0].ravel() - expected).max() <= 1


@pytest.mark.parametrize(
    ("distortion", "colour"),
    [
        (Distortion(), (10, 60, 210)),
        (Distortion(brightness=20), (30, 80, 230)),
        (Distortion(contrast=0.5), (5, 30, 105)),
        (Distortion(contrast=2), (20, 120, 255)),
        (Distortion(saturation=0), (210, 210, 210)),
        (Distortion(saturation=0.5), (110, 135, 210)),
        (Distortion(saturation=2), (0, 52, 210)),
        (Distortion(hue=120), (60, 210, 10)),
        (Distortion(hue=-120), (210, 10, 60)),
        (Distortion(hue=360), (10, 60, 210)),
    ],
)
def test_one_colour(distortion: Distortion, colour: tuple[int, int, int]) -> None:
    image = np.full((2, 3, 3), (10, 60, 210), np.uint8)
    distorted = distort(image, distortion)
    assert distorted.shape == image.shape
    assert np.abs(distorted - np.array(colour, int)).max() <= 1
    assert (image == (10, 60, 210)).all()


def test_a_mirrored_view_is_distorted_as_it_looks() -> None:
    drawn = Distortion(saturation=0.7, hue=20)
    np.testing.assert_array_equal(distort(picture(1)[:, ::-1], drawn), distort(picture(1), drawn)[:, ::-1])


def test_draws_fill_their_ranges_half_of_the_time() -> None:
    np.random.seed(0)
    transform = DistortColours(Colour(type="colour", brightness=32, contrast=0.4, saturation=0.3, hue=18))
    draws = np.array([transform.draw() for _ in range(4000)]) - Distortion()
    limits = np.array([32, 0.4, 0.3, 18])
    assert (np.abs(draws) <= limits).all()
    np.testing.assert_allclose((draws != 0).mean(axis=0), 0.5, atol=0.04)
    for column, limit in zip(draws.T, limits, strict=True):
        drawn = column[column != 0] / limit
        np.testing.assert_allclose(np.quantile(drawn, [0, 0.25, 0.5, 0.75, 1]), [-1, -0.5, 0, 0.5, 1], atol=0.1)


def test_the_same_seed_gives_the_same_colours() -> None:
    transform = DistortColours(Colour(type="colour"))
    images = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        images.append(transform({"img": picture(0)})["img"])
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[1] != images[2]).any()
