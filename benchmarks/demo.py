"""`intarsia demo` from start to end, seed by seed: how well, in how many steps, and what it costs.

Each run is the whole command in a process of its own, with at most `--threads` threads: start, audit, training, evaluation,
report, prediction. `processor` is the processor time of all its processes, which a busy machine inflates less than `wall`;
with `--busy`, another process computes all the while. One JSON line a run is appended to benchmarks/results/demo.jsonl.

    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/demo.py --seeds 5 [--busy]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def run(seed: int, threads: int, overrides: list[str]) -> dict:
    """One demo; its exit code is kept, not raised."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "intarsia", "demo", f"seed={seed}", *overrides, "--out", out, "--json"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        log = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
    score = json.loads(done.stdout)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = [line for line in log if line["kind"] == "train"][-1]
    course = {line["step"]: round(100 * line["miou"], 1) for line in log if line["kind"] == "val"}
    return {"seed": seed, "exit": done.returncode, "miou": round(100 * score["miou"], 2), "steps": max(course),
            "training": round(last["seconds"], 1), "wall": round(wall, 1), "processor": round(spent, 1), "course": course,
            "iou": {name: round(100 * iou, 1) for name, iou in score["iou"].items()},
            "overrides": overrides}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("overrides", nargs="*", help="keys of the recipe to change")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", action="store_true", help="let another process compute meanwhile")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "demo.jsonl")
    arguments = parser.parse_args()
    import torch

    facts = {"threads": arguments.threads, "cores": os.cpu_count(), "busy": arguments.busy, "torch": torch.__version__,
             "processor_units": torch.backends.cpu.get_cpu_capability()}  # fmt: skip
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if arguments.busy else None
        try:
            facts["load"] = round(os.getloadavg()[0], 1)  # of the machine before the run
            line = {**run(seed, arguments.threads, arguments.overrides), **facts}
        finally:
            if other:
                other.kill()
                other.wait()
        with arguments.results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(
            f"seed {seed}: exit {line['exit']}, mIoU {line['miou']} after {line['steps']} steps, "
            f"{line['wall']} s, {line['processor']} s of processor time",
            flush=True,
        )


if __name__ == "__main__":
    main()
