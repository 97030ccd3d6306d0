"""The trainings that `training.py` measures: ours, mmdet's and ultralytics'."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from pydantic import TypeAdapter

import recycle.models  # noqa: F401 - mmdet may not be imported before it
from recycle.data.coco import Annotation, Dataset, Image, write_coco
from recycle.models.weights import find_weights
from recycle.recipe import Model
from recycle.training.member import MemberTask
from recycle.training.stepping import DTYPES, resolve_precision
from recycle.training.train import train_member

WARM_UP_STEPS = 3
CONFIGURATIONS = {
    "cascade_rcnn": "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py",
    "mask_rcnn_swin": "swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py",
}
SGD = {"type": "sgd", "lr": 1e-3, "momentum": 0.9, "schedule": "constant", "warmup_steps": 0}
ADAMW = {"type": "adamw", "lr": 1e-4, "weight_decay": 0.05, "schedule": "constant", "warmup_steps": 0}
MODELS: dict[str, dict[str, Any]] = {
    "cascade_rcnn": {"backbone": "resnet50", "optimizer": SGD},
    "mask_rcnn_swin": {"backbone": "swin_t", "optimizer": ADAMW},
    # Ultralytics never trains without a moving average.
    "yolov5": {"size": "m", "optimizer": ADAMW, "averaging": {"type": "ema"}},
    "efficientdet": {"size": "d0", "optimizer": ADAMW},
}


@dataclass(frozen=True)
class Conditions:
    """What both sides are told."""

    dataset: Dataset
    image_size: int
    batch_size: int
    steps: int
    workers: int
    precision: str
    pretrained: str

    @property
    def epochs(self) -> int:
        return -(-(WARM_UP_STEPS + self.steps) * self.batch_size // len(self.dataset.images))

    def model(self, family: str) -> Model:
        content = {
            "name": family,
            "family": family,
            "epochs": self.epochs,
            "image_size": self.image_size,
            "batch_size": self.batch_size,
            "precision": self.precision,
            "pretrained": "none" if family == "yolov5" else self.pretrained,
            "resources": {"num_cpus": self.workers + 1},
            **MODELS[family],
        }
        model: Model = TypeAdapter(Model).validate_python(content)
        return model


class Steps:
    """What the steps of a training took, from the end of the one before, and came to."""

    def __init__(self) -> None:
        self.trained = 0
        self.rates: list[float] = []
        self.losses: list[float] = []

    def begin(self) -> None:
        self._began = time.perf_counter()

    def end(self, images: int, loss: torch.Tensor) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.rates.append(images / (now - self._began))
        self.losses.append(float(loss.detach()))
        self._began = now


class StepWatch(Hook):  # type: ignore[misc] # untyped
    """Tells `Steps` of a Runner's training."""

    priority = "LOWEST"

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def before_train_epoch(self, runner: Runner) -> None:
        self._steps.trained = count_trained(runner.model)
        self._steps.begin()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,  # noqa: ANN401
        outputs: dict[str, Any] | None = None,
    ) -> None:
        assert outputs is not None
        self._steps.end(len(data_batch["data_samples"]), outputs["loss"])


