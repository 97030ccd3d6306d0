import json

import pytest

from recycle.errors import DataError
from recycle.report.ensemble import honest_verdict, outlook
from recycle.report.ensemble_file import study_of
from tests.orchestration.drawn_runs import made_up_study


def test_a_study_is_read_back_as_it_was_written() -> None:
    study = made_up_study(["a", "b", "<b>"])
    document = json.loads(json.dumps(study.to_json()))
    again = study_of(document)
    assert json.loads(json.dumps(again.to_json())) == document
    assert honest_verdict(again) == honest_verdict(study)
    assert outlook(again) == outlook(study)
    assert again.selection.chosen == study.selection.chosen


@pytest.mark.parametrize("missing", ["metric", "pooled", "agreement", "growth", "responses"])
def test_a_document_without_a_part_is_refused(missing: str) -> None:
    document = made_up_study(["a"]).to_json()
    del document[missing]
    with pytest.raises(DataError, match=f"not a study of an ensemble: KeyError.*{missing}"):
        study_of(document)
