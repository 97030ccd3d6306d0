"""What a network that labels pixels adds to an ensemble, and what its file is worth by itself."""

from pathlib import Path

import numpy as np
import pytest

from recycle.data.label_maps import label_maps
from recycle.errors import DataError
from recycle.evaluation.segmentation import count_pixels, mean_iou
from recycle.fusion.member_score import member_score
from recycle.fusion.pixel_joining import PixelJoiningGain
from recycle.fusion.voting import VotingSettings
from recycle.fusion.voting_objective import STRIDE
from recycle.predictions.probabilities import read_probabilities, writing_probabilities
from tests.data.small_dataset import dataset_of
from tests.fusion.scenes import alternating_folds

SIZE = (16, 16)
TRUTH = dataset_of([[0], [1], [0, 1], [1], [0], [1]], classes=2)
MAPS = {image.id: labels for image, labels in label_maps(TRUTH, SIZE)}


def written(path: Path, noise: float, images: int = len(MAPS)) -> Path:
    """Predictions of the first images: the truth, of which a part of the pixels is drawn at random."""
    rng = np.random.default_rng(int(1000 * noise))
    ids = list(MAPS)[:images]
    with writing_probabilities(path, images, 3, SIZE) as writer:
        for image_id in ids:
            labels = np.where(rng.random(SIZE) < noise, rng.integers(0, 3, SIZE), MAPS[image_id] % 3)
            writer.add([image_id], (np.eye(3)[labels].transpose(2, 0, 1)[None] * 255).astype(np.uint8))
    return path


def ensemble(tmp_path: Path, *noises: float, weights: tuple[float, ...] = ()) -> PixelJoiningGain:
    files = {f"m{place}": (written(tmp_path / f"m{place}.npy", noise),) for place, noise in enumerate(noises)}
    return PixelJoiningGain(files, TRUTH, alternating_folds(TRUTH), VotingSettings("soft", weights))


def test_a_file_s_score_is_that_of_its_own_images(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npy", 0.3, images=4)
    predicted = read_probabilities(path)
    pairs = [
        (image_id, MAPS[image_id], np.argmax(values, axis=0).astype(np.uint8))
        for image_id, values in zip(predicted.image_ids.tolist(), predicted.values, strict=True)
    ]
    assert member_score(TRUTH, path, "miou") == pytest.approx(mean_iou(count_pixels(pairs, 3)))


def test_a_good_candidate_adds_and_one_without_weight_beside_it_changes_nothing(tmp_path: Path) -> None:
    good, bad = written(tmp_path / "good.npy", 0.0), written(tmp_path / "bad.npy", 0.9)
    gain = ensemble(tmp_path, 0.4, 0.5)
    assert gain(good) > 0.02
    assert gain(good) > gain(bad)
    alone = ensemble(tmp_path, 0.4, 0.5, weights=(1.0, 0.0))
    assert alone(good) == ensemble(tmp_path, 0.4)(good)


def test_the_gain_is_that_of_the_mean_vote_on_the_candidate_s_images(tmp_path: Path) -> None:
    candidate = written(tmp_path / "candidate.npy", 0.1, images=3)
    gain = ensemble(tmp_path, 0.4)(candidate)
    own, other = (read_probabilities(path).values.astype(int) for path in (tmp_path / "m0.npy", candidate))
    scores = [
        mean_iou(
            count_pixels(
                (
                    (
                        image_id,
                        MAPS[image_id][::STRIDE, ::STRIDE],
                        votes.argmax(axis=0)[::STRIDE, ::STRIDE].astype(np.uint8),
                    )
                    for image_id, votes in zip(list(MAPS)[:3], voted, strict=True)
                ),
                3,
            )
        )
        for voted in (own[:3] + other, own[:3])
    ]
    assert gain == pytest.approx(scores[0] - scores[1])


def test_an_ensemble_of_other_images_is_refused(tmp_path: Path) -> None:
    files = {"m": (written(tmp_path / "m.npy", 0.2, images=1),)}
    gain = PixelJoiningGain(files, TRUTH, alternating_folds(TRUTH), VotingSettings())
    others = tmp_path / "others.npy"
    with writing_probabilities(others, 1, 3, SIZE) as writer:
        writer.add([list(MAPS)[-1]], np.full((1, 3, *SIZE), 85, np.uint8))
    with pytest.raises(DataError, match="has predicted none of the images"):
        gain(others)
