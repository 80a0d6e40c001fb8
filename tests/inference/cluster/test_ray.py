"""A job on a real cluster of Ray's, begun on this machine: two actors, one of which is killed in the middle."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import intarsia
from intarsia.errors import DataError
from intarsia.inference.cluster.run import predict_on_cluster
from intarsia.inference.cluster.worker import Task

pytestmark = [
    pytest.mark.slow,  # a cluster takes half a minute to begin
    pytest.mark.filterwarnings("default"),  # of Ray's own
    pytest.mark.timeout(1800),
]
COUNT, TORN = 60, 31


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two processors' worth of Ray."""
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "intarsia[ray]"')
    pytest.importorskip("ray.data", reason='needs Ray Data: pip install "intarsia[ray]"')
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # on a machine that others use, too
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20,
    )  # fmt: skip
    yield ray
    ray.shutdown()


def rows(out: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    found: list[dict[str, Any]] = pyarrow.parquet.read_table(out / "results.parquet").to_pylist()
    return found


def workers_of(out: Path) -> set[int]:
    """The processes that have written parts so far."""
    import pyarrow.parquet

    parts = list((out / "parts").glob("*.parquet"))
    found = [
        name for part in parts for name in pyarrow.parquet.read_table(part, columns=["worker"])["worker"].to_pylist()
    ]
    return {int(name.rpartition(":")[2]) for name in found}


@pytest.mark.usefixtures("cluster")
def test_one_of_two_actors_is_killed(checkpoint: Path, tmp_path: Path) -> None:
    """Nothing is lost, nothing is written twice, and the pixels are those of one process."""
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(COUNT):
        noise = np.random.default_rng(n).integers(0, 256, (480 + n % 7, 640, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"p{n:03}.png", compress_level=1)  # large enough to take a while
    torn = folder / f"p{TORN:03}.png"
    torn.write_bytes(torn.read_bytes()[:60])
    out = tmp_path / "out"
    killed: list[int] = []
    stamps: dict[str, tuple[int, int]] = {}

    def stamp() -> dict[str, tuple[int, int]]:
        return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (out / "masks").glob("*.png")}

    def progress(share: float) -> None:
        found = workers_of(out) if not killed and share > 0.1 else set()
        if len(found) == 2 or (found and share > 0.3):  # the second one may still be loading the model
            stamps.update(stamp())
            killed.append(min(found))
            os.kill(killed[0], signal.SIGKILL)

    task = Task(str(checkpoint), str(out), device="cpu")
    found = predict_on_cluster(task, folder, cluster="ray", actors=2, progress=progress)
    made = rows(out)
    assert len(killed) == 1 and 5 < len(stamps) < COUNT - 10
    assert [row["image"] for row in made] == [str(folder / f"p{n:03}.png") for n in range(COUNT)]
    assert [image for image, _ in found.failed] == [str(torn)] and found.count == COUNT
    after = stamp()
    assert {name: after[name] for name in stamps} == stamps  # what was whole is not written again
    assert len({row["worker"] for row in made}) >= 2
    usual = intarsia.predict(checkpoint, folder, tmp_path / "usual", device="cpu", backend="eager")
    for row, line in zip(made, usual.lines, strict=True):
        if row["error"] is None:
            assert (out / row["answer"]).read_bytes() == Path(line["labels"]).read_bytes()
            counts = np.bincount(np.asarray(Image.open(out / row["answer"])).ravel(), minlength=2)
            assert list(row["pixels"].values()) == counts.tolist()
    assert not (out / ".unfinished").exists() and not any((out / "parts").iterdir())


@pytest.mark.usefixtures("cluster")
def test_what_a_worker_meets_is_one_sentence(checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    """An answer that cannot be written ends the job as it does without a cluster."""
    (tmp_path / "out" / "masks" / "p0.png" / "deeper").mkdir(parents=True)
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    with pytest.raises(DataError, match=r"out/masks/p0.png: cannot be written or read \(Is a directory\)") as raised:
        predict_on_cluster(task, photos, cluster="ray", actors=1, overwrite=True)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500


@pytest.mark.usefixtures("cluster")
def test_the_command_line(run_cli, checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "p2.png").unlink()
    more = ["--out", tmp_path / "out", "--cluster", "ray", "--actors", "2", "--device", "cpu"]
    code, out, err = run_cli("predict", checkpoint, f"file://{photos}", *more)
    assert code == 0 and f"5 pictures: answers in {tmp_path / 'out'}, a row each in" in out, err
