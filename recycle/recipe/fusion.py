"""How the predictions of models become one."""

from pydantic import Field

from recycle.recipe.settings import Settings


class Fusion(Settings):
    """The search of fusion settings on out-of-fold predictions."""

    trials: int = Field(default=40, ge=2)
    """Settings that the study tries."""
