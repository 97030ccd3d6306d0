"""How far each member is with the images: bars on a terminal, else a line for each member."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID
from rich.text import Text

from recycle.report.progress import duration


class PredictionProgress:
    """Shows the progress of members that predict the same images.

    Args:
        console: Where it is shown.
        images: How many images each member predicts.
    """

    def __init__(self, console: Console, images: int) -> None:
        self._console = console
        self._images = images
        self._bars = Bars(console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Takes over the bottom of the terminal."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the terminal back."""
        self._bars.stop()

    def advance(self, member: str, images: int) -> None:
        """Counts images that a member has predicted; its bar appears with the first."""
        if member not in self._tasks:
            self._tasks[member] = self._bars.add_task(member, total=self._images)
        self._bars.advance(self._tasks[member], images)

    def finished(self, member: str) -> None:
        """Tells that a member has predicted all images."""
        seconds = time.monotonic() - self._began
        self._console.print(Text(f"{member}: {self._images} images predicted after {duration(seconds)}"))
