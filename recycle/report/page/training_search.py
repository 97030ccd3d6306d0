"""The page of a search of training settings: what was tried, what counts, and what the best are worth."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from recycle.recipe_yaml import leaves
from recycle.report.exports import DataTable
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Fact, Facts, Figure, Listing, Section, Table, Text
from recycle.report.page.render import Page
from recycle.report.training_search import DEFAULT, TrainingStudy, TrialRecord, verdict


def page_of(study: TrainingStudy, name: str) -> Page:
    """Puts the page together.

    Args:
        study: The search.
        name: Of its folder.
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Page(
        kind="Search report",
        title=name,
        subtitle=f"The search of training settings for {study.model}, written {written}.",
        sections=[_summary(study), _trials(study), _parameters(study), _finals(study)],
        footer="Written by recycle. Nothing on this page was loaded from a network, and nothing is sent to one.",
    )


def _summary(study: TrainingStudy) -> Section:
    outcomes = [trial.outcome for trial in study.trials]
    stopped = sum(outcome in ("stopped", "dropped") for outcome in outcomes)
    finished = outcomes.count("finished")
    best = study.best
    facts = [
        Fact("Trials", str(len(outcomes)), f"{finished} came to their end, {stopped} were stopped early"),
        Fact("Best", f"{best.value:.4f}" if best else "none", f"{study.value} of trial {best.number}" if best else ""),
        Fact("Time of trials", f"{sum(trial.seconds for trial in study.trials) / 60:.1f} min", "added up"),
    ]
    return Section("summary", "Summary", verdict(study), (Facts(facts), *_remarks(study)))


def _remarks(study: TrainingStudy) -> Iterator[Block]:
    if study.remarks:
        yield Listing(study.remarks)


def _trials(study: TrainingStudy) -> Section:
    if study.best is None:
        return Section("trials", "Trials", "No trial came to its end.", (Table(_trial_table(study)),))
    blocks = (_history(study), _curves(study), Table(_trial_table(study)))
    return Section("trials", "Trials", "Every setting that was tried, and how far it came.", blocks)


def _history(study: TrainingStudy) -> Figure:
    finished = [(trial.number, trial.value) for trial in study.trials if trial.value is not None]
    early = [(one.number, one.curve[max(one.curve)]) for one in study.trials if one.value is None and one.curve]
    best = np.maximum.accumulate([value for _, value in finished]).tolist()
    series = [
        charts.Series("came to its end", *_columns(finished), colour="series-0", mode="markers"),
        charts.Series("best so far", [number for number, _ in finished], best, "series-0"),
    ]
    if early:
        series.append(charts.Series("ended before, last score", *_columns(early), colour="series-3", mode="markers"))
    number, value = max(finished, key=lambda one: one[1])
    return Figure(
        name="history",
        title="The search",
        saying=f"The best of {len(study.trials)} trials is number {number} with {value:.4f}.",
        spec=charts.lines(series, {"title": {"text": "trial"}, "tickformat": "d"}, {"title": {"text": study.value}}),
        height=320,
    )


def _curves(study: TrainingStudy) -> Figure:
    best = study.best
    assert best is not None
    series = [_curve(trial, trial is best) for trial in study.trials if trial.curve]
    return Figure(
        name="curves",
        title="Scores while training",
        saying="A line that ends early was stopped; the page's table says why.",
        spec=charts.lines(
            sorted(series, key=lambda one: one.width),
            {"title": {"text": "epoch"}, "tickformat": "d", "dtick": max(1, max(map(_last_epoch, study.trials)) // 10)},
            {"title": {"text": "score"}},
        ),
        height=340,
    )


def _curve(trial: TrialRecord, is_best: bool) -> charts.Series:
    epochs = sorted(trial.curve)
    group = "best" if is_best else "came to its end" if trial.value is not None else "ended before"
    colour = {"best": "series-1", "came to its end": "series-0", "ended before": "series-3"}[group]
    scores = [trial.curve[epoch] for epoch in epochs]
    width = 3 if is_best else 1.5
    return charts.Series(
        f"trial {trial.number}", epochs, scores, colour, width=width, group=group, mode="lines+markers"
    )


def _parameters(study: TrainingStudy) -> Section:
    if not study.importances.shares:
        lead = "Too few trials came far enough to say which parameters count."
        return Section("parameters", "Parameters", lead)
    shares, epoch = study.importances.shares, study.importances.epoch
    names = list(shares)
    figure = Figure(
        name="importances",
        title="Importance of parameters",
        saying=f"{names[0]} explains most of what differs between trials, {shares[names[0]]:.0%} by fANOVA.",
        spec=charts.bars(
            names,
            list(shares.values()),
            {"title": {"text": "share of the variance"}, "tickformat": ".0%"},
            ["series-0"] * len(names),
        ),
        height=charts.rows_height(len(names)),
    )
    lead = (
        f"What counts for the score after epoch {epoch}. With few trials these shares are rough: they say where to "
        "look, not what is true."
    )
    return Section("parameters", "Parameters", lead, (figure,))


def _finals(study: TrainingStudy) -> Section:
    if not study.finalists:
        return Section("finals", "At full size", "Nothing was trained at full size.")
    return Section("finals", "At full size", verdict(study), tuple(_final_blocks(study)))


def _final_blocks(study: TrainingStudy) -> Iterator[Block]:
    rows = tuple((one.name, one.searched, one.full, one.reason) for one in study.finalists)
    columns = ("setting", "as searched", "at full size", "failed because")
    yield Table(DataTable("finalists", f"Finalists, {study.value}", columns, rows))
    correlation = study.rank_correlation
    told = f"{correlation:+.2f}" if correlation is not None else "not known with so few"
    yield Text(
        f"Rank correlation (Spearman) of both: {told}. Near 1 the small trainings rank settings as the full ones do."
    )
    if study.comparison:
        yield _seeds(study)
    if changes := _changes_of(study):
        yield Table(changes)


def _seeds(study: TrainingStudy) -> Figure:
    compared = study.comparison
    assert compared is not None
    series = [
        charts.Series(study.challenger, range(len(compared.scores)), compared.scores, "series-0", mode="markers"),
        charts.Series(DEFAULT, range(len(compared.others)), compared.others, "series-1", mode="markers"),
    ]
    return Figure(
        name="seeds",
        title="The best trial and the default over seeds",
        saying=f"The means differ by {compared.difference:+.4f}, with 95 % confidence by "
        f"{compared.interval.low:+.4f} to {compared.interval.high:+.4f} (Welch).",
        spec=charts.lines(
            series, {"title": {"text": "seed"}, "tickformat": "d", "dtick": 1}, {"title": {"text": study.value}}
        ),
        height=300,
    )


def _changes_of(study: TrainingStudy) -> DataTable | None:
    changes = next((one.changes for one in study.trials if f"trial-{one.number}" == study.winner), {})
    rows = tuple(
        (key, f"{value:.4g}" if isinstance(value, float) else str(value)) for key, value in leaves(dict(changes)) if key
    )
    return DataTable("winner", "What the winner changes of the model", ("key", "value"), rows) if rows else None


def _trial_table(study: TrainingStudy) -> DataTable:
    rows = tuple(
        (one.number, one.value, one.outcome, _last_epoch(one), round(one.seconds), one.reason) for one in study.trials
    )
    columns = ("trial", study.value, "ended", "after epochs", "seconds", "because")
    return DataTable("trials", "All trials", columns, rows)


def _last_epoch(trial: TrialRecord) -> int:
    return max(trial.curve, default=0)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[float], list[float | None]]:
    return [number for number, _ in points], [value for _, value in points]
