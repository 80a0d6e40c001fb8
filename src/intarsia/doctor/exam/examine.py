"""One sample under the label doctor's lens: what is read of it, counted in it, and wrong with it alone."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ...data.files.codecs import Stored, orientation_of, raw_nodata
from ...data.files.tags import as_id, nodata_of
from ...data.pairs import Pair, Pairs, Raw, mismatch
from ...errors import DataError, LabelError, OddMode
from ...labels import LabelSpace, two_ends
from ..finding import Sight
from .fingerprints import colors, fit, gray, grid, thumbnail, traces
from .instances import Instances, instances
from .planes import combined, drawn, pixels
from .regions import SPECK, Regions, blended, gaps, regions, sizes, specks
from .storage import Form, natural
from .views import Filed, Spool, Views

_KINDS = 200  # more different values than this are smoothing, whose regions mean nothing


_NO_SUMS, _NO_GRID = np.zeros((2, 0)), np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """What is kept of one sample: numbers only, some 3 KB, and small pictures of 10 KB more; see `views`.

    It is never changed; `dataclasses.replace` makes another one.
    """

    name: str
    place: str
    error: tuple[str, str] | None = None  # kind, sentence
    size: tuple[int, int] = (0, 0)
    channels: int = 0
    bits: int = 8
    sums: np.ndarray = field(default_factory=lambda: _NO_SUMS)  # of values and their squares, scaled to 0..1; [2, C]
    flat: bool = False  # the image has one color
    values: dict[int, int] = field(default_factory=dict)  # raw mask value -> pixels
    picture: bytes = b""  # digest of the image
    mask: bytes = b""  # digest of the labels
    turned: tuple[int, int] = (1, 1)  # EXIF orientation of image and mask
    image_path: Path | None = None
    mask_path: Path | None = None
    mask_size: tuple[int, int] = (0, 0)
    nodata: tuple[int, int] | None = None  # raw value that the mask itself declares to be no data, and its pixels
    empty: int = 0  # pixels of it that are ignored and stand in `values` no more
    image_nodata: str = ""  # the same of the image, as its file has it
    form: Form | None = None  # how the mask is stored, where nobody said
    convertible: bool = True  # the image can be gray, RGB or RGBA without loss
    prints: np.ndarray | None = None  # [ways] fingerprints of the image, 64 bits each; see `thumbnail`
    views: Views | Filed = field(default_factory=Views)  # small pictures of the image, and of the mask's borders
    grid: np.ndarray = field(default_factory=lambda: _NO_GRID)  # raw values at some points
    specks: dict[int, int] = field(default_factory=dict)  # raw value -> tiny regions
    objects: dict[int, np.ndarray] = field(default_factory=dict)  # raw value -> regions of 1, 2-3, 4-7, ... px
    gaps: dict[int, int] = field(default_factory=dict)  # raw value -> lines that almost close
    speck_at: tuple[int, int] | None = None  # (row, column) of one
    gap_at: tuple[int, int] | None = None
    blend: dict[int, int] = field(default_factory=dict)  # id -> pixels between two ids, where a mask was smoothed
    overlap: int = 0  # pixels that lie in planes of several classes
    under: int = 0  # pixels of objects that lie under later ones
    covered: tuple[str, ...] = ()  # the class of each region of which nothing or little is seen
    instances: Instances | None = None  # its objects, where the data set knows any
    closely: bool = False  # whether its regions were looked at
    fit: tuple[float, ...] = ()  # how well borders lie on edges, for each way to turn the mask

    @property
    def thumb(self) -> np.ndarray:
        """[64, 64] the image in gray; empty where there is too little of it."""
        return self.views.thumb

    @property
    def edges(self) -> np.ndarray:
        """[48, 48] how steep the image is; empty without a mask that has borders."""
        return self.views.edges

    @property
    def borders(self) -> np.ndarray:
        """[48, 48] borders of the mask; empty where it has none."""
        return self.views.borders

    @property
    def colors(self) -> np.ndarray:
        """[24, 24, 3] colors of the image; empty without a mask."""
        return self.views.colors


def examine(dataset: Pairs, item: Pair, quick: bool = False) -> Exam:
    """Look at one pair of files whose masks have a meaning.

    Args:
        quick: only at values, sizes, and what cannot be read.
    """
    try:
        return _examined(dataset, item, quick)
    except MemoryError:
        told = f"{item.image}: looking at it needs more memory than is free; cut it into tiles"
        return Exam(item.name, str(item.image), ("unreadable", told), image_path=item.image, mask_path=item.mask)


def _examined(dataset: Pairs, item: Pair, quick: bool) -> Exam:
    exam = Exam(item.name, dataset.place(item), image_path=item.image, mask_path=item.mask)
    try:
        image = dataset.read(item)
    except DataError as error:
        return replace(exam, place=str(item.image), error=("unreadable", str(error)))
    exam = measured(exam, image, None if dataset.image_hook else nodata_of(item.image), quick)
    turned = 1 if dataset.image_hook else orientation_of(item.image)
    convertible = dataset.channels is not None or image.shape[2] in (1, 3)
    exam = replace(exam, turned=(turned, 1), convertible=convertible)
    try:
        raw = dataset.decode(item)
    except LabelError as error:
        return replace(exam, error=("encoding", str(error)))
    except DataError as error:
        return replace(exam, error=("unreadable", str(error)))
    if raw is None:
        return exam
    assert item.mask is not None
    exam = replace(exam, turned=(turned, turned if dataset.mask_hook else orientation_of(item.mask)))
    exam = replace(exam, instances=None if quick else instances(dataset, item, raw))
    if dataset.labels.planes:
        return _with_planes(exam, dataset, item, image, raw, quick)
    exam = replace(counted(exam, raw.classes, quick), covered=raw.covered, under=raw.under)
    exam = without_nodata(exam, dataset.labels, raw.nodata)
    return compared(exam, image, raw.classes, dataset.misfit(item, image, raw), quick)


def without_nodata(exam: Exam, labels: LabelSpace, nodata: int | None) -> Exam:
    """The exam of a mask that declares a value to be no data, or None, whose pixels are counted apart."""
    if nodata is None:
        return exam
    exam = replace(exam, nodata=(nodata, exam.values.get(nodata, 0)))
    if labels.ignoring(nodata) is labels:
        return exam
    kept = {value: count for value, count in exam.values.items() if value != nodata}
    return replace(exam, values=kept, empty=exam.values.get(nodata, 0))


def _with_planes(exam: Exam, dataset: Pairs, item: Pair, image: np.ndarray, raw: Raw, quick: bool) -> Exam:
    """Look at the planes of a pair, each by itself."""
    try:
        if raw.planes is None:
            dataset.labels.encode(raw.classes)  # says what is missing
        assert raw.planes is not None
        planes, labels = dataset.labels.encode_planes(raw.planes, raw.ignored)
    except LabelError as error:
        return replace(exam, error=("encoding", f"{dataset.place(item)}: {error}"))
    ignore_index = dataset.labels.ignore_index
    exam = of_planes(exam, image, planes, labels == ignore_index, ignore_index, not quick, quick)
    told = dataset.misfit(item, image, raw)
    return replace(exam, error=("size", told)) if told else exam


def of_planes(
    exam: Exam,
    image: np.ndarray,
    planes: np.ndarray,
    ignored: np.ndarray,
    ignore_index: int,
    closely: bool,
    quick: bool,
) -> Exam:
    """What is counted and drawn in planes [K, H, W], each by itself; `ignored` [H, W] are the pixels that do not count."""
    codes = combined(planes, ignored)
    exam = replace(
        exam,
        mask_size=(int(ignored.shape[0]), int(ignored.shape[1])),
        values=pixels(planes, int(ignored.sum()), ignore_index),
        mask=_digest(codes),
        closely=closely,
    )
    if min(ignored.shape) >= 16 and not quick:
        exam = replace(exam, grid=grid(codes))
    if not closely:
        return exam
    tiny, objects, holes, speck_at, gap_at = drawn(planes)
    exam = replace(exam, specks=tiny, objects=objects, gaps=holes, speck_at=speck_at, gap_at=gap_at)
    if ignored.shape != image.shape[:2] or min(ignored.shape) < 24:
        return exam
    picture = gray(image)
    views = Views(exam.views.thumb, *traces(picture, codes), colors(image))
    return replace(exam, fit=fit(picture, codes), views=views)


def inspect(
    item: Pair,
    image: np.ndarray | DataError,
    mask: tuple[np.ndarray, np.ndarray | None] | DataError,
    quick: bool = False,
) -> Exam:
    """Look at one pair of files of a folder that nobody described; what could not be read is given as its error.

    Args:
        quick: only at values, sizes, and what cannot be read.
    """
    exam = Exam(item.name, str(item.mask or item.image), image_path=item.image, mask_path=item.mask)
    if not isinstance(image, DataError):
        alpha = image.shape[2] in (2, 4) and (image[..., -1] != np.iinfo(image.dtype).max).any()
        exam = measured(exam, image, nodata_of(item.image), quick)
        exam = replace(exam, convertible=image.shape[2] <= 4 and not alpha, turned=(orientation_of(item.image), 1))
    if not isinstance(mask, DataError):
        exam, raw = _stored(exam, item, mask, quick)
        if not isinstance(image, DataError):
            fits = raw.shape == image.shape[:2]
            told = "" if fits else mismatch(str(item.image), str(item.mask), image.shape, raw.shape)
            exam = compared(exam, image, raw, told, quick)
    for part, place in ((image, item.image), (mask, item.mask)):
        if isinstance(part, DataError):
            kind = "mode" if isinstance(part, OddMode) else "unreadable"
            return replace(exam, place=str(place), error=(kind, str(part)))
    return exam


def inspect_mask(item: Pair, mask: tuple[np.ndarray, np.ndarray | None] | DataError, blend: bool = True) -> Exam:
    """Look at one mask alone, as `inspect` does: its values, and how they are stored; neither regions nor the image.

    Args:
        blend: whether to look for values between those of two classes, which smoothing leaves.
    """
    exam = Exam(item.name, str(item.mask or item.image), image_path=item.image, mask_path=item.mask)
    if isinstance(mask, DataError):
        return replace(exam, error=("unreadable", str(mask)))
    exam, raw = _stored(exam, item, mask, True)
    several = blend and len(exam.values) > 2 and max(exam.values) < 65536
    return replace(exam, blend=blended(raw)) if several else exam


def _stored(exam: Exam, item: Pair, mask: tuple[np.ndarray, np.ndarray | None], quick: bool) -> tuple[Exam, np.ndarray]:
    """What is counted in a mask, and how it is stored; and its values as the file has them."""
    assert item.mask is not None
    raw, form = natural(*mask, item.mask)
    exam = replace(counted(exam, raw, quick), form=form, turned=(exam.turned[0], orientation_of(item.mask)))
    if (declared := as_id(nodata_of(item.mask))) is not None and not form.alpha:
        value = raw_nodata(Stored(*mask, declared), form.colored)
        exam = replace(exam, nodata=None if value is None else (value, exam.values.get(value, 0)))
    return exam, raw


def spooled(exam: Exam, spool: Spool) -> Exam:
    """The exam, its small pictures in a file where they are many."""
    kept = spool.keep(exam.views)
    return exam if kept is exam.views else replace(exam, views=kept)


def measured(exam: Exam, image: np.ndarray, nodata: float | None, quick: bool) -> Exam:
    """What is measured of an image [H, W, C] alone."""
    channels, bits = int(image.shape[2]), 8 if image.dtype == np.uint8 else 16
    size = int(image.shape[0]), int(image.shape[1])
    if bits == 8:
        levels = np.arange(256) / 255
        counts = np.stack([_histogram(image[..., c]) for c in range(channels)])
        sums = np.stack([counts @ levels, counts @ levels**2])
        flat = bool((counts > 0).sum(axis=1).max() == 1)
    else:
        every = image.reshape(-1, channels)
        scaled = every / 65535
        sums = np.stack([scaled.sum(axis=0), (scaled**2).sum(axis=0)])
        flat = bool((every == every[:1]).all())
    empty = "" if nodata is None else f"{nodata:g}"
    exam = replace(
        exam, size=size, channels=channels, bits=bits, sums=sums, flat=flat, picture=_digest(image), image_nodata=empty
    )
    if min(size) < 16 or flat or quick:
        return exam
    picture = gray(image)
    if nodata is not None and (hollow := (image == nodata).all(axis=2)).any() and not hollow.all():
        # the edge of the data, which all tiles of a map may share, makes no two of them one picture
        picture = np.where(hollow, np.uint8(picture[~hollow].mean()), picture)
    thumb, prints = thumbnail(picture)
    return replace(exam, prints=prints, views=Views(thumb))


def _histogram(values: np.ndarray) -> np.ndarray:
    """How often each of 0..255 occurs: Pillow counts bytes as they are, where bincount makes eight of each first."""
    return np.array(Image.fromarray(np.ascontiguousarray(values)).histogram(), np.int64)


def counted(exam: Exam, raw: np.ndarray, quick: bool) -> Exam:
    """What is counted in a mask [H, W] of raw values alone."""
    if raw.dtype == np.uint8:
        counts = _histogram(raw)
        values = {int(v): int(counts[v]) for v in np.flatnonzero(counts)}
    else:
        change = np.ones(raw.shape, bool)  # values are counted a run at a time
        change[:, 1:] = raw[:, 1:] != raw[:, :-1]
        start = np.flatnonzero(change)
        held, place = np.unique(raw.ravel()[start], return_inverse=True)
        numbers = np.bincount(place.ravel(), np.diff(np.append(start, raw.size))).astype(np.int64)
        values = dict(zip(held.tolist(), numbers.tolist(), strict=True))
    size = int(raw.shape[0]), int(raw.shape[1])
    points = grid(raw) if min(size) >= 16 and not quick else exam.grid
    return replace(exam, mask_size=size, values=values, mask=_digest(raw), grid=points)


def compared(exam: Exam, image: np.ndarray, raw: np.ndarray, misfit: str, quick: bool = False) -> Exam:
    """Regions of the mask, and how it lies on the image, unless a sentence says that their sizes differ."""
    if misfit:
        exam = replace(exam, error=("size", misfit))
    if quick:
        return exam
    ids = len(exam.values) > 2 and max(exam.values) < 65536  # more are colors, which have no order
    exam = replace(exam, closely=True, blend=blended(raw) if ids else {})
    if two_ends(exam.values) and not (exam.form and exam.form.palette is not None):
        raw = (raw >= 128).astype(np.uint8) * np.uint8(255)  # two classes with grays between them
    elif len(exam.values) > _KINDS:
        raw = raw[:0]
    if (found := regions(raw)) is not None:
        exam = _with_regions(exam, found)
    if misfit or not raw.size or min(raw.shape) < 24:
        return exam
    picture = gray(image)
    return replace(exam, fit=fit(picture, raw), views=Views(exam.views.thumb, *traces(picture, raw), colors(image)))


def _with_regions(exam: Exam, found: Regions) -> Exam:
    """What is seen in the regions of a mask."""
    tiny, holes = np.flatnonzero(found.areas < SPECK), gaps(found)
    return replace(
        exam,
        specks=specks(found),
        objects=sizes(found),
        speck_at=(int(found.boxes[tiny[0], 0]), int(found.boxes[tiny[0], 1])) if len(tiny) else None,
        gaps=dict(Counter(value for value, *_ in holes)),
        gap_at=holes[0][1:] if holes else None,
    )


def _digest(array: np.ndarray) -> bytes:
    digest = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def sights(exams: Sequence[Exam]) -> tuple[Sight, ...]:
    """The first five of some samples, to look at."""
    return tuple(Sight(e.name, e.image_path, e.mask_path) for e in exams[:5])
