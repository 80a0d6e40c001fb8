"""The networks stay what they were when they were held against their authors' code (docs/faithfulness.md).

Weights, statistics and picture are written in closed form, so that no random generator decides; pinned are the sum of the
answer, that of its absolute values, and how far the windows of all layers reach together. A number that changes is a network that changed: compare it
with the authors' code again before writing the new one.
"""

import inspect
import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from intarsia.checkpoint import VARIANTS
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES

DOCUMENT = Path(__file__).parents[2] / "docs" / "faithfulness.md"
TABLE = re.compile(r"^\| (`.+?`) \|(.+)\|$", re.MULTILINE)

# name: (sum of the answer, sum of its absolute values, reach), 3 classes, 64 x 96 pixels, the smallest encoder
PINNED: dict[str, tuple[float, float, int]] = {
    "fcn_alexnet": (-527.28, 912.74, 54),
    "fcn32s": (786.943, 2053.44, 66),
    "fcn16s": (1388.59, 2607.6, 66),
    "fcn8s": (-2442.48, 2585.97, 66),
    "segnet": (2488.28, 2488.28, 106),
    "unet": (-611.181, 3434.8, 88),
    "fpn": (2459.86, 26317.3, 124),
    "pspnet": (2839.01, 2846.94, 152),
    "deeplabv3plus": (-2914.9, 2914.9, 248),
    "deconvnet": (-276.934, 3634.78, 128),
    "linknet": (-2767.07, 3284.16, 110),
    "refinenet": (-3101.46, 8750.82, 316),
    "gcn": (-2637.58, 3183.56, 278),
    "unetplusplus": (-209.138, 2197.02, 142),
    "attention_unet": (-83.903, 1867.59, 80),
    "fc_densenet56": (1405.14, 10848.6, 90),
    "fc_densenet67": (2137.38, 8917.99, 26),
    "fc_densenet103": (2197.34, 13236.7, 52),
    "deeplabv1": (529.985, 1935.79, 118),
    "deeplabv2": (1334.39, 1425.95, 384),
    "deeplabv3": (2522.87, 2522.87, 256),
    "deeplabv3_cascade": (3133.65, 3133.65, 560),
    "dilation10": (3625.11, 3625.11, 630),
    "duc_hdc": (-29.9935, 2565.07, 196),
    "denseaspp": (-680.584, 1964.27, 384),
    "pixel_classifier": (3033.81, 3034.55, 40),
    "feature_pyramids_image": (3037.52, 3040.29, 136),
    "feature_pyramids_single": (2977.62, 3012.41, 84),
    "feature_pyramids_hierarchy": (941.414, 1148.42, 96),
    "feature_pyramids_topdown": (-3107.99, 3774.49, 84),
    "rtseg_skipnet": (-2533.8, 2633.64, 126),
    "rtseg_unet": (490.172, 2951.51, 114),
    "rtseg_dilation": (1444.2, 2283.57, 186),
    "lraspp": (-6058.75, 6059.59, 96),
    "enet": (-2358.01, 96226.3, 344),
    "erfnet": (2114.37, 3524.18, 372),
    "fast_scnn": (3089.75, 3437.65, 80),
    "ladder_densenet": (2816.07, 2843.2, 272),
    "wide_resnet38": (-808.259, 2424.4, 280),
    "sdn": (-1834.09, 2118.86, 484),
    "invertednet": (-5774.65, 5778.08, 56),
    "icnet": (-1926.23, 2587.59, 172),
    "bisenet": (2961.61, 2961.61, 128),
    "bisenetv2": (-206.536, 2885.84, 184),
    "ddrnet23slim": (-1554.58, 5202.67, 204),
    "ddrnet23": (-1554.58, 5202.67, 204),
    "ddrnet39": (1743.38, 7158.42, 312),
    "hrnet": (923.484, 2341.8, 232),
    "ocr": (1041.61, 1080.67, 140),
    "encnet": (918.66, 4577.82, 140),
    "danet": (5007.93, 5202.63, 148),
    "ccnet": (1328.35, 3572.46, 160),
    "emanet": (-2827.63, 2827.63, 164),
    "psanet": (3164.84, 3256.91, 152),
    "apcnet": (-625.959, 2798.98, 140),
    "acnet": (-2118.48, 3674.69, 120),
    "spgnet": (5555.71, 13325.7, 176),
    "hierarchical": (197.715, 2111.61, 244),
    "nasfpn": (-2293.55, 2293.55, 172),
    "upernet": (-2122.66, 2127.04, 104),
    "exfuse": (-57.563, 528.577, 172),
    "fcn_resnet": (1802.75, 2507.36, 140),
    "panoptic_deeplab": (8670.82, 21463.8, 440),
    "motion_deeplab": (6986.31, 27227.3, 288),
    "vip_deeplab": (316738, 330717, 384),
    "panoptic_fpn": (4133.5, 14189.6, 146),
    "axial_deeplab": (6170.01, 7453.3, 72),
    "maskformer": (-808.761, 815.924, 100),
    "max_deeplab": (692.491, 702.222, 232),
    "kmax_deeplab": (413.444, 755.837, 288),
    "classifier": (0.138259, 0.352601, 80),
    "vgg_classifier": (0.127455, 0.334293, 54),
    "cam": (864.112, 2228.63, 80),
    "densedepth": (19955.9, 19955.9, 290),
    "manet": (-1136.58, 2203.43, 148),
    "pan": (-2638.15, 2638.15, 158),
    "dpt": (-1738.04, 1881.68, 122),
    "segformer": (-620.92, 2405.53, 100),
    "gscnn": (-172.1, 2627.89, 452),
    "dfn": (2087.77, 2259.43, 240),
    "hanet": (-1526.77, 1935.33, 268),
    "ccl": (7088.37, 7120.51, 144),
    "rpcnet": (2797.45, 3216.82, 140),
    "msci": (699.029, 1835.54, 144),
    "foveanet": (1438.53, 3465.94, 284),
    "crf_rnn": (-4882.05, 4969.87, 66),
    "maskrcnn": (5013.93, 28569.6, 118),
    "centermask": (2517.44, 26612.7, 150),
    "sharpmask": (33060.4, 33060.4, 150),
    "shapemask": (14927.0, 16872.5, 142),
    "yolact": (4459.81, 4459.81, 132),
    "retinamask": (4279.77, 5102.37, 158),
    "tensormask": (-947038, 971568, 164),
    "dynamic_routing": (-1423.92, 2284.73, 96),
    "dsspn": (-20422.6, 20422.6, 140),
    "sgr": (-4919.29, 4919.29, 144),
    "dpn": (883.088, 2073.5, 122),
    "piecewise": (15734.4, 16264.6, 80),
    "boxsup": (467.43, 1885.74, 78),
    "dis": (3048.76, 3051.36, 148),
}


