"""What ran when and where, and how busy that kept the cluster."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from recycle.report.attempts import Attempt, Usage, usage_of
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Figure, Text
from recycle.report.page.contents import ReportContents
from recycle.report.progress import duration

_OUTCOMES = {"finished": "series-0", "failed": "series-1", "cut off": "muted"}


def timeline(contents: ReportContents) -> Iterator[Block]:
    """A bar for each try at each member, and below it what they occupied together."""
    attempts = contents.attempts
    if not attempts:
        yield Text("When and where its members ran was not recorded in this run.")
        return
    usage = usage_of(attempts)
    yield Figure(
        name="timeline",
        title="What ran when and where",
        saying=_saying(attempts),
        spec=_bars(attempts, _time_axis(usage)),
        height=charts.rows_height(len({one.member for one in attempts}), 90),
    )
    yield Figure(
        name="usage",
        title="Cores and GPUs that members occupied",
        saying=_usage_saying(usage),
        spec=_steps(usage),
        height=220,
    )


def _saying(attempts: Sequence[Attempt]) -> str:
    longest = max(attempts, key=lambda one: one.seconds)
    hosts = {one.host for one in attempts if one.host}
    where = f"on {len(hosts)} hosts" if len(hosts) > 1 else "on one host"
    members = len({one.member for one in attempts})
    return f"{members} members ran {where}; the longest try, at {longest.member}, took {duration(longest.seconds)}."


def _time_axis(usage: Usage) -> charts.Spec:
    """The same for both figures, with a margin that shows the first start and the last end."""
    margin = max((usage.times[-1] - usage.times[0]) / 50, 0.5)
    return {"type": "date", "range": [_moment(usage.times[0] - margin), _moment(usage.times[-1] + margin)]}


def _bars(attempts: Sequence[Attempt], time_axis: charts.Spec) -> charts.Spec:
    members = list(dict.fromkeys(one.member for one in attempts))
    traces = [
        _trace(outcome, colour, [one for one in attempts if one.outcome == outcome], members)
        for outcome, colour in _OUTCOMES.items()
        if any(one.outcome == outcome for one in attempts)
    ]
    return {
        "data": traces,
        "layout": charts.layout(
            time_axis, charts.rows_axis(members), barmode="overlay", bargap=0.3, showlegend=len(traces) > 1
        ),
    }


def _trace(outcome: str, colour: str, attempts: Sequence[Attempt], members: Sequence[str]) -> charts.Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "name": outcome,
        "base": [_moment(one.began) for one in attempts],
        "x": [round(one.seconds * 1000) for one in attempts],
        "y": [members.index(one.member) for one in attempts],
        "text": [charts.label(one.host) for one in attempts],
        "textposition": "inside",
        "insidetextanchor": "start",
        "insidetextfont": {"color": "paper"},
        "marker": {"color": colour, "pattern": {"shape": "/" if outcome == "failed" else ""}},
        "hovertext": [charts.plain(_told(one)) for one in attempts],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _told(one: Attempt) -> str:
    where = f" on {one.host}" if one.host else ""
    why = f": {one.reason}" if one.reason else ""
    return f"{one.member}, try {one.number}: {one.outcome} after {duration(one.seconds)}{where}{why}"


def _usage_saying(usage: Usage) -> str:
    shares = {"cores": usage.cpu_share, "GPUs": usage.gpu_share}
    told = [f"{share:.0%} of the {name}" for name, share in shares.items() if share is not None]
    return f"From the first start to the last end, {' and '.join(told) or 'an unknown part'} was occupied."


def _steps(usage: Usage) -> charts.Spec:
    kinds = {"cores": usage.cpus, "GPUs": usage.gpus}
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": [_moment(moment) for moment in usage.times],
            "y": charts.rounded(amounts),
            "line": {"shape": "hv", "color": charts.colour(position), "width": 1.5},
            "fill": "tozeroy",
            "hovertemplate": "%{x|%H:%M:%S}: %{y}<extra>" + name + "</extra>",
        }
        for position, (name, amounts) in enumerate(kinds.items())
        if any(amounts)
    ]
    return {"data": traces, "layout": charts.layout(_time_axis(usage), {"rangemode": "tozero"}, showlegend=True)}


def _moment(seconds: float) -> str:
    """In the clock of the machine that writes the page."""
    return datetime.fromtimestamp(seconds).isoformat(sep=" ", timespec="milliseconds")
