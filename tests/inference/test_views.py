from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import Compose
from mmengine.structures import InstanceData

from recycle.data.coco import Dataset
from recycle.data.transforms import view_transforms
from recycle.inference.predict import predict, predict_batches
from recycle.inference.views import MOST_BOXES, merge_views, unflip
from recycle.predictions.values import Predictions
from recycle.recipe import TTA, Flip, View
from tests.inference.coloured_rectangles import ColourDetector, Rectangle, draw
from tests.predictions.strategies import assert_same
from tests.recipes import example_recipe

FLIPS = get_args(Flip)
SIZE = (101, 67)
PICTURES: list[list[Rectangle]] = [
    [(0, (5, 3, 40, 20)), (1, (60, 30, 95, 64))],
    [(1, (0, 0, 30, 50))],
    [],
    [(0, (50, 33, 101, 67))],
]
VIEWS = [View(scale=scale, flip=flip) for scale in (0.67, 1.0, 1.5) for flip in FLIPS]


def settings(tta: TTA, **changes: Any) -> Any:
    """A model that sees images at about twice their size."""
    model = example_recipe().models[1]
    return model.model_copy(update={"image_size": 190, "tta": tta, **changes})


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return draw(tmp_path, SIZE, PICTURES)


side = st.integers(8, 160)
fraction = st.floats(0, 1)


@given(side, side, st.integers(32, 200), st.floats(0.25, 4), st.sampled_from(FLIPS), fraction, fraction)
def test_boxes_of_a_view_map_back_onto_those_of_the_image(
    width: int, height: int, image_size: int, scale: float, flip: Flip, left: float, top: float
) -> None:
    x1, y1 = left * (width - 1), top * (height - 1)
    box = torch.tensor([[x1, y1, (x1 + width) / 2 + 0.5, (y1 + height) / 2 + 0.5]])
    seen: dict[str, Any] = {"img": np.zeros((height, width, 3), np.uint8), "width": width, "height": height}
    *transforms, _ = view_transforms(image_size, View(scale=scale, flip=flip))
    seen = Compose(transforms)(seen)
    assert max(seen["img"].shape[:2]) == round(image_size * scale)
    # Where a perfect network would find the object on the pixels, by mmdet's own rules for annotated boxes.
    drawn = HorizontalBoxes(box.clone())
    drawn.rescale_(seen["scale_factor"])
    if seen.get("flip"):
        drawn.flip_(seen["img_shape"], seen["flip_direction"])
    keys = ("ori_shape", "flip", "flip_direction")
    sample = DetDataSample(metainfo={key: seen[key] for key in keys if key in seen})
    sample.pred_instances = InstanceData(bboxes=drawn.tensor / torch.tensor(seen["scale_factor"]).repeat(2))
    torch.testing.assert_close(unflip(sample).pred_instances.bboxes, box, atol=1e-3, rtol=0)


