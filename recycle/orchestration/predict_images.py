"""New images through all members of a finished ensemble, side by side as the cluster allows."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError, RayTaskError
from rich.console import Console

from recycle.data.coco import Dataset
from recycle.data.image_cache import open_image_cache
from recycle.data.new_images import read_new_images
from recycle.errors import DataError, RecycleError, ResourceError
from recycle.inference.trained import TrainedEnsemble
from recycle.orchestration.cluster import cluster_nodes, connected
from recycle.orchestration.image_caches import image_caches_removed
from recycle.orchestration.nodes import GIB, Needs, Node
from recycle.orchestration.prediction_outputs import OUTPUTS
from recycle.recipe import Model, Resources
from recycle.report.prediction_progress import PredictionProgress

Stream = Any
"""Ray's stubs give its generators no type: it yields references of one member's predictions, batch by batch."""


def predict_images(ensemble: TrainedEnsemble, source: Path, out: Path, console: Console) -> None:
    """Predicts images with every member, fuses what they find, and writes it.

    Args:
        ensemble: The members; each runs on what it was trained with, or on the best node's resources if that has less.
        source: A folder of images or a COCO file, see `recycle.data.new_images`; images and weights must lie at the
            same paths on all nodes.
        out: The file to write: a submission for `.csv`; COCO results for `.json`, where boxes are found.
        console: Where progress is shown.

    Raises:
        RecycleError: If an image or the file is not usable, before anything runs, or a member cannot predict.
    """
    output = OUTPUTS[ensemble.recipe.task]
    _require_known_format(out, output.formats)
    images = read_new_images(source, ensemble.categories)
    ensemble = ensemble.in_use()
    cache_name = uuid4().hex
    progress = PredictionProgress(console, len(images.images))
    with connected(), image_caches_removed(cache_name), output(ensemble, images) as taking:
        with progress:
            _predict_members(ensemble, images, cache_name, progress, taking.take)
        written = taking.write(out)
    console.print(f"{written} on {len(images.images)} images: {out}", soft_wrap=True)


def available_resources(wanted: Resources, nodes: Sequence[Mapping[str, float]]) -> Resources:
    """What a member gets for prediction: what it was trained with, or less where no node has as much.

    Prediction takes one GPU at most, and runs without any.
    """
    wanted = wanted.model_copy(update={"num_gpus": min(wanted.num_gpus, 1.0)})
    if any(Needs.of(wanted).on(Node("", node)) for node in nodes):
        return wanted
    best = max(nodes, key=lambda node: (node.get("GPU", 0.0), node.get("CPU", 0.0)))
    return Resources(
        num_cpus=min(wanted.num_cpus, best.get("CPU", 0.0)),
        num_gpus=min(wanted.num_gpus, best.get("GPU", 0.0)),
    )


def _predict_members(
    ensemble: TrainedEnsemble,
    images: Dataset,
    cache_name: str,
    progress: PredictionProgress,
    take: Callable[[str, Any], int],
) -> None:
    nodes, shared = [node.resources for node in cluster_nodes()], ray.put(images)
    cache = cache_name, ensemble.recipe.data.image_cache_gib
    running: dict[Stream, str] = {}
    for member in ensemble.members:
        settings = _with_available_resources(ensemble.settings_of(member), nodes)
        running[_start(settings, member.weights, shared, cache)] = member.name
    while running:
        (stream,), _ = ray.wait(list(running), num_returns=1)
        part = _next(stream, running[stream])
        if part is None:
            progress.finished(running.pop(stream))
        else:
            progress.advance(running[stream], take(running[stream], part))


def _with_available_resources(settings: Model, nodes: Sequence[Mapping[str, float]]) -> Model:
    return settings.model_copy(update={"resources": available_resources(settings.resources, nodes)})


def _start(settings: Model, weights: Path, images: "ray.ObjectRef[Dataset]", cache: tuple[str, float]) -> Stream:
    resources = settings.resources
    # A process that has run another network before may differ in the last digits.
    task: Any = ray.remote(max_calls=1)(_predict_member)
    return task.options(
        num_cpus=resources.num_cpus,
        num_gpus=resources.num_gpus,
        memory=int(resources.memory_gib * GIB) or None,
        num_returns="streaming",
    ).remote(settings, weights, images, cache)


def _predict_member(settings: Model, weights: Path, images: Dataset, cache: tuple[str, float]) -> Iterator[Any]:
    """Runs in a process of its own; of the cache it gets the name and the limit in GiB."""
    if not settings.resources.num_gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides GPUs only from those who ask for some
    import cv2  # noqa: PLC0415
    import torch  # noqa: PLC0415 - takes seconds, which only this process needs to spend

    from recycle.inference.by_task import prediction_batches  # noqa: PLC0415
    from recycle.inference.networks import load_network  # noqa: PLC0415

    torch.set_num_threads(max(1, int(settings.resources.num_cpus)))
    network = load_network(settings, len(images.categories), weights)
    cv2.setNumThreads(0)  # as in training: images are prepared beside each other
    with open_image_cache(*cache) as opened:
        yield from prediction_batches(network, images, settings, opened)


def _next(stream: Stream, member: str) -> Any:  # noqa: ANN401 - what the task's networks predict
    """The next batch of a member; None after its last."""
    try:
        part = ray.get(next(stream))
    except StopIteration:
        return None
    except RecycleError as error:
        raise (error.cause if isinstance(error, RayTaskError) else error) from None
    except RayTaskError:
        raise  # a mistake of ours, whose traceback tells more than we could
    except RayError as error:
        raise ResourceError(f"{member}: its process died, perhaps for want of memory: {error}") from None
    return part


def _require_known_format(out: Path, formats: Sequence[str]) -> None:
    if out.suffix not in formats:
        raise DataError(
            f"{out}: predictions are written as {' or '.join(formats)}, but got {out.suffix or 'no suffix'}"
        )
