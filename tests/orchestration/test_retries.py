import pytest

from recycle.orchestration.retries import MOST_LOSSES_IN_PLACE, Cause, Failure, nodes_to_avoid, why_given_up


def failure(cause: Cause, epoch: int = 1, node: str = "n", reason: str = "") -> Failure:
    return Failure(cause, reason or cause, node, f"host-{node}", epoch)


@pytest.mark.parametrize(
    ("failures", "retries", "given_up"),
    [
        ([failure("final", reason="the loss became nan")], 9, "the loss became nan"),
        ([failure("error")], 0, "error"),
        ([failure("error")], 1, None),
        ([failure("error", 1), failure("error", 5)], 1, "error"),  # an error counts, however far it got
        ([failure("killed")], 0, "killed"),
        ([failure("killed", 1), failure("killed", 1)], 1, "killed"),
        ([failure("killed", epoch) for epoch in range(30)], 1, None),
        ([failure("killed", 3), failure("killed", 4), failure("killed", 4)], 1, "killed"),
        ([failure("killed", 3), failure("error", 4)], 1, "error"),
        ([failure("preempted", 1), failure("preempted", 1)], 0, None),
        ([failure("preempted", epoch) for epoch in range(30)], 0, None),
        ([failure("error", 1), *[failure("preempted", epoch) for epoch in range(30)]], 1, None),
        ([*[failure("preempted", 1)] * 9, failure("error", 1)], 1, None),
        ([failure("left", 1)] * 30, 0, None),
        ([failure("preempted", 2), *[failure("left", 2)] * 30, failure("preempted", 2)], 0, None),
        ([failure("preempted", 2)] * MOST_LOSSES_IN_PLACE, 0, None),
        (
            [failure("preempted", 2, reason="its machine was lost")] * (MOST_LOSSES_IN_PLACE + 1),
            9,
            "its machine was lost, for the 6th time in epoch 2",
        ),
        (
            [
                failure("error", node="a", reason="OSError: block 17"),
                failure("error", node="b", reason="OSError: block 4"),
            ],
            9,
            "OSError: block 4 (the same on host-a and host-b)",
        ),
        ([failure("error", node="a", reason="OSError: x"), failure("error", node="a", reason="OSError: x")], 2, None),
        ([failure("error", node="a", reason="OSError: x"), failure("error", node="b", reason="OSError: y")], 2, None),
        ([failure("killed", node="a"), failure("killed", node="b")], 2, None),
    ],
)
def test_retries_go_by_cause(failures: list[Failure], retries: int, given_up: str | None) -> None:
    assert why_given_up(failures, retries) == given_up


def test_nodes_that_were_lost_are_not_avoided() -> None:
    failures = [failure("preempted", node="a"), failure("error", node="b"), failure("killed", node="c")]
    assert nodes_to_avoid(failures) == {"b", "c"}
    assert nodes_to_avoid([]) == frozenset()
