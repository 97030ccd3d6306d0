"""Validation against leaderboard: correlation, expectation, and when neither is to be trusted."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycle.report.leaderboard import Board, Submission
from recycle.report.leaderboard_relation import relate
from recycle.report.leaderboard_tables import expectation_line, relation_lines

Pairs = Sequence[tuple[float | None, float | None]]


def submissions(pairs: Pairs) -> list[Submission]:
    return [Submission(f"run{i}", "", validation, score, 0.1, "") for i, (validation, score) in enumerate(pairs)]


CLOSE = [(0.60, 0.58), (0.62, 0.61), (0.64, 0.62), (0.66, 0.65)]


def test_points_are_submissions_with_both_scores() -> None:
    entered = [
        Submission("a", "", 0.5, 0.4, None, ""),
        Submission("b", "", None, 0.4, None, ""),
        Submission("c", "", 0.5, None, 0.3, ""),
    ]
    assert [point.run for point in relate(entered).points] == ["a"]
    assert [point.run for point in relate(entered, "private").points] == ["c"]


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("board", ["public", "private"])
def test_fewer_than_three_submissions_are_refused_politely(count: int, board: Board) -> None:
    relation = relate(submissions(CLOSE[:count]), board)
    assert (relation.rank_correlation, relation.expect(0.6), relation.warnings) == (None, None, ())
    assert relation.refusal is not None
    assert "At least 3 submissions" in relation.refusal
    assert list(relation_lines(relation)) == [relation.refusal]
    assert expectation_line(relation, "next", 0.6) is None


def test_close_scores_are_expected_to_stay_close() -> None:
    relation = relate(submissions(CLOSE))
    assert relation.rank_correlation == pytest.approx(1)
    assert relation.warnings == ()
    expected = relation.expect(0.68)
    assert expected is not None
    assert expected.score == pytest.approx(0.68 - 0.015)
    assert expected.low == pytest.approx(expected.score - 3.182446 * np.std([2, 1, 2, 1], ddof=1) / 100 * 1.25**0.5)
    assert expected.high - expected.score == pytest.approx(expected.score - expected.low)
    line = expectation_line(relation, "next", 0.68)
    assert line is not None
    assert "next, with a validation score of 0.6800, is expected to score 0.6650" in line


def test_the_interval_holds_the_next_score_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        validation = rng.uniform(0.4, 0.6, 6)
        scores = validation - 0.05 + rng.normal(0, 0.01, 6)
        relation = relate(submissions(list(zip(validation.tolist(), scores.tolist(), strict=True))[:5]))
        expected = relation.expect(validation[5])
        assert expected is not None
        held += expected.low <= scores[5] <= expected.high
    assert 0.93 < held / 1000 < 0.97


def test_a_surprise_is_told() -> None:
    relation = relate(submissions([*CLOSE, (0.70, 0.50)]))
    assert "The latest submission, run4, scored 0.5000 on the public leaderboard" in relation.warnings[0]
    assert list(relation_lines(relation))[1] == f"Warning: {relation.warnings[0]}"


def test_other_ranks_are_told() -> None:
    relation = relate(submissions([(0.60, 0.63), (0.62, 0.58), (0.64, 0.61), (0.66, 0.60)]))
    assert relation.rank_correlation == pytest.approx(-0.4)
    assert [warning for warning in relation.warnings if "their rank correlation is -0.40" in warning]


def test_no_correlation_of_equal_scores() -> None:
    relation = relate(submissions([(0.6, 0.5), (0.6, 0.6), (0.6, 0.4)]))
    assert relation.rank_correlation is None
    assert "cannot be ranked" in next(relation_lines(relation))


def test_what_was_entered_twice_teaches_nothing_new() -> None:
    entered = submissions(CLOSE[:2])
    relation = relate([*entered, *entered])
    assert len(relation.points) == 2
    assert relation.expect(0.6) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3), st.floats(0, 1))
def test_expectation_lies_in_its_interval_between_0_and_1(pairs: list[tuple[float, float]], validation: float) -> None:
    relation = relate(submissions(pairs))
    expected = relation.expect(validation)
    assert expected is not None
    assert 0 <= expected.low <= expected.score <= expected.high <= 1
    assert relation.rank_correlation is None or -1 <= relation.rank_correlation <= 1
