"""One phase of a member's training, and where an interrupted training goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from recycle.data.pseudo_images import PseudoImages
from recycle.models.checkpoints import load_checkpoint
from recycle.recipe import Model
from recycle.training.member import MemberTask


@dataclass(frozen=True)
class PhaseTask:
    """One phase of a member's training.

    Attributes:
        member: The member and its data.
        position: The phase's place among those of the model, from 0.
        settings: The model as it is in this phase.
        epochs_before: Epochs of the phases before.
        steps_before: Steps of the phases before.
        is_begun: Whether the last checkpoint is of this phase, and not of the one before.
    """

    member: MemberTask
    position: int
    settings: Model
    epochs_before: int
    steps_before: int
    is_begun: bool

    @property
    def pseudo(self) -> PseudoImages | None:
        """Pseudo-labelled images that it sees too."""
        return _pseudo(self.member, self.position)

    @property
    def steps_an_epoch(self) -> int:
        """Batches that hold each training image once."""
        return _steps_an_epoch(self.member, self.position, self.settings)


def remaining_phases(member: MemberTask) -> Iterator[PhaseTask]:
    """The phases that the last checkpoint does not complete, the first of them perhaps begun."""
    done = _state(member)
    phases: Sequence[Model] = member.settings.in_phases()
    epochs_before, steps_before = 0, 0
    for position, settings in enumerate(phases):
        is_begun = position == done["phase"] and done["iter"] > 0
        epochs_done = done["epoch"] if is_begun else 0
        if position >= done["phase"] and epochs_done < settings.epochs:
            yield PhaseTask(member, position, settings, epochs_before, steps_before, is_begun)
        epochs_before += settings.epochs
        steps_before += settings.epochs * _steps_an_epoch(member, position, settings)


def steps_of(member: MemberTask) -> int:
    """Steps of all phases."""
    phases: Sequence[Model] = member.settings.in_phases()
    return sum(phase.epochs * _steps_an_epoch(member, position, phase) for position, phase in enumerate(phases))


def _pseudo(member: MemberTask, position: int) -> PseudoImages | None:
    """Phases after a round's first one are trained on labelled images alone."""
    return member.pseudo if position == 0 else None


def _steps_an_epoch(member: MemberTask, position: int, settings: Model) -> int:
    labelled, pseudo = len(member.train.images), _pseudo(member, position)
    return -(-(labelled + (pseudo.places(labelled) if pseudo else 0)) // settings.batch_size)


def _state(member: MemberTask) -> dict[str, Any]:
    """Phase, epochs and steps in it of the last checkpoint."""
    if not member.last_checkpoint.is_file():
        return {"phase": 0, "epoch": 0, "iter": 0}
    meta: dict[str, Any] = load_checkpoint(member.last_checkpoint)["meta"]
    return meta
