"""Storages keep the same promises on a disk and in an object store."""

import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recycle.errors import StorageError
from recycle.storage import Storage, is_address
from tests.object_store import CREDENTIALS, ObjectStore, object_store

SECONDS_OUT_OF_REACH = 8


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("store") / "log") as started:
        yield started


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """An empty folder."""
    if request.param == "disk":
        return Storage(str(tmp_path / "folder"), patience_s=0)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    started: ObjectStore = request.getfixturevalue("store")
    return Storage(started.address("bucket", f"{tmp_path.name}/run"), patience_s=20)


def test_an_empty_folder_holds_nothing(storage: Storage, tmp_path: Path) -> None:
    assert storage.files() == []
    assert storage.read("nothing") is None
    assert not storage.holds("nothing")
    assert not storage.fetch("nothing", tmp_path / "local")
    assert not (tmp_path / "local").exists()


def test_files_come_back_as_they_were(storage: Storage, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40000
    (tmp_path / "source").write_bytes(content)
    storage.put(tmp_path / "source", "a/b c/ü.bin")
    storage.write("small", b"1")
    storage.write("small", b"22")
    assert storage.fetch("a/b c/ü.bin", tmp_path / "target" / "file")
    assert (tmp_path / "target" / "file").read_bytes() == content
    assert storage.read("small") == b"22"
    assert storage.holds("small")
    assert [(file.name, file.size) for file in storage.files()] == [("a/b c/ü.bin", len(content)), ("small", 2)]
    assert all(abs(file.changed_ns / 1e9 - time.time()) < 3600 for file in storage.files())


def test_parts_are_folders_of_it(storage: Storage) -> None:
    storage.part("runs/first").write("ledger", b"x")
    assert storage.read("runs/first/ledger") == b"x"
    assert [file.name for file in storage.part("runs").files()] == ["first/ledger"]


def test_a_removed_file_is_gone(storage: Storage) -> None:
    storage.write("file", b"x")
    storage.remove("file")
    assert storage.files() == []


def test_access_is_tried_and_leaves_nothing(storage: Storage) -> None:
    storage.require_access()
    assert storage.files() == []


def test_another_process_can_use_it(storage: Storage) -> None:
    storage.write("file", b"x")
    assert pickle.loads(pickle.dumps(storage)).read("file") == b"x"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), patience_s=0)
    storage.write("file", b"old")
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*absent"):
        storage.put(tmp_path / "absent", "file")
    with pytest.raises(StorageError, match="cannot write file"):
        storage.put(Path("/proc/self/mem"), "file")  # which cannot be read, whoever reads it
    assert storage.read("file") == b"old"


@pytest.mark.parametrize("address", ["s3:/", "relative/path", "ftp://host/folder"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(StorageError, match="must be a path or an address such as s3://bucket/folder"):
        Storage(address).files()


def test_a_bucket_that_does_not_exist_is_told_at_once(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    absent = store.address("present").replace("s3://present", "s3://absent")
    began = time.monotonic()
    with pytest.raises(StorageError, match="s3://absent"):
        Storage(absent).require_access()
    assert time.monotonic() - began < 30


def test_a_storage_that_is_out_of_reach_for_a_while_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with object_store(tmp_path / "first") as first:
        address = first.address("bucket", "run")
    with pytest.raises(StorageError, match="cannot write file"):
        Storage(address, patience_s=0).write("file", b"x")
    writing = threading.Thread(target=Storage(address).write, args=("file", b"y"))
    writing.start()
    time.sleep(SECONDS_OUT_OF_REACH)
    assert writing.is_alive()
    with object_store(tmp_path / "second", first.port) as second:
        assert second.address("bucket", "run") == address
        writing.join(timeout=120)
        assert Storage(address).read("file") == b"y"


@pytest.mark.parametrize(("text", "expected"), [("s3://bucket", True), ("gs://b/c", True), ("/d", False), ("d", False)])
def test_addresses_are_told_from_paths(text: str, expected: bool) -> None:
    assert is_address(text) == expected
