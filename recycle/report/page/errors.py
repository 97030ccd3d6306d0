"""The part of the page about errors: is it the class or the box, which classes, which images?"""

from collections.abc import Iterator, Mapping, Sequence

from recycle.evaluation.diagnosis import ERROR_KINDS, RECALLS, Diagnosis
from recycle.fusion.ensemble import ENSEMBLE
from recycle.report.exports import Cell, DataTable
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Choice, Figure, Heading, Pair, Photographs, Section, Table, Text
from recycle.report.page.contents import ReportContents

MOST_NUMBERED_CELLS = 16
MOST_COMPARED = 8
RECALL_STEP = 2
"""Of the 101 places where precision is known every second is drawn: more cannot be told apart."""


def errors(contents: ReportContents) -> Section:
    """TIDE's kinds, confusion, average precision by class and size, curves, calibration, and the worst images."""
    if contents.main is None:
        reason = "No member has predicted images that it never saw, so there are no errors to look at yet."
        return Section("errors", "Errors", reason)
    return Section("errors", "Errors", _lead(contents), tuple(_blocks(contents, contents.main)))


def _lead(contents: ReportContents) -> str:
    return (
        f"On {contents.main.images if contents.main else 0:,} training images, each predicted by members that never "
        "saw it; a detection is right from an IoU of 0.50 on."
    )


def _blocks(contents: ReportContents, main: Diagnosis) -> Iterator[Block]:
    diagnoses = contents.diagnoses
    yield Heading("Is it the class or the box?")
    yield _kinds(diagnoses, main)
    yield Table(_kinds_table(diagnoses), emphasis=_rows_of_ensemble(diagnoses))
    yield Heading("Which classes?")
    yield _by_class(diagnoses, main)
    yield Table(_class_table(contents.main_name, main))
    yield _confusion(diagnoses)
    yield Heading("Precision, recall and calibration")
    yield Pair((_precision(diagnoses, main), _reliability(diagnoses, main)))
    yield Table(_reliability_table(diagnoses), emphasis=_rows_of_ensemble(diagnoses))
    yield from _worst(contents)


def _rows_of_ensemble(diagnoses: Mapping[str, Diagnosis]) -> Sequence[int]:
    return [place for place, name in enumerate(diagnoses) if name == ENSEMBLE]


def _compared(diagnoses: Mapping[str, Diagnosis]) -> list[str]:
    """The ensemble and the best models, as many as can be told apart."""
    ranked = sorted(diagnoses, key=lambda name: (name != ENSEMBLE, -diagnoses[name].errors.map50))
    return ranked[:MOST_COMPARED]


def _kinds(diagnoses: Mapping[str, Diagnosis], main: Diagnosis) -> Figure:
    kinds, costs = list(ERROR_KINDS), main.errors.costs
    most = max(kinds, key=lambda kind: costs[kind])
    return Figure(
        name="error-kinds",
        title="What each kind of error costs, in mAP50",
        saying=f"Most costs “{most}”: mending all errors of that kind would bring {costs[most]:.3f} mAP50.",
        spec=charts.columns(
            kinds,
            {name: [diagnoses[name].errors.costs[kind] for kind in kinds] for name in _compared(diagnoses)},
            {"title": {"text": "mAP50 if mended"}},
        ),
        height=340,
    )


def _kinds_table(diagnoses: Mapping[str, Diagnosis]) -> DataTable:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            one.errors.map50,
            *(one.errors.costs[kind] for kind in ERROR_KINDS),
            one.errors.false_positives,
            one.errors.false_negatives,
        )
        for name, one in diagnoses.items()
    )
    columns = ("", "mAP50", *ERROR_KINDS, "all false", "all missed")
    caption = "mAP50, and by how much it would rise if all errors of a kind were mended (TIDE)"
    return DataTable("error-kinds", caption, columns, rows)


def _by_class(diagnoses: Mapping[str, Diagnosis], main: Diagnosis) -> Figure:
    names, classes = list(diagnoses), [one.name for one in main.classes]
    values = [[diagnoses[name].classes[place].map50 for name in names] for place in range(len(classes))]
    highest = max((value for row in values for value in row if value), default=1.0)
    known = [one for one in main.classes if one.map50 is not None]
    saying = "No class has an object to score against."
    if known:
        best, worst = max(known, key=lambda one: one.map50 or 0), min(known, key=lambda one: one.map50 or 0)
        saying = f"{best.name} is found best ({best.map50:.3f}), {worst.name} worst ({worst.map50:.3f})."
    is_small = len(classes) <= MOST_NUMBERED_CELLS * 2 and len(names) <= MOST_NUMBERED_CELLS
    texts = [["" if value is None else f"{value:.2f}" for value in row] for row in values] if is_small else None
    return Figure(
        name="classes-by-model",
        title="mAP50 by class and model",
        saying=saying,
        spec={
            "data": [charts.heat_map(classes, names, values, texts, (0, highest))],
            "layout": charts.heat_layout(classes, names),
        },
        height=charts.rows_height(len(classes), 130),
    )


def _class_table(name: str, main: Diagnosis) -> DataTable:
    rows = tuple(
        (one.name, one.objects, one.map50, one.map, one.map_small, one.map_medium, one.map_large)
        for one in main.classes
    )
    columns = ("class", "objects", "mAP50", "mAP", "small", "medium", "large")
    return DataTable("class-scores", f"Average precision by class and size, {name}", columns, rows)


