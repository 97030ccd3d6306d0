"""What all parts of a recipe share."""

from pydantic import BaseModel, ConfigDict

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names become parts of file names."""

ROUND_SEPARATOR = "@"
"""Stands between a model's name and the round of pseudo labels that trained it; no name holds it."""

MEMBER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*(@[1-9])?(-[a-z0-9]+)?$"
"""Names of members: the model's, its round if there is one, and its fold."""

MEMBER_SEPARATOR = "-fold"
ALL_DATA_SUFFIX = "-all"
"""Ends the name of the member that is trained on all images."""


class Settings(BaseModel):
    """A part of a recipe: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
