"""Speed and memory of our way from image files to the network's input, against mmdet's stock one.

Run it as `python benchmarks/data_path.py`. Both sides load, flip, distort colours, resize to 512 pixels and pack the
same images, in the same run and taking turns, with OpenCV and PyTorch on one thread a process. Without `--data` the
images are drawn: JPEG files of 512 x 512 pixels. Each figure is the best of five turns; a turn takes every image once,
and ours has taken each once before, which fills its cache.

Memory is that of the worker processes (proportional set size: what processes share, as the cache, is divided among
them) while they run, and of the samples on their way.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import torch
from mmengine.dataset import pseudo_collate
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader
from torchvision.io import ImageReadMode, decode_jpeg

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.coco import Dataset, read_coco
from recycle.data.image_cache import ImageCache, open_image_cache, remove_image_cache
from recycle.data.images import read_image
from recycle.data.loading import DetectionImages
from recycle.data.shrinking import read_shrunk, shrunk_size
from recycle.data.synthetic import write_synthetic
from recycle.data.transforms import training_pipeline
from recycle.recipe import Colour, HorizontalFlip, Resize

SIZE = 512
BATCH = 8
TURNS = 5
MIB = 2**20
AUGMENTATIONS = (HorizontalFlip(type="horizontal_flip"), Colour(type="colour"), Resize(type="resize"))

LOAD = {"type": "mmcv.LoadImageFromFile"}
ANNOTATE = {"type": "mmdet.LoadAnnotations", "with_bbox": True}
FLIP = {"type": "mmdet.RandomFlip", "prob": 0.5}
STOCK_COLOUR = {"type": "mmdet.PhotoMetricDistortion", "swap_channels": False}
RESIZE = {"type": "mmdet.Resize", "scale": (SIZE, SIZE), "keep_ratio": True}
PACK = {"type": "mmdet.PackDetInputs"}

Pipeline = list[Any]


def stock_pipeline() -> Pipeline:
    return [LOAD, ANNOTATE, FLIP, STOCK_COLOUR, RESIZE, PACK]


def our_pipeline(cache: ImageCache) -> Pipeline:
    return training_pipeline(SIZE, AUGMENTATIONS, cache)


def rates(ways: Sequence[Callable[[], object]], count: int) -> list[float]:
    """Images a second of several ways to take so many images, which take turns."""
    best = [0.0] * len(ways)
    for _ in range(TURNS):
        for number, way in enumerate(ways):
            start = time.perf_counter()
            way()
            best[number] = max(best[number], count / (time.perf_counter() - start))
    return best


def take_all(images: DetectionImages) -> None:
    for index in range(len(images)):
        images[index]


class Workers:
    """Worker processes that live from turn to turn, and the most memory that they were seen to take."""

    def __init__(self, images: DetectionImages, count: int) -> None:
        self._loader = DataLoader(
            images,
            batch_size=BATCH,
            num_workers=count,
            persistent_workers=True,
            collate_fn=pseudo_collate,
            worker_init_fn=one_thread,
        )
        self._pids: set[int] = set()
        self.memory = 0
        before = child_processes()
        self.take_all()
        self._pids = child_processes() - before

    def take_all(self) -> None:
        for position, _ in enumerate(self._loader):
            if position == len(self._loader) // 2:
                self.memory = max(self.memory, sum(map(proportional_memory, self._pids)))


def child_processes() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def proportional_memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def one_thread(_: int = 0) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def compare(dataset: Dataset, most_workers: int) -> Table:
    table = Table("where", "mmdet [img/s]", "ours, no cache", "ours", "ratio", "mmdet [MiB]", "ours [MiB]")
    table.title = f"Training pipeline, {len(dataset.images)} images, cores: {len(os.sched_getaffinity(0))}"
    name = f"benchmark-{os.getpid()}"
    try:
        with open_image_cache(name, limit_gib=4) as cache:
            pipelines = (stock_pipeline(), our_pipeline(ImageCache()), our_pipeline(cache))
            sides = [DetectionImages(dataset, pipeline, seed=0) for pipeline in pipelines]
            take_all(sides[-1])
            add_row(table, "in process", rates([partial(take_all, side) for side in sides], len(dataset.images)))
            for count in range(1, most_workers + 1):
                workers = [Workers(side, count) for side in sides]
                found = rates([side.take_all for side in workers], len(dataset.images))
                add_row(table, f"{count} workers", found, [workers[0].memory, workers[-1].memory])
    finally:
        remove_image_cache(name)
    return table


def add_row(table: Table, where: str, found: Sequence[float], memory: Sequence[int] = ()) -> None:
    ratio = f"{found[-1] / found[0]:.1f}"
    table.add_row(where, *(f"{rate:.0f}" for rate in found), ratio, *(f"{held / MIB:.0f}" for held in memory))


def each(function: Callable[[Any], object], items: Sequence[Any]) -> None:
    for item in items:
        function(item)


def opencv(data: bytes) -> npt.NDArray[Any]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def torchvision(data: bytes) -> torch.Tensor:
    pixels: torch.Tensor = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
    return pixels


def pillow(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def compare_decoders(paths: Sequence[Path]) -> Table:
    table = Table("decoder", "img/s", title="Decoding")
    data = [path.read_bytes() for path in paths]
    decoders: tuple[Callable[[bytes], object], ...] = (opencv, torchvision, pillow)
    found = rates([partial(each, decode, data) for decode in decoders], len(data))
    for decode, rate in zip(decoders, found, strict=True):
        table.add_row(decode.__name__, f"{rate:.0f}")
    return table


def compare_shrinking(paths: Sequence[Path], factor: int = 4) -> Table:
    """Reads images enlarged by a factor, whole and then shrunk, or decoded at a fraction of their size."""
    table = Table("reading", "img/s", "mean difference", title=f"Reading JPEG files {factor} times larger than needed")
    with tempfile.TemporaryDirectory() as folder:
        large = [enlarge(path, Path(folder), factor) for path in paths]
        ways = (read_whole, read_reduced)
        found = rates([partial(each, way, large) for way in ways], len(large))
        difference = np.mean([np.abs(read_whole(item).astype(int) - read_reduced(item)).mean() for item in large])
    table.add_row("whole, then shrunk", f"{found[0]:.0f}", "")
    table.add_row("decoded at a fraction", f"{found[1]:.0f}", f"{difference:.2f} of 255")
    return table


Photograph = tuple[Path, int, int]
"""A file, its width and its height."""


def enlarge(path: Path, folder: Path, factor: int) -> Photograph:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / path.name), pixels)
    return folder / path.name, pixels.shape[1], pixels.shape[0]


def read_whole(photograph: Photograph) -> npt.NDArray[np.uint8]:
    _, width, height = photograph
    size = shrunk_size(width, height, SIZE)
    return np.asarray(cv2.resize(read_image(*photograph), size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def read_reduced(photograph: Photograph) -> npt.NDArray[np.uint8]:
    return read_shrunk(*photograph, SIZE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of annotations.json and images, instead of drawn ones")
    parser.add_argument("--images", type=int, default=200, help="how many images")
    parser.add_argument("--workers", type=int, default=3, help="up to how many workers")
    arguments = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_images(arguments.data, Path(folder), arguments.images)
        paths = [dataset.path_of(image) for image in dataset.images]
        tables = (compare(dataset, arguments.workers), compare_decoders(paths), compare_shrinking(paths[:20]))
    for table in tables:
        Console().print(table)


def read_images(data: Path | None, folder: Path, count: int) -> Dataset:
    if data is None:
        data = folder
        write_synthetic(folder, images=count, image_size=SIZE, seed=0)
    dataset = read_coco(data / "annotations.json", data)
    return dataset.subset({image.id for image in dataset.images[:count]})


if __name__ == "__main__":
    main()
