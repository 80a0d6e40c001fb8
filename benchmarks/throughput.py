"""Training throughput of one network, by us and by a stock script, in the same run.

The network is segmentation-models-pytorch's own U-Net on ResNet-18 in all cases; batches of 8 crops of 256x256 from
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
from pathlib import Path

import torch
import torch.nn.functional as F
from camvid import units
from camvid_sketch import CamVid

HERE = Path(__file__).parent


def network() -> torch.nn.Module:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    return smp.Unet("resnet18", encoder_weights=None, classes=11)


def stock(root: Path, seconds: float, fast: bool, last: bool) -> float:
    """Images a second of the stock script; `fast` gives it bfloat16, `last` channels last."""
    model = network()
    if last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = torch.utils.data.DataLoader(
        CamVid(root, "train", crop=256), 8, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
    )
    marks: list[float] = []
    while len(marks) < 2 or marks[-1] - marks[0] < seconds:
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
    return 8 * (len(marks) - 11) / (marks[-1] - marks[10])


def ours(root: Path, seconds: float, default: bool = False) -> float:
    """Images a second of `intarsia.train` on the same network, or on the default's, from its log; the first lines, where workers start, left out."""
    import intarsia

    recipe = {
        "data": {"name": "camvid", "root": str(root), "val": None},
        "augment": {"crop": [256, 256], "scale": [0.6, 1.6], "flip": True},
        "train": {"minutes": (seconds + 10) / 60, "batch_size": 8, "workers": 2, "cache": True},
    }
    if default:
        from intarsia.training import defaults
        from intarsia.training.facts import Facts
        from intarsia.training.machine import machine

        recipe["model"] = {**defaults.network(Facts(367), machine()).value, "norm": "batch"}
    with tempfile.TemporaryDirectory() as out:
        intarsia.train(recipe, model=None if default else network(), out=out, quiet=True)
        lines = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
    first, last = lines[0], lines[-1]
    return 8 * (last["step"] - first["step"]) / (last["seconds"] - first["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    names = ("stock float32", "stock channels last", "stock bf16", "intarsia", "default")
    rates: dict[str, list[float]] = {name: [] for name in names}
    bf16 = units()["amx"] or "avx512_bf16" in units()["units"]  # without units it is emulated, which is no peer
    for _ in range(arguments.rounds):
        rates["stock float32"].append(stock(arguments.root, arguments.seconds, fast=False, last=False))
        rates["stock channels last"].append(stock(arguments.root, arguments.seconds, fast=False, last=True))
        if bf16:
            rates["stock bf16"].append(stock(arguments.root, arguments.seconds, fast=True, last=True))
        rates["default"].append(ours(arguments.root, arguments.seconds, default=True))
        rates["intarsia"].append(ours(arguments.root, arguments.seconds))
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
    }
    (HERE / "results").mkdir(exist_ok=True)
    with (HERE / "results" / "throughput.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
