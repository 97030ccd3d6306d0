import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.fusion.inputs.formats import read_all
from recycle.paths import RunPaths
from tests.fusion.inputs.files import (
    BOXES,
    NAMES,
    dataset_of,
    reference_of,
    write_csv,
    write_results,
    write_run,
    write_text_folder,
)

EXPECTED = np.array([BOXES[0], BOXES[1]])


def without_suffix(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
    return lambda path: write(path.with_suffix(".dat"))


def packed(path: Path) -> Path:
    path.with_suffix(".json.gz").write_bytes(gzip.compress(write_results(path).read_bytes()))
    return path.with_suffix(".json.gz")


@pytest.mark.parametrize(
    ("write", "name", "format_"),
    [
        (write_csv, "a.csv", "CSV"),
        (without_suffix(write_csv), "a", "CSV"),
        (write_results, "a.json", "COCO"),
        (without_suffix(write_results), "a", "COCO"),
        (packed, "a.json", "COCO"),
        (write_text_folder, "labels", "text"),
        (write_run, "run", "run"),
    ],
)
def test_every_format_gives_the_same_boxes(
    tmp_path: Path, write: Callable[[Path], Path], name: str, format_: str
) -> None:
    (found,) = read_all([write(tmp_path / name)], reference_of(), None)
    assert found.format == format_
    order = np.argsort([found.images[i] for i in found.positions])
    np.testing.assert_allclose(found.values[order], EXPECTED, rtol=1e-6, atol=1e-3)
    assert [found.images[i] for i in found.positions[order]] == list(NAMES[:2])


def test_classes_of_a_run_are_matched_by_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", swapped=True)
    (own,), (matched,) = read_all([run], None, (100, 50)), read_all([run], reference_of(), None)
    assert sorted(own.labels) == sorted(1 - matched.labels)
    assert dict(zip(matched.positions.tolist(), matched.labels.tolist(), strict=True)) == {2: 1, 1: 0}


def test_stems_are_found_among_the_images_of_other_files(tmp_path: Path) -> None:
    folder, table = write_text_folder(tmp_path / "labels"), write_csv(tmp_path / "a.csv")
    text, csv = read_all([folder, table], None, (100, 50))
    assert text.images == NAMES[:2]
    assert csv.images == NAMES
    with pytest.raises(DataError, match=r"1\.txt: must belong to one image with the stem 1, but there is none"):
        read_all([folder], None, (100, 50))


def remove_images(run: Path) -> None:
    RunPaths(run).test.unlink()


def remove_predictions(run: Path) -> None:
    shutil.rmtree(run / "round0")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_predictions, "run: this run has no ensemble yet, as"),
        (remove_images, r"test\.json: there is no such file"),
        (lambda run: write_run(run, dataset_of(width=99)), "image images/1.jpg must be of one size, but is 99x50 here"),
        (
            lambda run: write_run(run, dataset_of(classes=("Paper", "Clothing"))),
            r"its classes must be among those of truth\.json, but 'Clothing' is not",
        ),
    ],
)
def test_runs_that_are_refused(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    run = write_run(tmp_path / "run")
    spoil(run)
    with pytest.raises(DataError, match=message):
        read_all([run], reference_of(), None)


def test_what_is_no_format(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must be a run \(with recipe.yaml\) or a folder of text files, but is neither"
    ):
        read_all([tmp_path], reference_of(), None)
    for name in ("none.csv", "none.json", "none"):
        with pytest.raises(DataError, match=f"{name}: there is no such file"):
            read_all([tmp_path / name], reference_of(), None)
    with pytest.raises(DataError, match="need --truth, or a run among the inputs, to be understood"):
        read_all([write_results(tmp_path / "a.json")], None, (100, 50))
