"""Every architecture of the catalogue learns eight CamVid crops by heart, with one recipe for all.

AdamW at 2e-3 with 30 steps of warm-up and polynomial decay, gradients clipped to norm 1, cross entropy (and the auxiliary heads at 0.4, and borders), float32,
dropout off, all eight crops in every step: 32x32 pixels, enlarged to 128x128. A row tells after how many steps the loss of
training fell below 0.15, and how many seconds of one processor that took. Networks have the size of `OPTIONS`, or of the
contract tests. One JSON line a network is appended to benchmarks/results/overfit.jsonl.

    python benchmarks/overfit.py --root data/camvid [--only unet,fpn]

With `--beside pspnet` the crops are 128x128 of the picture itself, every network takes all 300 steps (or `--steps`), that one
first, and a row tells the loss and the mIoU on the eight crops in the end, and both as shares of its. Deck 4's table has one small
encoder there (`ZOO`); where the paper leaves the stride open it is 16.

    python benchmarks/overfit.py --root data/camvid --beside pspnet --only gscnn,dfn
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from intarsia.data.augment.geometry import resize_image
from intarsia.data.normalize import normalize
from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.losses.auxiliary import total
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES

HERE = Path(__file__).parent
STEPS, BAR = 300, 0.15
VGG = {"channels": (32, 64, 96, 128, 128, 256)}
ZOO = {
    "encoder": "regnetx_002",
    "channels": 64,
}  # deck 4's table beside PSPNet: one small encoder, stride 16 where a network has one to choose
UNET = {"channels": (16, 32, 64, 96, 128)}
OPTIONS: dict[str, dict] = {  # where the contract tests' size is too small to hold eight crops
    "fcn_alexnet": {"channels": (48, 96, 128, 128, 96, 256)},
    **dict.fromkeys(("fcn32s", "fcn16s", "fcn8s", "deconvnet", "deeplabv1", "dilation10"), VGG),
    **dict.fromkeys(("unet", "unetplusplus", "attention_unet"), UNET),
    "segnet": {"channels": (32, 64, 96, 128, 128)},
    "linknet": {"encoder": "resnet18"},
    "refinenet": {"encoder": "resnet18", "channels": (32, 32, 32, 64)},
    **{name: {"layers": layers, "growth": 12, "stem": 32} for name, layers in (
        ("fc_densenet56", (1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1)), ("fc_densenet67", (2, 3, 2)), ("fc_densenet103", (2, 3, 4, 3, 2)))},
    "denseaspp": {"encoder": "resnet18", "channels": 64, "growth": 32},
    "pixel_classifier": {"context": 35, "channels": 32, "hidden": 64},
    "feature_pyramids_image": {"encoder": "resnet18", "channels": 64, "scales": 2, "output_stride": 8},
    **{f"feature_pyramids_{kind}": {"encoder": "resnet18", "channels": 64} for kind in ("single", "hierarchy", "topdown")},
    "rtseg_unet": {"encoder": "resnet18"},
    "deeplabv3plus": {"encoder": "resnet18", "channels": 128, "output_stride": 8},
    "lraspp": {}, "enet": {}, "erfnet": {}, "fast_scnn": {}, "bisenetv2": {}, "ddrnet23slim": {},
    "ladder_densenet": {"encoder": "densenet121"},
    "wide_resnet38": {"width": 16, "channels": 64},
    "sdn": {"encoder": "densenet121", "growth": 16, "channels": (64, 64, 96)},
    "invertednet": {"channels": (64, 48, 32, 16)},
    "icnet": {"encoder": "resnet18"},
    "bisenet": {"encoder": "resnet18"},
    "ddrnet23": {"channels": 32}, "ddrnet39": {"channels": 32},
    "ocr": {"encoder": "resnet18", "channels": 128, "width": 64},
    "hierarchical": {"encoder": "hrnet_w18_small", "channels": 64, "width": 32, "attention": 32, "scales": (0.5, 1.0)},
    "nasfpn": {"encoder": "efficientnet_b0", "channels": 64, "stacks": 2},
    "upernet": {"encoder": "resnet18", "channels": 64},
    "pspnet": ZOO | {"output_stride": 16},
    **{name: ZOO | {"output_stride": 16} for name in ("encnet", "danet", "ccnet", "psanet", "apcnet", "acnet")},
    "emanet": ZOO | {"output_stride": 16, "multi_grid": None},
    "ccl": ZOO,
    "spgnet": {"encoder": "resnet18", "channels": 64},
    "gscnn": ZOO | {"detail": 24, "output_stride": 16},
    "dfn": ZOO | {"border": 8},
    "hanet": ZOO | {"detail": 24, "reduction": 8, "side": 64, "output_stride": 16},
    "msci": {"encoder": "regnetx_002", "channels": 32, "steps": 2, "side": 8},
    "foveanet": ZOO | {"estimate": 16},
    "rpcnet": ZOO | {"width": 32},
    "dynamic_routing": {"layers": 6, "channels": 32},
    "dsspn": ZOO | {"channels": 128},
    "sgr": ZOO | {"rates": (1, 2)},
    "piecewise": {"encoder": "regnetx_002", "channels": 64, "hidden": 64, "reach": 1, "iterations": 3},
    "dis": ZOO | {"narrow": 16, "output_stride": 16},
    "boxsup": VGG,
    "dpn": VGG | {"window": 5, "context": 3},
    "crf_rnn": VGG | {"color": 60.0, "iterations": 3, "training_iterations": 2},
}  # fmt: skip


def crops(root: Path, side: int = 32) -> tuple[Tensor, Tensor]:
    """Eight squares of `side` pixels, enlarged to 128 where they are smaller."""
    images, labels, (top, left) = [], [], (190, 210) if side == 32 else (160, 180)
    for path in sorted((root / "train").glob("*.png"))[::46][:8]:
        image, mask = np.array(Image.open(path).convert("RGB")), np.array(Image.open(root / "trainannot" / path.name))
        images.append(torch.from_numpy(image[top : top + side, left : left + side].copy()).permute(2, 0, 1))
        labels.append(torch.from_numpy(mask[top : top + side, left : left + side].copy()).long())
    images = [resize_image(image, (128, 128)) for image in images]
    labels = [F.interpolate(m[None, None].float(), (128, 128), mode="nearest-exact")[0, 0].long() for m in labels]
    return normalize(torch.stack(images), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), torch.stack(labels)


@torch.no_grad()
def mean_iou(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The mean over the classes that the labels have, in evaluation."""
    found = network.eval()(images).logits.argmax(1)
    pairs = [((found == k) & (labels != 11), labels == k) for k in labels.unique().tolist() if k != 11]
    return float(np.mean([((f & t).sum() / (f | t).sum()).item() for f, t in pairs]))


