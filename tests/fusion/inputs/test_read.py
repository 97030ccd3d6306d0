from pathlib import Path

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.fusion.inputs.read import InputSummary, read_inputs
from tests.fusion.inputs.files import (
    NAMES,
    dataset_of,
    reference_of,
    write_csv,
    write_results,
    write_run,
    write_text_folder,
)


def test_every_input_is_a_model_on_the_same_images(tmp_path: Path) -> None:
    inputs = [
        write_csv(tmp_path / "a.csv"),
        write_results(tmp_path / "r.json"),
        write_text_folder(tmp_path / "labels"),
        write_run(tmp_path / "run", swapped=True),
    ]
    read = read_inputs(inputs, reference_of(), None, strict=True, allow_missing=False)
    assert read.predictions.models == tuple(map(str, inputs))
    assert [ids.tolist() for ids in read.predictions.coverage] == [[5, 6, 7]] * 4
    assert read.file_names == {7: NAMES[0], 6: NAMES[1], 5: NAMES[2]}
    assert set(read.sizes.values()) == {(100, 50)}
    for model in read.predictions.models:
        one = read.predictions.of_model(model)
        order = np.argsort(-one.image_ids)
        assert one.image_ids[order].tolist() == [7, 6]
        assert one.labels[order].tolist() == [1, 0]
        np.testing.assert_allclose(one.scores[order], [0.9, 0.8])
        np.testing.assert_allclose(one.boxes[order], [[10, 10, 30, 20], [0, 0, 100, 50]], atol=1e-3)


def test_without_reference_images_are_numbered_by_name(tmp_path: Path) -> None:
    lines = {"b.jpg": "3 0.5 0 0 10 10", "a.jpg": "", "c.jpg": "4 1 0 0 10 10"}
    tables = [write_csv(tmp_path / "1.csv", lines), write_csv(tmp_path / "2.csv", {**lines, "a.jpg": "0 1 1 1 2 2"})]
    read = read_inputs(tables, None, (64, 48), strict=True, allow_missing=False)
    assert read.file_names == {0: "a.jpg", 1: "b.jpg", 2: "c.jpg"}
    assert read.sizes == dict.fromkeys(range(3), (64, 48))
    assert read.predictions.image_ids.tolist() == [1, 2, 1, 0, 2]


def test_images_that_are_missing_are_not_covered(tmp_path: Path) -> None:
    tables = [write_csv(tmp_path / "1.csv"), write_csv(tmp_path / "2.csv", {NAMES[1]: "0 1 0 0 9 9"})]
    with pytest.raises(
        DataError, match=r"2\.csv: must have a line for every image of the other inputs, but 2 are missing"
    ):
        read_inputs(tables, None, (100, 50), strict=False, allow_missing=False)
    read = read_inputs(tables, None, (100, 50), strict=False, allow_missing=True)
    assert [ids.tolist() for ids in read.predictions.coverage] == [[0, 1, 2], [1]]


def test_what_was_mended_is_counted_for_each_file_or_refused(tmp_path: Path) -> None:
    dirty = {
        NAMES[0]: "1 0.5 1 1 1 9 0 0.5 -4 0 60 50",
        NAMES[1]: "5 0.5 0 0 9 9",
        NAMES[2]: "",
    }
    tables = [write_csv(tmp_path / "1.csv"), write_csv(tmp_path / "2.csv", dirty)]
    read = read_inputs(tables, None, (100, 50), strict=False, allow_missing=False)
    assert read.summaries == (
        InputSummary(str(tables[0]), "CSV", 3, 1, 2, dropped=0, clipped=0, labels=(0, 1)),
        InputSummary(str(tables[1]), "CSV", 3, 1, 3, dropped=1, clipped=1, labels=(0, 5)),
    )
    with pytest.raises(DataError, match=r"2\.csv: line 2, image images/1\.jpg: a box must have an area"):
        read_inputs(tables, None, (100, 50), strict=True, allow_missing=False)
    with pytest.raises(DataError, match=r"2\.csv: line 3, image images/2\.jpg: label must be below 2"):
        read_inputs(tables, reference_of(), None, strict=False, allow_missing=False)


def test_a_file_without_any_box(tmp_path: Path) -> None:
    tables = [write_csv(tmp_path / "1.csv"), write_csv(tmp_path / "2.csv", dict.fromkeys(NAMES, ""))]
    read = read_inputs(tables, reference_of(dataset_of()), None, strict=True, allow_missing=False)
    assert read.summaries[1].labels is None
    assert read.predictions.coverage[1].tolist() == [5, 6, 7]


def test_an_input_named_twice_is_refused(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "1.csv")
    with pytest.raises(DataError, match="an input must be named once; --weights gives it more weight"):
        read_inputs([table, tmp_path / "x" / ".." / "1.csv"], None, (100, 50), strict=False, allow_missing=False)
