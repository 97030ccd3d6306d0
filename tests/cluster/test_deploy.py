"""The files by which clusters are made are what Ray and Kubernetes take, and keep what the documentation promises."""

import gzip
import json
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from moto import mock_aws
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.object_store import CREDENTIALS

ROOT = Path(__file__).parents[2]
LAUNCHED = [ROOT / "cluster.yaml", ROOT / "deploy" / "aws.yaml", ROOT / "deploy" / "gcp.yaml"]
RAY_JOB = ROOT / "deploy" / "kuberay-rayjob.yaml"
RAY_JOB_SCHEMA = Path(__file__).with_name("rayjob.schema.json.gz")
"""Of KubeRay 1.7, whose custom resource contains the pods of Kubernetes."""
CLOSE_PORTS = ROOT / "deploy" / "close-ports.sh"
SPOT_NOTICE = ROOT / "deploy" / "spot-notice.sh"


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.name)
def test_ray_takes_the_file(path: Path) -> None:
    validate_config(prepare_config(read(path)))


@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.name)
def test_nothing_is_open_to_others(path: Path) -> None:
    content = read(path)
    (head,) = [command for command in content["head_start_ray_commands"] if "ray start --head" in command]
    assert "--dashboard-host=127.0.0.1" in head
    assert "~/recycle-source/deploy/login-environment.sh" in content["setup_commands"]
    assert "~/.ray/auth_token" in content["file_mounts"]


@pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.name)
def test_the_package_is_installed_from_the_lock_file_and_not_hidden(path: Path) -> None:
    content = read(path)
    assert content["file_mounts"]["~/recycle-source"] == "."
    assert "~/recycle" not in content["file_mounts"]
    assert {".venv", ".git", "runs"} <= set(content["rsync_exclude"])
    assert any(command.startswith("make") and command.endswith("setup") for command in content["setup_commands"])


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_clouds_watch_for_the_spot_notice_and_go_down_to_no_worker(name: str) -> None:
    content = read(ROOT / "deploy" / f"{name}.yaml")
    assert any(f"deploy/spot-notice.sh {name}" in command for command in content["worker_start_ray_commands"])
    kinds = content["available_node_types"]
    assert all(kind["min_workers"] == 0 for kind in kinds.values())
    assert kinds["gpu"]["resources"]["GPU"] >= 1


@mock_aws
def test_amazon_opens_nothing_but_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    file = prepare_config(read(ROOT / "deploy" / "aws.yaml"))
    content = bootstrap_aws(file)  # type: ignore[no-untyped-call]
    kinds = content["available_node_types"].values()
    (group,) = {group for kind in kinds for group in kind["node_config"]["SecurityGroupIds"]}
    ec2 = boto3.resource("ec2", region_name=content["provider"]["region"])
    from_outside = [rule for rule in ec2.SecurityGroup(group).ip_permissions if rule["IpRanges"]]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in from_outside] == [(22, 22)]


def closed(schema: Any) -> Any:
    """The schema with every key refused that it does not name, which Kubernetes would drop silently."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if isinstance(inner.get("properties"), dict) and not inner.get("x-kubernetes-preserve-unknown-fields"):
        inner.setdefault("additionalProperties", False)
    return inner


def violations(document: dict[str, Any]) -> list[str]:
    schema = closed(json.loads(gzip.decompress(RAY_JOB_SCHEMA.read_bytes())))
    schema["properties"]["metadata"] = {"type": "object"}  # the server knows it, and so does not tell
    return [error.message for error in jsonschema.Draft4Validator(schema).iter_errors(document)]


def test_kubernetes_takes_the_ray_job() -> None:
    assert violations(read(RAY_JOB)) == []


def test_a_misspelt_key_of_the_ray_job_is_found() -> None:
    document = read(RAY_JOB)
    document["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplica"] = 2
    assert violations(document)


def test_the_ray_job_has_the_locked_version_and_a_token() -> None:
    cluster = read(RAY_JOB)["spec"]["rayClusterSpec"]
    assert f"\nray=={cluster['rayVersion']} " in (ROOT / "requirements.lock").read_text()
    assert cluster["authOptions"] == {"mode": "token"}


def test_a_pod_waits_until_its_members_have_left() -> None:
    cluster = read(RAY_JOB)["spec"]["rayClusterSpec"]
    for group in cluster["workerGroupSpecs"]:
        pod = group["template"]["spec"]
        *command, seconds = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert command == ["python", "-m", "recycle.orchestration.leave_node"]
        assert int(seconds) < pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize(
    ("status", "has_results", "expected"),
    [(0, True, 0), (1, True, 0), (1, False, 1), (2, False, 2), (130, False, 130), (137, False, 137)],
)
def test_the_ray_job_is_made_anew_unless_it_ended_with_results(
    status: int, has_results: bool, expected: int, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    write = f"mkdir -p {tmp_path}/runs/first && touch {tmp_path}/runs/first/results.json\n" if has_results else ""
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{write}exit {status}\n')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    entrypoint = shlex.join(shlex.split(read(RAY_JOB)["spec"]["entrypoint"]))  # as `ray job submit` passes it on
    result = subprocess.run(entrypoint, shell=True, check=False, timeout=60, env=environment, cwd=tmp_path)
    assert result.returncode == expected
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith("jobs/train_all.py --resume=if-begun ")
    assert " --set storage=s3://" in call


def test_the_image_holds_what_the_ray_job_runs() -> None:
    lines = [line.split() for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines() if line[:1] not in "#"]
    copied = {source for line in lines if line[0] == "COPY" for source in line[1:-1]}
    assert {"Makefile", "pyproject.toml", "requirements.lock", "recycle", "search_spaces", "jobs"} <= copied
    assert all((ROOT / source).exists() for source in copied)
    (folder,) = [line[1] for line in lines if line[0] == "WORKDIR"]
    assert Path(folder).name != "recycle"
    assert ["ENV", f"PATH={folder}/.venv/bin:$PATH"] in lines
    assert lines[-1][-1] == "/etc/profile.d/recycle.sh"
    assert f"PATH={folder}/.venv/bin:$PATH'" in lines[-1]
    assert any(line[0] == "RUN" and line[-2:] == ["make", "setup"] for line in lines)
    cluster = read(RAY_JOB)["spec"]["rayClusterSpec"]
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    containers = [container for pod in pods for container in pod["containers"]]
    assert len({container["image"] for container in containers}) == 1
    assert not any("workingDir" in container for container in containers)


@pytest.mark.parametrize("before", [None, "", "return\n"])
def test_logins_find_the_environment_and_ask_for_the_token(before: str | None, tmp_path: Path) -> None:
    bashrc = tmp_path / ".bashrc"
    if before is not None:
        bashrc.write_text(before)
    environment = {**os.environ, "HOME": str(tmp_path)}
    for _ in range(2):
        subprocess.run([ROOT / "deploy" / "login-environment.sh"], check=True, env=environment)
    first, *rest = bashrc.read_text().splitlines(keepends=True)
    assert first == f"export PATH={ROOT}/.venv/bin:$PATH RAY_AUTH_MODE=token\n"
    assert "".join(rest) == (before or "")


class Metadata(BaseHTTPRequestHandler):
    """The metadata of a cloud's machine, which is not to go at the first question."""

    asked = 0

    def do_PUT(self) -> None:
        self._answer(200, b"token")

    def do_GET(self) -> None:
        type(self).asked += 1
        is_due = self.asked > 1
        if "instance-action" in self.path:
            assert self.headers["X-aws-ec2-metadata-token"] == "token"
            self._answer(200 if is_due else 404, b"{}")
        else:
            assert self.headers["Metadata-Flavor"] == "Google"
            self._answer(200, b"TRUE" if is_due else b"FALSE")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def metadata_server() -> Iterator[str]:
    Metadata.asked = 0
    server = HTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(("cloud", "seconds"), [("aws", "110"), ("gcp", "25")])
