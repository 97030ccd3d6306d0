"""The ensemble that candidates of a training search join, and what a search knows it by."""

from dataclasses import replace
from pathlib import Path

import pytest

from recycle.data.json_files import read_object, write_json
from recycle.orchestration.joining import ensemble_digest
from recycle.orchestration.ledger import Ledger, read_ledger
from recycle.recipe import Recipe, Search
from tests.orchestration.drawn_runs import recipe_of, write_drawn_run


def joining(ensemble: str) -> Recipe:
    return recipe_of(["one"]).model_copy(update={"search": Search(ensemble=ensemble)})


def test_an_ensemble_is_known_by_its_settings_and_members_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_drawn_run(tmp_path / "run", recipe_of(["one"]))
    known = ensemble_digest(joining(str(paths.root)))
    monkeypatch.chdir(tmp_path)
    assert ensemble_digest(joining("run")) == known
    assert ensemble_digest(joining("")) == ""

    study = read_object(paths.fusion_study)
    write_json({**study, "parameters": {**study["parameters"], "iou_thr": 0.7}}, paths.fusion_study)
    searched_again = ensemble_digest(joining("run"))
    Ledger(paths.ledger).append(replace(read_ledger(paths.ledger)[0], key="trained again"))
    assert len({known, searched_again, ensemble_digest(joining("run"))}) == 3
