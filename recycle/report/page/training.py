"""The part of the page about training: curves, times, failures, and what ran where."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from recycle.recipe.settings import MAIN_SCORES, SCORE_TITLES
from recycle.report.attempts import Attempt, usage_of
from recycle.report.curves import Curves
from recycle.report.exports import DataTable
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Fact, Facts, Figure, Heading, Pair, Section, Table, Text
from recycle.report.page.contents import MemberRecord, ReportContents
from recycle.report.page.timeline import timeline
from recycle.report.progress import duration

MOST_POINTS = 150
"""Of a curve: more cannot be told apart."""


def training(contents: ReportContents) -> Section:
    """Curves, times, failures and the timeline."""
    return Section("training", "Training", _lead(contents), tuple(_blocks(contents)))


def _lead(contents: ReportContents) -> str:
    failed = len(contents.failed)
    waiting = len(contents.members) - len(contents.finished) - failed
    given_up = f"{failed or 'none'} {'were' if failed > 1 else 'was'} given up"
    rest = f"; {waiting} still to do" if waiting else ""
    return f"{len(contents.finished)} of {len(contents.members)} members are finished, {given_up}{rest}."


def _blocks(contents: ReportContents) -> Iterator[Block]:
    yield Facts(tuple(_facts(contents)))
    for member in contents.failed:
        yield Text(f"{member.name} was given up: {member.reason.removeprefix(f'{member.name}: ')}", "warning")
    yield from timeline(contents)
    yield Heading("Curves")
    yield from _curves(contents)
    yield Table(_member_table(contents.members, _score_title(contents)), digits=3)
    if any(one.outcome != "finished" for one in contents.attempts):
        yield Table(_attempt_table(contents.attempts), digits=1)


def _facts(contents: ReportContents) -> Iterator[Fact]:
    attempts = contents.attempts
    seconds = sum(member.seconds or 0 for member in contents.finished)
    yield Fact("Time of all members", duration(seconds), "training and prediction, one after the other")
    if not attempts:
        return
    usage = usage_of(attempts)
    yield Fact("From first start to last end", duration(usage.times[-1] - usage.times[0]), _shares(attempts))
    hours = {name: sum(getattr(one, name) * one.seconds for one in attempts) / 3600 for name in ("cpus", "gpus")}
    yield Fact("GPU hours", f"{hours['gpus']:.2f}", f"and {hours['cpus']:.2f} core hours")
    retries = sum(one.outcome == "failed" for one in attempts)
    cut = sum(one.outcome == "cut off" for one in attempts)
    yield Fact("Failed tries", str(retries), f"{cut} more without a recorded end" if cut else "")


def _shares(attempts: Sequence[Attempt]) -> str:
    usage = usage_of(attempts)
    shares = {"cores": usage.cpu_share, "GPUs": usage.gpu_share}
    told = [f"{share:.0%} of {name}" for name, share in shares.items() if share is not None]
    return f"{' and '.join(told)} occupied meanwhile" if told else ""


def _curves(contents: ReportContents) -> Iterator[Block]:
    known = [member for member in contents.members if member.curves.losses]
    if not known:
        yield Text("No training logs lie in the run folder, so there are no curves to show.")
        return
    title = f"{_score_title(contents)} on the fold that a member never saw"
    yield _figure(known, "score-curves", title, lambda one: one.scores, {})
    yield Pair(
        (
            _figure(
                known, "loss-curves", "Loss, mean of each epoch", lambda one: one.losses, {"type": "log", "dtick": "D2"}
            ),
            _figure(known, "rate-curves", "Learning rate", lambda one: one.rates, {"exponentformat": "e"}),
        )
    )


def _figure(
    members: Sequence[MemberRecord],
    name: str,
    title: str,
    values_of: Callable[[Curves], Mapping[int, float]],
    axis: Mapping[str, object],
) -> Figure:
    models = list(dict.fromkeys(member.model for member in members))
    series = [
        _series(member, models.index(member.model), values_of(member.curves))
        for member in members
        if values_of(member.curves)
    ]
    return Figure(
        name=name,
        title=title,
        saying=_saying(members, values_of),
        spec=charts.lines(series, {"title": {"text": "epoch"}}, {**axis}),
        height=340,
    )


def _series(member: MemberRecord, position: int, values: Mapping[int, float]) -> charts.Series:
    epochs = sorted(values)
    step = -(-len(epochs) // MOST_POINTS)
    shown = [epoch for place, epoch in enumerate(epochs) if place % step == 0 or place == len(epochs) - 1]
    return charts.Series(
        name=member.name,
        x=shown,
        y=[values[epoch] for epoch in shown],
        colour=charts.colour(position),
        dash=charts.dash(position),
        width=1.5,
        group=member.model,
        mode="lines" if len(shown) > 20 else "lines+markers",
    )


def _saying(members: Sequence[MemberRecord], values_of: Callable[[Curves], Mapping[int, float]]) -> str:
    last = {member.name: values[max(values)] for member in members if (values := values_of(member.curves))}
    if not last:
        return "Nothing was logged."
    low, high = min(last, key=lambda name: last[name]), max(last, key=lambda name: last[name])
    if low == high:
        return f"It ends at {last[low]:.4g}."
    return f"At the end it lies between {last[low]:.4g} ({low}) and {last[high]:.4g} ({high})."


def _score_title(contents: ReportContents) -> str:
    return SCORE_TITLES[MAIN_SCORES[contents.recipe.task]]


def _member_table(members: Sequence[MemberRecord], score: str) -> DataTable:
    columns = ("member", "status", "epochs", "last loss", f"last {score}", "seconds", "tries", "on")
    return DataTable("members", "Members", columns, tuple(map(_member_row, members)))


def _member_row(member: MemberRecord) -> tuple[str | int | float | None, ...]:
    losses, scores = member.curves.losses, member.curves.scores
    return (
        member.name,
        member.status,
        max(losses) if losses else None,
        losses[max(losses)] if losses else None,
        scores[max(scores)] if scores else None,
        None if member.seconds is None else round(member.seconds),
        member.attempts,
        member.host,
    )


def _attempt_table(attempts: Sequence[Attempt]) -> DataTable:
    rows = tuple(
        (one.member, one.number, one.outcome, round(one.seconds, 1), one.host, one.reason)
        for one in attempts
        if one.outcome != "finished"
    )
    columns = ("member", "try", "ended", "seconds", "on", "reason")
    return DataTable("tries", "Tries that did not finish", columns, rows)
