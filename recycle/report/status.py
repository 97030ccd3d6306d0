"""Where a run stands, as it is shown on a terminal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich.table import Table
from rich.text import Text

from recycle.recipe.settings import MAIN_SCORES, SCORE_TITLES
from recycle.report.progress import duration

MemberState = Literal["finished", "running", "waiting", "failed", "cut off"]
"""A member that is cut off was running when the driver ended."""

RunState = Literal["running", "finished", "interrupted"]

STYLES = {"finished": "green", "running": "cyan", "waiting": "dim", "failed": "bold red", "cut off": "yellow"}


@dataclass(frozen=True)
class MemberStatus:
    """One member.

    Attributes:
        name: The member's name.
        state: Where it stands.
        epoch: The epoch that runs, or in which it was last heard of; None where that is not known.
        epochs: Epochs in all, likewise.
        seconds: Of training, where it is finished.
        seconds_left: Expected, where it runs.
        score: Latest validation score on the fold that it never saw; None where there is none.
        host: Where it runs or ran; empty where that is not known.
        reason: Why it failed, in a line.
    """

    name: str
    state: MemberState
    epoch: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    seconds_left: float | None = None
    score: float | None = None
    host: str = ""
    reason: str = ""


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        run: Name of its folder.
        recipe: Name of its recipe.
        state: Whether a driver works on it, it is finished, or neither.
        stage: What is being done, or was done last, in words.
        members: In the order of models and folds.
        seconds_left: Expected until all members are trained; None where that is not known or nothing runs.
        heard_s: How long ago a file of the run was last written by its driver; None where there is none.
        best: The name and score of what scores best so far: the ensemble once there is one, else a member.
        score_title: What scores are.
    """

    run: str
    recipe: str
    state: RunState
    stage: str
    members: tuple[MemberStatus, ...]
    seconds_left: float | None
    heard_s: float | None
    best: tuple[str, float] | None
    score_title: str = SCORE_TITLES[MAIN_SCORES["detection"]]


def status_table(status: RunStatus) -> Table:
    """The members of a run."""
    table = Table(title=f"{status.run} ({status.recipe})", title_justify="left", header_style="bold")
    for heading in ("member", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("epoch", status.score_title, "time", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("on")
    table.add_column("", overflow="fold")
    for one in status.members:
        epoch = "-" if one.epoch is None else f"{one.epoch}/{one.epochs}"
        numbers = (epoch, "-" if one.score is None else f"{one.score:.3f}", _time(one.seconds), _time(one.seconds_left))
        table.add_row(Text(one.name), Text(one.state, STYLES[one.state]), *numbers, Text(one.host), Text(one.reason))
    return table


def status_lines(status: RunStatus) -> Iterator[str]:
    """The whole run in a few sentences."""
    counts = Counter(one.state for one in status.members)
    told = ", ".join(f"{counts[state]} {state}" for state in STYLES if counts[state])  # type: ignore[index]
    yield f"{status.state.capitalize()}: {status.stage}; of {len(status.members)} members {told or 'none'}."
    if status.seconds_left is not None:
        yield f"About {duration(status.seconds_left)} left until all members are trained."
    if status.best:
        yield f"Best so far: {status.best[0]} with {status.score_title} {status.best[1]:.4f}."
    if status.state == "interrupted":
        heard = "" if status.heard_s is None else f"; last heard of {duration(status.heard_s)} ago"
        yield f"No driver works on this run{heard}. Continue it with --resume."


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
