"""What all tests of training share."""

import pytest
import torch

from recycle.data.coco import Dataset, read_coco
from recycle.data.synthetic import write_synthetic

SAMPLE_SIZE = 96


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twelve drawn images of 96 px."""
    folder = tmp_path_factory.mktemp("sample")
    write_synthetic(folder, images=12, image_size=SAMPLE_SIZE, seed=1)
    return read_coco(folder / "annotations.json", folder)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Equal results need the same number of threads."""
    torch.set_num_threads(1)
