"""What the journal of a training search says, as values for the report."""

import optuna
from optuna.trial import TrialState, create_trial

from recycle.fusion.tuning import quiet_optuna
from recycle.orchestration.search import OUTCOME, REASON
from recycle.orchestration.training_searcher import SECONDS, changes_of
from recycle.report.training_search import Importances, TrialRecord

LEAST_TRIALS = 4
"""A forest on fewer says nothing."""


def records_of(study: optuna.Study) -> list[TrialRecord]:
    """All trials that ended, in their order."""
    return [_record(trial) for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def importances(study: optuna.Study, seed: int) -> Importances:
    """Share of each parameter in the variance of scores, by fANOVA (Hutter et al., 2014), the largest first.

    Most trials are stopped early, so scores are compared after the last epoch that half of the trials have reached.

    Args:
        study: The study; parameters count that all these trials have.
        seed: Of the forest.

    Returns:
        Share by parameter; none where too few trials have a score there, or all have the same.
    """
    scored = [trial for trial in study.get_trials(deepcopy=False) if trial.params and trial.intermediate_values]
    last = sorted((max(trial.intermediate_values) for trial in scored), reverse=True)
    epoch = last[len(last) // 2] if last else 0
    reached = {trial.number: trial for trial in scored if max(trial.intermediate_values) >= epoch}
    scores = {number: _score_at(trial, epoch) for number, trial in reached.items()}
    if len(scores) < LEAST_TRIALS or len(set(scores.values())) == 1:
        return Importances({}, epoch)
    with quiet_optuna():
        alone = optuna.create_study(direction="maximize")
        for number, trial in reached.items():
            alone.add_trial(create_trial(value=scores[number], params=trial.params, distributions=trial.distributions))
    forest = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    shares = optuna.importance.get_param_importances(alone, evaluator=forest)
    return Importances({name: float(share) for name, share in shares.items()}, epoch)


def _score_at(trial: optuna.trial.FrozenTrial, epoch: int) -> float:
    """The score of the last validation up to there."""
    return trial.intermediate_values[max(step for step in trial.intermediate_values if step <= epoch)]


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
