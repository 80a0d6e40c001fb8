"""Training throughput of one network, by us and by a stock script, in the same run.

The network is segmentation-models-pytorch's own U-Net on ResNet-18 in all cases; batches of 8 crops of 256x256 (`--crop`) from
CamVid, zoomed 0.6 to 1.6 and mirrored at random, decoding included; AdamW, cross entropy. The stock script is what the
peer's examples do: a Dataset on Pillow, a DataLoader with two workers, float32. "stock channels last" and "stock bf16" are the
same script given the layout, and bfloat16 autocast as well; "default" is the network that `intarsia train FOLDER` chooses. One
JSON line is appended to benchmarks/results/throughput.jsonl.

    python benchmarks/throughput.py --root data/camvid --seconds 60
"""

import argparse
import json
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import torch
import torch.nn.functional as F
from camvid import units
from camvid_sketch import CamVid

HERE = Path(__file__).parent
BATCH, FIRST = 8, 10  # FIRST: steps that are left out


class Enough(Exception):
    """The time of a measurement is over."""


def network() -> torch.nn.Module:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    return smp.Unet("resnet18", encoder_weights=None, classes=11)


def stock(root: Path, seconds: float, crop: int, fast: bool, last: bool) -> float:
    """Images a second of the stock script; `fast` gives it bfloat16, `last` channels last."""
    model = network()
    if last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = torch.utils.data.DataLoader(
        CamVid(root, "train", crop=crop), 8, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
    )
    marks: list[float] = []
    while not _over(marks, seconds):
        for image, label in loader:
            if last:
                image = image.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                logits = model(image)
            loss = F.cross_entropy(logits.float(), label, ignore_index=11)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            marks.append(time.perf_counter())
            if _over(marks, seconds):
                break
    return _rate(marks)


def _over(marks: list[float], seconds: float) -> bool:
    """Whether the steps after the first ones have taken so long."""
    return len(marks) > FIRST + 1 and marks[-1] - marks[FIRST] >= seconds


def _rate(marks: list[float]) -> float:
    """Images a second of the steps after the first ones, by the time at the end of each."""
    return BATCH * (len(marks) - 1 - FIRST) / (marks[-1] - marks[FIRST])


def ours(root: Path, seconds: float, crop: int, default: bool = False) -> float:
    """Images a second of `intarsia.train` on the same network, or on the default's; the first steps, where workers start, left out."""
    import intarsia
    from intarsia.training.events import Stepped

    recipe = {
        "data": {"name": "camvid", "root": str(root), "val": None},
        "augment": {"crop": [crop, crop], "scale": [0.6, 1.6], "flip": True},
        "train": {"steps": 100_000, "batch_size": BATCH, "workers": 2, "cache": True, "page": False},
    }
    if default:
        from intarsia.training import defaults
        from intarsia.training.facts import Facts
        from intarsia.training.machine import machine

        recipe["model"] = {**defaults.network(Facts(367), machine()).value, "norm": "batch"}
    marks: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, Stepped):
            marks.append(time.perf_counter())
            if _over(marks, seconds):
                raise Enough

    with tempfile.TemporaryDirectory() as out, suppress(Enough):
        intarsia.train(recipe, model=None if default else network(), out=out, quiet=True, on_event=listen)
    return _rate(marks)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crop", type=int, default=256)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    names = ("stock float32", "stock channels last", "stock bf16", "intarsia", "default")
    rates: dict[str, list[float]] = {name: [] for name in names}
    bf16 = units()["amx"] or "avx512_bf16" in units()["units"]  # without units it is emulated, which is no peer
    for _ in range(arguments.rounds):
        wish = (arguments.root, arguments.seconds, arguments.crop)
        rates["stock float32"].append(stock(*wish, fast=False, last=False))
        rates["stock channels last"].append(stock(*wish, fast=False, last=True))
        if bf16:
            rates["stock bf16"].append(stock(*wish, fast=True, last=True))
        rates["default"].append(ours(*wish, default=True))
        rates["intarsia"].append(ours(*wish))
    middle = {name: round(statistics.median(values), 2) for name, values in rates.items() if values}
    peers = [middle[name] for name in names[:3] if name in middle]
    line = {
        "images_per_second": middle,
        "over_float32": round(middle["intarsia"] / middle["stock float32"], 2),
        "over_best_peer": round(middle["intarsia"] / max(peers), 2),
        **({"over_bf16": round(middle["intarsia"] / middle["stock bf16"], 2)} if bf16 else {}),
        "all": {name: [round(v, 2) for v in values] for name, values in rates.items()},
        **units(),
        "threads": torch.get_num_threads(),
        "crop": arguments.crop,
        "seconds": arguments.seconds,
    }
    (HERE / "results").mkdir(exist_ok=True)
    with (HERE / "results" / "throughput.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
