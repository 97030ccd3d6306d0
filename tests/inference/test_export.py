import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from recycle.data.coco import Category
from recycle.errors import DataError, RecycleError, WeightsError
from recycle.inference.export import is_export, read_export, write_export
from recycle.inference.trained import TrainedEnsemble, TrainedMember
from recycle.models.checkpoints import load_checkpoint
from tests.recipes import example_with

NAMES = ("yolov5-fold0", "yolov5-fold1")


@pytest.fixture
def ensemble(tmp_path: Path) -> TrainedEnsemble:
    """Checkpoints as training leaves them, of a network with a shared and a transposed tensor."""
    members = []
    for number, name in enumerate(NAMES):
        shared = torch.full((2, 3), float(number))
        state = {"a": shared, "b": shared, "c": torch.arange(6).reshape(2, 3).T, "steps": torch.tensor(number)}
        path = tmp_path / f"{name}.pth"
        torch.save({"state_dict": state, "optimizer": {"momentum": torch.zeros(1000)}, "meta": {"epoch": 3}}, path)
        members.append(TrainedMember(name, "yolov5", path))
    categories = (Category(3, "Paper"), Category(1, "병"))
    return TrainedEnsemble(example_with("models.1.image_size=64"), categories, tuple(members), {"weights": [1.5]})


@pytest.fixture
def exported(ensemble: TrainedEnsemble, tmp_path: Path) -> Path:
    write_export(ensemble, tmp_path / "exported")
    return tmp_path / "exported"


def test_what_was_exported_reads_back(ensemble: TrainedEnsemble, exported: Path) -> None:
    read = read_export(exported)
    assert read.recipe == ensemble.recipe
    assert read.categories == ensemble.categories
    assert read.fusion == ensemble.fusion
    assert [(member.name, member.model) for member in read.members] == [(name, "yolov5") for name in NAMES]
    assert is_export(exported)


def test_members_of_rounds_are_exported_under_their_names(ensemble: TrainedEnsemble, tmp_path: Path) -> None:
    member = replace(ensemble.members[0], name="yolov5@1-fold0", model="yolov5@1")
    write_export(replace(ensemble, members=(member,)), tmp_path / "rounds")
    read = read_export(tmp_path / "rounds")
    assert [(one.name, one.model) for one in read.members] == [("yolov5@1-fold0", "yolov5@1")]
    assert read.settings_of(read.members[0]).image_size == 64


def test_only_the_weights_are_kept(ensemble: TrainedEnsemble, exported: Path) -> None:
    for before, after in zip(ensemble.members, read_export(exported).members, strict=True):
        expected, kept = load_checkpoint(before.weights)["state_dict"], load_checkpoint(after.weights)
        assert kept.keys() == {"state_dict"}
        assert kept["state_dict"].keys() == expected.keys()
        for name, tensor in expected.items():
            assert kept["state_dict"][name].dtype == tensor.dtype
            assert torch.equal(kept["state_dict"][name], tensor)
        assert after.weights.stat().st_mode == (exported / "recipe.yaml").stat().st_mode


def test_an_export_can_be_exported(exported: Path, tmp_path: Path) -> None:
    write_export(replace(read_export(exported), fusion=None), tmp_path / "again")
    assert read_export(tmp_path / "again").fusion is None
    for name in NAMES:
        file = f"weights/{name}.safetensors"
        assert (tmp_path / "again" / file).read_bytes() == (exported / file).read_bytes()


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change_manifest(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        ("weights/yolov5-fold1.safetensors", flip_a_bit, "this file was damaged or changed: its SHA-256 must be"),
        ("weights/yolov5-fold0.safetensors", Path.unlink, "this file of the export is missing"),
        ("recipe.yaml", flip_a_bit, "this file was damaged or changed"),
        ("ensemble.json", lambda path: path.write_text("{"), "not JSON"),
        ("ensemble.json", lambda path: change_manifest(path, version=2), "version: Input should be 1, but got 2"),
        ("ensemble.json", lambda path: change_manifest(path, members=[]), "members: .* at least 1 item"),
        ("ensemble.json", lambda path: change_manifest(path, extra=1), "extra: Extra inputs are not permitted"),
        (
            "ensemble.json",
            lambda path: change_manifest(path, members=[{"name": "../../a", "model": "m"}]),
            "members.0.name: .* but got '../../a'",
        ),
    ],
)
def test_damage_is_named(exported: Path, file: str, spoil: Callable[[Path], object], message: str) -> None:
    spoil(exported / file)
    with pytest.raises(RecycleError, match=f"{file}: {message}"):
        read_export(exported)


def test_nothing_is_overwritten(ensemble: TrainedEnsemble, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for path in (tmp_path / "full", tmp_path / "full" / "a"):
        with pytest.raises(DataError, match=f"{path}: an export needs a folder that is new or empty"):
            write_export(ensemble, path)
    (tmp_path / "empty").mkdir()
    write_export(ensemble, tmp_path / "empty")
    assert is_export(tmp_path / "empty")


def test_a_failed_export_leaves_nothing(ensemble: TrainedEnsemble, tmp_path: Path) -> None:
    ensemble.members[1].weights.write_bytes(b"no checkpoint")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=r"yolov5-fold1\.pth: not a readable checkpoint"):
        write_export(ensemble, tmp_path / "exported")
    assert sorted(tmp_path.iterdir()) == before
