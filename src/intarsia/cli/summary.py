"""`intarsia summary`: a network layer by layer, with shapes, parameters and memory, without building a weight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import IntarsiaError, ModelError
from .terminal import AsJson, answer, console, facts, table

if TYPE_CHECKING:
    from ..models.summary import Layer, Summary


def summary(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="An architecture (`intarsia models` lists them), or a variant such as smp_pspnet."
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE", help="Its options: encoder=resnet18 (`intarsia models NAME` explains them)."
        ),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="SIZE", help="Of the image: 224, or HEIGHTxWIDTH as in 480x640.")
    ] = "224",
    classes: Annotated[
        int | None, typer.Option(min=1, help="How many maps it draws; by default as in the paper, or 21.")
    ] = None,
    channels: Annotated[int, typer.Option(min=1, help="Of the image.")] = 3,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Show modules down to this depth, each with all that lies in it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a network layer by layer: output shapes, parameters, memory."""
    from ..checkpoint import build
    from ..models import summarize

    height, width = pixels(size)
    chosen = checked(name, options or [])
    classes = classes or usual_classes(name)
    network = skeleton(build, name, classes, {**chosen, "in_channels": channels})
    told = summarize(network, height, width, channels)
    layers = told.layers if depth is None else told.down_to(depth)
    if as_json:
        head = {"name": name, "num_classes": classes, "options": chosen, "input": [1, channels, height, width]}
        return answer({**head, **as_data(told, layers)})
    return _show(told, layers)


def usual_classes(name: str) -> int:
    """Look up how many classes a network draws in its paper; a peer's variant as many as the network it varies."""
    from ..checkpoint import VARIANTS
    from ..models.catalogue import ARCHITECTURES

    entry = ARCHITECTURES[VARIANTS[name].model if name in VARIANTS else name]
    return int(entry.full.get("num_classes", 21))


def pixels(size: str) -> tuple[int, int]:
    """ "224" or "480x640" as height and width.

    Raises: ModelError when it is no size.
    """
    found = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", size.strip().lower())
    if found is None:
        raise ModelError(f"--size is {size!r}; write one number of pixels, or HEIGHTxWIDTH such as 480x640")
    return int(found[1]), int(found[2] or found[1])


def checked(name: str, assignments: list[str]) -> dict[str, Any]:
    """ "encoder=resnet18" and its like as keyword arguments of that architecture's constructor.

    Raises: RecipeError or ModelError that names the option and the nearest one.
    """
    from .. import config
    from ..checkpoint import NETWORKS
    from ..errors import nearest

    if name not in NETWORKS:
        raise ModelError(f"there is no architecture {name!r}{nearest(name, NETWORKS)}")
    for key, option in (("num_classes", "--classes"), ("in_channels", "--channels")):
        if any(item.partition("=")[0].strip() == key for item in assignments):
            raise ModelError(f"{key} is given by {option}")
    tree = config.override({"model": {"name": name}}, [f"model.{item}" for item in assignments])
    recipe = config.parse({**tree, "train": {"steps": 1}}, "options", {"model": NETWORKS})
    assert recipe.model is not None
    return {key: value for key, value in recipe.model.building.items() if key != "pretrained"}


def skeleton(build: Any, name: str, classes: int, options: dict[str, Any]) -> Any:
    """The network on the meta device: shapes without numbers."""
    import torch

    try:
        with torch.device("meta"):
            return build(name, classes, **options)
    except IntarsiaError:
        raise
    except Exception as error:  # whatever a constructor makes of values that are of the right type and wrong
        raise ModelError(f"{name} cannot be built with {options} ({error}); see `intarsia models {name}`") from error


def as_data(told: Summary, layers: tuple[Layer, ...]) -> dict[str, Any]:
    """The summary as plain data."""
    return {
        "layers": [layer._asdict() for layer in layers],
        "idle": [{"path": path, "parameters": count} for path, count in told.idle],
        "parameters": told.parameters,
        "trainable": told.trainable,
        "gflops": told.flops / 1e9,
        "input_mb": told.input_mb,
        "passes_mb": told.passes_mb,
        "parameters_mb": told.parameters_mb,
        "total_mb": told.total_mb,
    }


def _show(told: Summary, layers: tuple[Layer, ...]) -> None:
    out = console()
    rows = [(x.name, "\n".join(str(list(s)) for s in x.shapes) or "-", f"{x.parameters:,}", x.path) for x in layers]
    out.print(table(None, ("layer (type)", "output shape", ">parameters", "module"), rows))
    for path, count in told.idle:
        out.print(f"not called in evaluation: {path}, {count:,} parameters", markup=False, soft_wrap=True)
    sums = {
        "parameters": f"{told.parameters:,}",
        "trainable": f"{told.trainable:,}",
        "GFLOPs": f"{told.flops / 1e9:.1f}  (of convolutions and matrix products; a multiply-add counts two)",
        "input": f"{told.input_mb:.2f} MB",
        "forward and backward": f"{told.passes_mb:.2f} MB  (what all rows return, twice)",
        "weights": f"{told.parameters_mb:.2f} MB",
        "together": f"{told.total_mb:.2f} MB",
    }
    out.print(facts(sums))
