"""What several tests of augmentations share."""

import pytest

from recycle.data.coco import Dataset
from tests.data.coloured_scenes import write_scenes


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six images of objects with masks."""
    return write_scenes(tmp_path_factory.mktemp("masked"), 6, 1, with_masks=True)


@pytest.fixture(scope="session")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six images of rectangles that are known by their boxes alone."""
    return write_scenes(tmp_path_factory.mktemp("boxed"), 6, 2, with_masks=False)