def count_trained(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


Training = Callable[[str, Conditions, Path, Steps], None]


def train_ours(family: str, conditions: Conditions, folder: Path, steps: Steps) -> None:
    images = conditions.dataset
    task = MemberTask(family, conditions.model(family), images, images.subset(()), folder, seed=0)
    train_member(task, lambda progress: None, [StepWatch(steps)])


def train_mmdet(family: str, conditions: Conditions, folder: Path, steps: Steps) -> None:
    configuration = Config.fromfile(mmdet_folder() / ".mim" / "configs" / CONFIGURATIONS[family])
    configuration.work_dir = str(folder)
    configuration.log_level = "WARNING"
    configuration.train_cfg.max_epochs = conditions.epochs
    for part in ("val", "test"):
        configuration.update({f"{part}_{name}": None for name in ("cfg", "dataloader", "evaluator")})
    set_data(configuration.train_dataloader, conditions, folder / "annotations.json")
    set_network(configuration.model, family, conditions)
    set_optimizer(configuration, family, conditions)
    runner = Runner.from_cfg(configuration)
    runner.register_hook(StepWatch(steps))
    runner.train()


def mmdet_folder() -> Path:
    spec = find_spec("mmdet")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def set_data(loader: ConfigDict, conditions: Conditions, annotations: Path) -> None:
    images, workers = conditions.dataset, conditions.workers
    write_coco(images, annotations)
    loader.update(batch_size=conditions.batch_size, num_workers=workers, persistent_workers=workers > 0)
    loader.dataset.update(
        data_root="",
        ann_file=str(annotations),
        data_prefix={"img": str(images.folder.resolve())},
        metainfo={"classes": images.class_names},
    )
    resize = next(transform for transform in loader.dataset.pipeline if transform.type == "Resize")
    resize.scale = (conditions.image_size, conditions.image_size)


def set_network(model: ConfigDict, family: str, conditions: Conditions) -> None:
    heads = model.roi_head.bbox_head
    heads = [*(heads if isinstance(heads, list) else [heads]), *filter(None, [model.roi_head.get("mask_head")])]
    for head in heads:
        head.num_classes = len(conditions.dataset.categories)
    if conditions.pretrained == "imagenet":
        model.backbone.init_cfg.checkpoint = str(find_weights(MODELS[family]["backbone"]))
        return
    model.backbone.init_cfg = None
    if model.backbone.type == "ResNet":
        model.backbone.update(frozen_stages=-1, norm_eval=False)


def set_optimizer(configuration: Config, family: str, conditions: Conditions) -> None:
    configuration.optim_wrapper.optimizer.lr = MODELS[family]["optimizer"]["lr"]
    configuration.param_scheduler = []
    precision = resolve_precision(conditions.precision)
    if precision != "fp32":
        configuration.optim_wrapper.update(type="AmpOptimWrapper", dtype=str(DTYPES[precision]).removeprefix("torch."))


def train_ultralytics(family: str, conditions: Conditions, folder: Path, steps: Steps) -> None:
    from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: PLC0415 - an extra

    dataset, batch_size = conditions.dataset, conditions.batch_size

    class Trainer(DetectionTrainer):  # type: ignore[misc] # untyped
        """Ultralytics' own, but for the look for fonts to draw with, and for validation."""

        def get_dataset(self) -> dict[str, Any]:
            place = str(write_yolo(dataset, folder))
            names = dict(enumerate(dataset.class_names))
            return {"path": folder, "train": place, "val": place, "names": names, "nc": len(names), "channels": 3}

        def validate(self) -> tuple[dict[str, float], float]:
            return {}, 0.0

        def final_eval(self) -> None:
            pass

    def begin(trainer: Any) -> None:  # noqa: ANN401 - ultralytics is untyped
        steps.trained = count_trained(trainer.model)
        steps.begin()

    trainer = Trainer(overrides=ultralytics_settings(family, conditions, folder))
    trainer.add_callback("on_train_epoch_start", begin)
    # Its loss is multiplied by the batch size, ours is not.
    trainer.add_callback("on_train_batch_end", lambda trainer: steps.end(batch_size, trainer.loss / batch_size))
    trainer.train()


def ultralytics_settings(family: str, conditions: Conditions, folder: Path) -> dict[str, Any]:
    model, precision = conditions.model(family), resolve_precision(conditions.precision)
    no_augmentation = dict.fromkeys(("mosaic", "hsv_h", "hsv_s", "hsv_v", "translate", "scale", "erasing"), 0.0)
    constant_rate = {"lr0": model.optimizer.lr, "lrf": 1.0, "warmup_epochs": 0, "nbs": conditions.batch_size}
    return {
        "model": f"{family}{MODELS[family]['size']}.yaml",
        "pretrained": False,
        "project": str(folder),
        "epochs": conditions.epochs,
        "batch": conditions.batch_size,
        "imgsz": conditions.image_size,
        "workers": conditions.workers,
        "device": "0" if torch.cuda.is_available() else "cpu",
        "amp": {"fp32": False, "bf16": "bf16", "fp16": True}[precision],
        "optimizer": "AdamW",
        "weight_decay": model.optimizer.weight_decay,
        "deterministic": False,
        "plots": False,
        "val": False,
        **constant_rate,
        **no_augmentation,
    }


def write_yolo(dataset: Dataset, folder: Path) -> Path:
    """Writes a data set as ultralytics reads it, and gives its folder of images."""
    places = [folder / "images", folder / "labels"]
    for place in places:
        place.mkdir()
    annotations, labels = dataset.annotations_by_image(), dataset.label_of
    for image in dataset.images:
        source = dataset.path_of(image)
        shutil.copy(source, places[0] / f"{image.id}{source.suffix}")
        lines = [f"{labels[box.category_id]} {relative(box, image)}\n" for box in annotations[image.id]]
        (places[1] / f"{image.id}.txt").write_text("".join(lines))
    return places[0]


def relative(box: Annotation, image: Image) -> str:
    x, y, width, height = box.bbox
    numbers = (x + width / 2) / image.width, (y + height / 2) / image.height, width / image.width, height / image.height
    return " ".join(f"{number:.6f}" for number in numbers)


STOCK: dict[str, tuple[str, Training]] = {
    "cascade_rcnn": ("mmdet", train_mmdet),
    "mask_rcnn_swin": ("mmdet", train_mmdet),
    "yolov5": ("ultralytics", train_ultralytics),
}
