"""Which members and models a round goes on from."""

from recycle.orchestration.ledger import FinishedMember
from recycle.orchestration.round_labels import latest_members, latest_models
from recycle.recipe import Fold


def member(round_index: int, fold: Fold) -> FinishedMember:
    model = f"one@{round_index}" if round_index else "one"
    name, oof = f"{model}-{fold}", None if fold == "all" else "oof"
    return FinishedMember(name, round_index, name, model, fold, oof, "test", "last.pth", 1.0, 1, "here")


def test_where_a_member_of_a_round_failed_the_one_before_stands_in_but_the_model_is_the_latest() -> None:
    members = [member(0, 0), member(0, 1), member(1, 0), member(2, "all")]
    assert latest_members(members) == {("one", 0): members[2], ("one", 1): members[1], ("one", "all"): members[3]}
    assert latest_models(members) == {"one": "one@1"}
    assert latest_models(members[::-1]) == {"one": "one@1"}
