"""A finished ensemble as a folder of its own, which predicts wherever recycle is installed.

The folder holds `weights/MEMBER.safetensors`, `recipe.yaml` and `ensemble.json`, which lists members, classes, fusion
settings and the SHA-256 of every other file.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recycle.data.coco import Category
from recycle.data.json_files import read_json, write_json
from recycle.errors import DataError, WeightsError
from recycle.inference.trained import TrainedEnsemble, TrainedMember
from recycle.recipe import MEMBER_PATTERN
from recycle.recipe_yaml import load_recipe, write_recipe

MANIFEST = "ensemble.json"
RECIPE = "recipe.yaml"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Category(_Record):
    id: int
    name: str


class _Member(_Record):
    name: str = Field(pattern=MEMBER_PATTERN)
    model: str


class _Manifest(_Record):
    version: Literal[1] = 1
    categories: tuple[_Category, ...]
    members: tuple[_Member, ...] = Field(min_length=1)
    fusion: dict[str, Any] | None
    sha256: dict[str, str]


def write_export(ensemble: TrainedEnsemble, folder: Path) -> None:
    """Writes all that predicting with an ensemble needs; the folder appears complete or not at all.

    Args:
        ensemble: Members, recipe, classes and fusion settings.
        folder: Must not exist, or be empty.

    Raises:
        DataError: If the folder holds anything.
        WeightsError: If a checkpoint cannot be loaded.
    """
    folder = folder.absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder}: an export needs a folder that is new or empty")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        _write_files(ensemble, temporary)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_export(folder: Path) -> bool:
    """Whether a folder is what `write_export` writes."""
    return (folder / MANIFEST).is_file()


def read_export(folder: Path) -> TrainedEnsemble:
    """Reads an exported ensemble and makes sure that none of its files was damaged.

    Raises:
        DataError: If the manifest is not one, or a file is missing or not the one that was written; names the file.
    """
    manifest = _read_manifest(folder / MANIFEST)
    names = [RECIPE, *(_weights_of(member.name) for member in manifest.members)]
    for name in names:
        _require_intact(folder / name, manifest.sha256.get(name))
    return TrainedEnsemble(
        recipe=load_recipe(str((folder / RECIPE).absolute())),
        categories=tuple(Category(category.id, category.name) for category in manifest.categories),
        members=tuple(
            TrainedMember(member.name, member.model, (folder / _weights_of(member.name)).absolute())
            for member in manifest.members
        ),
        fusion=manifest.fusion,
    )


def _write_files(ensemble: TrainedEnsemble, folder: Path) -> None:
    write_recipe(ensemble.recipe, folder / RECIPE)
    for member in ensemble.members:
        path = folder / _weights_of(member.name)
        _write_weights(member.weights, path)
        shutil.copymode(folder / RECIPE, path)  # safetensors would keep it from all other users
    names = [RECIPE, *(_weights_of(member.name) for member in ensemble.members)]
    manifest = _Manifest(
        categories=tuple(_Category(id=category.id, name=category.name) for category in ensemble.categories),
        members=tuple(_Member(name=member.name, model=member.model) for member in ensemble.members),
        fusion=dict(ensemble.fusion) if ensemble.fusion is not None else None,
        sha256={name: _sha256(folder / name) for name in names},
    )
    write_json(manifest.model_dump(mode="json"), folder / MANIFEST, indent=1)


def _write_weights(checkpoint: Path, path: Path) -> None:
    # Reading an export needs no torch, which takes seconds to import.
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    from recycle.models.checkpoints import load_checkpoint  # noqa: PLC0415

    tensors: Mapping[str, torch.Tensor] = load_checkpoint(checkpoint)["state_dict"]
    path.parent.mkdir(parents=True, exist_ok=True)
    # The format knows neither shared memory nor other orders of dimensions.
    save_file({name: t.clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}, path)


def _weights_of(member: str) -> str:
    return f"weights/{member}.safetensors"


def _read_manifest(path: Path) -> _Manifest:
    try:
        return _Manifest.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the document"
        raise DataError(f"{path}: {key}: {first['msg']}, but got {first['input']!r:.80}") from None


def _require_intact(path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: this file of the export is missing")
    actual = _sha256(path)
    if actual != expected:
        raise WeightsError(f"{path}: this file was damaged or changed: its SHA-256 must be {expected}, but is {actual}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
