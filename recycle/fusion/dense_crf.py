"""A dense conditional random field on class probabilities, by mean-field inference in PyTorch.

Potts model with the two Gaussian kernels of Krähenbühl and Koltun (2011): one of place and colour, one of place alone.
As in ConvCRF (Teichmann and Cipolla, 2018, https://arxiv.org/abs/1805.04777) each pixel is connected with the pixels
of a window around it, so that messages are exact there, and sums of kernels are normalised to 1.
"""

from itertools import product

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from torch import Tensor

from recycle.recipe.voting import CRF

SMALLEST_PROBABILITY = 1 / 512
"""Half of the smallest step that a byte tells apart."""

NEAREST = 1.0
"""Spread in pixels of the kernel of place alone."""


def refine(
    shares: npt.NDArray[np.float32], image: npt.NDArray[np.uint8], settings: CRF, device: str = "cpu"
) -> npt.NDArray[np.float32]:
    """Draws pixels to the classes of their neighbours, the more the more alike their colours are.

    Args:
        shares: (classes, height, width) probabilities.
        image: (height, width, 3) colours, in any order.
        settings: How strongly, and how far.
        device: Where it is computed.

    Returns:
        Probabilities of the same shape.
    """
    unary = torch.from_numpy(np.ascontiguousarray(shares)).to(device).clamp_min(SMALLEST_PROBABILITY).log()
    colours = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1).float()
    kernel = _kernel(colours, settings)
    belief = unary.softmax(dim=0)
    for _ in range(settings.iterations):
        belief = (unary + _message(belief, kernel, settings.window)).softmax(dim=0)
    return belief.cpu().numpy()


def _kernel(colours: Tensor, settings: CRF) -> Tensor:
    """Weight of each neighbour of each pixel, shape (window * window, height, width)."""
    padded = _padded(colours, settings.window)
    alike, near = [], []
    for (down, right), shifted in zip(_offsets(settings.window), _shifted(padded, settings.window), strict=True):
        distance = float(down**2 + right**2)
        contrast = ((shifted - colours) ** 2).sum(dim=0) / (2 * settings.colour_spread**2)
        inside = torch.isfinite(contrast) & torch.tensor(distance > 0, device=colours.device)
        weight = torch.exp(-contrast.nan_to_num(posinf=0) - distance / (2 * settings.reach**2))
        alike.append(torch.where(inside, weight, 0))
        near.append(inside * float(np.exp(-distance / (2 * NEAREST**2))))
    return settings.strength * _normalised(torch.stack(alike)) + settings.smoothness * _normalised(torch.stack(near))


def _message(belief: Tensor, kernel: Tensor, window: int) -> Tensor:
    padded = F.pad(belief, [window // 2] * 4)
    total = torch.zeros_like(belief)
    for weight, shifted in zip(kernel, _shifted(padded, window), strict=True):
        total.addcmul_(shifted, weight.expand_as(shifted))
    return total


def _padded(colours: Tensor, window: int) -> Tensor:
    """Infinitely different colours around the image, so that nothing outside of it is a neighbour."""
    return F.pad(colours, [window // 2] * 4, value=float("inf"))


def _shifted(padded: Tensor, window: int) -> list[Tensor]:
    """Views of a padded map, moved by each offset of the window."""
    height, width = (side - window + 1 for side in padded.shape[-2:])
    return [padded[:, top : top + height, left : left + width] for top, left in product(range(window), repeat=2)]


def _offsets(window: int) -> list[tuple[int, int]]:
    half = window // 2
    return [(down, right) for down in range(-half, half + 1) for right in range(-half, half + 1)]


def _normalised(kernel: Tensor) -> Tensor:
    return kernel / kernel.sum(dim=0).clamp_min(torch.finfo(kernel.dtype).tiny)
