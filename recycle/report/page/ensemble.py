"""The part of the page about the ensemble: what each model does for it, and how its settings were found."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from recycle.fusion.settings import weight_parameter
from recycle.report.ensemble import TITLES, EnsembleStudy, honest_verdict, outlook
from recycle.report.exports import DataTable
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Figure, Heading, Pair, Section, Table, Text
from recycle.report.page.contents import ReportContents

MOST_NUMBERED_CELLS = 16
RESPONSE_TITLES = {"iou_thr": "IoU threshold", "skip_box_thr": "score below which boxes are skipped"}


def ensemble(contents: ReportContents) -> Section:
    """Agreement, contributions, weights, thresholds and the search."""
    if contents.study is None:
        reason = "The run has not fused its models yet: that happens when its members are trained."
        return Section("ensemble", "Ensemble", reason)
    return Section("ensemble", "Ensemble", honest_verdict(contents.study), tuple(_blocks(contents.study)))


def _blocks(study: EnsembleStudy) -> Iterator[Block]:
    yield Table(_comparison_table(study))
    yield Heading("What each model does for it")
    if len(study.agreement.names) == 1:
        yield Text("There is a single model, so there is nothing to correlate or to leave out.")
    else:
        yield from _models(study)
    yield Heading("How its settings were found")
    yield Table(_settings_table(study))
    yield Pair(tuple(_response(study, name) for name in study.responses))
    yield _search(study)


def _models(study: EnsembleStudy) -> Iterator[Block]:
    names, title = study.agreement.names, TITLES[study.metric]
    yield Pair(
        (
            _agreement(
                names, study.agreement.found, "found", "Correlation of the objects found", "alike in what they find"
            ),
            _agreement(names, study.agreement.errors, "common-errors", "Errors in common", "alike in their errors"),
        )
    )
    yield Pair((_leave_one_out(study, title), _weights(study)))
    yield Text(outlook(study))
    yield Pair((_growth(study, title), _selection(study, title)))


def _agreement(names: Sequence[str], matrix: npt.NDArray[np.float64], name: str, title: str, alike: str) -> Figure:
    others = np.ma.masked_array(matrix, mask=np.eye(len(names), dtype=bool))
    row, column = divmod(int(others.argmax()), len(names))
    low, high = float(others.min()), float(others.max())
    values = [[None if x == y else float(matrix[y, x]) for x in range(len(names))] for y in range(len(names))]
    texts = [["" if value is None else f"{value:.2f}" for value in line] for line in values]
    trace = charts.heat_map(
        names,
        names,
        values,
        texts if len(names) <= MOST_NUMBERED_CELLS else None,
        (low, high) if high - low > 0.02 else (low - 0.01, high + 0.01),
    )
    return Figure(
        name=name,
        title=title,
        saying=f"{names[row]} and {names[column]} are most {alike} ({matrix[row, column]:.2f}); the less alike models "
        "are, the more fusing them brings.",
        spec={"data": [trace], "layout": charts.heat_layout(names, names)},
        height=charts.rows_height(len(names), 150),
    )


def _leave_one_out(study: EnsembleStudy, title: str) -> Figure:
    gains = dict(sorted(study.leave_one_out.items(), key=lambda item: -item[1]))
    first = next(iter(gains))
    idle = [name for name, gain in gains.items() if gain <= 0]
    more = f" Without {', '.join(idle)} it would score no less." if idle else ""
    return Figure(
        name="leave-one-out",
        title=f"{title} lost without each model",
        saying=f"{first} brings most: without it the ensemble loses {gains[first]:.4f}.{more}",
        spec=charts.bars(
            list(gains),
            list(gains.values()),
            {"title": {"text": f"{title} lost"}},
            ["series-0" if gain > 0 else "series-1" for gain in gains.values()],
        ),
        height=charts.rows_height(len(gains)),
    )


def _weights(study: EnsembleStudy) -> Figure:
    names = study.agreement.names
    weights = {name: float(study.parameters.get(weight_parameter(name), 1)) for name in names}
    out = [name for name, weight in weights.items() if not weight]
    return Figure(
        name="weights",
        title="Weights found",
        saying=f"Weight 0 leaves out {', '.join(out)}." if out else "All models take part.",
        spec=charts.bars(names, list(weights.values()), {"title": {"text": "weight"}}, ["series-0"] * len(names)),
        height=charts.rows_height(len(names)),
    )


def _growth(study: EnsembleStudy, title: str) -> Figure:
    means, deviations = study.growth.means, study.growth.deviations
    counts = list(range(1, len(means) + 1))
    spec = charts.lines(
        [charts.Series("mean over orders", counts, means, "series-0", mode="lines+markers")],
        {"title": {"text": "models"}, "tickformat": "d", "dtick": max(1, len(means) // 10)},
        {"title": {"text": title}},
    )
    spec["data"][0]["error_y"] = {"type": "data", "array": charts.rounded(deviations), "color": "series-0", "width": 3}
    return Figure(
        name="growth",
        title="Score by number of models, added in random orders",
        saying=f"From {means[0]:.4f} with one model to {means[-1]:.4f} with {len(means)}; bars show deviations.",
        spec=spec,
        height=320,
    )


def _selection(study: EnsembleStudy, title: str) -> Figure:
    names, scores = study.selection.names, study.selection.scores
    spec = charts.lines(
        [charts.Series("greedy selection", range(len(names)), scores, "series-0", mode="lines+markers")],
        charts.names_axis(names),
        {"title": {"text": title}},
    )
    return Figure(
        name="selection",
        title="Greedy forward selection",
        saying=f"Added one by one, the best first, the score is highest with {len(study.selection.chosen)} of "
        f"{len(names)} models.",
        spec=spec,
        height=320,
    )


def _response(study: EnsembleStudy, name: str) -> Figure:
    response, title = study.responses[name], TITLES[study.metric]
    best = response.values[response.scores.index(max(response.scores))]
    spec = charts.lines(
        [charts.Series(RESPONSE_TITLES[name], response.values, response.scores, "series-0", mode="lines+markers")],
        {"title": {"text": RESPONSE_TITLES[name]}, "type": "log" if name == "skip_box_thr" else "linear"},
        {"title": {"text": title}},
    )
    return Figure(
        name=f"response-{name.replace('_', '-')}",
        title=f"{title} by {RESPONSE_TITLES[name]}",
        saying=f"All else as found ({study.parameters[name]:.4g}), the score is highest at {best:.4g}.",
        spec=spec,
        height=300,
    )


def _search(study: EnsembleStudy) -> Figure:
    scores = [float(trial["score"]) for trial in study.trials]
    best = np.maximum.accumulate(scores).tolist()
    places = list(range(1, len(scores) + 1))
    title = TITLES[study.metric]
    return Figure(
        name="search",
        title="The search",
        saying=f"{len(scores)} settings were tried; the best, {best[-1]:.4f}, was found as number "
        f"{scores.index(best[-1]) + 1}, the default scores {scores[0]:.4f}.",
        spec=charts.lines(
            [
                charts.Series("tried", places, scores, "series-5", mode="markers"),
                charts.Series("best so far", places, best, "series-0"),
            ],
            {"title": {"text": "trial"}, "tickformat": "d"},
            {"title": {"text": title}},
        ),
        height=300,
    )


def _settings_table(study: EnsembleStudy) -> DataTable:
    rows = tuple(
        (name, f"{value:.6g}" if isinstance(value, float) else str(value)) for name, value in study.parameters.items()
    )
    return DataTable("fusion-settings", "Settings found", ("setting", "value"), rows)


def _comparison_table(study: EnsembleStudy) -> DataTable:
    rows = tuple(
        (f"{one.name} against {one.other}", one.difference, one.interval.low, one.interval.high, one.verdict)
        for one in study.held_out.comparisons
    )
    caption = f"Differences of {TITLES[study.metric]}, held out, with 95 % intervals"
    return DataTable("fusion-differences", caption, ("", "difference", "from", "to", "verdict"), rows)
