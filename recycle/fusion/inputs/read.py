"""Files of predictions from anywhere, read and brought to one list of images and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recycle.errors import DataError
from recycle.fusion.inputs.formats import read_all
from recycle.fusion.inputs.image_sets import covered_images, require_labels
from recycle.fusion.inputs.reference import Reference, Size, require_size, sizes_of
from recycle.predictions.found_boxes import FittedBoxes, FoundBoxes, fit_to_images
from recycle.predictions.values import Predictions, concatenate


@dataclass(frozen=True)
class InputSummary:
    """What was read from an input.

    Attributes:
        source: The file or folder, as the user named it.
        format: What it was taken for, in words.
        images: Images that it names.
        without_boxes: Those of them on which nothing was found; None if the format cannot name such.
        boxes: Boxes that it holds.
        dropped: Boxes of these that were left out for having no area on their image.
        clipped: Boxes that were cut at the borders of their image.
        labels: The lowest and the highest label; None without boxes.
    """

    source: str
    format: str
    images: int
    without_boxes: int | None
    boxes: int
    dropped: int
    clipped: int
    labels: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class FusionInputs:
    """Files of predictions, ready to be fused.

    Attributes:
        predictions: Boxes; each input is a model that bears its name.
        file_names: File name by image id, at least of the covered images.
        sizes: Width and height in pixels by image id, likewise.
        summaries: What was read from each input.
    """

    predictions: Predictions
    file_names: Mapping[int, str]
    sizes: Mapping[int, Size]
    summaries: tuple[InputSummary, ...]


def read_inputs(
    inputs: Sequence[Path], reference: Reference | None, image_size: Size | None, *, strict: bool, allow_missing: bool
) -> FusionInputs:
    """Reads submission CSVs, COCO results, folders of ultralytics text and run folders, told apart by what they are.

    Of a run its ensemble's predictions of the test images are taken. Images are matched by file name, labels are
    positions in the reference's categories, by which the classes of runs are matched by name.

    Args:
        inputs: Files and folders.
        reference: The images and classes that there are; without it, image ids are positions in the sorted names.
        image_size: Size of all images, where there is no reference; with one it must agree.
        strict: Whether boxes without area and boxes that overshoot their image are refused, not mended.
        allow_missing: Whether an image may be missing from inputs that list theirs.

    Raises:
        DataError: If an input breaks a rule of its format, or inputs cannot belong together.
    """
    _require_different(inputs)
    require_size(reference, image_size)
    found = read_all(inputs, reference, image_size)
    covered = covered_images(found, reference, allow_missing=allow_missing)
    require_labels(found, reference)
    names = sorted(frozenset[str]().union(*covered))
    sizes = sizes_of(names, reference, image_size)
    ids = _ids(names, reference)
    fitted = [fit_to_images(one, sizes, strict=strict) for one in found]
    parts = [_predictions(*part, ids) for part in zip(found, fitted, covered, strict=True)]
    return FusionInputs(
        predictions=concatenate(parts),
        file_names={ids[name]: name for name in names},
        sizes={ids[name]: sizes[name] for name in names},
        summaries=tuple(_summary(one, left) for one, left in zip(found, fitted, strict=True)),
    )


def _require_different(inputs: Sequence[Path]) -> None:
    for place, path in enumerate(inputs):
        if path.resolve() in [other.resolve() for other in inputs[:place]]:
            raise DataError(f"{path}: an input must be named once; --weights gives it more weight")


def _ids(names: Sequence[str], reference: Reference | None) -> dict[str, int]:
    if reference:
        return {image.file_name: image.id for image in reference.dataset.images}
    return {name: number for number, name in enumerate(names)}


def _predictions(
    found: FoundBoxes, fitted: FittedBoxes, covered: frozenset[str], ids: Mapping[str, int]
) -> Predictions:
    image_ids = np.array([ids[name] for name in found.images], np.int64)
    return Predictions(
        image_ids=image_ids[found.positions[fitted.rows]],
        model_ids=np.zeros(len(fitted.rows), np.int32),
        boxes=fitted.boxes,
        scores=found.values[fitted.rows, 1].astype(np.float32),
        labels=found.labels[fitted.rows],
        models=(found.source,),
        coverage=(np.array(sorted(ids[name] for name in covered), np.int64),),
    )


def _summary(found: FoundBoxes, fitted: FittedBoxes) -> InputSummary:
    with_boxes = len(np.unique(found.positions))
    return InputSummary(
        source=found.source,
        format=found.format,
        images=len(found.images),
        without_boxes=len(found.images) - with_boxes if found.lists_all else None,
        boxes=len(found),
        dropped=fitted.dropped,
        clipped=fitted.clipped,
        labels=(int(found.labels.min()), int(found.labels.max())) if len(found) else None,
    )
