import gzip
from pathlib import Path

import pytest

from recycle.data.json_files import read_json, read_object, write_json
from recycle.errors import DataError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.json", b"", "not JSON"),
        ("half.json", b'{"images": [', "not JSON"),
        ("deep.json", b"[" * 200_000, "not JSON"),
        ("long.json", b"1" * 5000, "not JSON"),
        ("latin.json", b'"\xe9"', "byte 1"),
        ("plain.json.gz", b"{}", "cannot be read"),
        ("cut.json.gz", gzip.compress(b'{"a": 1}', mtime=0)[:-9], "cannot be read"),
        ("spoilt.json.gz", gzip.compress(b"0" * 1000, mtime=0)[:12] + b"\xff" * 20, "cannot be read"),
    ],
)
def test_reading_what_is_not_json_names_the_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_json(tmp_path / name)
    assert name in str(caught.value)


def test_reading_a_missing_file_or_a_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path)


@pytest.mark.parametrize("name", ["a.json", "new/a.json.gz"])
def test_round_trip_leaves_one_file(tmp_path: Path, name: str) -> None:
    write_json({"é": [1, 2.5, None]}, tmp_path / name)
    assert read_json(tmp_path / name) == {"é": [1, 2.5, None]}
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [Path(name).name]


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    write_json([1], tmp_path / "a.json")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json([float("nan")], tmp_path / "a.json")
    assert read_json(tmp_path / "a.json") == [1]


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf{}")
    assert read_json(tmp_path / "a.json") == {}


def test_a_document_that_must_be_an_object_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_object(path) == {"a": 1}
    path.write_text("[1]")
    with pytest.raises(DataError, match=r"a.json: must be a JSON object, but got list"):
        read_object(path)
