"""An audit of files that have not changed since is read again instead of made again.

Training looks at every file before its first step, which on tens of thousands of them takes minutes, at every start. What
it found is kept under the names, sizes and times of the files, the meaning of the masks and the version of the package.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..data.cache import key_of
from ..data.pairs import Pairs
from ..errors import DataError
from ..output import replaced
from .audit import audit
from .finding import Audit, Finding, Sight

_MADE = 4  # raised when an audit looks at more than before: what it said then is not all that it would say now


def remembered(*datasets: Any, folder: Path, quick: bool = False) -> tuple[Audit, bool]:
    """The audit of one or several splits, and whether it was remembered.

    Args:
        folder: where audits are kept. Where it cannot be written, or a data set is not one of files, nothing is.
        quick: a quick audit is enough, as `audit` makes it; one that looked at everything, where it is remembered, is better.
    """
    if not all(isinstance(dataset, Pairs) for dataset in datasets):
        return audit(*datasets, quick=quick), False
    try:
        keys = [(_MADE, key_of(dataset), dataset.name, dataset.split, *dataset.notes) for dataset in datasets]
    except DataError:  # what is missing or read by a hook without a name is for the audit to tell
        return audit(*datasets, quick=quick), False
    file = folder / f"{hashlib.blake2b(repr(keys).encode(), digest_size=16).hexdigest()}.json"
    short = file.with_suffix(".quick.json")
    for made in (file, short) if quick else (file,):
        try:
            return _read(json.loads(made.read_text(encoding="utf-8"))), True
        except (OSError, ValueError, KeyError, TypeError):  # never made, or half of one: made now
            continue
    found = audit(*datasets, quick=quick)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replaced(short if quick else file) as part:
            part.write_text(json.dumps(_written(found)), encoding="utf-8")
    except OSError:
        pass  # a full or read-only disk only costs the time again
    return found, False


def _written(found: Audit) -> dict[str, Any]:
    def told(sight: Sight) -> list[Any]:
        paths = [None if path is None else str(path) for path in (sight.image, sight.mask)]
        return [sight.name, *paths, sight.split, sight.spot]

    plain = ("names", "ignored", "mean", "std", "channels", "bits", "images", "hash", "forms")
    return {
        **{name: getattr(found, name) for name in plain},
        "findings": [[*f[:5], [told(sight) for sight in f.sights]] for f in found.findings],
        "sizes": [[*size, count] for size, count in found.sizes.items()],
        "counts": found.counts.tolist(),
        "objects": found.objects.tolist(),
        "presence": [*found.presence.shape, base64.b64encode(np.packbits(found.presence).tobytes()).decode()],
    }


def _read(tree: dict[str, Any]) -> Audit:
    def seen(row: list[Any]) -> Sight:
        name, image, mask, split, spot = row
        paths = [None if path is None else Path(path) for path in (image, mask)]
        return Sight(name, paths[0], paths[1], split, None if spot is None else (spot[0], spot[1]))

    rows, columns, packed = tree["presence"]
    bits = np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8), count=rows * columns)
    return Audit(
        findings=tuple(
            Finding(kind, severity, message, tuple(places), fix, tuple(map(seen, sights)))
            for kind, severity, message, places, fix, sights in tree["findings"]
        ),
        names=tuple(tree["names"]),
        counts=np.array(tree["counts"], np.int64),
        ignored=tree["ignored"],
        mean=tuple(tree["mean"]),
        std=tuple(tree["std"]),
        channels=tree["channels"],
        bits=tree["bits"],
        images=tree["images"],
        sizes={(height, width): count for height, width, count in tree["sizes"]},
        presence=bits.astype(bool).reshape(rows, columns),
        hash=tree["hash"],
        objects=np.array(tree["objects"], np.int64).reshape(-1, 24),
        forms=tree["forms"],
    )
