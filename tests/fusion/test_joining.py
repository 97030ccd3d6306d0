"""What an ensemble gains by a candidate."""

import pytest

from recycle.errors import DataError
from recycle.fusion.joining import JoiningGain
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS
from recycle.predictions.values import concatenate
from tests.fusion.scenes import alternating_folds, random_models


def joining(*models: str, weights: dict[str, float] | None = None) -> JoiningGain:
    predictions, truth = random_models()
    oof = concatenate([predictions.of_model(name) for name in models])
    settings = DEFAULTS.with_weights(weights, oof.models) if weights else DEFAULTS
    return JoiningGain(oof, truth, alternating_folds(truth), settings, "map50")


def test_the_gain_is_the_difference_of_both_ensembles() -> None:
    predictions, truth = random_models()
    folds = alternating_folds(truth)
    alone = FusionObjective(predictions.of_model("fair"), truth, folds)(DEFAULTS)
    both = concatenate([predictions.of_model("fair"), predictions.of_model("good")])
    joined = FusionObjective(both, truth, folds)(DEFAULTS)
    assert joining("fair")(predictions.of_model("good")) == pytest.approx(joined - alone)
    assert joined > alone


def test_a_good_candidate_is_worth_more_than_noise() -> None:
    predictions, _ = random_models()
    gain = joining("fair")
    assert gain(predictions.of_model("good")) > gain(predictions.of_model("noise"))


def test_only_the_images_of_the_candidate_count() -> None:
    predictions, truth = random_models()
    some = [image.id for image in truth.images[:8]]
    candidate = predictions.of_model("good").of_images(some)
    whole = joining("fair")
    part = JoiningGain(whole.oof.of_images(some), truth, whole.folds, DEFAULTS, "map50")
    assert whole(candidate) == part(candidate)


def test_a_model_that_is_left_out_stays_so_and_the_candidate_may_have_a_model_s_name() -> None:
    predictions, _ = random_models()
    candidate = predictions.of_model("good")
    without = joining("good", "noise", weights={"good": 2.0, "noise": 0.0})
    assert without(candidate) == pytest.approx(joining("good")(candidate))


def test_images_that_the_ensemble_never_saw_are_refused() -> None:
    predictions, truth = random_models()
    some = [image.id for image in truth.images]
    gain = joining("fair")
    elsewhere = JoiningGain(gain.oof.of_images(some[:4]), truth, gain.folds, DEFAULTS, "map50")
    with pytest.raises(DataError, match="has predicted none of the images that the candidate was scored on"):
        elsewhere(predictions.of_model("good").of_images(some[10:]))
