import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from recycle.errors import RecipeError, WeightsError
from recycle.orchestration.plan import digest, learning_from, plan_members
from recycle.paths import RunPaths
from recycle.recipe import PseudoLabels, Recipe
from recycle.training.member import MemberPlan, RoundPlan
from tests.recipes import example_content

PATHS = RunPaths(Path("run"))


def recipe_with(index: int = 0, top: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    content = {**example_content(), **(top or {})}
    content["models"][index].update(changes)
    return Recipe.model_validate(content)


def plans_of(recipe: Recipe, data: str = "data", round_index: int = 0) -> dict[str, MemberPlan]:
    plans = plan_members(recipe, PATHS, data_digest=data, round_index=round_index)
    return {plan.name: plan for plan in plans}


def keys_of(recipe: Recipe, data: str = "data", round_index: int = 0) -> dict[str, str]:
    return {name: plan.key for name, plan in plans_of(recipe, data, round_index).items()}


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return keys_of(recipe_with())


def test_every_model_is_trained_on_every_fold() -> None:
    plans = plans_of(recipe_with(top={"data": {"folds": 3}}))
    assert list(plans) == [f"{model}-fold{fold}" for model in ("cascade-rcnn", "yolov5") for fold in range(3)]
    assert [plan.fold for plan in plans.values()] == [0, 1, 2, 0, 1, 2]


def test_a_model_is_trained_on_the_folds_that_its_recipe_names() -> None:
    plans = plans_of(recipe_with(folds=[1, "all"]))
    assert list(plans) == ["cascade-rcnn-fold1", "cascade-rcnn-all", "yolov5-fold0", "yolov5-fold1"]
    everything = plans["cascade-rcnn-all"]
    assert (everything.fold, everything.oof) == ("all", None)
    assert everything.test.name == "cascade-rcnn-all.parquet"


def test_further_folds_leave_the_keys_of_those_before_alone(keys: dict[str, str]) -> None:
    more = keys_of(recipe_with(folds=[0, 1, "all"]))
    assert {name: more[name] for name in keys} == keys
    assert len(set(more.values())) == len(keys) + 1


def test_members_differ_in_key_seed_and_places() -> None:
    plans = list(plans_of(recipe_with(top={"data": {"folds": 5}})).values())
    for field in ("key", "seed", "work_dir", "oof", "test"):
        assert len({getattr(plan, field) for plan in plans}) == len(plans) == 10
    assert all(0 <= plan.seed < 2**31 for plan in plans)
    assert all(path and path.is_absolute() for plan in plans for path in (plan.work_dir, plan.oof, plan.test))


def test_equal_runs_have_equal_keys_and_seeds(keys: dict[str, str]) -> None:
    assert plans_of(recipe_with()) == plans_of(recipe_with())
    assert keys_of(recipe_with()) == keys


@pytest.mark.parametrize(
    "changed",
    [
        {"resources": {"num_cpus": 3, "num_gpus": 0.5, "memory_gib": 4}},
        {"top": {"retries": 9}},
        {"top": {"data": {"folds": 2, "image_cache_gib": 0}}},
        {"top": {"fusion": {"trials": 3}}},
        {"top": {"name": "another"}},
    ],
)
def test_what_does_not_decide_results_leaves_keys_alone(keys: dict[str, str], changed: dict[str, Any]) -> None:
    assert keys_of(recipe_with(**changed)) == keys


@pytest.mark.parametrize(
    ("recipe", "data", "round_index"),
    [
        (recipe_with(), "other data", 0),
        (recipe_with(), "data", 1),
        (recipe_with(top={"seed": 1}), "data", 0),
        (recipe_with(top={"data": {"folds": 2, "copy_paste": {"additions": "median"}}}), "data", 0),
    ],
)
def test_data_copy_paste_round_and_seed_change_every_key(
    keys: dict[str, str], recipe: Recipe, data: str, round_index: int
) -> None:
    changed = keys_of(recipe, data, round_index)
    assert [name.replace("@1", "") for name in changed] == list(keys)
    assert not set(changed.values()) & set(keys.values())


@pytest.mark.parametrize("package", ["torch", "timm", "effdet", "onedl-mmdetection", "segmentation-models-pytorch"])
def test_another_version_of_a_library_that_trains_changes_every_key(
    keys: dict[str, str], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recycle.orchestration.plan.version", lambda name: "0.0" if name == package else version(name))
    assert not set(keys_of(recipe_with()).values()) & set(keys.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 9},
        {"image_size": 128},
        {"batch_size": 4},
        {"optimizer": {"type": "sgd"}},
        {"augmentations": [{"type": "resize"}]},
        {"fpn_channels": 32},
        {"pretrained": "none"},
        {"losses": {"box": "giou"}},
        {"averaging": {"type": "swa"}},
        {"accumulate": 2},
        {"multi_scale": {}},
        {"phases": [{"epochs": 4}, {"epochs": 4, "optimizer": {"lr": 1e-5}}]},
    ],
)
def test_settings_of_one_model_change_its_keys_only(keys: dict[str, str], changes: dict[str, Any]) -> None:
    changed = keys_of(recipe_with(**changes))
    differing = {name for name in keys if changed[name] != keys[name]}
    assert differing == {"cascade-rcnn-fold0", "cascade-rcnn-fold1"}


