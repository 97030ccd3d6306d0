"""All that the report of a run is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from recycle.data.statistics import DataFacts
from recycle.evaluation.comparison import Rating
from recycle.evaluation.diagnosis import Diagnosis
from recycle.fusion.ensemble import ENSEMBLE
from recycle.recipe import Recipe
from recycle.report.attempts import Attempt
from recycle.report.curves import Curves
from recycle.report.ensemble import EnsembleStudy
from recycle.report.leaderboard import Submission
from recycle.report.page.blocks import Photograph
from recycle.report.rounds import RoundReport
from recycle.report.run_comparison import RunsComparison


@dataclass(frozen=True)
class MemberRecord:
    """One member of the run.

    Attributes:
        name: Its name.
        model: Its model.
        fold: The fold that it never saw, or `all`.
        status: Where it stands.
        seconds: What the try took that finished it; None before.
        attempts: How often it was started in the run that finished it; None before.
        host: Where it finished; empty before.
        reason: Why it was given up; empty where it was not.
        curves: How its training went.
        rating: Its score on its fold; None where it has none.
    """

    name: str
    model: str
    fold: str
    status: Literal["finished", "failed", "not finished"]
    seconds: float | None
    attempts: int | None
    host: str
    reason: str
    curves: Curves
    rating: Rating | None


@dataclass(frozen=True)
class Pictures:
    """Photographs of each kind; none where the images or the answers are not there.

    Attributes:
        samples: Training images with their objects.
        worst: Training images that cost the ensemble most.
        test: Test images with what the ensemble found.
        remark: Why some are missing; empty where none are.
    """

    samples: Sequence[Photograph] = ()
    worst: Sequence[Photograph] = ()
    test: Sequence[Photograph] = ()
    remark: str = ""


@dataclass(frozen=True)
class ReportContents:
    """A run as far as it has come.

    Attributes:
        name: Name of its folder.
        recipe: Its recipe.
        facts: What its data are like.
        results: The document `results.json`; None before the run has finished.
        study: How the ensemble was found; None before.
        members: All members that the recipe asks for, those of rounds as far as they have begun.
        rounds: The rounds of pseudo labels that have begun.
        attempts: When and where they were tried; none in runs that did not record it.
        diagnoses: What is known of each model's out-of-fold predictions and, last, of the ensemble's.
        pictures: Photographs.
        submissions: The leaderboard beside the run.
        comparison: With other runs; None where there is none to compare with.
    """

    name: str
    recipe: Recipe
    facts: DataFacts
    results: Mapping[str, Any] | None
    study: EnsembleStudy | None
    members: Sequence[MemberRecord]
    rounds: Sequence[RoundReport]
    attempts: Sequence[Attempt]
    diagnoses: Mapping[str, Diagnosis]
    pictures: Pictures
    submissions: Sequence[Submission]
    comparison: RunsComparison | None

    @property
    def finished(self) -> list[MemberRecord]:
        """Members that are done."""
        return [member for member in self.members if member.status == "finished"]

    @property
    def failed(self) -> list[MemberRecord]:
        """Members that were given up."""
        return [member for member in self.members if member.status == "failed"]

    @property
    def models(self) -> list[str]:
        """Models with out-of-fold predictions."""
        return [name for name in self.diagnoses if name != ENSEMBLE]

    @property
    def main(self) -> Diagnosis | None:
        """Of the ensemble, before there is one of the best model; None where nothing was predicted."""
        best = max(self.models, key=lambda name: self.diagnoses[name].errors.map50, default=None)
        return self.diagnoses.get(ENSEMBLE) or (self.diagnoses[best] if best else None)

    @property
    def main_name(self) -> str:
        """What `main` is of."""
        if ENSEMBLE in self.diagnoses:
            return "the ensemble"
        return max(self.models, key=lambda name: self.diagnoses[name].errors.map50, default="")
