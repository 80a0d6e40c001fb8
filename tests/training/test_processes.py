"""Several processes of one run: equal to one with the double batch; gone on with by another number; killed and started again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import intarsia
from intarsia.training.log import Log
from intarsia.training.restart import job, restarted
from intarsia.training.spread import averaged

SCRIPT = r"""
import os, signal, socket, sys
from pathlib import Path

import torch
from torch import nn

import intarsia
import lightning.fabric

torch.set_num_threads(1)
top = Path(sys.argv[1])


class Squares:
    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, count, dies=False):
        self.count, self.dies, self.reads = count, dies, 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.reads += 1
        if self.dies and self.reads == 14:  # in the fourth step
            os.kill(os.getpid(), signal.SIGKILL)
        labels = torch.zeros(16, 16, dtype=torch.uint8)
        labels[index % 8 : index % 8 + 6, 2 : 6 + index % 5] = 1
        return (labels * 150 + index).repeat(3, 1, 1), labels, str(index)


def broken(output, batch):
    loss = output.logits.square().mean()
    return loss * float("nan") if os.environ["RANK"] == "1" and "9" in batch.names else loss


def trained(out, batch, steps, resume=False, dies=False, **more):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    train = {"steps": steps, "batch_size": batch, "workers": 0, "audit": False, "precision": "float32", "ema": 0.9,
             "accelerator": "cpu", "log_every": 1, "page": False, "checkpoint_every": 2}
    wish = {"train": train, "optimizer": {"name": "sgd", "lr": 0.1}, "schedule": {"name": "constant"}, "seed": 3}
    intarsia.train(wish, model=net, data=(Squares(22, dies), Squares(5)), out=top / out, resume=resume, **more)


def together(processes, *wish, dying=None, **more):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pids = []
    for rank in range(processes):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if processes > 1 or "TORCHELASTIC_RUN_ID" in os.environ:
                    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes), "GROUP_RANK": "0",
                                   "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                                   "TORCHELASTIC_RUN_ID": os.environ.get("TORCHELASTIC_RUN_ID", "none")}
                sys.stderr = (top / f"{wish[0]}-{rank}.txt").open("a", buffering=1)
                trained(*wish, dies=rank == dying, **more)
                code = 0
            except BaseException as error:
                print(type(error).__name__, error, file=sys.stderr)
            finally:
                os._exit(code)
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


assert together(1, "one", 8, 6) == [0]
assert together(2, "two", 4, 3) == [0, 0]
assert together(1, "two", 4, 6, resume=True) == [0]  # the recipe as it was written
assert together(1, "odd", 7, 6) == [0]
assert together(1, "back", 7, 3) == [0]
assert together(2, "back", 7, 6, resume=True) == [0, 0]  # parts of 4 and 3, and of 1 and 0 at the end of an epoch

assert together(2, "nan", 4, 30, loss=broken) == [1, 1]

