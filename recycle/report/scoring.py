"""Official scores of everything that a run predicted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from recycle.data.coco import Dataset
from recycle.data.prepare import PreparedData
from recycle.evaluation.detection import evaluate
from recycle.fusion.ensemble import Ensemble, MemberPredictions
from recycle.fusion.settings import parameters_of
from recycle.paths import Part
from recycle.predictions.values import Predictions
from recycle.recipe import Recipe
from recycle.report.ensemble import EnsembleStudy
from recycle.report.results import Results, ScoresByPart
from recycle.report.rounds import RoundReport


def score_run(
    recipe: Recipe,
    prepared: PreparedData,
    members: Sequence[MemberPredictions],
    ensemble: Ensemble,
    study: EnsembleStudy,
    failed: Mapping[str, str],
    rounds: Sequence[RoundReport] = (),
) -> Results:
    """Scores members, models and ensemble, out of fold and, where answers are known, on the test part."""
    truths: dict[Part, Dataset] = {"oof": prepared.train}
    if prepared.has_answers:
        truths["test"] = prepared.test

    def score(oof: Predictions | None, test: Predictions) -> ScoresByPart:
        predictions: dict[Part, Predictions | None] = {"oof": oof, "test": test}
        return {
            part: evaluate(truth, predicted)
            for part, truth in truths.items()
            if (predicted := predictions[part]) is not None
        }

    return Results(
        recipe=recipe.name,
        seed=recipe.seed,
        classes=prepared.train.class_names,
        images={"train": len(prepared.train.images), "test": len(prepared.test.images)},
        warnings=prepared.warnings,
        rare_classes=prepared.folds.rare_classes,
        fusion={
            **parameters_of(ensemble.settings, ensemble.model_oof.models),
            "calibrators": {name: asdict(one) for name, one in ensemble.calibrators.items()},
            "stands": study.fusion,
            "metric": study.metric,
            "trials": len(study.trials),
            "pooled": study.pooled.to_json(),
            "held_out": study.held_out.to_json(),
        },
        models={
            name: score(ensemble.model_oof.of_model(name), ensemble.model_test.of_model(name))
            for name in ensemble.model_oof.models
        },
        members={
            member.member: score(member.oof, member.test) for member in _by_name(members) if member.oof is not None
        },
        ensemble=score(ensemble.oof, ensemble.test),
        failed=failed,
        rounds=rounds,
    )


def _by_name(members: Iterable[MemberPredictions]) -> list[MemberPredictions]:
    return sorted(members, key=lambda member: member.member)
