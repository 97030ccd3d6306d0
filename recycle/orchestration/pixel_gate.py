"""A finished round of pseudo labels for pixels before the gate: compared out of fold with the ensemble that stands."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from recycle.data.label_maps import labels_of
from recycle.evaluation.comparison import Comparison
from recycle.evaluation.gate import judge
from recycle.evaluation.segmentation import (
    PixelCounts,
    SegmentationComparator,
    compare_class_ious,
    count_pixels,
    join_counts,
    mean_iou,
)
from recycle.fusion.pixel_ensemble import count_fused
from recycle.fusion.voting import VotingSettings, labels_of_shares
from recycle.orchestration.finish import group_of_image
from recycle.orchestration.finish_segmentation import FusedPixels, truth_of_test
from recycle.orchestration.gate import FORMER, WITH_ROUND
from recycle.predictions.probabilities import by_image
from recycle.report.rounds import Change, GateReport


def pass_pixel_gate(
    former: FusedPixels, candidate: FusedPixels, pairs: Mapping[str, str], max_class_fall: float
) -> GateReport:
    """Decides whether a round is kept, as `recycle.orchestration.gate.pass_gate` does, by mIoU.

    Args:
        former: The ensemble that stands.
        candidate: The same with the round's models.
        pairs: For each model of the round the one that it went on from.
        max_class_fall: See `judge`.
    """
    rise, ensemble = _compare_ensembles(former, candidate)
    alone, by_themselves = _compare_alone(candidate, pairs)
    names = labels_of(former.run.prepared.train)
    old, new = _on_common_images(former.counts, candidate.counts)
    classes = compare_class_ious(new, old, group_of_image(former.run.prepared), former.run.recipe.seed)
    verdict = judge(rise, alone, classes, names, max_class_fall)
    return GateReport(
        is_kept=verdict.is_kept,
        reason=verdict.reason,
        ensemble=ensemble,
        alone=by_themselves,
        models=_compare_models(candidate, pairs),
        classes={names[c.label]: Change(c.other, c.score, c.interval.low, c.interval.high) for c in classes},
        test=_test_scores(former, candidate),
    )


def _compare_ensembles(former: FusedPixels, candidate: FusedPixels) -> tuple[Comparison, Change]:
    """Held out, fold by fold."""
    counts = (join_counts([one.counts for one in fused.found.estimates]) for fused in (former, candidate))
    folds = [one.counts.image_ids for one in former.found.estimates]
    return _compare(former, *_on_common_images(*counts), folds)


def _compare_alone(candidate: FusedPixels, pairs: Mapping[str, str]) -> tuple[Comparison, Change]:
    """The round's models against those that they went on from, both with equal votes, which nothing tuned."""
    old, new = (_count_equal_votes(candidate, names) for names in (pairs.values(), pairs))
    return _compare(candidate, *_on_common_images(old, new))


def _compare_models(candidate: FusedPixels, pairs: Mapping[str, str]) -> dict[str, Change]:
    counts = candidate.found.counts
    return {
        name: _compare(candidate, *_on_common_images(counts[parent], counts[name]))[1] for name, parent in pairs.items()
    }


def _compare(
    fused: FusedPixels, old: PixelCounts, new: PixelCounts, parts: Sequence[npt.NDArray[np.int64]] = ()
) -> tuple[Comparison, Change]:
    """Compares two competitors on the same images, in parts or all at once."""
    comparator = SegmentationComparator(
        group_of_image(fused.run.prepared), parts or [old.image_ids], fused.run.recipe.seed
    )
    comparator.add(FORMER, old)
    comparator.add(WITH_ROUND, new)
    (pair,), ratings = comparator.compare([(WITH_ROUND, FORMER)]), comparator.rate()
    return pair, Change(ratings[FORMER].score, ratings[WITH_ROUND].score, pair.interval.low, pair.interval.high)


def _count_equal_votes(fused: FusedPixels, names: Iterable[str]) -> PixelCounts:
    models = {name: fused.models[name] for name in names}
    return count_fused(models, fused.truth, VotingSettings())


def _on_common_images(old: PixelCounts, new: PixelCounts) -> tuple[PixelCounts, PixelCounts]:
    common = np.intersect1d(old.image_ids, new.image_ids)
    return old.of_images(common), new.of_images(common)


def _test_scores(former: FusedPixels, candidate: FusedPixels) -> tuple[float, float] | None:
    truth, classes = truth_of_test(former.run), len(labels_of(former.run.prepared.train))
    if truth is None:
        return None
    opened = (by_image([fused.test]) for fused in (former, candidate))
    old, new = (
        mean_iou(count_pixels(((i, labels, labels_of_shares(one[i])) for i, labels in truth.items()), classes))
        for one in opened
    )
    return old, new
