from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.predictions.probabilities import IGNORED
from recycle.report.label_map_pictures import draw_label_map_on, write_label_map_pictures
from recycle.report.pictures import class_colour

SQUARE = [[16.0, 16.0, 48.0, 16.0, 48.0, 48.0, 16.0, 48.0]]


def test_each_class_has_its_colour_and_the_background_none() -> None:
    labels = np.zeros((200, 200), np.uint8)
    labels[20:60, 20:60], labels[150:190, 150:190] = 2, IGNORED
    image = np.full((200, 200, 3), 100, np.uint8)
    drawn = draw_label_map_on(image, labels, ("Paper", "Glass"))
    assert np.array_equal(drawn[50, 50], (50 + 0.5 * np.array(class_colour(1))).astype(np.uint8))
    assert (drawn[100, 5] == 100).all()
    assert (drawn[180, 180] == 125).all()
    assert (image == 100).all()
    assert np.array_equal(draw_label_map_on(image, np.zeros_like(labels), ("Paper", "Glass")), image)


def test_pictures_show_truth_beside_prediction_of_images_that_were_predicted(tmp_path: Path) -> None:
    images = tuple(Image(number, f"{number}.png", 64, 64) for number in (1, 2, 3))
    for image in images:
        PIL.Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / image.file_name)
    annotation = Annotation(1, 1, 7, (16, 16, 32, 32), 1024, False, SQUARE)
    dataset = Dataset(tmp_path, (Category(7, "Paper"),), images, (annotation,))
    predictions = {1: np.zeros((2, 32, 32), np.uint8), 3: np.zeros((2, 32, 32), np.uint8)}
    predictions[1][0] = 255
    predictions[3][1] = 255
    write_label_map_pictures(dataset, predictions, 8, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00000.jpg", "00002.jpg"]
    first = cv2.imread(str(tmp_path / "out" / "00000.jpg"))
    assert first is not None
    middle = first.shape[0] // 2 + 40  # below the name of the class
    left, right = (first[middle, column].astype(int) for column in (160, first.shape[1] - 160))
    assert np.abs(left - right).sum() > 60
    assert np.abs(right - 90).max() < 10, "what was predicted is background"
