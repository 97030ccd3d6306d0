"""What all tests share."""

import os

from hypothesis import settings

from recycle.environment import keep_private

# Set before torch and Ray are imported: two cores do not bear a thread pool in every process.
os.environ.setdefault("OMP_NUM_THREADS", "1")
keep_private()

# A busy machine is slow now and then, which says nothing about the code.
settings.register_profile("recycle", deadline=None, derandomize=True)
settings.load_profile("recycle")
