"""The table of a job's results: one row a picture, gathered from the parts that workers write.

image      its absolute path or address
name       of its results, without ending
answer     the place of its answer in the folder of the job
pixels     {class: count}; null where an answer covers no pixels
seconds    reading, network and writing; null where the answer of a worker that was killed was found
note       what was done to its channels
error      why it could not be read; the columns before are null then
worker     machine and process
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...errors import DataError, counted, extra, reason
from .folder import PARTS, TABLE, JobFolder
from .pictures import Listed

Row = dict[str, Any]
ROWS = 100_000  # of a group of the table


class Gathered(NamedTuple):
    """What a job came to.

    Args:
        pictures: how many there are.
        failed: image and error of the pictures that could not be read.
    """

    pictures: int
    failed: list[tuple[str, str]]


def schema_of(names: Sequence[str]) -> Any:
    """Give the columns of a table of these classes, as pyarrow's schema."""
    arrow = extra("pyarrow", "ray")
    pixels = arrow.struct([(name, arrow.int64()) for name in names])
    return arrow.schema(
        [
            ("image", arrow.string()),
            ("name", arrow.string()),
            ("answer", arrow.string()),
            ("height", arrow.int32()),
            ("width", arrow.int32()),
            ("pixels", pixels),
            ("seconds", arrow.float32()),
            ("note", arrow.string()),
            ("error", arrow.string()),
            ("worker", arrow.string()),
        ]
    )


def row_of(image: str, name: str, worker: str, **told: Any) -> Row:
    """Give a row; what is not known of the picture is null."""
    empty: Row = dict.fromkeys(("answer", "height", "width", "pixels", "seconds", "note", "error"))
    return {"image": image, "name": name, **empty, **told, "worker": worker}


def write_part(folder: JobFolder, name: str, rows: Sequence[Row], classes: Sequence[str]) -> None:
    """Write the rows of one batch."""
    arrow, parquet = extra("pyarrow", "ray"), extra("pyarrow.parquet", "ray")
    content = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(list(rows), schema=schema_of(classes)), content)
    folder.put(f"{PARTS}/{name}.parquet", content.getvalue())


def rows_there(folder: JobFolder, classes: Sequence[str], columns: Sequence[str] | None = None) -> Any:
    """Read all rows of a folder, as one table of pyarrow; of rows of one picture the newest is the last."""
    arrow, parquet = extra("pyarrow", "ray"), extra("pyarrow.parquet", "ray")
    schema = schema_of(classes)
    wanted = schema if columns is None else arrow.schema([schema.field(name) for name in columns])
    tables = [wanted.empty_table()]
    for name in [TABLE, *(f"{PARTS}/{part}" for part in sorted(folder.names(PARTS)))]:
        content = folder.read(name)
        if content is None:
            continue
        try:
            tables.append(parquet.read_table(io.BytesIO(content), columns=wanted.names).cast(wanted))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{folder.where(name)}: no table of this job ({reason(error)}); remove it, and its pictures "
                "are answered again where their masks are gone"
            ) from None
    return arrow.concat_tables(tables)


def answered(folder: JobFolder, pictures: Listed, classes: Sequence[str], answers: set[str]) -> set[str]:
    """Find the pictures that an earlier process has answered: their row says so, and their answer is there.

    Args:
        answers: that are there, as places in the folder of the job.
    """
    rows = rows_there(folder, classes, ("image", "name", "answer", "error"))
    names = dict(zip(pictures.images, pictures.names, strict=True))
    found = set()
    for image, name, answer, error in zip(*(rows[column].to_pylist() for column in rows.column_names), strict=True):
        if error is None and answer in answers and names.get(image) == name:
            found.add(image)
    return found


def gather(folder: JobFolder, pictures: Listed, classes: Sequence[str]) -> Gathered:
    """Write the table of a job, one row a picture in their order, and remove the parts.

    Raises: DataError where a picture has no row.
    """
    arrow, parquet = extra("pyarrow", "ray"), extra("pyarrow.parquet", "ray")
    parts = [f"{PARTS}/{name}" for name in folder.names(PARTS)]
    rows = rows_there(folder, classes)
    names = dict(zip(pictures.images, pictures.names, strict=True))
    best: dict[str, tuple[bool, int]] = {}
    told = zip(*(rows[column].to_pylist() for column in ("image", "name", "error")), strict=True)
    for number, (image, name, error) in enumerate(told):
        if names.get(image) == name:
            best[image] = max(best.get(image, (False, -1)), (error is None, number))
    gone = [image for image in pictures.images if image not in best]
    if gone:
        raise DataError(
            f"{folder.out}: {counted(len(gone), 'picture')} of {len(pictures.images)} have no row yet ({gone[0]}); "
            "give the same command again, which goes on"
        )
    made = rows.take(arrow.array([best[image][1] for image in pictures.images], arrow.int64()))
    content = io.BytesIO()
    parquet.write_table(made, content, row_group_size=ROWS)
    folder.put(TABLE, content.getvalue())
    folder.remove(parts)
    errors = made["error"].to_pylist()
    failed = [(image, error) for image, error in zip(pictures.images, errors, strict=True) if error is not None]
    return Gathered(len(pictures.images), failed)
