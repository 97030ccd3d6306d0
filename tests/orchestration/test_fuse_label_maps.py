import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from recycle.data.coco import Annotation, Category, Dataset, Image, write_coco
from recycle.data.label_maps import encode_labels
from recycle.errors import DataError, RecipeError
from recycle.fusion.methods import FusionSettings
from recycle.orchestration.fuse_files import fuse_files
from recycle.predictions.label_map_csv import PredictedMap, read_label_map_csv, write_label_map_csv

SIDE = 32
HALF = SIDE // 2


def blocks(*rows: list[int]) -> np.ndarray:
    """A map of four blocks."""
    return np.array(rows, np.uint8).repeat(HALF, 0).repeat(HALF, 1)


TRUTH = {"a.jpg": blocks([0, 1], [2, 2]), "b.jpg": blocks([1, 1], [0, 2])}


def write(path: Path, maps: dict[str, np.ndarray]) -> Path:
    write_label_map_csv((PredictedMap(name, labels) for name, labels in maps.items()), path)
    return path


def wrong_at(row: int, column: int) -> dict[str, np.ndarray]:
    maps = {name: labels.copy() for name, labels in TRUTH.items()}
    block = np.s_[row * HALF : (row + 1) * HALF, column * HALF : (column + 1) * HALF]
    maps["a.jpg"][block] = 0 if TRUTH["a.jpg"][block][0, 0] else 1
    return maps


def write_truth(path: Path) -> Path:
    images = tuple(Image(number, name, SIDE, SIDE) for number, name in enumerate(TRUTH, 1))
    annotations = [
        Annotation(10 * image.id + label, image.id, label, (0, 0, 2, 2), 1.0, False, mask)
        for image in images
        for label, mask in encode_labels(TRUTH[image.file_name]).items()
    ]
    write_coco(Dataset(path.parent, (Category(1, "Paper"), Category(2, "Glass")), images, tuple(annotations)), path)
    return path


def told(inputs: list[Path], out: Path, settings: FusionSettings | None = None, **options: Any) -> str:
    defaults = {"truth": None, "image_size": None, "strict": False, "allow_missing": False}
    console = Console(file=io.StringIO(), width=200)
    fuse_files(inputs, out, settings or FusionSettings(), **{**defaults, **options}, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / f"{n}.csv", wrong_at(*divmod(n, 2))) for n in (0, 1, 2)]


def test_the_majority_is_right_where_each_is_wrong_elsewhere(tmp_path: Path, inputs: list[Path]) -> None:
    text = told(inputs, tmp_path / "fused.csv", truth=write_truth(tmp_path / "truth.json"))
    fused = read_label_map_csv(tmp_path / "fused.csv")
    assert all(np.array_equal(fused[name], labels) for name, labels in TRUTH.items())
    assert "3 files of label maps on 2 images became one" in text
    rows = [line.split("│") for line in text.splitlines() if ".csv" in line or "fused" in line]
    assert [row[2].strip() for row in rows if len(row) > 3][-1] == "1.0000"


def test_a_weight_can_outvote_the_others(tmp_path: Path, inputs: list[Path]) -> None:
    told(inputs, tmp_path / "fused.csv", FusionSettings(weights=(3, 1, 1)))
    assert np.array_equal(read_label_map_csv(tmp_path / "fused.csv")["a.jpg"], wrong_at(0, 0)["a.jpg"])


def test_other_shapes_than_squares_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {"a.jpg": blocks([0, 1, 2], [1, 0, 2])})
    told([path, path], tmp_path / "fused.csv", image_size=(3 * HALF, SIDE))
    fused = read_label_map_csv(tmp_path / "fused.csv", (SIDE, 3 * HALF))
    assert np.array_equal(fused["a.jpg"], blocks([0, 1, 2], [1, 0, 2]))


def test_an_image_may_be_missing_where_that_is_allowed(tmp_path: Path, inputs: list[Path]) -> None:
    some = write(tmp_path / "some.csv", {"b.jpg": TRUTH["b.jpg"]})
    with pytest.raises(DataError, match=r"some\.csv: must hold all 2 images .* lacks 1, as 'a\.jpg'; --allow-missing"):
        told([*inputs, some], tmp_path / "fused.csv")
    told([*inputs, some], tmp_path / "fused.csv", allow_missing=True)
    assert np.array_equal(read_label_map_csv(tmp_path / "fused.csv")["a.jpg"], TRUTH["a.jpg"])


def test_what_cannot_be_fused_is_refused_and_nothing_written(tmp_path: Path, inputs: list[Path]) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("PredictionString,image_id\n0 0.5 1 1 2 2,a.jpg\n")
    large = write(tmp_path / "large.csv", {name: np.zeros((SIDE + 1, SIDE + 1), np.uint8) for name in TRUTH})
    other = write(tmp_path / "other.csv", dict(zip("xy", TRUTH.values(), strict=True)))
    out, truth = tmp_path / "fused.csv", write_truth(tmp_path / "truth.json")
    with pytest.raises(DataError, match=r"boxes\.csv: holds no label maps, but .*0\.csv does"):
        told([*inputs, boxes], out)
    with pytest.raises(DataError, match=r"image 'a\.jpg': label maps must have one size"):
        told([*inputs, large], out)
    with pytest.raises(DataError, match=r"label maps are written as \.csv, but got \.json"):
        told(inputs, out.with_suffix(".json"))
    with pytest.raises(DataError, match="must not take the place of an input"):
        told(inputs, inputs[0])
    with pytest.raises(RecipeError, match="--weights must be one for each of 3 inputs"):
        told(inputs, out, FusionSettings(weights=(1, 2)))
    assert not out.exists()
    with pytest.raises(DataError, match=r"image 'x' is not among the images of --truth"):
        told([other], out, truth=truth)
