from collections.abc import Sequence

import numpy as np
import pytest

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.fusion.ensemble import Ensemble, MemberPredictions, build_ensemble
from recycle.fusion.tuning import DEFAULTS
from recycle.fusion.wbf import fuse
from recycle.predictions.values import Predictions, concatenate
from tests.evaluation.scenes import HEIGHT, WIDTH, random_predictions, random_truth

FOLDS = (range(10), range(10, 20))
TEST = range(20, 26)
SIZES = dict.fromkeys(range(26), (WIDTH, HEIGHT))


def whole_scene() -> Dataset:
    return random_truth(np.random.default_rng(0), boxes=150, images=26)


def truths() -> tuple[Dataset, Dataset]:
    """Twenty training images and six test images."""
    scene = whole_scene()
    return scene.subset(range(20)), scene.subset(TEST)


def member_of(model: str, fold: int, seed: int) -> MemberPredictions:
    found = random_predictions(np.random.default_rng(seed), whole_scene(), boxes=300, name=model)
    return MemberPredictions(f"{model}-fold{fold}", model, found.of_images(FOLDS[fold]), found.of_images(TEST))


def all_members() -> list[MemberPredictions]:
    pairs = ((model, fold) for model in ("a", "b") for fold in (0, 1))
    return [member_of(model, fold, seed) for seed, (model, fold) in enumerate(pairs, start=1)]


def built(members: Sequence[MemberPredictions], trials: int = 6, seed: int = 0) -> Ensemble:
    return build_ensemble(members, *truths(), trials=trials, seed=seed)


def are_equal(one: Predictions, other: Predictions) -> bool:
    columns = ("image_ids", "model_ids", "boxes", "scores", "labels")
    same = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)
    return same and one.models == other.models and list(map(list, one.coverage)) == list(map(list, other.coverage))


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return built(all_members())


def test_members_of_a_model_pool_into_one_out_of_fold_prediction(ensemble: Ensemble) -> None:
    assert ensemble.model_oof.models == ("a", "b")
    for name, parts in (("a", all_members()[:2]), ("b", all_members()[2:])):
        pooled = ensemble.model_oof.of_model(name)
        assert pooled.coverage[0].tolist() == list(range(20))
        for part, fold in zip(parts, FOLDS, strict=True):
            assert part.oof is not None
            assert are_equal(pooled.of_images(fold), part.oof)


def test_on_test_images_members_are_fused_first_then_models(ensemble: Ensemble) -> None:
    assert ensemble.model_test.models == ("a", "b")
    first, second = (member.test.renamed(member.member) for member in all_members()[:2])
    assert are_equal(ensemble.model_test.of_model("a"), fuse(concatenate([first, second]), SIZES, DEFAULTS, "a"))
    assert len(ensemble.model_test.of_model("a")) < len(first) + len(second)


def test_the_settings_found_are_those_used(ensemble: Ensemble) -> None:
    settings = ensemble.fusion.settings
    assert settings in [trial.settings for trial in ensemble.fusion.trials]
    assert are_equal(ensemble.oof, fuse(ensemble.model_oof, SIZES, settings, "ensemble"))
    assert are_equal(ensemble.test, fuse(ensemble.model_test, SIZES, settings, "ensemble"))
    assert ensemble.oof.models == ensemble.test.models == ("ensemble",)


def test_other_settings_would_have_given_something_else(ensemble: Ensemble) -> None:
    others = [t.settings for t in ensemble.fusion.trials if t.settings != ensemble.fusion.settings]
    assert not any(are_equal(ensemble.oof, fuse(ensemble.model_oof, SIZES, other, "ensemble")) for other in others)


def test_a_model_that_lacks_a_fold_still_counts_where_it_predicts() -> None:
    remaining = [member for member in all_members() if member.member != "b-fold1"]
    ensemble = build_ensemble(remaining, *truths(), trials=1, seed=0)
    assert ensemble.model_oof.of_model("b").coverage[0].tolist() == list(FOLDS[0])
    assert ensemble.oof.coverage[0].tolist() == list(range(20))
    assert ensemble.model_test.of_model("b").coverage[0].tolist() == list(TEST)
    alone = fuse(ensemble.model_oof.of_model("a"), SIZES, ensemble.fusion.settings, "ensemble")
    assert are_equal(ensemble.oof.of_images(FOLDS[1]), alone.of_images(FOLDS[1]))
    assert not are_equal(ensemble.oof.of_images(FOLDS[0]), alone.of_images(FOLDS[0]))


def test_a_member_of_all_images_joins_its_model_on_test_images_alone(ensemble: Ensemble) -> None:
    found = random_predictions(np.random.default_rng(9), whole_scene(), boxes=300, name="a")
    everything = MemberPredictions("a-all", "a", None, found.of_images(TEST))
    joined = built([*all_members(), everything])
    assert joined.fusion == ensemble.fusion
    assert are_equal(joined.model_oof, ensemble.model_oof)
    parts = [member.test.renamed(member.member) for member in (*all_members()[:2], everything)]
    assert are_equal(joined.model_test.of_model("a"), fuse(concatenate(parts), SIZES, DEFAULTS, "a"))
    assert are_equal(joined.model_test.of_model("b"), ensemble.model_test.of_model("b"))


def test_one_member_alone_is_an_ensemble() -> None:
    ensemble = built([member_of("a", 0, 1)])
    assert ensemble.oof.coverage[0].tolist() == list(FOLDS[0])
    assert ensemble.test.coverage[0].tolist() == list(TEST)


def test_answers_of_the_test_part_are_not_looked_at(ensemble: Ensemble) -> None:
    train, test = truths()
    blind = Dataset(test.folder, test.categories, test.images, ())
    again = build_ensemble(all_members(), train, blind, trials=6, seed=0)
    assert again.fusion == ensemble.fusion
    assert are_equal(again.test, ensemble.test)


def test_equal_seeds_give_equal_ensembles(ensemble: Ensemble) -> None:
    again = built(all_members())
    assert again.fusion == ensemble.fusion
    assert are_equal(again.oof, ensemble.oof)


def test_an_image_predicted_by_two_members_of_a_model_is_refused() -> None:
    twice = [member_of("a", 0, 1), member_of("a", 0, 2)]
    with pytest.raises(DataError, match="'a' must predict an image once, but image 0 comes from several parts"):
        built(twice)
