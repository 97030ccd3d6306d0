"""Loads a data set and reports everything that is wrong with it in one go."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recycle.data.annotation_checks import check_annotations, check_classes
from recycle.data.coco import Dataset
from recycle.data.findings import RULES, Finding, Findings, Rule, ValidationReport
from recycle.data.image_checks import check_images as check_image_files
from recycle.data.scan import ImageFacts
from recycle.data.structure import read_structure
from recycle.recipe import Repair

__all__ = ["RULES", "Finding", "LoadedDataset", "Repair", "Rule", "ValidationReport", "load_dataset"]


@dataclass(frozen=True)
class LoadedDataset:
    """A data set that was checked: after the repairs switched on, and without records that could not be read."""

    dataset: Dataset
    report: ValidationReport
    facts: Mapping[str, ImageFacts]
    """What each image file holds, by `file_name`; empty where images were not checked."""

    def perceptual_hashes(self) -> npt.NDArray[np.uint64]:
        """Perceptual hashes of the images in order, shape (n,); needs checked images and a report without errors."""
        hashes = [self.facts[image.file_name].perceptual_hash for image in self.dataset.images]
        return np.array(hashes, dtype=np.uint64)


def load_dataset(
    annotations: Path,
    folder: Path,
    *,
    repairs: Collection[Repair] = (),
    check_images: bool = True,
    labelled: bool = True,
) -> LoadedDataset:
    """Reads a COCO file and checks it and its images; whatever the files hold, it returns a report of it.

    Call `report.raise_on_errors()` before anything is done with the data set.

    Args:
        annotations: COCO JSON, plain or `.gz`.
        folder: The folder to which `file_name` is relative.
        repairs: What may be repaired; a repaired finding is a warning, one that is not is an error.
        check_images: Whether the image files are read; without it `facts` stays empty.
        labelled: Whether there must be annotations; test images have none.
    """
    findings = Findings(repairs)
    structure = read_structure(annotations, folder, findings, labelled=labelled)
    images, facts = structure.images, dict[str, ImageFacts]()
    if check_images:
        images, facts = check_image_files(images, folder, findings)
    present = {image.id for image in images}
    kept = check_annotations([a for a in structure.annotations if a.image_id in present], images, findings)
    if labelled:
        check_classes(structure.categories, kept, findings)
    return LoadedDataset(Dataset(folder, structure.categories, images, kept), findings.report(), facts)
