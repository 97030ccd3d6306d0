import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recycle.data.copy_folders import GIB
from recycle.data.node_cache import copy_of, fetched, local_copy
from recycle.data.remote_folder import RemoteFolder, describe_folder
from recycle.errors import StorageError
from recycle.locks import locked
from recycle.paths import data_caches_folder
from recycle.storage import Storage

CONTENT = {"annotations.json": b"{}", "images/1.jpg": b"one" * 1000, "images/2.jpg": b"two" * 1000}


class CountedStorage(Storage):
    """Notes what is fetched."""

    fetches: list[str]

    def fetch(self, name: str, local: Path) -> bool:
        self.fetches.append(name)
        return super().fetch(name, local)


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return data_caches_folder()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, content in CONTENT.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "source"


@pytest.fixture
def storage(source: Path) -> CountedStorage:
    made = CountedStorage(str(source), patience_s=0)
    made.fetches = []
    return made


@pytest.fixture
def remote(source: Path, storage: Storage) -> RemoteFolder:
    return describe_folder(source, CONTENT, storage)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_copied_once(remote: RemoteFolder, storage: CountedStorage) -> None:
    for _ in range(2):
        with local_copy(remote, 1) as folder:
            assert content_of(folder) == CONTENT
    assert sorted(storage.fetches) == sorted(CONTENT)


def test_several_users_copy_it_once(remote: RemoteFolder, storage: CountedStorage) -> None:
    def use() -> None:
        with local_copy(remote, 1) as folder:
            assert content_of(folder) == CONTENT

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert sorted(storage.fetches) == sorted(CONTENT)


@pytest.mark.parametrize("damage", ["changed", "cut", "removed"])
def test_what_was_damaged_is_copied_again(remote: RemoteFolder, storage: CountedStorage, damage: str) -> None:
    with local_copy(remote, 1) as folder:
        victim = folder / "images/1.jpg"
        if damage == "removed":
            victim.unlink()
        else:
            victim.write_bytes(b"ono" * 1000 if damage == "changed" else b"o")
    storage.fetches.clear()
    with local_copy(remote, 1) as folder:
        assert content_of(folder) == CONTENT
    assert storage.fetches == ["images/1.jpg"]


def test_a_copy_without_its_index_is_checked_again(remote: RemoteFolder, caches: Path) -> None:
    with local_copy(remote, 1):
        pass
    for index in caches.glob("*/index.json"):
        index.write_text("{")
    with local_copy(remote, 1) as folder:
        assert content_of(folder) == CONTENT


def test_a_file_that_is_another_in_the_storage_is_refused(remote: RemoteFolder, source: Path) -> None:
    (source / "images/1.jpg").write_bytes(b"ono" * 1000)
    with pytest.raises(
        StorageError, match=r"images/1.jpg: its checksum must be \w+, as when the run was begun, but is"
    ):
        local_copy(remote, 1).__enter__()


def test_a_file_that_is_gone_is_named(remote: RemoteFolder, source: Path) -> None:
    (source / "images/1.jpg").unlink()
    with pytest.raises(StorageError, match=r"images/1.jpg: there is no such file"):
        local_copy(remote, 1).__enter__()


def test_names_that_lead_out_are_refused(remote: RemoteFolder) -> None:
    outside = RemoteFolder(remote.storage, {"../secret": remote.files["annotations.json"]})
    with pytest.raises(StorageError, match=r"must not lead out of the folder, but got '\.\./secret'"):
        local_copy(outside, 1).__enter__()


