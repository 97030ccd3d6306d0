"""The part of the page that sets validation against the leaderboard."""

from collections.abc import Iterator
from typing import get_args

from recycle.fusion.ensemble import ENSEMBLE
from recycle.recipe.settings import main_score
from recycle.report.exports import DataTable
from recycle.report.leaderboard import Board
from recycle.report.leaderboard_relation import Relation, relate
from recycle.report.leaderboard_tables import expectation_line, relation_lines
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Figure, Section, Table, Text
from recycle.report.page.contents import ReportContents


def leaderboard(contents: ReportContents) -> Section:
    """Submissions, validation against leaderboard, and what to expect of this run."""
    if not contents.submissions:
        lead = "No submission is recorded beside this run; enter one with jobs/leaderboard.py add RUN --public SCORE."
        return Section("leaderboard", "Leaderboard", lead)
    count = len(contents.submissions)
    lead = f"{count} {'submission is' if count == 1 else 'submissions are'} recorded beside this run."
    return Section("leaderboard", "Leaderboard", lead, tuple(_blocks(contents)))


def _blocks(contents: ReportContents) -> Iterator[Block]:
    for board in get_args(Board):
        if any(one.on(board) is not None for one in contents.submissions):
            yield from _board(contents, relate(contents.submissions, board))
    yield Table(_table(contents))


def _board(contents: ReportContents, relation: Relation) -> Iterator[Block]:
    for line in relation_lines(relation):
        yield Text(line, "warning" if line.startswith("Warning") else "plain")
    validation = _validation(contents)
    expected = None if validation is None else expectation_line(relation, contents.name, validation)
    if expected:
        yield Text(expected, "good")
    if relation.points:
        yield _figure(relation)


def _validation(contents: ReportContents) -> float | None:
    score: float | None = main_score(contents.results[ENSEMBLE]["oof"]) if contents.results else None
    return score


def _figure(relation: Relation) -> Figure:
    points = relation.points
    best = max(points, key=lambda point: point.leaderboard)
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "text": [charts.label(point.run) for point in points],
        "textposition": "top center",
        "cliponaxis": False,
        "x": charts.rounded([point.validation for point in points]),
        "y": charts.rounded([point.leaderboard for point in points]),
        "marker": {"size": 9, "color": "series-0"},
        "hovertext": [charts.plain(point.run) for point in points],
        "hovertemplate": "%{hovertext}<br>validation %{x}, leaderboard %{y}<extra></extra>",
    }
    axes = {"title": {"text": "validation, mAP50 or mIoU"}}, {"title": {"text": f"{relation.board} leaderboard"}}
    return Figure(
        name=f"leaderboard-{relation.board}",
        title=f"Validation against the {relation.board} leaderboard",
        saying=f"{best.run} scored highest, {best.leaderboard:.4f}, with {best.validation:.4f} in validation.",
        spec={"data": [trace], "layout": charts.layout(*axes, showlegend=False)},
        height=360,
    )


def _table(contents: ReportContents) -> DataTable:
    rows = tuple(
        (one.run, one.time[:16].replace("T", " "), one.validation, one.public, one.private, one.note)
        for one in contents.submissions
    )
    columns = ("run", "entered (UTC)", "validation", "public", "private", "note")
    return DataTable("leaderboard", "Submissions", columns, rows)
