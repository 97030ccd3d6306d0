"""What the page is made of; text in it is plain and may hold anything, the template escapes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from recycle.report.exports import DataTable

Tone = Literal["plain", "good", "warning"]


@dataclass(frozen=True)
class Text:
    """A paragraph; its tone marks what the reader must not miss."""

    text: str
    tone: Tone = "plain"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Fact:
    """A number worth a large type: its name, itself, and what to know of it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Facts in a row."""

    facts: Sequence[Fact]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        data: Its content.
        digits: Digits after the point of numbers that are not whole; the file for download holds all of them.
        emphasis: Rows, from 0, that stand out.
        open: Whether it shows at once; a long one waits behind its caption.
    """

    data: DataTable
    digits: int = 4
    emphasis: Sequence[int] = ()
    open: bool = True
    kind: ClassVar[str] = "table"

    @property
    def numeric(self) -> frozenset[int]:
        """Columns, from 0, that hold numbers."""
        rows = self.data.rows
        return frozenset(
            place
            for place in range(len(self.data.columns))
            if any(row[place] is not None for row in rows) and not any(isinstance(row[place], str) for row in rows)
        )


@dataclass(frozen=True)
class Choice:
    """One of several views of a figure: its name, and the positions of the traces that it shows."""

    name: str
    traces: Sequence[int]


@dataclass(frozen=True)
class Figure:
    """A plot.

    Attributes:
        name: Unique on the page, and the stem of the file for download.
        title: Its caption.
        saying: One sentence that tells what it says, for those who do not see it.
        spec: `data` and `layout` of plotly.js. A colour is the name of one of the page's, such as "series-0", so that
            it suits a light and a dark page. Text from users has passed through `charts.plain`.
        height: In pixels.
        choices: Views to choose from, the first of which shows; none where there is only one.
        choice_title: What is chosen.
    """

    name: str
    title: str
    saying: str
    spec: Mapping[str, Any]
    height: int
    choices: Sequence[Choice] = ()
    choice_title: str = ""
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Box:
    """A box on a photograph: x1, y1, x2, y2 in its pixels, what is written at it, and what it stands for."""

    corners: tuple[float, float, float, float]
    text: str
    role: Literal["right", "missed", "false", "truth", "prediction"]


@dataclass(frozen=True)
class Pane:
    """One view of a photograph."""

    title: str
    saying: str
    boxes: Sequence[Box]


@dataclass(frozen=True)
class Photograph:
    """A photograph, embedded once, and the views of it side by side.

    Attributes:
        name: Unique on the page.
        file_name: As the data set has it.
        note: What to know of it.
        width: Of the photograph in pixels, in which boxes are given.
        height: The same.
        source: The picture as a data URI, perhaps smaller.
        panes: Its views.
    """

    name: str
    file_name: str
    note: str
    width: int
    height: int
    source: str
    panes: Sequence[Pane]


@dataclass(frozen=True)
class Photographs:
    """Photographs under a common title.

    Attributes:
        title: The title.
        photographs: The photographs.
        is_wide: Whether each shows two pictures side by side.
    """

    title: str
    photographs: Sequence[Photograph]
    is_wide: bool = False
    kind: ClassVar[str] = "photographs"


@dataclass(frozen=True)
class Listing:
    """A list of sentences."""

    items: Sequence[str]
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Pair:
    """Two figures beside each other where there is room."""

    figures: Sequence[Figure]
    kind: ClassVar[str] = "pair"


Block = Text | Heading | Facts | Table | Figure | Pair | Photographs | Listing


@dataclass(frozen=True)
class Section:
    """A part of the page; without blocks its lead says why there is nothing.

    Attributes:
        name: Unique on the page.
        title: Its heading.
        lead: What it says, in a sentence or two.
        blocks: What it shows.
    """

    name: str
    title: str
    lead: str
    blocks: Sequence[Block] = field(default=())
