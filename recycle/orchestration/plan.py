"""Which members a round has, and the key by which the ledger knows each."""

import hashlib
import json
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recycle.models.prerequisites import is_path, require_libraries, require_weights
from recycle.orchestration.member_names import folds_of, member_name
from recycle.orchestration.run_storage import stored_run
from recycle.paths import RunPaths
from recycle.recipe import Fold, Model, Recipe
from recycle.training.member import MemberPlan, RoundPlan

DECISIVE_PACKAGES = (
    "torch",
    "torchvision",
    "onedl-mmcv",
    "onedl-mmdetection",
    "onedl-mmengine",
    "opencv-python-headless",
    "timm",
    "ultralytics",
    "numpy",
    "albumentations",
    "effdet",
    "pycocotools",
    "segmentation-models-pytorch",
)
"""Another version of one of these may train another network."""


def plan_members(recipe: Recipe, paths: RunPaths, *, data_digest: str, round_index: int = 0) -> list[MemberPlan]:
    """Every model on each of its folds.

    Args:
        recipe: The recipe.
        paths: Where files go.
        data_digest: Digest of images, annotations and folds.
        round_index: The round; of one with pseudo labels the plans lack these, see `learning_from`.

    Raises:
        RecipeError: If a library of a model's family is not installed.
        WeightsError: If a model's pretrained weights cannot be had.
    """
    for_all: dict[str, object] = {
        "data": data_digest,
        "copy_paste": recipe.data.copy_paste and recipe.data.copy_paste.model_dump(mode="json"),
        "versions": library_versions(),
        "round": round_index,
    }
    plans = []
    for model in map(_with_absolute_path, recipe.models_in(round_index)):
        require_libraries(model)
        weights = require_weights(model)
        shared = {**for_all, "weights": _digest_of(weights) if weights else model.pretrained}
        folds = folds_of(model, recipe)
        plans += [_plan(model, fold, recipe, shared, paths, round_index) for fold in folds]
    return plans


def learning_from(plan: MemberPlan, pseudo: RoundPlan, parent_key: str) -> MemberPlan:
    """The plan of a member that goes on from another with pseudo labels.

    Args:
        plan: The plan without them.
        pseudo: The labels, which are written, and how they are trained on.
        parent_key: The key of the member that it goes on from.
    """
    decisive = {
        "member": plan.key,
        "parent": parent_key,
        "labels": _digest_of(pseudo.labels),
        "mixing": pseudo.settings.mixing,
        "share": pseudo.settings.share,
    }
    return replace(plan, key=digest(decisive), pseudo=pseudo)


def image_cache_name(paths: RunPaths) -> str:
    """Names the cache of decoded images that a run has on each machine."""
    return digest(str(paths.root.absolute()))


def seed_for(seed: int, name: str) -> int:
    """The seed of one member's draws, or of others that have a name, by that of the recipe."""
    return int(digest([seed, name])[:7], 16)


def library_versions() -> dict[str, str]:
    """The version of every package on which results depend."""
    return {package: _version(package) for package in DECISIVE_PACKAGES}


def digest(content: object) -> str:
    """Digest of a JSON value, whatever the order of its keys."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def _with_absolute_path(model: Model) -> Model:
    """Makes the path of a model's weights hold in every process, whatever its working folder."""
    if not is_path(model.pretrained):
        return model
    return model.model_copy(update={"pretrained": str(Path(model.pretrained).absolute())})


def _plan(
    model: Model, fold: Fold, recipe: Recipe, shared: dict[str, object], paths: RunPaths, round_index: int
) -> MemberPlan:
    name, stored = member_name(model, fold), stored_run(recipe, paths)
    settings = model.model_dump(mode="json", exclude={"resources", "pretrained", "folds"})
    return MemberPlan(
        name=name,
        settings=model,
        fold=fold,
        seed=seed_for(recipe.seed, name),
        key=digest({**shared, "model": settings, "fold": fold, "seed": recipe.seed}),
        work_dir=paths.member(round_index, name).absolute(),
        oof=None if fold == "all" else paths.predictions(round_index, "oof", name, model.task).absolute(),
        test=paths.predictions(round_index, "test", name, model.task).absolute(),
        cache_name=image_cache_name(paths),
        cache_gib=recipe.data.image_cache_gib,
        checkpoints=recipe.checkpoints,
        stored=stored,
        weights=_weights_name(model, shared) if stored and is_path(model.pretrained) else "",
        round_index=round_index,
    )


def _weights_name(model: Model, shared: dict[str, object]) -> str:
    return f"weights/{shared['weights']}{Path(model.pretrained).suffix}"


def _digest_of(weights: Path) -> str:
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
