from recycle.fusion.methods import FusionSettings
from recycle.fusion.objective import FusionObjective
from recycle.fusion.selection import select_greedily
from recycle.fusion.settings import DEFAULTS, EnsembleSettings
from recycle.predictions.values import Predictions
from tests.fusion.scenes import MODELS, alternating_folds, random_models, random_objective


def test_the_path_is_the_best_at_each_step() -> None:
    objective = random_objective()
    selection = select_greedily(objective)
    assert sorted(selection.names) == sorted(MODELS)
    for step, score in enumerate(selection.scores):
        rivals = [name for name in MODELS if name not in selection.names[:step]]
        scores = {name: objective(DEFAULTS.with_models([*selection.names[:step], name], MODELS)) for name in rivals}
        assert score == scores[selection.names[step]] == max(scores.values())


def test_the_best_prefix_is_kept() -> None:
    objective = random_objective()
    selection = select_greedily(objective)
    assert selection.names[0] == "good"
    assert selection.names[-1] == "noise"
    assert "noise" not in selection.chosen
    assert objective(selection.settings) == max(selection.scores)
    assert objective(selection.settings) > objective(DEFAULTS)
    assert {name for name, weight in selection.settings.weight_of(MODELS).items() if weight} == set(selection.chosen)


def test_ties_go_to_the_first_model_and_the_shortest_prefix() -> None:
    predictions, truth = random_models()
    nothing = Predictions.empty(["z", "a", "m"], predictions.coverage)
    selection = select_greedily(FusionObjective(nothing, truth, alternating_folds(truth)))
    assert selection.names == ("z", "a", "m")
    assert selection.scores == (0, 0, 0)
    assert selection.chosen == ("z",)
    assert selection.settings == DEFAULTS.with_models(["z"], nothing.models)


def test_thresholds_are_those_given_and_weights_are_not() -> None:
    settings = EnsembleSettings(FusionSettings(0.4, 0.1, (1, 2, 3)), "temperature")
    selection = select_greedily(random_objective(), settings)
    assert selection.settings.fusion.iou_thr == 0.4
    assert selection.settings.calibration == "temperature"
    assert set(selection.settings.fusion.weights) <= {0.0, 1.0}


def test_without_time_the_best_model_alone_is_there() -> None:
    objective = random_objective()
    selection = select_greedily(objective, time_budget_s=0.0)
    assert selection.names == selection.chosen == ("good",)
    assert selection.settings == DEFAULTS.with_models(["good"], MODELS)


def test_one_model_is_chosen() -> None:
    predictions, truth = random_models()
    objective = FusionObjective(predictions.of_model("fair"), truth, alternating_folds(truth))
    assert select_greedily(objective).chosen == ("fair",)
    assert select_greedily(objective).settings == DEFAULTS