def wave(shape: torch.Size | tuple[int, ...], step: float, phase: float) -> Tensor:
    """sin(step * n + phase) for n = 0, 1, 2, ..., in double precision, as float32."""
    numbers = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(numbers * step + phase).reshape(shape).float()


@torch.no_grad()
def filled(network: nn.Module) -> nn.Module:
    """The network with weights that follow from their place alone."""
    for n, (key, tensor) in enumerate(network.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        if key.endswith("running_var"):
            tensor.copy_(1 + 0.3 * wave(tensor.shape, 0.7, n))
        elif tensor.dim() > 1:
            fan = tensor[0].numel() if tensor.shape[0] > 1 else tensor.numel()
            tensor.copy_(wave(tensor.shape, 1.3 + 0.01 * (n % 89), n) * (2.5 / max(1, fan)) ** 0.5)
        else:
            tensor.copy_((1 if key.endswith("weight") else 0) + 0.2 * wave(tensor.shape, 0.9, n))
    return network.eval()


def reach(network: nn.Module) -> int:
    """How far the windows of all convolutions and poolings see beyond their middle, down and across, added up.

    A receptive field adds the same numbers, times the strides before; another kernel or rate changes either.
    """
    total = 0
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d | nn.AvgPool2d):
            sides, rates = (getattr(module, key, 1) for key in ("kernel_size", "dilation"))
            sides, rates = ((v, v) if isinstance(v, int) else v for v in (sides, rates))
            total += sum((side - 1) * rate for side, rate in zip(sides, rates, strict=True))
    return total


def measured(name: str) -> tuple[float, float, int]:
    network = filled(build(name, 3, **ARCHITECTURES[name].smallest))
    with torch.no_grad():
        output = network(wave((1, 3, 64, 96), 0.37, 0.1))
    numbers = torch.cat([part.double().flatten() for part in output if isinstance(part, Tensor)])
    return numbers.sum().item(), numbers.abs().sum().item(), reach(network)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_answer_of_fixed_weights_is_the_pinned_one(name: str) -> None:
    total, size, far = PINNED[name]
    now = measured(name)
    assert now[2] == far
    assert now[1] == pytest.approx(size, rel=2e-4)
    assert now[0] == pytest.approx(total, abs=2e-4 * size)


def rows() -> dict[str, list[str]]:
    """Name -> the other cells of its row in the document."""
    found = {}
    for names, rest in TABLE.findall(DOCUMENT.read_text(encoding="utf-8")):
        for name in re.findall(r"`(.+?)`", names):
            found[name] = [cell.strip() for cell in rest.split("|")]
    return found


def test_every_row_of_the_catalogue_is_in_the_table() -> None:
    found = rows()
    assert set(found) == set(ARCHITECTURES)
    for name in ARCHITECTURES:
        reference, how, difference, departures = found[name]
        assert reference and how and difference and departures, name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_header_ends_in_what_was_compared(name: str) -> None:
    module = inspect.getmodule(ARCHITECTURES[name].build)
    last = (inspect.getdoc(module) or "").split("\n\n")[-1].replace("\n", " ")
    assert re.match(r"(Compared with|Read beside|Not compared:) ", last), last
    assert last.endswith("(docs/faithfulness.md)."), last


def test_every_variant_is_listed() -> None:
    text = (DOCUMENT.parent / "networks.md").read_text(encoding="utf-8")
    for name, variant in VARIANTS.items():
        assert f"| `{name}` | `{variant.model}` | {variant.peer}" in text
