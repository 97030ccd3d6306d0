"""How the predictions of models become one."""

from typing import Literal

from pydantic import Field, field_validator

from recycle.recipe.settings import Settings

Metric = Literal["map50", "map", "map75"]
Method = Literal["wbf", "nms", "soft_nms", "nmw"]


class Fusion(Settings):
    """The search of fusion settings on out-of-fold predictions."""

    trials: int = Field(default=40, ge=2)
    """Settings that the study tries."""
    metric: Metric = "map50"
    """What is made as high as possible: mean average precision at IoU 0.50, from 0.50 to 0.95, or at 0.75."""
    methods: tuple[Method, ...] = Field(default=("wbf",), min_length=1)
    """Ways to fuse that the search chooses from: weighted boxes fusion, which it begins with, non-maximum suppression,
    the soft one and the weighted one. The last two take some thirty times as long as the others."""

    @field_validator("methods")
    @classmethod
    def _methods_differ(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        if "wbf" not in methods:
            raise ValueError(f"methods must include 'wbf', but got {', '.join(map(repr, methods))}")
        repeated = sorted({method for method in methods if methods.count(method) > 1})
        if repeated:
            raise ValueError(f"methods must be different, but {', '.join(map(repr, repeated))} is repeated")
        return methods
