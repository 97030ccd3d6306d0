from pathlib import Path

import numpy as np
import PIL.Image

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.data.labelled_pixels import load_labelled_pixels, pixel_samples
from tests.data.small_dataset import HEIGHT, WIDTH, write_dataset


def rules(folder: Path, *, labelled: bool = True) -> list[str]:
    loaded = load_labelled_pixels(folder / "annotations.json", folder, labelled=labelled)
    return [finding.rule for finding in loaded.report.findings if finding.severity == "error"]


def write_maps(folder: Path, *names: str) -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:4], labels[4:6] = 1, 2
    for name in names:
        path = folder / "label_maps" / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(labels).save(path)


def test_boxes_alone_do_not_label_pixels(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    assert rules(tmp_path) == ["mask_missing"] * 4
    polygon = [[4.0, 4.0, 14.0, 4.0, 14.0, 14.0]]
    (tmp_path / "other").mkdir()
    write_dataset(
        tmp_path / "other", lambda document: [one.update(segmentation=polygon) for one in document["annotations"]]
    )
    assert rules(tmp_path / "other") == []


def test_a_folder_of_maps_takes_the_place_of_annotations(tmp_path: Path) -> None:
    write_dataset(tmp_path, lambda document: document.update(annotations=[]))
    write_maps(tmp_path, "1", "2", "3")
    loaded = load_labelled_pixels(tmp_path / "annotations.json", tmp_path)
    assert loaded.report.findings == ()
    assert [(one.image_id, one.category_id) for one in loaded.dataset.annotations] == [
        (image, category) for image in (1, 2, 3) for category in (0, 1)
    ]


def test_training_images_need_all_maps_and_test_images_all_or_none(tmp_path: Path) -> None:
    write_dataset(tmp_path, lambda document: document.update(annotations=[]))
    write_maps(tmp_path, "1", "2")
    assert rules(tmp_path) == ["label_map_missing"]
    assert rules(tmp_path, labelled=False) == []


def test_a_class_counts_once_where_it_shows_and_more_where_it_is_large() -> None:
    image = Image(1, "a.jpg", 10, 10)
    sizes = [(1, 4.0, False), (2, 3.0, False), (2, 8.0, False), (1, 90.0, True)]
    annotations = tuple(
        Annotation(number, 1, category, (0, 0, 1, 1), area, crowd, None)
        for number, (category, area, crowd) in enumerate(sizes)
    )
    dataset = Dataset(Path("nowhere"), (Category(1, "a"), Category(2, "b")), (image,), annotations)
    counted = [one.category_id for one in pixel_samples(dataset).annotations]
    assert (counted.count(1), counted.count(2)) == (1, 3)
