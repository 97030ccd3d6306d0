"""From a folder to what a run trains on: read, checked, repaired, divided into test part and folds."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset, read_coco, write_coco
from recycle.data.findings import Findings, ValidationReport
from recycle.data.folds import Folds, make_folds, read_folds, split_test, write_folds
from recycle.data.json_files import read_json, write_json
from recycle.data.labelled_pixels import load_labelled_pixels, pixel_samples
from recycle.data.near_duplicates import group_near_duplicates
from recycle.data.synthetic import write_synthetic
from recycle.data.validation import LoadedDataset, load_dataset
from recycle.errors import DataError
from recycle.files import write_text
from recycle.paths import RunPaths
from recycle.recipe import Data, Task

TRAIN_FILE = "annotations.json"
TEST_FILE = "test.json"


class _Reading(NamedTuple):
    """How a data set is read for a task, and of what each part of it must get its share."""

    load: Callable[..., LoadedDataset]
    samples: Callable[[Dataset], Dataset]


READINGS: Mapping[Task, _Reading] = {
    "detection": _Reading(load_dataset, lambda dataset: dataset),
    "segmentation": _Reading(load_labelled_pixels, pixel_samples),
}


@dataclass(frozen=True)
class PreparedData:
    """What a run trains on and predicts.

    Attributes:
        train: Images to train on.
        test: Images to predict.
        folds: Which training image is in which fold.
        has_answers: Whether the test images have annotations to score against.
        warnings: How often each rule was broken and, where the recipe says so, mended.
        groups: Near-duplicate group of each training image, in their order, shape (images,).
        digest: Digest of all image files, annotations and folds.
    """

    train: Dataset
    test: Dataset
    folds: Folds
    has_answers: bool
    warnings: Mapping[str, int]
    groups: npt.NDArray[np.int64]
    digest: str


def draw_sample(settings: Data, seed: int, paths: RunPaths) -> Path:
    """Draws the synthetic sample into the run folder, and gives its folder."""
    sample = settings.synthetic
    write_synthetic(paths.sample, images=sample.images, image_size=sample.image_size, seed=seed)
    return paths.sample


def prepare_data(settings: Data, seed: int, folder: Path, paths: RunPaths, task: Task = "detection") -> PreparedData:
    """Reads, checks, repairs and divides a data set; what was found is written to the run folder, whatever it is.

    Args:
        settings: The recipe's part about data.
        seed: Seed of the division.
        folder: Holds `annotations.json`, optionally `test.json`, and the images.
        paths: The run folder.
        task: What the images are annotated for.

    Raises:
        DataError: With everything that is wrong with the data, files, records, rules and values.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    folder = folder.absolute()
    reading = READINGS[task]
    parts = [reading.load(folder / TRAIN_FILE, folder, repairs=settings.repair)]
    if (folder / TEST_FILE).is_file():
        parts.append(reading.load(folder / TEST_FILE, folder, repairs=settings.repair, labelled=False))
    report = _report(parts)
    write_json(report.to_json(), paths.validation, indent=1)
    write_text(report.table() + "\n", paths.validation_table)
    report.raise_on_errors()
    train, test, groups = _divide(parts, settings, seed, reading.samples)
    folds = make_folds(reading.samples(train), groups, settings.folds, seed)
    return PreparedData(
        train=train,
        test=test,
        folds=folds,
        has_answers=bool(test.annotations),
        warnings=report.counts(),
        groups=groups,
        digest=_digest(parts, train, test, folds),
    )


def write_prepared(prepared: PreparedData, paths: RunPaths) -> None:
    """Writes both parts, after repairs, the folds and the rest to the run folder."""
    write_coco(prepared.train, paths.train)
    write_coco(prepared.test, paths.test)
    write_folds(prepared.folds, paths.folds)
    rest = {
        "has_answers": prepared.has_answers,
        "warnings": dict(prepared.warnings),
        "groups": prepared.groups.tolist(),
        "digest": prepared.digest,
    }
    write_json(rest, paths.prepared)


def read_prepared(folder: Path, paths: RunPaths) -> PreparedData:
    """Reads what `write_prepared` wrote.

    Args:
        folder: Where the images lie.
        paths: The run folder.

    Raises:
        DataError: If a file is missing or damaged.
    """
    rest: Any = read_json(paths.prepared)
    try:
        return PreparedData(
            train=read_coco(paths.train, folder),
            test=read_coco(paths.test, folder),
            folds=read_folds(paths.folds),
            has_answers=rest["has_answers"],
            warnings=rest["warnings"],
            groups=np.array(rest["groups"], np.int64),
            digest=rest["digest"],
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{paths.prepared}: not a record of prepared data: {error!r}") from None


def _report(parts: Sequence[LoadedDataset]) -> ValidationReport:
    """Joins the findings of all files, and those that only show in their company."""
    between = Findings(())
    if len(parts) == 2:
        _find_training_images(parts[1], parts[0], between)
    return ValidationReport(
        tuple(finding for report in (*(part.report for part in parts), between.report()) for finding in report.findings)
    )


def _find_training_images(test: LoadedDataset, train: LoadedDataset, findings: Findings) -> None:
    known = {facts.digest: name for name, facts in train.facts.items()}
    for name, facts in test.facts.items():
        if twin := known.get(facts.digest):
            findings.add("image_in_both_parts", TEST_FILE, f"image {name!r}", f"the same file as {twin!r}")


def _divide(
    parts: Sequence[LoadedDataset], settings: Data, seed: int, samples: Callable[[Dataset], Dataset]
) -> tuple[Dataset, Dataset, npt.NDArray[np.int64]]:
    """Gives the training part, the test part, and the near-duplicate group of each training image."""
    loaded = parts[0]
    groups = group_near_duplicates(loaded.perceptual_hashes())
    if len(parts) == 2:
        _require_same_classes(loaded.dataset, parts[1].dataset)
        return loaded.dataset, parts[1].dataset, groups
    train, test = (
        loaded.dataset.subset(image.id for image in part.images)
        for part in split_test(samples(loaded.dataset), groups, settings.test_fraction, seed)
    )
    kept = {image.id for image in train.images}
    return train, test, groups[[image.id in kept for image in loaded.dataset.images]]


def _require_same_classes(train: Dataset, test: Dataset) -> None:
    if train.categories == test.categories:
        return
    for position in range(max(len(train.categories), len(test.categories))):
        ours, theirs = (dataset.categories[position : position + 1] for dataset in (train, test))
        if ours != theirs:
            raise DataError(
                f"{test.folder / TEST_FILE}: its class list must be that of {TRAIN_FILE}, but categories[{position}] "
                f"is {_name(theirs)} instead of {_name(ours)}"
            )


def _name(categories: Sequence[object]) -> str:
    return str(categories[0]) if categories else "absent"


def _digest(parts: Sequence[LoadedDataset], train: Dataset, test: Dataset, folds: Folds) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for dataset in (train, test):
        digest.update(repr((dataset.categories, dataset.images, dataset.annotations)).encode())
    digest.update(repr(sorted(folds.assignment.items())).encode())
    for part in parts:
        for name in sorted(part.facts):
            digest.update(f"{name} {part.facts[name].digest}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()
