"""Curves of trained members as TensorBoard's event files."""

from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter

from recycle.report.curves import Curves


def write_events(curves: Curves, folder: Path) -> None:
    """Writes the curves of one member, in place of those that the folder holds.

    Args:
        curves: Loss, learning rate and score by epoch.
        folder: Where the event file goes.
    """
    for before in folder.glob("events.out.tfevents.*"):
        before.unlink()
    kinds: Mapping[str, Mapping[int, float]] = {
        "loss": curves.losses,
        "learning rate": curves.rates,
        "mAP50": curves.scores,
    }
    with SummaryWriter(str(folder)) as writer:
        for name, values in kinds.items():
            for epoch, value in values.items():
                writer.add_scalar(name, value, epoch)
