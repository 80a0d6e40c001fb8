"""From the exams of single samples to an Audit: the findings, in the order in which one would mend them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from ..data.dataset import split_of
from ..labels import LabelSpace
from .exam.counts import all_pixels, commonest, counted, regions_of
from .exam.examine import Exam
from .finding import Audit, Finding
from .findings.borrowed import borrowed
from .findings.covered import covered
from .findings.drawn import drawing
from .findings.duplicates import leaks
from .findings.empty import empty
from .findings.files import blank, broken, mixed, single
from .findings.left_out import left_out
from .findings.values import about, frequencies, strays

_ORDER = {"error": 0, "warning": 1, "note": 2}


def gather(
    datasets: Sequence[object],
    spaces: Sequence[LabelSpace | None],
    exams: Sequence[list[Exam]],
    said: Sequence[Finding] = (),
) -> Audit:
    """The Audit of several splits; `said` are findings that were made before, about how the masks are stored."""
    splits = _names(datasets)
    everything = [exam for part in exams for exam in part]
    read = [exam for exam in everything if exam.channels]
    first = [exam for exam in exams[0] if exam.channels]
    spoken = ["the whole set" if name == "all" else name for name in splits]
    space = spaces[0]
    channels = next(iter(commonest(e.channels for e in read)), 0)
    bits = next(iter(commonest(e.bits for e in read)), 8)
    counts, ignored = counted(space, exams[0])
    ignored += sum(exam.empty for exam in exams[0])
    pixels = sum(e.size[0] * e.size[1] for e in first if e.channels == channels and e.bits == bits)
    sums = sum((e.sums for e in first if e.channels == channels and e.bits == bits), np.zeros((2, channels))) / max(
        pixels, 1
    )
    findings = [
        *said,
        *broken(splits, exams),
        *mixed(read),
        *empty(space, everything),
        *blank(splits, exams),
        *left_out(spoken, datasets),
        *(f for s, sp, part in zip(spoken, spaces, exams, strict=True) for f in strays(s, sp, part)),
        *single(space),
        *leaks(splits, exams),
        *borrowed(splits, exams),
        *(f for s, d, sp, part in zip(spoken, datasets, spaces, exams, strict=True) for f in about(s, d, sp, part)),
        *(f for s, part in zip(spoken, exams, strict=True) for f in covered(s, part)),
        *frequencies(spoken, spaces, exams),
        *drawing(space, everything),
    ]
    total = all_pixels(space, exams[0]) if space and space.planes else int(counts.sum()) + ignored
    return Audit(
        findings=tuple(sorted(findings, key=lambda f: _ORDER[f.severity])),
        names=space.names if space else tuple(map(str, range(len(counts)))),
        counts=counts,
        ignored=ignored / total if total else 0.0,
        mean=tuple(float(v) for v in sums[0]),
        std=tuple(float(v) for v in np.sqrt(np.maximum(sums[1] - sums[0] ** 2, 0))),
        channels=channels,
        bits=bits,
        images=dict(zip(splits, map(len, exams), strict=True)),
        sizes=dict(commonest(e.size for e in read)),
        presence=np.array([counted(space, [exam])[0] > 0 for exam in exams[0]]) if space else np.zeros((0, 0), bool),
        hash=_hash(splits, exams),
        objects=regions_of(space, exams[0]),
        forms=dict(commonest(e.form.kind for e in everything if e.form)),
    )


def _names(datasets: Sequence[object]) -> list[str]:
    """A name for each data set, no two alike."""
    names: list[str] = []
    for number, dataset in enumerate(datasets, 1):
        name = str(split_of(dataset) or (f"set {number}" if len(datasets) > 1 else "data"))
        names.append(f"{name} ({number})" if name in names else name)
    return names


def _hash(splits: Sequence[str], exams: Sequence[list[Exam]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for split, part in zip(splits, exams, strict=True):
        for exam in sorted(part, key=lambda e: e.name):
            digest.update(repr((split, exam.name)).encode() + exam.picture + exam.mask)
    return digest.hexdigest()
