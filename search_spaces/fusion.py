"""What a search over the fusion of models may try."""

from collections.abc import Sequence
from typing import Any, get_args

import optuna

from recycle.fusion.methods import Method
from recycle.fusion.settings import IOU_THR_RANGE, SKIP_BOX_THR_RANGE, WEIGHT_RANGE, Calibration, weight_parameter
from recycle.fusion.wbf import ConfidenceType


def space(trial: optuna.Trial, models: Sequence[str], methods: Sequence[Method] = ("wbf",)) -> dict[str, Any]:
    """Suggests the parameters of which `recycle.fusion.settings.settings_of` makes settings.

    A weight of 0 leaves a model out. The kind of confidence belongs to weighted boxes fusion alone, and a single
    model needs no weight.

    Args:
        trial: What suggests, and remembers what it suggested.
        models: Names of all models.
        methods: Ways to fuse to choose from, at least one.

    Returns:
        What there is no choice of.
    """
    constants = {} if len(methods) > 1 else {"method": methods[0]}
    method = constants.get("method") or trial.suggest_categorical("method", methods)
    if method == "wbf":
        trial.suggest_categorical("conf_type", get_args(ConfidenceType))
    trial.suggest_float("iou_thr", *IOU_THR_RANGE)
    trial.suggest_float("skip_box_thr", *SKIP_BOX_THR_RANGE, log=True)
    trial.suggest_categorical("calibration", get_args(Calibration))
    for model in models if len(models) > 1 else ():
        trial.suggest_int(weight_parameter(model), *WEIGHT_RANGE)
    return dict(constants)
