"""A run's scores as values, as JSON and as a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from recycle.evaluation.detection import DetectionScores
from recycle.paths import Part

ScoresByPart = Mapping[Part, DetectionScores]
COLUMNS = ("map50", "map", "map75", "map_small", "map_medium", "map_large")
TITLES = ("mAP50", "mAP", "mAP75", "small", "medium", "large")


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

    def best_model(self) -> str:
        """The model with the highest pooled out-of-fold mAP50."""
        return max(self.models, key=lambda name: self.models[name]["oof"].map50 or 0.0)

    def to_json(self) -> dict[str, Any]:
        """The document `results.json`."""
        return {
            **vars(self),
            "classes": list(self.classes),
            "models": {name: _parts_to_json(parts) for name, parts in self.models.items()},
            "members": {name: _parts_to_json(parts) for name, parts in self.members.items()},
            "ensemble": _parts_to_json(self.ensemble),
        }


def scores_table(results: Results) -> Table:
    """Scores of members, models and ensemble, out of fold and, where answers are known, on the test part."""
    table = Table(title=f"{results.recipe}: scores", header_style="bold")
    table.add_column("")
    table.add_column("images")
    for title in TITLES:
        table.add_column(title, justify="right")
    for name, scores, is_main in _rows(results):
        values = [_number(getattr(scores, column)) for column in COLUMNS]
        table.add_row(name, str(scores.images), *values, style="bold" if is_main else None)
    return table


def classes_table(results: Results) -> Table:
    """mAP50 of each class, for each model and the ensemble, out of fold."""
    table = Table(title="mAP50 by class, out of fold", header_style="bold")
    columns = {**{name: parts["oof"] for name, parts in results.models.items()}, "ensemble": results.ensemble["oof"]}
    table.add_column("class")
    for name in columns:
        table.add_column(name, justify="right")
    for name in results.classes:
        table.add_row(Text(name), *(_number(scores.classes[name].map50) for scores in columns.values()))
    return table


def verdict(results: Results) -> str:
    """One sentence that says whether fusing paid."""
    best = results.best_model()
    single, fused = results.models[best]["oof"].map50 or 0.0, results.ensemble["oof"].map50 or 0.0
    relation = "above" if fused > single else "not above"
    return (
        f"The ensemble's out-of-fold mAP50 of {fused:.4f} is {relation} the best model's, "
        f"{best} with {single:.4f} ({fused - single:+.4f})."
    )


def _rows(results: Results) -> Iterator[tuple[str, DetectionScores, bool]]:
    parts: tuple[Part, ...] = ("oof", "test")
    for part in parts:
        for name, scores in results.members.items():
            if part in scores:
                yield f"{name}, {part}", scores[part], False
        for name, scores in results.models.items():
            if part in scores:
                yield f"{name}, {part}", scores[part], True
        if part in results.ensemble:
            yield f"ensemble, {part}", results.ensemble[part], True


def _parts_to_json(parts: ScoresByPart) -> dict[str, Any]:
    return {part: scores.to_json() for part, scores in parts.items()}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
