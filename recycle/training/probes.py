"""What a few steps of a model took, and the files in which that is kept for later plans."""

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recycle.data.json_files import read_json, write_json
from recycle.errors import DataError
from recycle.recipe import Model, Optimizer

WITHOUT_EFFECT_ON_SPEED: dict[str, Any] = {
    **dict.fromkeys(("name", "folds", "epochs", "phases", "pretrained", "validate_every", "tta"), True),
    "optimizer": set(Optimizer.model_fields) - {"type", "lookahead"},
}


@dataclass(frozen=True)
class Probe:
    """The speed of a model as it was measured.

    Attributes:
        device: The GPU, or the processor where it trains without.
        seconds_a_step: Time of one step, its share of loading images included.
        memory_gib: The most memory it held: of the GPU, or main memory where it trains without.
    """

    device: str
    seconds_a_step: float
    memory_gib: float


def speed_digest(settings: Model) -> str:
    """Digest of all that decides the speed of a model, or of one phase of it."""
    content = settings.model_dump_json(exclude=WITHOUT_EFFECT_ON_SPEED)
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def write_probe(probe: Probe, settings: Model, folder: Path) -> Path:
    """Writes a probe in the place of the one before of the same model on the same device, and gives its file."""
    device = re.sub(r"[^A-Za-z0-9]+", "-", probe.device).strip("-")
    path = folder / f"{speed_digest(settings)}-{device}.json"
    write_json(asdict(probe), path, indent=1)
    return path


def read_probe(settings: Model, folder: Path) -> Probe | None:
    """The latest probe of a model, on whatever device; None if there is none.

    Raises:
        DataError: If its file does not hold a probe.
    """
    paths = folder.glob(f"{speed_digest(settings)}-*.json")
    path = max(paths, key=lambda path: path.stat().st_mtime_ns, default=None)
    return _parse(path) if path else None


def _parse(path: Path) -> Probe:
    content = read_json(path)
    try:
        return Probe(**content)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(f"{path}: not the speed of a model; remove the file and measure again with --probe") from None
