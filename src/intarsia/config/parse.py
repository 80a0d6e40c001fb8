"""From YAML to a Recipe: read, overridden, checked against the schema and the constructors it chooses."""

from __future__ import annotations

import inspect
import math
import re
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from ..documents import yaml_of
from ..errors import RecipeError, nearest
from .answers import Predict
from .consistent import BUDGETS, check
from .pictures import Data
from .schema import GIVEN, PLACES, UNNAMED_LOSS, Catalogue, Recipe


def read(source: str | Path | Mapping[str, Any] | Recipe) -> tuple[dict[str, Any], str]:
    """A recipe's tree and the name that its errors begin with.

    Raises: RecipeError when the file is missing, is no YAML, or holds no mapping.
    """
    if isinstance(source, Recipe):
        return source.to_dict(), "recipe"
    if isinstance(source, Mapping):
        return _copied(source), "recipe"
    path = Path(source)
    try:
        tree = yaml_of(path.read_text(encoding="utf-8"), _Once)
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise RecipeError(f"there is no recipe {str(path)!r}{near}") from None
    except IsADirectoryError:
        raise RecipeError(
            f"{str(path)!r} is a folder, not a recipe; `intarsia init {path}` writes a recipe for a folder of images and masks"
        ) from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path.name}: not a text file; a recipe is YAML") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" line {place.line + 1}" if place else ""
        raise RecipeError(f"{path.name}:{line} is no valid YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(tree, dict):
        raise RecipeError(
            f"{path.name}: a recipe is a mapping of keys to values, this file holds {'nothing' if tree is None else type(tree).__name__}"
        )
    return tree, path.name


class _Once(yaml.SafeLoader):
    """YAML in which a key may be written once: PyYAML would keep the last and lose the others."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is written twice", key_node.start_mark)
            if isinstance(key, str | int):
                seen.add(key)
        return super().construct_mapping(node, deep)


def override(tree: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """`tree` with "train.steps=100" and its like written into it; values are YAML.

    A new name ("model.name=unet") takes the old one's options away, and a new budget the old budget, whatever the order
    of the assignments.
    """
    changed: dict[str, Any] = _copied(tree)
    keys = [item.partition("=")[0].strip() for item in assignments]
    if any(key in [f"train.{budget}" for budget in BUDGETS] for key in keys):
        for budget in BUDGETS:
            (changed.get("train") or {}).pop(budget, None)
    names_first = sorted(
        assignments, key=lambda item: item.partition("=")[0].strip() not in {f"{p}.name" for p in PLACES}
    )
    for item in names_first:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"{item!r} is no override; write KEY=VALUE, such as train.batch_size=8")
        *parents, leaf = key.strip().split(".")
        node: Any = changed
        for parent in parents:
            if isinstance(node.get(parent), str) and parent in PLACES:
                node[parent] = {"name": node[parent]}
            if node.get(parent) is None:
                node[parent] = {}
            node = node[parent]
            if not isinstance(node, dict):
                raise RecipeError(f"{item!r}: {parent!r} holds {node!r}, which has no keys below it")
        try:
            value = yaml_of(text)
        except yaml.YAMLError:
            raise RecipeError(f"{item!r}: {text!r} is no valid YAML value") from None
        if leaf == "name" and len(parents) == 1 and parents[0] in PLACES and node.get("name") not in (None, "", value):
            node.clear()  # another model, loss, ... : the options of the one before are not its options
        if not parents and leaf in PLACES and isinstance(value, str):
            value = {"name": value}
        node[leaf] = value
    return changed


def parse(tree: Mapping[str, Any], where: str, catalogues: Mapping[str, Catalogue]) -> Recipe:
    """Check a recipe's tree against the schema and the constructors it chooses.

    Args:
        where: the name of the file, for the errors.
        catalogues: name -> constructor for each of "model", "data", "loss", "optimizer", "schedule".

    Raises: RecipeError that names the place, what stands there, what is allowed, and the nearest key.
    """
    tree = {key: value for key, value in _copied(tree).items() if value is not None}
    for key in tree:
        if key not in Recipe.model_fields:
            raise RecipeError(f"{where}: {key}: unknown key{nearest(key, Recipe.model_fields)}")
    others = _others(tree, f"{where}: data", catalogues["data"]) if tree.get("data") is not None else None
    for place, kind in PLACES.items():
        if tree.get(place) is not None:
            usual = Recipe.model_fields[place].default
            tree[place] = _choice(
                tree[place], kind, catalogues[place], GIVEN[place], f"{where}: {place}", usual and usual.name
            )
    if others:
        tree["data"]["others"] = others
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(_told(error, where, Recipe)) from None
    check(recipe, where)
    return recipe


def _others(tree: dict[str, Any], where: str, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Take a recipe's data sets beyond the first out of its tree: of a list, or under `others`."""
    given, more = tree["data"], list[Any]()
    if isinstance(given, list):
        if not given:
            raise RecipeError(f"{where}: the list is empty; name a data set, or several")
        tree["data"], more = given[0], given[1:]
    else:
        named = (given.get("others") or []) if isinstance(given, dict) else []
        if not isinstance(named, list):
            raise RecipeError(f"{where}.others: expected a list of data sets, not {named!r}")
        more = named
    if more and isinstance(tree["data"], dict) and isinstance(given, dict):
        tree["data"] = {key: value for key, value in given.items() if key != "others"}
    for number, other in enumerate(more, 2):
        if isinstance(other, dict) and other.get("others"):
            raise RecipeError(f"{where}: data set {number} has others of its own; list all in one list")
    return [_choice(other, Data, catalogue, GIVEN["data"], f"{where}[{n}]") for n, other in enumerate(more, 2)]


def predict_settings(tree: Mapping[str, Any], where: str) -> Predict:
    """Check the keys of a recipe's `predict` by themselves.

    Args:
        where: what errors begin with.

    Raises: RecipeError as `parse`.
    """
    try:
        return Predict.model_validate(dict(tree))
    except ValidationError as error:
        raise RecipeError(_told(error, where, Predict)) from None


def _choice(
    node: Any, kind: type[BaseModel], catalogue: Catalogue, given: set[str], where: str, usual: str | None = None
) -> dict[str, Any]:
    """A mapping as it is written, `{name, **everything}`, to one with the constructor's arguments under `options`."""
    node = {"name": node} if isinstance(node, str) else node
    if not isinstance(node, dict):
        raise RecipeError(f"{where}: expected a name, or a mapping with a name, not {node!r}")
    name = node.get("name", usual)
    own = set(kind.model_fields) - {"options", "name"}
    if name == usual == "":  # it follows from the network
        if node.keys() <= own | {"name"}:
            return {"name": "", "options": {}, **{key: node[key] for key in own if key in node}}
        name = UNNAMED_LOSS
    if name is None:
        raise RecipeError(f"{where}: name is missing{nearest('', catalogue)}")
    if not isinstance(name, str) or name not in catalogue:
        raise RecipeError(f"{where}.name: there is no {name!r}{nearest(name, catalogue)}")
    parameters, hints = signature(catalogue[name], skip=given | own)
    options = {}
    for key, value in node.items():
        if key == "name" or key in own:
            continue
        if key not in parameters:
            if key in given:
                raise RecipeError(f"{where}.{key}: is not set here; it follows from the data and its labels")
            takes = [*parameters, *own]
            near = nearest(key, [*takes, "name"]) if takes else "; it takes none"
            raise RecipeError(f"{where}.{key}: {name} takes no such option{near}")
        if isinstance(value, bool) and "bool" not in str(hints[key]) and hints[key] is not Any:
            raise RecipeError(f"{where}.{key}: {value!r} was given, where {spelled(hints[key])} is needed")
        if isinstance(value, float) and not math.isfinite(value):
            raise RecipeError(f"{where}.{key}: {value} is no number to compute with")
        try:
            options[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            raise RecipeError(f"{where}.{key}: {_says(first, value)}") from None
    return {"name": name, "options": options, **{key: node[key] for key in own if key in node}}


def signature(
    constructor: Callable[..., Any], skip: Set[str] = frozenset()
) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    """The options a constructor takes, and the type of each."""
    function = constructor.__init__ if inspect.isclass(constructor) else constructor
    hints = typing.get_type_hints(function)
    parameters = {
        key: p
        for key, p in inspect.signature(constructor).parameters.items()
        if key not in skip and key != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    return parameters, {key: hints.get(key, Any) for key in parameters}


def _told(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not _is_branch(part))
    if first["type"] == "extra_forbidden":
        kind: Any = model
        for part in first["loc"][:-1]:
            kind = (
                model_of(kind.model_fields[part].annotation)
                if isinstance(part, str) and kind and part in kind.model_fields
                else kind
            )
        return f"{where}: {place}: unknown key{nearest(first['loc'][-1], [k for k in kind.model_fields if k != 'options'])}"
    if first["type"] == "missing":
        return f"{where}: {place}: is required and missing"
    return f"{where}: {place + ': ' if place else ''}{_says(first, first['input'])}"


def _says(first: Any, value: Any) -> str:
    """pydantic's message in a recipe's words, with what was given and the nearest of what is allowed."""
    near = ""
    if first["type"] == "literal_error":
        near = nearest(value, re.findall(r"'([^']+)'", first["ctx"]["expected"])) if isinstance(value, str) else ""
        near = near if "did you mean" in near else ""  # the message lists them all anyway
    return f"{_needed(first)}, but {value!r} was given{near}"


def _needed(first: Any) -> str:
    if first["type"] in ("model_type", "dict_type"):
        return "a mapping of keys to values is needed"
    message = first["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _is_branch(part: Any) -> bool:
    """Whether a step of pydantic's path names a branch of a union rather than a key."""
    return isinstance(part, str) and (
        "[" in part or part in ("bool", "int", "float", "str", "none") or part.startswith("literal")
    )


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, if it holds one."""
    for kind in (annotation, *typing.get_args(annotation)):
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return kind
    return None


def _copied(tree: Any) -> Any:
    return {key: _copied(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree


def spelled(annotation: Any) -> str:
    """A type as a person would write it."""
    if inspect.isclass(annotation) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "").replace("NoneType", "None")
