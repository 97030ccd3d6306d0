from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recycle.data.coco import Dataset
from recycle.data.copy_paste_folder import RECORD, Additions, ensure_pasted, read_pasted
from recycle.errors import DataError
from recycle.recipe.copy_paste import CopyPaste
from tests.data.copy_paste_scenes import Picture, Shape, write_pictures

PASTING = CopyPaste(additions={"Battery": 8, "Clothing": 2}, min_area=10)


@pytest.fixture
def train(tmp_path: Path) -> Dataset:
    """Papers, a battery, and no clothes."""
    shapes = [(Shape(0, 4, 4, 16, 12),)] * 5 + [(Shape(1, 40, 10, 14, 10),)]
    return write_pictures(tmp_path / "train", [Picture(80, 70, each) for each in shapes])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fold"


def paste(train: Dataset, folder: Path, key: str = "key", seed: int = 0) -> Additions:
    return ensure_pasted(train, PASTING, seed, key, folder)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_what_was_pasted_is_told_and_read_back(train: Dataset, folder: Path) -> None:
    additions = paste(train, folder)
    assert additions == Additions("key", {"Battery": 8}, ("Clothing",))
    pasted = read_pasted(folder)
    assert pasted.images == train.images
    before, after = (Counter(each.category_id for each in held.annotations) for held in (train, pasted))
    assert after - before == Counter({1: 8})


def test_what_is_whole_is_not_made_again(train: Dataset, folder: Path) -> None:
    additions = paste(train, folder)
    made = times(folder)
    assert paste(train, folder) == additions
    assert paste(train, folder, seed=9) == additions, "the key alone decides"
    assert times(folder) == made


def test_another_key_makes_it_anew_without_remains(train: Dataset, folder: Path) -> None:
    paste(train, folder)
    (folder / "remains.png").touch()
    assert paste(train, folder, key="other", seed=1).key == "other"
    assert files(folder) == files_of_a_fresh_folder(train, folder, key="other", seed=1)


@pytest.mark.parametrize("victim", [RECORD, "annotations.json", "images/1.png", "images/3.png"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.unlink() or path.symlink_to("nowhere")])
def test_a_folder_that_lacks_something_is_made_again(
    train: Dataset, folder: Path, victim: str, damage: Callable[[Path], object]
) -> None:
    paste(train, folder)
    damage(folder / victim)
    paste(train, folder)
    assert files(folder) == files_of_a_fresh_folder(train, folder)


def test_a_record_of_something_else_counts_for_nothing(train: Dataset, folder: Path) -> None:
    paste(train, folder)
    for content in ("[]", "{}", '{"key": "key"', "3"):
        (folder / RECORD).write_text(content)
        assert paste(train, folder).added == {"Battery": 8}
    assert files(folder) == files_of_a_fresh_folder(train, folder)


def test_what_was_left_half_written_is_made_again(train: Dataset, folder: Path) -> None:
    last = train.path_of(train.images[-2])
    good = last.read_bytes()
    last.write_bytes(good[:50])
    with pytest.raises(DataError, match=r"5\.png"):
        paste(train, folder)
    assert list(folder.rglob("*.png")), "it ended in the middle"
    assert not (folder / RECORD).exists()
    last.write_bytes(good)
    paste(train, folder)
    assert files(folder) == files_of_a_fresh_folder(train, folder)


def test_originals_may_move(train: Dataset, folder: Path) -> None:
    paste(train, folder)
    moved = train.folder.rename(train.folder.with_name("moved"))
    paste(replace(train, folder=moved), folder)
    pasted = read_pasted(folder)
    assert all(pasted.path_of(image).is_file() for image in pasted.images)


def files_of_a_fresh_folder(train: Dataset, folder: Path, key: str = "key", seed: int = 0) -> dict[str, bytes]:
    fresh = folder.with_name("fresh")
    paste(train, fresh, key, seed)
    return files(fresh)
