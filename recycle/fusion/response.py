"""How the score answers to each threshold alone."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recycle.fusion.objective import Objective
from recycle.fusion.settings import IOU_THR_RANGE, SKIP_BOX_THR_RANGE, EnsembleSettings

POINTS = 11


@dataclass(frozen=True)
class Response:
    """A threshold's values, ascending, and the score at each."""

    values: tuple[float, ...]
    scores: tuple[float, ...]


def respond(objective: Objective, settings: EnsembleSettings) -> dict[str, Response]:
    """Returns the response to each threshold over the range of the search, the settings' own value among its points.

    Args:
        objective: What scores.
        settings: What all else is kept at.

    Returns:
        Responses to "iou_thr", in equal steps, and "skip_box_thr", in equal ratios.

    Raises:
        RecipeError: If the settings do not fit the models.
        DataError: If a label is not that of a class.
    """
    grids = {"iou_thr": np.linspace(*IOU_THR_RANGE, POINTS), "skip_box_thr": np.geomspace(*SKIP_BOX_THR_RANGE, POINTS)}
    return {name: _response(objective, settings, name, grid) for name, grid in grids.items()}


def _response(objective: Objective, settings: EnsembleSettings, name: str, grid: npt.NDArray[np.float64]) -> Response:
    values = sorted({*np.round(grid, 6).tolist(), getattr(settings.fusion, name)})
    changed = [replace(settings, fusion=replace(settings.fusion, **{name: value})) for value in values]
    return Response(tuple(values), tuple(objective(one) for one in changed))
