"""Masks that stand beside two images: pixel for pixel the same, where the images are not."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from ..exam.examine import Exam
from ..finding import Finding, Sight

_SCENE = 0.95  # correlation of thumbnails from which two images show one scene, and may share a mask
_MANY = 0.2  # of the masks: where more are shared, it is how the set is made, as with a field of view


def borrowed(splits: Sequence[str], exams: Sequence[list[Exam]]) -> Iterator[Finding]:
    """The finding about masks that another image has as well; those without much of a border may be alike by chance."""
    labeled = [(s, e) for s, part in zip(splits, exams, strict=True) for e in part if e.values and not e.error]
    held: dict[bytes, list[tuple[str, Exam]]] = defaultdict(list)
    for split, exam in labeled:
        if exam.borders.size and exam.thumb.size:
            held[exam.mask].append((split, exam))
    hit = []
    for group in held.values():
        if len(group) <= max(2, _MANY * len(labeled)):
            hit += [pair for pair in combinations(group, 2) if not _one_scene(pair[0][1], pair[1][1])]
    concerned = {id(exam) for pair in hit for _, exam in pair}
    if hit and len(concerned) <= max(2, _MANY * len(labeled)):
        told = [" = ".join(f"{split}/{exam.name}" for split, exam in pair) for pair in hit]
        yield Finding(
            "same_mask",
            "warning",
            f"{len(concerned)} of the {len(labeled)} masks are pixel for pixel those of other images (the first: {told[0]}), so one of each two belongs elsewhere.",
            tuple(told[:5]),
            "Look at both images, and put the right mask beside the other one.",
            tuple(Sight(e.name, e.image_path, e.mask_path, s) for pair in hit[:2] for s, e in pair),
        )


def _one_scene(one: Exam, two: Exam) -> bool:
    if one.picture == two.picture:
        return True
    a, b = (exam.thumb.astype(np.float32).ravel() for exam in (one, two))
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) >= _SCENE * max(float(np.sqrt((a @ a) * (b @ b))), 1e-6)
