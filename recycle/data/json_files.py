"""JSON files, plain or gzipped by suffix: reading never ends in a traceback, writing never leaves half a file."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from recycle.errors import DataError
from recycle.files import replacing


def read_json(path: Path) -> object:
    """Reads a JSON file; one whose name ends in `.gz` is unpacked first.

    Args:
        path: The file.

    Returns:
        The document, which may be any JSON value.

    Raises:
        DataError: The file is missing, cannot be read or is not JSON.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: JSON must be UTF-8 text, but byte {error.start} is not") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON file that must hold an object.

    Raises:
        DataError: As `read_json`, or the document is something else.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path}: must be a JSON object, but got {type(document).__name__}")
    return document


def write_json(document: object, path: Path, *, indent: int | None = None) -> None:
    """Writes a JSON file in one step.

    Args:
        document: Any JSON value; NaN and infinities are refused.
        path: The file; `.gz` at its end packs it. Its folder is made if needed.
        indent: Spaces of indentation; None writes one line.

    Raises:
        ValueError: The document holds NaN or an infinity.
    """
    data = (json.dumps(document, indent=indent, allow_nan=False) + "\n").encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)  # no time stamp: equal documents are equal files
    with replacing(path) as temporary:
        temporary.write_bytes(data)
