"""Loading a data set whose pixels are labelled, by masks in its COCO file or by a folder of label maps."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from recycle.data.annotation_checks import check_classes
from recycle.data.coco import Annotation, Dataset
from recycle.data.findings import Findings, ValidationReport
from recycle.data.label_map_checks import check_masks
from recycle.data.label_map_folder import annotate_from_folder, label_map_folder, label_map_path
from recycle.data.validation import LoadedDataset, load_dataset
from recycle.recipe import Repair

PART_OF_A_SAMPLE = 0.05
"""A class counts once where it shows in an image, and once more for each such part of the image that it fills."""


def load_labelled_pixels(
    annotations: Path, folder: Path, *, repairs: Collection[Repair] = (), labelled: bool = True
) -> LoadedDataset:
    """Reads a COCO file and checks it, its images and what labels their pixels, as `load_dataset` does for boxes.

    Args:
        annotations: COCO JSON, plain or `.gz`. Its annotations are not looked at where there is a folder of label maps.
        folder: The folder to which `file_name` is relative, and that may hold `label_maps`.
        repairs: What may be repaired.
        labelled: Whether pixels must be labelled; those of test images are not, or all of them are.
    """
    maps = label_map_folder(folder)
    loaded = load_dataset(annotations, folder, repairs=repairs, labelled=labelled and maps is None)
    findings = Findings(repairs)
    dataset = loaded.dataset
    if maps is not None and (labelled or _are_all_there(dataset, maps)):
        dataset = annotate_from_folder(replace(dataset, annotations=()), maps, findings)
        check_classes(dataset.categories, dataset.annotations, findings)
    check_masks(dataset, findings)
    report = ValidationReport(loaded.report.findings + findings.report().findings)
    return LoadedDataset(dataset, report, loaded.facts)


def pixel_samples(dataset: Dataset) -> Dataset:
    """The data set with as many annotations of a class in an image as it is to count when images are divided.

    A class that shows counts, and the more the more pixels it has; ignored pixels do not count.
    """
    sides = {image.id: image.width * image.height for image in dataset.images}
    areas: dict[tuple[int, int], float] = {}
    first: dict[tuple[int, int], Annotation] = {}
    for annotation in dataset.annotations:
        if not annotation.iscrowd:
            key = annotation.image_id, annotation.category_id
            areas[key] = areas.get(key, 0.0) + annotation.area
            first.setdefault(key, annotation)
    counts = {key: 1 + int(min(1.0, area / sides[key[0]]) / PART_OF_A_SAMPLE) for key, area in areas.items()}
    repeated = [one for key, one in first.items() for _ in range(counts[key])]
    return replace(dataset, annotations=tuple(replace(one, id=number) for number, one in enumerate(repeated, 1)))


def _are_all_there(dataset: Dataset, maps: Path) -> bool:
    return all(label_map_path(maps, image).is_file() for image in dataset.images)
