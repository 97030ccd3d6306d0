"""How a model is trained, whatever its family."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeGuard

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from recycle.recipe.inference import TTA
from recycle.recipe.losses import UsableLosses, require_usable
from recycle.recipe.phases import Phase, inherit
from recycle.recipe.settings import ALL_DATA_SUFFIX, MEMBER_SEPARATOR, NAME_PATTERN, Settings, Task


def _fold(value: Any) -> Any:  # noqa: ANN401 - what YAML holds
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not is_number and value != "all":
        raise ValueError(f"Input should be the number of a fold, from 0, or 'all', but got {value!r}")
    return value


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:  # noqa: ANN401 - what YAML holds
    return isinstance(value, list | tuple)


def _epochs_may_be_left_out(schema: dict[str, Any]) -> None:
    schema["required"].remove("epochs")


BACKBONES_WITH_BLOCKS = ("swin", "timm/")
"""What the names of backbones begin with that have, or may have, the blocks of a transformer."""

Fold = Annotated[int | Literal["all"], BeforeValidator(_fold)]


class Resources(Settings):
    """What one member occupies while it trains; may change when a run is resumed.

    The number of CPU cores sets that of threads, which the last digits of results depend on; several GPUs draw anew,
    and each normalises its part of a batch on its own.
    """

    num_cpus: float = Field(default=1.0, gt=0)
    """CPU cores."""
    num_gpus: float = Field(default=0.0, ge=0)
    """GPUs; a fraction lets several members share one, and of several each takes an equal part of every batch."""
    memory_gib: float = Field(default=0.0, ge=0)
    """Main memory to reserve; 0 reserves none."""
    gpu_memory_gib: float = Field(default=0.0, ge=0)
    """Memory needed of each GPU, which decides on which nodes a member may run; where `num_gpus` is a smaller part of
    the GPU than this is of its memory, the member takes this. 0: as `--probe` measured it, or else anywhere."""

    @property
    def processes(self) -> int:
        """How many processes train the member, one a GPU."""
        return max(1, int(self.num_gpus))

    @field_validator("num_gpus")
    @classmethod
    def _part_of_a_gpu_or_whole_ones(cls, num_gpus: float) -> float:
        if num_gpus > 1 and num_gpus != int(num_gpus):
            raise ValueError(f"num_gpus must be at most 1 or a whole number, but got num_gpus={num_gpus}")
        return num_gpus

    @model_validator(mode="after")
    def _gpu_memory_is_of_a_gpu(self) -> Self:
        if self.gpu_memory_gib and not self.num_gpus:
            raise ValueError(f"gpu_memory_gib must be 0 where num_gpus is 0, but got {self.gpu_memory_gib:g}")
        return self


class ModelSettings(Phase):
    """What every family understands."""

    model_config = ConfigDict(json_schema_extra=_epochs_may_be_left_out)

    task: ClassVar[Task] = "detection"
    """What models of the family do."""

    usable_losses: ClassVar[UsableLosses] = UsableLosses()
    """What the family can be told to use instead of its own losses."""

    name: str = Field(pattern=NAME_PATTERN, max_length=80)
    """Names the model in tables, files and the ensemble."""
    image_size: int = Field(ge=32, le=4096)
    """The longer side, in pixels, to which images are scaled."""
    batch_size: int = Field(ge=1)
    """Images a step."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged before the weights change, as if a batch were as many times larger; the
    steps of schedules and reports are batches all the same."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of forward and backward passes; `auto`: `bf16` on a GPU that has it, else `fp16`; `fp32` on the CPU."""
    pretrained: str = "imagenet"
    """`imagenet`, `none`, or the path of a state dict."""
    validate_every: int = Field(default=5, ge=1)
    """Epochs between two validations; the last epoch is always validated."""
    folds: tuple[Fold, ...] = ()
    """The folds that members are trained for, as `[0, 1, all]`; every fold if there are none. `all` is a member that
    is trained on all images; it joins the ensemble on test images alone."""
    tta: TTA = TTA()
    """The views of an image that are predicted and merged; one, unless told otherwise."""
    resources: Resources = Resources()
    """What one member occupies while it trains."""
    phases: tuple[Phase, ...] = ()
    """Parts of the training with settings of their own, one after the other; `epochs` is then the sum of theirs, and
    may be left out."""

    @property
    def box_heads(self) -> int:
        """Number of box heads, each of which may have a classification loss of its own."""
        return 1

    def in_phases(self) -> tuple[Self, ...]:
        """The model as it is in each of its phases, at least one; none of them has phases itself."""
        names = Phase.model_fields
        return tuple(
            self.model_copy(update={"phases": (), **{name: getattr(phase, name) for name in names}})
            for phase in self.phases
        ) or (self,)

    @field_validator("name")
    @classmethod
    def _name_is_no_member(cls, name: str) -> str:
        if MEMBER_SEPARATOR in name:
            raise ValueError(f"a model's name must not contain '{MEMBER_SEPARATOR}', but got {name!r}")
        if name.endswith(ALL_DATA_SUFFIX):
            raise ValueError(f"a model's name must not end in '{ALL_DATA_SUFFIX}', but got {name!r}")
        return name

    @field_validator("folds")
    @classmethod
    def _some_fold_is_predicted(cls, folds: tuple[Fold, ...]) -> tuple[Fold, ...]:
        repeated = sorted({str(fold) for fold in folds if folds.count(fold) > 1})
        if repeated:
            raise ValueError(f"folds must differ, but {', '.join(repeated)} is repeated")
        if folds == ("all",):
            raise ValueError(
                "folds must hold at least one numbered fold, as a model's weight in the ensemble is tuned on "
                "predictions of images that it never saw, but got ['all']"
            )
        return folds

    @field_validator("phases", mode="before")
    @classmethod
    def _phases_inherit(cls, phases: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - what YAML holds
        return [inherit(phase, info.data) for phase in phases] if _is_list(phases) else phases

    @model_validator(mode="before")
    @classmethod
    def _epochs_are_counted(cls, content: Any) -> Any:  # noqa: ANN401 - what YAML holds
        if not isinstance(content, Mapping) or "epochs" in content:
            return content
        phases = content.get("phases")
        counts = [phase.get("epochs") for phase in phases if isinstance(phase, Mapping)] if _is_list(phases) else []
        return {**content, "epochs": sum(counts)} if counts and all(isinstance(n, int) for n in counts) else content

    @model_validator(mode="after")
    def _epochs_are_those_of_the_phases(self) -> Self:
        total = sum(phase.epochs for phase in self.phases)
        if self.phases and total != self.epochs:
            raise ValueError(f"epochs must be the sum of its phases' epochs, {total}, but got {self.epochs}")
        return self

    @model_validator(mode="after")
    def _losses_are_usable(self) -> Self:
        family = str(getattr(self, "family", type(self).__name__))
        for phase in self.in_phases():
            require_usable(phase.losses, self.usable_losses, family, self.box_heads)
        return self

    @model_validator(mode="after")
    def _sides_can_be_drawn(self) -> Self:
        for phase in self.in_phases():
            if phase.multi_scale and not phase.multi_scale.sides(self.image_size):
                raise ValueError(
                    f"multi_scale must leave a multiple of 32, but between {phase.multi_scale.min} and "
                    f"{phase.multi_scale.max} times image_size={self.image_size} there is none"
                )
        return self

    @model_validator(mode="after")
    def _layers_can_be_told_apart(self) -> Self:
        backbone = getattr(self, "backbone", None)
        has_blocks = backbone is not None and backbone.startswith(BACKBONES_WITH_BLOCKS)
        for phase in self.in_phases():
            if phase.optimizer.layer_decay < 1 and not has_blocks:
                raise ValueError(
                    f"optimizer.layer_decay needs a backbone with the blocks of a transformer, but backbone is "
                    f"{backbone!r}, and got layer_decay={phase.optimizer.layer_decay}"
                )
        return self

    @model_validator(mode="after")
    def _batches_can_be_shared(self) -> Self:
        if self.batch_size % self.resources.processes:
            raise ValueError(
                f"batch_size must be a multiple of resources.num_gpus={self.resources.num_gpus:g}, as each GPU takes "
                f"an equal part, but got {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _precision_can_be_had(self) -> Self:
        if self.precision == "fp16" and not self.resources.num_gpus:
            raise ValueError("precision 'fp16' needs a GPU, but resources.num_gpus is 0")
        return self
