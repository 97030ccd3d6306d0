"""Plots as plotly.js takes them, from plain numbers; colours are names that the page resolves, see `blocks.Figure`."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Spec = dict[str, Any]
Trace = dict[str, Any]

SERIES = 8
"""Colours that can be told apart; more series repeat them with other dashes."""

_DASHES = ("solid", "dash", "dot", "dashdot")
_PATTERNS = ("", "/", ".", "x")
_LONGEST_LABEL = 26
_ROW = 26
_DIGITS = 5


def plain(text: object) -> str:
    """Text that plotly.js shows as it is, though it takes `<b>`, `<a>` and `&lt;` for markup."""
    return html.escape(str(text), quote=False)


def label(text: object) -> str:
    """Text for an axis: plain, and cut where it would take the plot's room."""
    cut = " ".join(str(text).split())
    return plain(cut if len(cut) <= _LONGEST_LABEL else f"{cut[: _LONGEST_LABEL - 1]}…")


def colour(position: int) -> str:
    """Colour of a series."""
    return f"series-{position % SERIES}"


def dash(position: int) -> str:
    """Dash of a series."""
    return _DASHES[position // SERIES % len(_DASHES)]


def rounded(values: Sequence[float | None]) -> list[float | None]:
    """Numbers with as many digits as can be seen, which keeps the page small."""
    return [None if value is None or not math.isfinite(value) else float(f"{value:.{_DIGITS}g}") for value in values]


def rows_height(count: int, around: int = 70) -> int:
    """Height in pixels of a plot with so many rows."""
    return around + _ROW * max(count, 2)


def layout(x: Mapping[str, Any], y: Mapping[str, Any], **more: object) -> Spec:
    """A layout with these axes."""
    return {"xaxis": dict(x), "yaxis": dict(y), **more}


def rows_axis(names: Sequence[str]) -> Spec:
    """An axis of names, the first at the top."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [label(name) for name in names],
        "range": [len(names) - 0.4, -0.6],
        "showgrid": False,
        "zeroline": False,
    }


def names_axis(names: Sequence[str]) -> Spec:
    """An axis of names from left to right."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [label(name) for name in names],
        "autotickangles": [0, -45, -90],
        "showgrid": False,
        "zeroline": False,
    }


@dataclass(frozen=True)
class Series:
    """A line: its name, points, and looks.

    Attributes:
        name: In the legend and on hovering.
        x: Places of its points.
        y: Values there.
        colour: Name of a colour.
        dash: As plotly.js names it.
        width: In pixels.
        group: Lines of a group have one entry in the legend, that of the first.
        mode: As plotly.js names it.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str
    dash: str = "solid"
    width: float = 2
    group: str = ""
    mode: str = "lines"


def lines(series: Sequence[Series], x: Mapping[str, Any], y: Mapping[str, Any]) -> Spec:
    """Lines over common axes."""
    seen: set[str] = set()
    traces = []
    for one in series:
        group = one.group or one.name
        traces.append(_line(one, group, in_legend=group not in seen))
        seen.add(group)
    return {"data": traces, "layout": layout(x, y, showlegend=len(seen) > 1)}


def _line(one: Series, group: str, *, in_legend: bool) -> Trace:
    return {
        "type": "scatter",
        "mode": one.mode,
        "name": plain(group),
        "legendgroup": plain(group),
        "showlegend": in_legend,
        "x": rounded(one.x),
        "y": rounded(one.y),
        "line": {"color": one.colour, "dash": one.dash, "width": one.width},
        "marker": {"color": one.colour, "size": 6},
        "meta": plain(one.name),
        "hovertemplate": "%{meta}<br>%{x}: %{y}<extra></extra>",
    }


def bars(names: Sequence[str], values: Sequence[float], x: Mapping[str, Any], colours: Sequence[str]) -> Spec:
    """Horizontal bars, one for each name from the top."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": rounded(values),
        "y": list(range(len(names))),
        "marker": {"color": list(colours)},
        "hovertext": [plain(name) for name in names],
        "hovertemplate": "%{hovertext}: %{x}<extra></extra>",
    }
    return {"data": [trace], "layout": layout(x, rows_axis(names), bargap=0.35, showlegend=False)}


