"""What the journal of a training search says, as values for the report."""

from collections.abc import Mapping

import optuna
from optuna.trial import TrialState

from recycle.fusion.tuning import quiet_optuna
from recycle.orchestration.search import OUTCOME, REASON
from recycle.orchestration.training_searcher import SECONDS, changes_of
from recycle.report.training_search import TrialRecord

LEAST_TRIALS = 4
"""A forest on fewer says nothing."""


def records_of(study: optuna.Study) -> list[TrialRecord]:
    """All trials that ended, in their order."""
    return [_record(trial) for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def importances(study: optuna.Study, seed: int) -> Mapping[str, float]:
    """Share of each parameter in the variance of the values, by fANOVA (Hutter et al., 2014), the largest first.

    Args:
        study: The study; parameters count that all trials with a value have.
        seed: Of the forest.

    Returns:
        Share by parameter; none where too few trials have a value, or all have the same.
    """
    finished = [trial for trial in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]) if trial.params]
    if len(finished) < LEAST_TRIALS or len({trial.value for trial in finished}) == 1:
        return {}
    with quiet_optuna():
        alone = optuna.create_study(direction="maximize")
        alone.add_trials(finished)
    return dict(
        optuna.importance.get_param_importances(alone, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed))
    )


def _record(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    return TrialRecord(
        number=trial.number,
        outcome=trial.user_attrs.get(OUTCOME, ""),
        reason=trial.user_attrs.get(REASON, ""),
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        seconds=trial.user_attrs.get(SECONDS, 0.0),
        curve=dict(trial.intermediate_values),
        parameters=dict(trial.params),
        changes=changes_of(trial),
    )
