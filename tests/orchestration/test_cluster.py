import pytest

from recycle.errors import ResourceError
from recycle.orchestration.cluster import ray_resources, require_resources
from recycle.orchestration.nodes import Node
from recycle.recipe import Model, Resources
from recycle.recipe_yaml import load_recipe

NODE = Node("n", {"CPU": 2.0, "memory": 8 * 2**30, "object_store_memory": 1e9})
WITH_GPU = Node("g", {"CPU": 2.0, "GPU": 1.0}, gpu_memory_gib=16)


def models(**resources: float) -> list[Model]:
    demo = load_recipe("demo").models
    return [demo[0], demo[1].model_copy(update={"resources": Resources.model_validate(resources)})]


def test_resources_bear_rays_names_and_bytes() -> None:
    assert ray_resources(Resources(num_cpus=2, num_gpus=0.5, memory_gib=1)) == {"CPU": 2, "GPU": 0.5, "memory": 2**30}
    assert ray_resources(Resources(num_cpus=1)) == {"CPU": 1}


def test_what_fits_is_accepted() -> None:
    require_resources(models(num_cpus=2, memory_gib=8), [Node("empty", {}), NODE])


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"num_gpus": 2}, r"^resources of 'yolov5': .*: CPU=1 of at most CPU=2, GPU=2 of at most GPU=1$"),
        ({"num_cpus": 3}, r"CPU=3 of at most CPU=2$"),
        ({"memory_gib": 9}, r"memory=9 GiB of at most memory=8 GiB$"),
        (
            {"num_gpus": 1, "gpu_memory_gib": 24},
            r"GPU=1, gpu_memory=24 GiB of at most gpu_memory=16 GiB$",
        ),
    ],
)
def test_what_can_never_start_is_named(resources: dict[str, float], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        require_resources(models(**resources), [NODE, WITH_GPU])
