"""What is told of finals that could not be trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recycle.data.folds import Folds
from recycle.errors import TrainingError
from recycle.orchestration.finals import Finals
from recycle.report.training_search import DEFAULT
from recycle.training.member import MemberPlan, TrainingData
from tests.evaluation.scenes import truth_of
from tests.orchestration.plans import plan_of


class Candidates:
    """Plans candidates of one fold that are in no folder yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def final_plans(self, name: str, changes: Mapping[str, Any], seed: int) -> list[MemberPlan]:
        return [replace(plan_of(f"{name}-seed{seed}"), work_dir=self._folder, oof=self._folder / "missing")]


class NothingTrains(Finals):
    """Every training with the first seed fails, and the others are not reached."""

    def _run(self, plans: Sequence[MemberPlan]) -> dict[str, str]:
        return {plan.name: "out of memory" for plan in plans if plan.name.endswith("seed1")}


def test_the_reasons_of_all_seeds_are_told(tmp_path: Path) -> None:
    truth = truth_of([])
    data = TrainingData(truth, truth, Folds(2, {"a": 0, "b": 1}, {}, {}))
    finals = NothingTrains(Candidates(tmp_path), data, None, Console(quiet=True))  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="too few trainings were finished: out of memory"):
        finals.compare(DEFAULT, 3)
