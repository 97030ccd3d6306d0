import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.errors import DataError, RecipeError
from recycle.evaluation.segmentation import count_pixels, mean_iou
from recycle.fusion.voting import VotingSettings, fuse_image, labels_of_shares, vote, vote_on_labels
from recycle.fusion.voting_objective import VotingObjective, parameters_of_voting, voting_of
from recycle.predictions.probabilities import IGNORED
from recycle.recipe.voting import VotingMethod


def probabilities(seed: int, classes: int = 3, size: tuple[int, int] = (4, 6)) -> np.ndarray:
    drawn = np.random.default_rng(seed).dirichlet(np.ones(classes), size)
    return np.rint(255 * drawn.transpose(2, 0, 1)).astype(np.uint8)


@given(st.integers(0, 1000), st.lists(st.integers(0, 4), min_size=3, max_size=3).filter(any))
def test_votes_are_those_of_a_plain_reference(seed: int, weights: list[int]) -> None:
    models = [probabilities(seed + number) for number in range(3)]
    soft = (
        sum(weight * one.astype(np.float64) for weight, one in zip(weights, models, strict=True)) / sum(weights) / 255
    )
    np.testing.assert_allclose(vote(models, weights, "soft"), soft, rtol=1e-5)
    hard = sum(w * (np.arange(3)[:, None, None] == one.argmax(axis=0)) for w, one in zip(weights, models, strict=True))
    np.testing.assert_allclose(vote(models, weights, "hard"), hard / sum(weights), rtol=1e-6)
    maps = [labels_of_shares(one) for one in models]
    assert np.array_equal(vote_on_labels(maps, weights), hard.argmax(axis=0))


def test_ties_go_to_the_first_class() -> None:
    maps = [np.array([[label]], np.uint8) for label in (7, 2, 7, 2)]
    assert vote_on_labels(maps, [1, 1, 1, 1]).item() == 2
    assert vote_on_labels(maps, [1, 1, 2, 1]).item() == 7


def test_a_model_has_no_vote_on_images_that_it_did_not_predict() -> None:
    models = {"a": {1: probabilities(0)}, "b": {1: probabilities(1), 2: probabilities(2)}}
    alone = fuse_image(models, 2, VotingSettings())
    assert alone is not None
    np.testing.assert_allclose(alone, probabilities(2) / 255, rtol=1e-6)
    assert fuse_image(models, 2, VotingSettings(weights=(1, 0))) is None
    assert fuse_image(models, 3, VotingSettings()) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "loud"}, "method must be one of soft, hard, but got 'loud'"),
        ({"weights": (1.0, -1.0)}, "weights must be from 0 and not all 0"),
        ({"weights": (0.0, 0.0)}, "weights must be from 0 and not all 0"),
    ],
)
def test_impossible_votes_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        VotingSettings(**settings)  # type: ignore[arg-type]


def test_votes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RecipeError, match="weights must be one for each of 2 models"):
        VotingSettings(weights=(1.0,)).weight_of(["a", "b"])
    with pytest.raises(DataError, match="models must agree on classes and size"):
        vote([probabilities(0), probabilities(0, classes=4)], [1, 1], "soft")
    with pytest.raises(DataError, match="at least one model"):
        vote([probabilities(0)], [0], "soft")
    with pytest.raises(DataError, match="label maps must have one size"):
        vote_on_labels([np.zeros((1, 2), np.uint8), np.zeros((2, 1), np.uint8)], [1, 1])


MODELS = ("a", "b")


def objective(stride: int = 1) -> tuple[VotingObjective, dict[int, np.ndarray], dict[str, dict[int, np.ndarray]]]:
    """Two models, of which the second did not predict image 3."""
    rng = np.random.default_rng(5)
    truth = {i: rng.choice(np.array([0, 1, 2, IGNORED], np.uint8), (8, 8)) for i in (3, 4, 5, 6)}
    models = {
        "a": {i: probabilities(i, size=(8, 8)) for i in (3, 4, 5)},
        "b": {i: probabilities(10 + i, size=(8, 8)) for i in (4, 5)},
    }
    return VotingObjective.of(models, truth, {i: i % 2 for i in truth}, stride), truth, models


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("method", ["soft", "hard"])
@pytest.mark.parametrize("weights", [(), (1.0, 3.0), (0.0, 1.0)])
def test_the_objective_is_the_miou_of_what_is_fused(
    method: VotingMethod, weights: tuple[float, ...], stride: int
) -> None:
    scored, truth, models = objective(stride)
    settings = VotingSettings(method, weights)
    fused = {i: fuse_image(models, i, settings) for i in scored.image_ids.tolist()}
    pairs = [
        (i, truth[i][::stride, ::stride], labels_of_shares(one)[::stride, ::stride])
        for i, one in fused.items()
        if one is not None
    ]
    assert scored(settings) == pytest.approx(mean_iou(count_pixels(pairs, 3)))
    assert scored.counts(settings).image_ids.tolist() == [i for i, _, _ in pairs]
    assert scored.image_ids.tolist() == [3, 4, 5]


def test_a_part_of_the_objective_knows_nothing_of_the_rest() -> None:
    whole, truth, models = objective()
    part = whole.on(whole.folds == 1)
    other = VotingObjective.of(models, {i: truth[i] for i in (3, 5)}, {3: 1, 5: 1}, 1)
    assert part.image_ids.tolist() == [3, 5]
    assert part(VotingSettings()) == other(VotingSettings())


def test_a_trial_copies_no_votes() -> None:
    truth = {i: np.zeros((64, 64), np.uint8) for i in range(20)}
    models = {name: {i: probabilities(i, size=(64, 64)) for i in truth} for name in "abc"}
    scored = VotingObjective.of(models, truth, dict.fromkeys(truth, 0), 1)
    settings = VotingSettings(weights=(1.0, 2.0, 0.0))
    scored.counts(settings)  # compiles the kernel
    tracemalloc.start()
    scored.counts(settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < scored.votes["soft"].nbytes / 2


@pytest.mark.parametrize("settings", [VotingSettings(), VotingSettings("hard", (2.0, 0.0))])
def test_parameters_make_the_same_settings(settings: VotingSettings) -> None:
    assert voting_of(parameters_of_voting(settings, MODELS), MODELS) == settings


def test_weights_that_are_all_0_mean_equal_ones() -> None:
    assert voting_of({"method": "soft", "weight a": 0, "weight b": 0}, MODELS) == VotingSettings()
