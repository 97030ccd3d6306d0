from pathlib import Path

import cv2
import pytest

from tests.orchestration.job import run_job


def test_a_sheet_of_the_drawn_sample(tmp_path: Path) -> None:
    changes = ["data.synthetic.images=16", "data.synthetic.image_size=96", "data.copy_paste.additions=median"]
    arguments = ["--model", "cascade-rcnn", "--fold", "1", "--images", "2", "--out", str(tmp_path / "sheet.png")]
    status, output, errors = run_job("preview", *arguments, "--set", *changes, folder=tmp_path / "elsewhere")
    assert status == 0, errors
    assert output.split() == ["Written:", str(tmp_path / "sheet.png")]
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model", "nothing"], "models, cascade-rcnn, yolov5, but got 'nothing'"),
        (["--model", "yolov5", "--fold", "two"], "argument --fold: must be a number or 'all', but got 'two'"),
        (["--model", "yolov5", "--images", "0"], "--images must be at least 1"),
    ],
)
def test_wrong_arguments_give_one_message(tmp_path: Path, arguments: list[str], expected: str) -> None:
    status, _, errors = run_job("preview", "--out", "sheet.png", *arguments, folder=tmp_path)
    assert status == 2
    assert expected in errors
    assert "Traceback" not in errors
