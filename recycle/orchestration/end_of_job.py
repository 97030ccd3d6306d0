"""The two ways of saying on a command line when a job must be over."""

import argparse
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SECONDS = {"s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Seconds of a command line's duration, such as 10m.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"must be a positive number with s, m or h, as in 10m, but got {text!r}")
    return float(found[1]) * SECONDS[found[2]]


def seconds_until(text: str) -> float:
    """Seconds from now until a command line's deadline, such as 2026-12-01T09:00+09:00.

    Raises:
        argparse.ArgumentTypeError: If it is none, has no offset from UTC, or is over.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a time as 2026-12-01T09:00+09:00, but got {text!r}") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"must say its offset from UTC, as in {text}+09:00, but got {text!r}")
    seconds = (moment - datetime.now(UTC)).total_seconds()
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"must lie in the future, but got {text!r}")
    return seconds


TIME_BUDGET: Mapping[str, Any] = {
    "dest": "seconds",
    "type": duration,
    "default": math.inf,
    "metavar": "8h",
    "help": "stop after this long: a number with s, m or h, as in 8h",
}
DEADLINE: Mapping[str, Any] = {
    "dest": "seconds",
    "type": seconds_until,
    "default": math.inf,
    "metavar": "TIME",
    "help": "stop at this time, as 2026-12-01T09:00+09:00",
}
"""Arguments of `add_argument`; the namespace gets `seconds` from now."""
