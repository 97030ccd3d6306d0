"""Reads where a run stands from its files alone, in a fraction of a second and without disturbing its driver."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from recycle.data.json_files import read_object
from recycle.errors import DataError
from recycle.orchestration.ledger import FinishedMember, read_latest
from recycle.orchestration.member_names import MemberIdentity, members_of
from recycle.orchestration.open_run import is_worked_on, require_run
from recycle.orchestration.round_records import read_rounds
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe.settings import MAIN_SCORES, SCORE_TITLES, main_score
from recycle.recipe_yaml import load_recipe
from recycle.report.attempts import Attempt, read_attempts
from recycle.report.curves import SCALARS
from recycle.report.rounds import RoundReport
from recycle.report.status import MemberStatus, RunState, RunStatus

Record = Mapping[str, Any]


@dataclass(frozen=True)
class _Files:
    """What the files of a run say.

    Attributes:
        paths: The run folder.
        is_driven: Whether a driver works on the run.
        progress: The document `progress.json`; empty before there is one.
        results: The document `results.json`; None before there is one.
        finished: The ledger's entries by member.
        rounds: The rounds of pseudo labels that have begun.
        attempts: The latest attempt at each member.
    """

    paths: RunPaths
    is_driven: bool
    progress: Record
    results: Record | None
    finished: Mapping[str, FinishedMember]
    rounds: Sequence[RoundReport]
    attempts: Mapping[str, Attempt]


def read_status(root: Path) -> RunStatus:
    """Reads where a run stands.

    Args:
        root: The run folder.

    Raises:
        ResumeError: If there is no run in it.
        RecycleError: If a file of the folder cannot be read.
    """
    paths = RunPaths(root)
    require_run(paths)
    recipe, files = load_recipe(str(paths.recipe.absolute())), _read(paths)
    members = tuple(_member(member, files) for member in members_of(recipe, paths.begun_rounds))
    is_done = files.results is not None and _rounds_are_done(recipe, files.rounds)
    state: RunState = "running" if files.is_driven else "finished" if is_done else "interrupted"
    return RunStatus(
        run=root.absolute().name,
        recipe=recipe.name,
        state=state,
        stage=_stage(files, members),
        members=members,
        seconds_left=_seconds_left(members) if state == "running" else None,
        heard_s=_seconds_since_heard(paths),
        best=_best(files, members),
        score_title=SCORE_TITLES[MAIN_SCORES[recipe.task]],
    )


def _read(paths: RunPaths) -> _Files:
    attempts = read_attempts(paths.attempts, last_heard=time.time())
    return _Files(
        paths=paths,
        is_driven=is_worked_on(paths),
        progress=read_object(paths.progress) if paths.progress.is_file() else {},
        results=read_object(paths.results) if paths.results.is_file() else None,
        finished=read_latest(paths.ledger),
        rounds=read_rounds(paths),
        attempts={one.member: one for one in attempts},
    )


def _rounds_are_done(recipe: Recipe, rounds: Sequence[RoundReport]) -> bool:
    """Whether all rounds were made that the recipe asks for, or one came to an end that ends them."""
    gates = [one.gate for one in rounds]
    if None in gates:
        return False
    return len(gates) >= recipe.rounds or (bool(gates) and not any(gate.is_kept for gate in gates[-1:] if gate))


def _member(member: MemberIdentity, files: _Files) -> MemberStatus:
    name = member.name
    heard: Record = files.progress.get("running", {}).get(name) or {}
    score = _last_score(files.paths.member(member.round_index, name))
    if entry := files.finished.get(name):
        return MemberStatus(name, "finished", seconds=entry.seconds, score=score, host=entry.host)
    if name in files.progress.get("running", {}):
        return MemberStatus(
            name,
            "running" if files.is_driven else "cut off",
            epoch=heard.get("epoch"),
            epochs=heard.get("epochs"),
            seconds_left=heard.get("seconds_left") if files.is_driven else None,
            score=score,
            host=heard.get("host", ""),
        )
    if name in files.progress.get("failed", []) or name in (files.results or {}).get("failed", {}):
        return MemberStatus(name, "failed", score=score, reason=_reason(name, files))
    return MemberStatus(name, "waiting")


def _reason(name: str, files: _Files) -> str:
    recorded = (files.results or {}).get("failed", {}).get(name)
    attempt = files.attempts.get(name)
    return str(recorded or (attempt.reason if attempt else ""))


def _last_score(folder: Path) -> float | None:
    """The last validation score in a member's newest log that has one."""
    for log in sorted(folder.glob(SCALARS), reverse=True):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in reversed([line for line in lines if any(f'"{name}"' in line for name in MAIN_SCORES.values())]):
            try:
                return float(main_score(json.loads(line)))
            except (ValueError, KeyError, TypeError):  # its process died while it wrote this line
                continue
    return None


def _stage(files: _Files, members: Sequence[MemberStatus]) -> str:
    if files.results is not None and not files.is_driven:
        return "results are written" if not files.rounds or files.rounds[-1].gate else "making a round of pseudo labels"
    if not files.paths.prepared.is_file():
        return "preparing the data"
    if any(one.state in ("running", "waiting", "cut off") for one in members):
        return "training members"
    return "finding the ensemble"


def _seconds_left(members: Sequence[MemberStatus]) -> float | None:
    """All work that is left, by as many members side by side as run now, but no less than the longest that runs."""
    running = [one.seconds_left for one in members if one.state == "running"]
    known = [seconds for seconds in running if seconds is not None]
    waiting = [one for one in members if one.state == "waiting"]
    if not running or len(known) < len(running):
        return None
    expected = [_expected_seconds(one, members) for one in waiting]
    if None in expected:
        return None
    total = sum(known) + sum(seconds for seconds in expected if seconds is not None)
    return max(total / len(running), *known, 0.0)


def _expected_seconds(one: MemberStatus, members: Sequence[MemberStatus]) -> float | None:
    """What finished members of the same model took on average, or else all finished members."""
    finished = {other.name: other.seconds for other in members if other.seconds is not None}
    model = one.name.rpartition("-")[0]
    same = [seconds for name, seconds in finished.items() if name.rpartition("-")[0] == model]
    return fmean(same or finished.values()) if finished else None


def _seconds_since_heard(paths: RunPaths) -> float | None:
    files = (paths.progress, paths.ledger, paths.attempts, paths.prepared, paths.results, paths.recipe)
    times = [file.stat().st_mtime for file in files if file.is_file()]
    return max(0.0, time.time() - max(times)) if times else None


def _best(files: _Files, members: Sequence[MemberStatus]) -> tuple[str, float] | None:
    try:
        score = None if files.results is None else main_score(files.results["ensemble"]["oof"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{files.paths.results}: not the results of a run: {error!r}") from None
    if score is not None:
        return "the ensemble, out of fold,", float(score)
    scored = [(one.name, one.score) for one in members if one.score is not None]
    return max(scored, key=lambda pair: pair[1], default=None)
