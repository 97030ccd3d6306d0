import json
from pathlib import Path

from recycle.report.curves import Curves, read_curves


def log(
    folder: Path, name: str, epochs: dict[int, float], scores: dict[int, float] | None = None, end: str = ""
) -> None:
    path = folder / name / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    steps = [{"loss": loss, "lr": 0.1 / epoch, "epoch": epoch, "step": 7 * epoch} for epoch, loss in epochs.items()]
    marks = [{"map50": score, "map": 0.1, "step": epoch} for epoch, score in (scores or {}).items()]
    path.write_text("".join(json.dumps(one) + "\n" for one in [*steps, *marks]) + end)


def test_losses_of_an_epoch_are_averaged_and_scores_lie_at_their_epoch(tmp_path: Path) -> None:
    path = tmp_path / "1" / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        '{"loss": 4, "lr": 0.1, "epoch": 1, "step": 10}\n{"loss": 2, "lr": 0.2, "epoch": 1, "step": 20}\n'
        '{"loss": 1, "lr": 0.3, "epoch": 2, "step": 30}\n{"map50": 0.5, "map": 0.2, "step": 2}\n'
    )
    assert read_curves(tmp_path, [2]) == Curves({1: 3, 2: 1}, {1: 0.2, 2: 0.3}, {2: 0.5})


def test_a_member_without_logs_has_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "nowhere", [3]) == Curves({}, {}, {})


def test_an_epoch_that_is_trained_again_after_a_failure_counts_once(tmp_path: Path) -> None:
    log(tmp_path, "20260101", {1: 9, 2: 8}, {2: 0.1})
    log(tmp_path, "20260102", {2: 5, 3: 4}, {3: 0.3})
    curves = read_curves(tmp_path, [3])
    assert curves.losses == {1: 9, 2: 5, 3: 4}
    assert curves.scores == {2: 0.1, 3: 0.3}


def test_a_failure_in_the_first_epoch_is_no_new_phase(tmp_path: Path) -> None:
    log(tmp_path, "20260101", {1: 9})
    log(tmp_path, "20260102", {1: 7, 2: 6})
    assert read_curves(tmp_path, [2, 5]).losses == {1: 7, 2: 6}


def test_phases_follow_each_other(tmp_path: Path) -> None:
    log(tmp_path, "20260101", {1: 9, 2: 8}, {2: 0.1})
    log(tmp_path, "20260102", {1: 7, 2: 6}, {2: 0.2})
    log(tmp_path, "20260103", {3: 5}, {3: 0.4})
    curves = read_curves(tmp_path, [2, 3])
    assert curves.losses == {1: 9, 2: 8, 3: 7, 4: 6, 5: 5}
    assert curves.scores == {2: 0.1, 4: 0.2, 5: 0.4}


def test_torn_lines_and_numbers_that_are_not_finite_are_passed_over(tmp_path: Path) -> None:
    end = '{"loss": NaN, "lr": 0.1, "epoch": 2, "step": 14}\n3\n{"loss": 1, "lr"'
    log(tmp_path, "20260101", {1: 9}, end=end)
    assert read_curves(tmp_path, [4]).losses == {1: 9}
