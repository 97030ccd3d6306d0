import subprocess
import sys
from pathlib import Path

import pytest

from recycle.files import replacing
from tests.namespaces import UNSHARE, can_isolate


def test_file_appears_when_the_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_old_file_stays_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")


ON_A_FULL_DISK = """
import pathlib
from recycle.files import write_text
path = pathlib.Path("{folder}/file.txt")
write_text("old", path)
try:
    write_text("new" * 100_000, path)
except Exception as error:
    print(type(error).__name__, error, path.read_text(), len(list(path.parent.iterdir())), sep="|")
"""


@pytest.mark.skipif(not can_isolate(), reason="needs mounts of its own")
def test_a_full_disk_is_told_with_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=64k none {tmp_path}"
    script = ON_A_FULL_DISK.format(folder=tmp_path)
    command = [*UNSHARE, "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, script]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    file = tmp_path / "file.txt"
    reason = f"{file}: there is no room for it on its disk (No space left on device)"
    assert output.strip().split("|") == ["DiskFullError", reason, "old", "1"]
