"""The layout of a run folder, and of what is kept between runs, known here and nowhere else."""

import itertools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recycle.recipe.settings import Task

PREDICTION_SUFFIXES: Mapping[Task, str] = {"detection": ".parquet", "segmentation": ".npy"}

Part = Literal["oof", "test"]
"""Out-of-fold predictions of training images, and predictions of test images."""


def user_caches() -> Path:
    """Where programs keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def probes_folder() -> Path:
    """Where the measured speed of models is kept, for all runs of a user."""
    return user_caches() / "recycle" / "probes"


def image_caches_folder() -> Path:
    """Where each machine keeps decoded images while runs use them: in the temporary folder, which `TMPDIR` names."""
    return Path(tempfile.gettempdir()) / f"recycle-images-{os.getuid()}"


def working_folder(name: str) -> Path:
    """Where a machine works on members of a run whose files lie in a storage."""
    return user_caches() / "recycle" / "runs" / name


def data_caches_folder() -> Path:
    """Where each machine keeps copies of data sets that lie in a storage."""
    return user_caches() / "recycle" / "data"


def leaderboard_of(runs: Path) -> Path:
    """Scores of submissions of the runs in a folder, one JSON object a line."""
    return runs / "leaderboard.jsonl"


@dataclass(frozen=True)
class RunPaths:
    """Paths inside one run folder.

    Attributes:
        root: The run folder.
    """

    root: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.root / "recipe.yaml"

    @property
    def lock(self) -> Path:
        """Locked by the driver that works on the run."""
        return self.root / ".lock"

    @property
    def ledger(self) -> Path:
        """What has been finished, one JSON object a line."""
        return self.root / "ledger.jsonl"

    @property
    def progress(self) -> Path:
        """Where every running member stands, replaced about once a second."""
        return self.root / "progress.json"

    @property
    def attempts(self) -> Path:
        """When and where members started and ended, one JSON object a line."""
        return self.root / "attempts.jsonl"

    @property
    def report(self) -> Path:
        """All that is known of the run, as one page for a browser."""
        return self.root / "report.html"

    @property
    def sample(self) -> Path:
        """The synthetic data set, if none was given."""
        return self.root / "data" / "sample"

    @property
    def validation(self) -> Path:
        """What the validator found, as JSON."""
        return self.root / "data" / "validation.json"

    @property
    def validation_table(self) -> Path:
        """What the validator found, as text."""
        return self.root / "data" / "validation.txt"

    @property
    def train(self) -> Path:
        """The training part after repairs, as COCO."""
        return self.root / "data" / "train.json"

    @property
    def test(self) -> Path:
        """The test part, as COCO."""
        return self.root / "data" / "test.json"

    @property
    def folds(self) -> Path:
        """Which training image is in which fold."""
        return self.root / "data" / "folds.json"

    @property
    def origin(self) -> Path:
        """Which data the run was begun with."""
        return self.root / "data" / "origin.json"

    @property
    def prepared(self) -> Path:
        """What else is known of the prepared data."""
        return self.root / "data" / "prepared.json"

    def copy_paste(self, fold: int | str) -> Path:
        """The training part of a fold, or of `all`, with the objects pasted into it."""
        return self.root / "data" / "copy-paste" / (fold if isinstance(fold, str) else f"fold{fold}")

    def member(self, round_index: int, name: str) -> Path:
        """Checkpoints and logs of one member."""
        return self.root / f"round{round_index}" / "members" / name

    def predictions(self, round_index: int, part: Part, name: str, task: Task = "detection") -> Path:
        """Predictions of one member, or of the ensemble: boxes, or probabilities of pixels."""
        return self.root / f"round{round_index}" / "predictions" / part / f"{name}{PREDICTION_SUFFIXES[task]}"

    def pseudo_labels(self, round_index: int, fold: int | str) -> Path:
        """What a round learns from test images for a fold, or for `all`, as COCO."""
        name = fold if isinstance(fold, str) else f"fold{fold}"
        return self.root / f"round{round_index}" / "pseudo" / f"pseudo_{round_index}_{name}.json"

    def labels_record(self, round_index: int) -> Path:
        """How a round's pseudo labels were made; written when all of them are."""
        return self.root / f"round{round_index}" / "pseudo" / "labels.json"

    def gate_record(self, round_index: int) -> Path:
        """Whether a round was kept, and why; written at its end."""
        return self.root / f"round{round_index}" / "gate.json"

    @property
    def begun_rounds(self) -> int:
        """How many rounds of pseudo labels have begun."""
        return next(number for number in itertools.count() if not self.labels_record(number + 1).is_file())

    @property
    def results(self) -> Path:
        """Scores; equal for equal recipes, data and seeds."""
        return self.root / "results.json"

    @property
    def timing(self) -> Path:
        """When and where what ran."""
        return self.root / "timing.json"

    @property
    def fusion_journal(self) -> Path:
        """Optuna's journal of the searches of fusion settings."""
        return self.root / "fusion.journal"

    @property
    def fusion_study(self) -> Path:
        """How the ensemble was found, what it is worth, and what each model does for it."""
        return self.root / "fusion.json"

    @property
    def training_journal(self) -> Path:
        """Optuna's journal of the search of a model's training settings."""
        return self.root / "training.journal"

    @property
    def training_study(self) -> Path:
        """What the search of a model's training settings tried and found."""
        return self.root / "training-search.json"

    @property
    def training_report(self) -> Path:
        """The same as a page for a browser."""
        return self.root / "training-search.html"

    @property
    def winner(self) -> Path:
        """The recipe with the best training settings that a search found."""
        return self.root / "winner.yaml"

    @property
    def search_logs(self) -> Path:
        """What Ray Tune keeps of trials, TensorBoard's events among it."""
        return self.root / "search" / "logs"

    @property
    def event_files(self) -> Path:
        """Curves of members as TensorBoard reads them."""
        return self.root / "tensorboard"

    def trial(self, number: int) -> "RunPaths":
        """The members of one trial of a search, as those of a run."""
        return RunPaths(self.root / "search" / "trials" / f"{number:04d}")

    @property
    def finals(self) -> "RunPaths":
        """The members that a search trains at full size, as those of a run."""
        return RunPaths(self.root / "search" / "finals")

    @property
    def leaderboard(self) -> Path:
        """Scores of submissions of this run and of those beside it."""
        return leaderboard_of(self.root.absolute().parent)

    @property
    def submission(self) -> Path:
        """The ensemble's predictions of the test images, as the competition takes them."""
        return self.root / "submission.csv"

    @property
    def pictures(self) -> Path:
        """Images with boxes, truth beside prediction."""
        return self.root / "pictures"
