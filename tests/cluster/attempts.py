"""What a run that goes on tells of its members, read from its files as a user would."""

import json
import re
from collections.abc import Callable
from typing import Any

from recycle.paths import RunPaths
from tests.orchestration.job import read_json


def records(paths: RunPaths) -> list[dict[str, Any]]:
    """Every start and end so far."""
    return [json.loads(line) for line in paths.attempts.read_text().splitlines()] if paths.attempts.is_file() else []


def failures(paths: RunPaths) -> list[str]:
    """The reasons of attempts that failed."""
    return [record["reason"] for record in records(paths) if record["event"] == "failed"]


def running(paths: RunPaths, holds: Callable[[str], bool]) -> dict[str, str]:
    """The node of each member that trains and has a checkpoint.

    Args:
        paths: The run.
        holds: Whether there is a file, by its name in the run folder.
    """
    nodes: dict[str, str] = {}
    for record in records(paths):
        if record["event"] == "started":
            nodes[record["member"]] = record["node"]
        else:
            nodes.pop(record["member"], None)
    return {member: node for member, node in nodes.items() if holds(f"round0/members/{member}/last.pth")}


def heard(paths: RunPaths, holds: Callable[[str], bool]) -> dict[str, str]:
    """As `running`, of those that have told of a step since they were started."""
    progress = read_json(paths.progress)["running"] if paths.progress.is_file() else {}
    return {member: node for member, node in running(paths, holds).items() if progress.get(member)}


def require_no_epoch_lost(output: str) -> None:
    """Each epoch that begins is told, unless it was the last one told: one further back would be told again."""
    begun: dict[str, int] = {}
    for member, epoch in re.findall(r"^(\S+): epoch (\d+)/", output, re.MULTILINE):
        assert int(epoch) >= begun.get(member, 0), f"{member} went back to epoch {epoch}"
        begun[member] = int(epoch)
    # Who ran when the machine of the progress board was lost is not heard of for a while.
    assert len(begun) >= 2
