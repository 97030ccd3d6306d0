from pathlib import Path

import pytest
import yaml

from recycle.orchestration import autoscaling
from recycle.orchestration.autoscaling import nodes_that_may_come
from recycle.orchestration.nodes import Needs

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray._private.state.state.get_cluster_config", lambda: None)


def test_without_an_autoscaler_nothing_may_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaling, "BOOTSTRAP_CONFIG", tmp_path / "absent")
    assert nodes_that_may_come() == []


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_members_with_a_gpu_may_wait_for_a_machine_that_has_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaling, "BOOTSTRAP_CONFIG", DEPLOY / f"{name}.yaml")
    assert [node.id for node in nodes_that_may_come()] == ["gpu"]
    assert any(Needs(cpus=4, gpus=1, memory=2**34).on(node) for node in nodes_that_may_come())
    assert not any(Needs(cpus=4, gpus=9).on(node) for node in nodes_that_may_come())


def test_kinds_of_which_none_may_come_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    kinds = {"none": {"resources": {"GPU": 8}, "max_workers": 0}, "some": {"resources": {"GPU": 1}}}
    path.write_text(yaml.safe_dump({"max_workers": 2, "available_node_types": kinds}))
    monkeypatch.setattr(autoscaling, "BOOTSTRAP_CONFIG", path)
    assert [node.id for node in nodes_that_may_come()] == ["some"]
