import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recycle.errors import ResumeError
from recycle.orchestration.ledger import FinishedMember, Ledger


def entry(number: int, root: Path) -> FinishedMember:
    """An entry whose files are there."""
    member = f"modèle-fold{number}"
    for name in ("oof", "test", "checkpoint"):
        (root / f"{name}{number}").touch()
    return FinishedMember(
        key=f"key{number}",
        round_index=0,
        member=member,
        model="modèle",
        fold=number,
        oof=f"oof{number}",
        test=f"test{number}",
        checkpoint=f"checkpoint{number}",
        seconds=1.5,
        attempts=1,
        host="host",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with three entries."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for number in range(3):
        ledger.append(entry(number, tmp_path))
    return tmp_path / "ledger.jsonl"


def keys(path: Path) -> list[str]:
    ledger = Ledger(path)
    return [f"key{number}" for number in range(5) if ledger.finished(f"key{number}")]


def test_a_ledger_that_does_not_exist_is_empty_and_is_not_made(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "new" / "ledger.jsonl").finished("key0") is None
    assert not (tmp_path / "new").exists()


def test_what_was_appended_is_read_again(path: Path) -> None:
    assert Ledger(path).finished("key1") == entry(1, path.parent)
    assert Ledger(path).finished("key9") is None
    assert [json.loads(line)["fold"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_a_member_of_all_images_has_no_predictions_out_of_fold(path: Path) -> None:
    everything = dataclasses.replace(entry(4, path.parent), fold="all", oof=None)
    Ledger(path).append(everything)
    assert Ledger(path).finished("key4") == everything
    (path.parent / "test4").unlink()
    assert Ledger(path).finished("key4") is None


def test_an_entry_is_known_at_once_and_the_later_of_two_counts(path: Path) -> None:
    ledger = Ledger(path)
    again = dataclasses.replace(entry(1, path.parent), host="another")
    ledger.append(again)
    assert ledger.finished("key1") == again
    assert Ledger(path).finished("key1") == again


@pytest.mark.parametrize("file", ["oof1", "test1", "checkpoint1"])
def test_an_entry_whose_files_are_gone_is_not_finished(path: Path, file: str) -> None:
    (path.parent / file).unlink()
    assert keys(path) == ["key0", "key2"]


def test_latest_holds_the_last_entry_of_each_member(path: Path) -> None:
    ledger = Ledger(path)
    again = dataclasses.replace(entry(1, path.parent), key="newer")
    ledger.append(again)
    assert list(ledger.latest().values()) == [entry(0, path.parent), again, entry(2, path.parent)]


def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    ledger = Ledger(path)
    assert path.read_bytes() == whole
    ledger.append(entry(3, path.parent))
    assert keys(path) == ["key0", "key1", "key2", "key3"]


@pytest.mark.parametrize(
    "damaged", [b'{"key": "a"', b"\xff\x00", b"null", b"[1]", b'"text"', b'{"key": "a"}', b'{"unknown": 1}', b" "]
)
def test_a_damaged_line_in_the_middle_is_refused_with_its_number(path: Path, damaged: bytes) -> None:
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], damaged, *lines[1:]]))
    with pytest.raises(ResumeError) as caught:
        Ledger(path)
    assert str(caught.value).startswith(f"{path}:2: not a line of a ledger: ")


@given(share=st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_ledger_cut_anywhere_loses_the_line_that_was_cut_and_no_other(path: Path, share: float) -> None:
    whole = path.read_bytes()
    length = round(share * len(whole))
    path.write_bytes(whole[:length])
    survivors = whole[:length].count(b"\n")
    assert keys(path) == ["key0", "key1", "key2"][:survivors]
    Ledger(path).append(entry(4, path.parent))
    assert keys(path) == [*["key0", "key1", "key2"][:survivors], "key4"]
    path.write_bytes(whole)
