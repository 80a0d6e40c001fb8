"""Recipes: YAML in, frozen objects out, and every mistake named by its place and the nearest key.

A recipe is complete: no inheritance, no interpolation, no environment. Where it chooses something by name (a model, a
data set, a loss, an optimizer, a schedule), the constructor of that thing is the schema: its keyword arguments are the
keys, their defaults are the defaults. The catalogues of what can be chosen are handed in, not imported.

    file or dict  --read-->  tree  --override "train.steps=100"-->  tree  --parse-->  Recipe
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from .errors import RecipeError, nearest

Catalogue = Mapping[str, Callable[..., Any]]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Choice(_Frozen):
    """A thing chosen by name, and the keyword arguments to build it with."""

    name: str
    options: dict[str, Any] = {}


class Data(_Frozen):
    """A data set chosen by name, where it lies, and which parts of it are for what."""

    name: str
    options: dict[str, Any] = {}
    root: str | None = Field(None, description="Folder of the data set, relative to where you stand.")
    train: str = Field("train", description="Name of the split to train on.")
    val: str | None = Field("val", description="Name of the split to validate on; null: no validation.")


class Labels(_Frozen):
    """The classes, and what the values in the masks mean (see `intarsia.LabelSpace`)."""

    classes: list[str] = Field(description="Class names in order; the position is the class number. Binary is two names.")
    colors: list[Any] = Field([], description="One color a class for pictures, '#804080' or [128, 64, 128].")
    values: dict[int | str, str] = Field({}, description="Raw mask value (7, '128..255', '#804080') -> class name or 'ignore'.")
    activation: Literal["softmax", "sigmoid"] = Field("softmax", description="sigmoid: one map for two classes.")

    @field_validator("values")
    @classmethod
    def _ids_are_numbers(cls, values: dict[int | str, str]) -> dict[int | str, str]:
        """JSON has no keys but strings: "7" is the id 7 again."""
        return {int(key) if isinstance(key, str) and key.isdigit() else key: name for key, name in values.items()}


class Augment(_Frozen):
    """What happens to a training sample, in this order; the defaults do nothing."""

    crop: tuple[int, int] | None = Field(None, description="Height and width of training crops in pixels; null: the whole image.")
    scale: tuple[float, float] = Field((1.0, 1.0), description="Range of the random zoom; 2.0 shows things twice as large.")
    flip: bool = Field(False, description="Mirror left and right with probability one half.")
    rotate: float = Field(0.0, ge=0, le=180, description="Largest rotation, in degrees either way.")
    brightness: float = Field(0.0, ge=0, lt=1, description="Largest relative change of brightness.")
    contrast: float = Field(0.0, ge=0, lt=1, description="Largest relative change of contrast.")
    saturation: float = Field(0.0, ge=0, lt=1, description="Largest relative change of saturation (three channels only).")
    hue: float = Field(0.0, ge=0, le=0.5, description="Largest turn of the hue, as a share of the color circle (three channels only).")
    max_share: float = Field(1.0, gt=0, le=1, description="A crop in which one class covers more than this is drawn again, ten times at most.")


class Loss(_Frozen):
    """What is minimized: a loss by name with its own options, and how it is spread over classes and heads."""

    name: str
    options: dict[str, Any] = {}
    class_weights: Literal["none", "log", "inverse", "median"] | list[float] = Field(
        "none",
        description="Weight of each class: a list, or from the frequencies the audit counted: "
        "log is 1/ln(1.02 + f) (Paszke et al. 2016, section 5.2), median is median(f)/f, inverse is 1/f; scaled to mean 1.",
    )
    auxiliary: float = Field(0.4, ge=0, description="Weight of each auxiliary head of the network, where it has any.")


class Schedule(_Frozen):
    """The learning rate's course over the budget, whatever the budget is counted in."""

    name: str = "poly"
    options: dict[str, Any] = {}
    warmup: float = Field(0.0, ge=0, lt=1, description="Share of the budget in which the rate rises linearly from zero.")


