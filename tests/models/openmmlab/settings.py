"""Models of the families of mmdet for tests, and networks without the cost of their weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from mmengine.model import BaseModel
from pydantic import Field, TypeAdapter
from torch import nn

from recycle.models.families import build_untrained
from recycle.recipe import ATSS, DINO, CascadeRCNN, DetectoRS, MaskRCNNSwin

Detector = Annotated[CascadeRCNN | DetectoRS | MaskRCNNSwin | DINO | ATSS, Field(discriminator="family")]


def parse(family: str, **changes: Any) -> Detector:
    """A model as a recipe has it, without pretrained weights unless told otherwise."""
    defaults = {"name": "m", "image_size": 64, "epochs": 1, "batch_size": 1, "pretrained": "none"}
    settings: Detector = TypeAdapter(Detector).validate_python({"family": family, **defaults, **changes})
    return settings


@contextmanager
def weightless() -> Iterator[None]:
    """Networks made inside have parameters without memory: full-size ones are made in no time."""
    register = nn.Module.register_parameter

    def register_empty(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        register(self, name, param)
        if param is not None:
            self._parameters[name] = nn.Parameter(param.detach().to("meta"), param.requires_grad)

    nn.Module.register_parameter = register_empty  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors of a network by name."""
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def empty_network(family: str, class_count: int = 80, **changes: Any) -> BaseModel:
    """A network of a family whose parameters have no memory."""
    with weightless():
        return build_untrained(parse(family, **changes), class_count)
