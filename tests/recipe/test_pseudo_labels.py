from typing import Any

import pytest

from recycle.errors import RecipeError
from recycle.recipe import PseudoLabels, model_of_round, name_in_recipe, name_in_round
from recycle.recipe_yaml import differences
from tests.orchestration.plans import model_with
from tests.recipes import example_with

PHASES = {
    "epochs": 5,
    "phases": [{"epochs": 3}, {"epochs": 2, "optimizer": {"lr": 0.5}, "augmentations": [{"type": "resize"}]}],
}


@pytest.mark.parametrize(("round_index", "epochs"), [(1, 10), (2, 6), (3, 6), (9, 6)])
def test_the_last_number_of_epochs_holds_for_all_further_rounds(round_index: int, epochs: int) -> None:
    assert model_of_round(model_with(), PseudoLabels(), round_index).epochs == epochs


def test_a_round_goes_on_as_the_last_phase_with_its_own_learning_rate() -> None:
    model = model_with(1, **PHASES)
    (phase,) = model_of_round(model, PseudoLabels(lr_factor=0.1), 1).in_phases()
    assert phase.optimizer.lr == pytest.approx(0.05)
    assert phase.augmentations == model.in_phases()[-1].augmentations
    assert phase.name == "yolov5@1"


def test_epochs_on_labelled_images_alone_are_a_phase_of_their_own() -> None:
    model = model_of_round(model_with(), PseudoLabels(real_epochs=4), 2)
    assert [phase.epochs for phase in model.in_phases()] == [6, 4]
    assert model.epochs == 10
    assert {phase.name for phase in model.in_phases()} == {"cascade-rcnn@2"}


@pytest.mark.parametrize(("name", "round_index", "expected"), [("a", 0, "a"), ("a", 1, "a@1"), ("a-b.c", 9, "a-b.c@9")])
def test_names_tell_the_round(name: str, round_index: int, expected: str) -> None:
    assert name_in_round(name, round_index) == expected
    assert name_in_recipe(expected) == name


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("rounds=-1", "rounds"),
        ("rounds=10", "rounds"),
        ("pseudo_labels.share=1", "pseudo_labels.share"),
        ("pseudo_labels.epochs=[]", "pseudo_labels.epochs"),
        ("pseudo_labels.epochs=[0]", "pseudo_labels.epochs.0"),
        ("pseudo_labels.mixing=blend", "pseudo_labels.mixing"),
        ("pseudo_labels.score_thr=0.2", "ignore_thr must not exceed score_thr, but got 0.3 and 0.2"),
        ("models.0.name=a@1", "models.0.name"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change: str, expected: str) -> None:
    with pytest.raises(RecipeError) as error:
        example_with(change)
    assert expected in str(error.value)


@pytest.mark.parametrize("changes", [["rounds=3"], ["pseudo_labels.share=0.2", "pseudo_labels.epochs=[1]"]])
def test_rounds_still_to_come_may_change_when_a_run_is_resumed(changes: list[Any]) -> None:
    assert differences(example_with(), example_with(*changes)) == []
