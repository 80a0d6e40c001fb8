"""RTSeg's grid: what each pair of encoder and decoder costs, beside the figures that the study prints.

    python benchmarks/rtseg.py            appends a line to benchmarks/results/rtseg.jsonl

GFLOPs of one image, 19 classes, a multiplication with its addition counted as two, on shapes alone: the study's own
figures are for 360x640 (so says its code's README; SegNet's and ENet's are those that ENet's paper prints), and 512x1024 is
the size it trains at.
"""

import json
from pathlib import Path

import torch

from intarsia.models import build, count_flops
from intarsia.report.machine import now, versions

CLASSES = 19
SIZES = {"360x640": (360, 640), "512x1024": (512, 1024)}
DECODERS = ("rtseg_skipnet", "rtseg_unet", "rtseg_dilation")
ENCODERS = ("vgg16", "resnet18", "mobilenetv1_100", "shufflenet")
PRINTED = {"segnet": 286.03, "enet": 3.83, "rtseg_skipnet shufflenet": 2.0, "rtseg_skipnet mobilenetv1_100": 6.2}
RESULTS = Path(__file__).parent / "results" / "rtseg.jsonl"


def main() -> None:
    networks = {name: (name, {}) for name in ("segnet", "enet")}
    networks |= {f"{d} {e}": (d, {"encoder": e}) for d in DECODERS for e in ENCODERS}
    gflops: dict[str, dict[str, float]] = {}
    for row, (name, options) in networks.items():
        with torch.device("meta"):
            network = build(name, CLASSES, **options)
        gflops[row] = {size: round(count_flops(network, *hw) / 1e9, 2) for size, hw in SIZES.items()}
        figures = "".join(f"  {size} {value:8.2f}" for size, value in gflops[row].items())
        print(f"{row:32}{figures}  printed {PRINTED.get(row, '-')}")
    factor = gflops["segnet"]["360x640"] / gflops["rtseg_skipnet shufflenet"]["360x640"]
    print(f"SegNet costs {factor:.0f} times as much as SkipNet on ShuffleNet; the study says 143")
    line = {
        "what": f"GFLOPs of one image, {CLASSES} classes, a multiply-add as two; the printed figures are for 360x640",
        "gflops": gflops, "printed": PRINTED, "segnet_over_skipnet_shufflenet": round(factor, 1), "printed_factor": 143,
        "versions": versions(), "time": now(),
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
