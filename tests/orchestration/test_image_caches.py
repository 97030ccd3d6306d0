"""Caches of decoded images on real Ray nodes."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import ray

from recycle.data.image_cache import open_image_cache
from recycle.orchestration.image_caches import image_caches_removed
from recycle.paths import image_caches_folder

pytestmark = pytest.mark.training


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_a_cache_goes_when_the_block_ends() -> None:
    name = uuid4().hex
    with image_caches_removed(name), open_image_cache(name, 0.01):
        assert (image_caches_folder() / name).is_dir()
    assert not (image_caches_folder() / name).exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_cache_goes_after_an_error_too(error: type[BaseException]) -> None:
    name = uuid4().hex
    with pytest.raises(error), image_caches_removed(name), open_image_cache(name, 0.01):
        raise error
    assert not (image_caches_folder() / name).exists()


def test_where_there_is_no_cache_nothing_happens() -> None:
    with image_caches_removed(uuid4().hex):
        pass
