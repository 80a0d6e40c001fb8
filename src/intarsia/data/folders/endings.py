"""How the names of images and masks may end: the pairs of suffixes that are worth a try."""

import re
from collections import Counter
from pathlib import Path

from ..files.formats import LOSSY
from .layout import CHANNEL

MASKS = re.compile(r"mask|label|annot|gt|ground.?truth|seg|target|manual|trimap", re.IGNORECASE)
OBSERVER = re.compile(
    r"_\d(st|nd|rd|th)(HO|[_ ]?(observer|expert|annotator|rater|reader))", re.IGNORECASE
)  # who drew it


def endings(images: list[list[str]], masks: list[list[str]], together: bool) -> list[tuple[str, str]]:
    """Pairs of suffixes worth a try, shortest first."""
    flat_images, flat_masks = sum(images, []), sum(masks, [])
    if together:
        kinds = sorted({Path(n).suffix for n in flat_images})
        by_type = [(a, b) for a in kinds for b in kinds if a != b and b.lower() not in LOSSY]
        stems = {Path(n).stem for n in flat_images}
        tails = sorted(
            {
                s[len(t) :]
                for s in stems
                for n in range(1, len(s))
                if (t := s[:n]) in stems and re.match(r"[_\-. ]?([A-Za-z]|\d(st|nd|rd|th))", s[n:])
            }
        )
        plain = [
            ("", t) for t in tails if MASKS.search(t) or OBSERVER.search(t) or len(tails) == 1 or t in ("_L", "_P")
        ]
        return plain + by_type + _both_named(stems)
    ours, theirs = _tails(flat_images), _tails(flat_masks)
    if all(re.search(r"_\d{4}$", Path(n).stem) for n in flat_images):
        ours.append(f"_{CHANNEL}")
    return sorted(((a, b) for a in ours for b in theirs), key=lambda p: len(p[0]) + len(p[1]))


def _both_named(stems: set[str]) -> list[tuple[str, str]]:
    """Endings of images and of masks, where files of one folder say by their names which they are: _sat and _mask."""
    ends = Counter(end for stem in stems for end in _guess(stem))
    common = sorted(end for end, count in ends.items() if count >= 0.25 * len(stems))
    return [(a, b) for b in common if MASKS.search(b) for a in common if not MASKS.search(a)]


def _tails(names: list[str]) -> list[str]:
    """The endings, from a separator on, that all stems share."""
    stems = [Path(n).stem for n in names]
    shared = stems[0]
    for stem in stems[1:]:
        while not stem.endswith(shared):
            shared = shared[1:]
    return (
        [
            "",
            *(shared[n:] for n, c in enumerate(shared) if c in "_-. " and len(shared) - n < min(map(len, stems))),
            *re.findall(r"(?<=\d)[A-Za-z]+$|^[A-Za-z]+$", shared),
        ]
        if len(stems) > 1
        else ["", *_guess(stems[0])]
    )


def _guess(stem: str) -> list[str]:
    match = re.search(r"[_\-. ][A-Za-z]+$", stem)
    return [match[0]] if match else []
