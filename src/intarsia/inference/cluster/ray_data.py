"""A job on Ray Data: a table of pictures in blocks, and actors that hold the model and answer block after block.

Ray gives the block of a worker that was killed, or whose machine has gone, to another one, and starts the worker again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...errors import CheckpointError, DataError, IntarsiaError, ModelError, TrainingError, extra, reason
from .worker import Item, Task, Worker

KINDS = (DataError, ModelError, CheckpointError, TrainingError)  # of errors that travel from a worker


class Actor:
    """What a process of Ray's runs: a worker that is loaded once, called with blocks.

    An error of ours is handed over in the answer: one that is raised comes out of Ray as a report of several pages, and an actor
    that dies as it begins is begun again and again.

    Args:
        task: what it does.
    """

    def __init__(self, task: Task) -> None:
        self.worker: Worker | None = None
        self.refused: tuple[int, str] | None = None
        try:
            self.worker = Worker(task)
        except IntarsiaError as error:
            self.refused = _packed(error)

    def __call__(self, block: Any) -> Any:
        """Answer a block, a table of image, name and there; returns a table of one row: answered, failed, kind, error."""
        done, failed, (kind, error) = 0, 0, self.refused or (0, None)
        if self.worker is not None:
            columns = (block[name].to_pylist() for name in Item._fields)
            try:
                done, failed = self.worker.answer([Item(*values) for values in zip(*columns, strict=True)])
            except IntarsiaError as wrong:
                kind, error = _packed(wrong)
        arrow = extra("pyarrow", "ray")
        told = arrow.array([error], arrow.string())
        return arrow.table({"answered": [done], "failed": [failed], "kind": [kind], "error": told})


def _packed(error: IntarsiaError) -> tuple[int, str]:
    """An error of ours as the number of its kind, and its sentence."""
    return next((n for n, kind in enumerate(KINDS) if isinstance(error, kind)), len(KINDS) - 1), str(error)


def check_ray(actors: int) -> None:
    """Refuse a job on Ray where Ray is not installed.

    Raises: MissingExtra; TrainingError for a number of actors that is none.
    """
    if actors < 0:
        raise TrainingError(
            f"actors is {actors}; give how many processes hold the model, or 0 for one a processor or GPU"
        )
    extra("ray.data", "ray")


def run_ray(
    task: Task, items: Sequence[Item], size: int, actors: int, progress: Callable[[float], None] | None = None
) -> tuple[int, int]:
    """Answer pictures on the cluster that Ray finds (RAY_ADDRESS, or one of this machine), or on one that it begins here.

    Args:
        size: pictures of a block.
        actors: processes that hold the model; 0: one a GPU where there are some, else one a processor.

    Returns: how many are answered, and how many could not be read.

    Raises: DataError and ModelError as a worker; TrainingError where Ray gave up.
    """
    ray, data, arrow = extra("ray", "ray"), extra("ray.data", "ray"), extra("pyarrow", "ray")
    done = failed = 0
    with _cluster(ray):
        found = ray.cluster_resources()
        cards = int(found.get("GPU", 0)) if task.device in ("auto", "cuda") else 0
        most = actors or max(1, cards or int(found.get("CPU", 1)))
        most = min(most, -(-len(items) // size))
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        blocks = [
            arrow.table(
                {name: [item[n] for item in items[start : start + size]] for n, name in enumerate(Item._fields)}
            )
            for start in range(0, len(items), size)
        ]
        needed = {"num_cpus": 1, "num_gpus": 1} if cards else {"num_cpus": 1}
        answered = data.from_blocks(blocks).map_batches(
            Actor,
            fn_constructor_args=(task,),
            batch_size=size,
            batch_format="pyarrow",
            compute=data.ActorPoolStrategy(
                min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=2
            ),
            **needed,
        )
        with _sentences(ray):
            for row in answered.iter_rows():
                if row["error"] is not None:
                    raise KINDS[row["kind"]](row["error"])
                done, failed = done + row["answered"], failed + row["failed"]
                if progress is not None:
                    progress((done + failed) / len(items))
    return done, failed


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """Join a cluster, or begin one here that ends with the job; stay in one that the caller has joined."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    except Exception as error:  # of a node that does not come up in time, Ray raises a bare one
        raise TrainingError(f"no cluster of Ray's can be joined or begun ({reason(error)})") from None
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield
    finally:
        ray.shutdown()


@contextmanager
def _sentences(ray: Any) -> Iterator[None]:
    """Say in one sentence that Ray gave up."""
    try:
        yield
    except ray.exceptions.RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise TrainingError(
            f"Ray gave the job up ({lines[-1].strip()[:300] if lines else type(error).__name__}); give the same command again, which goes on"
        ) from error
