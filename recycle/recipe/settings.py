"""What all parts of a recipe share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names become parts of file names."""

Task = Literal["detection", "segmentation"]
"""What a run's models do: find boxes of objects, or label every pixel."""

MEMBER_SEPARATOR = "-fold"
ALL_DATA_SUFFIX = "-all"
"""Ends the name of the member that is trained on all images."""


class Settings(BaseModel):
    """A part of a recipe: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
