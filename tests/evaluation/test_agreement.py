from dataclasses import replace

import numpy as np
import pytest

from recycle.errors import DataError
from recycle.evaluation.agreement import agreement, best_f1_threshold
from recycle.evaluation.matching import Matches, match
from tests.evaluation.scenes import Box, found, random_predictions, random_truth, truth_of

PLACES: tuple[Box, ...] = tuple((50.0 * column, 50.0 * row, 40.0, 40.0) for row in range(2) for column in range(4))
TRUTH = truth_of([(0, 0, place) for place in PLACES[:4]])


def finding(rights: set[int], wrongs: set[int] = frozenset(), *, label: int = 0, score: float = 0.9) -> Matches:  # type: ignore[assignment]
    """A model that finds some of the objects 0 to 3 and makes errors at the places 4 to 7."""
    rows = [(0, 0, PLACES[place], 0.9) for place in rights] + [(0, label, PLACES[place], score) for place in wrongs]
    return match(found(rows), TRUTH)


@pytest.mark.parametrize(
    ("one", "other", "found_alike", "errors_alike"),
    [
        (finding({0, 1}, {4, 5}), finding({0, 1}, {4, 5}), 1, 1),
        (finding({0, 1}, {4, 5}), finding({2, 3}, {6, 7}), -1, 0),
        (finding({0, 1}, {4, 5}), finding({0, 2}, {5, 6}), 0, 0.5),
        (finding({0, 1, 2}, {4}), finding({0}, {4, 5, 6}), 1 / 3, 0.5),
        (finding({0, 1}, {4}), finding({0, 1}, {4}, label=1), 1, 0),
        (finding({0, 1, 2, 3}), finding({0, 1, 2, 3}), 1, 1),
        (finding({0, 1, 2, 3}), finding({0, 1}), 0, 1),
        (finding({0, 1}, {4}), finding({0, 1}), 1, 0),
        (finding({0, 1, 2}, {4}), finding({0, 1, 2}, {4, 5, 6, 7}, score=0.1), 1, 0),
    ],
)
def test_worked_examples(one: Matches, other: Matches, found_alike: float, errors_alike: float) -> None:
    """The last: what scores below the best F1 does not count."""
    result = agreement({"one": one, "other": other})
    assert result.names == ("one", "other")
    np.testing.assert_allclose(result.found, [[1, found_alike], [found_alike, 1]], atol=1e-12)
    np.testing.assert_allclose(result.errors, [[1, errors_alike], [errors_alike, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("scores_of_right", "scores_of_wrong", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [], 0.6),
        ([0.9, 0.8], [0.5, 0.4], 0.8),
        ([0.9, 0.8, 0.3], [0.5], 0.3),
        ([0.9, 0.2], [0.5, 0.5, 0.5, 0.5], 0.9),
        ([0.5, 0.5], [0.5], 0.5),
        ([], [], 1.0),
    ],
)
def test_threshold_of_the_best_f1(scores_of_right: list[float], scores_of_wrong: list[float], expected: float) -> None:
    rows = [(0, 0, PLACES[place], score) for place, score in enumerate(scores_of_right)]
    rows += [(0, 0, PLACES[4 + place], score) for place, score in enumerate(scores_of_wrong)]
    assert best_f1_threshold(match(found(rows), TRUTH)) == pytest.approx(expected)


def test_only_images_that_both_cover_count() -> None:
    truth = truth_of([(image, 0, place) for image in range(3) for place in PLACES[:2]])
    rows = [(image, 0, place, 0.9) for image in range(3) for place in (PLACES[image % 2], PLACES[5])]
    one, other, apart = (
        match(found([row for row in rows if row[0] in images], images=images), truth)
        for images in ((0, 1), (1, 2), (2,))
    )
    result = agreement({"one": one, "other": other, "apart": apart})
    np.testing.assert_allclose(result.found, [[1, 1, 0], [1, 1, 1], [0, 1, 1]], atol=1e-12)
    np.testing.assert_allclose(result.errors, [[1, 1, 0], [1, 1, 1], [0, 1, 1]], atol=1e-12)


def test_on_common_images_without_objects_models_find_the_same() -> None:
    one, other = (match(found([], images=images), TRUTH) for images in ((0, 1), (1, 2)))
    np.testing.assert_array_equal(agreement({"one": one, "other": other}).found, np.ones((2, 2)))


def test_matrices_of_random_models_are_symmetric_and_never_undefined() -> None:
    rng = np.random.default_rng(0)
    truth = random_truth(rng)
    models = {f"model {n}": match(random_predictions(rng, truth, boxes=n * 60), truth, (0.5, 0.75)) for n in range(5)}
    result = agreement(models)
    for matrix, least in ((result.found, -1), (result.errors, 0)):
        np.testing.assert_array_equal(matrix, matrix.T)
        np.testing.assert_allclose(np.diag(matrix), 1)
        assert ((matrix >= least) & (matrix <= 1 + 1e-12)).all()


def test_what_cannot_be_compared_is_refused() -> None:
    one = finding({0})
    with pytest.raises(DataError, match=r"must hold 0.5, but got \[0.75\]"):
        agreement({"one": match(found([]), TRUTH, (0.75,))})
    with pytest.raises(DataError, match="truth_labels differ"):
        agreement({"one": one, "other": replace(one, truth_labels=1 - one.truth_labels)})
