from functools import partial
from pathlib import Path

import numpy as np
import pytest

from recycle.evaluation.segmentation import count_pixels, mean_iou
from recycle.fusion.pixel_ensemble import (
    MemberPixels,
    count_fused,
    estimate_votes,
    leave_one_model_out,
    model_test_votes,
    pool_pixels_out_of_fold,
    vote_on_new_images,
    write_fused,
)
from recycle.fusion.voting import VotingSettings, labels_of_shares
from recycle.fusion.voting_objective import VotingObjective
from recycle.predictions.probabilities import Probabilities, to_bytes
from search_spaces.voting import space

CLASSES, SIDE = 3, 16
TRUTH = {
    i: np.random.default_rng(i).integers(0, CLASSES, (4, 4), np.uint8).repeat(4, 0).repeat(4, 1) for i in range(12)
}
FOLDS = {i: i % 3 for i in TRUTH}


def predicted(skill: float, seed: int, ids: list[int] | None = None) -> Probabilities:
    """Probabilities that favour the truth by so much over noise."""
    ids = list(TRUTH) if ids is None else ids
    rng = np.random.default_rng(seed)
    values = []
    for image_id in ids:
        scores = rng.random((CLASSES, SIDE, SIDE)) + skill * (np.arange(CLASSES)[:, None, None] == TRUTH[image_id])
        values.append(to_bytes(scores / scores.sum(axis=0)))
    return Probabilities(np.array(ids, np.int64), np.array(values, np.uint8).reshape(-1, CLASSES, SIDE, SIDE))


def members() -> list[MemberPixels]:
    """A good model with a member on each fold, one of noise, and a member that was trained on all folds."""
    folds = [[i for i in TRUTH if FOLDS[i] == fold] for fold in range(3)]
    return [
        *(
            MemberPixels(f"good-fold{f}", "good", predicted(0.4, f, ids), predicted(0.4, 10 + f))
            for f, ids in enumerate(folds)
        ),
        MemberPixels("good-all", "good", None, predicted(0.4, 20)),
        *(
            MemberPixels(f"noise-fold{f}", "noise", predicted(0, 30 + f, ids), predicted(0, 40 + f))
            for f, ids in enumerate(folds)
        ),
        MemberPixels("late-all", "late", None, predicted(0.4, 50)),
    ]


def objective() -> VotingObjective:
    return VotingObjective.of(pool_pixels_out_of_fold(members()), TRUTH, FOLDS, stride=2)


def test_each_training_image_is_predicted_by_the_member_that_never_saw_it() -> None:
    pooled = pool_pixels_out_of_fold(members())
    assert list(pooled) == ["good", "noise"]
    for member in members():
        if member.oof is not None:
            for image_id, values in zip(member.oof.image_ids.tolist(), member.oof.values, strict=True):
                assert np.array_equal(pooled[member.model][image_id], values)


def test_members_of_a_model_are_averaged_on_test_images_with_those_of_all_folds() -> None:
    votes = dict(model_test_votes(members(), ["good"], [5]))
    own = [member.test.values[5].astype(float) for member in members() if member.model == "good"]
    assert len(own) == 4
    assert np.abs(votes[5]["good"][5] - np.mean(own, axis=0)).max() <= 0.5001


def test_several_members_are_better_than_one() -> None:
    votes = dict(model_test_votes(members(), ["good"], list(TRUTH)))
    several = mean_iou(count_pixels(((i, TRUTH[i], labels_of_shares(votes[i]["good"][i])) for i in TRUTH), CLASSES))
    alone = members()[0].test.values
    one = mean_iou(count_pixels(((i, TRUTH[i], labels_of_shares(alone[i])) for i in TRUTH), CLASSES))
    assert several > one


def test_leaving_out_a_good_model_costs_and_a_bad_one_pays() -> None:
    gains = leave_one_model_out(objective(), VotingSettings())
    assert gains["good"] > 0 > gains["noise"]
    assert leave_one_model_out(objective(), VotingSettings(weights=(1.0, 0.0))) == {}


def test_a_fold_is_voted_on_by_what_the_others_tell() -> None:
    scored = objective()
    search = partial(space, models=scored.models, methods=("soft", "hard"))
    counts = estimate_votes(scored, search, [VotingSettings()], fold=1, trials=12, seed=0).counts
    assert counts.image_ids.tolist() == [i for i in TRUTH if FOLDS[i] == 1]
    assert mean_iou(counts) > mean_iou(scored.on(scored.folds == 1).counts(VotingSettings()))
    changed = {i: labels if FOLDS[i] != 1 else (2 - labels) for i, labels in TRUTH.items()}
    other = VotingObjective.of(pool_pixels_out_of_fold(members()), changed, FOLDS, stride=2)
    elsewhere = estimate_votes(other, search, [VotingSettings()], fold=1, trials=12, seed=0).counts
    assert np.array_equal(elsewhere.predicted, counts.predicted)  # its answers had no part in what was chosen


def test_without_time_a_fold_is_voted_on_by_what_is_tried_first() -> None:
    scored = objective()
    search = partial(space, models=scored.models, methods=("soft", "hard"))
    first = VotingSettings(weights=(1.0, 2.0))
    assert estimate_votes(scored, search, [first], 1, trials=12, seed=0, time_budget_s=0.0).settings == first


def test_members_of_one_fold_vote_by_the_weights_of_their_models() -> None:
    own = [one for one in members() if one.member in ("good-fold1", "noise-fold1")]
    models = ("good", "absent", "noise")
    votes = dict(vote_on_new_images(own, models, VotingSettings("soft", (1.0, 5.0, 0.0)), [3, 5]))
    assert list(votes) == [3, 5]
    assert np.allclose(votes[5], own[0].test.values[5] / 255, atol=1e-6)
    equal = dict(vote_on_new_images(own, models, VotingSettings("soft", (0.0, 5.0, 0.0)), [5]))
    assert np.allclose(equal[5], np.mean([one.test.values[5] / 255 for one in own], axis=0), atol=1e-6)


def test_counts_on_all_pixels_are_near_those_of_the_search() -> None:
    pooled = pool_pixels_out_of_fold(members())
    assert mean_iou(count_fused(pooled, TRUTH, VotingSettings())) == pytest.approx(
        objective()(VotingSettings()), abs=0.02
    )


def test_what_an_ensemble_gives_is_written_image_by_image(tmp_path: Path) -> None:
    whole = predicted(0.4, 0)
    pairs = zip(whole.image_ids.tolist(), whole.values, strict=True)
    again = write_fused(tmp_path / "ensemble.npy", pairs, len(whole), (CLASSES, SIDE, SIDE))
    assert np.array_equal(again.values, whole.values)
