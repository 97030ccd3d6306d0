"""The pseudo labels of a round for pixels: voted for each fold by what never saw it, or read from a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.label_maps import label_maps, labels_of
from recycle.data.pseudo_labels import write_pseudo_labels
from recycle.data.pseudo_pixels import pseudo_pixels_document, shows_object
from recycle.errors import DataError
from recycle.evaluation.label_counts import LabelQuality
from recycle.evaluation.pixel_precision import Confidence, confidences_for_precision
from recycle.evaluation.segmentation import LabelMap, count_pixels
from recycle.fusion.pixel_ensemble import vote_on_new_images
from recycle.fusion.voting import Shares, VotingSettings, fuse_image, labels_of_shares
from recycle.fusion.voting_objective import STRIDE
from recycle.orchestration.finish_segmentation import FusedPixels
from recycle.orchestration.pseudo_labels import refuse_precision
from recycle.predictions.label_map_csv import iterate_label_map_csv
from recycle.predictions.probabilities import IGNORED, ImageProbabilities
from recycle.recipe import Fold, PseudoLabels
from recycle.report.rounds import OWN_ENSEMBLE, FoldLabels, LabelsReport

Predicted = Iterator[tuple[int, LabelMap, Confidence]]
"""Image id, label map, and the share of the votes that each label has."""


@dataclass(frozen=True, eq=False)
class BelievedPixels:
    """Predictions of the test images, and from which share of the votes on a label is believed.

    Attributes:
        predict: Goes through the predictions, one image at a time.
        thresholds: Shape (classes,), the background first; infinite where a class never is.
    """

    predict: Callable[[], Predicted]
    thresholds: npt.NDArray[np.float64]


def make_pixel_labels(
    fused: FusedPixels, folds: Iterable[Fold], settings: PseudoLabels, source: Path | None, round_index: int
) -> LabelsReport:
    """Writes the pseudo labels of a round.

    Args:
        fused: The ensemble that stands.
        folds: The folds that have members to train.
        settings: Which pixels become labels; the others are ignored.
        source: A file of label maps to take in place of the ensemble's.
        round_index: The round.

    Raises:
        RecipeError: If thresholds are to be chosen for a file.
        DataError: If the file's images or classes are not those of the run's test part.
    """
    prepared, paths = fused.run.prepared, fused.run.paths
    whole = read_believed_pixels(source, prepared.test, settings) if source else None
    report = {}
    for fold in folds:
        believed = whole or believe_pixels(fused, fold, settings)
        sure, highest = _sure_maps(believed)
        kept = {image_id: one for image_id, one in sure.items() if settings.keep_empty or shows_object(one)}
        write_pseudo_labels(pseudo_pixels_document(kept, prepared.test), paths.pseudo_labels(round_index, fold))
        quality = _quality(sure, prepared.test) if prepared.has_answers and sure else None
        report[str(fold)] = _fold_labels(kept, highest, _by_class(believed.thresholds, prepared.test), quality)
    return LabelsReport(str(source) if source else OWN_ENSEMBLE, report, "segmentation")


def read_believed_pixels(source: Path, test: Dataset, settings: PseudoLabels) -> BelievedPixels:
    """Reads label maps of the test images from a submission CSV; maps are squares, and every pixel of them is sure.

    Raises:
        RecipeError: If thresholds are to be chosen, which takes out-of-fold predictions.
        DataError: If images, classes or sizes are not those of the test part.
    """
    refuse_precision(source, settings)
    maps = dict(_maps_of(source, test))
    sizes = {labels.shape for labels in maps.values()}
    if len(sizes) != 1:
        raise DataError(f"{source}: must hold label maps of one size, but got {sorted(sizes)}")

    def predict() -> Predicted:
        for image_id, labels in maps.items():
            yield image_id, labels, np.ones(labels.shape, np.float32)

    return BelievedPixels(predict, _fixed(test, settings))


def believe_pixels(fused: FusedPixels, fold: Fold, settings: PseudoLabels) -> BelievedPixels:
    """What one fold's members vote, or for `all` all members, and how far to trust it.

    Votes are soft whatever the ensemble's are: how many of a few models agree tells little of how sure they are.
    """
    voting = VotingSettings("soft", _settings_for(fused, fold).weights)
    pairs = zip(fused.run.members, fused.members, strict=True)
    members = [member for entry, member in pairs if fold in ("all", entry.fold)]
    models, ids = tuple(fused.models), [image.id for image in fused.run.prepared.test.images]
    return BelievedPixels(
        lambda: _labelled(vote_on_new_images(members, models, voting, ids)),
        _thresholds(fused, _out_of_fold(fused, fold, voting), settings),
    )


def _settings_for(fused: FusedPixels, fold: Fold) -> VotingSettings:
    """Those that stand; for a fold those that were found on the other folds' images."""
    own = {one.fold: one.settings for one in fused.found.estimates}
    return fused.found.settings if fold == "all" else own[fold]


