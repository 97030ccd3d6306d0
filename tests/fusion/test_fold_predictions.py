"""Nothing that saw a fold's images has a part in what is predicted for its sake."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recycle.data.coco import Dataset
from recycle.evaluation.label_quality import thresholds_for_precision
from recycle.evaluation.matching import match
from recycle.fusion.ensemble import MemberPredictions
from recycle.fusion.fold_predictions import FoldPredictions, predict_for_fold
from recycle.fusion.methods import FusionSettings
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import EnsembleSettings
from tests.evaluation.scenes import random_predictions, random_truth
from tests.fusion.scenes import MODELS, alternating_folds, random_models
from tests.predictions.strategies import assert_same

FOLDS = 3
ISOTONIC = EnsembleSettings(FusionSettings(weights=(2.0, 1.0, 0.0)), "isotonic")


def new_images() -> Dataset:
    return random_truth(np.random.default_rng(99), boxes=40, images=10)


def members_of_fold(fold: int, models: tuple[str, ...] = MODELS) -> list[MemberPredictions]:
    """What the members of one fold predicted of new images."""
    rng = np.random.default_rng(fold)
    return [
        MemberPredictions(f"{name}-fold{fold}", name, None, random_predictions(rng, new_images(), boxes=80, name=name))
        for name in models
    ]


def predicted(fold: int, truth: Dataset, models: tuple[str, ...] = MODELS) -> FoldPredictions:
    predictions, whole = random_models()
    objective = FusionObjective(predictions, truth, alternating_folds(whole, FOLDS))
    return predict_for_fold(members_of_fold(fold, models), objective, new_images(), fold, ISOTONIC)


@given(fold=st.integers(0, FOLDS - 1), seed=st.integers(0, 2**31))
def test_annotations_of_the_fold_change_nothing(fold: int, seed: int) -> None:
    """Whatever is annotated in the fold's images: boxes, thresholds for a precision, calibration all stay."""
    _, truth = random_models()
    elsewhere = random_truth(np.random.default_rng(seed), boxes=120, images=24)
    own = [a for a in truth.annotations if a.image_id % FOLDS != fold]
    other = [replace(a, id=a.id + 10_000) for a in elsewhere.annotations if a.image_id % FOLDS == fold]
    one, two = predicted(fold, truth), predicted(fold, replace(truth, annotations=(*own, *other)))
    assert_same(one.test, two.test)
    assert_same(one.others, two.others)
    assert set(one.others.covered % FOLDS) == set(range(FOLDS)) - {fold}
    before, after = (thresholds_for_precision(match(each.others, truth), 0.5) for each in (one, two))
    assert np.array_equal(before, after)


def test_calibration_by_the_other_folds_does_something() -> None:
    _, truth = random_models()
    blind = replace(truth, annotations=tuple(a for a in truth.annotations if a.image_id % FOLDS != 1))
    one, two = predicted(0, truth), predicted(0, blind)
    assert not np.array_equal(one.test.scores, two.test.scores)


def test_models_without_a_member_for_the_fold_are_left_out() -> None:
    _, truth = random_models()
    both, alone = predicted(0, truth), predicted(0, truth, ("good",))
    assert len(alone.test) < len(both.test)
    assert np.array_equal(alone.test.covered, both.test.covered)


def test_a_fold_whose_only_model_has_no_weight_is_predicted_by_it_all_the_same() -> None:
    _, truth = random_models()
    assert len(predicted(0, truth, ("noise",)).test) > 0
