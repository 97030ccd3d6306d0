"""Networks of every family.

Importing this package, and so any module of it, first makes the operators of mmcv available without its compiled
extension and keeps the libraries below private: nothing of mmdet may be imported before that.
"""

from recycle.environment import keep_private
from recycle.models import mmcv_ops

keep_private()
mmcv_ops.install()
