"""The pseudo labels of a round: predicted for each fold by what never saw it, or read from a file, and written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.pseudo_labels import LabelThresholds, pseudo_document, write_pseudo_labels
from recycle.errors import RecipeError
from recycle.evaluation.label_counts import LabelQuality
from recycle.evaluation.label_quality import label_quality, thresholds_for_precision
from recycle.evaluation.matching import match
from recycle.fusion.fold_predictions import predict_for_fold
from recycle.fusion.inputs.read import read_inputs
from recycle.fusion.inputs.reference import Reference
from recycle.orchestration.finish import FusedRun
from recycle.predictions.values import Predictions
from recycle.recipe import Fold, PseudoLabels
from recycle.report.rounds import OWN_ENSEMBLE, FoldLabels, LabelsReport


@dataclass(frozen=True, eq=False)
class Believed:
    """Predictions of the test images, and from which score on they are believed."""

    test: Predictions
    thresholds: LabelThresholds


def make_labels(
    fused: FusedRun, folds: Iterable[Fold], settings: PseudoLabels, source: Path | None, round_index: int
) -> LabelsReport:
    """Writes the pseudo labels of a round.

    Args:
        fused: The ensemble that stands.
        folds: The folds that have members to train.
        settings: Which boxes become labels.
        source: A file of predictions to take in place of the ensemble's.
        round_index: The round.

    Raises:
        RecipeError: If thresholds are to be chosen for boxes of a file.
        DataError: If the file's images or classes are not those of the run's test part.
    """
    prepared, paths = fused.run.prepared, fused.run.paths
    whole = read_believed(source, prepared.test, settings) if source else None
    report = {}
    for fold in folds:
        believed = whole or believe(fused, fold, settings)
        document = pseudo_document(believed.test, prepared.test, believed.thresholds, keep_empty=settings.keep_empty)
        write_pseudo_labels(document, paths.pseudo_labels(round_index, fold))
        report[str(fold)] = _fold_labels(believed, document, prepared.test, has_answers=prepared.has_answers)
    return LabelsReport(str(source) if source else OWN_ENSEMBLE, report)


def read_believed(source: Path, test: Dataset, settings: PseudoLabels) -> Believed:
    """Reads predictions of the test images from a submission CSV, COCO results or a run.

    Raises:
        RecipeError: If thresholds are to be chosen, which takes out-of-fold predictions.
        DataError: If images or classes are not those of the test part.
    """
    refuse_precision(source, settings)
    reference = Reference("the run's test part", test)
    inputs = read_inputs([source], reference, None, strict=False, allow_missing=True)
    return Believed(inputs.predictions, _fixed(test, settings))


def refuse_precision(source: Path, settings: PseudoLabels) -> None:
    """Refuses to choose thresholds for predictions of a file.

    Raises:
        RecipeError: If that is asked for.
    """
    if settings.precision is not None:
        raise RecipeError(
            f"pseudo_labels.precision must not be set for labels from {source}, as nothing tells how often they are "
            f"right, but got precision={settings.precision}; set pseudo_labels.score_thr"
        )


def believe(fused: FusedRun, fold: Fold, settings: PseudoLabels) -> Believed:
    """What the ensemble of one fold's members predicts, or of all members for `all`, and how far to trust it."""
    prepared = fused.run.prepared
    if fold == "all":
        return Believed(fused.ensemble.test, _thresholds(fused.ensemble.oof, prepared.train, settings))
    members = [member for entry, member in zip(fused.run.members, fused.members, strict=True) if entry.fold == fold]
    estimate = next(one for one in fused.found.estimates if one.fold == fold)
    found = predict_for_fold(members, fused.objective, prepared.test, fold, estimate.settings)
    return Believed(found.test, _thresholds(found.others, prepared.train, settings))


def _thresholds(out_of_fold: Predictions, truth: Dataset, settings: PseudoLabels) -> LabelThresholds:
    if settings.precision is None:
        return _fixed(truth, settings)
    chosen = thresholds_for_precision(match(out_of_fold, truth), settings.precision)
    return LabelThresholds(chosen, settings.ignore_thr)


def _fixed(dataset: Dataset, settings: PseudoLabels) -> LabelThresholds:
    return LabelThresholds(np.full(len(dataset.categories), settings.score_thr), settings.ignore_thr)


def _fold_labels(
    believed: Believed, document: Mapping[str, list[dict[str, object]]], test: Dataset, *, has_answers: bool
) -> FoldLabels:
    ignored = sum(bool(annotation["iscrowd"]) for annotation in document["annotations"])
    thresholds = (float(one) if np.isfinite(one) else None for one in believed.thresholds.label)
    return FoldLabels(
        images=len(document["images"]),
        labels=len(document["annotations"]) - ignored,
        ignored=ignored,
        highest_score=float(believed.test.scores.max(initial=0.0)),
        thresholds=dict(zip(test.class_names, thresholds, strict=True)),
        quality=_quality(believed, test) if has_answers else None,
    )


def _quality(believed: Believed, test: Dataset) -> dict[str, LabelQuality]:
    sure = believed.thresholds.sure(believed.test)
    labels = Predictions(
        image_ids=believed.test.image_ids[sure],
        model_ids=believed.test.model_ids[sure],
        boxes=believed.test.boxes[sure],
        scores=believed.test.scores[sure],
        labels=believed.test.labels[sure],
        models=believed.test.models,
        coverage=believed.test.coverage,
    )
    return dict(zip(test.class_names, label_quality(match(labels, test)), strict=True))
