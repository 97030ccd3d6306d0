"""What training one member needs to know."""

from dataclasses import dataclass
from pathlib import Path

from recycle.data.coco import Dataset
from recycle.recipe import Model

LAST_CHECKPOINT = "last.pth"
BEST_CHECKPOINT = "best.pth"


@dataclass(frozen=True)
class MemberTask:
    """One model to be trained on one fold.

    Attributes:
        name: The member's name.
        settings: The model as the recipe has it.
        train: Images of the other folds.
        validation: Images of this fold, which training never sees.
        work_dir: Folder of checkpoints and logs.
        seed: Seed of this member's draws.
    """

    name: str
    settings: Model
    train: Dataset
    validation: Dataset
    work_dir: Path
    seed: int

    @property
    def last_checkpoint(self) -> Path:
        """The state after the latest finished epoch."""
        return self.work_dir / LAST_CHECKPOINT

    @property
    def best_checkpoint(self) -> Path:
        """The weights of the epoch with the highest validation score."""
        return self.work_dir / BEST_CHECKPOINT
