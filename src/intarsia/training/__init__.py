"""Training: a recipe in, a checkpoint out. `train` is imported when it is first asked for: it brings PyTorch along."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loop import train

__all__ = ["train"]


def __getattr__(name: str) -> Any:
    if name == "train":
        from .loop import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
