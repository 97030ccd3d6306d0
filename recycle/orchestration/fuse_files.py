"""From files of predictions to one: the one function behind `jobs/fuse.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from recycle.data.coco import Dataset
from recycle.errors import DataError, RecipeError
from recycle.evaluation.detection import evaluate
from recycle.fusion.inputs.read import read_inputs
from recycle.fusion.inputs.reference import Reference, Size, find_reference
from recycle.fusion.methods import FusionSettings, fuse_by
from recycle.orchestration.fuse_label_maps import fuse_label_maps, hold_label_maps
from recycle.predictions.coco_results import write_coco_results
from recycle.predictions.submission import write_detection_csv
from recycle.predictions.values import Predictions
from recycle.report.fused_files import file_scores_table, inputs_table, remarks

FUSED = "fused"


def fuse_files(
    inputs: Sequence[Path],
    out: Path,
    settings: FusionSettings,
    *,
    truth: Path | None,
    image_size: Size | None,
    strict: bool,
    allow_missing: bool,
    console: Console,
) -> None:
    """Reads predictions in any format, fuses them, writes the result and, where the truth is known, scores all.

    Args:
        inputs: Files and folders, see `recycle.fusion.inputs.formats.read_all`; or submissions of label maps alone,
            which are fused by hard voting.
        out: The file to write: a submission for `.csv`, COCO results for `.json`.
        settings: How to fuse; weights are in the order of the inputs.
        truth: A COCO file of the images, with annotations to score against or without.
        image_size: Width and height in pixels of all images, where neither truth nor a run tells.
        strict: Whether boxes without area and boxes that overshoot their image are refused, not mended.
        allow_missing: Whether an image may be missing from inputs that list theirs.
        console: Where is told what was read and how it scores.

    Raises:
        RecycleError: With what the user has to mend; nothing is written then.
    """
    _require_weights(settings.weights, inputs)
    reference = find_reference(truth, inputs)
    if hold_label_maps(inputs):
        _require_another_file(out, inputs)
        fuse_label_maps(
            inputs,
            out,
            settings.weights,
            reference=reference,
            image_size=image_size,
            allow_missing=allow_missing,
            console=console,
        )
        return
    _require_writable(out, inputs, reference)
    read = read_inputs(inputs, reference, image_size, strict=strict, allow_missing=allow_missing)
    console.print(inputs_table(read.summaries))
    for remark in remarks(read.summaries):
        console.print(remark)
    fused = fuse_by(read.predictions, read.sizes, settings, FUSED)
    _write(fused, out, read.file_names, reference)
    images = len(fused.covered)
    console.print(f"{len(read.predictions):,} boxes on {images:,} images became {len(fused):,}: {out}", soft_wrap=True)
    if truth and reference:
        _tell_scores(reference.dataset, read.predictions, fused, console)


def _require_weights(weights: Sequence[float], inputs: Sequence[Path]) -> None:
    if weights and len(weights) != len(inputs):
        got = " ".join(f"{weight:g}" for weight in weights)
        raise RecipeError(f"--weights must be one for each of {len(inputs)} inputs, but got {len(weights)}: {got}")


def _require_writable(out: Path, inputs: Sequence[Path], reference: Reference | None) -> None:
    """Refuses what cannot be written before anything is read."""
    if out.suffix not in (".csv", ".json"):
        raise DataError(f"{out}: the result must be a .csv or .json file, but got {out.suffix or 'no suffix'}")
    _require_another_file(out, inputs)
    if out.suffix == ".json" and reference is None:
        raise DataError(f"{out}: COCO results need ids of images and categories: give --truth, or write a .csv")


def _require_another_file(out: Path, inputs: Sequence[Path]) -> None:
    if out.resolve() in [path.resolve() for path in inputs]:
        raise DataError(f"{out}: the result must not take the place of an input")


def _write(fused: Predictions, out: Path, file_names: Mapping[int, str], reference: Reference | None) -> None:
    if out.suffix == ".json":
        assert reference is not None, "_require_writable has seen to it"
        write_coco_results(fused, [category.id for category in reference.dataset.categories], out)
    else:
        write_detection_csv(fused, file_names, out)


def _tell_scores(truth: Dataset, inputs: Predictions, fused: Predictions, console: Console) -> None:
    if not truth.annotations:
        console.print("The truth has no annotations, so nothing is scored.")
        return
    scores = [(name, evaluate(truth, inputs.of_model(name))) for name in inputs.models]
    console.print(file_scores_table([*scores, (FUSED, evaluate(truth, fused))]))
    if len({one.images for _, one in scores}) > 1:
        console.print("Inputs were scored on different numbers of images, so their scores do not compare.")
