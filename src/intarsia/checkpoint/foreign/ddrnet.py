"""The files of DDRNet's authors, and of chenjun2hao's training code, which writes the same names under `model.`."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .names import Found, Row, conv_norm, numbers

NAMES = {(32, False): "ddrnet23slim", (64, False): "ddrnet23", (64, True): "ddrnet39"}
DEPTHS = {False: (2, 2, 2, 2), True: (3, 4, 3, 3, 3)}
STAGES = {False: ("3", "4"), True: ("3_1", "3_2", "4")}  # of both branches; DDRNet-39 exchanges once more


def norm_conv(theirs: str, ours: str, first: int = 0) -> list[Row]:
    """The rows of a norm, its ReLU and the convolution behind it."""
    return [(f"{theirs}.{first}.*", f"{ours}.norm.*"), (f"{theirs}.{first + 2}.*", f"{ours}.conv.*")]


def unit(theirs: str, ours: str, convolutions: int = 2) -> list[Row]:
    """The rows of a residual unit, whose last convolution has no ReLU behind it."""
    rows: list[Row] = [(f"{theirs}.downsample.*", f"{ours}.around.*")]
    for n in range(convolutions):
        conv, norm = ("0", "1") if n == convolutions - 1 else ("conv", "norm")
        rows += [(f"{theirs}.conv{n + 1}.*", f"{ours}.inside.{n}.{conv}.*")]
        rows += [(f"{theirs}.bn{n + 1}.*", f"{ours}.inside.{n}.{norm}.*")]
    return rows


def head(theirs: str, ours: str) -> list[Row]:
    """The rows of a classifier and the convolution before it."""
    return [
        (f"{theirs}.bn1.*", f"{ours}.0.norm.*"),
        (f"{theirs}.conv1.*", f"{ours}.0.conv.*"),
        (f"{theirs}.bn2.*", f"{ours}.1.*"),
        (f"{theirs}.conv2.*", f"{ours}.3.score.*"),
    ]


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The DDRNet that these tensors are of; None if they are of another network.

    Args:
        settings: a config.json's; the authors write none.
    """
    score, stem = tensors.get("final_layer.conv2.weight"), tensors.get("conv1.0.weight")
    if score is None or stem is None or "spp.scale0.2.weight" not in tensors:
        return None
    deep = "layer3_1.0.conv1.weight" in tensors
    options: dict[str, Any] = {
        "channels": len(stem),
        "context": len(tensors["spp.scale0.2.weight"]),
        "head": len(tensors["final_layer.conv1.weight"]),
    }
    model = NAMES.get((len(stem), deep), "ddrnet39" if deep else "ddrnet23")
    if "seghead_extra.conv2.weight" not in tensors:
        model, options["depths"] = "bare_ddrnet", DEPTHS[deep]
    return Found(
        peer="DDRNet, by its authors",
        model=model,
        num_classes=len(score),
        in_channels=stem.shape[1],
        options=options,
        names=_rows(tensors, STAGES[deep]),
    )


def _rows(tensors: Mapping[str, Tensor], stages: tuple[str, ...]) -> list[Row]:
    rows = [*conv_norm("conv1", "stem.0"), *conv_norm("conv1", "stem.1", 3)]
    layers = [("layer1", "layer1"), ("layer2", "layer2")]
    for n, stage in enumerate(stages):
        layers += [(f"layer{stage}", f"stages.{n}.coarse"), (f"layer{stage}_", f"stages.{n}.fine")]
        rows += [(f"compression{stage}.*", f"stages.{n}.compress.*")]
        rows += [(f"down{stage}.{k}.*", f"stages.{n}.down.{k // 3 * 2}.{k % 3}.*") for k in (0, 1, 3, 4)]
    for theirs, ours in layers:  # ours counts the ReLUs between two units, too
        units = numbers(tensors, f"{theirs}.{{n}}.conv1.weight")
        rows += [row for n in units for row in unit(f"{theirs}.{n}", f"{ours}.{2 * n}")]
    rows += [*unit("layer5.0", "coarse", 3), *unit("layer5_.0", "fine", 3)]
    rows += norm_conv("spp.scale0", "pool.squeeze.0")
    for n in range(1, 5):
        rows += [(f"spp.scale{n}.1.*", f"pool.squeeze.{n}.norm.*"), (f"spp.scale{n}.3.*", f"pool.squeeze.{n}.conv.*")]
        rows += norm_conv(f"spp.process{n}", f"pool.mix.{n - 1}")
    rows += [*norm_conv("spp.compression", "pool.fuse"), *norm_conv("spp.shortcut", "pool.around")]
    return [*rows, *head("final_layer", "classify"), *head("seghead_extra", "auxiliary")]
