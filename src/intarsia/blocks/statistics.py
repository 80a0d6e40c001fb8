"""What batch norm can be trained on."""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import ModelError


def learns_batches(module: nn.Module) -> bool:
    """Whether a module norms with the statistics of its batch: it is in training mode and has a batch norm that is, too."""
    return module.training and any(isinstance(m, _BatchNorm) and m.training for m in module.modules())


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
