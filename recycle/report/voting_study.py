"""What is known of an ensemble that votes on pixels: how its votes were found, and what it is worth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from recycle.evaluation.comparison import Comparison
from recycle.report.ensemble import Worth, comparisons_table, ratings_table, standing_fusion


@dataclass(frozen=True)
class RefinementWorth:
    """What the random field after the vote did out of fold.

    Attributes:
        is_kept: Whether it stays: it raises mIoU by more than chance, and no class falls by more than chance, the
            intervals of classes holding for all at once.
        comparison: The ensemble with it against the one without.
        fallen: Classes whose IoU falls by more than chance.
    """

    is_kept: bool
    comparison: Comparison
    fallen: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The part of `fusion.json`."""
        return {**asdict(self), "verdict": self.comparison.verdict}


@dataclass(frozen=True)
class VotingStudy:
    """How votes were found and what they are worth, all on out-of-fold predictions.

    Attributes:
        metric: What every score is.
        parameters: The settings that stand, as the search names them.
        trials: Every setting that was tried, in order: its parameters, and "score" on the search's grid of pixels.
        pooled: Models and votes on all images; the tuned vote flatters itself, as these images tuned it.
        held_out: The same, averaged over folds, each fold's images voted on with settings tuned on the other folds', on
            the search's grid of pixels.
        leave_one_out: By how much the ensemble's score exceeds that without each of its models, on that grid.
        refinement: What the random field did; None where none was asked for.
    """

    metric: str
    parameters: Mapping[str, Any]
    trials: Sequence[Mapping[str, Any]]
    pooled: Worth
    held_out: Worth
    leave_one_out: Mapping[str, float]
    refinement: RefinementWorth | None

    @property
    def fusion(self) -> str:
        """The fusion that stands, see `standing_fusion`."""
        return standing_fusion(self.held_out)

    def to_json(self) -> dict[str, Any]:
        """The document `fusion.json`."""
        return {
            "metric": self.metric,
            "parameters": dict(self.parameters),
            "pooled": self.pooled.to_json(),
            "held_out": self.held_out.to_json(),
            "leave_one_out": dict(self.leave_one_out),
            "refinement": self.refinement and self.refinement.to_json(),
            "trials": list(self.trials),
        }


def voting_tables(study: VotingStudy) -> Iterator[Table]:
    """What a user wants to know at the end of a search: what it is worth, and which models matter."""
    yield ratings_table(study)
    yield comparisons_table(study.held_out)
    table = Table(title="Models of the ensemble", title_justify="left", header_style="bold")
    for heading in ("", "weight", "without it"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, gain in study.leave_one_out.items():
        table.add_row(Text(name), str(study.parameters.get(f"weight {name}", 1)), f"{-gain:+.4f}")
    yield table


def refinement_verdict(study: VotingStudy) -> str:
    """One sentence on the random field; empty where none was asked for."""
    if study.refinement is None:
        return ""
    pair, fallen = study.refinement.comparison, ", ".join(study.refinement.fallen)
    span = f"{pair.interval.low:+.4f} to {pair.interval.high:+.4f}"
    fate = "stays" if study.refinement.is_kept else "is left out"
    worse = f"; worse by more than chance: {fallen}" if fallen else ""
    return f"The random field changes mIoU by {pair.difference:+.4f} ({span}) out of fold, and {fate}{worse}."
