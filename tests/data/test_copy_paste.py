import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recycle.data.coco import Annotation, Category, Dataset, read_coco
from recycle.data.copy_paste import augment_fold, require_suitable, wanted_additions
from recycle.errors import DataError, RecipeError
from recycle.recipe.copy_paste import CopyPaste
from tests.data.copy_paste_scenes import (
    BRIGHTEST_GROUND,
    CLASSES,
    Picture,
    Shape,
    colour_of,
    full_mask,
    pictures,
    pixels_of,
    write_pictures,
)
from tests.data.small_dataset import dataset_of

ROOM = [Picture(80, 70)] * 4
EXACT: dict[str, Any] = {"min_scale": 1, "max_scale": 1, "blending": ("none",), "min_area": 1}
"""Objects keep their size and colours, so that every pixel tells whose it is."""


def pasting(additions: object, **others: object) -> CopyPaste:
    return CopyPaste.model_validate({"additions": additions, "min_area": 10, **others})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def shown_object(dataset: Dataset, annotation: Annotation) -> int:
    """Which object of the data set it was made from an annotation shows, by its colour, which must be the only one."""
    image = next(image for image in dataset.images if image.id == annotation.image_id)
    colours = np.unique(pixels_of(dataset, image)[full_mask(annotation, image)], axis=0)
    assert len(colours) == 1
    return int(colours[0, 0]) - 100


def masks_of(dataset: Dataset) -> dict[int, list[np.ndarray]]:
    grouped = dataset.annotations_by_image()
    return {image.id: [full_mask(each, image) for each in grouped[image.id]] for image in dataset.images}


@settings(max_examples=30)
@given(
    st.lists(pictures(), max_size=3),
    st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 4), min_size=1),
    st.floats(0, 0.6),
    st.integers(0, 2**32),
)
def test_every_pixel_is_in_the_mask_and_box_of_the_object_it_shows(
    drawn: list[Picture], additions: dict[str, int], max_hidden: float, seed: int
) -> None:
    shapes = tuple(Shape(label, 4 + 20 * label, 6, 12, 9, bool(label % 2)) for label in range(3))
    with tempfile.TemporaryDirectory() as root:
        train = write_pictures(Path(root) / "train", [*drawn, Picture(80, 70, shapes), *ROOM])
        settings = pasting(additions, max_hidden=max_hidden, **EXACT)
        augmented = augment_fold(train, settings, seed, Path(root) / "augmented")
        result = augmented.dataset

        before, after = (Counter(each.category_id for each in held.annotations) for held in (train, result))
        assert {CLASSES[label]: more for label, more in (after - before).items()} == augmented.added == additions
        whole = {each.id: each.area for each in train.annotations}
        masks = masks_of(result)
        for image in result.images:
            assert np.sum(masks[image.id], axis=0).max(initial=0) <= 1, "no pixel belongs to two objects"
            is_object = (pixels_of(result, image) >= BRIGHTEST_GROUND).any(axis=2)
            np.testing.assert_array_equal(np.any([*masks[image.id], np.zeros_like(is_object)], axis=0), is_object)
        for annotation in result.annotations:
            shown = shown_object(result, annotation)
            original = train.annotations[[each.id for each in train.annotations].index(shown)]
            assert annotation.category_id == original.category_id
            assert annotation.id == shown if annotation.id in whole else annotation.image_id != original.image_id
            assert whole[shown] * (1 - max_hidden) - 1e-6 <= annotation.area <= whole[shown]


@settings(max_examples=15)
@given(st.lists(pictures(), min_size=1, max_size=2), st.booleans(), st.integers(0, 2**32))
def test_boxes_are_the_extents_of_masks_whatever_the_scale_and_blending(
    drawn: list[Picture], median: bool, seed: int
) -> None:
    shapes = Shape(1, 10, 20, 14, 10), Shape(2, 40, 30, 16, 24, True), Shape(2, 5, 45, 10, 10)
    with tempfile.TemporaryDirectory() as root:
        train = write_pictures(Path(root) / "train", [*drawn, Picture(80, 70, shapes), *ROOM])
        wanted = pasting(
            "median" if median else {"Battery": 3, "Clothing": 2},
            min_scale=0.5,
            max_scale=2,
            blending=("none", "gaussian", "seamless"),
        )
        result = augment_fold(train, wanted, seed, Path(root) / "augmented").dataset
        image_of = {image.id: image for image in result.images}
        for annotation in result.annotations:
            mask = full_mask(annotation, image_of[annotation.image_id])
            rows, columns = np.nonzero(mask)
            x, y, width, height = annotation.bbox
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
            assert annotation.area == mask.sum() > 0


