"""When and where members were tried, as a run's driver recorded it, and how busy that kept the cluster."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["finished", "failed", "cut off"]


@dataclass(frozen=True)
class Attempt:
    """One try at a member.

    Attributes:
        member: The member's name.
        number: Which of its tries since the driver started, from 1.
        began: Seconds since 1970.
        ended: Seconds since 1970; of a try that was cut off, the last time at which anything was heard of the run.
        outcome: How it ended; "cut off" where its end was never recorded, as it still runs or the driver died.
        host: Where it ran; empty where that is not known.
        reason: Why it failed.
        cpus: Cores that it occupied.
        gpus: GPUs that it occupied.
        cluster_cpus: Cores of the whole cluster when it began.
        cluster_gpus: GPUs of the whole cluster when it began.
    """

    member: str
    number: int
    began: float
    ended: float
    outcome: Outcome
    host: str
    reason: str
    cpus: float
    gpus: float
    cluster_cpus: float
    cluster_gpus: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(frozen=True)
class Usage:
    """How much of the cluster the members occupied.

    Attributes:
        times: Seconds since 1970 at which something started or ended, ascending.
        cpus: Cores occupied from each time to the next.
        gpus: GPUs occupied from each time to the next.
        cpu_share: Part of all core seconds between the first and the last time, 0 to 1; None without cores.
        gpu_share: The same of GPUs.
    """

    times: tuple[float, ...]
    cpus: tuple[float, ...]
    gpus: tuple[float, ...]
    cpu_share: float | None
    gpu_share: float | None


def read_attempts(path: Path, last_heard: float) -> tuple[Attempt, ...]:
    """Reads what the driver recorded, in order of beginning; lines that a dying driver tore are passed over.

    Args:
        path: The file; nothing is known if there is none.
        last_heard: When anything was last heard of the run, seconds since 1970.
    """
    attempts: list[Attempt] = []
    running: dict[str, int] = {}
    latest = 0.0
    for record in _records(path):
        # A driver that starts a member again knows of no earlier try: that one ended with the driver before.
        if record["event"] == "started":
            if (place := running.get(record["member"])) is not None:
                attempts[place] = replace(attempts[place], ended=max(latest, attempts[place].began))
            running[record["member"]] = len(attempts)
            attempts.append(_begun(record))
        elif (place := running.pop(record["member"], None)) is not None:
            attempts[place] = _ended(attempts[place], record)
        latest = record["time"]
    for place in running.values():
        attempts[place] = replace(attempts[place], ended=max(latest, last_heard))
    return tuple(attempts)


def usage_of(attempts: Sequence[Attempt]) -> Usage:
    """Adds up what the attempts occupied; the largest size of the cluster counts as its size."""
    times = sorted({moment for one in attempts for moment in (one.began, one.ended)})
    running = [[one for one in attempts if one.began <= moment < one.ended] for moment in times]
    cpus = tuple(sum(one.cpus for one in ones) for ones in running)
    gpus = tuple(sum(one.gpus for one in ones) for ones in running)
    return Usage(
        tuple(times),
        cpus,
        gpus,
        _share(times, cpus, max((one.cluster_cpus for one in attempts), default=0)),
        _share(times, gpus, max((one.cluster_gpus for one in attempts), default=0)),
    )


def _share(times: Sequence[float], occupied: Sequence[float], size: float) -> float | None:
    if not size or len(times) < 2 or times[-1] == times[0]:
        return None
    busy = sum(amount * (end - begin) for amount, begin, end in zip(occupied, times, times[1:], strict=False))
    return busy / (size * (times[-1] - times[0]))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.keys() >= {"time", "member", "attempt", "event"}:
            yield record


def _begun(record: dict[str, Any]) -> Attempt:
    resources = {key: float(record.get(key, 0)) for key in ("cpus", "gpus", "cluster_cpus", "cluster_gpus")}
    moment = float(record["time"])
    return Attempt(record["member"], record["attempt"], moment, moment, "cut off", "", "", **resources)


def _ended(attempt: Attempt, record: dict[str, Any]) -> Attempt:
    return replace(
        attempt,
        ended=max(float(record["time"]), attempt.began),
        outcome=record["event"],
        host=record.get("host", ""),
        reason=record.get("reason", ""),
    )
