"""A job without Ray: what is written, what a process that goes on finds, and what torchrun's processes share."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import intarsia
from intarsia.errors import DataError, MissingExtra, TrainingError
from intarsia.inference.cluster import ranks, run
from intarsia.inference.cluster.folder import JobFolder
from intarsia.inference.cluster.pictures import pictures_of
from intarsia.inference.cluster.ranks import Rank, rank_here
from intarsia.inference.cluster.run import Finished, predict_on_cluster, size_of
from intarsia.inference.cluster.worker import DEATHS, FOUND, Item, Task, Worker

pytest.importorskip("pyarrow", reason="the table of results is written by pyarrow")
Draw = Callable[[Path, int], Path]
Row = dict[str, Any]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the one process of `torchrun --nproc-per-node 1`."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(ranks, "PAUSE", 0.01)


def rows(out: Path | str) -> list[Row]:
    """The table of a job."""
    import pyarrow.parquet

    found: list[Row] = pyarrow.parquet.read_table(Path(out) / "results.parquet").to_pylist()
    return found


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Which file each mask is: one that was written again is another."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (out / "masks").rglob("*.png")}


@pytest.mark.usefixtures("alone")
def test_masks_and_a_row_each(checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    found = predict_on_cluster(task, photos, cluster="torchrun")
    usual = intarsia.predict(checkpoint, photos, tmp_path / "usual", device="cpu", backend="eager")
    assert found.count == 6 and found.before == 0 and [image for image, _ in found.failed] == [str(photos / "p2.png")]
    made = rows(found.out)
    assert [row["image"] for row in made] == [str(photos / f"p{n}.png") for n in range(6)]
    for row, line in zip(made, usual.lines, strict=True):
        if "error" in line:
            assert row["error"] == line["error"] and row["answer"] is None and row["pixels"] is None
            continue
        mask = tmp_path / "out" / row["answer"]
        assert row["answer"] == f"masks/{row['name']}.png" and mask.read_bytes() == Path(line["labels"]).read_bytes()
        assert (row["height"], row["width"]) == (line["height"], line["width"]) and row["seconds"] > 0
        counts = np.bincount(np.asarray(Image.open(mask)).ravel(), minlength=2)
        assert row["pixels"] == {"dark": counts[0], "bright": counts[1]} and sum(counts) == row["height"] * row["width"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"job.json", "masks", "results.parquet", "parts"}
    assert not any((tmp_path / "out" / "parts").iterdir())


@pytest.mark.usefixtures("alone")
def test_a_second_run_answers_what_is_left(checkpoint: Path, photos: Path, tmp_path: Path, draw: Draw) -> None:
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    predict_on_cluster(task, photos, cluster="torchrun")
    before = stamps(tmp_path / "out")
    draw(photos / "p2.png", 2)  # mended
    draw(photos / "p9.png", 9)  # new
    (tmp_path / "out" / "masks" / "p4.png").unlink()
    found = predict_on_cluster(task, photos, cluster="torchrun")
    after = stamps(tmp_path / "out")
    assert found.count == 7 and found.before == 4 and not found.failed
    assert [row["name"] for row in rows(found.out)] == ["p0", "p1", "p2", "p3", "p4", "p5", "p9"]
    assert {name for name in after if after[name] != before.get(name)} == {"p2.png", "p4.png", "p9.png"}


class Killed(BaseException):
    """The end of a process."""


def answers(worker: Worker, items: list[Item], dies_at: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a worker answer, which is killed at one picture; returns the pictures that it answered."""
    real, seen = Worker._answered, []

    def answered(self: Worker, item: Item, job: Any) -> Row:
        if item.name == dies_at:
            raise Killed
        seen.append(item.name)
        return real(self, item, job)

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_answered", answered)
        if dies_at:
            with pytest.raises(Killed):
                worker.answer(items)
        else:
            worker.answer(items)
    return seen


