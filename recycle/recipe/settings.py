"""What all parts of a recipe share."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names become parts of file names."""

ROUND_SEPARATOR = "@"
"""Stands between a model's name and the round of pseudo labels that trained it; no name holds it."""

MEMBER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*(@[1-9])?(-[a-z0-9]+)?$"
"""Names of members: the model's, its round if there is one, and its fold."""

Task = Literal["detection", "segmentation"]
"""What a run's models do: find boxes of objects, or label every pixel."""

MAIN_SCORES: Mapping[Task, str] = {"detection": "map50", "segmentation": "miou"}
"""The score by which members, models and ensembles of a task are ranked."""

SCORE_TITLES: Mapping[str, str] = {"map50": "mAP50", "miou": "mIoU"}

MEMBER_SEPARATOR = "-fold"
ALL_DATA_SUFFIX = "-all"
"""Ends the name of the member that is trained on all images."""


class Settings(BaseModel):
    """A part of a recipe: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def main_score(scores: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a number, or null in a file
    """Picks the main score of whichever task out of all scores.

    Raises:
        KeyError: If there is none among them.
    """
    name = next((name for name in MAIN_SCORES.values() if name in scores), MAIN_SCORES["detection"])
    return scores[name]


def has_main_score(scores: Mapping[str, Any]) -> bool:
    """Whether the main score of some task is among the scores."""
    return any(name in scores for name in MAIN_SCORES.values())
