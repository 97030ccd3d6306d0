import subprocess
from typing import Any

import pytest

from recycle.orchestration import open_nodes


@pytest.mark.parametrize(
    ("output", "gib"), [("16384\n", 16.0), ("81920\n46068\n", 46068 / 1024), ("", 0.0), ("[N/A]\n", 0.0)]
)
def test_the_smallest_gpu_counts(output: str, gib: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(arguments, 0, output)

    monkeypatch.setattr(subprocess, "run", answer)
    assert open_nodes._smallest_gpu_gib() == gib


def test_where_nothing_tells_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_nodes, "QUERY", ("/absent/nvidia-smi",))
    assert open_nodes._smallest_gpu_gib() == 0.0
