"""A detector that needs no training: it finds rectangles by their colour, on the pixels that it is given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor, nn

from recycle.data.coco import Annotation, Category, Dataset, Image
from recycle.predictions.boxes import xyxy_to_xywh

COLOURS = ((0, 0, 255), (0, 255, 0))
"""Blue, green, red of the rectangles of class 0 and 1, which lie on black."""

Rectangle = tuple[int, tuple[int, int, int, int]]
"""Class, and x1, y1, x2, y2 in pixels."""


class ColourDetector(BaseModel):
    """Finds one rectangle of each colour, in the frame of the original image, as mmdet's detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, inputs: list[Tensor], data_samples: list[Any], mode: str = "predict") -> list[Any]:
        assert mode == "predict"
        assert not torch.is_grad_enabled()
        for image, sample in zip(inputs, data_samples, strict=True):
            self.shapes.append(tuple(image.shape[1:]))
            found = [(label, box) for label, colour in enumerate(COLOURS) if (box := _extent(image, colour))]
            scale = torch.tensor(sample.scale_factor).repeat(2)
            sample.pred_instances = InstanceData(
                bboxes=torch.tensor([box for _, box in found], dtype=torch.float32).reshape(-1, 4) / scale,
                scores=torch.full((len(found),), 0.9),
                labels=torch.tensor([label for label, _ in found], dtype=torch.int64),
            )
        return data_samples


def draw(folder: Path, size: tuple[int, int], pictures: Sequence[Sequence[Rectangle]]) -> Dataset:
    """Writes pictures of rectangles as PNG, and gives them with their annotations."""
    width, height = size
    images: list[Image] = []
    annotations: list[Annotation] = []
    for number, rectangles in enumerate(pictures, start=1):
        pixels = np.zeros((height, width, 3), np.uint8)
        for label, (x1, y1, x2, y2) in rectangles:
            pixels[y1:y2, x1:x2] = COLOURS[label]
            x, y, w, h = xyxy_to_xywh(np.array([[x1, y1, x2, y2]], np.float64))[0].tolist()
            annotations.append(Annotation(len(annotations), number, label, (x, y, w, h), w * h, False, None))
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
        images.append(Image(number, f"{number}.png", width, height))
    return Dataset(folder, (Category(0, "red"), Category(1, "green")), tuple(images), tuple(annotations))


def _extent(image: Tensor, colour: tuple[int, int, int]) -> list[int] | None:
    pixels: npt.NDArray[np.uint8] = image.permute(1, 2, 0).numpy()
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - colour) < 128).all(axis=2))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else None
