"""The append-only record of what a run has finished: after any interruption, what stands in it is not done again."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recycle.errors import ResumeError
from recycle.recipe import Fold
from recycle.storage import StoredRun


@dataclass(frozen=True)
class FinishedMember:
    """One line of the ledger.

    Attributes:
        key: Digest of all that determines the result.
        round_index: The round.
        member: The member's name.
        model: The model's name.
        fold: The fold that it never saw, or `all` where it saw all images.
        oof: Its predictions of that fold, relative to the run folder; None where it has none.
        test: Its predictions of the test images, relative to the run folder.
        checkpoint: Its last checkpoint, relative to the run folder.
        seconds: Time on the clock since the attempt began that finished it.
        attempts: How often it was started in the run that finished it.
        host: Where it finished.
    """

    key: str
    round_index: int
    member: str
    model: str
    fold: Fold
    oof: str | None
    test: str
    checkpoint: str
    seconds: float
    attempts: int
    host: str


class Ledger:
    """JSON Lines in one file, which only the driver appends to.

    Args:
        path: The file; it need not exist yet.
        stored: Where files of members are that the run folder does not hold.

    Raises:
        ResumeError: If a line that is not the last cannot be read; a half-written last line is dropped.
    """

    def __init__(self, path: Path, stored: StoredRun | None = None) -> None:
        self._path = path
        self._stored = stored
        _drop_torn_line(path)
        self._finished = {entry.key: entry for entry in read_ledger(path)}

    def finished(self, key: str) -> FinishedMember | None:
        """The member of this key, if it is finished and its files are still there."""
        entry = self._finished.get(key)
        if entry is None:
            return None
        files = [file for file in (entry.oof, entry.test, entry.checkpoint) if file]
        return entry if all(map(self._is_there, files)) else None

    def _is_there(self, file: str) -> bool:
        is_local = (self._path.parent / file).is_file()
        return is_local or (self._stored is not None and self._stored.storage.holds(file))

    def latest(self) -> dict[str, FinishedMember]:
        """Every finished member by name, as it was finished last, whether or not its files are still there."""
        return {entry.member: entry for entry in self._finished.values()}

    def append(self, entry: FinishedMember) -> None:
        """Records a finished member; it is on disk when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write((json.dumps(asdict(entry)) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
        self._finished[entry.key] = entry


def read_ledger(path: Path) -> list[FinishedMember]:
    """Reads all lines that are complete, without changing the file, which a driver may be appending to.

    Args:
        path: The file; one that does not exist yet holds no lines.

    Raises:
        ResumeError: If a line cannot be read.
    """
    complete = path.read_bytes().rpartition(b"\n")[0] if path.is_file() else b""
    return [_parse(line, path, number) for number, line in enumerate(complete.split(b"\n"), start=1) if line]


def read_latest(path: Path) -> dict[str, FinishedMember]:
    """As `read_ledger`; every finished member by name, as it was finished last."""
    return {entry.member: entry for entry in read_ledger(path)}


def _drop_torn_line(path: Path) -> None:
    """The driver died while it wrote this line: what it told of is done again, and the next line starts afresh."""
    if path.is_file():
        content = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _parse(line: bytes, path: Path, number: int) -> FinishedMember:
    try:
        record: dict[str, Any] = json.loads(line)
        return FinishedMember(**record)
    except (ValueError, TypeError) as error:
        raise ResumeError(f"{path}:{number}: not a line of a ledger: {error}") from None
