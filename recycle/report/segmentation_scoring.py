"""Scores of everything that a run predicted of pixels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.data.label_maps import labels_of
from recycle.data.prepare import PreparedData
from recycle.evaluation.segmentation import PixelCounts, count_pixels, score
from recycle.fusion.pixel_ensemble import MemberPixels, model_test_votes
from recycle.fusion.voting import labels_of_shares
from recycle.predictions.probabilities import ImageProbabilities, Probabilities, by_image
from recycle.recipe import Recipe
from recycle.report.results import Results, Scores, ScoresByPart
from recycle.report.rounds import RoundReport
from recycle.report.voting_study import VotingStudy

LabelMap = npt.NDArray[np.uint8]
Truth = Mapping[int, LabelMap]


@dataclass(frozen=True)
class SegmentationRunScores:
    """What scores are made of.

    Attributes:
        oof: Pixels of each model's pooled out-of-fold predictions.
        ensemble_oof: Those of the ensemble.
        members: What each member predicted.
        models: Models that are fused.
        ensemble_test: The ensemble's predictions of the test images.
    """

    oof: Mapping[str, PixelCounts]
    ensemble_oof: PixelCounts
    members: Sequence[MemberPixels]
    models: Sequence[str]
    ensemble_test: Probabilities


def score_segmentation_run(
    recipe: Recipe,
    prepared: PreparedData,
    predicted: SegmentationRunScores,
    study: VotingStudy,
    failed: Mapping[str, str],
    test_truth: Truth | None,
    rounds: Sequence[RoundReport],
) -> Results:
    """Scores members, models and ensemble, out of fold and, where answers are known, on the test part."""
    names = labels_of(prepared.train)
    oof_truth = _PooledCounts(predicted.oof)
    test = {} if test_truth is None else _test_scores(predicted, test_truth, names)
    return Results(
        recipe=recipe.name,
        seed=recipe.seed,
        classes=prepared.train.class_names,
        images={"train": len(prepared.train.images), "test": len(prepared.test.images)},
        warnings=prepared.warnings,
        rare_classes=prepared.folds.rare_classes,
        fusion={
            **study.parameters,
            "stands": study.fusion,
            "metric": study.metric,
            "trials": len(study.trials),
            "pooled": study.pooled.to_json(),
            "held_out": study.held_out.to_json(),
            "refinement": study.refinement and study.refinement.to_json(),
        },
        models={name: _parts(score(predicted.oof[name], names), test.get(name)) for name in predicted.models},
        members={
            one.member: _parts(score(oof_truth.of(one.model, one.oof), names), test.get(one.member))
            for one in sorted(predicted.members, key=lambda one: one.member)
            if one.oof is not None
        },
        ensemble=_parts(score(predicted.ensemble_oof, names), test.get("")),
        failed=failed,
        rounds=rounds,
    )


@dataclass(frozen=True)
class _PooledCounts:
    """A member's pixels are those of its model on the images of its fold."""

    models: Mapping[str, PixelCounts]

    def of(self, model: str, oof: Probabilities) -> PixelCounts:
        return self.models[model].of_images(oof.image_ids)


def _test_scores(predicted: SegmentationRunScores, truth: Truth, names: Sequence[str]) -> dict[str, Scores]:
    """By the name of a member or model; of the ensemble under the empty name."""
    sources: dict[str, ImageProbabilities] = {one.member: by_image([one.test]) for one in predicted.members}
    sources[""] = by_image([predicted.ensemble_test])
    scores: dict[str, Scores] = {
        name: score(_count(images, truth, len(names)), names) for name, images in sources.items()
    }
    for model in predicted.models:
        votes = model_test_votes(predicted.members, [model], list(truth))
        maps = ((i, truth[i], labels_of_shares(vote[model][i])) for i, vote in votes if vote[model])
        scores[model] = score(count_pixels(maps, len(names)), names)
    return scores


def _count(images: ImageProbabilities, truth: Truth, classes: int) -> PixelCounts:
    def maps() -> Iterator[tuple[int, LabelMap, LabelMap]]:
        for image_id, labels in truth.items():
            yield image_id, labels, labels_of_shares(images[image_id])

    return count_pixels(maps(), classes)


def _parts(oof: Scores, test: Scores | None) -> ScoresByPart:
    return {"oof": oof} if test is None else {"oof": oof, "test": test}
