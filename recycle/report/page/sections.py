"""The whole page of a run, section by section."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from recycle.report.page.blocks import Section
from recycle.report.page.comparison import comparison
from recycle.report.page.contents import ReportContents
from recycle.report.page.data import data
from recycle.report.page.ensemble import ensemble
from recycle.report.page.errors import errors
from recycle.report.page.files import files
from recycle.report.page.leaderboard import leaderboard
from recycle.report.page.pictures import pictures
from recycle.report.page.pixels import pixel_classes, pixel_pictures, pixel_summary
from recycle.report.page.render import Page
from recycle.report.page.rounds import rounds
from recycle.report.page.summary import summary
from recycle.report.page.training import training

Sections = Sequence[Callable[[ReportContents], Section]]

SECTIONS: Sections = (summary, data, training, errors, ensemble, rounds, leaderboard, comparison, pictures, files)
PIXEL_SECTIONS: Sections = (pixel_summary, data, training, pixel_classes, rounds, leaderboard, pixel_pictures, files)


def page_of(contents: ReportContents, sections: Sections = SECTIONS) -> Page:
    """Puts the page of a run together, of the sections that its task has."""
    state = "a finished run" if contents.results else "a run that has not finished"
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Page(
        kind="Run report",
        title=contents.name,
        subtitle=f"Report of {state}, written {written}.",
        sections=[section(contents) for section in sections],
        footer="Written by recycle. Nothing on this page was loaded from a network, and nothing is sent to one.",
    )
