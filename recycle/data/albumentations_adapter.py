"""The one place that imports Albumentations: its transforms, as recipes name them, for images, boxes and masks."""

from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.geometry import FILL
from recycle.data.objects import Objects, Results
from recycle.environment import keep_private
from recycle.recipe import OpticalDistortion, Pixelwise, ShiftScaleRotate

keep_private()
import albumentations as A  # noqa: E402, N812 - asks the network for a newer version unless told not to

SMALLEST_KERNEL = 3
PLANE_BITS = 8
GREY = (FILL, FILL, FILL)

Masks = npt.NDArray[np.uint8]

PIXELWISE: dict[str, Callable[[Any], Any]] = {
    "additive_noise": lambda s: A.AdditiveNoise(
        "gaussian", "shared", {"mean_range": (0, 0), "std_range": (s.min_std, s.max_std)}, p=1
    ),
    "blur": lambda s: A.Blur((SMALLEST_KERNEL, s.kernel), p=1),
    "clahe": lambda s: A.CLAHE((1, s.clip_limit), (s.tiles, s.tiles), p=1),
    "emboss": lambda s: A.Emboss((s.min_share, s.max_share), (s.min_strength, s.max_strength), p=1),
    "gauss_noise": lambda s: A.GaussNoise((s.min_std, s.max_std), p=1),
    "hue_saturation_value": lambda s: A.HueSaturationValue(s.hue, s.saturation, s.value, p=1),
    "median_blur": lambda s: A.MedianBlur((SMALLEST_KERNEL, s.kernel), p=1),
    "motion_blur": lambda s: A.MotionBlur((SMALLEST_KERNEL, s.kernel), p=1),
    "random_brightness_contrast": lambda s: A.RandomBrightnessContrast(s.brightness, s.contrast, p=1),
    "rgb_shift": lambda s: A.RGBShift(s.red, s.green, s.blue, p=1),
    "sharpen": lambda s: A.Sharpen((s.min_share, s.max_share), (s.min_lightness, s.max_lightness), p=1),
}
"""Transforms of settings, by the settings' type."""


class ChangePixels:
    """Applies one of Albumentations' transforms that leave everything where it is.

    Args:
        settings: The transform; its probability is not looked at.
    """

    def __init__(self, settings: Pixelwise) -> None:
        self._transform = A.Compose([PIXELWISE[settings.type](settings)])

    def __call__(self, results: Results) -> Results:
        """Replaces `img`."""
        _seed(self._transform)
        image = self._transform(image=cv2.cvtColor(results["img"], cv2.COLOR_BGR2RGB))["image"]
        return {**results, "img": cv2.cvtColor(image, cv2.COLOR_RGB2BGR)}


class Bend:
    """Applies one of Albumentations' transforms that turn or bend an image.

    Boxes become the extents of the masks, which must be loaded: a turned box does not tell where its object lies.

    Args:
        settings: The transform; its probability is not looked at.
    """

    def __init__(self, settings: ShiftScaleRotate | OpticalDistortion) -> None:
        self._transform = A.Compose([_geometric_transform(settings)], save_applied_params=True)
        self._min_visible = settings.min_visible

    def __call__(self, results: Results) -> Results:
        """Replaces image and objects."""
        objects = Objects.of(results)
        assert objects.masks is not None
        _seed(self._transform)
        planes = pack_masks(objects.masks)
        bent = self._transform(image=results["img"], **({"masks": planes} if planes else {}))
        masks = unpack_masks(bent["masks"], len(objects.masks)) if planes else objects.masks
        whole = objects.areas() * _area_factor(bent["applied_transforms"])
        changed = Objects(objects.boxes, objects.labels, objects.ignored, masks)
        return changed.visible(whole, self._min_visible).put_into(results, bent["image"])


def pack_masks(masks: Masks) -> list[Masks]:
    """Lays eight masks into the bits of one plane, since the time a transform takes is that of its planes.

    Only nearest-neighbour interpolation leaves them intact.

    Args:
        masks: (N, height, width) of 0 and 1.

    Returns:
        N / 8 planes, rounded up, of (height, width).
    """
    planes = np.zeros((-(-len(masks) // PLANE_BITS), *masks.shape[1:]), np.uint8)
    for position, mask in enumerate(masks):
        planes[position // PLANE_BITS] |= mask << np.uint8(position % PLANE_BITS)
    return list(planes)


def unpack_masks(planes: Iterable[Masks], count: int) -> Masks:
    """The masks, (count, height, width) of 0 and 1, that `pack_masks` laid into planes."""
    masks = [(plane >> np.uint8(bit)) & np.uint8(1) for plane in planes for bit in range(PLANE_BITS)]
    return np.stack(masks[:count])


def _seed(transform: Any) -> None:  # noqa: ANN401 - Albumentations is untyped here
    """Has a transform, which draws from generators of its own, follow NumPy's, which is seeded for each image."""
    transform.set_random_seed(int(np.random.randint(2**31)))


def _area_factor(applied: Iterable[tuple[str, dict[str, Any]]]) -> float:
    """How many times larger objects are after an affine transform; a lens hardly changes their area."""
    matrices = [parameters["matrix"] for _, parameters in applied if "matrix" in parameters]
    return float(np.prod([abs(np.linalg.det(matrix[:2, :2])) for matrix in matrices]))


def _geometric_transform(settings: ShiftScaleRotate | OpticalDistortion) -> Any:  # noqa: ANN401
    if isinstance(settings, OpticalDistortion):
        return A.OpticalDistortion(distort_limit=settings.distortion, fill=GREY, p=1)
    shift = (-settings.shift, settings.shift)
    return A.Affine(
        translate_percent={"x": shift, "y": shift},
        scale=(1 - settings.scale, 1 + settings.scale),
        rotate=(-settings.rotate, settings.rotate),
        keep_ratio=True,
        fill=GREY,
        p=1,
    )
