"""The tests call the operators as models do, through `mmcv.ops`, which needs its extension at import."""

from recycle.models.mmcv_ops import install

install()
