import math

import numpy as np
import pytest
import torch
from mmcv import ops

from recycle.errors import RecycleError
from tests.models.mmcv_ops.sampling import Array, sample_with_zeros

SCALE = 0.5
# Image index, x1, y1, x2, y2: whole, tiny, beyond the border, without area, and wholly outside.
ROIS = [
    [0.0, 1.3, 2.1, 14.7, 12.9],
    [1.0, 3.2, 4.4, 4.1, 5.3],
    [0.0, -5.1, -3.3, 9.2, 24.8],
    [1.0, 6.6, 6.6, 6.6, 6.6],
    [0.0, 60.3, 60.3, 90.9, 90.9],
]


def _clamped_sample(features: Array, y: float, x: float) -> Array:
    """Within one cell around the image the border's value counts, further out zero."""
    height, width = features.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(features.shape[0])
    return sample_with_zeros(features, min(max(y, 0), height - 1), min(max(x, 0), width - 1))


def _pool(features: Array, roi: list[float], size: tuple[int, int], ratio: int, *, aligned: bool) -> Array:
    """Bins (c, *size) of one box over features (n, c, h, w)."""
    x1, y1, x2, y2 = (coordinate * SCALE - 0.5 * aligned for coordinate in roi[1:])
    width, height = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
    rows, columns = ratio or math.ceil(height / size[0]), ratio or math.ceil(width / size[1])
    bins = np.zeros((features.shape[1], *size))
    for i, j in np.ndindex(size):
        for row, column in np.ndindex(rows, columns):
            y = y1 + height / size[0] * (i + (row + 0.5) / rows)
            x = x1 + width / size[1] * (j + (column + 0.5) / columns)
            bins[:, i, j] += _clamped_sample(features[int(roi[0])], y, x) / (rows * columns)
    return bins


def _features() -> torch.Tensor:
    return torch.randn(2, 3, 9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 1, 3])
@pytest.mark.parametrize("size", [(3, 3), (1, 4)])
def test_each_bin_is_the_mean_of_its_samples(size: tuple[int, int], ratio: int, aligned: bool) -> None:
    pooled = ops.roi_align(_features(), torch.tensor(ROIS).double(), size, SCALE, ratio, "avg", aligned)
    expected = [_pool(_features().numpy(), roi, size, ratio, aligned=aligned) for roi in ROIS]
    torch.testing.assert_close(pooled, torch.tensor(np.stack(expected)), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_gradient(ratio: int, aligned: bool) -> None:
    rois = torch.tensor(ROIS).double()
    assert torch.autograd.gradcheck(
        lambda features: ops.roi_align(features, rois, 2, SCALE, ratio, "avg", aligned),
        _features().requires_grad_(),
        fast_mode=True,
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    features, rois = _features().to(dtype).requires_grad_(), torch.tensor(ROIS).to(dtype)
    wide = features.detach().float().requires_grad_()
    pooled, expected = (ops.roi_align(f, rois.type_as(f), 3, SCALE, 2) for f in (features, wide))
    assert torch.equal(pooled, expected.to(dtype))
    pooled.sum().backward()
    expected.sum().backward()
    assert features.grad is not None
    assert wide.grad is not None
    assert torch.equal(features.grad, wide.grad.to(dtype))


def test_no_boxes_give_no_features_and_no_gradient() -> None:
    features = _features().requires_grad_()
    pooled = ops.roi_align(features, torch.empty(0, 5, dtype=torch.float64), 7)
    assert pooled.shape == (0, 3, 7, 7)
    pooled.sum().backward()
    assert features.grad is not None
    assert not features.grad.any()


def test_pooling_by_maximum_is_refused() -> None:
    with pytest.raises(RecycleError, match="pool_mode must be 'avg', but got 'max'"):
        ops.roi_align(_features(), torch.tensor(ROIS).double(), 2, SCALE, 2, "max")