def _confusion(diagnoses: Mapping[str, Diagnosis]) -> Figure:
    names = _compared(diagnoses)
    first = diagnoses[names[0]]
    classes = [one.name for one in first.classes]
    rows, columns = [*classes, "nothing there"], [*classes, "not found"]
    traces = [_confusion_trace(rows, columns, diagnoses[name]) for name in names]
    return Figure(
        name="confusion",
        title="Which class is taken for which",
        saying=_confusion_saying(classes, first),
        spec={"data": traces, "layout": charts.heat_layout(rows, columns, "predicted", "true")},
        height=charts.rows_height(len(rows), 150),
        choices=[Choice(name, [place]) for place, name in enumerate(names)],
        choice_title="Predictions of",
    )


def _confusion_trace(rows: Sequence[str], columns: Sequence[str], one: Diagnosis) -> charts.Trace:
    counts = one.confusion.counts
    totals = [max(sum(row), 1) for row in counts]
    shares = [[count / total for count in row] for row, total in zip(counts, totals, strict=True)]
    texts = [[str(count) if count else "" for count in row] for row in counts]
    return charts.heat_map(rows, columns, shares, texts if len(rows) <= MOST_NUMBERED_CELLS else None, (0, 1))


def _confusion_saying(classes: Sequence[str], one: Diagnosis) -> str:
    counts = one.confusion.counts
    pairs = [(counts[row][column], row, column) for row in range(len(classes)) for column in range(len(classes))]
    most, row, column = max((pair for pair in pairs if pair[1] != pair[2]), default=(0, 0, 0))
    found = f"Numbers are counts, colours shares of a row, from score {one.confusion.score_thr:.2f} on."
    if not most:
        return f"No class is taken for another. {found}"
    return f"Most often {classes[row]} is taken for {classes[column]}: {most} times. {found}"


def _precision(diagnoses: Mapping[str, Diagnosis], main: Diagnosis) -> Figure:
    names = _compared(diagnoses)
    classes = [place for place, one in enumerate(main.classes) if one.precision is not None]
    series = [_curve(name, position, None, diagnoses[name]) for position, name in enumerate(names)]
    for place in classes:
        series += [_curve(name, position, place, diagnoses[name]) for position, name in enumerate(names)]
    spec = charts.lines(
        series,
        {"title": {"text": "recall"}, "range": [0, 1]},
        {"title": {"text": "precision"}, "range": [0, 1.02]},
    )
    for place, trace in enumerate(spec["data"]):  # every view shows each name once
        trace["showlegend"] = len(names) > 1
        trace["legendgroup"] = str(place)
    titles = ["mean of all classes", *(main.classes[place].name for place in classes)]
    return Figure(
        name="precision-recall",
        title="Precision and recall",
        saying="The higher a curve, the fewer wrong detections come with the objects found; the area below it is the "
        "average precision.",
        spec=spec,
        height=380,
        choices=[Choice(title, range(view * len(names), (view + 1) * len(names))) for view, title in enumerate(titles)],
        choice_title="Class",
    )


def _curve(name: str, position: int, place: int | None, one: Diagnosis) -> charts.Series:
    known = [detail.precision for detail in one.classes if detail.precision is not None]
    if place is None:
        values = [sum(at) / len(known) for at in zip(*known, strict=True)]
    else:
        values = list(one.classes[place].precision or ())
    recalls = RECALLS[::RECALL_STEP]
    width = 3.0 if name == ENSEMBLE else 1.5
    return charts.Series(name, recalls, values[::RECALL_STEP], charts.colour(position), width=width)


def _reliability(diagnoses: Mapping[str, Diagnosis], main: Diagnosis) -> Figure:
    series = [charts.Series("perfectly calibrated", (0, 1), (0, 1), "muted", dash="dot", width=1)]
    for position, name in enumerate(_compared(diagnoses)):
        bins = diagnoses[name].reliability.bins
        confidence, accuracy = [one.confidence for one in bins], [one.accuracy for one in bins]
        series.append(charts.Series(name, confidence, accuracy, charts.colour(position), mode="lines+markers"))
    return Figure(
        name="reliability",
        title="Are scores probabilities?",
        saying=f"On average a score lies {main.reliability.error:.3f} from the part of detections with such a score "
        "that are right (expected calibration error).",
        spec=charts.lines(
            series,
            {"title": {"text": "mean score"}, "range": [0, 1]},
            {"title": {"text": "part that is right"}, "range": [0, 1.02]},
        ),
        height=380,
    )


def _reliability_table(diagnoses: Mapping[str, Diagnosis]) -> DataTable:
    rows = tuple(
        (name, one.reliability.error, one.reliability.largest_gap, one.confusion.score_thr, one.reliability.detections)
        for name, one in diagnoses.items()
    )
    columns = ("", "calibration error", "largest gap", "score with the best F1", "detections")
    return DataTable("calibration", "Calibration of scores", columns, rows)


def _worst(contents: ReportContents) -> Iterator[Block]:
    worst = contents.pictures.worst
    yield Heading("Which images?")
    if not worst:
        yield Text(contents.pictures.remark or "No image costs anything: all objects are found before anything false.")
        return
    yield Text(
        "Images whose mending would raise mAP50 most. Blue boxes are right, dashed yellow ones were missed, orange "
        "ones are false. Where there are many, names show under the pointer."
    )
    yield Photographs("The images that cost most", worst)
