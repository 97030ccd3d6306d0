"""In a process of its own, as only the first import of ultralytics changes anything."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

CHECK = """
import cv2, PIL.Image, torch
before = (cv2.imread, cv2.imwrite, PIL.Image.open, torch.save)
{how}
print(before == (cv2.imread, cv2.imwrite, PIL.Image.open, torch.save))
"""


@pytest.mark.skipif(find_spec("ultralytics") is None, reason="ultralytics is an extra")
@pytest.mark.parametrize(
    ("how", "same"),
    [
        ("from recycle.models.ultralytics_import import import_ultralytics; import_ultralytics()", "True"),
        ("import ultralytics.nn.tasks", "False"),
    ],
)
def test_other_libraries_keep_their_functions(how: str, same: str) -> None:
    output = subprocess.run([sys.executable, "-c", CHECK.format(how=how)], capture_output=True, text=True, check=True)
    assert output.stdout.split()[-1] == same
