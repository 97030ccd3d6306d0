"""The leaderboard as it is shown on a terminal."""

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from recycle.report.leaderboard import Submission
from recycle.report.leaderboard_relation import Relation


def leaderboard_table(submissions: Sequence[Submission]) -> Table:
    """All submissions in the order in which they were entered."""
    table = Table(title="Leaderboard", title_justify="left", header_style="bold")
    table.add_column("run", overflow="fold")
    table.add_column("entered", no_wrap=True)
    for heading in ("validation", "public", "private"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for one in submissions:
        scores = (_number(score) for score in (one.validation, one.public, one.private))
        table.add_row(Text(one.run), one.time[:16].replace("T", " "), *scores, Text(one.note))
    return table


def relation_lines(relation: Relation) -> Iterator[str]:
    """How validation relates to a leaderboard, in sentences."""
    if relation.refusal:
        yield relation.refusal
        return
    if relation.rank_correlation is None:
        yield f"Equal scores cannot be ranked, so there is no rank correlation with the {relation.board} leaderboard."
    else:
        yield (
            f"Validation and the {relation.board} leaderboard have a rank correlation of "
            f"{relation.rank_correlation:.2f} over {len(relation.points)} submissions."
        )
    for warning in relation.warnings:
        yield f"Warning: {warning}"


def expectation_line(relation: Relation, run: str, validation: float) -> str | None:
    """What a run is expected to score, in a sentence; None where nothing can be expected."""
    expected = relation.expect(validation)
    if expected is None:
        return None
    return (
        f"{run}, with a validation score of {validation:.4f}, is expected to score {expected.score:.4f} "
        f"({expected.low:.4f} to {expected.high:.4f}) on the {relation.board} leaderboard."
    )


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"