def test_all_that_is_found_is_fetched_and_described(
    storage: CountedStorage, remote: RemoteFolder, source: Path
) -> None:
    with fetched(storage, 1) as (folder, described):
        assert content_of(folder) == CONTENT
        assert described.files == remote.files
    storage.fetches.clear()
    (source / "images/2.jpg").write_bytes(b"new")
    (source / "images/3.jpg").write_bytes(b"three")
    with fetched(storage, 1) as (folder, described):
        assert (folder / "images/2.jpg").read_bytes() == b"new"
        assert sorted(described.files) == sorted([*CONTENT, "images/3.jpg"])
    assert sorted(storage.fetches) == ["images/2.jpg", "images/3.jpg"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no file"):
        fetched(Storage(str(tmp_path / "empty"), 0), 1).__enter__()


def test_copies_that_nobody_uses_make_room(source: Path, tmp_path: Path, caches: Path) -> None:
    size_gib = 8000 / GIB
    other = Storage(str(tmp_path / "other"), 0)
    other.write("file", b"x" * 5000)
    too_much = pytest.raises(StorageError, match=r"data.copy_gib must leave room for its .* beside .* but got")
    with fetched(Storage(str(source), 0), size_gib), too_much:
        fetched(other, size_gib).__enter__()
    with fetched(other, size_gib) as (folder, _):
        assert content_of(folder) == {"file": b"x" * 5000}
    assert len([path for path in caches.iterdir() if path.is_dir()]) == 1


def test_what_is_larger_than_the_limit_is_refused(source: Path) -> None:
    with pytest.raises(StorageError, match=r"but got data\.copy_gib=1e-06"):
        fetched(Storage(str(source), 0), 1e-6).__enter__()


class SlowStorage(Storage):
    """Copies nothing before it may."""

    may_copy: threading.Event

    def fetch(self, name: str, local: Path) -> bool:
        self.may_copy.wait(60)
        return super().fetch(name, local)


@contextmanager
def being_filled(source: Path) -> Iterator[None]:
    """A copy that another thread has begun to fill, and has no file of yet."""
    storage = SlowStorage(str(source), patience_s=0)
    storage.may_copy = threading.Event()
    filling = threading.Thread(target=lambda: fetched(storage, 1).__enter__())
    filling.start()
    try:
        while not list(data_caches_folder().glob("*/filling")):
            filling.join(0.01)
        yield
    finally:
        storage.may_copy.set()
        filling.join()


def test_members_beside_the_driver_use_its_copy(storage: CountedStorage) -> None:
    with fetched(storage, 1) as (folder, remote), local_copy(remote, 1) as of_member:
        assert of_member == folder == copy_of(storage)
    assert sorted(storage.fetches) == sorted(CONTENT)


def test_a_copy_takes_its_whole_size_while_it_is_still_being_filled(source: Path, tmp_path: Path) -> None:
    other = Storage(str(tmp_path / "other"), 0)
    other.write("file", b"x" * 5000)
    with being_filled(source), pytest.raises(StorageError, match=r"data\.copy_gib must leave room for its"):
        fetched(other, 8000 / GIB).__enter__()


def test_what_others_copy_right_now_is_counted(source: Path, tmp_path: Path, remote: RemoteFolder) -> None:
    (tmp_path / "other").mkdir()
    with fetched(storage_of(tmp_path / "other", b"other"), 1) as (folder, _):
        ended = threading.Event()

        def churn() -> None:
            while not ended.is_set():
                for number in range(50):
                    (folder / f".{number}.tmp").touch()
                for number in range(50):
                    (folder / f".{number}.tmp").unlink()

        churning = threading.Thread(target=churn)
        churning.start()
        try:
            for _ in range(60):
                with local_copy(remote, 1):
                    pass
        finally:
            ended.set()
            churning.join()


def storage_of(folder: Path, content: bytes) -> Storage:
    storage = Storage(str(folder), 0)
    storage.write("file", content)
    return storage


@pytest.mark.parametrize("left", [[], ["files"]], ids=["killed while it was made", "killed while it was removed"])
def test_a_folder_that_a_killed_process_left_is_no_obstacle(
    caches: Path, left: list[str], tmp_path: Path, remote: RemoteFolder
) -> None:
    folder = copy_of(storage_of(tmp_path / "other", b"x" * 5000)).parent
    for name in left:
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(b"x" * 5000)
    folder.mkdir(parents=True, exist_ok=True)
    with local_copy(remote, 8000 / GIB) as copied:
        assert content_of(copied) == CONTENT
    with fetched(Storage(str(tmp_path / "other"), 0), 1) as (copied, _):
        assert copied.parent == folder
        assert content_of(copied) == {"file": b"x" * 5000}


def test_a_copy_is_not_opened_while_another_process_makes_room(caches: Path, remote: RemoteFolder) -> None:
    def use() -> None:
        with local_copy(remote, 1) as folder:
            assert content_of(folder) == CONTENT

    caches.mkdir(parents=True)
    user = threading.Thread(target=use)
    with locked(caches / "lock"):
        user.start()
        user.join(0.3)
        assert [path.name for path in caches.iterdir()] == ["lock"]
    user.join()
    assert len(list(caches.glob("*/files"))) == 1


def test_what_is_gone_from_the_source_is_gone_from_the_copy(storage: CountedStorage, source: Path) -> None:
    with fetched(storage, 1) as (folder, _):
        (folder / "images/.3.jpg.77.tmp").write_bytes(b"half copied by a process that was killed")
    (source / "images/1.jpg").unlink()
    left = {name: content for name, content in CONTENT.items() if name != "images/1.jpg"}
    with fetched(storage, 1) as (folder, remote):
        assert content_of(folder) == left
        assert remote.files.keys() == left.keys()


def test_members_find_no_file_that_their_run_does_not_know(
    storage: CountedStorage, source: Path, remote: RemoteFolder
) -> None:
    (source / "test.json").write_bytes(b"{}")
    with fetched(storage, 1):
        pass
    storage.fetches.clear()
    with local_copy(remote, 1) as folder:
        assert content_of(folder) == CONTENT
    assert storage.fetches == []


def test_a_copy_stays_as_it_is_for_those_who_have_it_open(storage: CountedStorage, source: Path) -> None:
    with fetched(storage, 1) as (folder, remote):
        (source / "images/2.jpg").write_bytes(b"new")
        (source / "images/1.jpg").unlink()
        with fetched(storage, 1) as (changed, _):
            assert content_of(changed) == {"annotations.json": b"{}", "images/2.jpg": b"new"}
            assert copy_of(storage) == changed
            assert content_of(folder) == CONTENT
        storage.fetches.clear()
        with local_copy(remote, 1) as of_member:
            assert of_member == folder
    with fetched(storage, 1) as (again, _):
        assert again == changed
    assert storage.fetches == []


def test_members_of_an_older_run_change_nothing_that_others_have_open(
    storage: CountedStorage, source: Path, remote: RemoteFolder
) -> None:
    (source / "images/2.jpg").write_bytes(b"new")
    with fetched(storage, 1) as (folder, _):
        with pytest.raises(StorageError, match=r"images/2\.jpg: its checksum must be"):
            local_copy(remote, 1).__enter__()
        storage.fetches.clear()
        with fetched(storage, 1) as (again, _):
            assert again == folder
    assert storage.fetches == []