def _out_of_fold(fused: FusedPixels, fold: Fold, voting: VotingSettings) -> Iterator[tuple[int, Shares]]:
    """Votes on the images of all folds but one, on the search's grid of pixels."""
    prepared = fused.run.prepared
    thinned = {name: _thinned(images) for name, images in fused.models.items()}
    for image in prepared.train.images:
        if prepared.folds.assignment[image.file_name] != fold:
            shares = fuse_image(thinned, image.id, voting)
            if shares is not None:
                yield image.id, shares


def _thresholds(
    fused: FusedPixels, out_of_fold: Iterator[tuple[int, Shares]], settings: PseudoLabels
) -> npt.NDArray[np.float64]:
    """Those that are set, or chosen by out-of-fold votes where a precision is asked for."""
    train = fused.run.prepared.train
    if settings.precision is None:
        return _fixed(train, settings)
    maps = (
        (fused.truth[image_id][::STRIDE, ::STRIDE], labels, confidence)
        for image_id, labels, confidence in _labelled(out_of_fold)
    )
    return confidences_for_precision(maps, len(labels_of(train)), settings.precision)


def _fixed(dataset: Dataset, settings: PseudoLabels) -> npt.NDArray[np.float64]:
    return np.full(len(labels_of(dataset)), settings.score_thr)


def _thinned(images: ImageProbabilities) -> ImageProbabilities:
    return {image_id: values[:, ::STRIDE, ::STRIDE] for image_id, values in images.items()}


def _labelled(shares: Iterator[tuple[int, Shares]]) -> Predicted:
    for image_id, one in shares:
        yield image_id, labels_of_shares(one), one.max(axis=0)


def _sure_maps(believed: BelievedPixels) -> tuple[dict[int, LabelMap], float]:
    """Label maps in which what is unsure is ignored, and the highest share of any pixel of an object."""
    sure, highest = {}, 0.0
    thresholds = believed.thresholds.astype(np.float32)  # shares are float32, and one of 0.75 must reach 0.75
    for image_id, labels, confidence in believed.predict():
        sure[image_id] = np.where(confidence >= thresholds[labels], labels, np.uint8(IGNORED))
        highest = max(highest, float(confidence[labels > 0].max(initial=0.0)))
    return sure, highest


def _by_class(thresholds: npt.NDArray[np.float64], test: Dataset) -> dict[str, float | None]:
    """Of objects alone: what is background is no label."""
    pairs = zip(test.class_names, thresholds[1:].tolist(), strict=True)
    return {name: one if np.isfinite(one) else None for name, one in pairs}


def _fold_labels(
    kept: Mapping[int, LabelMap],
    highest: float,
    thresholds: Mapping[str, float | None],
    quality: Mapping[str, LabelQuality] | None,
) -> FoldLabels:
    ignored = sum(int(np.count_nonzero(labels == IGNORED)) for labels in kept.values())
    return FoldLabels(
        images=len(kept),
        labels=sum(int(np.count_nonzero(labels)) for labels in kept.values()) - ignored,
        ignored=ignored,
        highest_score=highest,
        thresholds=thresholds,
        quality=quality,
    )


def _quality(sure: Mapping[int, LabelMap], test: Dataset) -> dict[str, LabelQuality]:
    """Pixels of the test images by class, the background left out, at the size of the label maps."""
    size = next(iter(sure.values())).shape
    truth = label_maps(test.subset(sure), (size[0], size[1]))
    counts = count_pixels(((image.id, true, sure[image.id]) for image, true in truth), len(labels_of(test)))
    columns = (one.sum(axis=0)[1:].tolist() for one in (counts.predicted, counts.right, counts.true))
    rows = zip(test.class_names, *columns, strict=True)
    return {name: LabelQuality(*row) for name, *row in rows}


def _maps_of(source: Path, test: Dataset) -> Iterator[tuple[int, LabelMap]]:
    ids, classes = {image.file_name: image.id for image in test.images}, len(labels_of(test))
    for name, labels in iterate_label_map_csv(source):
        if name not in ids:
            raise DataError(
                f"{source}: its images must be among the {len(ids)} of the run's test part, but got {name!r}"
            )
        if labels.max() >= classes:
            raise DataError(
                f"{source}: image {name!r}: a label must be below {classes}, the number of classes in the run's test "
                f"part with the background, but got {labels.max()}"
            )
        yield ids[name], labels
