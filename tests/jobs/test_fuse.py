"""The job as a user runs it; what it does is tested in tests/orchestration/test_fuse_files.py."""

from pathlib import Path

import pytest

from tests.fusion.inputs.files import write_csv, write_run
from tests.orchestration.job import run_job


def test_files_become_one(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    write_csv(tmp_path / "a.csv")
    options = ["--weights", "2", "1", "--iou-thr", "0.4", "--skip-box-thr", "0.01", "--conf-type", "max"]
    status, output, errors = run_job(
        "fuse",
        "--inputs",
        "a.csv",
        "run",
        *options,
        "--image-size",
        "100x50",
        "--out",
        "out/fused.csv",
        folder=tmp_path,
    )
    assert (status, errors) == (0, "")
    assert "4 boxes on 3 images became 2: out/fused.csv" in output
    assert (tmp_path / "out" / "fused.csv").read_text().startswith("PredictionString,image_id\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image-size", "512x"], "argument --image-size: must be like 512 or 1024x768, but got '512x'"),
        (["--image-size", "100x50", "--iou-thr", "2"], "Error: iou_thr must be between 0 and 1 inclusive, but got"),
        (
            ["--image-size", "100x50", "--strict"],
            "Error: a.csv: line 2, image 1.jpg: a box must lie within its image of",
        ),
    ],
)
def test_what_the_user_has_to_mend_is_said(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_csv(tmp_path / "a.csv", {"1.jpg": "0 0.5 0 0 101 20"})
    status, _, errors = run_job("fuse", "--inputs", "a.csv", "--out", "fused.csv", *arguments, folder=tmp_path)
    assert status == 2
    assert message in errors
    assert not (tmp_path / "fused.csv").exists()