def learn(name: str, images: Tensor, labels: Tensor, steps: int = STEPS, bar: float = BAR) -> dict:
    """Train one network until its loss is below the bar."""
    torch.manual_seed(0)
    network = build(name, 11, **OPTIONS.get(name, dict(ARCHITECTURES[name].smallest))).train()
    for module in network.modules():
        if "drop" in type(module).__name__.lower():
            for key in ("p", "drop_prob", "std", "rate"):
                if isinstance(getattr(module, key, None), float):
                    setattr(module, key, 0.0)
    channels = next(m for m in network.modules() if isinstance(m, nn.Conv2d)).in_channels
    criterion = Auxiliary(CrossEntropy(ignore_index=11), 0.4, ignore_index=11)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-4)
    started, lowest, reached = time.process_time(), float("inf"), None
    for step in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, step / 30) * (1 - step / (steps + 1)) ** 0.9
        output = network(images if channels == 3 else images[:, :channels])
        terms = criterion(output, labels)
        main, loss = terms["main"], total(terms)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        lowest = min(lowest, main.item())
        if main.item() < bar:
            reached = step
            break
    seconds = time.process_time() - started
    count, score = sum(p.numel() for p in network.parameters()), mean_iou(network, images[:, :channels], labels)
    return {"name": name, "loss": round(main.item(), 4), "lowest": round(lowest, 4), "steps": reached, "miou": round(score, 4),
            "seconds": round(seconds, 1), "parameters": count, "torch": torch.__version__}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--beside", default="", help="the network that all others are compared with")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--results", type=Path, default=HERE / "results" / "overfit.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    first, bar = arguments.beside, 0.0 if arguments.beside else BAR
    images, labels = crops(arguments.root, 128 if first else 32)
    names = arguments.only.split(",") if arguments.only else list(ARCHITECTURES)
    names = [first, *(name for name in names if name != first)] if first else names
    arguments.results.parent.mkdir(exist_ok=True)
    lines: dict[str, dict] = {}
    for name in names:
        lines[name] = line = learn(name, images, labels, arguments.steps, bar)
        with arguments.results.open("a") as file:
            file.write(json.dumps(line | ({"beside": first, "of": arguments.steps} if first else {})) + "\n")
        if first:
            loss, score = line["loss"] / lines[first]["loss"], line["miou"] / lines[first]["miou"]
            print(f"{name:24} loss {line['loss']:.4f} ({loss:.2f}x)  mIoU {line['miou']:.4f} ({score:.2f}x)  {line['seconds']:6.1f} s", flush=True)  # fmt: skip
            continue
        verdict = f"below {BAR} after {line['steps']} steps" if line["steps"] else f"NOT below {BAR}: {line['lowest']}"
        print(f"{name:24} {verdict:32} {line['seconds']:6.1f} s  {line['parameters'] / 1e6:6.2f} M", flush=True)


if __name__ == "__main__":
    main()
