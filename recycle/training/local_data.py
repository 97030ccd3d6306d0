"""The data of a run as this machine sees them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from recycle.data.coco import Dataset
from recycle.data.node_cache import local_copy
from recycle.recipe import Fold
from recycle.training.member import TrainingData


@contextmanager
def local_data(data: TrainingData, fold: Fold) -> Iterator[TrainingData]:
    """Copies the images that a member needs to this machine, where they lie in a storage, and holds them.

    Args:
        data: What all members share.
        fold: The member's.

    Yields:
        The same, with folders of this machine.

    Raises:
        StorageError: If they cannot be had.
    """
    pasted = {fold: data.pasted[fold]} if fold in data.pasted else {}
    needed = {data.train.folder, data.test.folder, *pasted.values()}
    with ExitStack() as copies:
        place_of = {
            folder: copies.enter_context(local_copy(remote, data.cache_gib))
            for folder, remote in data.remote.items()
            if folder in needed
        }

        def moved(dataset: Dataset) -> Dataset:
            return replace(dataset, folder=_place(dataset.folder, place_of))

        yield replace(
            data,
            train=moved(data.train),
            test=moved(data.test),
            pasted={name: _place(folder, place_of) for name, folder in pasted.items()},
        )


def _place(folder: Path, place_of: dict[Path, Path]) -> Path:
    return place_of.get(folder, folder)
