from pathlib import Path

import pytest

from recycle.data.coco import Dataset
from recycle.training.checkpoints import keep_earlier
from recycle.training.member import MemberTask
from tests.orchestration.plans import model_with


@pytest.mark.parametrize(
    ("checkpoints", "kept"),
    [(1, []), (2, []), (3, ["epoch-4.pth"]), (4, ["epoch-3.pth", "epoch-4.pth"])],
)
def test_as_many_checkpoints_are_kept_as_are_wanted(tmp_path: Path, checkpoints: int, kept: list[str]) -> None:
    empty = Dataset(tmp_path, (), (), ())
    member = MemberTask("m", model_with(), empty, empty, tmp_path, seed=0, checkpoints=checkpoints)
    for epoch in range(6):
        keep_earlier(member, epoch)
        member.last_checkpoint.write_text(f"after {epoch + 1}")
    assert sorted(path.name for path in tmp_path.glob("epoch-*")) == ([*kept[1:], "epoch-5.pth"] if kept else [])
    for path in tmp_path.glob("epoch-*"):
        assert path.read_text() == f"after {path.stem.removeprefix('epoch-')}"