class Train(_Frozen):
    """How long, how much at once, and on what."""

    steps: int | None = Field(None, gt=0, description="Budget in optimizer steps. Give one of steps, epochs, minutes.")
    epochs: float | None = Field(None, gt=0, description="Budget in passes over the training set.")
    minutes: float | None = Field(None, gt=0, description="Budget in minutes of training and loading; start-up, audit and validation are not counted.")
    batch_size: int = Field(8, gt=0, description="Images in a step on each device.")
    accumulate: int = Field(1, gt=0, description="Batches whose gradients are added up before a step.")
    clip: float | None = Field(None, gt=0, description="Largest norm of the gradient; null: not clipped.")
    ema: float | None = Field(None, gt=0, lt=1, description="Decay of the moving average of weights; it is what is evaluated and shipped. null: none.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="auto: bfloat16 where the processor or GPU has units for it.")
    channels_last: Literal["auto"] | bool = Field("auto", description="Memory layout of images and weights; auto: yes, with reduced precision.")
    workers: int = Field(2, ge=0, description="Processes that read and augment images; 0: the main process does.")
    cache: bool = Field(False, description="Keep decoded images in memory shared by the workers (the whole training set must fit).")
    devices: int | Literal["auto"] = Field("auto", description="How many devices; several machines through torchrun or SLURM.")
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Kind of device.")
    log_every: int = Field(10, gt=0, description="Steps between two lines of log.jsonl; the loss in a line is their mean.")
    tensorboard: bool = Field(False, description="Write TensorBoard files into the run's folder as well.")
    checkpoint_every: int = Field(500, gt=0, description="Steps between two saves of the resume file.")
    audit: bool = Field(True, description="Run the label doctor before the first step; false skips it, and the report says so.")


class Evaluate(_Frozen):
    """When, and how, the validation set is scored."""

    every: int | None = Field(None, gt=0, description="Steps between two validations; null: at the end only.")
    batch_size: int = Field(1, gt=0, description="Images at once; those of one size go together.")
    protocol: str = Field("dataset", description="What absent classes, ignored pixels and averaging mean; see `intarsia.metrics`.")


class Recipe(_Frozen):
    """Everything that a run depends on."""

    model: Choice | None = Field(None, description="The architecture and its options; `intarsia models` lists them.")
    data: Data | None = Field(None, description="The data set and its options; `intarsia data list` lists them.")
    labels: Labels | None = Field(None, description="The label space; data sets of the literature bring their own.")
    augment: Augment = Augment()
    loss: Loss = Loss(name="cross_entropy")
    optimizer: Choice = Choice(name="adamw")
    schedule: Schedule = Schedule()
    train: Train
    evaluate: Evaluate = Evaluate()
    seed: int = Field(0, ge=0, description="Of weights, order and augmentation.")

    def to_dict(self) -> dict[str, Any]:
        """As plain data in the form a recipe is written in: `Recipe` parsed from it is equal."""
        tree = _without_default_none(self, self.model_dump(mode="json"))
        for place in PLACES.keys() & tree.keys():
            node = tree[place]
            tree[place] = {"name": node.pop("name"), **node.pop("options"), **node}
        return tree


def _without_default_none(model: BaseModel, tree: dict[str, Any]) -> dict[str, Any]:
    """`tree` without the nulls that are a key's default; others say something, such as data.val: null."""
    kept = {}
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        if value is not None or field.default is not None:
            kept[key] = _without_default_none(value, tree[key]) if isinstance(value, BaseModel) else tree[key]
    return kept


PLACES: dict[str, type[_Frozen]] = {"model": Choice, "data": Data, "loss": Loss, "optimizer": Choice, "schedule": Schedule}
GIVEN = {  # parameters of constructors that the house fills in, and a recipe does not
    "model": {"num_classes", "in_channels"},
    "data": {"root", "split", "labels"},
    "loss": {"weights", "ignore_index"},
    "optimizer": {"parameters", "model"},
    "schedule": set(),
}


def read(source: str | Path | Mapping[str, Any] | Recipe) -> tuple[dict[str, Any], str]:
    """A recipe's tree and the name its errors are told under.

    Raises: RecipeError when the file is missing, is no YAML, or holds no mapping.
    """
    if isinstance(source, Recipe):
        return source.to_dict(), "recipe"
    if isinstance(source, Mapping):
        return _copied(source), "recipe"
    path = Path(source)
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise RecipeError(f"there is no recipe {str(path)!r}{near}") from None
    except IsADirectoryError:
        raise RecipeError(f"{str(path)!r} is a folder, not a recipe; `intarsia init {path}` writes a recipe for a folder of images and masks") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path.name}: not a text file; a recipe is YAML") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" line {place.line + 1}" if place else ""
        raise RecipeError(f"{path.name}:{line} is no valid YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(tree, dict):
        raise RecipeError(f"{path.name}: a recipe is a mapping of keys to values, this file holds {'nothing' if tree is None else type(tree).__name__}")
    return tree, path.name


def override(tree: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """`tree` with "train.steps=100" and its like written into it; values are YAML."""
    tree = _copied(tree)
    for item in assignments:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"{item!r} is no override; write KEY=VALUE, such as train.batch_size=8")
        *parents, leaf = key.strip().split(".")
        node: Any = tree
        for parent in parents:
            if isinstance(node.get(parent), str) and parent in PLACES:
                node[parent] = {"name": node[parent]}
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise RecipeError(f"{item!r}: {parent!r} holds {node!r}, which has no keys below it")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise RecipeError(f"{item!r}: {text!r} is no valid YAML value") from None
        if leaf in BUDGETS and parents == ["train"] and value is not None:
            for other in BUDGETS:
                node.pop(other, None)
        if leaf == "name" and len(parents) == 1 and parents[0] in PLACES and node.get("name") not in (None, value):
            node.clear()  # another model, loss, ... : the options of the one before are not its options
        if not parents and leaf in PLACES and isinstance(value, str):
            value = {"name": value}
        node[leaf] = value
    return tree


BUDGETS = ("steps", "epochs", "minutes")


def parse(tree: Mapping[str, Any], where: str, catalogues: Mapping[str, Catalogue]) -> Recipe:
    """Check a recipe's tree against the schema and the constructors it chooses.

    Args:
        where: the name of the file, for the errors.
        catalogues: name -> constructor for each of "model", "data", "loss", "optimizer", "schedule".

    Raises: RecipeError that names the place, what stands there, what is allowed, and the nearest key.
    """
    tree = _copied(tree)
    for key in tree:
        if key not in Recipe.model_fields:
            raise RecipeError(f"{where}: {key}: unknown key{nearest(key, Recipe.model_fields)}")
    for place, kind in PLACES.items():
        if tree.get(place) is not None:
            usual = Recipe.model_fields[place].default
            tree[place] = _choice(tree[place], kind, catalogues[place], GIVEN[place], f"{where}: {place}", usual and usual.name)
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(_told(error, where, Recipe)) from None
    given = [name for name in BUDGETS if getattr(recipe.train, name) is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "none"
        raise RecipeError(f"{where}: train: give one budget, of {', '.join(BUDGETS)}; {what} given")
    low, high = recipe.augment.scale
    if not 0 < low <= high:
        raise RecipeError(f"{where}: augment.scale: [{low}, {high}] is no range; write [smallest, largest], both above 0")
    if recipe.augment.crop and min(recipe.augment.crop) < 1:
        raise RecipeError(f"{where}: augment.crop: {list(recipe.augment.crop)} is no size; write [height, width] in pixels")
    if recipe.augment.crop is None and recipe.augment.scale != (1.0, 1.0) and recipe.train.batch_size > 1:
        raise RecipeError(f"{where}: augment.scale without augment.crop makes images of many sizes, which fit into no batch; add augment.crop: [height, width]")
    return recipe


def _choice(
    node: Any, kind: type[_Frozen], catalogue: Catalogue, given: set[str], where: str, usual: str | None = None
) -> dict[str, Any]:
    """A mapping as it is written, `{name, **everything}`, to one with the constructor's arguments under `options`."""
    node = {"name": node} if isinstance(node, str) else node
    if not isinstance(node, dict):
        raise RecipeError(f"{where}: expected a name, or a mapping with a name, not {node!r}")
    name = node.get("name", usual)
    if name is None:
        raise RecipeError(f"{where}: name is missing{nearest('', catalogue)}")
    if name not in catalogue:
        raise RecipeError(f"{where}.name: there is no {name!r}{nearest(name, catalogue)}")
    own = set(kind.model_fields) - {"options", "name"}
    parameters, hints = signature(catalogue[name], skip=given | own)
    options = {}
    for key, value in node.items():
        if key == "name" or key in own:
            continue
        if key not in parameters:
            if key in given:
                raise RecipeError(f"{where}.{key}: is not set here; it follows from the data and its labels")
            raise RecipeError(f"{where}.{key}: {name} takes no such option{nearest(key, [*parameters, *own]) or '; it takes none'}")
        try:
            options[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            raise RecipeError(f"{where}.{key}: {_says(first)}, but {value!r} was given") from None
    return {"name": name, "options": options, **{key: node[key] for key in own if key in node}}


def signature(constructor: Callable[..., Any], skip: set[str] = frozenset()) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:  # type: ignore[assignment]
    """The options a constructor takes, and the type of each."""
    function = constructor.__init__ if inspect.isclass(constructor) else constructor
    hints = typing.get_type_hints(function)
    parameters = {
        key: p
        for key, p in inspect.signature(constructor).parameters.items()
        if key not in skip and key != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    return parameters, {key: hints.get(key, Any) for key in parameters}


def explain(key: str, catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """What a recipe's key means: {"key", "type", "default", "meaning"}, and its "keys" where it holds others.

    Args:
        key: "train.ema"; or "model.pspnet.bins" for an option of a named choice.

    Raises: RecipeError with the nearest key.
    """
    parts, kind, trail = key.split("."), Recipe, []
    for n, part in enumerate(parts):
        fields = {name: f for name, f in kind.model_fields.items() if name != "options"}
        place = trail[0] if len(trail) == 1 else None
        if part in fields:
            field, inner = fields[part], _model_of(fields[part].annotation)
            trail.append(part)
            if n == len(parts) - 1:
                default = None if field.is_required() else field.get_default(call_default_factory=True)
                below = [k for k in inner.model_fields if k != "options"] if inner else []
                chosen = list(catalogues.get(part, {})) if len(parts) == 1 else []
                meaning = field.description or (inner.__doc__ or "" if inner else "")
                shown = default.model_dump(exclude_none=True) if isinstance(default, BaseModel) else default
                return {"key": key, "type": _spelled(field.annotation), "default": shown, "meaning": meaning.strip(), "keys": below, "choices": chosen}
            if inner is None:
                raise RecipeError(f"{'.'.join(trail)} holds no further keys; {key!r} asks for one")
            kind = inner
        elif place in catalogues and part in catalogues[place]:
            parameters, hints = signature(catalogues[place][part], skip=GIVEN[place])
            if n == len(parts) - 1:
                return {"key": key, "type": "choice", "default": None, "meaning": (inspect.getdoc(catalogues[place][part]) or "").split("\n\n")[0], "keys": list(parameters), "choices": []}
            option = ".".join(parts[n + 1 :])
            if option not in parameters:
                raise RecipeError(f"{key}: {part} takes no option {option!r}{nearest(option, parameters)}")
            default = parameters[option].default
            meaning = _documented(catalogues[place][part], option)
            return {"key": key, "type": _spelled(hints[option]), "default": None if default is inspect.Parameter.empty else default, "meaning": meaning, "keys": [], "choices": []}
        else:
            raise RecipeError(f"{'.'.join([*trail, part])}: unknown key{nearest(part, [*fields, *catalogues.get(place or '', {})])}")
    raise RecipeError(f"{key!r} is no key of a recipe{nearest(key, Recipe.model_fields)}")


def _told(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not _is_branch(part))
    if first["type"] == "extra_forbidden":
        kind: Any = model
        for part in first["loc"][:-1]:
            kind = _model_of(kind.model_fields[part].annotation) if isinstance(part, str) and kind and part in kind.model_fields else kind
        return f"{where}: {place}: unknown key{nearest(first['loc'][-1], [k for k in kind.model_fields if k != 'options'])}"
    if first["type"] == "missing":
        return f"{where}: {place}: is required and missing"
    return f"{where}: {place}: {_says(first)}, but {first['input']!r} was given"


def _says(first: Any) -> str:
    message = first["msg"]
    return message[0].lower() + message[1:]


def _is_branch(part: Any) -> bool:
    """Whether a step of pydantic's path names a branch of a union rather than a key."""
    return isinstance(part, str) and ("[" in part or part in ("bool", "int", "float", "str", "none") or part.startswith("literal"))


def _model_of(annotation: Any) -> type[_Frozen] | None:
    for kind in (annotation, *typing.get_args(annotation)):
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return kind  # type: ignore[return-value]
    return None


def _spelled(annotation: Any) -> str:
    if inspect.isclass(annotation) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "").replace("NoneType", "None")


EVERYWHERE = {  # options that mean the same wherever they stand
    "encoder": "the trunk that reads the image: a name of timm, or one of ours; its levels become the architecture's features.",
    "pretrained": "start from the encoder's published weights, which are downloaded.",
}


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


def _copied(tree: Any) -> Any:
    return {key: _copied(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree
