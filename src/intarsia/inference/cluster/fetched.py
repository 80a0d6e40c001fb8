"""Pictures that lie anywhere, brought to this machine where they must, and read ahead while the network runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ...data.regions.source import is_large
from ...errors import DataError
from ..frames import frames_of
from ..reading import Picture, read_picture
from .stores import brought, is_address

Job = Callable[[], Picture]


def read_ahead(
    images: Sequence[str],
    channels: int,
    workers: int,
    folder: Path,
    intensity: tuple[float, float] | None = None,
) -> Iterator[Job]:
    """Read pictures in threads, in order; at most `workers` + 1 of them wait.

    Args:
        images: paths and addresses.
        channels: of the network.
        workers: threads; 0 reads each picture when its turn comes.
        folder: for files that are brought here, which are removed again.
        intensity: values of NIfTI and DICOM that are black and white.

    Returns: a call for each, which returns the picture or raises what is wrong with it.
    """

    def job(number: int) -> Job:
        return lambda: fetched(images[number], channels, folder / str(number), intensity)

    if not workers:
        yield from map(job, range(len(images)))
        return
    waiting: deque[Future[Picture]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for number in range(len(images)):
                waiting.append(pool.submit(job(number)))
                if len(waiting) > workers:
                    yield waiting.popleft().result
            while waiting:
                yield waiting.popleft().result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def fetched(image: str, channels: int, folder: Path, intensity: tuple[float, float] | None = None) -> Picture:
    """Read one picture, which is brought into a folder first where it lies elsewhere.

    Raises: DataError that names its path or address; also for files that a worker does not answer: of several pictures, or
        beyond memory.
    """
    path = Path(image)
    if remote := is_address(image):
        folder.mkdir()
        path = brought(image, folder)
    try:
        if is_large(path):
            told = "is larger than what a worker reads at once; predict it by itself, without --cluster, tile row by tile row"
            raise DataError(f"{image}: {told}")
        frames = frames_of(path, intensity)
        if len(frames) > 1:
            frames[0].stack.close()
            raise DataError(f"{image}: holds {len(frames)} pictures; predict it by itself, without --cluster")
        picture = read_picture(frames[0] if frames else path, channels)
        return picture._replace(path=None) if remote else picture
    except DataError as error:
        raise DataError(str(error).replace(str(path), image)) from None
    finally:
        if remote:
            path.unlink(missing_ok=True)
