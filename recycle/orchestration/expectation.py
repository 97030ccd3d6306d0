"""How long training will take and how much memory: as measured where it was, else as estimated from the networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.data.pseudo_images import places
from recycle.models.cost import relative_cost
from recycle.paths import probes_folder
from recycle.recipe import Model, PseudoLabels
from recycle.training.member import MemberPlan
from recycle.training.probes import read_probe

SECONDS_A_UNIT_ON_A_GPU = 6e-4
"""A V100 takes about 0.2 s for an image of 1333 x 800 px and a Cascade R-CNN on a ResNet-50, 270 units of cost."""

SECONDS_A_UNIT_ON_A_CORE = 0.2
"""Six billion operations, forward and backward, at thirty billion a second, as small networks do."""

GIB_WITHOUT_IMAGES = 1.5
GIB_A_UNIT = 0.0075
"""Of images in a batch times cost; the same Cascade R-CNN holds 6 GiB for two images."""


@dataclass(frozen=True)
class Expectation:
    """What the training of a member will take.

    Attributes:
        steps: Batches over all epochs.
        seconds: Time of all steps; validation and prediction come on top.
        memory_gib: The most memory, of the GPU where it trains on one, else main memory.
        measured_on: The devices that it was measured on; none if it is an estimate.
    """

    steps: int
    seconds: float
    memory_gib: float
    measured_on: tuple[str, ...]


def expect(settings: Model, images: int, probes: Path, pseudo: PseudoLabels | None = None) -> Expectation:
    """Expects what training on so many images takes.

    Args:
        settings: The model; each of its phases is expected on its own.
        images: Images of the training part.
        probes: Folder of measured speeds.
        pseudo: How the first phase is trained on pseudo-labelled images too; None where there are none.

    Raises:
        DataError: If a file there does not hold a probe.
    """
    first = images + (places(images, pseudo.mixing, pseudo.share) if pseudo else 0)
    models: Sequence[Model] = settings.in_phases()
    phases = [_expect_phase(phase, images if position else first, probes) for position, phase in enumerate(models)]
    return Expectation(
        steps=sum(phase.steps for phase in phases),
        seconds=sum(phase.seconds for phase in phases),
        memory_gib=max(phase.memory_gib for phase in phases),
        measured_on=_devices(phases),
    )


def expect_member(plan: MemberPlan, train: Dataset, folds: Folds) -> Expectation:
    """Expects what training a member takes, by the speeds that were measured on this machine.

    Args:
        plan: The member.
        train: All training images.
        folds: The fold of each of them.

    Raises:
        DataError: If a file of measured speeds does not hold a probe.
    """
    inside = sum(fold == plan.fold for fold in folds.assignment.values())
    pseudo = plan.pseudo.settings if plan.pseudo else None
    return expect(plan.settings, len(train.images) - inside, probes_folder(), pseudo)


def expected_seconds_an_image(settings: Model) -> float:
    """The estimate of one training step by the images of its batch."""
    resources = settings.resources
    seconds_a_unit = (
        SECONDS_A_UNIT_ON_A_GPU / resources.num_gpus
        if resources.num_gpus
        else SECONDS_A_UNIT_ON_A_CORE / resources.num_cpus
    )
    return relative_cost(settings) * seconds_a_unit


def _expect_phase(settings: Model, images: int, probes: Path) -> Expectation:
    steps = settings.epochs * -(-images // settings.batch_size)
    probe = read_probe(settings, probes)
    if probe is None:
        seconds = expected_seconds_an_image(settings) * settings.batch_size
        return Expectation(steps, steps * seconds, _estimated_memory(settings), ())
    # It was alone on its GPU; of several that share one, each gets its part.
    share = min(settings.resources.num_gpus, 1) or 1
    return Expectation(steps, steps * probe.seconds_a_step / share, probe.memory_gib, (probe.device,))


def _devices(phases: Sequence[Expectation]) -> tuple[str, ...]:
    """All devices of the measurements; none where a part is estimated."""
    if not all(phase.measured_on for phase in phases):
        return ()
    return tuple(dict.fromkeys(device for phase in phases for device in phase.measured_on))


def _estimated_memory(settings: Model) -> float:
    images = settings.batch_size / settings.resources.processes
    return GIB_WITHOUT_IMAGES + GIB_A_UNIT * images * relative_cost(settings)
