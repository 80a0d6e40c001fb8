"""Writing a data set of files as tar files, which `datasets/shards.py` reads."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ..errors import DataError
from ..output import renewed
from ..structures import Sample
from .bits import packed
from .dataset import holds
from .faults import check_whole
from .files.codecs import read_image
from .layers import told_covered
from .pairs import Pair, Pairs, Raw
from .shards import UNLABELED, members


def shard(
    datasets: Sequence[Pairs],
    out: str | Path,
    *,
    size: int = 1000,
    tell: Callable[[int, int], None] | None = None,
    said: list[str] | None = None,
) -> list[Path]:
    """Write splits of a data set as tar files of the very bytes of their files, and an index of them.

    Where an image or its raw values are put together from several files, or channels are changed, the result is written;
    objects, depth, planes, masks of objects and the frame before are written beside them.

    Args:
        datasets: one a split, of one label space.
        out: an empty or new folder, or one that holds nothing but shards written before, which are replaced.
        size: samples in a shard.
        tell: gets (samples written, samples in all).
        said: gets a sentence about regions that are not seen in what is written, as later ones cover them.

    Returns: the tar files.

    Raises: DataError when a data set is not one of files, they differ in their label spaces, or the folder is not empty.
    """
    out = Path(out)
    if size < 1:
        raise DataError(f"size is {size}; a shard holds at least one sample")
    for dataset in datasets:
        if not isinstance(dataset, Pairs):
            what = holds(dataset)
            raise DataError(f"only data sets of image and mask files become shards, not {what}")
        if dataset.labels != datasets[0].labels:
            raise DataError(
                f"{dataset.split} has other labels than {datasets[0].split}; write them into folders of their own"
            )
    check_whole(*datasets)
    with renewed(out, "shards", "is not empty; shards are written into a new folder") as place:
        names = _written(datasets, place, size, tell, said)
    return [out / name for name in names]


def _written(
    datasets: Sequence[Pairs],
    out: Path,
    size: int,
    tell: Callable[[int, int], None] | None,
    said: list[str] | None,
) -> list[str]:
    """Write the tar files and the index into a folder that is empty; gives their names."""
    written, done, total = [], 0, sum(map(len, datasets))
    hidden: dict[str, tuple[str, ...]] = {}
    index: dict[str, Any] = {"shards": {}}
    for dataset in datasets:
        for number in range(-(-len(dataset) // size)):
            path = out / f"{dataset.split}-{number:06d}.tar"
            with tarfile.open(path, "w") as tar:
                for item in dataset.items[number * size : (number + 1) * size]:
                    if labels := _write(tar, dataset, item):
                        hidden[item.name] = labels
                    done += 1
                    if tell:
                        tell(done, total)
            written.append(path.name)
            index["shards"][path.name] = members(path)
    if tags := {
        d.split: {item.name: list(d.tags[item.name]) for item in d.items} for d in datasets if d.tags is not None
    }:
        index["tags"] = tags
    index["labels"] = datasets[0].labels.to_dict()
    (out / "index.json").write_text(json.dumps(index), encoding="utf-8")
    if hidden and said is not None:
        said.append(told_covered(Counter(label for labels in hidden.values() for label in labels), next(iter(hidden))))
    return written


def _write(tar: tarfile.TarFile, dataset: Pairs, item: Pair) -> tuple[str, ...]:
    """Write the members of one sample; gives the classes of its regions that others cover."""
    name = quote(item.name, safe="/ ").replace(".", "%2E")  # a name ends at its first dot
    if dataset.image_hook is None and dataset.channels in (None, read_image(item.image).shape[2]):
        tar.add(item.image, f"{name}{item.image.suffix.lower()}", filter=_plain)
    else:
        _add(tar, f"{name}.npy", dataset.read(item))
    if item.mask is None:
        tar.addfile(_plain(tarfile.TarInfo(f"{name}.{UNLABELED}")))
    elif dataset.mask_hook is None and not dataset.labels.planes:
        tar.add(item.mask, f"{name}.seg{item.mask.suffix.lower()}", filter=_plain)
    else:
        raw = dataset.decode(item)
        assert raw is not None
        sample = dataset.sample(item, dataset.read(item), raw)
        several = sample.planes is not None
        _add(tar, f"{name}.seg.npy", sample.labels.numpy().astype(dataset.labels.dtype) if several else raw.classes)
        for what, array in _parts(raw, sample).items():
            _add(tar, f"{name}.{what}.npy", array)
        return raw.covered
    return ()


def _parts(raw: Raw, sample: Sample) -> dict[str, np.ndarray]:
    """What a sample has beside image and mask: as it is, and masks with the raw values of their classes."""
    parts = {what: part.numpy() for what in ("objects", "depth") if (part := getattr(sample, what)) is not None}
    if sample.planes is not None:
        parts["planes"] = packed(sample.planes.numpy())
    if raw.masks is not None:
        parts |= {} if raw.objects is None else {"objects": raw.objects.astype(np.int32)}
        parts |= {} if raw.kinds is None else {"kinds": raw.kinds.astype(np.int64)}
        parts["masks"] = raw.masks if raw.kinds is None else packed(raw.masks)
    if raw.before is not None and raw.before.objects is not None:
        parts["before"] = np.stack([raw.before.classes, raw.before.objects]).astype(np.int32)
    return parts


def _add(tar: tarfile.TarFile, name: str, array: np.ndarray) -> None:
    """An array as a member."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    member = tarfile.TarInfo(name)
    member.size = content.tell()
    content.seek(0)
    tar.addfile(_plain(member), content)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without owner and time, so that the same files make the same tar."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member
