"""The page as one HTML file: text escaped, scripts and styles inside, and nothing that could reach a network."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from recycle.files import write_text
from recycle.report.exports import DataTable
from recycle.report.page.blocks import Section, Table

MOST_NAMED_BOXES = 14
"""The names of more boxes would cover a photograph; they still show under the pointer."""


@dataclass(frozen=True)
class Page:
    """All that is shown, as plain text and blocks.

    Attributes:
        kind: What it is a report of, in a few words.
        title: Its name.
        subtitle: One line on it.
        sections: Its parts.
        footer: Small print.
    """

    kind: str
    title: str
    subtitle: str
    sections: Sequence[Section]
    footer: str

    @property
    def tables(self) -> list[DataTable]:
        """Every table on it."""
        return [block.data for section in self.sections for block in section.blocks if isinstance(block, Table)]


def write_page(page: Page, path: Path) -> None:
    """Writes the page in one step.

    Raises:
        ValueError: If a figure holds NaN or an infinity.
        OSError: If the file cannot be written.
    """
    write_text(render(page), path)


def render(page: Page) -> str:
    """The page's HTML.

    Raises:
        ValueError: If a figure holds NaN or an infinity.
    """
    script, plotly = _resource("page.js"), get_plotlyjs().replace("\r\n", "\n")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            most_named=MOST_NAMED_BOXES,
            policy=_policy(script, plotly),
            style=Markup(_resource("page.css")),  # noqa: S704 - a file of this package
            script=Markup(script),  # noqa: S704 - a file of this package
            plotly=Markup(plotly),  # noqa: S704 - a file of the plotly package
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "template"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":"), "ensure_ascii": False}
    return environment


def _policy(*scripts: str) -> str:
    """Lets the browser run these scripts and no others, and load nothing."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"


def _resource(name: str) -> str:
    return files(__package__).joinpath("template", name).read_text(encoding="utf-8")
