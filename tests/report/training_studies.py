"""The file of a training search, read back."""

from collections.abc import Mapping
from typing import Any

from recycle.evaluation.bootstrap import Interval
from recycle.evaluation.seeds import SeedsComparison
from recycle.report.training_search import Finalist, Importances, TrainingStudy, TrialRecord


def study_from_json(document: Mapping[str, Any]) -> TrainingStudy:
    """Makes a study of the document that `TrainingStudy.to_json` made of it."""
    compared = document["comparison"]
    return TrainingStudy(
        model=document["model"],
        value=document["value"],
        trials=[
            TrialRecord(**{**one, "curve": {int(epoch): score for epoch, score in one["curve"].items()}})
            for one in document["trials"]
        ],
        importances=Importances(**document["importances"]),
        finalists=[Finalist(**one) for one in document["finalists"]],
        winner=document["winner"],
        challenger=document["challenger"],
        comparison=SeedsComparison(**{**compared, "interval": Interval(**compared["interval"])}) if compared else None,
        remarks=document["remarks"],
    )
