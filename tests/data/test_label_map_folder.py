from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from recycle.data.coco import Category, Dataset, Image
from recycle.data.findings import Finding, Findings
from recycle.data.label_map_folder import annotate_from_folder, label_map_folder, label_map_path
from recycle.data.label_maps import label_maps
from recycle.predictions.probabilities import IGNORED

IMAGE = Image(4, "photos/a.jpg", 5, 4)
LABELS = np.array([[0, 0, 1, 1, 1], [0, 2, 2, 1, 1], [0, 2, 2, 0, 0], [IGNORED, 0, 0, 0, 0]], np.uint8)


def dataset(folder: Path) -> Dataset:
    return Dataset(folder, (Category(10, "Paper"), Category(20, "Glass")), (IMAGE,), ())


def write(folder: Path, picture: PIL.Image.Image) -> Path:
    path = label_map_path(folder, IMAGE)
    path.parent.mkdir(parents=True)
    picture.save(path)
    return path


def read(folder: Path) -> tuple[Dataset, list[Finding]]:
    findings = Findings(())
    annotated = annotate_from_folder(dataset(folder), folder, findings)
    return annotated, list(findings.report().findings)


def palette(labels: np.ndarray) -> PIL.Image.Image:
    picture = PIL.Image.fromarray(labels, "P")
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    return picture


@pytest.mark.parametrize("picture", [PIL.Image.fromarray, palette])
def test_maps_become_annotations_that_draw_the_same_map(
    tmp_path: Path, picture: Callable[[np.ndarray], PIL.Image.Image]
) -> None:
    write(tmp_path, picture(LABELS))
    annotated, findings = read(tmp_path)
    assert findings == []
    ((_, labels),) = label_maps(annotated)
    assert np.array_equal(labels, LABELS)
    assert [(one.category_id, one.iscrowd) for one in annotated.annotations] == [(10, False), (20, False), (10, True)]
    assert [one.area for one in annotated.annotations] == [5, 4, 1]
    assert annotated.annotations[1].bbox == (1, 1, 2, 2)
    assert len({one.id for one in annotated.annotations}) == 3


@pytest.mark.parametrize(
    ("picture", "rule", "value"),
    [
        (PIL.Image.fromarray(np.stack([LABELS] * 3, axis=2)), "label_map_format", "mode RGB, uint8 of shape (4, 5, 3)"),
        (PIL.Image.fromarray(np.stack([LABELS] * 2, axis=2)), "label_map_format", "mode LA, uint8 of shape (4, 5, 2)"),
        (PIL.Image.fromarray(LABELS.astype(np.uint16)), "label_map_format", "mode I;16, uint16 of shape (4, 5)"),
        (PIL.Image.fromarray(LABELS[:3]), "label_map_size", "5x3 instead of 5x4"),
        (PIL.Image.fromarray(LABELS * 3), "label_map_value", "label 3, but there are 2 classes"),
    ],
)
def test_what_is_no_label_map_is_one_clear_finding(
    tmp_path: Path, picture: PIL.Image.Image, rule: str, value: str
) -> None:
    write(tmp_path, picture)
    annotated, (found,) = read(tmp_path)
    assert (found.rule, found.file, found.record, found.value) == (rule, "a.png", "image 4", value)
    assert found.severity == "error"
    assert annotated.annotations == ()


def test_missing_and_broken_files_are_found(tmp_path: Path) -> None:
    _, (found,) = read(tmp_path)
    assert (found.rule, found.value) == ("label_map_missing", "label_maps/a.png is not there")
    path = write(tmp_path, PIL.Image.fromarray(LABELS))
    path.write_bytes(path.read_bytes()[:60])
    _, (found,) = read(tmp_path)
    assert found.rule == "label_map_unreadable"


def test_a_folder_of_maps_lies_beside_the_annotations(tmp_path: Path) -> None:
    assert label_map_folder(tmp_path) is None
    (tmp_path / "label_maps").mkdir()
    assert label_map_folder(tmp_path) == tmp_path / "label_maps"