def columns(
    names: Sequence[str], parts: Mapping[str, Sequence[float]], y: Mapping[str, Any], mode: str = "group"
) -> Spec:
    """Upright bars: for each name one of every part, beside each other or in a stack."""
    traces = [
        {
            "type": "bar",
            "name": plain(part),
            "x": list(range(len(names))),
            "y": rounded(values),
            "hovertext": [plain(name) for name in names],
            "hovertemplate": "%{hovertext}: %{y}",
            "marker": {"color": colour(position), "pattern": {"shape": _PATTERNS[position // SERIES % len(_PATTERNS)]}},
        }
        for position, (part, values) in enumerate(parts.items())
    ]
    return {
        "data": traces,
        "layout": layout(
            names_axis(names), y, barmode=mode, bargap=0.25, legend={"traceorder": "normal"}, showlegend=len(parts) > 1
        ),
    }


def histogram(edges: Sequence[float], counts: Sequence[int], x: Mapping[str, Any]) -> Spec:
    """Counts between edges."""
    trace = {
        "type": "bar",
        "x": [f"{low:.0f} to {high:.0f}" for low, high in pairwise(edges)],
        "y": list(counts),
        "marker": {"color": colour(0)},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
    }
    return {
        "data": [trace],
        "layout": layout(
            {"type": "category", "autotickangles": [0, -45], "showgrid": False, **x}, {}, bargap=0.06, showlegend=False
        ),
    }


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]] | None,
    limits: tuple[float, float],
) -> Trace:
    """A trace of coloured cells, the first row at the top once `heat_layout` turns the axis."""
    trace: Trace = {
        "type": "heatmap",
        "z": [rounded(row) for row in values],
        "x": list(range(len(columns))),
        "y": list(range(len(rows))),
        "zmin": limits[0],
        "zmax": limits[1],
        "colorscale": "Cividis",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0},
        "customdata": [[f"{plain(row)} · {plain(column)}" for column in columns] for row in rows],
        "hovertemplate": "%{customdata}: %{z}<extra></extra>",
    }
    if texts is not None:
        trace |= {"text": [list(row) for row in texts], "texttemplate": "%{text}", "textfont": {"size": 11}}
    return trace


def heat_layout(rows: Sequence[str], columns: Sequence[str], x_title: str = "", y_title: str = "") -> Spec:
    """The layout of a heat map."""
    return layout(
        {**names_axis(columns), "title": {"text": x_title}},
        {**rows_axis(rows), "title": {"text": y_title}},
        showlegend=False,
    )


def intervals(
    names: Sequence[str], groups: Mapping[str, Sequence[tuple[float, float, float] | None]], x: Mapping[str, Any]
) -> Spec:
    """Points with intervals (value, low, high), one row for each name, the groups a little above each other."""
    traces = []
    for position, (group, points) in enumerate(groups.items()):
        shift = (position - (len(groups) - 1) / 2) * 0.26
        known = [(row + shift, names[row], point) for row, point in enumerate(points) if point is not None]
        traces.append(_points_with_intervals(group, known, colour(position)))
    return {"data": traces, "layout": layout(x, rows_axis(names), showlegend=len(groups) > 1)}


def _points_with_intervals(
    group: str, known: Sequence[tuple[float, str, tuple[float, float, float]]], its_colour: str
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(group),
        "x": rounded([value for _, _, (value, _, _) in known]),
        "y": [place for place, _, _ in known],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": rounded([high - value for _, _, (value, _, high) in known]),
            "arrayminus": rounded([value - low for _, _, (value, low, _) in known]),
            "color": its_colour,
            "thickness": 1.5,
            "width": 4,
        },
        "marker": {"color": its_colour, "size": 8},
        "hovertext": [f"{plain(name)}: {value:.4f} ({low:.4f} to {high:.4f})" for _, name, (value, low, high) in known],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
