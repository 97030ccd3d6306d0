"""How validation relates to the leaderboard: whether it ranks submissions alike, and what it lets one expect.

Expected is a submission's validation score moved by the mean of what leaderboard scores exceeded validation scores by.
The interval is the 95 per cent prediction interval of one more such difference (Student's t, as differences are few),
so it holds both the noise of a submission and that of the mean. A slope is not fitted: submissions of one team lie too
close together to tell it from 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recycle.report.leaderboard import Board, Submission

FEWEST = 3
"""Submissions from which anything is said."""
CONFIDENCE = 0.95
LOWEST_CORRELATION = 0.5
"""Below it validation is said to rank otherwise than the leaderboard, as less than a quarter of the ranks' variance is
common to both."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Point:
    """A submission of which both scores are known."""

    run: str
    validation: float
    leaderboard: float


@dataclass(frozen=True)
class Expected:
    """A score on the leaderboard, and where it lies with 95 per cent confidence, all from 0 to 1."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Relation:
    """How validation relates to one leaderboard.

    Attributes:
        board: Which leaderboard.
        points: Submissions with both scores, in the order in which they were entered; what was entered twice is one.
        rank_correlation: Spearman's, -1 to 1; None from fewer than three points, or if all scores of a kind are equal.
        warnings: Sentences that say why validation should not be trusted.
        refusal: Why nothing is expected, in a sentence; None where something is.
    """

    board: Board
    points: tuple[Point, ...]
    rank_correlation: float | None
    warnings: tuple[str, ...]
    refusal: str | None

    def expect(self, validation: float) -> Expected | None:
        """Expects the leaderboard's score of a submission; None from fewer than three points."""
        return _expect(self.points, validation) if len(self.points) >= FEWEST else None


def relate(submissions: Sequence[Submission], board: Board = "public") -> Relation:
    """Finds out how validation relates to a leaderboard.

    Args:
        submissions: In the order in which they were entered.
        board: Which leaderboard.
    """
    points = tuple(
        dict.fromkeys(
            Point(one.run, one.validation, score)
            for one in submissions
            if one.validation is not None and (score := one.on(board)) is not None
        )
    )
    correlation = _rank_correlation(points)
    return Relation(board, points, correlation, _warnings(points, correlation, board), _refusal(points, board))


def _rank_correlation(points: Sequence[Point]) -> float | None:
    validation, leaderboard = ({getattr(point, name) for point in points} for name in ("validation", "leaderboard"))
    if len(points) < FEWEST or len(validation) == 1 or len(leaderboard) == 1:
        return None
    pairs = [(point.validation, point.leaderboard) for point in points]
    return float(stats.spearmanr(pairs).statistic)


def _expect(points: Sequence[Point], validation: float) -> Expected:
    offsets = np.array([point.leaderboard - point.validation for point in points])
    count, score = len(offsets), validation + float(offsets.mean())
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
    margin = quantile * float(offsets.std(ddof=1)) * (1 + 1 / count) ** 0.5
    score, low, high = (min(max(value, 0.0), 1.0) for value in (score, score - margin, score + margin))
    return Expected(score, low, high)


def _warnings(points: Sequence[Point], correlation: float | None, board: Board) -> tuple[str, ...]:
    if len(points) <= FEWEST:
        return ()
    told = []
    *earlier, latest = points
    expected = _expect(earlier, latest.validation)
    if not expected.low - _ROUNDING <= latest.leaderboard <= expected.high + _ROUNDING:
        told.append(
            f"The latest submission, {latest.run}, scored {latest.leaderboard:.4f} on the {board} leaderboard, where "
            f"{expected.low:.4f} to {expected.high:.4f} was to be expected of its validation score."
        )
    if correlation is not None and correlation < LOWEST_CORRELATION:
        told.append(
            f"Validation ranks the {len(points)} submissions otherwise than the {board} leaderboard does: "
            f"their rank correlation is {correlation:.2f}."
        )
    return tuple(told)


def _refusal(points: Sequence[Point], board: Board) -> str | None:
    if len(points) >= FEWEST:
        return None
    known = f"there {'is' if len(points) == 1 else 'are'} {len(points) or 'none'}"
    return (
        f"At least {FEWEST} submissions with both scores are needed to relate validation to the {board} leaderboard, "
        f"but {known}."
    )
