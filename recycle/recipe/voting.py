"""How the label maps of models become one."""

from typing import Literal

from pydantic import Field, field_validator

from recycle.recipe.settings import Settings

VotingMethod = Literal["soft", "hard"]


class CRF(Settings):
    """A conditional random field: neighbours of like colour are drawn to like classes.

    Each pixel is connected with all pixels of a window around it (Krähenbühl and Koltun, 2011; ConvCRF, Teichmann and
    Cipolla, 2018).
    """

    window: int = Field(default=9, ge=3, le=31)
    """Width and height of the window in pixels, an odd number."""
    iterations: int = Field(default=5, ge=1, le=50)
    """Steps of mean-field inference."""
    colour_spread: float = Field(default=13.0, gt=0, le=255)
    """How different colours may be, in steps of 255, that still count as alike."""
    reach: float = Field(default=4.0, gt=0, le=100)
    """How far neighbours of like colour reach, in pixels."""
    strength: float = Field(default=4.0, gt=0, le=100)
    """Weight of neighbours of like colour."""
    smoothness: float = Field(default=1.0, ge=0, le=100)
    """Weight of the nearest neighbours whatever their colour."""

    @field_validator("window")
    @classmethod
    def _window_has_a_centre(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"window must be odd, but got {window}")
        return window


class Voting(Settings):
    """The search of voting weights on out-of-fold predictions, where models label pixels."""

    trials: int = Field(default=40, ge=2)
    """Settings that the study tries."""
    methods: tuple[VotingMethod, ...] = Field(default=("soft", "hard"), min_length=1)
    """Ways to vote that the search chooses from: by the mean of probabilities, or by the majority of labels."""
    crf: CRF | None = None
    """A dense conditional random field after the vote. It stays only where it raises the out-of-fold mIoU by more than
    chance and no class falls by more than chance."""

    @field_validator("methods")
    @classmethod
    def _methods_differ(cls, methods: tuple[VotingMethod, ...]) -> tuple[VotingMethod, ...]:
        repeated = sorted({method for method in methods if methods.count(method) > 1})
        if repeated:
            raise ValueError(f"methods must be different, but {', '.join(map(repr, repeated))} is repeated")
        return methods
