from dataclasses import replace
from pathlib import Path

import pytest

from recycle.orchestration.expectation import expect, expect_member, expected_seconds_an_image
from recycle.recipe import PseudoLabels
from recycle.training.member import RoundPlan
from recycle.training.probes import Probe, write_probe
from tests.evaluation.scenes import truth_of
from tests.fusion.scenes import alternating_folds
from tests.orchestration.plans import model_with, plan_of

GPU = {"num_cpus": 4, "num_gpus": 1}


def test_without_a_probe_it_is_an_estimate(tmp_path: Path) -> None:
    model = model_with(epochs=3, batch_size=8)
    expected = expect(model, 17, tmp_path)
    assert expected.steps == 3 * 3  # 8, 8 and 1 image
    assert expected.measured_on == ()
    assert expected.seconds == pytest.approx(9 * 8 * expected_seconds_an_image(model))


def test_the_estimate_of_a_well_known_training_is_near_what_is_published(tmp_path: Path) -> None:
    """Cascade R-CNN, ResNet-50, 12 epochs of COCO at two images a GPU: a day on a V100 for each sixth of it."""
    model = model_with(
        backbone="resnet50",
        fpn_channels=256,
        head_channels=1024,
        proposals=1000,
        sampled_rois=512,
        image_size=1024,
        batch_size=2,
        resources=GPU,
    )
    expected = expect(model, 1000, tmp_path)
    assert 0.1 < expected.seconds / (model.epochs * 1000) < 0.3
    assert 3 < expected.memory_gib < 12


def test_a_probe_takes_the_place_of_the_estimate(tmp_path: Path) -> None:
    model = model_with(epochs=3, batch_size=8)
    write_probe(Probe("Device", 2.0, 5.0), model, tmp_path)
    expected = expect(model, 17, tmp_path)
    assert (expected.seconds, expected.memory_gib, expected.measured_on) == (9 * 2.0, 5.0, ("Device",))


def test_a_gpu_that_is_shared_is_shared_in_time(tmp_path: Path) -> None:
    model = model_with(epochs=1, batch_size=8, resources={"num_gpus": 0.25})
    write_probe(Probe("Device", 2.0, 5.0), model, tmp_path)
    assert expect(model, 8, tmp_path).seconds == 8.0
    whole = model_with(epochs=1, batch_size=8, resources={"num_gpus": 1})
    assert expected_seconds_an_image(model) == 4 * expected_seconds_an_image(whole)


def test_each_phase_is_expected_on_its_own(tmp_path: Path) -> None:
    phases = [{"epochs": 2}, {"epochs": 1, "multi_scale": {"min": 1.0, "max": 1.5}}]
    model = model_with(epochs=3, batch_size=8, phases=phases)
    first, second = model.in_phases()
    write_probe(Probe("A", 2.0, 5.0), first, tmp_path)
    assert expect(model, 8, tmp_path).measured_on == ()  # half a measurement is an estimate
    write_probe(Probe("B", 3.0, 4.0), second, tmp_path)
    expected = expect(model, 8, tmp_path)
    assert (expected.seconds, expected.memory_gib, expected.measured_on) == (2 * 2.0 + 3.0, 5.0, ("A", "B"))


def test_the_first_phase_of_a_round_sees_pseudo_labelled_images_too(tmp_path: Path) -> None:
    model = model_with(epochs=3, batch_size=8, phases=[{"epochs": 2}, {"epochs": 1}])
    assert expect(model, 8, tmp_path).steps == 3
    assert expect(model, 8, tmp_path, PseudoLabels(share=0.75)).steps == 2 * 4 + 1
    assert expect(model, 8, tmp_path, PseudoLabels(share=0.75, mixing="mixup")).steps == 3


def test_a_member_sees_the_images_outside_of_its_fold_and_those_of_its_round() -> None:
    truth, plan = truth_of([], images=16), plan_of("m", epochs=1, batch_size=8)
    folds, pseudo = alternating_folds(truth), RoundPlan(Path(), Path(), PseudoLabels())
    assert expect_member(plan, truth, folds).steps == 1
    assert expect_member(replace(plan, fold="all"), truth, folds).steps == 2
    assert expect_member(replace(plan, pseudo=pseudo), truth, folds).steps == 2
