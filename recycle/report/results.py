"""A run's scores as values, as JSON and as a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from rich.table import Table
from rich.text import Text

from recycle.evaluation.detection import DetectionScores
from recycle.paths import Part
from recycle.report.rounds import RoundReport


class Scores(Protocol):
    """Scores of whichever task."""

    columns: ClassVar[Mapping[str, str]]
    """Titles of the scores that a table shows, by attribute, the main score first."""

    @property
    def images(self) -> int:
        """Number of images that were scored."""

    @property
    def main(self) -> float | None:
        """The score by which competitors are ranked."""

    @property
    def of_classes(self) -> dict[str, float | None]:
        """The main score of each class."""

    def to_json(self) -> dict[str, Any]:
        """Returns the scores under their names."""


ScoresByPart = Mapping[Part, Scores]
COLUMNS, TITLES = tuple(DetectionScores.columns), tuple(DetectionScores.columns.values())
PARTS: Mapping[Part, str] = {"oof": "Out of fold", "test": "Test part"}


@dataclass(frozen=True)
class Results:
    """What a run found out; holds no time and no host, so equal runs have equal results.

    Attributes:
        recipe: Name of the recipe.
        seed: Seed of the run.
        classes: Class names in order.
        images: Number of images of the training and the test part.
        warnings: How often each rule for data was broken without stopping the run.
        rare_classes: Classes that could not be spread over all folds, with the number of groups they are in.
        fusion: The fusion settings found, and how many were tried.
        models: Scores of each model; `oof` pooled over its folds, `test` fused from its members.
        members: Scores of each member; `oof` on the fold that it never saw.
        ensemble: Scores of the fused models.
        failed: The reason for each member that was given up.
        rounds: Rounds of pseudo labels, in their order.
    """

    recipe: str
    seed: int
    classes: Sequence[str]
    images: Mapping[str, int]
    warnings: Mapping[str, int]
    rare_classes: Mapping[str, int]
    fusion: Mapping[str, Any]
    models: Mapping[str, ScoresByPart]
    members: Mapping[str, ScoresByPart]
    ensemble: ScoresByPart
    failed: Mapping[str, str]
    rounds: Sequence[RoundReport] = ()

    def best_model(self) -> str | None:
        """The model of the highest pooled out-of-fold score of those that predicted all of the ensemble's images."""
        scores = {name: parts["oof"] for name, parts in self.models.items()}
        comparable = [name for name in scores if scores[name].images == self.ensemble["oof"].images]
        return max(comparable, key=lambda name: scores[name].main or 0.0, default=None)

    def to_json(self) -> dict[str, Any]:
        """The document `results.json`."""
        return {
            **vars(self),
            "classes": list(self.classes),
            "models": {name: _parts_to_json(parts) for name, parts in self.models.items()},
            "members": {name: _parts_to_json(parts) for name, parts in self.members.items()},
            "ensemble": _parts_to_json(self.ensemble),
            "rounds": [one.to_json() for one in self.rounds],
        }


def scores_tables(results: Results) -> Iterator[Table]:
    """Scores of members, models and the ensemble: a table out of fold and, where answers are known, one of the test."""
    for part, title in PARTS.items():
        if part not in results.ensemble:
            continue
        table = Table(title=title, title_justify="left", header_style="bold")
        table.add_column("")
        for heading in results.ensemble[part].columns.values():
            table.add_column(heading, justify="right", no_wrap=True, min_width=6)
        for name, scores, is_main in _rows(results, part):
            values = [_number(getattr(scores, column)) for column in scores.columns]
            table.add_row(Text(name), *values, style="bold" if is_main else None)
        yield table


def classes_table(results: Results) -> Table:
    """The main score of each class, for each model and the ensemble, out of fold."""
    table = Table(title=f"{_main_title(results)} by class, out of fold", title_justify="left", header_style="bold")
    columns = {**{name: parts["oof"] for name, parts in results.models.items()}, "ensemble": results.ensemble["oof"]}
    table.add_column("class")
    for name in columns:
        table.add_column(name, justify="right")
    for name in results.ensemble["oof"].of_classes:
        table.add_row(Text(name), *(_number(scores.of_classes[name]) for scores in columns.values()))
    return table


def verdict(results: Results) -> str:
    """One sentence that says whether fusing paid, on the images that the ensemble and the models have in common."""
    best = results.best_model()
    fused, title = results.ensemble["oof"].main or 0.0, _main_title(results)
    if best is None:
        return f"The ensemble's out-of-fold {title} is {fused:.4f}; no model predicted all of its images."
    single = results.models[best]["oof"].main or 0.0
    relation = "above" if fused > single else "not above"
    return (
        f"The ensemble's out-of-fold {title} of {fused:.4f} is {relation} the best model's, "
        f"{best} with {single:.4f} ({fused - single:+.4f})."
    )


def _main_title(results: Results) -> str:
    return next(iter(results.ensemble["oof"].columns.values()))


def _rows(results: Results, part: Part) -> Iterator[tuple[str, Scores, bool]]:
    for is_main, group in ((False, results.members), (True, results.models), (True, {"ensemble": results.ensemble})):
        for name, scores in group.items():
            if part in scores:
                yield name, scores[part], is_main


def _parts_to_json(parts: ScoresByPart) -> dict[str, Any]:
    return {part: scores.to_json() for part, scores in parts.items()}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
