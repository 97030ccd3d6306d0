"""Who is stopped, why, and what an error was; a trial here is a name with scores."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayTaskError

from recycle.errors import NonFiniteLossError
from recycle.orchestration.early_stopping import SCORE, STEP, VALUE, EarlyStopping, StoppingRules, ending_of
from recycle.recipe import Search

RULES = StoppingRules(epochs=8, folds=1, grace=2, reduction=2, within=0.15)


TUNE: Any = None
"""Its controller, which a scheduler like this does not look at."""


def goes_on(stopping: EarlyStopping, name: str, curve: Mapping[int, float]) -> int:
    """Feeds a trial's scores until it is stopped; gives the epochs it was granted."""
    trial: Any = SimpleNamespace(trial_id=name)
    stopping.on_trial_add(TUNE, trial)
    for epoch, score in curve.items():
        result = {STEP: epoch, SCORE: score, **({VALUE: score} if epoch == RULES.steps else {})}
        if stopping.on_trial_result(TUNE, trial, result) == "STOP":
            return epoch
    return RULES.steps


def curve(top: float, last: int = RULES.epochs) -> dict[int, float]:
    return {epoch: top * epoch / RULES.epochs for epoch in range(1, last + 1)}


def test_a_trial_that_cannot_come_near_the_best_is_dropped_and_the_reason_told() -> None:
    stopping = EarlyStopping(RULES, {})
    assert goes_on(stopping, "best", curve(0.8)) == 8
    assert goes_on(stopping, "poor", curve(0.1)) == 2
    ending = stopping.endings["poor"]
    assert ending.outcome == "dropped"
    assert "at epoch 2 its score, 0.0250, is expected to become" in ending.reason
    assert "which is not within 15% of the best, 0.8000" in ending.reason


def test_nobody_is_dropped_before_there_is_a_best() -> None:
    stopping = EarlyStopping(RULES, {})
    assert goes_on(stopping, "first", curve(0.01)) == 8
    assert stopping.endings == {}


def test_asha_stops_the_worse_half_at_a_rung() -> None:
    stopping = EarlyStopping(StoppingRules(8, 1, 2, 2, within=1.0), {})
    assert goes_on(stopping, "good", curve(0.8)) == 8
    assert goes_on(stopping, "worse", curve(0.7)) == 2
    assert stopping.endings["worse"].outcome == "stopped"
    assert "at epoch 2 its score, 0.1750, is not among the best 1/2 of ASHA" in stopping.endings["worse"].reason


def test_what_earlier_parts_of_a_search_found_counts() -> None:
    stopping = EarlyStopping(
        RULES, {"known-0": (curve(0.8), True), "known-1": ({}, False), "known-2": (curve(1, 3), False)}
    )
    assert goes_on(stopping, "poor", curve(0.1)) == 2
    assert "of the best, 0.8000" in stopping.endings["poor"].reason


def test_between_folds_the_mean_is_compared_as_it_is() -> None:
    rules = StoppingRules(epochs=8, folds=3, grace=8, reduction=4, within=0.15)
    stopping = EarlyStopping(rules, {"known-0": ({8: 0.5, 16: 0.5, 24: 0.5}, True)})
    assert rules.steps == 24
    trial: Any = SimpleNamespace(trial_id="second")
    stopping.on_trial_add(TUNE, trial)
    assert stopping.on_trial_result(TUNE, trial, {STEP: 8, SCORE: 0.3}) == "STOP"
    assert "is expected to become 0.3000" in stopping.endings["second"].reason


@pytest.mark.parametrize(("grace", "epochs", "expected"), [(0.25, 8, 2), (0.25, 1, 1), (1.0, 5, 5), (0.01, 9, 1)])
def test_grace_is_a_part_of_the_epochs(grace: float, epochs: int, expected: int) -> None:
    assert StoppingRules.of(Search(grace=grace), epochs).grace == expected


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NonFiniteLossError("m: the loss became nan at step 3"), "loss not finite"),
        (MemoryError("Unable to allocate 7.11 PiB"), "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "out of memory"),
        (ValueError("no"), "crashed"),
    ],
)
def test_errors_are_told_apart(error: Exception, outcome: str) -> None:
    ending = ending_of(RayTaskError("train", "traceback", error))  # type: ignore[no-untyped-call]
    assert ending.outcome == outcome
    assert str(error) in ending.reason
