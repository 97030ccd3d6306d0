"""Which images each file of predictions has seen, and whether the files can belong together."""

from collections.abc import Collection, Iterable, Sequence

from recycle.errors import DataError
from recycle.fusion.inputs.reference import Reference
from recycle.predictions.found_boxes import FoundBoxes

_SHOWN = 3


def covered_images(
    found: Sequence[FoundBoxes], reference: Reference | None, *, allow_missing: bool
) -> list[frozenset[str]]:
    """Decides which images each file has seen, with or without boxes.

    A format that lists its images tells. One that names only images with boxes has seen all that the files name
    together, or the whole reference where no file lists its images.

    Args:
        found: What the files hold.
        reference: The images that there are, if that is known.
        allow_missing: Whether an image may be missing from files that list theirs.

    Returns:
        The file names for each file.

    Raises:
        DataError: If an image is not in the reference, missing from a file against the rule, or a file shares no image
            with the others; the message names the first of them.
    """
    if reference:
        for one in found:
            _require_known(one, reference)
    everything = frozenset[str]().union(*(one.images for one in found))
    if reference and not any(one.lists_all for one in found):
        everything = frozenset(reference.sizes)
    if not allow_missing:
        for one in found:
            _require_all(one, everything, found)
    covered = [frozenset(one.images) if one.lists_all else everything for one in found]
    _require_overlap(found, covered)
    return covered


def require_labels(found: Sequence[FoundBoxes], reference: Reference | None) -> None:
    """Refuses labels beyond the reference's classes or, without one, ranges of labels that are shifted.

    Raises:
        DataError: Naming the first such label or pair of files.
    """
    if reference:
        count = len(reference.dataset.categories)
        for one in found:
            one.require(
                one.values[:, 0] < count, 0, f"must be below {count}, the number of classes in {reference.source}"
            )
        return
    ranges = [(one.source, int(one.labels.min()), int(one.labels.max())) for one in found if len(one)]
    for source, low, high in ranges:
        for other, other_low, other_high in ranges:
            if low < other_low and high < other_high:
                raise DataError(
                    f"{source} and {other}: labels must be of the same classes, but they are {low} to {high} and "
                    f"{other_low} to {other_high}; if they are, --truth tells how many classes there are"
                )


def _require_known(one: FoundBoxes, reference: Reference) -> None:
    unknown = set(one.images) - reference.sizes.keys()
    if unknown:
        raise DataError(
            f"{one.source}: its images must be among the {len(reference.sizes)} of {reference.source}, "
            f"but {_listed(unknown)} {'is' if len(unknown) == 1 else 'are'} not"
        )


def _require_all(one: FoundBoxes, everything: Collection[str], found: Iterable[FoundBoxes]) -> None:
    missing = set(everything) - set(one.images) if one.lists_all else set()
    if missing:
        first = min(missing)
        other = next(other.source for other in found if first in other.images)
        raise DataError(
            f"{one.source}: must have a line for every image of the other inputs, but {len(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing: {_listed(missing)} (in {other}); "
            "--allow-missing fuses each image from the inputs that have it"
        )


def _require_overlap(found: Sequence[FoundBoxes], covered: Sequence[frozenset[str]]) -> None:
    for place, (one, own) in enumerate(zip(found, covered, strict=True)):
        others = frozenset[str]().union(*covered[:place], *covered[place + 1 :])
        if own and others and not own & others:
            raise DataError(
                f"{one.source}: must share images with the other inputs, but shares none: it has {min(own)}, "
                f"they have {min(others)}"
            )


def _listed(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:_SHOWN])
    return first if len(names) <= _SHOWN else f"{first} and {len(names) - _SHOWN} more"
