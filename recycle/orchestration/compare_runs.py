"""Reads runs and compares them on the images that they share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.errors import DataError
from recycle.evaluation.class_comparison import compare_classes
from recycle.evaluation.comparison import Comparator
from recycle.evaluation.matching import match
from recycle.fusion.ensemble import ENSEMBLE
from recycle.orchestration.run_contents import RunContents, read_run
from recycle.predictions.values import Predictions
from recycle.report.run_comparison import (
    RunClassDifference,
    RunsComparison,
    RunSummary,
    ScoreDifference,
    recipe_differences,
)

Annotated = tuple[int, tuple[float, float, float, float], bool]
"""Label, box and whether it stands for a crowd."""
Competitors = tuple[Predictions, Predictions]
"""The first run's predictions and those of the run that is compared with it."""


@dataclass(frozen=True)
class _Run:
    """A run under the name by which it is told from the others."""

    name: str
    contents: RunContents

    @property
    def train(self) -> Dataset:
        """The images of its out-of-fold predictions."""
        return self.contents.prepared.train

    def competitors(self) -> dict[str, Predictions]:
        """The ensemble's and the models' out-of-fold predictions, as far as there are any."""
        models, ensemble = self.contents.model_oof, self.contents.ensemble_oof
        own = {name: models.of_model(name) for name in models.models} if models else {}
        return {**({ENSEMBLE: ensemble} if ensemble else {}), **own}


def compare_runs(roots: Sequence[Path]) -> RunsComparison:
    """Compares each run with the first on the training images that both have, with the same annotations.

    Images are told by their names, whatever their ids. Predictions are out of fold in both runs, whose folds may
    differ.

    Args:
        roots: Run folders, at least two, finished or not.

    Raises:
        DataError: If there are fewer than two, or a file cannot be read.
        ResumeError: If a folder holds no run.
    """
    if len(roots) < 2:
        raise DataError(f"runs to compare must be at least 2, but got {len(roots)}")
    runs = [_Run(name, read_run(root)) for name, root in zip(_names(roots), roots, strict=True)]
    comparisons = [_compare(runs[0], run) for run in runs[1:]]
    return RunsComparison(
        runs=tuple(map(_summary, runs)),
        recipes=recipe_differences([run.contents.recipe for run in runs]),
        scores=tuple(one for comparison in comparisons for one in comparison.scores),
        classes=tuple(one for comparison in comparisons for one in comparison.classes),
        remarks=tuple(one for comparison in comparisons for one in comparison.remarks),
    )


@dataclass(frozen=True)
class _Pair:
    """What came out of comparing one run with the first."""

    scores: tuple[ScoreDifference, ...] = ()
    classes: tuple[RunClassDifference, ...] = ()
    remarks: tuple[str, ...] = ()


def _compare(base: _Run, run: _Run) -> _Pair:
    if base.train.class_names != run.train.class_names:
        return _Pair(remarks=(f"{run.name} has other classes than {base.name}, so their scores are not compared.",))
    shared, differing = _shared_images(base.train, run.train)
    remarks = tuple(_remarks(base, run, len(shared), differing))
    if not shared:
        return _Pair(remarks=remarks)
    ids = np.array([image.id for image in base.train.images if image.file_name in shared], np.int64)
    pairs = {name: _on_shared(pair, base, run, ids) for name, pair in _common(base, run).items()}
    alike = {name: pair for name, pair in pairs.items() if _cover_alike(*pair)}
    left_out = (
        f"{name} is not compared between {run.name} and {base.name}, as it predicted other images in each."
        for name in pairs.keys() - alike.keys()
    )
    return _Pair(tuple(_scores(base, run, alike)), tuple(_classes(base, run, alike)), (*remarks, *sorted(left_out)))


def _on_shared(pair: Competitors, base: _Run, run: _Run, ids: npt.NDArray[np.int64]) -> Competitors:
    return pair[0].of_images(ids), _renumbered(pair[1], run.train, base.train).of_images(ids)


