"""From label maps in submission files to one, by the majority of labels: behind `jobs/fuse.py` for such files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from recycle.data.coco import Dataset
from recycle.data.label_maps import label_maps, labels_of
from recycle.errors import DataError
from recycle.evaluation.segmentation import SegmentationScores, count_pixels, score
from recycle.fusion.inputs.reference import Reference, Size
from recycle.fusion.voting import LabelMap, vote_on_labels
from recycle.predictions.label_map_csv import PredictedMap, is_label_map_csv, read_label_map_csv, write_label_map_csv
from recycle.report.fused_files import file_scores_table

FUSED = "fused"

Maps = Mapping[str, LabelMap]
"""Label maps by image name."""


def hold_label_maps(inputs: Sequence[Path]) -> bool:
    """Whether the inputs are label maps.

    Raises:
        DataError: If only some of them are.
    """
    are = [is_label_map_csv(path) for path in inputs]
    if any(are) and not all(are):
        other, first = inputs[are.index(False)], inputs[are.index(True)]
        raise DataError(f"{other}: holds no label maps, but {first} does, and the two cannot be fused")
    return all(are)


def fuse_label_maps(
    inputs: Sequence[Path],
    out: Path,
    weights: Sequence[float],
    *,
    reference: Reference | None,
    image_size: Size | None,
    allow_missing: bool,
    console: Console,
) -> None:
    """Votes on the label of each pixel, writes the result and, where the truth is known, scores all.

    Args:
        inputs: Submission files of label maps.
        out: The submission file to write.
        weights: One for each input; equal ones if there are none.
        reference: The truth, if there is one.
        image_size: Width and height of all maps; if None they are squares.
        allow_missing: Whether an image may be missing from some of the inputs.
        console: Where is told what was read and how it scores.

    Raises:
        DataError: If maps do not fit together; nothing is written then.
    """
    if out.suffix != ".csv":
        raise DataError(f"{out}: label maps are written as .csv, but got {out.suffix or 'no suffix'}")
    size = None if image_size is None else (image_size[1], image_size[0])
    read = [read_label_map_csv(path, size) for path in inputs]
    names = list(dict.fromkeys(name for maps in read for name in maps))
    if not allow_missing:
        _require_same_images(inputs, read, names)
    fused = {name: _fuse(name, read, weights or [1.0] * len(read)) for name in names}
    write_label_map_csv((PredictedMap(name, labels) for name, labels in fused.items()), out)
    console.print(f"{len(inputs)} files of label maps on {len(names):,} images became one: {out}", soft_wrap=True)
    if reference is not None and reference.dataset.annotations:
        every = {**dict(zip(map(str, inputs), read, strict=True)), FUSED: fused}
        console.print(
            file_scores_table([(name, _score(reference.dataset, maps, name)) for name, maps in every.items()])
        )


def _require_same_images(inputs: Sequence[Path], read: Sequence[Maps], names: Sequence[str]) -> None:
    for path, maps in zip(inputs, read, strict=True):
        missing = [name for name in names if name not in maps]
        if missing:
            raise DataError(
                f"{path}: must hold all {len(names)} images that the inputs name, but lacks {len(missing)}, as "
                f"{missing[0]!r}; --allow-missing fuses each image from the inputs that have it"
            )


def _fuse(name: str, read: Sequence[Maps], weights: Sequence[float]) -> LabelMap:
    voters = [(maps[name], weight) for maps, weight in zip(read, weights, strict=True) if name in maps]
    try:
        return vote_on_labels([labels for labels, _ in voters], [weight for _, weight in voters])
    except DataError as error:
        raise DataError(f"image {name!r}: {error}") from None


def _score(truth: Dataset, maps: Maps, source: str) -> SegmentationScores:
    names = {image.file_name: image.id for image in truth.images}
    unknown = [name for name in maps if name not in names]
    if unknown:
        raise DataError(f"{source}: image {unknown[0]!r} is not among the images of --truth")
    labels, size = labels_of(truth), next(iter(maps.values())).shape
    known = label_maps(truth.subset(names[name] for name in maps), (size[0], size[1]))
    return score(count_pixels(((i.id, drawn, maps[i.file_name]) for i, drawn in known), len(labels)), labels)