def test_a_batch_of_a_worker_that_was_killed(
    checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks that are whole are taken over, with the same pixels in their rows."""
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu", began=1.0)
    listed = pictures_of([photos])
    items = [Item(*pair) for pair in zip(listed.images, listed.names, strict=True)]
    assert answers(Worker(task), items, "p3", monkeypatch) == ["p0", "p1", "p2"]
    assert not (tmp_path / "out" / "parts").exists()
    assert answers(Worker(task), items, "", monkeypatch) == ["p2", "p3", "p4", "p5"]  # p2 is torn and has no mask
    made = run.gather(JobFolder(task.out), listed, ("dark", "bright"))
    assert made.pictures == 6 and len(made.failed) == 1
    found = rows(task.out)
    assert [row["note"] for row in found] == [FOUND, FOUND, None, None, None, None]
    answers(Worker(Task(str(checkpoint), str(tmp_path / "whole"), device="cpu")), items, "", monkeypatch)
    run.gather(JobFolder(str(tmp_path / "whole")), listed, ("dark", "bright"))
    for one, other in zip(found, rows(tmp_path / "whole"), strict=True):
        assert [one[key] for key in ("name", "answer", "height", "width", "pixels", "error")] == [
            other[key] for key in ("name", "answer", "height", "width", "pixels", "error")
        ]


def test_a_picture_at_which_workers_die(
    checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes a row with an error, and does not hold up the others."""
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    listed = pictures_of([photos])
    items = [Item(*pair) for pair in zip(listed.images, listed.names, strict=True)]
    worker = Worker(task)
    for _ in range(DEATHS + 1):  # nobody looks before the first worker has died
        answers(worker, items, "p4", monkeypatch)
    assert answers(worker, items, "", monkeypatch) == ["p2", "p5"]
    failed = dict(run.gather(JobFolder(task.out), listed, ("dark", "bright")).failed)
    assert "p4.png: 3 workers died while they answered it" in failed[str(photos / "p4.png")]


@pytest.mark.usefixtures("alone")
def test_a_job_that_was_killed_goes_on(
    checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    monkeypatch.setattr(run, "BATCH", 2)
    monkeypatch.setattr(run, "TURNS", 1)
    real, seen = Worker._answered, []

    def answered(self: Worker, item: Item, job: Any) -> Row:
        seen.append(item.name)
        if item.name == "p3" and seen.count("p3") == 1:
            real(self, item, job)  # its mask is written, and no row
            raise Killed
        return real(self, item, job)

    monkeypatch.setattr(Worker, "_answered", answered)
    with pytest.raises(Killed):
        predict_on_cluster(task, photos, cluster="torchrun")
    before = stamps(tmp_path / "out")
    found = predict_on_cluster(task, photos, cluster="torchrun")
    assert found.count == 6 and seen == ["p0", "p1", "p2", "p3", "p2", "p4", "p5"] and found.before == 2
    assert {name: stamp for name, stamp in stamps(tmp_path / "out").items() if name in before} == before
    assert [row["note"] == FOUND for row in rows(found.out)] == [False, False, False, True, False, False]


@pytest.mark.usefixtures("alone")
def test_a_mask_of_another_list_counts_for_nothing(
    checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask without a row may be of a picture that was there before under that name."""
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    predict_on_cluster(task, photos, cluster="torchrun")
    (tmp_path / "out" / "results.parquet").unlink()
    (photos / "p1.png").rename(photos / "q.png")
    (photos / "p0.png").rename(photos / "p1.png")
    found = predict_on_cluster(task, photos, cluster="torchrun")
    made = {row["name"]: row for row in rows(found.out)}
    assert [row["note"] for row in made.values()] == [None] * 6
    assert made["p1"]["height"] == 16 and made["q"]["height"] == 17  # of what was p0 and p1 before


@pytest.mark.usefixtures("alone")
def test_another_job_is_refused(checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    task = Task(str(checkpoint), str(out), device="cpu")
    predict_on_cluster(task, photos, cluster="torchrun")
    with pytest.raises(DataError, match=r"holds a job with inputs .*photos.*; choose another --out, or .*--overwrite"):
        predict_on_cluster(task, photos / "p0.png", cluster="torchrun")
    flipped = Task(str(checkpoint), str(out), device="cpu", settings={"flip": True})
    with pytest.raises(DataError, match=r"holds a job with no views, and this one has views mean of 2 views"):
        predict_on_cluster(flipped, photos, cluster="torchrun")
    assert predict_on_cluster(flipped, photos, cluster="torchrun", overwrite=True).before == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds diary.txt, which is of no job on a cluster"):
        predict_on_cluster(Task(str(checkpoint), str(tmp_path / "mine")), photos, cluster="torchrun")


@pytest.mark.usefixtures("alone")
def test_what_a_worker_does_not_answer(checkpoint: Path, tmp_path: Path, draw: Draw) -> None:
    """Pictures beyond memory and files of several pictures are listed with what to do."""
    folder = tmp_path / "in"
    draw(folder / "a.png", 0)
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(folder / "b.gif", save_all=True, append_images=frames[1:])
    (folder / "c.svs").write_bytes(b"II*\0")
    task = Task(str(checkpoint), str(tmp_path / "out"), device="cpu")
    found = predict_on_cluster(task, [folder / "a.png", folder / "b.gif", folder / "c.svs"], cluster="torchrun")
    told = dict(found.failed)
    assert "holds 2 pictures; predict it by itself, without --cluster" in told[str(folder / "b.gif")]
    assert "larger than what a worker reads at once; predict it by itself" in told[str(folder / "c.svs")]
    assert rows(found.out)[0]["answer"] == "masks/a.png"


@pytest.mark.usefixtures("alone")
def test_stores_by_address(checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    """In and out through fsspec, as an object store would be: nothing is renamed there, and nothing half is seen."""
    task = Task(str(checkpoint), f"fsspec+file://{tmp_path}/out", device="cpu", workers=2)
    found = predict_on_cluster(task, f"fsspec+file://{photos}", cluster="torchrun")
    assert found.out == f"fsspec+file://{tmp_path}/out" and found.table.endswith("/out/results.parquet")
    assert [row["answer"] for row in rows(tmp_path / "out")] == [
        None if n == 2 else f"masks/p{n}.png" for n in range(6)
    ]
    (image, told) = found.failed[0]
    assert image == f"fsspec+file://{photos}/p2.png" and told.startswith(image) and "/tmp/tmp" not in told
    assert predict_on_cluster(task, f"fsspec+file://{photos}", cluster="torchrun").before == 5


def test_the_processes_of_torchrun(
    checkpoint: Path, tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three ranks in threads, the first of which is late: each picture once, one table, and a stale token misleads nobody."""
    for n in range(10):
        draw(tmp_path / "in" / f"p{n}.png", n)
    out = tmp_path / "out"
    task = Task(str(checkpoint), str(out), device="cpu")
    JobFolder(str(out)).put(ranks.TOKEN, b'"of a run that was killed"')
    number = threading.local()
    monkeypatch.setattr(run.ranks, "rank_here", lambda: Rank(number.own, 3, number.own))
    monkeypatch.setattr(ranks, "PAUSE", 0.01)
    seen: list[str] = []
    real = Worker._answered

    def answered(self: Worker, item: Item, job: Any) -> Row:
        seen.append(f"{number.own}:{item.name}")
        return real(self, item, job)

    monkeypatch.setattr(Worker, "_answered", answered)
    results: dict[int, Finished] = {}

    def process(own: int) -> None:
        number.own = own
        results[own] = predict_on_cluster(task, tmp_path / "in", cluster="torchrun")

    others = [threading.Thread(target=process, args=(own,)) for own in (1, 2)]
    for thread in others:
        thread.start()
    process(0)
    for thread in others:
        thread.join(60)
    assert sorted(seen) == sorted(f"{n % 3}:p{n}" for n in range(10))
    assert results[0].rank == 0 and results[0].count == 10 and results[2].rank == 2
    assert [row["name"] for row in rows(out)] == [f"p{n}" for n in range(10)]
    assert not (out / ".unfinished").exists()


def test_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TrainingError, match=r"start it as `torchrun --nproc-per-node 2 -m intarsia predict"):
        rank_here()
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert rank_here() == Rank(5, 8, 1)
    monkeypatch.setenv("RANK", "8")
    with pytest.raises(TrainingError, match="RANK and WORLD_SIZE"):
        rank_here()


def test_sizes_of_batches() -> None:
    assert size_of(10, 2) == 1 and size_of(2000, 2) == 62 and size_of(10**6, 64) == 256


def test_refused_at_the_door(
    run_cli, checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*more: object) -> str:
        code, _, err = run_cli("predict", checkpoint, photos, "--out", tmp_path / "out", *more)
        assert code == 2 and not (tmp_path / "out").exists()
        return str(err)

    assert "there is no cluster 'rai'; did you mean 'ray'?" in told("--cluster", "rai")
    assert "--skip-blank is not of jobs on a cluster" in told("--cluster", "torchrun", "--skip-blank", "0..0")
    assert "torchrun --nproc-per-node 2" in told("--cluster", "torchrun")

    def missing(module: str, name: str) -> Any:
        raise MissingExtra(f'{module} is not installed; type: pip install "intarsia[{name}]"')

    monkeypatch.setattr("intarsia.inference.cluster.ray_data.extra", missing)
    assert 'type: pip install "intarsia[ray]"' in told("--cluster", "ray")


@pytest.mark.usefixtures("alone")
def test_the_command_line(run_cli, checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path\nphotos/p0.png\nphotos/p2.png\n")
    more = ["--out", tmp_path / "out", "--cluster", "torchrun", "--device", "cpu"]
    code, out, err = run_cli("predict", checkpoint, table, *more, "--json")
    assert code == 2 and "p2.png" in err and "1 of 2 pictures could not be read; the others are in" in err
    assert {key: json.loads(out)[key] for key in ("images", "failed", "before")} == {
        "images": 1,
        "failed": 1,
        "before": 0,
    }
    table.write_text("path\nphotos/p0.png\n")
    code, out, _ = run_cli("predict", checkpoint, table, *more)
    assert code == 0 and f"1 picture, 1 of them from before: answers in {tmp_path / 'out'}" in out
