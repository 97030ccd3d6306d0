"""What a curve is expected to come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.orchestration.projection import project

CURVES = st.dictionaries(st.integers(1, 50), st.floats(0, 1), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("curve", "epochs", "expected"),
    [
        ({}, 10, None),
        ({1: 0.2}, 10, None),
        ({10: 0.3}, 10, 0.3),
        ({5: 0.4, 10: 0.3}, 10, 0.3),
        ({1: 0.0, 2: 0.1}, 4, 0.2),  # a doubling of epochs brings 0.1
        ({1: 0.9, 2: 0.0, 4: 0.1, 8: 0.2}, 16, 0.9),  # never below the best so far
        ({1: 0.1, 2: 0.9}, 64, 1.0),
        ({1: 0.5, 2: 0.2}, 8, 0.5),
    ],
)
def test_curves(curve: dict[int, float], epochs: int, expected: float | None) -> None:
    assert project(curve, epochs) == (None if expected is None else pytest.approx(expected))


@given(CURVES)
def test_a_projection_is_a_score_and_no_less_than_what_was_reached(curve: dict[int, float]) -> None:
    projected = project(curve, 100)
    assert projected is not None
    assert max(curve.values()) <= projected <= 1


@given(st.integers(2, 40), st.floats(0.01, 1), st.floats(0.05, 3))
def test_curves_that_flatten_are_not_underestimated(epochs: int, top: float, rate: float) -> None:
    """Saturating curves keep less of the line than it promises, so none that would be good is given up."""
    curve = {epoch: top * (1 - (1 + epoch) ** -rate) for epoch in range(1, epochs + 1)}
    projected = project({epoch: curve[epoch] for epoch in range(1, max(3, epochs // 2))}, 1000)
    assert projected is not None
    assert projected >= curve[epochs] * 0.85
