import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from recycle.errors import DataError, RecipeError
from recycle.fusion.methods import FusionSettings
from recycle.fusion.wbf import fuse
from recycle.orchestration.fuse_files import fuse_files
from recycle.predictions.submission_reader import read_detection_csv
from recycle.predictions.values import Predictions
from tests.fusion.inputs.files import (
    NAMES,
    dataset_of,
    write_csv,
    write_results,
    write_run,
    write_text_folder,
    write_truth,
)

OTHER = {NAMES[0]: "1 0.6 12 10 32 20", NAMES[1]: "0 0.4 0 0 100 50 1 0.3 50 10 90 40", NAMES[2]: "0 0.2 1 1 9 9"}


def told(inputs: list[Path], out: Path, settings: FusionSettings | None = None, **options: Any) -> str:
    defaults = {"truth": None, "image_size": None, "strict": False, "allow_missing": False}
    console = Console(file=io.StringIO(), width=200)
    fuse_files(inputs, out, settings or FusionSettings(), **{**defaults, **options}, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_result_is_that_of_fusing_the_same_boxes(tmp_path: Path) -> None:
    inputs = [write_csv(tmp_path / "a.csv"), write_csv(tmp_path / "b.csv", OTHER)]
    settings = FusionSettings(iou_thr=0.4, skip_box_thr=0.25, weights=(2, 1))
    text = told(inputs, tmp_path / "new" / "fused.csv", settings, image_size=(100, 50))
    assert f"6 boxes on 3 images became 3: {tmp_path / 'new' / 'fused.csv'}" in text
    expected = fuse(
        Predictions(
            image_ids=np.array([0, 1, 0, 1, 1, 2]),
            model_ids=np.array([0, 0, 1, 1, 1, 1]),
            boxes=np.array(
                [[10, 10, 30, 20], [0, 0, 100, 50], [12, 10, 32, 20], [0, 0, 100, 50], [50, 10, 90, 40], [1, 1, 9, 9]],
                np.float32,
            ),
            scores=np.array([0.9, 0.8, 0.6, 0.4, 0.3, 0.2], np.float32),
            labels=np.array([1, 0, 1, 0, 1, 0]),
            models=("a", "b"),
            coverage=(np.arange(3), np.arange(3)),
        ),
        dict.fromkeys(range(3), (100, 50)),
        settings,
        "fused",
    )
    found = read_detection_csv(tmp_path / "new" / "fused.csv")
    assert found.images == NAMES
    np.testing.assert_array_equal(found.positions, expected.image_ids)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.values[:, 1].astype(np.float32), expected.scores)
    np.testing.assert_array_equal(found.values[:, 2:].astype(np.float32), expected.boxes)


def test_every_format_is_fused_scored_and_read_again(tmp_path: Path) -> None:
    inputs = [
        write_csv(tmp_path / "a.csv", {**OTHER, NAMES[0]: ""}),
        write_results(tmp_path / "r.json"),
        write_text_folder(tmp_path / "labels"),
        write_run(tmp_path / "run", swapped=True),
    ]
    truth = write_truth(tmp_path / "truth.json")
    text = told(inputs, tmp_path / "fused.json", truth=truth)
    rows = {
        line.split("│")[1].strip(): line.split("│") for line in text.partition("Scores")[2].splitlines() if "│" in line
    }
    assert [row.strip() for row in rows["fused"][2:5]] == ["1.0000", "1.0000", "3"]
    assert rows[str(inputs[1])][2].strip() == "1.0000"
    assert float(rows[str(inputs[0])][2]) < 1
    records = json.loads((tmp_path / "fused.json").read_text())
    assert {(record["image_id"], record["category_id"]) for record in records} == {(7, 12), (6, 11), (6, 12), (5, 11)}
    again = told([tmp_path / "fused.json"], tmp_path / "again.csv", truth=truth)
    assert f"{len(records)} boxes on 3 images became {len(records)}" in again


def test_scores_on_different_images_are_not_compared(tmp_path: Path) -> None:
    inputs = [write_csv(tmp_path / "a.csv"), write_csv(tmp_path / "b.csv", {NAMES[0]: "1 1 10 10 30 20"})]
    truth = write_truth(tmp_path / "truth.json")
    text = told(inputs, tmp_path / "fused.csv", truth=truth, allow_missing=True)
    assert "so their scores do not compare" in text
    assert "so their scores do not compare" not in told(inputs[:1], tmp_path / "fused.csv", truth=truth)


def test_a_truth_without_answers_gives_ids_and_sizes(tmp_path: Path) -> None:
    truth = write_truth(tmp_path / "test.json")
    truth.write_text(json.dumps({**dataset_of().to_coco(), "annotations": []}))
    text = told([write_results(tmp_path / "r.json")], tmp_path / "fused.csv", truth=truth)
    assert "nothing is scored" in text
    assert read_detection_csv(tmp_path / "fused.csv").images == NAMES[::-1]


def test_one_method_is_not_another(tmp_path: Path) -> None:
    inputs = [write_csv(tmp_path / "a.csv"), write_csv(tmp_path / "b.csv", OTHER)]
    told(inputs, tmp_path / "fused.csv", FusionSettings(method="nms"), image_size=(100, 50))
    first = read_detection_csv(tmp_path / "fused.csv").values[0]
    np.testing.assert_allclose(first, [1, 0.9, 10, 10, 30, 20], rtol=1e-6)


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("fused.txt", {}, r"fused\.txt: the result must be a \.csv or \.json file, but got \.txt"),
        ("fused", {}, r"fused: the result must be a \.csv or \.json file, but got no suffix"),
        ("a.csv", {}, r"a\.csv: the result must not take the place of an input"),
        ("fused.json", {}, r"fused\.json: COCO results need ids of images and categories"),
        ("fused.csv", {"image_size": None}, "size must be known"),
        (
            "fused.csv",
            {"settings": FusionSettings(weights=(1, 2, 0.5))},
            "--weights must be one for each of 2 inputs, but got 3: 1 2 0.5",
        ),
    ],
)
def test_what_is_refused_leaves_nothing_behind(tmp_path: Path, out: str, options: dict[str, Any], message: str) -> None:
    inputs = [write_csv(tmp_path / "a.csv"), write_csv(tmp_path / "b.csv", OTHER)]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises((DataError, RecipeError), match=message):
        told(inputs, tmp_path / out, **{"image_size": (100, 50), **options})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