def test_other_weights_in_the_same_file_change_the_key(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    seen = set()
    for value in (0.0, 1.0):
        torch.save({"weight": torch.full((1,), value)}, path)
        seen.add(keys_of(recipe_with(pretrained=str(path)))["cascade-rcnn-fold0"])
    assert len(seen) == 2


def test_missing_weights_are_refused_before_anything_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    began = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        plans_of(recipe_with(backbone="resnet50"))
    assert time.monotonic() - began < 20
    wanted = tmp_path / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    assert str(caught.value).startswith(f"{wanted}: these pretrained weights are missing and https://")
    assert "put the file there by hand" in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_weights_put_there_by_hand_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    path.parent.mkdir(parents=True)
    torch.save({"weight": torch.zeros(1)}, path)
    assert len(plans_of(recipe_with(backbone="resnet50"))) == 4
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match=r"resnet50-0676ba61\.pth: not a readable checkpoint"):
        plans_of(recipe_with(backbone="resnet50"))


def test_a_given_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.pth"
    with pytest.raises(WeightsError, match="there is no such checkpoint") as caught:
        plans_of(recipe_with(pretrained=str(path)))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})


def test_a_family_whose_library_is_not_installed_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)  # to Python's import system it is then not there
    with pytest.raises(RecipeError, match=r"^yolov5: .*AGPL-3.0.* uv pip install ultralytics$"):
        plans_of(recipe_with())


def test_labels_parent_and_how_both_are_trained_on_change_the_key_of_a_member_of_a_round(tmp_path: Path) -> None:
    plan = plan_members(recipe_with(), PATHS, data_digest="data", round_index=1)[0]
    files = [tmp_path / name for name in ("one.json", "same.json", "other.json")]
    for file, content in zip(files, ("a", "a", "b"), strict=True):
        file.write_text(content)
    settings = PseudoLabels()

    def key(labels: Path = files[0], settings: PseudoLabels = settings, parent: str = "parent") -> str:
        return learning_from(plan, RoundPlan(Path("last.pth"), labels, settings), parent).key

    assert key(labels=files[1]) == key()
    assert key(settings=PseudoLabels(max_class_fall=0.5, score_thr=0.9)) == key(), "these decide labels and gate alone"
    others = [
        key(labels=files[2]),
        key(parent="another"),
        key(settings=PseudoLabels(share=0.1)),
        key(settings=PseudoLabels(mixing="mixup")),
    ]
    assert len({key(), plan.key, *others}) == 6
