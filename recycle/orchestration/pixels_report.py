"""What a task supplies to the report of a run, and what runs that label pixels supply."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from recycle.data.label_maps import label_maps
from recycle.errors import DataError
from recycle.evaluation.comparison import Rating
from recycle.evaluation.segmentation import SegmentationComparator, count_pixels
from recycle.fusion.ensemble import ENSEMBLE
from recycle.fusion.voting import labels_of_shares
from recycle.orchestration.round_records import kept_rounds
from recycle.orchestration.run_contents import RunContents
from recycle.predictions.probabilities import ImageProbabilities, by_image, read_probabilities
from recycle.report.ensemble import EnsembleStudy
from recycle.report.page.contents import Pictures
from recycle.report.page.pixels import label_map_photographs
from recycle.report.page.sections import PIXEL_SECTIONS, Sections
from recycle.report.run_comparison import RunsComparison

SAMPLES = 6


class TaskReport(Protocol):
    """What the report of a run is made of beside what all tasks share."""

    @property
    def sections(self) -> Sections:
        """The sections of the page."""

    def study(self, run: RunContents) -> EnsembleStudy | None:
        """How the fusion of boxes was found."""

    def rate(self, run: RunContents, oof: Path) -> Rating:
        """The score of a member on its fold, with its interval."""

    def pictures(self, run: RunContents) -> Pictures:
        """Photographs."""

    def compare(self, roots: Sequence[Path]) -> RunsComparison:
        """The comparison of runs."""


class PixelsReport:
    """What the report of a run that labels pixels is made of; how its votes were found stands in the results."""

    sections = PIXEL_SECTIONS

    def study(self, run: RunContents) -> None:
        """No fusion of boxes."""

    def rate(self, run: RunContents, oof: Path) -> Rating:
        """The mIoU of a member on its fold, with its interval."""
        predictions, train = read_probabilities(oof), run.prepared.train
        opened = by_image([predictions])
        truth = label_maps(train.subset(opened), predictions.size)
        pairs = ((image.id, labels, labels_of_shares(opened[image.id])) for image, labels in truth)
        groups = zip(train.images, run.prepared.groups.tolist(), strict=True)
        group_of = {image.id: group for image, group in groups}
        comparator = SegmentationComparator(group_of, [predictions.image_ids], run.recipe.seed)
        comparator.add("member", count_pixels(pairs, predictions.classes))
        return comparator.rate()["member"]

    def pictures(self, run: RunContents) -> Pictures:
        """Label maps over photographs: the truth of training images, and what was predicted of test images."""
        train, test = run.prepared.train, run.prepared.test
        try:
            return Pictures(
                samples=label_map_photographs(train, None, SAMPLES),
                worst=label_map_photographs(train, _ensemble(run, "oof"), SAMPLES, "oof"),
                test=label_map_photographs(test, _ensemble(run, "test"), SAMPLES, "test"),
            )
        except DataError as error:  # the images may lie on another machine, or be gone
            return Pictures(remark=f"The photographs cannot be shown: {error}.")

    def compare(self, roots: Sequence[Path]) -> RunsComparison:
        """Refuses: runs are compared by their boxes.

        Raises:
            DataError: Always.
        """
        raise DataError(f"{roots[0]}: runs that label pixels cannot be compared with others")


def _ensemble(run: RunContents, part: str) -> ImageProbabilities:
    newest = max(kept_rounds(run.paths))
    path = run.paths.predictions(newest, "oof" if part == "oof" else "test", ENSEMBLE, "segmentation")
    return by_image([read_probabilities(path)]) if path.is_file() else {}
