"""What batch norm can be trained on."""

from torch import Tensor

from ..errors import ModelError


def require_two_values(x: Tensor, training: bool, what: str) -> None:
    """Refuse, in training, a map `x` [B, C, h, w] that holds one value a channel: one value has no variance.

    Args:
        what: the map, for the error.

    Raises: ModelError that says what to change.
    """
    if training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
        raise ModelError(
            f"{what} is a 1x1 map of a single image, on which batch norm cannot be trained; "
            "use a batch size of at least 2, or call eval() on the network"
        )
