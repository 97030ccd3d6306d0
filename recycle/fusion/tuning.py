"""The fusion thresholds that score best on out-of-fold predictions, found by a small Optuna study."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import optuna

from recycle.data.coco import Dataset
from recycle.errors import RecipeError
from recycle.fusion.objective import FusionObjective
from recycle.fusion.wbf import WbfSettings
from recycle.predictions.values import Predictions

IOU_THR_RANGE = (0.3, 0.8)
SKIP_BOX_THR_RANGE = (1e-4, 0.2)
WEIGHT_RANGE = (1, 4)
"""Whole numbers: only their ratios matter, and finer ones are lost in the noise."""

DEFAULTS = WbfSettings()
HAND_TUNED = WbfSettings(iou_thr=0.4, skip_box_thr=0.01)
"""What a team found by hand for 26 detectors of waste."""


@dataclass(frozen=True)
class FusionTrial:
    """One setting that was tried, and mAP50 of the fused predictions with it."""

    settings: WbfSettings
    map50: float


@dataclass(frozen=True)
class TunedFusion:
    """The best setting found, its mAP50, and every trial in order; the first is that of the defaults."""

    settings: WbfSettings
    map50: float
    trials: tuple[FusionTrial, ...]


def tune_wbf(oof: Predictions, truth: Dataset, trials: int, seed: int) -> TunedFusion:
    """Searches the thresholds of weighted boxes fusion and the models' weights with Optuna's TPE sampler.

    The defaults are tried first, so the result scores no less than they do, and is they on a tie. Images count that
    any model covers.

    Args:
        oof: Out-of-fold predictions of all models that will be fused.
        truth: The data set, which may hold further images.
        trials: How many settings are tried, at least 1.
        seed: Of the sampler; equal seeds give equal results.

    Raises:
        RecipeError: If there is less than one trial.
        DataError: If predictions and truth do not fit, see `FusionObjective`.
    """
    if trials < 1:
        raise RecipeError(f"trials must be at least 1, but got trials={trials}.")
    map50_of = FusionObjective(oof, truth)
    tried: list[FusionTrial] = []

    def objective(trial: optuna.Trial) -> float:
        settings = _suggest(trial, oof.models)
        map50 = map50_of(settings)
        tried.append(FusionTrial(settings, map50))
        return map50

    with _quiet_optuna():
        _study(oof.models, seed).optimize(objective, n_trials=trials)
    best = max(tried, key=lambda one: one.map50)
    return TunedFusion(best.settings, best.map50, tuple(tried))


def _suggest(trial: optuna.Trial, models: Sequence[str]) -> WbfSettings:
    weights = tuple(float(trial.suggest_int(_weight_of(model), *WEIGHT_RANGE)) for model in models)
    return WbfSettings(
        iou_thr=trial.suggest_float("iou_thr", *IOU_THR_RANGE),
        skip_box_thr=trial.suggest_float("skip_box_thr", *SKIP_BOX_THR_RANGE, log=True),
        weights=() if len(set(weights)) == 1 else weights,
    )


def _study(models: Sequence[str], seed: int) -> optuna.Study:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    equal = {_weight_of(model): WEIGHT_RANGE[0] for model in models}
    for settings in (DEFAULTS, HAND_TUNED):
        study.enqueue_trial({**equal, "iou_thr": settings.iou_thr, "skip_box_thr": settings.skip_box_thr})
    return study


def _weight_of(model: str) -> str:
    return f"weight {model}"


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
