"""What Linux lets a test have for itself."""

import shutil
import subprocess

UNSHARE = ("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--net", "--mount")


def can_isolate() -> bool:
    """Whether this user may have processes, a network and mounts of its own."""
    if shutil.which(UNSHARE[0]) is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
