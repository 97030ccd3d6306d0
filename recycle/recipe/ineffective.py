"""Settings that are valid but change nothing, for which the user is warned before training."""

from collections.abc import Iterator

from recycle.recipe.augmentation_base import Sometimes
from recycle.recipe.losses import Focal, LabelSmoothing, Losses, SoftCrossEntropy
from recycle.recipe.optimizers import SWA, Optimizer
from recycle.recipe.phases import Phase
from recycle.recipe.training import ModelSettings

DEFAULTS = Optimizer()


def settings_without_effect(model: ModelSettings) -> Iterator[str]:
    """Says which of a model's settings change nothing, and why.

    Args:
        model: The model as the recipe has it.

    Yields:
        The key, its value and the reason, once for each.
    """
    told = [line for phase in model.in_phases() for line in _of_phase(phase, model.image_size)]
    yield from dict.fromkeys(told)


def _of_phase(phase: Phase, image_size: int) -> Iterator[str]:
    yield from _of_optimizer(phase.optimizer)
    yield from _of_losses(phase.losses)
    for position, augmentation in enumerate(phase.augmentations):
        if isinstance(augmentation, Sometimes) and augmentation.probability == 0:
            yield f"augmentations.{position}.probability=0: {augmentation.type} is never applied"
    if phase.multi_scale and len(phase.multi_scale.sides(image_size)) == 1:
        yield f"multi_scale: {phase.multi_scale.sides(image_size)[0]} is the only multiple of 32 in its range"
    if isinstance(phase.averaging, SWA) and int(phase.averaging.start * phase.epochs) >= phase.epochs - 1:
        yield f"averaging.start={phase.averaging.start}: of {phase.epochs} epochs only the last is averaged"


def _of_optimizer(optimizer: Optimizer) -> Iterator[str]:
    if optimizer.type != "sgd" and optimizer.momentum != DEFAULTS.momentum:
        yield f"optimizer.momentum={optimizer.momentum}: only sgd uses it, but the optimiser is {optimizer.type}"
    if optimizer.schedule == "one_cycle" and optimizer.warmup_steps != DEFAULTS.warmup_steps:
        yield f"optimizer.warmup_steps={optimizer.warmup_steps}: one_cycle has a rise of its own"


def _of_losses(losses: Losses) -> Iterator[str]:
    keyed = [("classification", losses.classification), ("pixels", losses.pixels)]
    for key, loss in ((key, loss) for key, terms in keyed for loss in terms):
        plain = (
            (isinstance(loss, Focal) and loss.gamma == 0)
            or (isinstance(loss, LabelSmoothing) and loss.smoothing == 0)
            or (isinstance(loss, SoftCrossEntropy) and loss.trust == 1)
        )
        if plain:
            yield f"losses.{key}: {loss.type} with these settings is plain cross_entropy"
    if losses.class_weights and set(losses.class_weights.values()) == {1.0}:
        yield "losses.class_weights: every class weighs 1 without them too"
