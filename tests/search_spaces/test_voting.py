import optuna
import pytest

from recycle.fusion.voting_objective import parameters_of_voting, voting_of
from recycle.recipe.voting import VotingMethod
from search_spaces.voting import space

MODELS = ("fpn", "unet")


def suggested(
    models: tuple[str, ...], methods: tuple[VotingMethod, ...]
) -> tuple[dict[str, object], dict[str, object]]:
    """What was chosen of several, and what there was no choice of."""
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    constants = space(trial, models, methods)
    return trial.params, constants


@pytest.mark.parametrize("models", [MODELS, ("fpn",)])
@pytest.mark.parametrize("methods", [("soft", "hard"), ("hard",)])
def test_every_suggestion_makes_settings(models: tuple[str, ...], methods: tuple[VotingMethod, ...]) -> None:
    params, constants = suggested(models, methods)
    assert constants == ({} if len(methods) > 1 else {"method": "hard"})
    assert set(params) == {
        *(["method"] if len(methods) > 1 else []),
        *((f"weight {model}" for model in models) if len(models) > 1 else []),
    }
    settings = voting_of({**params, **constants}, models)
    assert settings.method in methods
    assert len(settings.weight_of(models)) == len(models)


def test_settings_to_begin_with_lie_in_the_space() -> None:
    params, constants = suggested(MODELS, ("soft", "hard"))
    settings = voting_of({**params, **constants}, MODELS)
    assert set(parameters_of_voting(settings, MODELS)) == set(params)
