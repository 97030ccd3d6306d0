"""The precision in which the operators compute."""

from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Widen float16 and bfloat16 to float32, as torchvision does under autocast; wider types pass unchanged."""
    return tensor.float() if tensor.dtype.itemsize < 4 else tensor
