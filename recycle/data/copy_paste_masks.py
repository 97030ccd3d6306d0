"""The pixels of annotated objects, from COCO's segmentations and back to them."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.synthetic import mask_polygons
from recycle.errors import DataError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of an image, kept as the smallest mask that holds them.

    Attributes:
        left: Column of the image at which the mask begins.
        top: Row of the image at which the mask begins.
        mask: (height, width) bool; each outer row and column has a pixel. (0, 0) if there is none.
    """

    left: int
    top: int
    mask: Mask

    @classmethod
    def of(cls, mask: Mask, left: int = 0, top: int = 0) -> "Region":
        """The region of a mask of any margins whose corner lies at column `left` and row `top`."""
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        return cls(left + x, top + y, mask[y : y + height, x : x + width])

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.left + int(self.mask.shape[1])

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.top + int(self.mask.shape[0])

    def common_pixels(self, other: "Region") -> int:
        """How many pixels both have."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        if right <= left or bottom <= top:
            return 0
        return int(np.count_nonzero(self._window(left, top, right, bottom) & other._window(left, top, right, bottom)))

    def without(self, other: "Region") -> "Region":
        """This region less the pixels that both have."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        if right <= left or bottom <= top:
            return self
        rest = Region(self.left, self.top, self.mask.copy())
        rest._window(left, top, right, bottom)[other._window(left, top, right, bottom)] = False
        return Region.of(rest.mask, rest.left, rest.top)

    def _window(self, left: int, top: int, right: int, bottom: int) -> Mask:
        return self.mask[top - self.top : bottom - self.top, left - self.left : right - self.left]


def object_region(annotation: Annotation, image: Image) -> Region:
    """The pixels of an object as pycocotools rasterises its mask, or those its box touches if it has none.

    Args:
        annotation: An annotation of the image.
        image: The image, by whose borders masks are cut.

    Raises:
        DataError: A run-length encoding is not of the image's size.
    """
    segmentation, size = annotation.segmentation, [image.height, image.width]
    if segmentation is None:
        return box_region(annotation, image)
    if isinstance(segmentation, dict) and segmentation["size"] != size:
        rule = f"a run-length encoding must be of height and width {size}, but got {segmentation['size']}"
        raise DataError(f"{image.file_name}: annotation {annotation.id}: {rule}")
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        encoded = segmentation
    else:
        encoded = coco_mask.frPyObjects(segmentation, *size)
    merged = coco_mask.merge(encoded) if isinstance(encoded, list) else encoded
    return Region.of(np.asarray(coco_mask.decode(merged), np.bool_))


def box_region(annotation: Annotation, image: Image) -> Region:
    """The pixels of the image that an annotation's box touches."""
    x, y, width, height = annotation.bbox
    left, top = max(0, int(np.floor(x))), max(0, int(np.floor(y)))
    right, bottom = min(image.width, int(np.ceil(x + width))), min(image.height, int(np.ceil(y + height)))
    return Region.of(np.ones((max(0, bottom - top), max(0, right - left)), np.bool_), left, top)


def annotate(annotation: Annotation, region: Region) -> Annotation:
    """The annotation with another mask: polygons, box (its extent) and area follow from the region.

    Args:
        annotation: Anything else is taken from it.
        region: At least one pixel.
    """
    corner = np.array([region.left, region.top])
    height, width = region.mask.shape
    return replace(
        annotation,
        bbox=(float(region.left), float(region.top), float(width), float(height)),
        area=float(region.area),
        segmentation=[(polygon + corner).astype(float).ravel().tolist() for polygon in mask_polygons(region.mask)],
    )


def require_masks(dataset: Dataset) -> None:
    """Refuses a data set in which an object other than a crowd has no mask.

    Raises:
        DataError: The first such annotation.
    """
    file_names = {image.id: image.file_name for image in dataset.images}
    for annotation in dataset.annotations:
        if annotation.segmentation is None and not annotation.iscrowd:
            raise DataError(
                f"{file_names[annotation.image_id]}: annotation {annotation.id}: copy-paste needs the mask of every "
                "object, but this one has only a box; `masks_from_boxes: grabcut` guesses masks"
            )
