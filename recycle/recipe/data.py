"""How the data set is checked and divided."""

from typing import Literal

from pydantic import Field

from recycle.recipe.copy_paste import CopyPaste
from recycle.recipe.settings import Settings

Repair = Literal[
    "drop_empty_boxes",
    "drop_outside_boxes",
    "clip_boxes",
    "drop_duplicate_annotations",
    "drop_broken_images",
    "use_actual_size",
]


class Synthetic(Settings):
    """The synthetic sample that stands in when no data set is given."""

    images: int = Field(default=200, ge=10)
    """How many photographs to draw."""
    image_size: int = Field(default=192, ge=64, le=4096)
    """Width and height in pixels."""


class Data(Settings):
    """How the data set is checked and divided."""

    folds: int = Field(default=5, ge=2)
    """Every model is trained once for each fold, without that fold's images."""
    test_fraction: float = Field(default=0.2, ge=0.05, le=0.95)
    """Part of the images set aside as a test set with known answers, rounded to a fraction with a denominator of at
    most 20; only where the data has no `test.json`."""
    repair: tuple[Repair, ...] = ()
    """What may be mended in the data; anything else that is wrong stops the run before training."""
    copy_paste: CopyPaste | None = None
    """Objects pasted into the training part of each fold before anything trains; none unless told otherwise."""
    image_cache_gib: float = Field(default=8.0, ge=0)
    """Most that decoded images may take on each machine's temporary disk, in GiB, and never more than half of what is
    free there; 0 decodes each image each time."""
    copy_gib: float = Field(default=200.0, gt=0)
    """Most that copies of data sets may take on each machine, in GiB, where they lie in a storage (`--data s3://...`)."""
    synthetic: Synthetic = Synthetic()
    """The sample drawn when no data set is given."""
