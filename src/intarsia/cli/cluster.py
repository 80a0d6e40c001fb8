"""Options of `predict` for several processes or machines, and what is printed of such a job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..characters import one_line
from ..errors import DataError, counted
from .large import bar
from .terminal import answer, console, refuse

if TYPE_CHECKING:
    from ..inference.cluster.worker import Task

SHOWN = 100  # failures that are printed; results.parquet has all

Cluster = Annotated[
    str,
    typer.Option(
        help="Answer very many pictures by several processes or machines: ray (Ray Data), or torchrun, which starts the processes. "
        "INPUT may then be an address such as s3://bucket/photos, or a table of paths (.csv, .parquet).",
        metavar="NAME",
    ),
]
Actors = Annotated[
    int,
    typer.Option(
        min=0,
        help="Processes of --cluster ray that hold the model; 0: one a GPU where there are some, else one a processor.",
    ),
]


def check_left_out(**given: object) -> None:
    """Refuse options of files that a cluster does not write.

    Raises: DataError.
    """
    if odd := next((name.replace("_", "-") for name, value in given.items() if value), None):
        raise DataError(
            f"--{odd} is not of jobs on a cluster, which write answers and a table of results; leave out --{odd}, or --cluster"
        )


def run_job(task: Task, inputs: Sequence[str | Path], cluster: str, actors: int, overwrite: bool, as_json: bool) -> int:
    """Run a job on a cluster, and print what it came to; returns the exit code."""
    from ..inference.cluster.run import predict_on_cluster

    screen = console(error=True)
    with bar() as moved:
        found = predict_on_cluster(
            task,
            inputs,
            cluster=cluster,
            actors=actors,
            overwrite=overwrite,
            say=lambda sentence: screen.print(one_line(sentence), markup=False, soft_wrap=True),
            progress=lambda share: moved("pictures", share),
        )
    if found.rank:
        return 0
    for _, error in found.failed[:SHOWN]:
        refuse(error, as_json=False)
    if len(found.failed) > SHOWN:
        refuse(f"and {len(found.failed) - SHOWN} more, in column 'error' of {found.table}", as_json=False)
    if as_json:
        tree = {
            "out": found.out,
            "images": found.count - len(found.failed),
            "failed": len(found.failed),
            "before": found.before,
            "results": found.table,
        }
        answer({**tree, "error": found.failed[0][1]} if found.failed else tree)
    if found.failed:
        rest = f"the others are in {found.out}" if len(found.failed) < found.count else f"{found.out} holds none"
        refuse(f"{len(found.failed)} of {found.count} pictures could not be read; {rest}", as_json=False)
        return 2
    if not as_json:
        before = f", {found.before} of them from before" if found.before else ""
        told = f"{counted(found.count, 'picture')}{before}: answers in {found.out}, a row each in {found.table}"
        console().print(told, markup=False, soft_wrap=True)
    return 0
