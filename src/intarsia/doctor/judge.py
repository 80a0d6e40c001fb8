"""From the exams of single samples to an Audit: the findings, in the order in which one would mend them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from ..characters import one_line
from .exam.counts import all_pixels, class_pixels, commonest, presence, regions_of
from .exam.reading import Split
from .finding import SEVERITIES, Audit, Finding
from .findings.covered import covered
from .findings.drawn import drawing
from .findings.duplicates import Copies, leaks, same_masks
from .findings.empty import empty
from .findings.files import blank, broken, mixed, single
from .findings.instances import instances
from .findings.left_out import left_out
from .findings.values import frequencies, meanings, strays, unmatched


def judge(splits: Sequence[Split], copies: Copies, found: Sequence[Finding] = (), suspect: bool = False) -> Audit:
    """The Audit of some splits; statistics are the first one's.

    Args:
        copies: the samples of one picture among them.
        found: findings that were made before, about how the masks are stored.
        suspect: tell, too, what only seems so: findings that are wrong more often than once in 500 sound pairs.
    """
    names, exams = [split.name for split in splits], [split.exams for split in splits]
    everything = [exam for part in exams for exam in part]
    read = [exam for exam in everything if exam.channels]
    space = splits[0].labels
    findings = [
        *found,
        *broken(names, exams),
        *mixed(read),
        *empty(space, everything),
        *blank(names, exams),
        *left_out([split.title for split in splits], splits),
        *(finding for split in splits for finding in strays(split)),
        *single(space),
        *leaks(names, exams, copies),
        *same_masks(names, exams),
        *(finding for split in splits for finding in (*unmatched(split), *meanings(split))),
        *(finding for split in splits for finding in covered(split.title, split.exams)),
        *(finding for split in splits for finding in instances(split.title, split.labels, split.exams, suspect)),
        *frequencies(splits),
        *drawing(space, everything, suspect),
    ]
    counts, ignored = class_pixels(space, exams[0])
    ignored += sum(exam.empty for exam in exams[0])
    total = all_pixels(space, exams[0]) if space and space.planes else int(counts.sum()) + ignored
    channels = next(iter(commonest(e.channels for e in read)), 0)
    bits = next(iter(commonest(e.bits for e in read)), 8)
    first = [e for e in exams[0] if e.channels == channels and e.bits == bits]
    pixels = sum(e.size[0] * e.size[1] for e in first)
    sums = sum((e.sums for e in first), np.zeros((2, channels))) / max(pixels, 1)
    return Audit(
        findings=tuple(sorted(map(_lined, findings), key=lambda f: SEVERITIES.index(f.severity))),
        names=space.names if space else tuple(map(str, range(len(counts)))),
        counts=counts,
        ignored=ignored / total if total else 0.0,
        mean=tuple(float(v) for v in sums[0]),
        std=tuple(float(v) for v in np.sqrt(np.maximum(sums[1] - sums[0] ** 2, 0))),
        channels=channels,
        bits=bits,
        images=dict(zip(names, map(len, exams), strict=True)),
        sizes=dict(commonest(e.size for e in read)),
        presence=presence(space, exams[0]) if space else np.zeros((0, 0), bool),
        hash=_hash(splits),
        objects=regions_of(space, exams[0]),
        forms=dict(commonest(e.form.kind for e in everything if e.form)),
    )


def _lined(finding: Finding) -> Finding:
    """The same, each text in one line whatever the names of files hold."""
    message, fix = one_line(finding.message), one_line(finding.fix)
    return finding._replace(message=message, places=tuple(map(one_line, finding.places)), fix=fix)


def _hash(splits: Sequence[Split]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for split in splits:
        for exam in sorted(split.exams, key=lambda e: e.name):
            digest.update(repr((split.name, exam.name)).encode() + exam.picture + exam.mask)
    return digest.hexdigest()
