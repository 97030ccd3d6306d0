"""How good labels are, as counts; the rest of this package takes a while to import."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LabelQuality:
    """How good labels of one class are, or those of all classes together.

    Attributes:
        labels: How many boxes, or pixels, there are; those that lie on a crowd are not counted.
        right: How many of them lie on an object of their class, boxes at IoU 0.5.
        objects: How many objects, or pixels of objects, there are.
    """

    labels: int
    right: int
    objects: int

    @property
    def precision(self) -> float | None:
        """Part of the labels that are right; None without labels."""
        return self.right / self.labels if self.labels else None

    @property
    def recall(self) -> float | None:
        """Part of the objects that have a label; None without objects."""
        return self.right / self.objects if self.objects else None


def all_together(classes: Iterable[LabelQuality]) -> LabelQuality:
    """Returns the quality of the labels of all classes."""
    known = tuple(classes)
    return LabelQuality(
        sum(one.labels for one in known), sum(one.right for one in known), sum(one.objects for one in known)
    )
