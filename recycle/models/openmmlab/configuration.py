"""From a recipe's model to the configuration of its detector."""

from mmengine.config import ConfigDict

from recycle.models.openmmlab import assigner, dino_head, preprocessor, roi_heads  # noqa: F401 - registers them
from recycle.models.openmmlab.dense import atss, dino
from recycle.models.openmmlab.two_stage import cascade_rcnn, detectors, mask_rcnn_swin
from recycle.recipe.openmmlab import ATSS, DINO, CascadeRCNN, DetectoRS, MaskRCNNSwin, OpenMMLab


def openmmlab(settings: OpenMMLab, class_count: int) -> ConfigDict:
    """The configuration of a detector of mmdet.

    Args:
        settings: The model as the recipe has it.
        class_count: Number of classes.

    Raises:
        RecipeError: If the backbone cannot be used.
        WeightsError: If pretrained weights cannot be had.
    """
    match settings:
        case CascadeRCNN():
            return cascade_rcnn(settings, class_count)
        case DetectoRS():
            return detectors(settings, class_count)
        case MaskRCNNSwin():
            return mask_rcnn_swin(settings, class_count)
        case DINO():
            return dino(settings, class_count)
        case ATSS():
            return atss(settings, class_count)
    raise AssertionError(f"no configuration for {type(settings).__name__}")
