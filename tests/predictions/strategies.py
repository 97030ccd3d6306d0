"""Predictions drawn by Hypothesis, and their comparison."""

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from recycle.predictions.values import Predictions

IMAGE_IDS = st.integers(0, 2**62) | st.integers(0, 9)


@st.composite
def predictions(
    draw: st.DrawFn, *, models: int | None = None, image_ids: st.SearchStrategy[int] = IMAGE_IDS
) -> Predictions:
    names = draw(st.lists(st.text(min_size=1, max_size=5), min_size=models or 0, max_size=models or 3, unique=True))
    coverage = [sorted(draw(st.sets(image_ids, max_size=5))) for _ in names]
    pairs = [(image, model) for model, images in enumerate(coverage) for image in images]
    rows = draw(st.lists(st.sampled_from(pairs), max_size=12)) if pairs else []
    number = st.floats(0, 1, width=32)
    corners = [[draw(number) * 500, draw(number) * 500] for _ in rows]
    sides = [[draw(number) * 500 + 0.01, draw(number) * 500 + 0.01] for _ in rows]
    x1y1 = np.array(corners, np.float32).reshape(-1, 2)
    return Predictions(
        image_ids=np.array([image for image, _ in rows], np.int64),
        model_ids=np.array([model for _, model in rows], np.int32),
        boxes=np.concatenate([x1y1, x1y1 + np.array(sides, np.float32).reshape(-1, 2)], axis=1),
        scores=np.array([draw(number) for _ in rows], np.float32),
        labels=np.array([draw(st.integers(0, 9)) for _ in rows], np.int32),
        models=tuple(names),
        coverage=tuple(np.array(ids, np.int64) for ids in coverage),
    )


def assert_same(first: Predictions, second: Predictions) -> None:
    assert first.models == second.models
    for one, other in zip(first.coverage, second.coverage, strict=True):
        np.testing.assert_array_equal(one, other)
    for field in fields(Predictions)[:5]:
        one, other = getattr(first, field.name), getattr(second, field.name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
