"""Process-wide settings that keep the libraries below from phoning home, set in one place for every process."""

import os
import tempfile
from pathlib import Path

QUIET_ENVIRONMENT = {
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",
    "YOLO_VERBOSE": "false",
}


def keep_private() -> None:
    """Turns off usage reports, update checks and automatic installs; call it before importing the libraries.

    Ultralytics' settings go to a folder of this user's own, so that nobody else's settings take effect.
    """
    os.environ.update(QUIET_ENVIRONMENT)
    yolo_config = Path(tempfile.gettempdir()) / f"recycle-yolo-{os.getuid()}"
    yolo_config.mkdir(mode=0o700, exist_ok=True)
    os.environ["YOLO_CONFIG_DIR"] = str(yolo_config)