def _cover_alike(one: Predictions, other: Predictions) -> bool:
    return one.covered.size > 0 and np.array_equal(one.covered, other.covered)


def _scores(base: _Run, run: _Run, pairs: Mapping[str, Competitors]) -> Iterator[ScoreDifference]:
    for name, (one, other) in pairs.items():
        judge = Comparator(base.train, _group_of(base), [one.covered], "map50", base.contents.recipe.seed)
        judge.add("base", one)
        judge.add("run", other)
        (found,) = judge.compare([("run", "base")])
        yield ScoreDifference(
            run=run.name,
            base=base.name,
            competitor=name,
            difference=found.difference,
            interval=found.interval,
            verdict=found.verdict,
            images=len(one.covered),
        )


def _classes(base: _Run, run: _Run, pairs: Mapping[str, Competitors]) -> Iterator[RunClassDifference]:
    if ENSEMBLE not in pairs:
        return
    one, other = (match(predictions, base.train) for predictions in pairs[ENSEMBLE])
    for found in compare_classes(other, one, _group_of(base), base.contents.recipe.seed):
        yield RunClassDifference(
            run=run.name,
            base=base.name,
            name=base.train.class_names[found.label],
            score=found.score,
            base_score=found.other,
            interval=found.interval,
            verdict=found.verdict,
        )


def _common(base: _Run, run: _Run) -> dict[str, Competitors]:
    others = run.competitors()
    return {name: (one, others[name]) for name, one in base.competitors().items() if name in others}


def _remarks(base: _Run, run: _Run, shared: int, differing: int) -> Iterator[str]:
    if not shared:
        yield f"{run.name} and {base.name} have no training image in common, so their scores are not compared."
        return
    own = len(base.train.images), len(run.train.images)
    if shared < max(own):
        yield (
            f"{run.name} and {base.name} are compared on {shared} training images that both annotate alike; "
            f"{base.name} has {own[0]}, {run.name} {own[1]}, and {differing} are annotated differently."
        )
    for one in (base, run):
        if one.contents.ensemble_oof is None:
            yield f"{one.name} has not finished, so there is no ensemble of it to compare."


def _shared_images(base: Dataset, other: Dataset) -> tuple[set[str], int]:
    """Names of the images that both have and annotate alike, and how many they annotate differently."""
    ours, theirs = _truths(base), _truths(other)
    common = ours.keys() & theirs.keys()
    shared = {name for name in common if ours[name] == theirs[name]}
    return shared, len(common) - len(shared)


def _truths(dataset: Dataset) -> dict[str, tuple[int, int, list[Annotated]]]:
    """Size and annotations of each image, whatever their order, by its name."""
    label_of, annotations = dataset.label_of, dataset.annotations_by_image()
    return {
        image.file_name: (
            image.width,
            image.height,
            sorted((label_of[one.category_id], one.bbox, one.iscrowd) for one in annotations[image.id]),
        )
        for image in dataset.images
    }


def _renumbered(predictions: Predictions, own: Dataset, wanted: Dataset) -> Predictions:
    """The predictions of those images that the wanted data set has too, under its ids."""
    id_of = {image.file_name: image.id for image in wanted.images}
    new = {image.id: id_of[image.file_name] for image in own.images if image.file_name in id_of}
    kept = predictions.of_images(list(new))
    coverage = tuple(np.sort(np.array([new[one] for one in ids.tolist()], np.int64)) for ids in kept.coverage)
    return replace(kept, image_ids=np.array([new[one] for one in kept.image_ids.tolist()], np.int64), coverage=coverage)


def _group_of(run: _Run) -> dict[int, int]:
    groups = run.contents.prepared.groups.tolist()
    return {image.id: group for image, group in zip(run.train.images, groups, strict=True)}


def _summary(run: _Run) -> RunSummary:
    covered = next((len(one.covered) for one in run.competitors().values()), 0)
    return RunSummary(run.name, run.contents.recipe.name, covered, run.contents.oof_scores())


def _names(roots: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    parts = [root.absolute().parts for root in roots]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-depth:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    raise DataError("runs to compare must be different ones, but one is named twice")
