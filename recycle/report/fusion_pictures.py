"""What an ensemble is made of, drawn with matplotlib as PNG files; colours can be told apart by the colour-blind."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recycle.files import replacing

Intervals = Sequence[tuple[float, float]]
"""Lower and upper end of each."""

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8C8C8C"
"""The first two from the palette of Okabe and Ito."""

_MOST_CELLS_WITH_NUMBERS = 32
_ROW_HEIGHT = 0.27
_SMALL, _NORMAL, _LARGE = 7, 9, 11
_DPI = 130


def draw_heat_map(names: Sequence[str], matrix: npt.NDArray[np.float64], title: str, path: Path) -> None:
    """Draws a value for each pair of models; the diagonal stays grey, so that colours show what differs.

    Args:
        names: n names.
        matrix: Shape (n, n), row and column i belonging to name i.
        title: Text above.
        path: The PNG file to write.

    Raises:
        ValueError: If the matrix has another shape.
    """
    if np.shape(matrix) != (len(names), len(names)):
        raise ValueError(f"There must be {len(names)} rows and columns, but got shape {np.shape(matrix)}.")
    cell = 0.42 if len(names) <= _MOST_CELLS_WITH_NUMBERS else 0.19
    side = max(2.0, cell * len(names))
    figure, axes = _canvas(side + 3.5, side + 2.5, title)
    others = np.ma.masked_array(matrix, mask=np.eye(len(names), dtype=bool))
    low, high = _colour_limits(others.compressed())
    image = axes.imshow(others, cmap=colormaps["cividis"].with_extremes(bad="#DDDDDD"), vmin=low, vmax=high)
    beside = axes.inset_axes((1 + 0.1 / side, 0, 0.15 / side, 1))
    figure.colorbar(image, cax=beside).ax.tick_params(labelsize=_SMALL)
    axes.set_xticks(range(len(names)), _short(names), rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(range(len(names)), _short(names), parse_math=False)
    axes.tick_params(labelsize=_NORMAL if len(names) <= _MOST_CELLS_WITH_NUMBERS else _SMALL)
    if len(names) <= _MOST_CELLS_WITH_NUMBERS:
        _write_numbers(axes, matrix, (low + high) / 2)
    _save(figure, path)


def _colour_limits(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return (low, high) if high - low > 0.02 else (low - 0.01, high + 0.01)


def _write_numbers(axes: Axes, matrix: npt.NDArray[np.float64], middle: float) -> None:
    for row, column in np.ndindex(matrix.shape):
        is_dark = row != column and matrix[row, column] < middle
        text = f"{matrix[row, column]:.2f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=_SMALL, color="white" if is_dark else "black")


def draw_contributions(names: Sequence[str], gains: Sequence[float], title: str, path: Path) -> None:
    """Draws what each model adds as a bar, the largest at the top; losses have another colour.

    Args:
        names: n names.
        gains: n values.
        title: Text above.
        path: The PNG file to write.

    Raises:
        ValueError: If there are not as many gains as names.
    """
    bars = sorted(zip(names, gains, strict=True), key=lambda bar: -bar[1])
    figure, axes = _canvas(8, _height(len(bars)), title)
    _list_rows(axes, [name for name, _ in bars], [f"{gain:+.4f}" for _, gain in bars])
    for place, (_, gain) in enumerate(bars):
        axes.barh(place, gain, height=0.65, color=BLUE if gain >= 0 else ORANGE)
    axes.axvline(0, color="black", linewidth=0.8)
    _save(figure, path)


def draw_intervals(names: Sequence[str], values: Sequence[float], intervals: Intervals, path: Path) -> None:
    """Draws scores with their 95 per cent intervals below each other; a line marks the highest score.

    Args:
        names: n names, the first drawn at the top.
        values: n scores.
        intervals: n intervals.
        path: The PNG file to write.

    Raises:
        ValueError: If names, values and intervals are not equally many.
    """
    rows = _rows(names, values, intervals)
    figure, axes = _canvas(8, _height(len(rows)), "Scores with 95 % intervals")
    _list_rows(axes, names, [f"{value:.3f}  [{low:.3f}, {high:.3f}]" for _, value, low, high in rows])
    axes.axvline(max(values), color=GREY, linewidth=0.8, linestyle="--")
    for place, (_, value, low, high) in enumerate(rows):
        _error_bar(axes, place, low, high)
        axes.plot(value, place, "o", markersize=5, color=BLUE)
    _save(figure, path)


def draw_selection(names_in_order: Sequence[str], scores: Sequence[float], chosen_count: int, path: Path) -> None:
    """Draws how the score changes as models are added one by one, from the top down.

    Args:
        names_in_order: n names in the order in which they were added.
        scores: n scores, each that of the ensemble up to here.
        chosen_count: How many of the first were kept.
        path: The PNG file to write.

    Raises:
        ValueError: If names and scores are not equally many.
    """
    if len(names_in_order) != len(scores):
        raise ValueError(f"There must be as many scores as names, but got {len(scores)} and {len(names_in_order)}.")
    figure, axes = _canvas(8, _height(len(scores)), f"Models added one by one, {chosen_count} of them kept")
    numbered = [f"{place}. {name}" for place, name in enumerate(_short(names_in_order), start=1)]
    _list_rows(axes, numbered, [f"{score:.4f}" for score in scores])
    axes.plot(scores, range(len(scores)), color=GREY, linewidth=1)
    for place, score in enumerate(scores):
        face = BLUE if place < chosen_count else "white"
        axes.plot(score, place, "o", markersize=6, color=BLUE, markerfacecolor=face)
    if chosen_count < len(scores):
        axes.axhline(chosen_count - 0.5, color=ORANGE, linewidth=1, linestyle="--")
    _save(figure, path)


def draw_responses(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], chosen: Mapping[str, float], path: Path
) -> None:
    """Draws how the score answers to each setting, all on the same scale; a line marks the chosen value.

    Args:
        curves: Values tried, ascending, and scores, by the setting's name.
        chosen: The value chosen, by the setting's name.
        path: The PNG file to write.

    Raises:
        ValueError: If a setting has not as many scores as values.
    """
    columns = min(len(curves), max(3, math.isqrt(len(curves))))
    rows = math.ceil(len(curves) / max(columns, 1))
    figure = Figure(figsize=(3.1 * columns, 2.4 * rows), dpi=_DPI, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (name, (values, scores)) in zip(grid, curves.items(), strict=False):
        _draw_response(axes, name, values, scores, chosen[name])
    for axes in grid[len(curves) :]:
        axes.set_axis_off()
    _save(figure, path)


def _draw_response(axes: Axes, name: str, values: Sequence[float], scores: Sequence[float], chosen: float) -> None:
    if len(values) != len(scores):
        raise ValueError(f"{name} must have as many scores as values, but got {len(scores)} and {len(values)}.")
    axes.plot(values, scores, "o-", color=BLUE, markersize=3, linewidth=1.2)
    axes.axvline(chosen, color=ORANGE, linewidth=1.2, linestyle="--")
    if name == "skip_box_thr" and min(values) > 0:
        axes.set_xscale("log")
    axes.set_title(f"{_short([name], 30)[0]} = {chosen:.4g}", fontsize=_NORMAL, parse_math=False)
    axes.grid(color="#EEEEEE")
    axes.tick_params(labelsize=_SMALL)


def _rows(names: Sequence[str], values: Sequence[float], intervals: Intervals) -> list[tuple[str, float, float, float]]:
    """Name, value, lower and upper end of each row."""
    if not len(names) == len(values) == len(intervals):
        counts = f"names={len(names)}, values={len(values)}, intervals={len(intervals)}"
        raise ValueError(f"There must be as many values and intervals as names, but got {counts}.")
    return [(name, value, *end) for name, value, end in zip(names, values, intervals, strict=True)]


def _height(rows: int) -> float:
    return 1.2 + _ROW_HEIGHT * rows


def _canvas(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=_LARGE, loc="left", parse_math=False)
    return figure, axes


def _list_rows(axes: Axes, names: Sequence[str], numbers: Sequence[str]) -> None:
    """Writes names at the left and numbers at the right, the first at the top."""
    axes.set_yticks(range(len(names)), _short(names), parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    for place, number in enumerate(numbers):
        axes.text(1.02, place, number, transform=axes.get_yaxis_transform(), va="center", fontsize=_NORMAL)
    axes.grid(axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.tick_params(labelsize=_NORMAL)
    axes.tick_params(axis="y", length=0)


def _error_bar(axes: Axes, place: int, low: float, high: float) -> None:
    axes.plot([low, high], [place, place], "|-", color="black", linewidth=1.2, markersize=5)


def _short(names: Sequence[str], longest: int = 40) -> list[str]:
    """Cuts out the middle of names that are too long, because they often differ at the end."""
    half = longest // 2
    return [name if len(name) <= longest else f"{name[: half - 1]}…{name[-half:]}" for name in names]


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight")
