"""Measures the models of a recipe, each in an actor with its resources: the function behind `train_all.py --probe`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import ray
from ray.exceptions import RayError
from rich.console import Console

from recycle.data.coco import Dataset
from recycle.data.prepare import PreparedData
from recycle.errors import RecycleError, TrainingError
from recycle.models.prerequisites import require_libraries
from recycle.orchestration.actors import start_probe_actor
from recycle.orchestration.cluster import cluster_nodes, connected, require_resources
from recycle.orchestration.failures import reason_of
from recycle.recipe import Model, Recipe, Resources
from recycle.training.probes import Probe, speed_digest, write_probe


def probe_models(recipe: Recipe, prepared: PreparedData | None, probes: Path, console: Console) -> None:
    """Trains each distinct model of a recipe, and each phase of it, for a few steps, one after the other.

    Args:
        recipe: The recipe.
        prepared: The data to train on; photographs are drawn if None.
        probes: Folder that the measured speeds are written to.
        console: Where they are printed.

    Raises:
        ResourceError: If a model asks for more than the cluster has.
        TrainingError: If models could not be measured; names them, after all others were.
    """
    for model in recipe.models:
        require_libraries(model)
    failed: dict[str, str] = {}
    with connected():
        require_resources(recipe.models, cluster_nodes())
        train = ray.put(prepared.train if prepared else None)
        for name, model in _distinct(recipe.models).items():
            try:
                probe = _probe(model, train)
            except (RecycleError, RayError) as error:
                failed[name] = reason_of(error)
                continue
            write_probe(probe, model, probes)
            console.print(f"{name}: {probe.seconds_a_step:.3g} s a step, {probe.memory_gib:.1f} GiB on {probe.device}")
    if failed:
        raise TrainingError("could not be measured: " + "; ".join(f"{name}: {why}" for name, why in failed.items()))


def _distinct(models: Iterable[Model]) -> dict[str, Model]:
    """Of all phases of all models, by name, the first of those that are equally fast."""
    found: dict[str, tuple[str, Model]] = {}
    for model in models:
        phases: Sequence[Model] = model.in_phases()
        for number, phase in enumerate(phases, start=1):
            name = f"{model.name}, phase {number}" if model.phases else model.name
            found.setdefault(speed_digest(phase), (name, phase))
    return dict(found.values())


def _probe(model: Model, train: "ray.ObjectRef[Dataset | None]") -> Probe:
    one = _part_of_one_process(model)
    actor = start_probe_actor(one.resources)
    try:
        probe: Probe = ray.get(actor.run.remote(one, train))
    finally:
        ray.kill(actor)
    return probe


def _part_of_one_process(model: Model) -> Model:
    """What one of several processes does of a step, except that it exchanges no gradients."""
    resources, count = model.resources, model.resources.processes
    part = Resources(
        num_cpus=resources.num_cpus / count,
        num_gpus=resources.num_gpus / count,
        memory_gib=resources.memory_gib / count,
    )
    return model.model_copy(update={"batch_size": model.batch_size // count, "resources": part})
