"""What runs where, live on a terminal or as plain lines in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from recycle.training.progress import Progress


@dataclass(frozen=True)
class Snapshot:
    """A moment of a round.

    Attributes:
        running: Progress of the members that run, None before their first step.
        waiting: Members not yet started.
        finished: Members that are done.
        failed: Members that were given up.
    """

    running: Mapping[str, Progress | None]
    waiting: Sequence[str]
    finished: Sequence[str]
    failed: Sequence[str]

    @property
    def seconds_left(self) -> float:
        """Of the running member that ends last."""
        return max((progress.seconds_left for progress in self.running.values() if progress), default=0.0)


class Display:
    """Shows snapshots: a table that renews itself on a terminal, else a line for each epoch of each member."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._epochs_told: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Takes over the bottom of the terminal."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the terminal back."""
        if self._live:
            self._live.stop()

    def log(self, message: str) -> None:
        """Prints a line that stays."""
        self._console.print(Text(message), soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """Shows where everything stands."""
        if self._live:
            self._live.update(_table(snapshot), refresh=True)
        else:
            self._tell_new_epochs(snapshot)

    def _tell_new_epochs(self, snapshot: Snapshot) -> None:
        for progress in snapshot.running.values():
            if progress and self._epochs_told.get(progress.member) != progress.epoch:
                self._epochs_told[progress.member] = progress.epoch
                self.log(_line(progress))


def duration(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _score(progress: Progress) -> str:
    return f"{progress.score:.3f}" if progress.score >= 0 else "-"


def _line(progress: Progress) -> str:
    return (
        f"{progress.member}: epoch {progress.epoch}/{progress.epochs}, loss {progress.loss:.3f}, "
        f"{progress.score_title} {_score(progress)}, {duration(progress.seconds_left)} left, on {progress.host}"
    )


def _table(snapshot: Snapshot) -> Table:
    table = Table(box=None, header_style="bold")
    titles = [progress.score_title for progress in snapshot.running.values() if progress]
    for column in ("member", "on", "", "epoch", "loss", *(titles or ["score"])[:1], "time left"):
        table.add_column(column, justify="left" if column in ("member", "on", "") else "right")
    for member, progress in snapshot.running.items():
        if progress is None:
            table.add_row(member, "", "starts", "", "", "", "")
            continue
        bar = ProgressBar(total=progress.steps, completed=progress.step, width=24)
        epoch = f"{progress.epoch}/{progress.epochs}"
        left = duration(progress.seconds_left)
        table.add_row(member, Text(progress.host), bar, epoch, f"{progress.loss:.3f}", _score(progress), left)
    counts = f"{len(snapshot.finished)} finished, {len(snapshot.running)} running, {len(snapshot.waiting)} waiting"
    table.caption = counts + (f", {len(snapshot.failed)} failed" if snapshot.failed else "")
    return table
