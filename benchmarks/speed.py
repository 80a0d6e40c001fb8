"""The real-time family and RTSeg's grid, timed in turn, beside the mIoU that their papers print for Cityscapes.

    python benchmarks/speed.py [--size 512x1024] [--rounds 3] [--seconds 1] [--threads N] [--page DIR]

appends a line to benchmarks/results/speed.jsonl, and prints the table of docs/speed.md. `intarsia benchmark` measures; here
stands only which networks, and what was published of them.
"""

import argparse
import json
from pathlib import Path

from intarsia.report import write_benchmark
from intarsia.report.machine import machine, now, versions
from intarsia.study import Benchmark, Contender, benchmark

PRINTED = {  # network, encoder: mIoU on Cityscapes in percent, test where the paper has it
    ("enet", ""): 58.3,
    ("erfnet", ""): 69.7,
    ("fast_scnn", ""): 68.0,
    ("icnet", ""): 69.5,
    ("bisenet", "resnet18"): 74.7,
    ("bisenetv2", ""): 72.6,
    ("ddrnet23slim", ""): 77.4,
    ("ddrnet23", ""): 79.4,
    ("lraspp", ""): 72.6,
    ("rtseg_skipnet", "mobilenetv1_100"): 61.5,
    ("rtseg_skipnet", "shufflenet"): 58.3,
    ("rtseg_unet", "resnet18"): 57.9,
    ("rtseg_unet", "mobilenetv1_100"): 61.0,
    ("rtseg_unet", "shufflenet"): 57.0,
    ("rtseg_dilation", "mobilenetv1_100"): 57.8,
    ("rtseg_dilation", "shufflenet"): 53.9,
}
RESULTS = Path(__file__).parent / "results" / "speed.jsonl"


def rows(found: Benchmark) -> str:
    """The table in Markdown, the fastest first."""
    lines = ["| network | ms | 90 % | spread | images/s | MB | GFLOPs | Cityscapes, printed |", "|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for one in found.speeds:
        printed = "-" if one.score is None else f"{100 * one.score.value:.1f}{' *' if one.front else ''}"
        memory = "-" if one.memory is None else f"{one.memory / 1e6:.0f}"
        cells = one.name.replace("encoder=", ""), *(f"{1000 * x:.0f}" for x in (one.median, one.p90)), f"{100 * one.spread:.0f} %"  # fmt: skip
        lines.append(f"| {' | '.join(cells)} | {one.fps:.2f} | {memory} | {one.gflops or 0:.1f} | {printed} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="512x1024")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--backends", default="channels_last")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    height, width = map(int, given.size.split("x"))
    found = benchmark(
        [Contender(n, {**({"encoder": e} if e else {}), "score": score}) for (n, e), score in PRINTED.items()],
        backends=given.backends.split(","),
        size=(height, width),
        threads=given.threads,
        rounds=given.rounds,
        seconds=given.seconds,
        device="cpu",
        say=print,
    )
    line = {"what": "real-time networks timed in turn", **found.to_dict(), "machine": machine(), "versions": versions(), "time": now()}  # fmt: skip
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    if given.page:
        given.page.mkdir(parents=True, exist_ok=True)
        write_benchmark(given.page / "benchmark.html", found=found, command="python benchmarks/speed.py")
    print(f"\n{rows(found)}\n\n{found.verdict}")


if __name__ == "__main__":
    main()
