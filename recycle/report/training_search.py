"""What a search of training settings tried and found, as values that a page shows and a JSON file holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy import stats

from recycle.evaluation.seeds import SeedsComparison

DEFAULT = "default"
"""The model as the recipe has it, among the finalists."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: Its place in the journal, from 0.
        outcome: How it ended; `finished` if it came to its end.
        reason: Why it ended before.
        value: What the search climbs; None where it ended before.
        seconds: Time on the clock.
        curve: Own score by epoch, over all folds.
        parameters: What was suggested.
        changes: What it changed of the model.
    """

    number: int
    outcome: str
    reason: str
    value: float | None
    seconds: float
    curve: Mapping[int, float]
    parameters: Mapping[str, Any]
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Importances:
    """What parameters count for.

    Attributes:
        shares: Share of each in the variance of scores, the largest first; none where too few trials came so far.
        epoch: The epoch after which scores were compared.
    """

    shares: Mapping[str, float]
    epoch: int


@dataclass(frozen=True)
class Finalist:
    """A setting that was trained at full size.

    Attributes:
        name: `default`, or `trial-` and its number.
        trial: Its number.
        searched: Its value as it was searched; None where the default did not come to its end.
        full: Its value at full size; None where its training failed.
        reason: Why it failed; empty where it did not.
    """

    name: str
    trial: int
    searched: float | None
    full: float | None
    reason: str = ""


@dataclass(frozen=True)
class TrainingStudy:
    """A search as it ended.

    Attributes:
        model: Name of the searched model.
        value: What was climbed, in words.
        trials: All trials.
        importances: What parameters count for, by fANOVA.
        finalists: Settings that were trained at full size, the best first.
        winner: Name of the setting that won: over seeds, or at full size, or as searched, as far as there was time.
        challenger: Name of the best trial among the finalists; empty where there is none.
        comparison: The challenger against the default over several seeds; None where it was not made.
        remarks: What was left out, and why.
    """

    model: str
    value: str
    trials: Sequence[TrialRecord]
    importances: Importances
    finalists: Sequence[Finalist]
    winner: str
    challenger: str
    comparison: SeedsComparison | None
    remarks: Sequence[str] = ()

    @property
    def best(self) -> TrialRecord | None:
        """The trial of the highest value; None where none came to its end."""
        finished = [trial for trial in self.trials if trial.value is not None]
        return max(finished, key=lambda trial: trial.value or 0.0, default=None)

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's correlation of the values as searched and at full size; None with less than three of both."""
        both = [(one.searched, one.full) for one in self.finalists if one.searched is not None and one.full is not None]
        if len(both) < 3 or any(len(set(values)) < 2 for values in zip(*both, strict=True)):
            return None
        return float(stats.spearmanr(*zip(*both, strict=True)).statistic)

    def to_json(self) -> dict[str, Any]:
        """The study as a JSON document."""
        return {**asdict(self), "rank_correlation": self.rank_correlation}


def verdict(study: TrainingStudy) -> str:
    """Whether what was found is better than the model as it was, in a sentence."""
    if study.best is None:
        return "No trial came to its end, so the model stays as it is."
    compared = study.comparison
    if compared is None and study.winner == DEFAULT:
        return "Nothing that was tried beats the model as the recipe has it."
    if compared is None:
        return f"{study.winner} is best, but was not compared with the default over several seeds."
    told = {"better": "better than", "worse": "worse than", "not told apart": "not told apart from"}
    low, high = compared.interval.low, compared.interval.high
    return (
        f"{study.challenger} is {told[compared.interval.verdict]} the default: over {len(compared.scores)} seeds "
        f"its mean {study.value} differs by {compared.difference:+.4f} ({low:+.4f} to {high:+.4f})."
    )
