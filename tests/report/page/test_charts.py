import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.report.page import charts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paper", "Paper"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a & b", "a &amp; b"),
        ("&lt;", "&amp;lt;"),
        ("종이팩 🧴 \"'", "종이팩 🧴 \"'"),
    ],
)
def test_plain_text_is_no_markup(text: str, expected: str) -> None:
    assert charts.plain(text) == expected


def test_labels_are_cut_before_they_are_escaped() -> None:
    assert charts.label("<" * 40) == "&lt;" * 25 + "…"
    assert charts.label(" two\nlines ") == "two lines"


@given(st.lists(st.one_of(st.none(), st.floats())))
def test_rounded_numbers_are_json(values: list[float | None]) -> None:
    rounded = charts.rounded(values)
    json.dumps(rounded, allow_nan=False)
    for value, shown in zip(values, rounded, strict=True):
        if value is not None and math.isfinite(value):
            assert shown == pytest.approx(value, rel=1e-4)


def test_every_line_of_a_group_has_one_entry_in_the_legend() -> None:
    series = [charts.Series(f"a{fold}", [1], [2], "series-0", group="a") for fold in range(3)]
    traces = charts.lines([*series, charts.Series("b", [1], [2], "series-1")], {}, {})["data"]
    assert [trace["showlegend"] for trace in traces] == [True, False, False, True]


def test_colours_and_dashes_tell_more_series_apart_than_there_are_colours() -> None:
    looks = {(charts.colour(position), charts.dash(position)) for position in range(32)}
    assert len(looks) == 32


def test_classes_of_the_same_cut_name_keep_their_own_columns() -> None:
    names = ["x" * 40 + "1", "x" * 40 + "2"]
    (trace,) = charts.columns(names, {"part": [3, 4]}, {})["data"]
    assert trace["x"] == [0, 1]
    assert trace["hovertext"] == names


def test_intervals_leave_out_what_is_not_known() -> None:
    spec = charts.intervals(["a", "b"], {"all": [(0.5, 0.4, 0.7), None]}, {})
    (trace,) = spec["data"]
    assert trace["x"] == [0.5]
    assert trace["error_x"]["array"] == [pytest.approx(0.2)]
    assert trace["error_x"]["arrayminus"] == [pytest.approx(0.1)]
