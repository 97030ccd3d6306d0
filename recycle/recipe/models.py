"""The union of all families: what stands under `models` in a recipe."""

from typing import Annotated

from pydantic import Field

from recycle.recipe.efficientdet import EfficientDet
from recycle.recipe.openmmlab import ATSS, DINO, CascadeRCNN, DetectoRS, MaskRCNNSwin
from recycle.recipe.segmentation import SMP
from recycle.recipe.yolo import YOLO

Model = Annotated[
    CascadeRCNN | DetectoRS | MaskRCNNSwin | DINO | ATSS | YOLO | EfficientDet | SMP, Field(discriminator="family")
]