@pytest.fixture
def train(tmp_path: Path) -> Dataset:
    """Five pictures: paper in four, in one of them a battery and clothes; the last is empty."""
    paper = Shape(0, 4, 4, 16, 12)
    rare = Shape(1, 40, 10, 14, 10), Shape(2, 20, 40, 20, 16, True)
    shapes = [(paper,), (paper,), (paper,), (paper, *rare), ()]
    return write_pictures(tmp_path / "train", [Picture(80, 70, each) for each in shapes])


def test_nothing_comes_from_outside_of_the_training_part(tmp_path: Path) -> None:
    shapes = [(Shape(label, 10 + 8 * label, 10, 12, 12),) for label in (0, 1, 2)]
    whole = write_pictures(tmp_path / "whole", [Picture(60, 50, each) for each in shapes for _ in range(4)] + ROOM)
    inside = {1, 2, 5, 6, 9, 10, 13, 14}
    augmented = augment_fold(whole.subset(inside), pasting(dict.fromkeys(CLASSES, 20), **EXACT), 3, tmp_path / "fold")
    result = augmented.dataset

    assert {image.id for image in result.images} == inside
    assert {shown_object(result, each) for each in result.annotations} == inside - {13, 14}
    outside = {colour_of(each.id) for each in whole.annotations if each.image_id not in inside}
    for image in result.images:
        assert not outside & set(map(tuple, pixels_of(result, image).reshape(-1, 3).tolist()))


def test_the_same_seed_writes_the_same_files(tmp_path: Path, train: Dataset) -> None:
    orders = {"Battery": 5, "Clothing": 3}, {"Clothing": 3, "Battery": 5}
    results = [augment_fold(train, pasting(each), 7, tmp_path / str(i)) for i, each in enumerate(orders)]
    assert files(tmp_path / "0") == files(tmp_path / "1")
    assert results[0].added == results[1].added
    augment_fold(train, pasting(orders[0]), 8, tmp_path / "other")
    assert files(tmp_path / "0") != files(tmp_path / "other")


def test_images_without_additions_are_the_originals(tmp_path: Path, train: Dataset) -> None:
    originals = files(train.folder)
    result = augment_fold(train, pasting({"Battery": 2}), 0, tmp_path / "fold").dataset
    changed = {each.image_id for each in result.annotations if each.id > len(train.annotations)}

    assert result.images == train.images
    assert len(changed) == 2
    for image in result.images:
        assert result.path_of(image).is_symlink() == (image.id not in changed)
        assert np.array_equal(pixels_of(result, image), pixels_of(train, image)) == (image.id not in changed)
    assert result.annotations[0] == train.annotations[0]
    assert read_coco(tmp_path / "fold" / "annotations.json", tmp_path / "fold") == result
    assert files(train.folder) == originals


def test_a_folder_can_be_written_again_and_originals_stay(tmp_path: Path, train: Dataset) -> None:
    originals = files(train.folder)
    for seed in range(4):
        augment_fold(train, pasting({"Clothing": 2}), seed, tmp_path / "fold")
    augment_fold(train, pasting({"Clothing": 2}), 3, tmp_path / "fresh")
    assert files(tmp_path / "fold") == files(tmp_path / "fresh")
    assert files(train.folder) == originals


def test_the_folder_of_the_originals_is_refused(train: Dataset, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(train.folder)
    for folder in (train.folder, tmp_path / "link"):
        with pytest.raises(DataError, match=r"another folder than that of .*1\.png, but got folder="):
            augment_fold(train, pasting({"Battery": 1}), 0, folder)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".bmp"])
def test_changed_images_keep_their_names(tmp_path: Path, suffix: str) -> None:
    shapes = Shape(1, 10, 10, 20, 20), Shape(0, 40, 10, 20, 20)
    train = write_pictures(tmp_path / "train", [Picture(80, 70, shapes), Picture(80, 70)], suffix)
    result = augment_fold(train, pasting({"Battery": 1}, blending=["none"]), 0, tmp_path / "fold").dataset
    with PIL.Image.open(result.path_of(result.images[1])) as image:
        assert image.format == ("JPEG" if suffix.lower().startswith(".j") else "PNG")
    mask = full_mask(result.annotations[-1], result.images[1])
    shown = np.median(pixels_of(result, result.images[1])[mask], axis=0)
    assert np.abs(shown - colour_of(1)).max() < 12


