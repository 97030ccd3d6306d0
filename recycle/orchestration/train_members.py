"""The second stage of a run: what its ledger does not hold yet is trained."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from recycle.data.prepare import PreparedData
from recycle.orchestration.attempt_log import AttemptLog
from recycle.orchestration.autoscaling import nodes_that_may_come
from recycle.orchestration.cluster import cluster_nodes, require_resources
from recycle.orchestration.copy_paste import paste_into_folds
from recycle.orchestration.data_source import DataSource, mirrored_folders
from recycle.orchestration.disk import require_disk
from recycle.orchestration.image_caches import image_caches_removed
from recycle.orchestration.ledger import FinishedMember, Ledger
from recycle.orchestration.nodes import Node
from recycle.orchestration.plan import image_cache_name
from recycle.orchestration.run_deadline import TimedTraining, plan_training
from recycle.orchestration.run_storage import send_weights
from recycle.orchestration.train import MemberTraining
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.report.progress import Display
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData


@dataclass(frozen=True)
class TrainMembers:
    """Trains members of a run on the cluster.

    Attributes:
        recipe: The recipe.
        prepared: The data.
        source: Where they come from.
        ledger: Knows what was finished before, and is told what is finished now.
        paths: The run folder.
        console: Where progress is shown.
        ends_at: When the whole run must be over, on the monotonic clock; infinite where there is no hurry.
        copy_now: Makes sure that other machines get what the run folder holds.
    """

    recipe: Recipe
    prepared: PreparedData
    source: DataSource
    ledger: Ledger
    paths: RunPaths
    console: Console
    ends_at: float
    copy_now: Callable[[], None]

    def __call__(self, plans: Sequence[MemberPlan]) -> tuple[list[FinishedMember], dict[str, str]]:
        """Trains those that the ledger does not hold yet.

        Returns:
            The members that are finished, and the reasons of those that are not, by name.

        Raises:
            RecycleError: If a model fits on no machine, or the disk is too small.
        """
        missing = [plan for plan in plans if self.ledger.finished(plan.key) is None]
        if len(missing) < len(plans):
            self.console.print(f"{len(plans) - len(missing)} of {len(plans)} members were finished before")
        failed = self._train(missing) if missing else {}
        return [entry for plan in plans if (entry := self.ledger.finished(plan.key))], failed

    def _train(self, missing: Sequence[MemberPlan]) -> dict[str, str]:
        with Display(self.console) as display, image_caches_removed(image_cache_name(self.paths)):
            nodes = [*cluster_nodes(), *nodes_that_may_come()]
            require_resources({plan.settings.name: plan.settings for plan in missing}.values(), nodes)
            require_disk(missing, self.prepared, self.paths)
            timed = self._timed(missing, nodes)
            given_up = MemberTraining(
                timed.plans,
                self._data(timed.plans, display),
                retries=self.recipe.retries,
                on_finished=self._record,
                display=display,
                progress_file=self.paths.progress,
                attempt_log=AttemptLog(self.paths.attempts),
                deadline=timed.deadline,
            ).run()
            return {**timed.left_out, **given_up}

    def _timed(self, missing: Sequence[MemberPlan], nodes: Sequence[Node]) -> TimedTraining:
        if self.ends_at == math.inf:
            return TimedTraining(missing)
        return plan_training(missing, self.prepared, nodes, self.ends_at, time.monotonic, self.console)

    def _data(self, plans: Sequence[MemberPlan], display: Display) -> TrainingData:
        prepared, folds = self.prepared, [plan.fold for plan in plans]
        pasted = paste_into_folds(self.recipe, prepared, folds, self.paths, display.log)
        self.copy_now()
        send_weights(plans)
        own = mirrored_folders([prepared.train.folder, *pasted.values()], plans[0].stored if plans else None)
        remote = {**self.source.remote, **own}
        return TrainingData(prepared.train, prepared.test, prepared.folds, pasted, remote, self.recipe.data.copy_gib)

    def _record(self, plan: MemberPlan, outcome: MemberOutcome, attempts: int) -> None:
        self.ledger.append(_entry(plan, outcome, attempts, self.paths.root.absolute()))


def _entry(plan: MemberPlan, outcome: MemberOutcome, attempts: int, root: Path) -> FinishedMember:
    return FinishedMember(
        key=plan.key,
        round_index=plan.round_index,
        member=plan.name,
        model=plan.settings.name,
        fold=plan.fold,
        oof=str(plan.oof.relative_to(root)) if plan.oof else None,
        test=str(plan.test.relative_to(root)),
        checkpoint=str(outcome.checkpoint.relative_to(root)),
        seconds=outcome.seconds,
        attempts=attempts,
        host=outcome.host,
    )
