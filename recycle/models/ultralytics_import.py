"""The one way to import ultralytics, which is an extra and would change other libraries for the whole process."""

import cv2
import PIL.Image
import torch

from recycle.errors import RecipeError
from recycle.models.prerequisites import MISSING_ULTRALYTICS

REPLACED = ((cv2, "imread"), (cv2, "imwrite"), (cv2, "imshow"), (PIL.Image, "open"), (torch, "save"))
"""Functions in whose place ultralytics puts its own; its `PIL.Image.open` would try to install a package."""


def import_ultralytics() -> None:
    """Imports ultralytics and gives the other libraries their functions back; whoever imports from it comes here first.

    Raises:
        RecipeError: If it is not installed.
    """
    before = [getattr(module, name) for module, name in REPLACED]
    try:
        import ultralytics.nn.tasks  # noqa: F401, PLC0415 - an extra, imported for its effect
    except ImportError as error:
        raise RecipeError(MISSING_ULTRALYTICS) from error
    finally:
        for (module, name), function in zip(REPLACED, before, strict=True):
            setattr(module, name, function)