def test_turned_images_are_pasted_into_as_they_are_displayed(tmp_path: Path) -> None:
    train = write_pictures(tmp_path / "train", [Picture(80, 70, (Shape(1, 10, 30, 30, 24),)), Picture(60, 90)], ".jpg")
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    for image in train.images:
        with PIL.Image.open(train.path_of(image)) as upright:
            turned = upright.transpose(PIL.Image.Transpose.ROTATE_90)
        turned.save(train.path_of(image), exif=exif, quality=100)
    result = augment_fold(train, pasting({"Battery": 1}, blending=["none"]), 0, tmp_path / "fold").dataset
    pixels = pixels_of(result, result.images[1])
    assert pixels.shape == (90, 60, 3)
    shown = np.median(pixels[full_mask(result.annotations[-1], result.images[1])], axis=0)
    assert np.abs(shown - colour_of(1)).max() < 12


def test_crowds_are_neither_cut_nor_hidden_nor_changed(tmp_path: Path, train: Dataset) -> None:
    crowd = Annotation(90, 5, 1, (0.0, 0.0, 80.0, 40.0), 3200.0, True, None)
    crowded = replace(train, annotations=(*train.annotations, crowd))
    result = augment_fold(crowded, pasting({"Battery": 12}), 0, tmp_path / "fold").dataset
    assert crowd in result.annotations
    beside = [each for each in result.annotations if each.image_id == 5 and each.id > 90]
    assert len(beside) > 1
    assert all(full_mask(each, result.images[4])[:40].sum() == 0 for each in beside)


def spoilt(train: Dataset, annotation_id: int) -> Dataset:
    annotations = (replace(each, segmentation=None) if each.id == annotation_id else each for each in train.annotations)
    return replace(train, annotations=tuple(annotations))


def test_a_missing_mask_is_refused_or_guessed(tmp_path: Path, train: Dataset) -> None:
    with pytest.raises(DataError, match=r"4\.png: annotation 5: .*only a box"):
        require_suitable(spoilt(train, 5), pasting("median"))
    with pytest.raises(DataError, match=r"4\.png: annotation 5: .*only a box"):
        augment_fold(spoilt(train, 5), pasting({"Battery": 2}), 0, tmp_path / "fold")
    assert not (tmp_path / "fold").exists()

    settings = pasting({"Battery": 2}, masks_from_boxes="grabcut", **EXACT)
    require_suitable(spoilt(train, 5), settings)
    result = augment_fold(spoilt(train, 5), settings, 0, tmp_path / "fold").dataset
    assert [shown_object(result, each) for each in result.annotations if each.id > 6] == [5, 5]
    assert next(each for each in result.annotations if each.id == 5).segmentation is None, "its box is known better"


def test_a_class_without_an_object_to_paste_is_reported(tmp_path: Path, train: Dataset) -> None:
    augmented = augment_fold(train, pasting({"Battery": 2, "Clothing": 3}, min_area=150), 0, tmp_path / "fold")
    assert augmented.added == {"Clothing": 3}
    assert augmented.without_objects == ("Battery",)


def test_median() -> None:
    dataset = dataset_of([[0] * 9, [1] * 4, [2] * 2, [3]], classes=5)
    crowds = tuple(Annotation(90 + i, 0, 3, (0.0, 0.0, 9.0, 9.0), 81.0, True, None) for i in range(9))
    dataset = replace(dataset, annotations=dataset.annotations + crowds)
    assert wanted_additions(dataset, pasting("median")) == {2: 1, 3: 2, 4: 3}
    assert wanted_additions(replace(dataset, annotations=()), pasting("median")) == {}


def test_classes_are_found_by_name_in_the_order_of_the_categories() -> None:
    dataset = replace(dataset_of([[7]], 8), categories=(Category(7, "Glass"), Category(3, "Metal")))
    assert list(wanted_additions(dataset, pasting({"Metal": 5, "Glass": 6})).items()) == [(7, 6), (3, 5)]
    with pytest.raises(RecipeError, match=r"classes of the data set, Glass, Metal, but got 'Batery'"):
        require_suitable(dataset, pasting({"Glass": 1, "Batery": 1}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: pasting({"Glass": 0}),
        lambda: pasting({"Glass": True}),
        lambda: pasting({3: 1}),
        lambda: pasting({}),
        lambda: pasting("mean"),
        lambda: pasting("median", min_scale=1.5),
        lambda: pasting("median", max_hidden=1.0),
        lambda: pasting("median", blending=[]),
        lambda: pasting("median", rotate=True),
    ],
)
def test_settings_that_make_no_sense_are_refused(spoil: Callable[[], CopyPaste]) -> None:
    with pytest.raises(ValidationError):
        spoil()
