"""What is wrong with files, with the values in masks, and with how often classes occur: findings, a kind a function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...labels import LabelSpace
from ..exam.counts import commonest
from ..exam.examine import Exam, sights
from ..finding import Finding, Sight


def broken(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> Iterable[Finding]:
    """Files that cannot be read, and masks that do not fit their images."""
    every = [(split, exam) for split, part in zip(splits, exams, strict=True) for exam in part]
    yield from _broken("mode", every, "Save these images as RGB.")
    yield from _broken("unreadable", every, "Replace these files, or remove them together with their partners.")
    yield from _broken("size", every, "Export the masks again at the size of their images.")
    cure = "Give the meaning of the masks in labels.values, or let `intarsia init` write it."
    yield from _broken("encoding", every, cure)


def _broken(kind: str, every: Sequence[tuple[str, Exam]], fix: str) -> Iterable[Finding]:
    """The finding about samples whose exam ended with one kind of error."""
    hit = [(split, exam, exam.error[1]) for split, exam in every if exam.error and exam.error[0] == kind]
    if hit:
        more = f"; and {len(hit) - 1} more like it" if len(hit) > 1 else ""
        told = f"{hit[0][2].rstrip('.')}{more}."
        shown = tuple(_sight(split, exam) for split, exam, _ in hit[:5])
        yield Finding(kind, "error", told, _five(exam.place for _, exam, _ in hit), fix, shown)


def mixed(read: Sequence[Exam]) -> Iterable[Finding]:
    """Images of several kinds, and those that lie on their side."""
    cure = "Convert the files, or set data.channels where that loses nothing."
    yield from _several("channels", "channel", [e.channels for e in read], read, cure)
    yield from _several("bits", "bit", [e.bits for e in read], read, "Convert the files to one depth.")
    yield from _forms(read)
    yield from _orientation(read)
    yield from _sizes(read)


def _several(kind: str, unit: str, values: Sequence[int], read: Sequence[Exam], fix: str) -> Iterable[Finding]:
    """The finding about images of which a number, one for each, differs."""
    counts = commonest(values)
    if len(counts) > 1:
        told = " and ".join(f"{n} of {v} {unit}{'s' if v > 1 else ''}" for v, n in counts.items())
        usual = next(iter(counts))
        odd = [exam for exam, value in zip(read, values, strict=True) if value != usual]
        sentence = f"Images of different kinds: {told}; a network takes one kind."
        yield Finding(kind, "error", sentence, _five(e.name for e in odd), fix, sights(odd))


def _forms(read: Sequence[Exam]) -> Iterable[Finding]:
    """The finding about masks that are stored in another way than most."""
    stored = commonest(e.form.kind for e in read if e.form)
    if odd := [e for e in read if e.form and e.form.kind != next(iter(stored))]:
        told = " and ".join(f"{n} {kind}" for kind, n in stored.items())
        yield Finding("forms", "note", f"{len(odd)} of the {sum(stored.values())} masks are stored in another way than most: {told}.", _five(e.place for e in odd), "Where their values are those of the others, all is well.", sights(odd))  # fmt: skip


def _orientation(read: Sequence[Exam]) -> Iterable[Finding]:
    """The finding about images and masks that EXIF data turn in different ways."""
    turned = [e for e in read if e.turned[0] != e.turned[1] and e.mask]
    # lying on the side, image and mask are of one size only where the mask is upright: then all is well
    doubt = [e for e in turned if max(e.turned) < 5 or e.size != e.mask_size or e.size[0] == e.size[1]]
    if turned := doubt or turned:
        yield Finding(
            "orientation", "warning" if doubt else "note", f"{len(turned)} {'images are' if len(turned) > 1 else 'image is'} turned by EXIF data in another way than the mask; both are read upright, so check that they fit.",
            _five(e.name for e in turned), "Save images and masks without EXIF orientation.", sights(turned),
        )  # fmt: skip


def _sizes(read: Sequence[Exam]) -> Iterable[Finding]:
    """The finding about images of several sizes."""
    sizes = commonest(e.size for e in read)
    if len(sizes) > 1:
        low, high = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
        yield Finding(
            "sizes",
            "note",
            f"Images have {len(sizes)} sizes, from {low[1]}x{low[0]} to {high[1]}x{high[0]}.",
            (),
            "Train on crops (augment.crop), or with a batch size of 1.",
        )


def blank(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> Iterable[Finding]:
    """Images of one color."""
    hit = [(s, e) for s, part in zip(splits, exams, strict=True) for e in part if e.flat]
    if hit:
        yield Finding(
            "blank",
            "warning",
            f"{len(hit)} {'images have' if len(hit) > 1 else 'image has'} one color only.",
            _five(str(e.image_path or e.name) for _, e in hit),
            "Look at them: nothing can be learned from an empty picture.",
            tuple(_sight(s, e) for s, e in hit[:5]),
        )


def single(space: LabelSpace | None) -> Iterable[Finding]:
    """A label space of one class, unless its objects are told apart: those a network can learn."""
    if space is not None and space.num_classes == 1 and not space.planes and not space.things:
        yield Finding(
            "one_class",
            "error",
            f"{space.names[0]!r} is the only class, so there is nothing that a network could tell apart.",
            (),
            f"Give what is not {space.names[0]} a value or a color of its own in the masks, such as background.",
        )


def _sight(split: str, exam: Exam) -> Sight:
    return Sight(exam.name, exam.image_path, exam.mask_path, split)


def _five(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(list(places)[:5])
