"""What a search over the settings of fusion climbs."""

from recycle.data.coco import Dataset
from recycle.evaluation.fast import Map50Scorer
from recycle.fusion.wbf import WbfSettings, WeightedBoxesFusion
from recycle.predictions.values import Predictions


class FusionObjective:
    """The mAP50 of fused predictions as a function of the settings; boxes and truth are made ready once.

    Args:
        predictions: Out-of-fold predictions of all models that will be fused; images count that any model covers.
        truth: The data set, which may hold further images.

    Raises:
        DataError: If predictions and truth do not fit, see `WeightedBoxesFusion` and `Map50Scorer`.
    """

    def __init__(self, predictions: Predictions, truth: Dataset) -> None:
        self._scorer = Map50Scorer(truth, predictions.covered)
        sizes = {image.id: (image.width, image.height) for image in truth.images}
        self._fusion = WeightedBoxesFusion(predictions, sizes)

    def __call__(self, settings: WbfSettings) -> float:
        """Returns mAP50 from 0 to 1.

        Raises:
            RecipeError: If the settings do not fit the models.
            DataError: If a label is not that of a class.
        """
        return self._scorer.score(self._fusion.fuse(settings, "fused"))
