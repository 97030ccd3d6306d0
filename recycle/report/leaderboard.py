"""What submissions scored, kept in one file beside the runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from recycle.errors import DataError

Board = Literal["public", "private"]

_SCORE, _TEXT = (int, float, type(None)), (str,)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "run": _TEXT,
    "time": _TEXT,
    "validation": _SCORE,
    "public": _SCORE,
    "private": _SCORE,
    "note": _TEXT,
}


@dataclass(frozen=True)
class Submission:
    """One line of the leaderboard.

    Attributes:
        run: Name of the run's folder.
        time: When it was entered, ISO 8601, UTC.
        validation: The ensemble's pooled out-of-fold mAP50 at that time, 0 to 1; None where it was not known.
        public: Score on the public leaderboard, 0 to 1; None where it is not known.
        private: Score on the private one, likewise.
        note: Anything.

    Raises:
        DataError: If a score is out of its range, or there is none.
    """

    run: str
    time: str
    validation: float | None
    public: float | None
    private: float | None
    note: str

    def __post_init__(self) -> None:
        """Refuses scores that cannot be."""
        for name in ("validation", "public", "private"):
            score = getattr(self, name)
            if score is not None and not 0 <= score <= 1:
                raise DataError(f"{name} score must be between 0 and 1 inclusive, but got {name}={score}")
        if self.public is None and self.private is None:
            raise DataError(f"a submission of {self.run} must have a public or a private score, but has neither")

    def on(self, board: Board) -> float | None:
        """The score on a leaderboard."""
        return self.public if board == "public" else self.private


def append_submission(submission: Submission, path: Path) -> None:
    """Enters a submission; it is on disk when this returns, on a line of its own even after one that was torn.

    Args:
        submission: What to enter.
        path: The leaderboard; it need not exist yet.
    """
    is_torn = path.is_file() and path.read_bytes()[-1:] not in (b"", b"\n")
    line = json.dumps(asdict(submission), ensure_ascii=False) + "\n"
    with path.open("ab") as file:
        file.write(b"\n" * is_torn + line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_leaderboard(path: Path) -> tuple[Submission, ...]:
    """Reads all submissions in the order in which they were entered.

    Args:
        path: The leaderboard; where there is none, nothing was submitted.

    Raises:
        DataError: With file and line, if one is not a submission.
    """
    if not path.is_file():
        return ()
    lines = path.read_bytes().split(b"\n")
    return tuple(_parse(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip())


def _parse(line: bytes, place: str) -> Submission:
    try:
        record: Any = json.loads(line)
        for name, kinds in _KINDS.items():
            if not isinstance(record[name], kinds) or isinstance(record[name], bool):
                raise DataError(f"{name} must not be {record[name]!r}")
        return Submission(**record)
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    except KeyError as error:
        raise DataError(f"{place}: not a line of a leaderboard: {error} is missing") from None
    except (ValueError, TypeError) as error:
        raise DataError(f"{place}: not a line of a leaderboard: {error}") from None
