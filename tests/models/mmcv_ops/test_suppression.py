from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv import ops

Array = npt.NDArray[np.float64]


def _iou(a: Array, b: Array, offset: float) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    areas = sum((box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b))
    return float(width * height / (areas - width * height))


def _nms(boxes: Array, scores: Array, threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if all(_iou(boxes[index], boxes[better], offset) <= threshold for better in kept):
            kept.append(int(index))
    return kept


def _soft_nms(
    boxes: Array, scores: Array, *, method: str, threshold: float, sigma: float, min_score: float, offset: float
) -> list[tuple[int, float]]:
    """Index and decayed score of each pick, as the paper's pseudo-code has it."""
    remaining = dict(enumerate(scores.tolist()))
    picks = []
    while remaining:
        best = max(remaining, key=lambda index: remaining[index])
        picks.append((best, remaining.pop(best)))
        for index in list(remaining):
            iou = _iou(boxes[best], boxes[index], offset)
            hit = iou >= threshold
            decays = {"naive": float(not hit), "linear": 1 - iou * hit, "gaussian": np.exp(-(iou**2) / sigma)}
            remaining[index] *= decays[method]
            if remaining[index] < min_score:
                del remaining[index]
    return picks


def _boxes(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping boxes with distinct scores."""
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, 20, (count, 2)), random.uniform(5, 25, (count, 2))
    boxes = np.hstack([corner, corner + size])
    scores = random.permutation(np.linspace(0.05, 0.95, count))
    return torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores, dtype=torch.float32)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nms_is_greedy(threshold: float, offset: int, dtype: torch.dtype) -> None:
    boxes, scores = _boxes(0, 40)
    dets, kept = ops.nms(boxes.to(dtype), scores.to(dtype), threshold, offset=offset)
    expected = _nms(boxes.double().numpy(), scores.double().numpy(), threshold, offset)
    assert kept.tolist() == expected
    torch.testing.assert_close(dets, torch.cat([boxes, scores[:, None]], 1)[kept].to(dtype))


def test_offset_counts_the_last_pixel() -> None:
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 5.0, 9.0, 14.0]])
    scores = torch.tensor([0.9, 0.8])
    # 4 of 14 rows are shared, or 5 of 15 when both ends count.
    assert len(ops.nms(boxes, scores, 0.3, offset=0)[1]) == 2
    assert len(ops.nms(boxes, scores, 0.3, offset=1)[1]) == 1


def test_nms_compares_with_the_threshold_in_float32() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 3.0]])
    assert len(ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.3)[1]) == 2


def test_nms_takes_half_precision() -> None:
    boxes, scores = (tensor.half() for tensor in _boxes(1, 20))
    expected = _nms(boxes.double().numpy(), scores.double().numpy(), 0.5, 0)
    assert ops.nms(boxes, scores, 0.5)[1].tolist() == expected


def test_batched_nms_keeps_classes_apart() -> None:
    boxes, scores = _boxes(2, 40)
    labels = torch.arange(40) % 3
    _, kept = ops.batched_nms(boxes, scores, labels, {"type": "nms", "iou_threshold": 0.4})
    expected: list[int] = []
    for label in range(3):
        members = torch.nonzero(labels == label).flatten()
        chosen = _nms(boxes[members].double().numpy(), scores[members].double().numpy(), 0.4, 0)
        expected.extend(members[chosen].tolist())
    assert kept.tolist() == sorted(expected, key=lambda index: -scores[index].item())


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("method", ["naive", "linear", "gaussian"])
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 30),
    threshold=st.sampled_from([0.15, 0.35, 0.55]),
    min_score=st.sampled_from([1e-6, 0.001, 0.2]),
)
def test_soft_nms_follows_the_paper(
    method: str, offset: int, seed: int, count: int, threshold: float, min_score: float
) -> None:
    # In float64, so that no two decayed scores are equal but for rounding.
    boxes, scores = (tensor.double() for tensor in _boxes(seed, count))
    dets, kept = ops.soft_nms(boxes, scores, threshold, 0.4, min_score, method, offset)
    settings = {"threshold": threshold, "sigma": 0.4, "min_score": min_score, "offset": offset}
    expected = _soft_nms(boxes.numpy(), scores.numpy(), method=method, **settings)
    assert kept.tolist() == [index for index, _ in expected]
    decayed = torch.tensor([score for _, score in expected], dtype=torch.float64)
    torch.testing.assert_close(dets, torch.cat([boxes[kept], decayed[:, None]], 1))


def test_soft_nms_picks_among_equal_scores_as_mmcv_does() -> None:
    # Box 1 falls to the first pick and the last box, 4, takes its place: so a compiled mmcv orders them.
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 9.0], *([x, 50.0, x + 5.0, 60.0] for x in (0, 20, 40))])
    _, kept = ops.soft_nms(boxes, torch.tensor([0.9, 0.8, 0.5, 0.5, 0.5]), 0.5, method="naive")
    assert kept.tolist() == [0, 4, 2, 3]


def test_soft_nms_takes_half_precision() -> None:
    boxes, scores = (tensor.half() for tensor in _boxes(3, 20))
    dets, kept = ops.soft_nms(boxes, scores, 0.3)
    expected, same = ops.soft_nms(boxes.float(), scores.float(), 0.3)
    assert torch.equal(kept, same)
    assert torch.equal(dets, expected.half())


def test_soft_nms_ignores_boxes_without_area() -> None:
    boxes = torch.tensor([[3.0, 1.0, 3.0, 1.0]] * 3)
    dets, kept = ops.soft_nms(boxes, torch.tensor([0.5, 0.9, 0.7]), method="gaussian")
    assert kept.tolist() == [1, 2, 0]
    torch.testing.assert_close(dets[:, 4], torch.tensor([0.9, 0.7, 0.5]))


@pytest.mark.parametrize("suppress", [ops.nms, ops.soft_nms])
def test_no_boxes_give_no_boxes(suppress: Any) -> None:
    dets, kept = suppress(torch.empty(0, 4), torch.empty(0), 0.5)
    assert dets.shape == (0, 5)
    assert kept.shape == (0,)
    assert kept.dtype == torch.int64
