"""Plans for tests."""

from pathlib import Path
from typing import Any

from recycle.recipe import Model, Recipe
from recycle.training.member import MemberPlan
from tests.recipes import example_content


def model_with(index: int = 0, **changes: Any) -> Model:
    """A model of the example with other settings; 0 is a Cascade R-CNN, 1 a YOLOv5."""
    content = example_content()
    content["models"][index].update(changes)
    return Recipe.model_validate(content).models[index]


def plan_of(name: str, **changes: Any) -> MemberPlan:
    """A member that goes nowhere, with settings of the example's first model changed."""
    return MemberPlan(
        name=name, settings=model_with(**changes), fold=0, seed=0, key=name, work_dir=Path(), oof=Path(), test=Path()
    )
