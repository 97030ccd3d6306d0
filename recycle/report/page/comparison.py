"""The part of the page that sets runs side by side."""

from collections.abc import Iterator

from recycle.fusion.ensemble import ENSEMBLE
from recycle.report.exports import Cell, DataTable
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Figure, Section, Table, Text
from recycle.report.page.contents import ReportContents
from recycle.report.run_comparison import RunsComparison, ScoreDifference


def comparison(contents: ReportContents) -> Section:
    """Recipes, scores and classes of several runs, each against the first."""
    if contents.comparison is None:
        lead = f"This is a single run. To set others beside it: python jobs/report.py {contents.name} OTHER ..."
        return Section("comparison", "Comparison", lead)
    return Section("comparison", "Comparison", _lead(contents.comparison), tuple(_blocks(contents.comparison)))


def _lead(runs: RunsComparison) -> str:
    first, *others = (run.name for run in runs.runs)
    told = [one for one in runs.scores if one.competitor == ENSEMBLE]
    verdicts = "; ".join(f"{one.run} is {one.verdict} ({one.difference:+.4f} mAP50)" for one in told)
    return f"{', '.join(others)} against {first}: {verdicts or 'their ensembles cannot be compared'}."


def _blocks(runs: RunsComparison) -> Iterator[Block]:
    for remark in runs.remarks:
        yield Text(remark, "warning")
    if runs.scores:
        yield _figure(runs.scores)
    yield Table(_scores(runs))
    if runs.scores:
        yield Table(_differences(runs))
    if runs.classes:
        yield Table(_classes(runs))
    yield from _recipes(runs)


def _figure(scores: tuple[ScoreDifference, ...]) -> Figure:
    names = [f"{one.run}: {one.competitor}" for one in scores]
    points = [(one.difference, one.interval.low, one.interval.high) for one in scores]
    better, worse = (sum(one.verdict == verdict for one in scores) for verdict in ("better", "worse"))
    return Figure(
        name="run-differences",
        title="Differences of mAP50 from the first run, with 95 % intervals",
        saying=f"Of {len(scores)} comparisons {better} are better and {worse} worse by more than chance.",
        spec=charts.intervals(names, {"difference": points}, {"title": {"text": "mAP50, difference"}}),
        height=charts.rows_height(len(names)),
    )


def _scores(runs: RunsComparison) -> DataTable:
    competitors = list(dict.fromkeys(name for run in runs.runs for name in run.scores))
    rows = [(name, *(run.scores.get(name) for run in runs.runs)) for name in competitors]
    images: tuple[Cell, ...] = ("images", *(run.images for run in runs.runs))
    columns = ("", *(run.name for run in runs.runs))
    return DataTable("run-scores", "mAP50 out of fold, on all images of each run", columns, (*rows, images))


def _differences(runs: RunsComparison) -> DataTable:
    rows = tuple(
        (one.run, one.competitor, one.difference, one.interval.low, one.interval.high, one.verdict, one.images)
        for one in runs.scores
    )
    columns = ("run", "of", "difference", "from", "to", "verdict", "images")
    return DataTable("run-differences", f"mAP50 against {runs.runs[0].name}, on the images of both", columns, rows)


def _classes(runs: RunsComparison) -> DataTable:
    rows = tuple(
        (one.name, one.run, one.base_score, one.score, one.difference, one.interval.low, one.interval.high, one.verdict)
        for one in runs.classes
    )
    columns = ("class", "run", "first run", "this run", "difference", "from", "to", "verdict")
    return DataTable("run-classes", "mAP50 of the ensembles by class", columns, rows)


def _recipes(runs: RunsComparison) -> Iterator[Block]:
    if not runs.recipes:
        yield Text("Their recipes do not differ.")
        return
    columns = ("setting", *(run.name for run in runs.runs))
    rows = tuple((one.key, *one.values) for one in runs.recipes)
    yield Table(DataTable("recipe-differences", "Settings on which the recipes differ", columns, rows))
