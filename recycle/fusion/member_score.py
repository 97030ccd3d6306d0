"""The score of one file of predictions by itself, whatever its task."""

from pathlib import Path

from recycle.data.coco import Dataset
from recycle.data.label_maps import label_maps
from recycle.evaluation.detection import own_score
from recycle.evaluation.segmentation import mean_iou
from recycle.fusion.pixel_ensemble import count_fused
from recycle.fusion.voting import VotingSettings
from recycle.predictions.parquet import read_parquet
from recycle.predictions.probabilities import by_image, read_probabilities


def member_score(truth: Dataset, predictions: Path, metric: str) -> float:
    """Scores the images that a file covers.

    Args:
        truth: Images with their annotations, others perhaps among them.
        predictions: Boxes as Parquet or, for `miou`, label probabilities.
        metric: `map50`, `map` or `miou`.

    Returns:
        From 0 to 1.

    Raises:
        DataError: If the file cannot be read or is of other images.
    """
    if metric != "miou":
        return own_score(truth, read_parquet(predictions), metric)
    probabilities = read_probabilities(predictions)
    opened = by_image([probabilities])
    maps = {image.id: labels for image, labels in label_maps(truth.subset(opened), probabilities.size)}
    return mean_iou(count_fused({"": opened}, maps, VotingSettings()))
