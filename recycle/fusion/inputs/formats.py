"""Reads each format in which predictions come, and tells the formats apart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recycle.data.json_files import read_json
from recycle.errors import DataError
from recycle.fusion.inputs.reference import Reference, Size, is_run, run_images, sizes_of
from recycle.paths import RunPaths
from recycle.predictions.coco_results import parse_coco_results
from recycle.predictions.found_boxes import FoundBoxes
from recycle.predictions.parquet import read_parquet
from recycle.predictions.submission_reader import read_detection_csv
from recycle.predictions.ultralytics_text import read_ultralytics_text


def read_all(inputs: Sequence[Path], reference: Reference | None, image_size: Size | None) -> list[FoundBoxes]:
    """Reads submission CSVs, COCO results, folders of ultralytics text and run folders.

    Args:
        inputs: Files and folders, all different.
        reference: The images and classes that there are.
        image_size: Size of all images, where there is no reference.

    Raises:
        DataError: If an input breaks a rule of its format, or cannot be understood without a reference.
    """
    # Those of ultralytics come last: their images' full names are known from the others.
    found = {path: _read(path, reference) for path in inputs if not _is_text_folder(path)}
    names = dict.fromkeys(name for one in found.values() for name in one.images)
    sizes = sizes_of(names, reference, image_size)
    found |= {path: read_ultralytics_text(path, sizes) for path in inputs if _is_text_folder(path)}
    return [found[path] for path in inputs]


def _read(path: Path, reference: Reference | None) -> FoundBoxes:
    if is_run(path):
        return _read_run(path, reference or run_images(path))
    if path.is_dir():
        raise DataError(f"{path}: must be a run (with recipe.yaml) or a folder of text files, but is neither")
    if _is_json(path):
        return _read_coco_results(path, reference)
    return read_detection_csv(path)


def _is_text_folder(path: Path) -> bool:
    return path.is_dir() and not is_run(path) and any(path.glob("*.txt"))


def _is_json(path: Path) -> bool:
    if path.name.endswith((".json", ".json.gz")) or not path.is_file():
        return ".json" in path.suffixes
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{")


def _read_coco_results(path: Path, reference: Reference | None) -> FoundBoxes:
    if reference is None:
        raise DataError(
            f"{path}: ids of images and categories need --truth, or a run among the inputs, to be understood"
        )
    file_names = {image.id: image.file_name for image in reference.dataset.images}
    return parse_coco_results(read_json(path), str(path), file_names, reference.dataset.label_of)


def _read_run(path: Path, reference: Reference) -> FoundBoxes:
    file = RunPaths(path).predictions(0, "test", "ensemble")
    if not file.is_file():
        raise DataError(f"{path}: this run has no ensemble yet, as {file} is missing")
    own, predictions = run_images(path), read_parquet(file)
    names = {image.id: image.file_name for image in own.dataset.images}
    covered = predictions.covered
    _require_same_sizes(own, reference)
    labels = np.array(_labels_in(own, reference))[predictions.labels]
    return FoundBoxes(
        source=str(path),
        format="run",
        images=tuple(names[image_id] for image_id in covered.tolist()),
        lists_all=True,
        values=np.column_stack([labels, predictions.scores, predictions.boxes]).astype(np.float64),
        positions=np.searchsorted(covered, predictions.image_ids),
        places=np.arange(len(predictions)),
        unit="box",
    )


def _require_same_sizes(own: Reference, reference: Reference) -> None:
    theirs = reference.sizes
    for name, size in own.sizes.items():
        if theirs.get(name, size) != size:
            raise DataError(
                f"{own.source}: image {name} must be of one size, but is {size[0]}x{size[1]} here and "
                f"{theirs[name][0]}x{theirs[name][1]} in {reference.source}"
            )


def _labels_in(own: Reference, reference: Reference) -> list[int]:
    """Gives the reference's label for each of a run's, which the names of classes tell."""
    label_of = {name: label for label, name in enumerate(reference.dataset.class_names)}
    for name in own.dataset.class_names:
        if name not in label_of:
            raise DataError(f"{own.source}: its classes must be among those of {reference.source}, but {name!r} is not")
    return [label_of[name] for name in own.dataset.class_names]
