"""`intarsia speed`: how long a network takes for an image, with the spread, and images a second."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DataError, ModelError
from .summary import checked, pixels
from .terminal import AsJson, answer, console, facts


def speed(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A checkpoint, the folder of a run, or an architecture's name.")
    ],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Of an architecture: encoder=resnet18.")
    ] = None,
    size: Annotated[str, typer.Option(metavar="SIZE", help="Of the image: 512, or HEIGHTxWIDTH.")] = "512",
    classes: Annotated[int, typer.Option(min=1, help="Of an architecture: how many maps it draws.")] = 19,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Timed calls.")] = 50,
    warmup: Annotated[int, typer.Option(min=0, help="Calls before them.")] = 10,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps; none: the fastest there is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Time a network: milliseconds an image with their spread, and images a second."""
    import torch

    from ..metrics import latency

    height, width = pixels(size)
    place = _device(torch, "cpu" if not device and model.endswith(".onnx") else device)
    network, channels, what = _network(model, options or [], classes, place)
    image = torch.zeros(batch_size, channels, height, width, device=place)
    with torch.inference_mode():
        found = latency(lambda: network(image), runs=runs, warmup=warmup, images=batch_size, device=place)
    hardware = torch.cuda.get_device_name(place) if place.type == "cuda" else f"{torch.get_num_threads()} threads"
    tree = {
        "model": what,
        "input": [batch_size, channels, height, width],
        "device": f"{place} ({hardware})",
        "milliseconds": {key: 1000 * getattr(found, key) for key in ("median", "low", "high", "shortest", "longest")},
        "fps": found.fps,
        "runs": found.runs,
        "warmup": found.warmup,
    }
    if as_json:
        return answer(tree)
    console().print(f"{what}, {batch_size} x {channels} x {height} x {width}", markup=False, soft_wrap=True)
    return console().print(
        facts(
            {
                "images a second": f"{found.fps:.1f}",
                "a call": f"{1000 * found.median:.2f} ms (median)",
                "middle 80 %": f"{1000 * found.low:.2f} to {1000 * found.high:.2f} ms",
                "extremes": f"{1000 * found.shortest:.2f} to {1000 * found.longest:.2f} ms",
                "calls": f"{found.runs}, after {found.warmup} to warm up; float32, reading and drawing not counted",
                "device": tree["device"],
            }
        )
    )


def _network(model: str, options: list[str], classes: int, place: Any) -> tuple[Any, int, str]:
    """(the network, the channels of its images, what it is)."""
    from ..checkpoint import NETWORKS, build

    if Path(model).exists() or ":" in model:
        if options:
            raise ModelError(f"{options[0]!r}: {model} has its options already; leave them out")
        from ..checkpoint import is_graph
        from ..inference import Predictor
        from ..inference.engine import innermost

        if is_graph(model):
            import torch

            exported = Predictor.load(model)
            engine = innermost(exported.engine)
            told = f"{model} ({exported.labels.num_classes} classes)"
            return lambda image: engine(image.to(torch.uint8)), exported.in_channels, told
        predictor = Predictor.load(model, device=str(place))
        return predictor.model, predictor.in_channels, f"{model} ({predictor.labels.num_classes} classes)"
    if model not in NETWORKS:
        from ..errors import nearest

        raise ModelError(f"{model!r} is no file, and no architecture{nearest(model, NETWORKS)}")
    chosen = checked(model, options)
    told = "".join(f" {key}={value}" for key, value in chosen.items())
    return (
        build(model, classes, **chosen).to(place).eval(),
        int(chosen.get("in_channels", 3)),
        f"{model}{told}, {classes} classes",
    )


def _device(torch: Any, name: str) -> Any:
    """The device of that name, or the fastest there is.

    Raises: DataError when it is not there.
    """
    if not name:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    found = re.fullmatch(r"(cpu|mps|cuda)(?::(\d+))?", name)
    if found is None:
        raise DataError(f"--device is {name!r}; choose cpu, cuda, cuda:1 or mps")
    ready = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[found[1]]
    if not ready or (found[1] == "cuda" and int(found[2] or 0) >= torch.cuda.device_count()):
        raise DataError(f"--device is {name!r}, and there is no such device here; choose cpu")
    return torch.device(name)
