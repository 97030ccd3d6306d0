"""The random field after the vote, judged out of fold, in parallel over images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import ray

from recycle.data.coco import Dataset, Image
from recycle.data.shrinking import read_shrunk
from recycle.evaluation.segmentation import (
    PixelCounts,
    SegmentationComparator,
    compare_class_ious,
    count_pixels,
)
from recycle.fusion.voting import labels_of_shares
from recycle.fusion.voting_objective import LabelMap
from recycle.orchestration.cluster import cluster_resources
from recycle.predictions.probabilities import CERTAIN, Bytes, by_image, read_probabilities, to_bytes
from recycle.recipe import CRF
from recycle.report.voting_study import RefinementWorth

WITH, WITHOUT = "with the random field", "without it"
IMAGES_A_TASK = 16


@dataclass(frozen=True)
class RefinementTask:
    """What the random field is to be judged by.

    Attributes:
        dataset: The training images.
        truth: Label map of each of them.
        names: Names of the labels, the background first.
        group_of: Near-duplicate group of each of them.
        settings: The random field.
        seed: Of the draws of images.
    """

    dataset: Dataset
    truth: Mapping[int, LabelMap]
    names: Sequence[str]
    group_of: Mapping[int, int]
    settings: CRF
    seed: int


def judge_refinement(
    task: RefinementTask, refined: Mapping[int, Bytes], before: PixelCounts
) -> tuple[RefinementWorth, PixelCounts]:
    """Compares an ensemble with and without the random field on its out-of-fold predictions.

    Args:
        task: What to judge by.
        refined: Probabilities times 255 of each image after the random field.
        before: Pixels of the ensemble without it.

    Returns:
        What it does, and the pixels of the ensemble with it.
    """
    ids = before.image_ids.tolist()
    pairs = ((i, task.truth[i], labels_of_shares(refined[i])) for i in ids)
    after = count_pixels(pairs, len(task.names))
    comparator = SegmentationComparator(task.group_of, [before.image_ids], task.seed)
    comparator.add(WITH, after)
    comparator.add(WITHOUT, before)
    (comparison,) = comparator.compare([(WITH, WITHOUT)])
    changes = compare_class_ious(after, before, task.group_of, task.seed)
    fallen = [task.names[change.label] for change in changes if change.verdict == "worse"]
    return RefinementWorth(comparison.verdict == "better" and not fallen, comparison, fallen), after


def refine_file(dataset: Dataset, source: Path, settings: CRF) -> Iterator[tuple[int, Bytes]]:
    """Applies the random field to a file of probabilities, in parallel.

    Args:
        dataset: The images that it is of.
        source: The file; all nodes must reach it and the images.
        settings: The random field.

    Yields:
        Ids of the images in the order of the file, and their probabilities times 255.
    """
    images = {image.id: image for image in dataset.images}
    source = source.absolute()  # workers may run in another folder
    ids = read_probabilities(source).image_ids.tolist()
    run: Any = ray.remote(num_cpus=1)(_refine_images)
    chunks = [ids[start : start + IMAGES_A_TASK] for start in range(0, len(ids), IMAGES_A_TASK)]
    at_once = 2 * max(1, int(cluster_resources().get("CPU", 1)))
    running: list[Any] = []
    for chunk in chunks:
        running.append(run.remote(dataset.folder, [images[one] for one in chunk], source, settings))
        if len(running) == at_once:
            yield from ray.get(running.pop(0))
    for reference in running:
        yield from ray.get(reference)


def _refine_images(folder: Path, images: Sequence[Image], source: Path, settings: CRF) -> list[tuple[int, Bytes]]:
    import torch  # noqa: PLC0415 - takes seconds to import

    from recycle.fusion.dense_crf import refine  # noqa: PLC0415

    torch.set_num_threads(1)
    opened = by_image([read_probabilities(source)])
    refined = []
    for image in images:
        shares = np.asarray(opened[image.id], np.float32) / np.float32(CERTAIN)
        height, width = shares.shape[1:]
        pixels = read_shrunk(folder / image.file_name, image.width, image.height, 2 * max(height, width))
        scaled = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        refined.append((image.id, to_bytes(refine(shares, scaled, settings))))
    return refined
