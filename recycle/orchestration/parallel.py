"""One member trained by several processes, which Ray Train starts and joins into one process group."""

from typing import Any

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.exceptions import WorkerGroupError

from recycle.errors import RecycleError
from recycle.orchestration.cluster import ray_resources
from recycle.recipe import Resources
from recycle.training.member import MemberOutcome, MemberPlan, TrainingData

RAY_FOLDER = "ray"


def run_in_processes(plan: MemberPlan, data: TrainingData, board: Any, processes: int) -> MemberOutcome:  # noqa: ANN401
    """Trains a member and writes its predictions, as `run_member` does in one process.

    All processes run on one node, which then holds the whole of the member's files.

    Args:
        plan: The member.
        data: What all members share.
        board: Handle of the actor that progress goes to.
        processes: How many processes share the member's resources equally; each has a GPU if the member has any.

    Raises:
        RecycleError: What one of the processes raised.
    """
    resources = plan.settings.resources
    make_trainer: Any = TorchTrainer  # Ray's types are those of its first version
    trainer = make_trainer(
        _run_member,
        train_loop_config={"plan": plan, "data": data, "board": board},
        torch_config=TorchConfig(backend="nccl" if resources.num_gpus else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=processes,
            use_gpu=resources.num_gpus > 0,
            resources_per_worker=_share(resources, processes),
            placement_strategy="STRICT_PACK",
        ),
        run_config=RunConfig(
            name=plan.name,
            storage_path=str(plan.work_dir / RAY_FOLDER),
            failure_config=FailureConfig(max_failures=0),
        ),
    )
    try:
        outcome: MemberOutcome = trainer.fit().return_value
    except WorkerGroupError as error:
        raise _cause(error) from error
    return outcome


def _run_member(config: dict[str, Any]) -> MemberOutcome:
    from recycle.training.run_member import run_member  # noqa: PLC0415 - only the workers need torch

    return run_member(config["plan"], config["data"], config["board"].post.remote)


def _share(resources: Resources, processes: int) -> dict[str, float]:
    return {name: amount / processes for name, amount in ray_resources(resources).items()}


def _cause(error: WorkerGroupError) -> Exception:
    """The first error that the user can act on; what the other processes raise is that they lost one."""
    causes = [getattr(failure, "cause", None) or failure for failure in error.worker_failures.values()]
    return next((cause for cause in causes if isinstance(cause, RecycleError)), error)
