"""A finished round of pseudo labels before the gate: compared out of fold with the ensemble that stands."""

from collections.abc import Mapping, Sequence

import numpy as np

from recycle.evaluation.class_comparison import compare_classes
from recycle.evaluation.comparison import Comparator, Comparison
from recycle.evaluation.detection import evaluate
from recycle.evaluation.gate import judge
from recycle.evaluation.matching import match
from recycle.fusion.nested import FoldEstimate
from recycle.fusion.settings import DEFAULTS
from recycle.orchestration.finish import FusedRun, group_of_image
from recycle.predictions.values import Predictions, concatenate
from recycle.report.rounds import Change, GateReport

FORMER, WITH_ROUND = "former", "with the round"


def pass_gate(former: FusedRun, candidate: FusedRun, pairs: Mapping[str, str], max_class_fall: float) -> GateReport:
    """Decides whether a round is kept.

    The round's models must be better than those they went on from, by themselves and beside them. Ensembles are
    compared held out, each fold fused by settings that its images did not tune, so that the one with
    more models to choose from has no advantage of it; classes, for want of images, on all images together.

    Args:
        former: The ensemble that stands.
        candidate: The same with the round's models.
        pairs: For each model of the round the one that it went on from.
        max_class_fall: See `judge`.
    """
    rise, ensemble = _compare_ensembles(former, candidate)
    names = former.run.prepared.train.class_names
    new, old = (match(fused.ensemble.oof, fused.run.prepared.train) for fused in (candidate, former))
    classes = compare_classes(new, old, group_of_image(former.run.prepared), _seed(former))
    alone, by_themselves = _compare_alone(candidate, pairs)
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


def _compare_ensembles(former: FusedRun, candidate: FusedRun) -> tuple[Comparison, Change]:
    estimates = former.found.standing
    comparator = _comparator(former, [one.fused for one in estimates])
    comparator.add(FORMER, _joined(estimates))
    comparator.add(WITH_ROUND, _joined(candidate.found.standing))
    return _compared(comparator, WITH_ROUND, FORMER)


def _compare_alone(candidate: FusedRun, pairs: Mapping[str, str]) -> tuple[Comparison, Change]:
    """The round's models against those that they went on from, both fused by the defaults, which nothing tuned."""
    objective = candidate.objective
    new, old = (objective.fused(DEFAULTS.with_models(names, objective.models)) for names in (pairs, pairs.values()))
    common = np.intersect1d(new.covered, old.covered)
    comparator = _comparator(candidate, [new.of_images(common)])
    comparator.add(WITH_ROUND, new)
    comparator.add(FORMER, old)
    return _compared(comparator, WITH_ROUND, FORMER)


def _compare_models(candidate: FusedRun, pairs: Mapping[str, str]) -> dict[str, Change]:
    predictions, changes = candidate.objective.predictions, {}
    for name, parent in pairs.items():
        new = predictions.of_model(name)
        old = predictions.of_model(parent).of_images(new.covered)
        comparator = _comparator(candidate, [new.of_images(old.covered)])
        comparator.add(name, new)
        comparator.add(parent, old)
        changes[name] = _compared(comparator, name, parent)[1]
    return changes


def _comparator(fused: FusedRun, parts: Sequence[Predictions]) -> Comparator:
    prepared, metric = fused.run.prepared, fused.run.recipe.fusion.metric
    covered = [part.covered for part in parts]
    return Comparator(prepared.train, group_of_image(prepared), covered, metric, _seed(fused))


def _compared(comparator: Comparator, name: str, other: str) -> tuple[Comparison, Change]:
    (pair,), ratings = comparator.compare([(name, other)]), comparator.rate()
    change = Change(ratings[other].score, ratings[name].score, pair.interval.low, pair.interval.high)
    return pair, change


def _joined(estimates: Sequence[FoldEstimate]) -> Predictions:
    return concatenate([one.fused for one in estimates])


def _test_scores(*runs: FusedRun) -> tuple[float, float] | None:
    prepared = runs[0].run.prepared
    if not prepared.has_answers:
        return None
    former, score = (evaluate(prepared.test, fused.ensemble.test).map50 or 0.0 for fused in runs)
    return former, score


def _seed(fused: FusedRun) -> int:
    return fused.run.recipe.seed
