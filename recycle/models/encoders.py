"""Encoders of segmentation networks by name: those of segmentation_models.pytorch (smp) and all of timm.

smp is imported when one is asked for, never before.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from recycle.errors import RecipeError, WeightsError
from recycle.models.backbones import (
    FIXED_SIZE_MODELS,
    PACKAGED_BACKBONE,
    WEIGHTS_SITE,
    load_backbone_weights,
    pixel_mean_std,
)
from recycle.models.checkpoints import load_checkpoint
from recycle.recipe.segmentation import PACKAGED_ENCODER, TIMM_ENCODER

HALVES = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
ENCODERS_OF_HALVES = ("xception", "inceptionv4", "inceptionresnetv2")
"""smp's encoders whose weights were trained on pixels from -1 to 1."""

DPN = {"mean": (124 / 255, 117 / 255, 104 / 255), "std": (1 / (0.0167 * 255),) * 3}


class Published(NamedTuple):
    """Where ImageNet weights of an encoder can be fetched, and how their file is called here."""

    address: str
    file_name: str


def smp_name(encoder: str) -> str:
    """The name that smp has for a recipe's encoder.

    Raises:
        RecipeError: If neither smp nor timm has such an encoder.
    """
    if encoder == PACKAGED_ENCODER:
        return f"{TIMM_ENCODER}{PACKAGED_BACKBONE}"
    if timm_name(encoder) is not None:
        pixel_mean_std(encoder.removeprefix(TIMM_ENCODER))
    elif encoder not in _registered():
        raise RecipeError(
            f"The encoder must be {PACKAGED_ENCODER}, 'tu-' and a model of timm, or one of "
            f"{', '.join(sorted(_registered()))}, but got {encoder!r}."
        )
    return encoder


def timm_name(encoder: str) -> str | None:
    """The model of timm that an encoder is, if it is one."""
    if encoder == PACKAGED_ENCODER:
        return PACKAGED_BACKBONE
    return encoder.removeprefix(TIMM_ENCODER) if encoder.startswith(TIMM_ENCODER) else None


def published_weights(encoder: str) -> Published:
    """Tells where the ImageNet weights of one of smp's own encoders are.

    Raises:
        RecipeError: If smp has no such encoder, or no weights for it.
    """
    settings: Mapping[str, Any] = _registered()[smp_name(encoder)].get("pretrained_settings") or {}
    if not settings:
        raise RecipeError(f"smp has no pretrained weights for its encoder {encoder}: set `pretrained: none`.")
    chosen = settings.get("imagenet") or next(iter(settings.values()))
    address = f"{WEIGHTS_SITE}/{chosen['repo_id']}/resolve/{chosen['revision']}/model.safetensors"
    return Published(address, f"{chosen['repo_id'].replace('/', '-')}.safetensors")


def encoder_mean_std(encoder: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation, R, G, B in 0..255, of the pixels that an encoder was trained on."""
    timm_model = timm_name(encoder)
    if timm_model is not None:
        return pixel_mean_std(timm_model)
    pixels = HALVES if encoder in ENCODERS_OF_HALVES else DPN if encoder.startswith("dpn") else IMAGENET
    return tuple(255 * value for value in pixels["mean"]), tuple(255 * value for value in pixels["std"])


def encoder_arguments(encoder: str, weights: str, *, is_plain_transformer: bool = False) -> dict[str, Any]:
    """The arguments by which smp builds an encoder, with weights where it is a model of timm.

    Args:
        encoder: As a recipe names it.
        weights: "none", "packaged", or the path of a state dict.
        is_plain_transformer: Whether it is a vision transformer, which takes images of any size only if told so.

    Raises:
        RecipeError: If there is no such encoder.
        WeightsError: If the weights cannot be used.
    """
    arguments: dict[str, Any] = {"encoder_name": smp_name(encoder), "encoder_weights": None}
    timm_model = timm_name(encoder)
    if timm_model is None:
        return arguments
    if is_plain_transformer:
        arguments["dynamic_img_size"] = True
    elif timm_model.startswith(FIXED_SIZE_MODELS):
        arguments["strict_img_size"] = False
    if weights != "none":
        tensors = load_backbone_weights(timm_model, weights)
        arguments |= {"encoder_weights": True, "pretrained_cfg_overlay": {"state_dict": tensors}}
    return arguments


def load_encoder(network: Any, encoder: str, weights: str) -> None:  # noqa: ANN401 - smp's networks share no base
    """Loads ImageNet weights into an encoder of smp's own, in place; those of timm are built with theirs.

    Raises:
        WeightsError: If the file is of another encoder.
    """
    if weights == "none" or timm_name(encoder) is not None:
        return
    checkpoint = load_checkpoint(Path(weights))
    try:
        network.encoder.load_state_dict(dict(checkpoint.get("state_dict", checkpoint)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[1].strip()
        raise WeightsError(f"{weights}: these weights are not of the encoder {encoder}: {reason}") from None


def _registered() -> Mapping[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from segmentation_models_pytorch.encoders import encoders  # noqa: PLC0415 - takes seconds to import
    registered: Mapping[str, Any] = encoders
    return registered
