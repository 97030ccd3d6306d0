import base64
import hashlib
import re
from pathlib import Path

import pytest

from recycle.report.exports import DataTable
from recycle.report.page.blocks import Choice, Fact, Facts, Figure, Heading, Listing, Pair, Section, Table, Text
from recycle.report.page.render import Page, render, write_page

ODD = "</script><script>alert('1')</script> & \"종이팩\" 🧴"
ESCAPED = "&lt;/script&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &#34;종이팩&#34; 🧴"


def figure(value: float = 1.0, name: str = "one") -> Figure:
    spec = {"data": [{"type": "bar", "x": [value], "text": ODD}], "layout": {}}
    return Figure(name, ODD, ODD, spec, 200, [Choice(ODD, [0])], "Which")


def page(*blocks: object) -> Page:
    return Page(ODD, ODD, ODD, [Section("summary", ODD, ODD, tuple(blocks))], ODD)  # type: ignore[arg-type]


def without_plotly(text: str) -> str:
    return text[: text.index("plotly.js v")]


EVERYTHING = (
    Text(ODD, "warning"),
    Heading(ODD),
    Facts([Fact(ODD, ODD, ODD)]),
    Listing([ODD]),
    Table(DataTable("t", ODD, (ODD, "n", "x"), ((ODD, 1234, 0.123456), (ODD, None, None))), emphasis=[0]),
    Table(DataTable("u", ODD, (ODD,), ((ODD,),)), open=False),
    figure(),
    Pair((figure(name="two"),)),
)


def test_text_of_every_block_is_escaped() -> None:
    text = without_plotly(render(page(*EVERYTHING)))
    assert "<script>alert" not in text
    assert text.count(ESCAPED) > 20


def test_figures_hold_their_numbers_as_json_that_ends_no_script() -> None:
    text = without_plotly(render(page(figure())))
    spec = re.search(r'id="spec-one">(.*?)</script>', text, re.DOTALL)
    assert spec is not None
    assert "\\u003c/script\\u003e" in spec[1]


def test_only_the_scripts_of_the_page_may_run() -> None:
    text = render(page())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    allowed = set(re.findall(r"sha256-([\w+/=]+)", policy[1]))
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    assert len(scripts) == 2
    assert allowed == digests
    assert "default-src &#39;none&#39;" in policy[1]


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = without_plotly(render(page(*EVERYTHING)))
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sources
    assert all(source.startswith(("#", "data:")) for source in sources)


def test_numbers_keep_all_their_digits_for_the_file() -> None:
    text = without_plotly(render(page(EVERYTHING[4])))
    assert '<data value="0.123456">0.1235</data>' in text
    assert '<data value="1234">1,234</data>' in text


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        render(page(figure(float("nan"))))


def test_the_file_is_written_in_one_step(tmp_path: Path) -> None:
    write_page(page(), tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ValueError, match="JSON"):
        write_page(page(figure(float("nan"))), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().endswith("</html>")
