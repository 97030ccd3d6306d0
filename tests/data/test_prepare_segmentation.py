"""A data set of labelled pixels on its way to folds and a test part."""

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from recycle.data.coco import read_coco
from recycle.data.label_maps import label_maps
from recycle.data.labelled_pixels import pixel_samples
from recycle.data.prepare import PreparedData, prepare_data, read_prepared, write_prepared
from recycle.data.synthetic import write_synthetic
from recycle.errors import DataError
from recycle.paths import RunPaths
from recycle.recipe import Data

SETTINGS = Data(folds=3, test_fraction=0.2)


def prepared(folder: Path, run: Path) -> PreparedData:
    return prepare_data(SETTINGS, 0, folder, RunPaths(run), "segmentation")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_synthetic(folder, images=30, image_size=64, seed=0)
    return folder


@pytest.fixture
def maps(sample: Path, tmp_path: Path) -> Path:
    """The same images with label maps in place of masks."""
    folder = tmp_path / "maps"
    dataset = read_coco(sample / "annotations.json", sample)
    (folder / "images").mkdir(parents=True)
    for image, labels in label_maps(dataset):
        shutil.copy(dataset.path_of(image), folder / image.file_name)
        path = (folder / "label_maps" / image.file_name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(labels).save(path)
    document = json.loads((sample / "annotations.json").read_text())
    (folder / "annotations.json").write_text(json.dumps({**document, "annotations": []}))
    return folder


def test_parts_have_their_share_of_pixels_and_annotations_stay_whole(sample: Path, tmp_path: Path) -> None:
    result = prepared(sample, tmp_path)
    whole = read_coco(sample / "annotations.json", sample)
    assert result.has_answers
    parts = [*result.train.annotations, *result.test.annotations]
    assert sorted(parts, key=lambda one: one.id) == list(whole.annotations)
    counted = pixel_samples(result.train)
    assert sum(map(sum, result.folds.class_counts.values())) == len(counted.annotations)
    for name, counts in result.folds.class_counts.items():
        assert max(counts) - min(counts) <= max(3, sum(counts) // 3), name


def test_label_maps_give_the_pixels_of_the_masks(sample: Path, maps: Path, tmp_path: Path) -> None:
    result = prepared(maps, tmp_path / "run")
    drawn = {image.file_name: labels for image, labels in label_maps(read_coco(sample / "annotations.json", sample))}
    for part in (result.train, result.test):
        for image, labels in label_maps(part):
            assert np.array_equal(labels, drawn[image.file_name])
    write_prepared(result, RunPaths(tmp_path / "run"))
    again = read_prepared(maps, RunPaths(tmp_path / "run"))
    assert again.train.annotations == result.train.annotations


def test_one_pixel_makes_other_data(maps: Path, tmp_path: Path) -> None:
    before = prepared(maps, tmp_path / "before").digest
    path = next((maps / "label_maps" / "images").iterdir())
    labels = np.array(PIL.Image.open(path))
    labels[0, 0] = 255
    PIL.Image.fromarray(labels).save(path)
    assert prepared(maps, tmp_path / "after").digest != before


def test_everything_wrong_is_told_at_once(maps: Path, tmp_path: Path) -> None:
    first, second = sorted((maps / "label_maps" / "images").iterdir())[:2]
    first.unlink()
    PIL.Image.new("RGB", (64, 64)).save(second)
    with pytest.raises(DataError) as error:
        prepared(maps, tmp_path / "run")
    told = str(error.value)
    assert "label_map_missing (1): an image must have its label map" in told
    assert "label_map_format (1): a label map must have one channel of 8 bits" in told
