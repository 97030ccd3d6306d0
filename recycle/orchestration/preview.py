"""What a model of a recipe will see in training, found out without training: the function behind `jobs/preview.py`."""

from collections.abc import Collection, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt

from recycle.data.coco import Dataset
from recycle.data.copy_paste import augment_fold
from recycle.data.prepare import draw_sample, prepare_data
from recycle.environment import keep_private
from recycle.errors import DataError, RecipeError
from recycle.files import replacing
from recycle.orchestration.copy_paste import paste_seed
from recycle.orchestration.member_names import folds_of, member_name
from recycle.orchestration.plan import seed_for
from recycle.paths import RunPaths
from recycle.recipe import Fold, Model, Recipe
from recycle.training.member import MemberTask, TrainingData

FORMATS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class PreviewTask:
    """What is to be looked at.

    Attributes:
        model: Name of the model.
        fold: The fold that the member leaves out, or `all`; None stands for the first of the model's folds.
        images: How many images.
        seed: Another seed shows other images.
    """

    model: str
    fold: Fold | None
    images: int
    seed: int


def write_preview(recipe: Recipe, data: Path | None, task: PreviewTask, out: Path) -> None:
    """Writes a contact sheet of what one member sees in the first epochs of each phase, to the pixel.

    Args:
        recipe: The recipe, with all that is done to the data before training.
        data: Folder with `annotations.json` and images; None stands for the synthetic sample.
        task: What is to be looked at.
        out: The picture, PNG or JPEG by its suffix.

    Raises:
        RecycleError: If there is no such model or fold, the data cannot be used, or the suffix is another.
    """
    if out.suffix.lower() not in FORMATS:
        raise DataError(f"{out}: a preview is written as {', '.join(FORMATS)}, but got {out.suffix or 'no suffix'}")
    model = _model(recipe, task.model)
    fold = _fold(model, recipe, task.fold)
    keep_private()
    with TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))
        train, pasted = _training_part(recipe, fold, data, paths)
        name = member_name(model, fold)
        member = MemberTask(name, model, train, train.subset([]), paths.member(0, name), seed_for(recipe.seed, name))
        picture = _draw(member, task, pasted)
    with replacing(out) as temporary:
        temporary.write_bytes(cv2.imencode(out.suffix.lower(), picture)[1].tobytes())


def _draw(member: MemberTask, task: PreviewTask, pasted: Collection[int]) -> npt.NDArray[np.uint8]:
    positions = pick_images(member.train, pasted, task.images, task.seed)
    with redirect_stdout(StringIO()):  # mmdet prints what it finds missing
        # Only now, as torch takes seconds to import and the arguments may have been wrong.
        from recycle.report.preview import preview_sheet  # noqa: PLC0415
        from recycle.training.phase import remaining_phases  # noqa: PLC0415

        return preview_sheet(list(remaining_phases(member)), positions, pasted)


def _training_part(recipe: Recipe, fold: Fold, data: Path | None, paths: RunPaths) -> tuple[Dataset, Collection[int]]:
    """The images that the fold's members train on, and the ids of annotations that copy-paste added."""
    folder = data or draw_sample(recipe.data, recipe.seed, paths)
    prepared = prepare_data(recipe.data, recipe.seed, folder, paths, recipe.task)
    train, _ = TrainingData(prepared.train, prepared.test, prepared.folds).fold(fold)
    if recipe.data.copy_paste is None:
        return train, ()
    augmented = augment_fold(train, recipe.data.copy_paste, paste_seed(recipe, fold), paths.copy_paste(fold)).dataset
    known = {annotation.id for annotation in train.annotations}
    return augmented, {annotation.id for annotation in augmented.annotations} - known


def pick_images(train: Dataset, pasted: Collection[int], count: int, seed: int) -> Sequence[int]:
    """Draws images to look at: half of them, where there are so many, such as have pasted objects.

    Args:
        train: The training part.
        pasted: Ids of pasted annotations.
        count: How many; fewer if there are fewer.
        seed: Of the draw.

    Returns:
        Ascending places among the data set's images.
    """
    have_pasted = {annotation.image_id for annotation in train.annotations if annotation.id in pasted}
    order = np.random.default_rng(seed).permutation(len(train.images)).tolist()
    first = [position for position in order if train.images[position].id in have_pasted][: (count + 1) // 2]
    rest = [position for position in order if position not in first]
    return sorted([*first, *rest][:count])


def _model(recipe: Recipe, name: str) -> Model:
    for model in recipe.models:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in recipe.models)
    raise RecipeError(f"--model must name one of the recipe's models, {names}, but got {name!r}")


def _fold(model: Model, recipe: Recipe, fold: Fold | None) -> Fold:
    folds = folds_of(model, recipe)
    if fold is None:
        return folds[0]
    if fold not in folds:
        names = ", ".join(map(str, folds))
        raise RecipeError(
            f"--fold must be one of the folds that {model.name!r} is trained for, {names}, but got {fold}"
        )
    return fold
