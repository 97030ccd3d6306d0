"""Images, their boxes and masks as the data loader takes them, every draw seeded by (seed, epoch, sample)."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from mmengine.dataset import Compose
from torch.utils.data import Dataset as TorchDataset

from recycle.data.augmentations import Transform
from recycle.data.coco import Annotation, Dataset, Image
from recycle.data.mixing import Mixing
from recycle.data.pseudo_images import PseudoImages
from recycle.data.records import mask_or_box


class DetectionImages(TorchDataset[dict[str, Any]]):
    """A detection data set behind a pipeline of transforms.

    The same seed gives the same images in the same epoch, whichever worker process prepares them and wherever a
    run was interrupted.

    Args:
        dataset: Images with their annotations.
        pipeline: Transforms as mmcv builds them.
        seed: Seed of all draws.
        pseudo: Images with an ensemble's labels; those that stand beside the others come after them.
    """

    def __init__(
        self, dataset: Dataset, pipeline: Sequence[Transform], seed: int, pseudo: PseudoImages | None = None
    ) -> None:
        self.metainfo = {"classes": dataset.class_names}
        self._samples = _samples(dataset)
        self._pseudo = pseudo
        self._pseudo_samples = _samples(pseudo.dataset) if pseudo else []
        self._pseudo_places = pseudo.places(len(self._samples)) if pseudo else 0
        self._transforms = Compose(pipeline).transforms
        self._seed = seed
        # Worker processes live through all epochs and learn of a new one through shared memory.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    def set_epoch(self, epoch: int) -> None:
        """Makes the draws those of this epoch, in worker processes too."""
        self._epoch.fill_(epoch)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: mmengine's Runner copies the data sets it is given, and a copy's epoch would not be shared."""
        return self

    def __len__(self) -> int:
        """Number of images in an epoch."""
        return len(self._samples) + self._pseudo_places

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One image as mmdet's `PackDetInputs` leaves it: `inputs` and `data_samples`."""
        seed_draws((self._seed, int(self._epoch), index))
        sample: dict[str, Any] = self._after(self._transforms, self._sample(index))
        return sample

    def _sample(self, index: int) -> dict[str, Any]:
        place = index - len(self._samples)
        if self._pseudo is None or place < 0:
            return self._samples[index]
        return self._pseudo_samples[self._pseudo.at(place, self._pseudo_places, int(self._epoch), self._seed)]

    def _partner(self, transform: Mixing) -> dict[str, Any]:
        if transform.takes_pseudo_labelled:
            return self._pseudo_samples[np.random.randint(len(self._pseudo_samples))]
        return self._sample(np.random.randint(len(self)))

    def _after(self, transforms: Sequence[Callable[..., Any]], sample: dict[str, Any]) -> Any:  # noqa: ANN401 - several views are a list
        """An image after these transforms; the partners with which one of them mixes it have come as far."""
        results: Any = dict(sample)
        for position, transform in enumerate(transforms):
            if isinstance(transform, Mixing):
                partners = [
                    self._after(transforms[:position], self._partner(transform))
                    for _ in range(transform.draw_partner_count())
                ]
                results = transform(results, partners)
            else:
                results = transform(results)
        return results


def seed_everything(key: Sequence[int]) -> None:
    """Seeds the global generators of Python, NumPy and PyTorch, on every device."""
    seed_draws(key)
    torch.manual_seed(_seed_of(key))


def seed_draws(key: Sequence[int]) -> None:
    """Seeds the generators that transforms draw from: Python's, NumPy's, and PyTorch's on the CPU.

    Those of the devices are the network's, and seeding them takes longer than many a transform.
    """
    seed = _seed_of(key)
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)


def _seed_of(key: Sequence[int]) -> int:
    return int(np.random.SeedSequence(list(key)).generate_state(1)[0])


def _samples(dataset: Dataset) -> list[dict[str, Any]]:
    annotations = dataset.annotations_by_image()
    labels = dataset.label_of
    return [_sample(dataset, image, annotations[image.id], labels) for image in dataset.images]


def _sample(
    dataset: Dataset, image: Image, annotations: Sequence[Annotation], labels: dict[int, int]
) -> dict[str, Any]:
    return {
        "img_path": str(dataset.path_of(image).resolve()),  # folds after copy-paste link to the same images
        "img_id": image.id,
        "width": image.width,
        "height": image.height,
        "instances": [_instance(annotation, labels) for annotation in annotations],
    }


def _instance(annotation: Annotation, labels: dict[int, int]) -> dict[str, Any]:
    x, y, width, height = annotation.bbox
    return {
        "bbox": [x, y, x + width, y + height],
        "bbox_label": labels[annotation.category_id],
        "ignore_flag": int(annotation.iscrowd),
        "mask": mask_or_box(annotation),
    }
