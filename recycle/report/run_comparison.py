"""Runs side by side: what their recipes do differently, and what that is worth."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recycle.evaluation.bootstrap import Interval
from recycle.recipe import Recipe
from recycle.recipe_yaml import leaves


@dataclass(frozen=True)
class RunSummary:
    """One of the runs.

    Attributes:
        name: Of its folder, with as many of the folders above as are needed to tell it from the others.
        recipe: Name of its recipe.
        images: Images with out-of-fold predictions of the ensemble, or of any model where there is no ensemble yet.
        scores: Pooled out-of-fold mAP50 of the ensemble and of each model, on all images of the run; None where there
            is nothing to score against.
    """

    name: str
    recipe: str
    images: int
    scores: Mapping[str, float | None]


@dataclass(frozen=True)
class RecipeDifference:
    """A key on which recipes differ, as in `models.yolov5.epochs`; a value is None where the key is absent."""

    key: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class ScoreDifference:
    """How much a run's competitor scores more than the first run's of the same name, on the images of both.

    Attributes:
        run: The run.
        base: The first run.
        competitor: `ensemble`, or the name of a model that both have.
        difference: Of pooled out-of-fold mAP50.
        interval: Where it lies with 95 per cent confidence.
        verdict: "better", "worse" or "not told apart".
        images: On how many images both are scored.
    """

    run: str
    base: str
    competitor: str
    difference: float
    interval: Interval
    verdict: str
    images: int


@dataclass(frozen=True)
class RunClassDifference:
    """How much better a run's ensemble finds a class than the first run's; scores are average precision at IoU 0.5.

    Attributes:
        run: The run.
        base: The first run.
        name: The class.
        score: The run's.
        base_score: The first run's.
        interval: Where the difference lies, with 95 per cent confidence for all classes at once.
        verdict: "better", "worse" or "not told apart".
    """

    run: str
    base: str
    name: str
    score: float
    base_score: float
    interval: Interval
    verdict: str

    @property
    def difference(self) -> float:
        """By how much the run scores more."""
        return self.score - self.base_score


@dataclass(frozen=True)
class RunsComparison:
    """Runs side by side, each against the first.

    Attributes:
        runs: The runs in the order in which they were named.
        recipes: What their recipes do differently.
        scores: Score differences, of the ensemble and of models that both have.
        classes: Score differences of the ensemble by class.
        remarks: Sentences on what was left out, and why.
    """

    runs: tuple[RunSummary, ...]
    recipes: tuple[RecipeDifference, ...]
    scores: tuple[ScoreDifference, ...]
    classes: tuple[RunClassDifference, ...]
    remarks: tuple[str, ...]


def recipe_differences(recipes: Sequence[Recipe]) -> tuple[RecipeDifference, ...]:
    """Names every key on which recipes differ, in the order of the recipes; models are told by their names.

    A model that not all recipes have is one key, with its family as the value.
    """
    flat = [_flat(recipe, _common_models(recipes)) for recipe in recipes]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = ((key, tuple(one.get(key) for one in flat)) for key in keys)
    return tuple(RecipeDifference(key, values) for key, values in rows if len(set(values)) > 1)


def _common_models(recipes: Sequence[Recipe]) -> set[str]:
    return set.intersection(*({model.name for model in recipe.models} for recipe in recipes))


def _flat(recipe: Recipe, common: Collection[str]) -> dict[str, str]:
    document: dict[str, Any] = recipe.model_dump(mode="json", exclude={"models"})
    document["models"] = {
        model.name: model.model_dump(mode="json", exclude={"name"}) if model.name in common else model.family
        for model in recipe.models
    }
    return {key: str(value) for key, value in leaves(document)}