def test_a_spot_notice_is_passed_on_to_ray(cloud: str, seconds: str, tmp_path: Path) -> None:
    called = tmp_path / "called"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" > {called}\n')
    python.chmod(0o755)
    with metadata_server() as address:
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "METADATA_ADDRESS": address}
        subprocess.run([SPOT_NOTICE, cloud, "0.1"], check=True, timeout=60, env=environment)
    assert called.read_text().split() == ["-m", "recycle.orchestration.leave_node", seconds]
    assert Metadata.asked == 2


def test_another_cloud_is_refused() -> None:
    result = subprocess.run([SPOT_NOTICE, "azure", "0.1"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "must be aws or gcp, but got azure" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the addresses of all machines must be named"),
        (["--ssh-port"], "--ssh-port must be followed by a port"),
        (["--ssh-port", "ssh", "10.0.0.1"], "--ssh-port must be a number, but got 'ssh'"),
        (["--ssh-port", "22"], "the addresses of all machines must be named"),
        (["head"], "must be an address or a network, but got 'head'"),
        (["10.0.0.1; drop"], "must be an address or a network, but got '10.0.0.1; drop'"),
    ],
)
def test_ports_are_not_closed_to_who_is_not_well_named(arguments: list[str], message: str) -> None:
    result = subprocess.run([CLOSE_PORTS, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert message in result.stderr


def nft_that_notes(folder: Path) -> dict[str, str]:
    """An environment in which root's nft writes down the rules that it is told."""
    for name, script in (("nft", f"cat > {folder}/rules"), ("id", "echo 0")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("login", "arguments", "port"),
    [
        ({}, [], 22),
        ({"SSH_CONNECTION": "10.0.0.9 51000 10.0.0.1 2222"}, [], 2222),
        ({"SSH_CONNECTION": "10.0.0.9 51000 10.0.0.1 2222"}, ["--ssh-port", "23"], 23),
    ],
)
def test_who_logged_in_can_do_so_again(login: dict[str, str], arguments: list[str], port: int, tmp_path: Path) -> None:
    addresses = ["10.0.0.0/24", "fd00::1"]
    environment = {**nft_that_notes(tmp_path), **login}
    subprocess.run([CLOSE_PORTS, *arguments, *addresses], check=True, timeout=60, env=environment)
    rules = [line.strip() for line in (tmp_path / "rules").read_text().splitlines()]
    assert f"tcp dport {port} accept" in rules
    assert {"ip saddr 10.0.0.0/24 accept", "ip6 saddr fd00::1 accept"} <= set(rules)


def test_ports_can_be_closed_whenever_ray_starts() -> None:
    line = "  # - ~/recycle-source/deploy/close-ports.sh"
    content = yaml.safe_load((ROOT / "cluster.yaml").read_text().replace(line, line.replace("# ", "")))
    for commands in (content["head_start_ray_commands"], content["worker_start_ray_commands"]):
        _, close, start = commands
        assert close == "~/recycle-source/deploy/close-ports.sh 10.0.0.0/24"
        assert "ray start" in start
