"""What is known of an ensemble: how it was found, what it is worth, and what each of its models does for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rich.table import Table
from rich.text import Text

from recycle.evaluation.agreement import Agreement
from recycle.evaluation.comparison import Comparison, Rating
from recycle.fusion.contributions import Growth
from recycle.fusion.response import Response
from recycle.fusion.selection import Selection
from recycle.recipe import Metric

DEFAULT_FUSION = "default fusion"
TUNED_FUSION = "tuned fusion"

TITLES: Mapping[str, str] = {"map50": "mAP50", "map": "mAP", "map75": "mAP75", "miou": "mIoU"}


@dataclass(frozen=True)
class Worth:
    """How good models and fusions are, and which of them are better than others by more than chance."""

    ratings: Mapping[str, Rating]
    comparisons: Sequence[Comparison]

    def to_json(self) -> dict[str, Any]:
        """Ratings by name, and the comparisons with their verdicts."""
        return {
            "ratings": {name: asdict(rating) for name, rating in self.ratings.items()},
            "comparisons": [{**asdict(pair), "verdict": pair.verdict} for pair in self.comparisons],
        }


class Study(Protocol):
    """What the studies of all tasks say of an ensemble."""

    @property
    def metric(self) -> str:
        """What every score is."""

    @property
    def pooled(self) -> Worth:
        """Models and fusions on all images."""

    @property
    def held_out(self) -> Worth:
        """The same, each fold's images fused with settings tuned on the other folds'."""

    @property
    def fusion(self) -> str:
        """The fusion that stands, see `standing_fusion`."""


@dataclass(frozen=True)
class EnsembleStudy:
    """How an ensemble was found and what it is worth, all on out-of-fold predictions.

    Attributes:
        metric: What every score is.
        parameters: The settings that stand, as the search names them.
        trials: Every setting that was tried, in order: its parameters, and "score".
        selection: The greedy forward selection.
        pooled: Models and fusions on all images; the tuned fusion flatters itself, as these images tuned it.
        held_out: The same, averaged over folds, each fold's images fused with settings tuned on the other folds': the
            nested estimate of what the search is worth.
        agreement: What models have in common.
        leave_one_out: By how much the ensemble's score exceeds that without each of its models.
        growth: How the score grows with the number of models.
        responses: How the score answers to each threshold alone.
    """

    metric: Metric
    parameters: Mapping[str, Any]
    trials: Sequence[Mapping[str, Any]]
    selection: Selection
    pooled: Worth
    held_out: Worth
    agreement: Agreement
    leave_one_out: Mapping[str, float]
    growth: Growth
    responses: Mapping[str, Response]

    @property
    def fusion(self) -> str:
        """The fusion that stands, see `standing_fusion`."""
        return standing_fusion(self.held_out)

    def to_json(self) -> dict[str, Any]:
        """The document `fusion.json`."""
        return {
            "metric": self.metric,
            "parameters": dict(self.parameters),
            "selection": {"models": self.selection.names, "scores": self.selection.scores},
            "pooled": self.pooled.to_json(),
            "held_out": self.held_out.to_json(),
            "agreement": {
                "models": self.agreement.names,
                "score_thrs": self.agreement.score_thrs,
                "found": self.agreement.found.tolist(),
                "errors": self.agreement.errors.tolist(),
            },
            "leave_one_out": dict(self.leave_one_out),
            "growth": asdict(self.growth),
            "responses": {name: asdict(response) for name, response in self.responses.items()},
            "trials": list(self.trials),
        }


def standing_fusion(held_out: Worth) -> str:
    """Names the tuned fusion, or the default one where tuning is worse than it by more than chance."""
    compared = {(pair.name, pair.other): pair.verdict for pair in held_out.comparisons}
    return DEFAULT_FUSION if compared.get((TUNED_FUSION, DEFAULT_FUSION)) == "worse" else TUNED_FUSION


def study_tables(study: EnsembleStudy) -> Iterator[Table]:
    """What a user wants to know at the end of a search: what it is worth, which models matter, how alike they are."""
    yield ratings_table(study)
    yield comparisons_table(study.held_out)
    yield _models_table(study)


def honest_verdict(study: Study) -> str:
    """Says what the ensemble is worth on images that its settings did not see, against the best model there."""
    models = [name for name in study.held_out.ratings if name not in (DEFAULT_FUSION, TUNED_FUSION)]
    best = max(models, key=lambda name: study.held_out.ratings[name].score)
    against_best = _comparison(study, study.fusion, best)
    if against_best is None:
        return f"Held out, the {study.fusion} cannot be compared with {best}, which predicted other images."
    difference = f"{against_best.difference:+.4f} {TITLES[study.metric]}"
    verdict = f"the {study.fusion} scores {difference} against {best} ({_span(against_best, '+')})"
    return f"{_why_untuned(study)}Held out, {verdict}: {against_best.verdict}."


def _why_untuned(study: Study) -> str:
    tuning = _comparison(study, TUNED_FUSION, DEFAULT_FUSION)
    if study.fusion == TUNED_FUSION or tuning is None:
        return ""
    return f"Tuning would do harm ({tuning.difference:+.4f}, {_span(tuning, '+')}), so the {DEFAULT_FUSION} stands. "


def _comparison(study: Study, name: str, other: str) -> Comparison | None:
    pairs = [pair for pair in study.held_out.comparisons if (pair.name, pair.other) == (name, other)]
    return pairs[0] if pairs else None


def outlook(study: EnsembleStudy) -> str:
    """One sentence on what one more model would bring."""
    growth = study.growth
    if len(growth.means) == 1:
        return "The ensemble is a single model, so there is no telling what one more would bring."
    return (
        f"The last of {len(growth.means)} brought {growth.gain:+.4f} {TITLES[study.metric]} (a mean over orders "
        f"of adding them; standard deviation {growth.gain_deviation:.4f}). "
        "One more of their kind will probably bring less."
    )


def ratings_table(study: Study) -> Table:
    """Scores of models and fusions with their intervals."""
    title = f"{TITLES[study.metric]} out of fold (95 % interval)"
    table = _table(title, "", "all images", "held out, mean of folds")
    for name, rating in study.pooled.ratings.items():
        both = (rating, study.held_out.ratings[name])
        table.add_row(Text(name), *(f"{one.score:.4f} ({_span(one)})" for one in both))
    return table


def comparisons_table(worth: Worth) -> Table:
    """Which fusion is better than what by more than chance."""
    table = _table("Differences, held out, mean of folds", "", "", "", "")
    for pair in worth.comparisons:
        table.add_row(
            Text(f"{pair.name} against {pair.other}"), f"{pair.difference:+.4f}", _span(pair, "+"), pair.verdict
        )
    return table


def _span(one: Rating | Comparison, sign: str = "") -> str:
    return f"{one.interval.low:{sign}.4f} to {one.interval.high:{sign}.4f}"


def _models_table(study: EnsembleStudy) -> Table:
    table = _table("Models of the ensemble", "", "weight", "without it", "most like it", "objects", "errors")
    for row, name in enumerate(study.agreement.names):
        twin = _most_alike(study.agreement, row)
        gain = study.leave_one_out.get(name)
        table.add_row(
            Text(name),
            str(study.parameters.get(f"weight {name}", 1)),
            "-" if gain is None else f"{-gain:+.4f}",
            Text("-" if twin is None else study.agreement.names[twin]),
            "-" if twin is None else f"{study.agreement.found[row, twin]:.2f}",
            "-" if twin is None else f"{study.agreement.errors[row, twin]:.2f}",
        )
    return table


def _most_alike(agreement: Agreement, row: int) -> int | None:
    others = [other for other in range(len(agreement.names)) if other != row]
    return max(others, key=lambda other: float(agreement.found[row, other]), default=None)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right", no_wrap=number > 0)
    return table
