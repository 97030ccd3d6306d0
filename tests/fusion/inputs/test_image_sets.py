import pytest

from recycle.errors import DataError
from recycle.fusion.inputs.image_sets import covered_images, require_labels
from recycle.predictions.found_boxes import FoundBoxes
from tests.fusion.inputs.files import dataset_of, found_on, reference_of

ONE, TWO, THREE = "images/1.jpg", "images/2.jpg", "images/3.jpg"
ALL = {ONE, TWO, THREE}


@pytest.mark.parametrize(
    ("files", "has_reference", "allow_missing", "covered"),
    [
        ([found_on("a", ONE, TWO), found_on("b", TWO, ONE)], False, False, [{ONE, TWO}] * 2),
        ([found_on("a", ONE, TWO)], True, False, [{ONE, TWO}]),  # the truth may have more images
        ([found_on("a", ONE, TWO), found_on("b", TWO)], False, True, [{ONE, TWO}, {TWO}]),
        # a format that cannot name images without boxes has seen those of the others
        ([found_on("a", ONE, TWO), found_on("b", TWO, lists_all=False)], True, False, [{ONE, TWO}] * 2),
        ([found_on("b", TWO, lists_all=False), found_on("c", ONE, lists_all=False)], True, False, [ALL] * 2),
        ([found_on("a", ONE), found_on("b", TWO, ONE, lists_all=False)], True, True, [{ONE}, {ONE, TWO}]),
        ([found_on("a", ONE, TWO), found_on("b", lists_all=False)], True, False, [{ONE, TWO}] * 2),
        ([found_on("a"), found_on("b")], False, False, [set(), set()]),
    ],
)
def test_which_images_a_file_has_seen(
    files: list[FoundBoxes], has_reference: bool, allow_missing: bool, covered: list[set[str]]
) -> None:
    reference = reference_of() if has_reference else None
    assert covered_images(files, reference, allow_missing=allow_missing) == covered


@pytest.mark.parametrize(
    ("files", "has_reference", "allow_missing", "message"),
    [
        (
            [found_on("a", ONE, TWO), found_on("b", ONE)],
            False,
            False,
            "b: must have a line for every image of the other inputs, but 1 is missing: images/2.jpg (in a); "
            "--allow-missing fuses each image from the inputs that have it",
        ),
        (
            [found_on("a", "1", "6"), found_on("b", "1", "5", "3", "4", "2", "6")],
            False,
            False,
            "a: must have a line for every image of the other inputs, but 4 are missing: 2, 3, 4 and 1 more (in b); ",
        ),
        (
            [found_on("a", ONE), found_on("b", ONE, TWO, lists_all=False)],
            True,
            False,
            "a: must have a line for every image of the other inputs, but 1 is missing: images/2.jpg (in b); ",
        ),
        (
            [found_on("a", "1.jpg", "2.jpg", "3.jpg", "4.jpg", THREE)],
            True,
            True,
            "a: its images must be among the 3 of truth.json, but 1.jpg, 2.jpg, 3.jpg and 1 more are not",
        ),
        (
            [found_on("a", ONE), found_on("b", "9.jpg", ONE)],
            True,
            True,
            "b: its images must be among the 3 of truth.json, but 9.jpg is not",
        ),
        (
            [found_on("a", "test/1.jpg", "test/2.jpg"), found_on("b", "1.jpg", "2.jpg")],
            False,
            True,
            "a: must share images with the other inputs, but shares none: it has test/1.jpg, they have 1.jpg",
        ),
    ],
)
def test_files_that_cannot_belong_together(
    files: list[FoundBoxes], has_reference: bool, allow_missing: bool, message: str
) -> None:
    with pytest.raises(DataError) as error:
        covered_images(files, reference_of() if has_reference else None, allow_missing=allow_missing)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("ranges", "has_reference", "message"),
    [
        ([(0, 9), (0, 9)], False, None),
        ([(0, 9), (2, 8)], False, None),  # rare classes need not be found
        ([(0, 9), (0, 8)], False, None),
        ([(0, 9), ()], False, None),
        ([(0, 9), (1, 10)], False, "a0 and a1: labels must be of the same classes, but they are 0 to 9 and 1 to 10"),
        ([(5, 8), (0, 9), (0, 4)], False, "a2 and a0: labels must be of the same classes, but they are 0 to 4 and 5 "),
        ([(0, 0), (1, 1)], True, None),  # where the classes are known, ranges prove nothing
        ([(0, 1), (0, 2)], True, "a1: line 3, image images/1.jpg: label must be below 2, the number of classes in "),
    ],
)
def test_labels_that_cannot_belong_together(
    ranges: list[tuple[int, ...]], has_reference: bool, message: str | None
) -> None:
    files = [found_on(f"a{i}", ONE, labels=labels) for i, labels in enumerate(ranges)]
    reference = reference_of(dataset_of()) if has_reference else None
    if message is None:
        require_labels(files, reference)
        return
    with pytest.raises(DataError) as error:
        require_labels(files, reference)
    assert str(error.value).startswith(message)
