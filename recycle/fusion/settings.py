"""What an ensemble can be told, as a value and as the flat parameters of a search."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from recycle.errors import RecipeError
from recycle.fusion.methods import FusionSettings

Calibration = Literal["none", "isotonic", "temperature"]

IOU_THR_RANGE = (0.3, 0.8)
SKIP_BOX_THR_RANGE = (1e-4, 0.2)
WEIGHT_RANGE = (0, 4)
"""Whole numbers, of which 0 leaves the model out: only ratios matter, and finer ones are lost in the noise."""


@dataclass(frozen=True)
class EnsembleSettings:
    """How the predictions of models become those of the ensemble.

    Attributes:
        fusion: How boxes are fused; weights are in the order of the models, and of 0 leave a model out.
        calibration: What becomes of each model's scores before, see `recycle.fusion.calibration`.

    Raises:
        RecipeError: If there is no such calibration.
    """

    fusion: FusionSettings = field(default_factory=FusionSettings)
    calibration: Calibration = "none"

    def __post_init__(self) -> None:
        """Checks the calibration; `FusionSettings` checks itself."""
        if self.calibration not in get_args(Calibration):
            allowed = ", ".join(get_args(Calibration))
            raise RecipeError(f"calibration must be one of {allowed}, but got calibration={self.calibration!r}.")

    def weight_of(self, models: Sequence[str]) -> dict[str, float]:
        """Returns the weight of each of the models that are fused.

        Raises:
            RecipeError: If there are weights, but not one for each model.
        """
        weights = self.fusion.weights or (1.0,) * len(models)
        if len(weights) != len(models):
            raise RecipeError(f"weights must be one for each of {len(models)} models, but got weights={weights}.")
        return dict(zip(models, weights, strict=True))

    def with_weights(self, weights: Mapping[str, float], models: Sequence[str]) -> "EnsembleSettings":
        """Returns the same settings with other weights; models that have none are left out.

        Raises:
            RecipeError: If a weight is negative or infinite, or no model is left.
        """
        return replace(self, fusion=replace(self.fusion, weights=_plain([weights.get(name, 0.0) for name in models])))

    def with_models(self, chosen: Collection[str], models: Sequence[str]) -> "EnsembleSettings":
        """Returns the same settings with the present weights of the chosen models, and all others left out.

        Raises:
            RecipeError: If no model is left, or there are weights, but not one for each model.
        """
        kept = {name: weight for name, weight in self.weight_of(models).items() if name in chosen}
        return self.with_weights(kept, models)


DEFAULTS = EnsembleSettings()
HAND_TUNED = EnsembleSettings(FusionSettings(iou_thr=0.4, skip_box_thr=0.01))
"""What a team found by hand for 26 detectors of waste."""


def weight_parameter(model: str) -> str:
    """Returns the name of the parameter that is the model's weight."""
    return f"weight {model}"


def settings_of(parameters: Mapping[str, Any], models: Sequence[str]) -> EnsembleSettings:
    """Makes settings of what `search_spaces.fusion.space` suggests.

    Weights that are all 0 say as little about the models as equal ones do, and mean these. A parameter that is not
    there, as `conf_type` is not where the method has none, keeps its default.

    Args:
        parameters: Values by name; those of other names are ignored.
        models: Names of all models, in the order of the predictions.

    Raises:
        RecipeError: If a value is outside its range.
    """
    named = ("iou_thr", "skip_box_thr", "method", "conf_type")
    weights = [float(parameters.get(weight_parameter(model), 1)) for model in models]
    fusion = FusionSettings(
        **{name: parameters[name] for name in named if name in parameters},
        weights=_plain(weights) if any(weights) else (),
    )
    return EnsembleSettings(fusion, parameters.get("calibration", DEFAULTS.calibration))


def parameters_of(settings: EnsembleSettings, models: Sequence[str]) -> dict[str, Any]:
    """Returns the parameters of which `settings_of` makes these settings, ready for JSON and as a search's first trial.

    Args:
        settings: Settings that a search can come upon: those that it leaves at their defaults are not among the
            parameters.
        models: Names of all models, in the order of the predictions.

    Raises:
        RecipeError: If a weight is not one that a search tries, or there is not one for each model.
    """
    fusion, weights = settings.fusion, settings.weight_of(models)
    for model, weight in weights.items():
        if weight not in range(WEIGHT_RANGE[0], WEIGHT_RANGE[1] + 1):
            raise RecipeError(f"weights must be whole numbers up to {WEIGHT_RANGE[1]}, but {model!r} has {weight}.")
    return {
        "iou_thr": fusion.iou_thr,
        "skip_box_thr": fusion.skip_box_thr,
        "calibration": settings.calibration,
        "method": fusion.method,
        **({"conf_type": fusion.conf_type} if fusion.method == "wbf" else {}),
        **{weight_parameter(model): int(weight) for model, weight in weights.items()},
    }


def _plain(weights: Sequence[float]) -> tuple[float, ...]:
    """Equal weights are none, so that equal settings are equal."""
    return () if len(set(weights)) == 1 and weights[0] > 0 else tuple(map(float, weights))
