from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from recycle.data.coco import Dataset
from recycle.errors import DataError, RecipeError
from recycle.fusion.calibration import calibrated, calibrated_out_of_fold, fit_calibrators
from recycle.fusion.ensemble import Ensemble, MemberPredictions, fuse_ensemble, fuse_members, pool_out_of_fold
from recycle.fusion.methods import FusionSettings, fuse_by
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS, Calibration, EnsembleSettings
from recycle.fusion.wbf import WbfSettings, fuse
from recycle.predictions.values import concatenate
from tests.evaluation.scenes import HEIGHT, WIDTH, random_predictions, random_truth
from tests.fusion.scenes import alternating_folds
from tests.predictions.strategies import assert_same

FOLDS = (range(0, 20, 2), range(1, 20, 2))
TEST = range(20, 26)
SIZES = dict.fromkeys(range(26), (WIDTH, HEIGHT))
CHOSEN = EnsembleSettings(FusionSettings(0.4, 0.02, (2, 1)))


def whole_scene() -> Dataset:
    return random_truth(np.random.default_rng(0), boxes=150, images=26)


def truths() -> tuple[Dataset, Dataset]:
    """Twenty training images and six test images."""
    scene = whole_scene()
    return scene.subset(range(20)), scene.subset(TEST)


def member_of(model: str, fold: int | None, seed: int) -> MemberPredictions:
    found = random_predictions(np.random.default_rng(seed), whole_scene(), boxes=300, name=model)
    oof = None if fold is None else found.of_images(FOLDS[fold])
    return MemberPredictions(f"{model}-fold{'all' if fold is None else fold}", model, oof, found.of_images(TEST))


def all_members() -> list[MemberPredictions]:
    pairs = ((model, fold) for model in ("a", "b") for fold in (0, 1))
    return [member_of(model, fold, seed) for seed, (model, fold) in enumerate(pairs, start=1)]


def built(members: Sequence[MemberPredictions], settings: EnsembleSettings = CHOSEN) -> Ensemble:
    train, test = truths()
    model_oof = pool_out_of_fold(members)
    model_test = fuse_members(members, model_oof.models, test)
    return fuse_ensemble(model_oof, model_test, train, test, alternating_folds(train), settings)


def test_members_of_a_model_pool_into_one_out_of_fold_prediction() -> None:
    pooled = pool_out_of_fold(all_members())
    assert pooled.models == ("a", "b")
    for name, parts in (("a", all_members()[:2]), ("b", all_members()[2:])):
        assert pooled.of_model(name).coverage[0].tolist() == list(range(20))
        for part, fold in zip(parts, FOLDS, strict=True):
            assert part.oof is not None
            assert_same(pooled.of_model(name).of_images(fold), part.oof)


def test_on_test_images_members_are_fused_first_then_models() -> None:
    model_test = fuse_members(all_members(), ["a", "b"], truths()[1])
    assert model_test.models == ("a", "b")
    first, second = (member.test.renamed(member.member) for member in all_members()[:2])
    assert_same(model_test.of_model("a"), fuse(concatenate([first, second]), SIZES, WbfSettings(), "a"))
    assert len(model_test.of_model("a")) < len(first) + len(second)


def test_a_member_of_all_folds_joins_its_model_on_test_images_only() -> None:
    members = [*all_members(), member_of("a", None, 9)]
    assert_same(pool_out_of_fold(members), pool_out_of_fold(all_members()))
    own = [member.test.renamed(member.member) for member in members if member.model == "a"]
    with_all = fuse_members(members, ["a", "b"], truths()[1])
    assert_same(with_all.of_model("a"), fuse(concatenate(own), SIZES, WbfSettings(), "a"))
    assert_same(with_all.of_model("b"), fuse_members(all_members(), ["b"], truths()[1]))


def test_a_model_that_cannot_be_weighed_is_left_out() -> None:
    members = [*all_members(), member_of("c", None, 9)]
    assert_same(built(members).test, built(all_members()).test)
    with pytest.raises(DataError, match="at least one, but got none"):
        pool_out_of_fold([member_of("c", None, 9)])


@pytest.mark.parametrize("calibration", ["none", "isotonic", "temperature"])
def test_both_parts_are_calibrated_and_fused_alike(calibration: Calibration) -> None:
    train, _ = truths()
    folds, ensemble = alternating_folds(train), built(all_members(), replace(CHOSEN, calibration=calibration))
    oof = calibrated_out_of_fold(ensemble.model_oof, train, folds, calibration)
    assert_same(ensemble.oof, fuse_by(oof, SIZES, CHOSEN.fusion, "ensemble"))
    assert ensemble.calibrators == fit_calibrators(ensemble.model_oof, train, calibration)
    scaled = calibrated(ensemble.model_test, ensemble.calibrators)
    assert_same(ensemble.test, fuse_by(scaled, SIZES, CHOSEN.fusion, "ensemble"))


def test_the_out_of_fold_part_is_what_the_objective_scores() -> None:
    train, _ = truths()
    settings = replace(CHOSEN, calibration="temperature")
    ensemble = built(all_members(), settings)
    objective = FusionObjective(ensemble.model_oof, train, alternating_folds(train))
    assert_same(ensemble.oof, objective.fused(settings, "ensemble"))


def test_models_of_weight_0_are_kept_beside_the_ensemble() -> None:
    ensemble = built(all_members(), DEFAULTS.with_models(["b"], ["a", "b"]))
    assert ensemble.model_oof.models == ensemble.model_test.models == ("a", "b")
    alone = built(all_members()[2:], DEFAULTS)
    assert_same(ensemble.oof, alone.oof)
    assert_same(ensemble.test, alone.test)


def test_a_model_that_lacks_a_fold_still_counts_where_it_predicts() -> None:
    remaining = [member for member in all_members() if member.member != "b-fold1"]
    ensemble = built(remaining, DEFAULTS)
    assert ensemble.model_oof.of_model("b").coverage[0].tolist() == list(FOLDS[0])
    assert ensemble.oof.coverage[0].tolist() == list(range(20))
    assert ensemble.model_test.of_model("b").coverage[0].tolist() == list(TEST)
    alone = fuse(ensemble.model_oof.of_model("a"), SIZES, WbfSettings(), "ensemble")
    assert_same(ensemble.oof.of_images(FOLDS[1]), alone.of_images(FOLDS[1]))
    assert len(ensemble.oof.of_images(FOLDS[0])) != len(alone.of_images(FOLDS[0]))


def test_one_member_alone_is_an_ensemble() -> None:
    ensemble = built([member_of("a", 0, 1)], DEFAULTS)
    assert ensemble.oof.coverage[0].tolist() == list(FOLDS[0])
    assert ensemble.test.coverage[0].tolist() == list(TEST)


def test_answers_of_the_test_part_are_not_looked_at() -> None:
    train, test = truths()
    blind = Dataset(test.folder, test.categories, test.images, ())
    model_oof = pool_out_of_fold(all_members())
    model_test = fuse_members(all_members(), model_oof.models, blind)
    again = fuse_ensemble(model_oof, model_test, train, blind, alternating_folds(train), CHOSEN)
    assert_same(again.test, built(all_members()).test)


def test_what_does_not_fit_is_refused() -> None:
    twice = [member_of("a", 0, 1), member_of("a", 0, 2)]
    with pytest.raises(DataError, match="'a' must predict an image once, but image 0 comes from several parts"):
        pool_out_of_fold(twice)
    with pytest.raises(RecipeError, match="one for each of 1 models"):
        built([member_of("a", 0, 1)], CHOSEN)
