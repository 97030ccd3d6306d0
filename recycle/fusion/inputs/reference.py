"""The images and classes with which files of predictions are matched: the truth's, or those of a run among them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recycle.data.coco import Dataset, read_coco
from recycle.data.findings import Findings
from recycle.data.structure import read_structure
from recycle.errors import DataError
from recycle.paths import RunPaths

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Reference:
    """A data set, and where it comes from.

    Attributes:
        source: The file, for messages.
        dataset: Images, classes and, where they are known, annotations.
    """

    source: str
    dataset: Dataset

    @property
    def sizes(self) -> dict[str, Size]:
        """Sizes of the images by file name."""
        return {image.file_name: (image.width, image.height) for image in self.dataset.images}


def is_run(path: Path) -> bool:
    """Tells whether a path is a run folder."""
    return RunPaths(path).recipe.is_file()


def run_images(path: Path) -> Reference:
    """The test images of a run.

    Raises:
        DataError: If the run has not got so far.
    """
    test = RunPaths(path).test
    return Reference(str(test), read_coco(test, test.parent))


def find_reference(truth: Path | None, inputs: Sequence[Path]) -> Reference | None:
    """Reads the truth or, without one, the test images of the first run among the inputs.

    Args:
        truth: A COCO file; it may be a list of images and categories without annotations.
        inputs: Files and folders of predictions.

    Returns:
        None if neither is there.

    Raises:
        DataError: With everything that is wrong with the truth.
    """
    if truth is None:
        return next((run_images(path) for path in inputs if is_run(path)), None)
    findings = Findings(())
    structure = read_structure(truth, truth.parent, findings, labelled=False)
    findings.report().raise_on_errors()
    dataset = Dataset(truth.parent, structure.categories, structure.images, structure.annotations)
    return Reference(str(truth), dataset)


def require_size(reference: Reference | None, image_size: Size | None) -> None:
    """Refuses inputs whose images are of unknown size, and a size that the reference contradicts.

    Raises:
        DataError: If there is neither a reference nor a size, or an image of the reference has another size.
    """
    if reference is None:
        if image_size is None:
            raise DataError("The images' size must be known: give --image-size, --truth, or a run among the inputs.")
        return
    for name, size in reference.sizes.items() if image_size else ():
        if size != image_size:
            told = "{}x{}".format(*image_size) if image_size else ""
            raise DataError(
                f"{reference.source}: image {name} is {size[0]}x{size[1]}, but --image-size says {told}; leave it out "
                "if boxes are in the pixels of these images"
            )


def sizes_of(names: Iterable[str], reference: Reference | None, image_size: Size | None) -> Mapping[str, Size]:
    """Gives sizes by file name: those of the reference, or of all these images the one that was told."""
    if reference:
        return reference.sizes
    assert image_size is not None, "require_size comes first"
    return dict.fromkeys(names, image_size)
