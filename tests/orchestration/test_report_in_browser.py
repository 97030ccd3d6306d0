"""The report in a real browser: complete, without errors, without a network, for every reader."""

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from recycle.orchestration.report import write_report
from recycle.report.page.sections import SECTIONS
from tests.orchestration.drawn_runs import ODD_CLASSES, ODD_FILE, recipe_of, write_drawn_run

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
NAMES = [section.__name__ for section in SECTIONS]
DRAWN = "[...document.querySelectorAll('.plot')].filter(plot => plot.querySelector('.main-svg')).length"
PLOTS = "document.querySelectorAll('.plot').length"
UNNAMED = """() => [
  ...[...document.querySelectorAll('img:not([alt]), svg[role=img]:not([aria-label])')],
  ...[...document.querySelectorAll('[role=img]')].filter(one =>
      !one.ariaLabel && !document.getElementById(one.getAttribute('aria-labelledby'))?.textContent.trim()),
  ...[...document.querySelectorAll('table')].filter(one => !one.caption?.textContent.trim()),
  ...[...document.querySelectorAll('th')].filter(one => !one.scope || !one.textContent.trim()),
  ...[...document.querySelectorAll('button, a[href], select, summary')].filter(one =>
      !(one.ariaLabel || one.textContent.trim() && (one.localName !== 'select' || one.labels.length))),
].map(one => one.outerHTML.slice(0, 200))"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: install one or name it in CHROMIUM")


class Watched:
    """A page of a browser, with all that it does beyond showing itself."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.trouble: list[str] = []
        page.on("console", lambda message: self.trouble.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", self._refuse_dialog)
        page.route("**/*", self._refuse_network)

    def _refuse_dialog(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _refuse_network(self, route: Any) -> None:
        if route.request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            self.trouble.append(f"request {route.request.url}")
            route.abort()

    def read_to_the_end(self) -> None:
        """Scrolls past everything, as figures are drawn when they come near."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        for place in range(0, height, 500):
            self.page.evaluate(f"window.scrollTo({{top: {place}, behavior: 'instant'}})")
            self.page.wait_for_timeout(30)
        self.page.wait_for_function(f"() => {DRAWN} === {PLOTS}")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    paths = write_drawn_run(tmp_path_factory.mktemp("runs") / "odd <i>run", recipe_of(["a", "b"]), odd=True)
    return write_report(paths.root)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def watched(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    context = browser.new_context(**getattr(request, "param", {}))
    watched = Watched(context.new_page())
    watched.page.goto(report.as_uri())
    yield watched
    context.close()
    assert watched.trouble == []


def test_every_section_is_there_and_says_something(watched: Watched) -> None:
    assert watched.page.eval_on_selector_all("main > section", "all => all.map(one => one.id)") == NAMES
    for name in NAMES:
        assert len(watched.page.inner_text(f"#{name} .lead")) > 20
        assert watched.page.locator(f"nav a[href='#{name}']").is_visible()
    assert watched.page.locator("h1").count() == 1


def test_every_figure_is_drawn_when_it_comes_into_view(watched: Watched) -> None:
    assert watched.page.evaluate(DRAWN) < watched.page.evaluate(PLOTS)
    watched.read_to_the_end()
    assert watched.page.evaluate(PLOTS) > 15


def test_names_that_look_like_markup_are_shown_and_never_executed(watched: Watched) -> None:
    watched.read_to_the_end()
    shown = watched.page.locator("#table-classes tbody th").all_inner_texts()
    assert set(ODD_CLASSES) <= set(shown)
    assert watched.page.locator("h1").inner_text() == "odd <i>run"
    assert ODD_FILE in watched.page.locator("h4").all_inner_texts()
    ticks = watched.page.eval_on_selector_all(
        "#plot-class-counts .xtick text", "all => all.map(one => one.textContent)"
    )
    assert ODD_CLASSES[0] in ticks
    assert "종이팩" in ticks


def test_tables_figures_and_controls_have_names_and_headings_are_in_order(watched: Watched) -> None:
    assert watched.page.evaluate(UNNAMED) == []
    levels = watched.page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(one => Number(one.localName[1]))")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = watched.page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert watched.page.locator("html[lang=en]").count() == 1


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(watched: Watched) -> None:
    focus = (
        "() => [document.activeElement.outerHTML.slice(0, 90), getComputedStyle(document.activeElement).outlineStyle]"
    )
    watched.page.keyboard.press("Tab")
    assert 'class="skip"' in watched.page.evaluate(focus)[0]
    controls = watched.page.locator("a[href], button, select, summary, [tabindex='0']").count()
    reached = set()
    for _ in range(controls):
        element, outline = watched.page.evaluate(focus)
        assert outline != "none", element
        reached.add(element)
        watched.page.keyboard.press("Tab")
    assert sum("<button" in one for one in reached) > 30
    assert sum("<select" in one for one in reached) == watched.page.locator("select").count()


@pytest.mark.parametrize("watched", [{"viewport": {"width": 360, "height": 740}}], indirect=True)
def test_a_phone_shows_it_without_scrolling_sideways(watched: Watched) -> None:
    watched.read_to_the_end()
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(
    ("watched", "is_dark"), [({"color_scheme": "dark"}, True), ({"color_scheme": "light"}, False)], indirect=["watched"]
)
def test_it_follows_the_system_and_the_button(watched: Watched, is_dark: bool) -> None:
    brightness = "() => Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    axis = "() => getComputedStyle(document.querySelector('#plot-scores .xtick text')).fill"
    watched.page.wait_for_selector("#plot-scores .xtick text")
    assert (watched.page.evaluate(brightness) < 80) == is_dark
    ink = watched.page.evaluate(axis)
    watched.page.click("#theme")
    assert (watched.page.evaluate(brightness) < 80) != is_dark
    watched.page.wait_for_function(f"before => ({axis})() !== before", arg=ink)
    assert watched.page.get_attribute("#theme", "aria-pressed") == str(not is_dark).lower()


def test_tables_and_figures_can_be_downloaded(watched: Watched, tmp_path: Path) -> None:
    with watched.page.expect_download() as csv:
        watched.page.click("[data-csv=classes]")
    text = Path(csv.value.path()).read_text(encoding="utf-8-sig")
    assert text.splitlines()[0] == "class,training objects,small,medium,large,test objects,fold imbalance"
    assert '"""Papier"" \'x\'"' in text
    for kind, begin in (("svg", b"<svg"), ("png", b"\x89PNG")):
        with watched.page.expect_download() as picture:
            watched.page.click(f"[data-figure=scores][data-format={kind}]")
        assert picture.value.suggested_filename == f"scores.{kind}"
        assert Path(picture.value.path()).read_bytes().startswith(begin)


def test_a_choice_changes_what_a_figure_shows(watched: Watched) -> None:
    watched.page.locator("#plot-confusion").scroll_into_view_if_needed()
    watched.page.wait_for_selector("#plot-confusion .main-svg")
    visible = "() => document.getElementById('plot-confusion').data.map(trace => trace.visible)"
    assert watched.page.evaluate(visible) == [True, False, False]
    watched.page.select_option("#choice-confusion", label="b")
    assert watched.page.evaluate(visible).count(True) == 1
    assert not watched.page.evaluate(visible)[0]


@pytest.mark.parametrize("watched", [{"color_scheme": "dark"}], indirect=True)
def test_print_leaves_out_controls_and_draws_every_figure_dark_on_white_paper(watched: Watched) -> None:
    watched.page.emulate_media(media="print")
    assert not watched.page.locator("nav").is_visible()
    assert not watched.page.locator("#theme").is_visible()
    watched.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    watched.page.wait_for_function(f"() => {DRAWN} === {PLOTS}")
    widths = "[...document.querySelectorAll('.plot .main-svg')].map(svg => svg.clientWidth)"
    assert max(watched.page.evaluate(widths)) <= 680
    ink = "Number(getComputedStyle(document.querySelector('#plot-scores .xtick text')).fill.match(/\\d+/)[0])"
    assert watched.page.evaluate(ink) < 80
    watched.page.emulate_media(media="screen", color_scheme="dark")
    watched.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    watched.page.wait_for_function(f"() => {ink} > 180")
    watched.page.wait_for_function(f"() => Math.max(...{widths}) > 680")
