"""Several processes of one run: two equal one with the double batch, with group norm; shards of uneven size; one validation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import intarsia

SCRIPT = r"""
import os, sys
from pathlib import Path

import torch
from torch import nn

import intarsia

torch.set_num_threads(1)


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index % 8 : index % 8 + 6, 2 : 6 + index % 5] = 1
        return (labels * 150 + index).repeat(3, 1, 1), labels, str(index)


out, batch, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 2, 1))
train = {"steps": 5, "batch_size": batch, "workers": 0, "audit": False, "precision": "float32", "ema": 0.9, "accelerator": "cpu"}
wish = {"train": train, "optimizer": {"name": "sgd", "lr": 0.1}, "seed": 3}
intarsia.train(wish, model=net, data=(Squares(count), Squares(5)), out=out, quiet=True)
"""


def run(folder: Path, processes: int, batch: int, count: int) -> tuple[dict[str, torch.Tensor], dict]:
    script = folder / "run.py"
    script.write_text(SCRIPT)
    out = folder / f"{processes}-{count}"
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    subprocess.run(
        [*command, str(script), str(out), str(batch), str(count)], check=True, capture_output=True, timeout=900
    )
    val = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines() if '"val"' in line]
    assert len(val) == 1
    return dict(intarsia.checkpoint.load(out / "last.safetensors").weights), val[0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [16, 17])  # shards of 8, and one sample that no process has
def test_two_processes_equal_one_with_the_double_batch(tmp_path: Path, count: int) -> None:
    one, val = run(tmp_path, 1, 8, 16) if count == 16 else ({}, {})
    two, shared = run(tmp_path, 2, 4, count)
    assert all(tensor.isfinite().all() for tensor in two.values())
    if one:
        assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-5
        assert shared["iou"] == pytest.approx(val["iou"], abs=1e-5)  # 3 images were scored by one, 2 by the other
