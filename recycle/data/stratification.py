"""Dealing out groups of images so that each part has its share of every class.

An annotation is one sample of its class, and every image is one more sample of a class of its own, so that images,
also those without annotations, are balanced too. scikit-learn's StratifiedGroupKFold deals out the groups.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.near_duplicates import by_first_appearance
from recycle.errors import DataError


@dataclass(frozen=True, eq=False)
class Samples:
    """Images in the order of their names, and the class of each annotation in them."""

    class_names: tuple[str, ...]
    file_names: tuple[str, ...]
    groups: npt.NDArray[np.int64]
    """(images,) group of each image."""
    labels: npt.NDArray[np.int64]
    """(annotations,) index into `class_names`."""
    owners: npt.NDArray[np.int64]
    """(annotations,) index into `file_names` of each annotation's image."""

    @classmethod
    def of(cls, dataset: Dataset, groups: npt.NDArray[np.int64]) -> "Samples":
        """The samples of a data set, whose order of images then no longer matters.

        Args:
            dataset: The images and annotations.
            groups: Group of each image in the data set's order, shape (images,).

        Raises:
            ValueError: Not one group for each image.
        """
        if groups.shape != (len(dataset.images),):
            raise ValueError(f"there must be {len(dataset.images)} groups, one an image, but got shape {groups.shape}.")
        order = sorted(range(len(dataset.images)), key=lambda index: dataset.images[index].file_name)
        position = {dataset.images[index].id: place for place, index in enumerate(order)}
        label_of = dataset.label_of
        return cls(
            class_names=dataset.class_names,
            file_names=tuple(dataset.images[index].file_name for index in order),
            groups=by_first_appearance(groups[order]),
            labels=np.array([label_of[a.category_id] for a in dataset.annotations], dtype=np.int64),
            owners=np.array([position[a.image_id] for a in dataset.annotations], dtype=np.int64),
        )

    def groups_of_class(self) -> dict[str, npt.NDArray[np.int64]]:
        """The groups that hold a class, by its name."""
        held = self.groups[self.owners]
        return {name: np.unique(held[self.labels == label]) for label, name in enumerate(self.class_names)}

    def without_groups(self, groups: npt.NDArray[np.int64]) -> "Samples":
        """The samples of all other groups."""
        kept = ~np.isin(self.groups, groups)
        place = np.cumsum(kept) - 1
        inside = kept[self.owners]
        names = tuple(name for name, keep in zip(self.file_names, kept, strict=True) if keep)
        return Samples(self.class_names, names, self.groups[kept], self.labels[inside], place[self.owners[inside]])

    def divide(self, parts: int, seed: int) -> dict[str, int]:
        """Deals the groups out.

        Args:
            parts: Number of parts, at least 2.
            seed: Decides the order of equal groups.

        Returns:
            Part, 0 to parts - 1, by `file_name`; none is empty.

        Raises:
            DataError: There are fewer groups than parts.
        """
        available = len(np.unique(self.groups))
        if available < parts:
            raise DataError(f"{available} groups of near-duplicate images cannot be divided into {parts} parts")
        classes = np.concatenate([self.labels, np.full(len(self.groups), len(self.class_names))])
        groups = np.concatenate([self.groups[self.owners], self.groups])
        # Every process that reads folds imports this module, and this library takes a second.
        from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        part_of: dict[str, int] = {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # named as rare classes
            for part, (_, inside) in enumerate(splitter.split(classes, classes, groups)):
                images = inside[inside >= len(self.labels)] - len(self.labels)
                part_of.update((self.file_names[image], part) for image in images)
        return part_of
