"""Which kinds of output a loss takes: the annotation of its parameter `output` says it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn


def accepts(loss: Callable[..., Any]) -> tuple[type, ...] | None:
    """List the types of output that a loss takes.

    Args:
        loss: a class of losses, a function that returns one, or a loss itself: a network module or any callable.

    Returns: the types in the annotation of `output`, or of the first parameter where none is called so; None where
        nothing is annotated, or the annotation cannot be read.
    """
    called = _called(loss)
    if called is None:
        return None
    try:
        hints = typing.get_type_hints(called)
        names = [name for name in inspect.signature(called).parameters if name != "self"]
    except (NameError, TypeError, ValueError):  # names that only a type checker imports; a builtin
        return None
    name = "output" if "output" in names else next(iter(names), "")
    said = hints.get(name, Any)
    union = typing.get_origin(said) in (typing.Union, types.UnionType)
    kinds = typing.get_args(said) if union else (said,)
    return kinds if all(inspect.isclass(kind) and kind not in (Any, object) for kind in kinds) else None


def _called(loss: Any) -> Callable[..., Any] | None:
    """The function that gets output and truth, of a loss or of what makes one."""
    if isinstance(loss, partial):
        return _called(loss.func)
    if inspect.isclass(loss):
        return loss.forward if issubclass(loss, nn.Module) else loss.__call__
    if isinstance(loss, nn.Module):
        return loss.forward
    if not inspect.isroutine(loss):
        return type(loss).__call__ if callable(loss) else None
    try:
        made = typing.get_type_hints(loss).get("return")
    except (NameError, TypeError):
        return None
    return _called(made) if inspect.isclass(made) and issubclass(made, nn.Module) else loss
