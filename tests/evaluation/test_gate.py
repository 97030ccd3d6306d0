import pytest

from recycle.evaluation.bootstrap import Interval
from recycle.evaluation.class_comparison import ClassDifference
from recycle.evaluation.comparison import Comparison
from recycle.evaluation.gate import judge

RISE = Comparison("new", "old", 0.03, Interval(0.01, 0.05))
NOISE = Comparison("new", "old", 0.03, Interval(-0.01, 0.07))
FALL = Comparison("new", "old", -0.03, Interval(-0.05, -0.01))
STEADY = ClassDifference(0, 0.5, 0.5, Interval(-0.1, 0.1))
SMALL_FALL = ClassDifference(1, 0.46, 0.5, Interval(-0.06, -0.02))
NOISY_FALL = ClassDifference(1, 0.3, 0.5, Interval(-0.5, 0.1))
SHARP_FALL = ClassDifference(1, 0.4, 0.5, Interval(-0.15, -0.05))


@pytest.mark.parametrize(
    ("rise", "classes", "is_kept", "reason"),
    [
        (RISE, [STEADY], True, "the score rises by +0.0300 (+0.0100 to +0.0500), and no class falls sharply"),
        (RISE, [STEADY, SMALL_FALL], True, "no class falls sharply"),
        (RISE, [STEADY, NOISY_FALL], True, "no class falls sharply"),
        (RISE, [STEADY, SHARP_FALL], False, "but classes fall sharply: Battery by 0.1000"),
        (NOISE, [STEADY], False, "which is not a rise by more than noise"),
        (FALL, [STEADY], False, "the score changes by -0.0300"),
    ],
)
def test_only_what_is_better_by_more_than_noise_and_in_no_class_much_worse_is_kept(
    rise: Comparison, classes: list[ClassDifference], is_kept: bool, reason: str
) -> None:
    verdict = judge(rise, NOISE, classes, ["Glass", "Battery"], 0.05)
    assert verdict.is_kept == is_kept
    assert reason in verdict.reason


def test_what_is_no_better_by_itself_is_not_carried_by_what_it_joins() -> None:
    verdict = judge(RISE, FALL, [STEADY], ["Glass"], 0.05)
    assert not verdict.is_kept
    assert "but by itself the new is no better: -0.0300 (-0.0500 to -0.0100)" in verdict.reason
