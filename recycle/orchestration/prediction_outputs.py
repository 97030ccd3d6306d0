"""What becomes of the predictions of new images, for each task: gathered, fused as in the run, and written."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from recycle.data.coco import Dataset
from recycle.fusion.pixel_ensemble import MemberPixels, model_test_votes, write_fused
from recycle.fusion.voting import VotingSettings, fuse_image, labels_of_shares
from recycle.fusion.voting_objective import voting_of
from recycle.inference.trained import TrainedEnsemble, fuse_predictions
from recycle.orchestration.refinement import refine_file
from recycle.predictions.coco_results import write_coco_results
from recycle.predictions.label_map_csv import PredictedMap, write_label_map_csv
from recycle.predictions.probabilities import (
    Bytes,
    ProbabilityWriter,
    by_image,
    read_probabilities,
    to_bytes,
    writing_probabilities,
)
from recycle.predictions.submission import write_detection_csv
from recycle.predictions.values import Predictions, concatenate
from recycle.recipe import SMP, Task


class PredictionOutput(AbstractContextManager["PredictionOutput"], Protocol):
    """Takes what members predict of new images, batch by batch, and writes what the ensemble makes of it."""

    formats: ClassVar[Sequence[str]]
    """Suffixes of files that it writes."""

    def __init__(self, ensemble: TrainedEnsemble, images: Dataset) -> None:
        """Begins with nothing."""

    def take(self, member: str, batch: Any) -> int:  # noqa: ANN401 - what the task's networks predict
        """Takes a member's next batch, and gives its number of images."""

    def write(self, out: Path) -> str:
        """Fuses and writes all, and tells what was written."""


class BoxesOutput:
    """Boxes in memory.

    Args:
        ensemble: The members.
        images: The images.
    """

    formats: ClassVar[Sequence[str]] = (".csv", ".json")

    def __init__(self, ensemble: TrainedEnsemble, images: Dataset) -> None:
        self._ensemble, self._images = ensemble, images
        self._parts: dict[str, list[Predictions]] = {member.name: [] for member in ensemble.members}

    def __enter__(self) -> Self:
        """Nothing is opened."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is closed."""

    def take(self, member: str, batch: Predictions) -> int:
        """Keeps the boxes."""
        self._parts[member].append(batch)
        return len(batch.coverage[0])

    def write(self, out: Path) -> str:
        """Writes a submission, or COCO results."""
        predictions = {name: concatenate(batches) for name, batches in self._parts.items()}
        fused = fuse_predictions(self._ensemble, predictions, self._images)
        if out.suffix == ".json":
            write_coco_results(fused, [category.id for category in self._images.categories], out)
        else:
            write_detection_csv(fused, {image.id: image.file_name for image in self._images.images}, out)
        return f"{len(fused)} boxes"


class PixelsOutput(ExitStack):
    """Probabilities in temporary files on this machine.

    Args:
        ensemble: The members.
        images: The images.
    """

    formats: ClassVar[Sequence[str]] = (".csv",)

    def __init__(self, ensemble: TrainedEnsemble, images: Dataset) -> None:
        super().__init__()
        self._ensemble, self._images = ensemble, images
        (side,) = {model.label_map_size for model in ensemble.recipe.models if isinstance(model, SMP)}
        self._shape = (len(images.categories) + 1, side, side)
        self._folder = Path(self.enter_context(TemporaryDirectory()))
        self._writing = ExitStack()
        self._writers = {member.name: self._open(member.name) for member in ensemble.members}

    def take(self, member: str, batch: tuple[list[int], Bytes]) -> int:
        """Appends to the member's file."""
        self._writers[member].add(*batch)
        return len(batch[0])

    def write(self, out: Path) -> str:
        """Writes a submission of label maps."""
        self._writing.close()
        fused = self._folder / "fused.npy"
        write_fused(fused, self._voted(), len(self._images.images), self._shape)
        crf = self._ensemble.recipe.voting.crf
        if crf is not None and (self._ensemble.fusion or {}).get("crf"):
            write_fused(fused, refine_file(self._images, fused, crf), len(self._images.images), self._shape)
        opened = by_image([read_probabilities(fused)])
        maps = (PredictedMap(image.file_name, labels_of_shares(opened[image.id])) for image in self._images.images)
        write_label_map_csv(maps, out)
        return "label maps"

    def _open(self, member: str) -> ProbabilityWriter:
        path, images = self._path(member), len(self._images.images)
        return self._writing.enter_context(writing_probabilities(path, images, self._shape[0], self._shape[1:]))

    def _path(self, member: str) -> Path:
        return self._folder / f"member-{member}.npy"

    def _voted(self) -> Iterator[tuple[int, Bytes]]:
        ensemble = self._ensemble
        members = [
            MemberPixels(one.name, one.model, None, read_probabilities(self._path(one.name)))
            for one in ensemble.members
        ]
        settings = VotingSettings() if ensemble.fusion is None else voting_of(ensemble.fusion, ensemble.models)
        for image_id, votes in model_test_votes(members, ensemble.models, [one.id for one in self._images.images]):
            shares = fuse_image(votes, image_id, settings)
            assert shares is not None
            yield image_id, to_bytes(shares)


OUTPUTS: Mapping[Task, type[PredictionOutput]] = {"detection": BoxesOutput, "segmentation": PixelsOutput}
