"""The part of the page about rounds of pseudo labels: what they learned from, and whether they were kept."""

from collections.abc import Iterator

from recycle.evaluation.bootstrap import Interval
from recycle.report.ensemble import TITLES
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Figure, Heading, Section, Table, Text
from recycle.report.page.contents import ReportContents
from recycle.report.rounds import (
    Change,
    GateReport,
    RoundReport,
    changes_data,
    classes_data,
    labels_data,
    round_sentence,
)


def rounds(contents: ReportContents) -> Section:
    """Labels, scores and the gate's decision for each round."""
    if not contents.rounds:
        asked = "No round of pseudo labels has begun yet." if contents.recipe.rounds else "The recipe asks for none."
        return Section("rounds", "Rounds of pseudo labels", asked)
    lead = " ".join(round_sentence(one) for one in contents.rounds)
    return Section("rounds", "Rounds of pseudo labels", lead, tuple(_blocks(contents)))


def _blocks(contents: ReportContents) -> Iterator[Block]:
    for one in contents.rounds:
        yield Heading(f"Round {one.round_index}")
        if not one.labels.is_fold_safe:
            yield Text(
                f"The labels were read from {one.labels.source}. Nothing tells which training images the models behind "
                "it saw; if they saw those of a fold, scores out of fold flatter this round.",
                "warning",
            )
        is_boxes = contents.recipe.task == "detection"
        yield from _round_blocks(one, TITLES[contents.recipe.fusion.metric if is_boxes else "miou"])


def _round_blocks(one: RoundReport, metric: str) -> Iterator[Block]:
    yield Table(labels_data(one))
    classes = classes_data(one)
    if classes is not None:
        yield Table(classes, open=False)
    changes = changes_data(one)
    if one.gate is not None and one.gate.ensemble is not None and changes is not None:
        yield _figure(one, one.gate, metric)
        yield Table(changes, open=False)


def _figure(one: RoundReport, gate: GateReport, metric: str) -> Figure:
    assert gate.ensemble is not None
    changes = {"ensemble, held out": gate.ensemble}
    changes |= {"the round's models alone": gate.alone} if gate.alone else {}
    changes |= gate.models or {}
    changes |= {f"class {name}": change for name, change in (gate.classes or {}).items()}
    return Figure(
        name=f"round-{one.round_index}-changes",
        title=f"What round {one.round_index} changed, out of fold, with 95 % intervals (of classes for all at once)",
        saying=_saying(gate.ensemble, metric),
        spec=charts.intervals(
            list(changes),
            {"with the round, minus before": [_point(change) for change in changes.values()]},
            {"title": {"text": f"difference of {metric}; of classes, of {one.labels.wording.class_score}"}},
        ),
        height=charts.rows_height(len(changes), 90),
    )


def _point(change: Change) -> tuple[float, float, float]:
    return change.score - change.former, change.low, change.high


def _saying(change: Change, metric: str) -> str:
    verdict = Interval(change.low, change.high).verdict
    return f"The ensemble goes from {change.former:.4f} to {change.score:.4f} {metric}: {verdict}."
