import json
from pathlib import Path

import pytest

from recycle.errors import DataError
from recycle.fusion.inputs.reference import find_reference, require_size, sizes_of
from tests.fusion.inputs.files import dataset_of, reference_of, write_csv, write_run, write_truth


def test_the_truth_comes_first_then_a_run(tmp_path: Path) -> None:
    table, run = write_csv(tmp_path / "a.csv"), write_run(tmp_path / "run")
    truth = write_truth(tmp_path / "truth.json.gz")
    assert find_reference(None, [table]) is None
    of_run, of_truth = find_reference(None, [table, run]), find_reference(truth, [table, run])
    assert of_run is not None
    assert of_truth is not None
    assert (of_run.source, of_truth.source) == (str(run / "data" / "test.json"), str(truth))
    assert of_run.dataset.images == of_truth.dataset.images == dataset_of().images
    assert of_truth.dataset.annotations == dataset_of().annotations


def test_the_truth_may_be_without_answers(tmp_path: Path) -> None:
    path = write_truth(tmp_path / "test.json")
    document = json.loads(path.read_text())
    del document["annotations"]
    path.write_text(json.dumps(document))
    reference = find_reference(path, [])
    assert reference is not None
    assert reference.dataset.annotations == ()


def test_a_broken_truth_is_refused(tmp_path: Path) -> None:
    path = write_truth(tmp_path / "truth.json")
    document = json.loads(path.read_text())
    document["annotations"][1]["image_id"] = 99
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"truth\.json, annotation 1: image_id=99"):
        find_reference(path, [])


def test_sizes_are_known_or_told_and_never_contradict() -> None:
    reference = reference_of()
    assert sizes_of(["a"], None, (512, 256)) == {"a": (512, 256)}
    assert sizes_of(["a"], reference, None) == dict.fromkeys(
        ("images/1.jpg", "images/2.jpg", "images/3.jpg"), (100, 50)
    )
    require_size(None, (512, 512))
    require_size(reference, None)
    require_size(reference, (100, 50))
    with pytest.raises(DataError, match="size must be known: give --image-size, --truth, or a run"):
        require_size(None, None)
    with pytest.raises(DataError, match=r"truth\.json: image images/1\.jpg is 100x50, but --image-size says 512x256"):
        require_size(reference, (512, 256))
