"""A recipe for tests that no change of a shipped one concerns."""

import tempfile
from pathlib import Path
from typing import Any

import yaml

from recycle.recipe import Recipe
from recycle.recipe_yaml import load_recipe

EXAMPLE = """\
# Two small detectors.
name: example
seed: 0
data:
  folds: 2
  test_fraction: 0.2
  repair: [drop_empty_boxes, drop_outside_boxes, clip_boxes, drop_duplicate_annotations]
  synthetic: {images: 200, image_size: 192}
models:
  - name: cascade-rcnn
    family: cascade_rcnn
    backbone: efficientnet_lite0
    fpn_channels: 64
    head_channels: 256
    proposals: 100
    sampled_rois: 64
    image_size: 192
    epochs: 8
    batch_size: 8
    optimizer: {type: adamw, lr: 1e-3, weight_decay: 0.01, schedule: cosine, warmup_steps: 20, clip_grad_norm: 10}
  - name: yolov5
    family: yolov5
    size: tiny
    image_size: 192
    epochs: 12
    batch_size: 8
    optimizer: {type: adamw, lr: 1e-3, weight_decay: 0.01, schedule: cosine, warmup_steps: 20, clip_grad_norm: 10}
fusion:
  trials: 40
"""


def required_of(augmentation: str) -> dict[str, Any]:
    """The settings without which there is no such augmentation."""
    choices = [{"type": "blur"}, {"type": "vertical_flip", "probability": 0.1}]
    return {"choices": choices} if augmentation == "one_of" else {}


def example_with(*overrides: str) -> Recipe:
    """The example as `--set` changes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(EXAMPLE)
        return load_recipe(str(path), overrides)


def example_content() -> dict[str, Any]:
    """The example as YAML holds it, a fresh copy."""
    content: dict[str, Any] = yaml.safe_load(EXAMPLE)
    return content


def example_recipe(**changes: Any) -> Recipe:
    """The example with other values at the top."""
    return Recipe.model_validate({**example_content(), **changes})
