"""When and where members started and ended, written as it happens: kept for people to look at, and for nothing else."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from recycle.orchestration.nodes import Claim


class AttemptLog:
    """JSON Lines in one file, to which only the driver appends; `recycle.report.attempts` reads it.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def started(self, member: str, number: int, claim: Claim, cluster: Mapping[str, float]) -> None:
        """Records a start.

        Args:
            member: The member's name.
            number: Which of its attempts this is, from 1.
            claim: The node, and what the member has of it.
            cluster: What all nodes have together, under Ray's names.
        """
        self._append(
            member=member,
            attempt=number,
            event="started",
            node=claim.node,
            cpus=claim.resources.get("CPU", 0.0),
            gpus=claim.resources.get("GPU", 0.0),
            cluster_cpus=cluster.get("CPU", 0.0),
            cluster_gpus=cluster.get("GPU", 0.0),
        )

    def ended(
        self, member: str, number: int, event: Literal["finished", "failed"], host: str, reason: str = ""
    ) -> None:
        """Records an end, where it happened as far as that is known, and the reason of a failure."""
        self._append(member=member, attempt=number, event=event, host=host, reason=reason)

    def _append(self, **record: str | float) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 3), **record}) + "\n")
