"""mmdet may not be imported before our package of models."""

import recycle.models  # noqa: F401
