"""What a recipe must keep to as a whole, so that its models can be fused."""

from collections.abc import Collection, Mapping, Sequence

from recycle.recipe.models import Model
from recycle.recipe.pseudo_labels import PseudoMixing
from recycle.recipe.search import SearchMetric
from recycle.recipe.segmentation import SMP
from recycle.recipe.settings import Task

FUSION_PARTS: Mapping[Task, str] = {"detection": "fusion", "segmentation": "voting"}
"""The part of a recipe that tells how a task's ensemble is searched."""


METRICS: Mapping[Task, tuple[SearchMetric, ...]] = {"detection": ("map50", "map"), "segmentation": ("miou",)}
"""What the search of training settings may climb, the default first."""

SPACES: Mapping[Task, str] = {
    "detection": "search_spaces.detection:space",
    "segmentation": "search_spaces.segmentation:space",
}
"""What it tries if the recipe does not tell."""


def require_metric_of_task(metric: str | None, task: Task) -> None:
    """Refuses to search by a score that models of the task do not have.

    Raises:
        ValueError: Names the scores that they have.
    """
    if metric is not None and metric not in METRICS[task]:
        raise ValueError(
            f"search.metric must be {' or '.join(METRICS[task])} where task is {task!r}, but got {metric!r}"
        )


def require_one_task(task: Task, models: Sequence[Model], changed: Collection[str]) -> None:
    """Refuses models of another task, and settings that would not be looked at.

    Args:
        task: The recipe's task.
        models: Its models.
        changed: Keys of the recipe that are not as by default.

    Raises:
        ValueError: Names the model or the key.
    """
    for model in models:
        if model.task != task:
            raise ValueError(
                f"task is {task!r}, but family {model.family!r} of model {model.name!r} is for {model.task}; "
                f"set `task: {model.task}` or take another family"
            )
    for other, part in FUSION_PARTS.items():
        if other != task and part in changed:
            raise ValueError(f"{part} must not be set where task is {task!r}, as it would have no effect")


def require_mixing_of_task(mixing: PseudoMixing, task: Task) -> None:
    """Refuses to average images whose pixels are labelled.

    Raises:
        ValueError: If it is asked for.
    """
    if task == "segmentation" and mixing == "mixup":
        raise ValueError(
            "pseudo_labels.mixing must be 'side_by_side' where task is 'segmentation', as a pixel of two images has no "
            f"one label, but got {mixing!r}"
        )


def require_one_label_map_size(models: Sequence[Model]) -> None:
    """Refuses models whose label maps cannot be laid on one another.

    Raises:
        ValueError: Names the sizes.
    """
    sizes = {model.name: model.label_map_size for model in models if isinstance(model, SMP)}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"label_map_size must be the same for all models, but got {sizes}")
