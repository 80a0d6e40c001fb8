"""A whole job: what is asked, what is there already, who does the rest, and the one table at its end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...errors import DataError, ModelError, nearest
from ..assemble import described
from ..engine import innermost, name_of, networks_of
from ..predictor import Predictor
from ..results import expected
from ..tracked import follows
from ..wanted import Wanted, check_wanted
from . import ranks
from .folder import TABLE, JobFolder, path_or_address
from .pictures import Listed, pictures_of
from .ray_data import check_ray, run_ray
from .stores import is_address, local_path
from .table import answered, gather
from .worker import KINDS, OTHERS, OURS, Item, Task, Worker

CLUSTERS = ("ray", "torchrun")
BATCH = 256  # pictures of a batch, at most: what a row of the table costs is shared by so many
TURNS = 16  # batches of each worker, at least, so that all end at about the same time
WORKERS = 64  # that a batch is sized for where nobody says how many there are


@dataclass(frozen=True)
class Finished:
    """What a job came to.

    Args:
        out: its folder, a path or an address.
        table: the path or address of results.parquet.
        count: of its pictures.
        before: how many of them were answered by an earlier job; 0 where torchrun started several processes.
        failed: image and error of the pictures that could not be read.
        left_out: a sentence about files whose kind is not read; "" where there are none.
        rank: of this process; only 0 tells what the job came to.
    """

    out: str
    table: str
    count: int
    before: int
    failed: list[tuple[str, str]]
    left_out: str = ""
    rank: int = 0


def predict_on_cluster(
    task: Task,
    inputs: str | Path | Sequence[str | Path],
    *,
    cluster: str = "ray",
    actors: int = 0,
    overwrite: bool = False,
    say: Callable[[str], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Finished:
    """Answer very many pictures by several processes or machines, into one folder of masks and one table of results.

    A job that was stopped goes on where it was: what is answered is not answered again, pictures that could not be read are
    tried again.

    Args:
        task: the model, the folder of the job, and how it answers.
        inputs: pictures, folders, patterns, addresses such as s3://bucket/photos, or tables (.csv, .tsv, .parquet) with a column
            of paths.
        cluster: "ray"; "torchrun": this process is one of those that torchrun has started.
        actors: processes of Ray's that hold the model; 0: one a GPU where there are some, else one a processor.
        overwrite: begin anew in a folder that holds something else.
        say: gets a sentence about what of the inputs is left out.
        progress: is given the share that is done, 0..1; under torchrun of this process's own pictures.

    Raises: DataError, ModelError, CheckpointError, TrainingError or MissingExtra, before the first picture wherever that is
        possible.
    """
    if cluster not in CLUSTERS:
        raise DataError(f"there is no cluster {cluster!r}{nearest(cluster, CLUSTERS)}")
    if cluster == "ray":
        check_ray(actors)
    rank = ranks.rank_here() if cluster == "torchrun" else ranks.Rank(0, 1, 0)
    if rank.of > 1 and overwrite:
        raise DataError("--overwrite is of one process, and torchrun has started several; remove the folder first")
    inputs = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    task = replace(task, out=path_or_address(task.out), began=time.time())
    pictures = pictures_of(inputs)
    if pictures.left_out and say and not rank.number:
        say(pictures.left_out)
    predictor = task.load(rank.device(task.device) if cluster == "torchrun" else "cpu")
    check_cluster(predictor, task)
    folder = JobFolder(task.out)
    job = job_of(predictor, task, inputs, pictures)
    known = folder.open(job, overwrite, sorted({top for top, _ in KINDS.values()}))
    names = predictor.labels.names
    token = ranks.begin(folder, rank)
    share = rank.share(pictures)
    items = unanswered(folder, share, predictor, known.get("pictures") == job["pictures"])
    if cluster == "torchrun":
        ranks.run_share(Worker(task, predictor), items, size_of(len(items), 1), None if rank.number else progress)
        if rank.number:
            ranks.wait_for_first(folder, rank)
            return Finished(task.out, folder.where(TABLE), len(pictures.images), 0, [], rank=rank.number)
        ranks.wait_for_others(folder, rank, token)
    elif items:
        del predictor
        run_ray(task, items, size_of(len(items), actors or WORKERS), actors, progress)
    found = gather(folder, pictures, names)
    ranks.end(folder)
    before = len(share.images) - len(items) if rank.of == 1 else 0
    return Finished(task.out, folder.where(TABLE), found.pictures, before, found.failed, pictures.left_out)


def check_cluster(predictor: Predictor, task: Task) -> None:
    """Refuse what a cluster cannot answer, before the first picture.

    Raises: ModelError, LabelError.
    """
    check_wanted(predictor, Wanted(values=task.values, min_score=task.min_score))
    if task.workers < 0:
        raise DataError(f"workers is {task.workers}; give the number of threads that read ahead, 0 or more")
    if follows(predictor):
        raise ModelError(
            "this model follows objects through a video, and the workers of a cluster see single pictures; leave out --cluster"
        )


def job_of(predictor: Predictor, task: Task, inputs: Sequence[str | Path], pictures: Listed) -> dict[str, Any]:
    """Say what is made of what; a process goes on only where all of it is the same, but for the list of pictures."""
    networks = networks_of(predictor.engine)
    return {
        "inputs": [_same_everywhere(str(one)) for one in inputs],
        "model": [
            name_of(innermost(predictor.engine)),
            *(_weights(network.model) for network in networks),
            *filter(None, [getattr(innermost(predictor.engine), "digest", "")]),  # of an exported file
        ],
        "classes": list(predictor.labels.names),
        "task": predictor.task,
        "options": {**predictor.decide, "temperature": predictor.temperature},
        "views": described(predictor.engine),
        "precision": predictor.precision,
        "backend": "" if task.backend == "auto" else task.backend,
        "values": task.values,
        "score": task.min_score,
        "intensity": list(task.intensity or ()),
        "pictures": pictures.digest,
    }


def unanswered(folder: JobFolder, pictures: Listed, predictor: Predictor, same: bool) -> list[Item]:
    """List the pictures that no earlier process has answered.

    Args:
        same: whether the list of pictures is the one that the job was begun with; otherwise an answer without a row may be of
            another picture.
    """
    top = KINDS[expected(predictor.task, predictor.labels)][0]
    there = {f"{top}/{name}" for name in folder.names(top)}
    done = answered(folder, pictures, predictor.labels.names, there) if there else set()
    stems = {name.rpartition(".")[0] for name in there}
    found = OURS if same else OTHERS
    return [
        Item(image, name, found if f"{top}/{name}" in stems else "")
        for image, name in zip(pictures.images, pictures.names, strict=True)
        if image not in done
    ]


def size_of(count: int, workers: int) -> int:
    """How many pictures a batch has: few enough that all workers end at about the same time, many enough to share its costs."""
    return max(1, min(BATCH, count // (TURNS * workers)))


def _same_everywhere(text: str) -> str:
    """An input as every process finds it; of a list, what is called so."""
    if is_address(text):
        return text
    mark = "@" if text.startswith("@") else ""
    return f"{mark}{Path(local_path(text.removeprefix(mark))).absolute().as_posix()}"


def _weights(model: torch.nn.Module) -> str:
    """A fingerprint of a network's numbers."""
    found = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
