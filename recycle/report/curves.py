"""How the loss, the learning rate and the score of a member went, read from the logs of its training."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from recycle.recipe.settings import has_main_score, main_score

SCALARS = "*/vis_data/scalars.json"
"""Where mmengine's LoggerHook writes, inside the folder of a member: one folder for each start of a phase."""


@dataclass(frozen=True)
class Curves:
    """By epoch, counted from 1 over all phases.

    Attributes:
        losses: Mean of the losses that were logged in an epoch.
        rates: The last learning rate that was logged in an epoch.
        scores: mAP50 on the fold that the member never saw, where it was validated after an epoch.
    """

    losses: Mapping[int, float]
    rates: Mapping[int, float]
    scores: Mapping[int, float]


def read_curves(folder: Path, phases: Sequence[int]) -> Curves:
    """Reads all logs of a member; where an epoch was trained twice, as after a failure, the later time counts.

    Args:
        folder: Checkpoints and logs of the member; nothing is known if there is none.
        phases: The number of epochs of each phase, as mmengine counts anew in each.
    """
    losses: dict[int, list[float]] = {}
    rates: dict[int, float] = {}
    scores: dict[int, float] = {}
    for before, records in _in_phases(folder, phases):
        again = {before + record["epoch"] for record in records if "loss" in record}
        losses = {epoch: values for epoch, values in losses.items() if epoch not in again}
        for record in records:
            if "loss" in record:
                losses.setdefault(before + record["epoch"], []).append(record["loss"])
                rates[before + record["epoch"]] = record["lr"]
            else:
                scores[before + record["step"]] = main_score(record)
    return Curves({epoch: fmean(values) for epoch, values in sorted(losses.items())}, rates, scores)


def _in_phases(folder: Path, phases: Sequence[int]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The records of each log, with the epochs of the phases before its own."""
    phase, done = 0, 0
    for path in sorted(folder.glob(SCALARS)):
        records = list(_records(path))
        epochs = [record["epoch"] for record in records if "loss" in record]
        if not epochs:
            continue
        # A log that begins anew after the phase's last epoch is of the next phase; any other goes on after a failure.
        if min(epochs) == 1 and done >= phases[phase] and phase + 1 < len(phases):
            phase += 1
        done = max(epochs)
        yield sum(phases[:phase]), records


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Lines with the finite numbers that are needed; a process that dies may tear its last one."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line, parse_constant=_refuse)
        except ValueError:
            continue
        if isinstance(record, dict) and (
            {"loss", "lr", "epoch"} <= record.keys() or ("step" in record and has_main_score(record))
        ):
            yield record


def _refuse(constant: str) -> float:
    raise ValueError(f"a number must be finite, but got {constant}")
