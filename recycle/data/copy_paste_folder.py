"""The folder of a training part after copy-paste: made once, and known by a key to be whole."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from recycle.data.coco import Dataset, read_coco
from recycle.data.copy_paste import ANNOTATIONS, augment_fold
from recycle.data.json_files import read_json, write_json
from recycle.errors import DataError
from recycle.recipe.copy_paste import CopyPaste

RECORD = "copy-paste.json"
"""Written last: a folder without it was left half-written."""


@dataclass(frozen=True)
class Additions:
    """What was pasted into a training part.

    Attributes:
        key: Digest of all that decides it.
        added: How many objects, by class name, in the order of the categories.
        without_objects: Classes that were to get more but have no object large enough to be pasted.
    """

    key: str
    added: Mapping[str, int]
    without_objects: tuple[str, ...]


def ensure_pasted(train: Dataset, settings: CopyPaste, seed: int, key: str, folder: Path) -> Additions:
    """Pastes objects into a training part, unless the folder holds all that came of the same key.

    Args:
        train: The training part of one fold.
        settings: Which classes get how many objects, and how they are pasted.
        seed: Not negative.
        key: Digest of all that decides the result: the data, the fold, the settings, the seed, library versions.
        folder: Made anew, whatever it holds, if it is of another key or not whole.

    Returns:
        What was pasted, then or now.

    Raises:
        RecipeError: As `augment_fold`.
        DataError: As `augment_fold`.
    """
    known = _whole(folder, key)
    if known is not None:
        return known
    shutil.rmtree(folder, ignore_errors=True)
    fold = augment_fold(train, settings, seed, folder)
    additions = Additions(key, fold.added, fold.without_objects)
    write_json(asdict(additions), folder / RECORD, indent=1)
    return additions


def read_pasted(folder: Path) -> Dataset:
    """The training part that `ensure_pasted` wrote to this folder."""
    return read_coco(folder / ANNOTATIONS, folder)


def _whole(folder: Path, key: str) -> Additions | None:
    """What the folder's record tells, if it is of this key and every image is there, links to elsewhere included."""
    try:
        additions = _additions(read_json(folder / RECORD))
        dataset = read_pasted(folder)
    except (DataError, TypeError):
        return None
    is_whole = additions.key == key and all(dataset.path_of(image).is_file() for image in dataset.images)
    return additions if is_whole else None


def _additions(record: object) -> Additions:
    additions = Additions(**record)  # type: ignore[arg-type]
    return Additions(additions.key, additions.added, tuple(additions.without_objects))
