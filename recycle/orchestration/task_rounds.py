"""What a task supplies to the end of a run and to its rounds of pseudo labels."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console

from recycle.data.coco import Dataset
from recycle.orchestration.finish import Fused, TrainedRun
from recycle.recipe import Fold, PseudoLabels
from recycle.report.results import Results
from recycle.report.rounds import GateReport, LabelsReport

FusedOfTask = TypeVar("FusedOfTask", bound=Fused)


class TaskRounds(Protocol[FusedOfTask]):
    """How the models of a task are fused, label test images for one another, and are compared."""

    def fuse(self, run: TrainedRun, console: Console, *, time_budget_s: float | None = None) -> FusedOfTask:
        """Finds the best ensemble of the models, and fuses it.

        Args:
            run: The run, on a cluster that is connected.
            console: Where progress is shown.
            time_budget_s: For the search of settings; None lets it try all it should.

        Raises:
            TrainingError: If no member has out-of-fold predictions.
        """

    def write_results(self, fused: FusedOfTask) -> Results:
        """Scores the ensemble and writes it with the submission."""

    def show_results(self, fused: FusedOfTask, results: Results, console: Console) -> None:
        """Shows what came out, and writes the report."""

    def make_labels(
        self,
        fused: FusedOfTask,
        folds: Iterable[Fold],
        settings: PseudoLabels,
        source: Path | None,
        round_index: int,
    ) -> LabelsReport:
        """Writes the pseudo labels of a round.

        Args:
            fused: The ensemble that stands.
            folds: The folds that have members to train.
            settings: What becomes a label.
            source: A file of predictions to take in place of the ensemble's.
            round_index: The round.

        Raises:
            RecycleError: If the file cannot be learned from.
        """

    def require_source(self, source: Path, test: Dataset, settings: PseudoLabels) -> None:
        """Refuses a file of predictions that cannot be learned from, before anything takes long.

        Raises:
            RecycleError: Names what is wrong with it.
        """

    def pass_gate(
        self, former: FusedOfTask, candidate: FusedOfTask, pairs: Mapping[str, str], max_class_fall: float
    ) -> GateReport:
        """Decides whether a round is kept.

        The round's models must be better than those they went on from, by themselves and beside them. Ensembles are
        compared held out, each fold fused by settings that its images did not tune, so that the one with
        more models to choose from has no advantage of it; classes, for want of images, on all images together.

        Args:
            former: The ensemble that stands.
            candidate: The same with the round's models.
            pairs: For each model of the round the one that it went on from.
            max_class_fall: See `recycle.evaluation.gate.judge`.
        """
