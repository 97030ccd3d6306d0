"""Everything known of an ensemble that is better seen than read, as PNG files."""

from pathlib import Path

from recycle.report.ensemble import TITLES, EnsembleStudy
from recycle.report.fusion_pictures import (
    draw_contributions,
    draw_heat_map,
    draw_intervals,
    draw_responses,
    draw_selection,
)


def draw_study(study: EnsembleStudy, folder: Path) -> None:
    """Draws scores with intervals, contributions, agreement, the selection, and the responses to thresholds.

    Args:
        study: What is known.
        folder: Where the pictures go; it need not exist yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    metric, names = TITLES[study.metric], study.agreement.names
    ratings = study.pooled.ratings
    draw_intervals(
        list(ratings),
        [rating.score for rating in ratings.values()],
        [(rating.interval.low, rating.interval.high) for rating in ratings.values()],
        folder / "scores.png",
    )
    draw_heat_map(names, study.agreement.found, "Correlation of the objects found", folder / "found.png")
    draw_heat_map(names, study.agreement.errors, "Errors in common", folder / "errors.png")
    gains = study.leave_one_out
    draw_contributions(
        list(gains), list(gains.values()), f"{metric} lost without each model", folder / "contributions.png"
    )
    draw_selection(study.selection.names, study.selection.scores, len(study.selection.chosen), folder / "selection.png")
    responses = {name: (response.values, response.scores) for name, response in study.responses.items()}
    chosen = {name: study.parameters[name] for name in responses}
    draw_responses(responses, chosen, folder / "responses.png")
