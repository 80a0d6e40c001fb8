"""A run in two phases, its encoder frozen and then trained as well, killed wherever it is: it ends with the same bits."""

import subprocess
import sys
from pathlib import Path

import pytest

# One process imports everything once; each attempt is a fork of it, so that a kill costs no start.
SCRIPT = r"""
import json, os, random, signal, sys, time
from pathlib import Path

import torch
from torch import nn

import intarsia
import lightning.fabric
from intarsia.training import loop, recipe

recipe.catalogues()  # here once, or each fork imports all of it again
torch.set_num_threads(1)
FIRST, BOTH = 9, 24


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, count, left):
        self.count, self.left = count, left

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index % 8 : index % 8 + 6, self.left : self.left + 6] = 1
        return (labels * 200).repeat(3, 1, 1) + 20 + index, labels, f"{self.left}-{index}"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2))
        self.classify = nn.Conv2d(6, 2, 1)

    def forward(self, image):
        return self.classify(self.encoder(image))


def attempt(out, workers):
    # whatever of the run in `out` is left to do
    last = out / "last.safetensors"
    done = intarsia.checkpoint.load(last, state=True).progress["step"] if last.exists() else 0
    train = {"batch_size": 2, "accumulate": 2, "workers": workers, "log_every": 1, "checkpoint_every": 2, "ema": 0.8,
             "precision": "float32", "audit": False, "freeze": ["encoder"]}
    wish = {"optimizer": {"name": "adamw", "lr": 0.05, "encoder_lr": 0.1}, "schedule": {"name": "cosine", "warmup": 0.1},
            "train": train, "evaluate": {"every": 5}, "seed": 3}
    phases = [{"steps": FIRST}, {"steps": BOTH, "unfreeze_at": 0.6}]  # steps 9..14 are frozen, 15..23 are not
    for phase in phases[1 if done >= FIRST else 0 :]:
        intarsia.train({**wish, "train": {**train, **phase}}, model=Net(), data=(Squares(7, 3), Squares(3, 6)), out=out,
                       resume=True, quiet=True)


def forked(out, workers):
    process = os.fork()
    if process == 0:
        code = 1
        try:
            attempt(out, workers)
            code = 0
        finally:
            os._exit(code)
    return process


def result(out):
    held = {}
    for name in ("last", "best"):
        stored = intarsia.checkpoint.load(out / f"{name}.safetensors", state=True)
        held |= {f"{name}/{key}": value for room in (stored.weights, stored.state) for key, value in room.items()}
        held |= {f"{name}/step": torch.tensor(stored.notes["step"])}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    told = [(line["kind"], line["step"], line.get("loss"), line.get("miou")) for line in lines]
    return held, told


top, kills = Path(sys.argv[1]), int(sys.argv[2])
assert os.waitpid(forked(top / "whole", 0), 0)[1] == 0
whole, told = result(top / "whole")
assert whole["last/optimizer/encoder.0.weight/step"] == BOTH - 15, whole["last/optimizer/encoder.0.weight/step"]
assert whole["last/optimizer/classify.weight/step"] == BOTH
chance, killed, equal, steps = random.Random(0), 0, 0, []
for trial in range(5 * kills):
    if killed == kills:
        break
    out = top / str(trial)
    process = forked(out, trial % 2)
    log, lines = out / "log.jsonl", chance.randrange(BOTH)
    while not (log.exists() and log.read_text().count("\n") >= lines):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05))
    os.kill(process, signal.SIGKILL)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != -signal.SIGKILL:
        continue  # it was over before
    killed += 1
    last = out / "last.safetensors"
    steps.append(intarsia.checkpoint.load(last).notes["step"] if last.exists() else 0)
    assert os.waitpid(forked(out, (trial + 1) % 2), 0)[1] == 0, f"trial {trial} did not go on from step {steps[-1]}"
    mine, mine_told = result(out)
    same = mine.keys() == whole.keys() and all(torch.equal(mine[key], whole[key]) for key in whole)
    equal += same and mine_told == told
    if not (same and mine_told == told):
        print("differs", trial, steps[-1], [k for k in whole if k not in mine or not torch.equal(mine[k], whole[k])][:5],
              [pair for pair in zip(told, mine_told) if pair[0] != pair[1]][:3])
    left = sorted(p.name for p in out.iterdir())
    assert left == ["best.safetensors", "last.safetensors", "log.jsonl", "recipe.yaml", "run.html", "strip.json"], left
print(f"{killed} kills, {equal} equal, at steps {steps}")
"""


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed")
def test_a_run_that_freezes_and_unfreezes_ends_alike_wherever_it_is_killed(tmp_path: Path, kills: int) -> None:
    """Weights, average, optimizer, generators, the best checkpoint and the log, to the last bit."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(kills)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{kills} kills, {kills} equal" in done.stdout, done.stdout
