"""One member trained by several processes, which Ray Train starts and joins into one process group."""

from typing import Any

from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.exceptions import WorkerGroupError

from recycle.errors import ProcessDiedError, RecycleError
from recycle.orchestration.nodes import Claim
from recycle.orchestration.progress_board import BoardLink
from recycle.paths import working_folder
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData

RAY_FOLDER = "ray"
NODE_LABEL = "ray.io/node-id"
"""Ray labels every node with its id."""


def run_in_processes(plan: MemberPlan, data: TrainingData, board: Any, claim: Claim, processes: int) -> MemberOutcome:  # noqa: ANN401
    """Trains a member and writes its predictions, as `run_member` does in one process.

    All processes run on one node, which then holds the whole of the member's files.

    Args:
        plan: The member.
        data: What all members share.
        board: Handle of the actor that progress goes to.
        claim: The node, and what is taken of it.
        processes: How many processes share the claim equally; each has a GPU if the member has any.

    Raises:
        RecycleError: What one of the processes raised.
        ProcessDiedError: If one of them died without raising anything.
    """
    has_gpus = "GPU" in claim.resources
    make_trainer: Any = TorchTrainer  # Ray's types are those of its first version
    make_scaling: Any = ScalingConfig
    trainer = make_trainer(
        _run_member,
        train_loop_config={"plan": plan, "data": data, "board": board},
        torch_config=TorchConfig(backend="nccl" if has_gpus else "gloo"),
        scaling_config=make_scaling(
            num_workers=processes,
            use_gpu=has_gpus,
            resources_per_worker={name: amount / processes for name, amount in claim.resources.items()},
            placement_strategy="STRICT_PACK",
            label_selector={NODE_LABEL: claim.node},
        ),
        run_config=RunConfig(
            name=plan.name,
            storage_path=str((working_folder(plan.cache_name) if plan.stored else plan.work_dir) / RAY_FOLDER),
            failure_config=FailureConfig(max_failures=0),
        ),
    )
    try:
        outcome: MemberOutcome = trainer.fit().return_value
    except WorkerGroupError as error:
        raise _cause(error) from error
    return outcome


def _run_member(config: dict[str, Any]) -> MemberOutcome:
    from recycle.training.stored_member import run_member_anywhere  # noqa: PLC0415 - only the workers need torch

    board = BoardLink(config["board"])
    return run_member_anywhere(config["plan"], config["data"], board.report, is_leaving=board.is_leaving)


def _cause(error: WorkerGroupError) -> Exception:
    """The first error that the user can act on; what the other processes raise is that they lost one."""
    failures = error.worker_failures.values()
    causes = [getattr(failure, "cause", None) or failure for failure in failures]
    known = next((cause for cause in causes if isinstance(cause, RecycleError)), None)
    if known is not None:
        return known
    # What Ray's own look at a process came to, where that failed.
    looks = [getattr(failure, "health_check_failure", None) for failure in failures]
    return ProcessDiedError("one of its processes died") if any(isinstance(x, RayActorError) for x in looks) else error
