"""The gate on drawn runs: what a good round, a useless one and a poisoned one come to."""

import json
from dataclasses import asdict, replace

import pytest

from recycle.orchestration.finish import FusedRun
from recycle.orchestration.gate import pass_gate
from recycle.orchestration.plan import plan_members
from recycle.report.rounds import GateReport
from tests.orchestration.drawn_rounds import Draw, Trainer, fair, fused_run, good, poisoned, trained_run
from tests.orchestration.drawn_runs import recipe_of, write_drawn_run


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> FusedRun:
    """A run of a fair model, drawn anew."""
    paths = write_drawn_run(tmp_path_factory.mktemp("runs") / "run", recipe_of(["one"]), images=60)
    paths.ledger.unlink()
    run = trained_run(paths)
    members, _ = Trainer(fair, paths)(plan_members(run.recipe, paths, data_digest=""))
    return fused_run(replace(run, members=members))


def decide(former: FusedRun, draw: Draw) -> GateReport:
    run = former.run
    plans = plan_members(run.recipe, run.paths, data_digest="", round_index=1)
    members, _ = Trainer(draw, run.paths)(plans)
    candidate = fused_run(replace(run, members=[*run.members, *members]))
    return pass_gate(former, candidate, {"one@1": "one"}, 0.05)


def test_a_round_that_makes_the_ensemble_better_is_kept(former: FusedRun) -> None:
    gate = decide(former, good)
    assert gate.is_kept, gate.reason
    assert gate.ensemble is not None
    assert gate.ensemble.low > 0
    assert gate.ensemble.score > gate.ensemble.former
    assert gate.models is not None
    assert gate.models["one@1"].score > gate.models["one@1"].former
    assert gate.test is not None
    assert gate.test[1] > gate.test[0]


def test_a_poisoned_round_is_rejected(former: FusedRun) -> None:
    gate = decide(former, poisoned)
    assert not gate.is_kept
    assert "not a rise by more than noise" in gate.reason
    assert gate.models is not None
    assert gate.models["one@1"].high < 0


def test_reports_come_back_from_json_as_they_were(former: FusedRun) -> None:
    gate = decide(former, good)
    assert GateReport.from_json(json.loads(json.dumps(asdict(gate)))) == gate
