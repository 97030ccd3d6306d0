"""Reading back what `fusion.json` holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recycle.errors import DataError
from recycle.evaluation.agreement import Agreement
from recycle.evaluation.bootstrap import Interval
from recycle.evaluation.comparison import Comparison, Rating
from recycle.fusion.contributions import Growth
from recycle.fusion.response import Response
from recycle.fusion.selection import Selection
from recycle.fusion.settings import DEFAULTS
from recycle.report.ensemble import EnsembleStudy, Worth


def study_of(document: Mapping[str, Any]) -> EnsembleStudy:
    """Makes a study of the JSON document that `EnsembleStudy.to_json` made of it.

    Raises:
        DataError: If something is missing in it.
    """
    try:
        return _study(document)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"not a study of an ensemble: {error!r}") from None


def _study(document: Mapping[str, Any]) -> EnsembleStudy:
    agreement = document["agreement"]
    return EnsembleStudy(
        metric=document["metric"],
        parameters=document["parameters"],
        trials=document["trials"],
        selection=_selection(document["selection"]),
        pooled=_worth(document["pooled"]),
        held_out=_worth(document["held_out"]),
        agreement=Agreement(
            tuple(agreement["models"]),
            tuple(agreement["score_thrs"]),
            np.array(agreement["found"], np.float64),
            np.array(agreement["errors"], np.float64),
        ),
        leave_one_out=document["leave_one_out"],
        growth=Growth(**document["growth"]),
        responses={name: Response(**one) for name, one in document["responses"].items()},
    )


def _selection(document: Mapping[str, Any]) -> Selection:
    names, scores = tuple(document["models"]), tuple(document["scores"])
    chosen = names[: scores.index(max(scores)) + 1]
    return Selection(names, scores, DEFAULTS.with_weights(dict.fromkeys(chosen, 1.0), names))


def _worth(document: Mapping[str, Any]) -> Worth:
    return Worth(
        ratings={
            name: Rating(one["score"], Interval(**one["interval"]), one["images"])
            for name, one in document["ratings"].items()
        },
        comparisons=[
            Comparison(one["name"], one["other"], one["difference"], Interval(**one["interval"]))
            for one in document["comparisons"]
        ],
    )
