"""The errors a user can meet. Jobs print their message without a traceback, so it must stand alone."""


class RecycleError(Exception):
    """Something the user can act on; the message names the file, the record, the rule and the value."""


class RecipeError(RecycleError, ValueError):
    """A recipe that is not valid, or a setting that cannot work."""


class DataError(RecycleError, ValueError):
    """A data set, prediction file or image that breaks a rule."""


class WeightsError(RecycleError, ValueError):
    """Weights that are missing, or a checkpoint that cannot be loaded safely."""


class ResumeError(RecycleError):
    """A run folder that cannot be continued with what was asked."""


class ResourceError(RecycleError):
    """A model that asks for more than the cluster has."""


class TrainingError(RecycleError, RuntimeError):
    """A member's training that ended without a usable result."""


class NonFiniteLossError(TrainingError):
    """A loss that became NaN or infinite."""


class LeavingError(TrainingError):
    """A training that wrote a checkpoint and stopped, as its machine is about to go."""


class ProcessDiedError(TrainingError):
    """A training one of whose processes died."""


class StorageError(RecycleError):
    """A storage that cannot be reached, or does not hold what it must."""


class DiskFullError(RecycleError):
    """A file for which its disk has no room."""


class RecycleWarning(UserWarning):
    """What a user should know of a run that goes on."""
