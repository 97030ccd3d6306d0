"""Whether something new takes the place of what there is: only if it is better by more than chance, in every class."""

from collections.abc import Sequence
from dataclasses import dataclass

from recycle.evaluation.class_comparison import ClassDifference
from recycle.evaluation.comparison import Comparison


@dataclass(frozen=True)
class Verdict:
    """Whether it does, and why."""

    is_kept: bool
    reason: str


def judge(
    rise: Comparison,
    alone: Comparison,
    classes: Sequence[ClassDifference],
    class_names: Sequence[str],
    max_class_fall: float,
) -> Verdict:
    """Keeps what scores more than noise explains, unless it is worse by itself or a class falls sharply.

    Args:
        rise: The old with the new against the old, on images that tuned neither.
        alone: The new without the old against the old, equally many of each: more members of whatever kind make an
            ensemble better, and would carry what is worse by itself.
        classes: The old with the new against the old, class by class.
        class_names: Names of the categories in order.
        max_class_fall: By how much the score of a class may fall; a fall within bootstrap noise, as wide as the
            number of classes makes it, is none.
    """
    told = f"{rise.difference:+.4f} ({rise.interval.low:+.4f} to {rise.interval.high:+.4f})"
    if rise.verdict != "better":
        return Verdict(False, f"the score changes by {told}, which is not a rise by more than noise")
    if alone.difference <= 0:
        by_itself = f"{alone.difference:+.4f} ({alone.interval.low:+.4f} to {alone.interval.high:+.4f})"
        return Verdict(False, f"the score rises by {told}, but by itself the new is no better: {by_itself}")
    falls = sharp_falls(classes, max_class_fall)
    if not falls:
        return Verdict(True, f"the score rises by {told}, and no class falls sharply")
    named = ", ".join(f"{class_names[fall.label]} by {-fall.difference:.4f}" for fall in falls)
    return Verdict(False, f"the score rises by {told}, but classes fall sharply: {named}")


def sharp_falls(classes: Sequence[ClassDifference], max_class_fall: float) -> list[ClassDifference]:
    """Returns the classes that fall by more than this and by more than noise, the sharpest first."""
    falls = [one for one in classes if one.verdict == "worse" and -one.difference > max_class_fall]
    return sorted(falls, key=lambda one: one.difference)
