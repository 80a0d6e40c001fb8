"""Which encoder a peer's file holds, and its names in ours, which are timm's."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from .names import Row, numbers

RESNETS = {  # (blocks a stage, shape of the first block's second kernel without its 3x3): timm's name
    ((2, 2, 2, 2), (64, 64), False): "resnet18",
    ((3, 4, 6, 3), (64, 64), False): "resnet34",
    ((3, 4, 6, 3), (64, 64), True): "resnet50",
    ((3, 4, 23, 3), (64, 64), True): "resnet101",
    ((3, 8, 36, 3), (64, 64), True): "resnet152",
    ((3, 4, 6, 3), (128, 4), True): "resnext50_32x4d",
    ((3, 4, 23, 3), (128, 4), True): "resnext101_32x4d",
    ((3, 4, 23, 3), (256, 8), True): "resnext101_32x8d",
    ((3, 4, 23, 3), (256, 4), True): "resnext101_64x4d",
    ((3, 4, 23, 3), (512, 16), True): "resnext101_32x16d",
    ((3, 4, 23, 3), (1024, 32), True): "resnext101_32x32d",
    ((3, 4, 23, 3), (1536, 48), True): "resnext101_32x48d",
    ((3, 4, 6, 3), (128, 128), True): "wide_resnet50_2",
    ((3, 4, 23, 3), (128, 128), True): "wide_resnet101_2",
}
# torchvision's MobileNet v3 is one list of layers, timm's has stages: layer 4 is blocks.2.0.
STAGES = ((1,), (2, 3), (4, 5, 6), (7, 8, 9, 10), (11, 12), (13, 14, 15), (16,))
CUT = ((1,), (2, 3), (4,), (5, 6), (7, 8, 9, 10), (11, 12), (13, 14, 15), (16,))  # where c3 is what layer 4 gives
SQUEEZED = (4, 5, 6, 11, 12, 13, 14, 15)  # layers with a squeeze-and-excitation between depthwise and projection
EPSILON = 1e-3 - 1e-5  # what torchvision's MobileNet adds to each variance more than timm's does


def resnet(tensors: Mapping[str, Tensor], prefix: str) -> str | None:
    """timm's name of the ResNet whose tensors begin with `prefix`, in torchvision's names; None if it is none."""
    stages = [numbers(tensors, prefix + f"layer{n}.{{n}}.conv1.weight") for n in (1, 2, 3, 4)]
    first = tensors.get(f"{prefix}layer1.0.conv2.weight")
    if first is None or f"{prefix}conv1.weight" not in tensors or f"{prefix}layer1.0.se_module.fc1.weight" in tensors:
        return None
    bottleneck = f"{prefix}layer1.0.conv3.weight" in tensors
    a, b = first.shape[:2]
    return RESNETS.get((tuple(map(len, stages)), (a, b), bottleneck))  # type: ignore[arg-type]


def mobilenet_v3_large(prefix: str, stages: Sequence[Sequence[int]] = STAGES) -> list[Row]:
    """torchvision's names of MobileNet v3 (large), each layer at `prefix` and its number, as timm's."""
    rows = [(f"{prefix}0.0.*", "encoder.body.conv_stem.*"), (f"{prefix}0.1.*", "encoder.body.bn1.*")]
    for stage, layers in enumerate(stages):
        for n, layer in enumerate(layers):
            rows += _layer(f"{prefix}{layer}", f"encoder.body.blocks.{stage}.{n}", layer)
    return rows


def _layer(peer: str, ours: str, layer: int) -> list[Row]:
    if layer == 16:  # the last is a plain convolution
        return [(f"{peer}.0.*", f"{ours}.conv.*"), (f"{peer}.1.*", f"{ours}.bn1.*")]
    parts = ["conv_pw", "conv_dw", *(["se"] if layer in SQUEEZED else []), "conv_pwl"]
    if layer == 1:  # the first is not widened: depthwise, then pointwise
        parts = ["conv_dw", "conv_pw"]
    rows: list[Row] = []
    norm = 0
    for n, part in enumerate(parts):
        if part == "se":
            rows += [
                (f"{peer}.block.{n}.fc1.*", f"{ours}.se.conv_reduce.*"),
                (f"{peer}.block.{n}.fc2.*", f"{ours}.se.conv_expand.*"),
            ]
            continue
        norm += 1
        rows += [(f"{peer}.block.{n}.0.*", f"{ours}.{part}.*"), (f"{peer}.block.{n}.1.*", f"{ours}.bn{norm}.*")]
    return rows


def add_epsilon(name: str, tensor: Tensor) -> Tensor:
    """torchvision's variances for timm's norms, which add less to them: the same answer in evaluation."""
    return tensor + EPSILON if name.startswith("encoder.") and name.endswith("running_var") else tensor
