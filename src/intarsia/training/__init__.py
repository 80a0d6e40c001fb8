"""Training: a recipe in, a checkpoint out. Names are imported when they are first asked for: training brings PyTorch along."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loop import train
    from .usual import init

__all__ = ["init", "train"]


def __getattr__(name: str) -> Any:
    if name == "train":
        from .loop import train

        return train
    if name == "init":
        from .usual import init

        return init
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
