"""Process-wide settings that keep the libraries below from phoning home, set in one place for every process."""

import os

from recycle.paths import user_caches

QUIET_ENVIRONMENT = {
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",
    "YOLO_VERBOSE": "false",
}


def keep_private() -> None:
    """Turns off usage reports, update checks and automatic installs; call it before importing the libraries.

    Ultralytics' settings go to a folder of our own, apart from those of other programs.
    """
    os.environ.update(QUIET_ENVIRONMENT)
    yolo_config = user_caches() / "recycle" / "ultralytics"
    yolo_config.mkdir(parents=True, exist_ok=True)
    os.environ["YOLO_CONFIG_DIR"] = str(yolo_config)