os.environ["TORCHELASTIC_RUN_ID"] = "a job"
first = together(2, "killed", 4, 6, dying=1)
assert first[1] == -signal.SIGKILL and first[0] != 0, first
assert together(2, "killed", 4, 6) == [1, 1]  # nobody started it again: it is not written over
os.environ["TORCHELASTIC_RESTART_COUNT"] = "1"
assert together(2, "killed", 4, 6) == [0, 0]
"""


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    every = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in every if line["kind"] == kind]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_runs_of_two_processes_and_of_one_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + "".join(f.read_text()[-1500:] for f in tmp_path.glob("*.txt"))
    for one, other in (("one", "two"), ("odd", "back"), ("one", "killed")):
        here, there = (lines(tmp_path / run, "train") for run in (one, other))
        assert [line["step"] for line in there] == [1, 2, 3, 4, 5, 6]  # of one process, once
        assert [line["loss"] for line in there] == pytest.approx([line["loss"] for line in here], abs=1e-5)
        stored = [intarsia.checkpoint.load(tmp_path / run, state=True) for run in (one, other)]
        for tensors in ([s.weights for s in stored], [s.state for s in stored]):
            names = [name for name in tensors[0] if not name.startswith("rng/")]
            assert max(float((tensors[0][n].float() - tensors[1][n].float()).abs().max()) for n in names) < 1e-5
        scores = [lines(tmp_path / run, "val")[-1]["iou"] for run in (one, other)]
        assert scores[1] == pytest.approx(scores[0], abs=1e-5)  # 3 images were scored by one process, 2 by the other
    told = (tmp_path / "two-0.txt").read_text()
    assert "was saved by 2 processes and goes on in 1: each step has the same 8 images as it would have had\n" in told
    assert (tmp_path / "two-1.txt").read_text().strip() == ""
    told = (tmp_path / "nan-1.txt").read_text()  # of the process that had the batch; the other could not know
    assert "TrainingError the loss became nan" in told and "the batch is in" in told
    with safe_open(tmp_path / "nan/fault.safetensors", framework="pt") as file:
        assert "9" in file.metadata()["names"].split("\n")
    assert "TrainingError another process of this run has ended" in (tmp_path / "nan-0.txt").read_text()
    told = (tmp_path / "killed-0.txt").read_text()
    assert told.count("TrainingError another process of this run has ended") == 1
    assert told.count("holds a run already; --resume goes on with it") == 1
    assert "resumed at step 2, because torchrun a job was started again" in told
    assert told.count("6 steps in") == 1 and "6 steps in" not in (tmp_path / "killed-1.txt").read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_torchrun_starts_a_killed_process_again(tmp_path: Path) -> None:
    body = SCRIPT[: SCRIPT.index("def together")]
    body += 'trained("run", 4, 6, dies=os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0")\n'
    (tmp_path / "run.py").write_text(body)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--max-restarts=1"]
    done = subprocess.run(
        [*launcher, str(tmp_path / "run.py"), str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(re.findall(r"resumed at step 2, because torchrun .* was started again", done.stderr)) == 1
    assert done.stderr.count("6 steps in") == 1
    assert [line["step"] for line in lines(tmp_path / "run", "train")] == [1, 2, 3, 4, 5, 6]


def test_only_the_first_process_writes_the_log(tmp_path: Path) -> None:
    """Each one made the file anew, and whose lines were kept was a matter of chance."""
    with Log(tmp_path, quiet=True) as log, Log(tmp_path, quiet=True, writes=False) as other:
        log.write("train", step=1, loss=0.5)
        other.write("train", step=1, loss=0.25)
    assert [line["loss"] for line in lines(tmp_path, "train")] == [0.5]


def test_a_loss_is_that_of_all_parts_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches of 4 and 3 samples, and of one sample that the first process has; the other's has no weight."""
    own = ([1.0, 2.0], [8 / 7, 2.0], {"main": 2.0})

    def gather(every: list[Any], sent: Any) -> None:
        every[:] = [sent, ([4.0, float("nan")], [6 / 7, 0.0], {"main": float("nan")})]

    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    losses, terms = averaged(*own, 2)
    assert losses == pytest.approx([(4 * 1.0 + 3 * 4.0) / 7, 2.0]) and terms == {"main": 2.0}


def test_a_restart_is_known_by_its_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "SLURM_JOB_ID", "SLURM_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    assert job() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    labels = intarsia.LabelSpace(("a", "b"))
    stored = intarsia.checkpoint.Checkpoint(
        model=None, options={}, labels=labels, in_channels=3, mean=(0.0,) * 3, std=(1.0,) * 3, weights={"w": torch.zeros(1)},
        recipe={}, protocol="", data_hash="", notes={}, progress={"step": 2, "job": job()},
    )  # fmt: skip
    intarsia.checkpoint.save(tmp_path / "last.safetensors", stored)
    assert not restarted(tmp_path)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert restarted(tmp_path) and not restarted(tmp_path / "another")
    monkeypatch.setenv("SLURM_JOB_ID", "18")
    assert not restarted(tmp_path)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert str(os.getppid()) in job()
