"""Models that are really trained for the few steps of a probe."""

import time

import pytest

from recycle.data.coco import Dataset
from recycle.recipe import Model
from recycle.training.probe import MEASURED_STEPS, WARM_UP_STEPS, probe_model
from tests.training.conformance import ADAMW, parse_model

pytestmark = pytest.mark.training


def tiny(**changes: object) -> Model:
    settings = {"name": "m", "family": "efficientdet", "size": "lite0", "image_size": 64, "epochs": 1, "batch_size": 2}
    return parse_model({**settings, "optimizer": ADAMW, **changes})


def test_a_few_steps_are_measured_on_the_given_images(sample: Dataset) -> None:
    began = time.monotonic()
    probe = probe_model(tiny(), sample)
    seconds = time.monotonic() - began
    assert probe.device
    assert 0 < probe.seconds_a_step * MEASURED_STEPS < seconds
    assert probe.seconds_a_step * (WARM_UP_STEPS + MEASURED_STEPS) > seconds / 100
    assert 0.1 < probe.memory_gib < 64


def test_a_larger_batch_takes_longer_on_drawn_images() -> None:
    single, many = (probe_model(tiny(batch_size=size), None) for size in (2, 16))
    assert single.seconds_a_step < many.seconds_a_step
