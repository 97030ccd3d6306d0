"""The objective of a search for data that are too many for one process: each scores some of the images."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import ray
from ray.exceptions import RayActorError, RayTaskError

from recycle.data.coco import Dataset
from recycle.data.folds import Folds
from recycle.errors import ResourceError
from recycle.evaluation.fast import IOU_THRESHOLDS
from recycle.evaluation.matching import match
from recycle.evaluation.merged_precision import Ranked, merged_mean_average_precision, rank
from recycle.fusion.calibration import calibrated_out_of_fold
from recycle.fusion.methods import fuse_grouped_by
from recycle.fusion.settings import Calibration, EnsembleSettings
from recycle.fusion.wbf_columns import Grouped, group
from recycle.orchestration.cluster import cluster_resources
from recycle.orchestration.progress_board import ActorHandle
from recycle.predictions.values import Predictions
from recycle.recipe.fusion import Metric

RESTARTS = 3
"""How often a process that died is replaced."""

Scores = npt.NDArray[np.float32]
Data = tuple[Predictions, Dataset]


class ShardedObjective:
    """What `FusionObjective` is, counted by several Ray actors, each on a core and an equal part of the images.

    Calibration looks at all images, so it happens here, once for each kind. Of fused boxes only scores and outcomes
    come back, see `Ranked`. The actors keep their cores until `close`.

    Args:
        predictions: Out-of-fold predictions of all models that may be fused; images count that any model covers.
        truth: The data set, which may hold further images.
        folds: The fold of each of its images: no image's scores are calibrated by what its own fold tells.
        metric: The score.
        shards: How many actors, at least 1; there are no more than images.

    Raises:
        ResourceError: If the cluster does not have as many cores.
    """

    def __init__(self, predictions: Predictions, truth: Dataset, folds: Folds, metric: Metric, shards: int) -> None:
        _require_cores(shards)
        self._predictions, self._truth, self._folds = predictions, truth, folds
        covered = predictions.covered
        # Equal scores rank in the order of images, so those of a part stand next to each other.
        self._parts = np.array_split(covered, max(1, min(shards, len(covered))))
        # Kept for actors that replace others.
        self._data = [ray.put((predictions.of_images(part), truth.subset(part.tolist()))) for part in self._parts]
        self._shards = [_start_shard(data, metric) for data in self._data]
        self._scores: dict[Calibration, Sequence[ray.ObjectRef[Scores] | None]] = {"none": [None] * len(self._parts)}

    def __call__(self, settings: EnsembleSettings) -> float:
        """Returns the score from 0 to 1.

        Raises:
            RecipeError: If the settings do not fit the models.
            DataError: If predictions and truth do not fit, see `group` and `match`.
            ResourceError: If an actor died more often than it is replaced.
        """
        scores = self._calibrated(settings.calibration)
        ranked = [shard.rank.remote(settings, part) for shard, part in zip(self._shards, scores, strict=True)]
        return merged_mean_average_precision(_fetched(ranked))

    def close(self) -> None:
        """Ends the actors: to wait until nothing refers to them may leave what comes next without a core, forever."""
        for shard in self._shards:
            ray.kill(shard)

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the weights."""
        return self._predictions.models

    def _calibrated(self, calibration: Calibration) -> Sequence["ray.ObjectRef[Scores] | None"]:
        """Puts calibrated scores where an actor finds them, and again if it had to be replaced."""
        if calibration not in self._scores:
            scores = calibrated_out_of_fold(self._predictions, self._truth, self._folds, calibration).scores
            image_ids = self._predictions.image_ids
            self._scores[calibration] = [ray.put(scores[np.isin(image_ids, part)]) for part in self._parts]
        return self._scores[calibration]


class Shard:
    """Fuses and matches the boxes of its images."""

    def __init__(self, data: Sequence["ray.ObjectRef[Data]"], metric: Metric) -> None:
        numba.set_num_threads(1)
        predictions, self._truth = ray.get(data[0])
        sizes = {image.id: (image.width, image.height) for image in self._truth.images}
        self._grouped: dict[Calibration, Grouped] = {"none": group(predictions, sizes)}
        self._iou_thrs = IOU_THRESHOLDS[metric]

    def rank(self, settings: EnsembleSettings, scores: Scores | None) -> Ranked:
        """Returns what the fused boxes are for mAP; the scores are those that the settings' calibration gives."""
        if settings.calibration not in self._grouped:
            assert scores is not None
            self._grouped[settings.calibration] = self._grouped["none"].with_scores(scores)
        fused = fuse_grouped_by(self._grouped[settings.calibration], settings.fusion, "fused")
        return rank(match(fused, self._truth, self._iou_thrs))


def _require_cores(shards: int) -> None:
    cores = int(cluster_resources().get("CPU", 0))
    if not 1 <= shards <= cores:
        raise ResourceError(f"shards must be between 1 and the cluster's {cores} cores, but got shards={shards}.")


def _start_shard(data: "ray.ObjectRef[Data]", metric: Metric) -> ActorHandle:
    actor: Any = ray.remote(Shard)
    options = actor.options(num_cpus=1, scheduling_strategy="SPREAD", max_restarts=RESTARTS, max_task_retries=RESTARTS)
    # Within a list, as Ray lets go of an actor's own arguments before it replaces the actor.
    return options.remote([data], metric)


def _fetched(ranked: Sequence["ray.ObjectRef[Ranked]"]) -> list[Ranked]:
    try:
        return ray.get(list(ranked))
    except RayTaskError as error:
        raise error.cause from None
    except RayActorError as error:
        raise ResourceError(
            f"a process that scores a part of the images died after {RESTARTS} others in its place: {error}"
        ) from error