def test_the_thinnest_image_keeps_a_pixel(tmp_path: Path) -> None:
    images = draw(tmp_path, (900, 1), [[(0, (300, 0, 600, 1))]])
    predictions = predict(ColourDetector(), images, settings(TTA(flips=("none", "both"))))
    assert predictions.boxes.tolist() == [pytest.approx([300, 0, 600, 1], abs=5)]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_boxes_found_in_one_view_lie_on_the_objects(dataset: Dataset, view: View) -> None:
    predictions = predict(ColourDetector(), dataset, settings(TTA(views=(view,))))
    truth = dataset.boxes()
    assert predictions.image_ids.tolist() == truth.image_ids.tolist()
    assert predictions.labels.tolist() == truth.labels.tolist()
    assert np.abs(predictions.boxes - truth.boxes).max() < 1  # half a pixel of the smallest view
    assert predictions.coverage[0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("views", [(view,) for view in VIEWS] + [tuple(VIEWS)], ids=str)
def test_images_larger_than_every_view_are_measured_in_their_own_pixels(
    tmp_path: Path, views: tuple[View, ...]
) -> None:
    large = draw(tmp_path, (8 * SIZE[0] + 3, 8 * SIZE[1] + 1), [[(c, scaled(b, 8)) for c, b in p] for p in PICTURES])
    predictions = predict(ColourDetector(), large, settings(TTA(views=views)))
    truth = large.boxes()
    order = np.lexsort((predictions.labels, predictions.image_ids))
    assert predictions.labels[order].tolist() == truth.labels.tolist()
    assert np.abs(predictions.boxes[order] - truth.boxes).max() < 8  # a pixel of the smallest view is 6.4


def scaled(box: tuple[int, int, int, int], factor: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = (side * factor for side in box)
    return x1, y1, x2, y2


@pytest.mark.parametrize("merge", ["wbf", "nms"])
def test_all_views_agree_on_one_box_for_each_object(dataset: Dataset, merge: Any) -> None:
    predictions = predict(ColourDetector(), dataset, settings(TTA(views=tuple(VIEWS), merge=merge)))
    truth = dataset.boxes()
    expected = sorted(zip(truth.image_ids, truth.labels, truth.boxes.tolist(), strict=True))
    found = sorted(zip(predictions.image_ids, predictions.labels, predictions.boxes.tolist(), strict=True))
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert np.abs(np.array([row[2] for row in found]) - [row[2] for row in expected]).max() < 1
    assert predictions.scores == pytest.approx(0.9)
    assert predictions.coverage[0].tolist() == [1, 2, 3, 4]


def test_views_have_their_sizes(dataset: Dataset) -> None:
    detector = ColourDetector()
    predict(detector, dataset.subset([1]), settings(TTA(scales=(1.0, 0.5), flips=("none", "both"))))
    assert detector.shapes == [(126, 190), (126, 190), (63, 95), (63, 95)]


def test_the_default_is_plain_prediction(dataset: Dataset) -> None:
    detector = ColourDetector()
    predictions = predict(detector, dataset, settings(TTA()))
    assert detector.shapes == [(126, 190)] * 4
    assert_same(predictions, predict(detector, dataset, settings(TTA(views=(View(),), merge="nms"))))
    assert predictions.models == ("yolov5",)


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2]), (3, [3, 1]), (32, [4])])
def test_predictions_come_batch_by_batch(dataset: Dataset, batch_size: int, sizes: list[int]) -> None:
    model = settings(TTA(flips=("none", "horizontal")), batch_size=batch_size)
    batches = list(predict_batches(ColourDetector(), dataset, model))
    assert [len(batch.covered) for batch in batches] == sizes
    assert torch.is_grad_enabled()


def test_large_batches_are_divided(tmp_path: Path) -> None:
    images = draw(tmp_path, (20, 10), [[]] * 20)
    batches = predict_batches(ColourDetector(), images, settings(TTA(), batch_size=32))
    assert [len(batch.covered) for batch in batches] == [8, 8, 4]


def test_no_images_give_no_predictions(dataset: Dataset) -> None:
    assert len(predict(ColourDetector(), dataset.subset([]), settings(TTA()))) == 0


def on_one_image(boxes: list[list[float]], scores: list[float]) -> Predictions:
    count = len(scores)
    return Predictions(
        image_ids=np.full(count, 7),
        model_ids=np.zeros(count, np.int32),
        boxes=np.array(boxes, np.float32),
        scores=np.array(scores, np.float32),
        labels=np.zeros(count, np.int32),
        models=("m",),
        coverage=(np.array([7]),),
    )


@pytest.mark.parametrize(("merge", "expected"), [("wbf", [0.6, 0.2]), ("nms", [0.8, 0.4])])
def test_what_only_one_view_shows_counts_less_in_weighted_boxes_fusion(merge: Any, expected: list[float]) -> None:
    first = on_one_image([[10, 10, 50, 50], [60, 60, 90, 90]], [0.8, 0.4])
    second = on_one_image([[10, 10, 50, 50]], [0.4])
    merged = merge_views([first, second], {7: (100, 100)}, TTA(merge=merge), "m")
    assert merged.scores == pytest.approx(expected)


def test_the_overlap_at_which_boxes_merge_is_the_recipes() -> None:
    views = [on_one_image([[0, 0, 10, 10]], [0.9]), on_one_image([[0, 0, 10, 6]], [0.9])]  # IoU 0.6
    counts = [len(merge_views(views, {7: (20, 20)}, TTA(iou_thr=iou), "m")) for iou in (0.5, 0.7)]
    assert counts == [1, 2]


def test_only_the_strongest_boxes_are_kept() -> None:
    corners = [(float(10 * (i % 30)), float(10 * (i // 30))) for i in range(400)]
    boxes = [[x, y, x + 9, y + 9] for x, y in corners]
    scores = [(i + 1) / 500 for i in range(400)]
    merged = merge_views([on_one_image(boxes, scores)] * 2, {7: (300, 300)}, TTA(), "m")
    assert len(merged) == MOST_BOXES
    assert merged.scores.min() == pytest.approx(scores[100])
