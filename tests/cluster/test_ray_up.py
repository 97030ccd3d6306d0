"""`ray up`, `ray submit` and `ray down` with cluster.yaml, for real, on machines that are network namespaces."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.namespaces import can_isolate

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NEEDED = ("sshd", "rsync", "ssh", "unshare", "ip", "nft")
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin"

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(
        any(shutil.which(program, path=PLACES) is None for program in NEEDED),
        reason=f"needs {', '.join(NEEDED)} (packages openssh-server, rsync, util-linux, iproute2, nftables)",
    ),
]


@pytest.mark.skipif(os.getuid() != 0 or not can_isolate(), reason="needs root, who may make namespaces")
def test_a_cluster_goes_up_trains_and_goes_down(tmp_path: Path) -> None:
    venv = Path(sys.prefix)
    command = [HERE / "isolated.sh", tmp_path / "home", HERE / "ray_up.sh", ROOT, venv]
    # Away from this terminal, which ssh would take for its own.
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
        start_new_session=True,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    assert result.stdout.rstrip().endswith(": done")
