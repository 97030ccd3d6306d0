import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.errors import RecipeError
from recycle.fusion.methods import FusionSettings, Method
from recycle.fusion.settings import DEFAULTS, HAND_TUNED, Calibration, EnsembleSettings, parameters_of, settings_of
from recycle.fusion.wbf import ConfidenceType

MODELS = ("a", "b-2.5", "c")
FRACTIONS = st.floats(0, 1)


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.sampled_from(get_args(Method)))
    confidence = {"conf_type": draw(st.sampled_from(get_args(ConfidenceType)))} if method == "wbf" else {}
    return {
        "iou_thr": draw(FRACTIONS),
        "skip_box_thr": draw(FRACTIONS),
        "calibration": draw(st.sampled_from(get_args(Calibration))),
        "method": method,
        **confidence,
        **{f"weight {model}": draw(st.integers(0, 4)) for model in MODELS},
    }


@given(parameters())
def test_settings_of_any_parameters_come_back_through_json(chosen: dict[str, Any]) -> None:
    settings = settings_of(chosen, MODELS)
    assert settings_of(json.loads(json.dumps(parameters_of(settings, MODELS))), MODELS) == settings


@given(parameters())
def test_parameters_are_those_of_the_settings(chosen: dict[str, Any]) -> None:
    weights = {chosen[f"weight {model}"] for model in MODELS}
    equal = {f"weight {model}": 1 for model in MODELS} if len(weights) == 1 else {}
    assert parameters_of(settings_of(chosen, MODELS), MODELS) == {**chosen, **equal}


@pytest.mark.parametrize("settings", [DEFAULTS, HAND_TUNED])
def test_named_settings_are_within_reach(settings: EnsembleSettings) -> None:
    assert settings_of(parameters_of(settings, MODELS), MODELS) == settings


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((0, 0, 0), ()), ((3, 3, 3), ()), ((0, 2, 2), (0.0, 2.0, 2.0)), ((1, 2, 3), (1.0, 2.0, 3.0))],
)
def test_weights_that_tell_models_not_apart_are_equal_ones(
    weights: tuple[int, ...], expected: tuple[float, ...]
) -> None:
    chosen = {f"weight {model}": weight for model, weight in zip(MODELS, weights, strict=True)}
    assert settings_of(chosen, MODELS).fusion.weights == expected


def test_what_is_not_given_keeps_its_default() -> None:
    assert settings_of({"CPU": 1}, MODELS) == DEFAULTS
    assert settings_of({"method": "nms", "iou_thr": 0.3}, ["a"]) == EnsembleSettings(FusionSettings(0.3, method="nms"))


def test_models_are_chosen_and_weighed_by_name() -> None:
    settings = EnsembleSettings(FusionSettings(weights=(1, 2, 3)), "isotonic")
    assert settings.weight_of(MODELS) == {"a": 1, "b-2.5": 2, "c": 3}
    assert settings.with_models(["c", "a"], MODELS).fusion.weights == (1, 0, 3)
    assert settings.with_models(MODELS, MODELS) == settings
    assert settings.with_weights({"b-2.5": 4}, MODELS).fusion.weights == (0, 4, 0)
    assert settings.with_weights(dict.fromkeys(MODELS, 2), MODELS) == EnsembleSettings(calibration="isotonic")
    assert DEFAULTS.with_models(["c"], MODELS).fusion.weights == (0, 0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnsembleSettings(calibration="platt"), "one of none, isotonic, .* got calibration='platt'"),  # type: ignore[arg-type]
        (lambda: settings_of({"iou_thr": 2}, MODELS), "iou_thr must be between 0 and 1"),
        (lambda: settings_of({"weight a": -1}, MODELS), "weights must be finite, from 0"),
        (lambda: DEFAULTS.with_models([], MODELS), "not all 0"),
        (lambda: EnsembleSettings(FusionSettings(weights=(1, 2))).weight_of(MODELS), "one for each of 3 models"),
        (lambda: parameters_of(EnsembleSettings(FusionSettings(weights=(1, 2))), MODELS), "one for each of 3 models"),
        (
            lambda: parameters_of(EnsembleSettings(FusionSettings(weights=(1, 2, 0.5))), MODELS),
            "weights must be whole numbers up to 4, but 'c' has 0.5",
        ),
        (lambda: parameters_of(EnsembleSettings(FusionSettings(weights=(1, 2, 5))), MODELS), "up to 4, but 'c' has 5"),
    ],
)
def test_wrong_settings_are_refused(make: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make()
