"""What a key of a recipe means, from the schema's descriptions and the constructors' docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from ..errors import RecipeError, nearest
from .parse import model_of, signature, spelled
from .schema import GIVEN, Catalogue, Recipe

EVERYWHERE = {  # options that mean the same wherever they stand
    "encoder": "the trunk that reads the image: a name of timm, or one of ours; its levels become the architecture's features.",
    "pretrained": "start from the encoder's published weights, which are downloaded once; offline it is one try and one sentence. "
    "They mostly gain more than any other key on few images; optimizer.encoder_lr=0.1 keeps what they know.",
}


def explain(key: str, catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """What a recipe's key means: {"key", "type", "default", "meaning"}, and its "keys" where it holds others.

    Args:
        key: "train.ema"; or "model.pspnet.bins" for an option of a named choice.

    Raises: RecipeError with the nearest key.
    """
    parts = key.split(".")
    kind: type[BaseModel] = Recipe
    trail: list[str] = []
    for n, part in enumerate(parts):
        fields = {name: f for name, f in kind.model_fields.items() if name != "options"}
        place = trail[0] if len(trail) == 1 else ""
        if part in fields:
            field, inner = fields[part], model_of(fields[part].annotation)
            trail.append(part)
            if n == len(parts) - 1:
                default = None if field.is_required() else field.get_default(call_default_factory=True)
                below = [k for k in inner.model_fields if k != "options"] if inner else []
                chosen = list(catalogues.get(part, {})) if len(parts) == 1 else []
                meaning = field.description or (inner.__doc__ or "" if inner else "")
                shown = default.model_dump(exclude_none=True) if isinstance(default, BaseModel) else default
                return {
                    "key": key,
                    "type": spelled(field.annotation),
                    "default": shown,
                    "meaning": meaning.strip(),
                    "keys": below,
                    "choices": chosen,
                }
            if inner is None:
                raise RecipeError(f"{'.'.join(trail)} holds no further keys; {key!r} asks for one")
            kind = inner
        elif place in catalogues and part in catalogues[place]:
            parameters, hints = signature(catalogues[place][part], skip=GIVEN[place])
            if n == len(parts) - 1:
                return {
                    "key": key,
                    "type": "choice",
                    "default": None,
                    "meaning": (inspect.getdoc(catalogues[place][part]) or "").split("\n\n")[0],
                    "keys": list(parameters),
                    "choices": [],
                }
            option = ".".join(parts[n + 1 :])
            if option not in parameters:
                raise RecipeError(f"{key}: {part} takes no option {option!r}{nearest(option, parameters)}")
            default = parameters[option].default
            meaning = _documented(catalogues[place][part], option)
            return {
                "key": key,
                "type": spelled(hints[option]),
                "default": None if default is inspect.Parameter.empty else default,
                "meaning": meaning,
                "keys": [],
                "choices": [],
            }
        else:
            raise RecipeError(
                f"{'.'.join([*trail, part])}: unknown key{nearest(part, [*fields, *catalogues.get(place, {})])}"
            )
    raise RecipeError(f"{key!r} is no key of a recipe{nearest(key, Recipe.model_fields)}")


def _documented(constructor: Callable[..., Any], option: str) -> str:
    """What the `Args:` of a constructor's docstring say of one option."""
    lines = (inspect.getdoc(constructor) or "").splitlines()
    for n, line in enumerate(lines):
        head, colon, tail = line.strip().partition(":")
        if colon and option in [name.strip() for name in head.split(",")]:
            depth = len(line) - len(line.lstrip())
            more = []
            for following in lines[n + 1 :]:
                if not following.strip() or len(following) - len(following.lstrip()) <= depth:
                    break
                more.append(following.strip())
            return " ".join([tail.strip(), *more])
    return EVERYWHERE.get(option, "")
