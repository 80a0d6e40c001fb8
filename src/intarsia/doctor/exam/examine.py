"""One sample under the label doctor's lens: what is read of it, counted in it, and wrong with it alone."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ...data.dataset import Dataset, labels_of
from ...data.files.codecs import Stored, orientation_of, raw_nodata
from ...data.files.tags import as_id, nodata_of
from ...data.pairs import Pair, Pairs, Raw, mismatch
from ...errors import DataError, LabelError, OddMode
from ...labels import two_ends
from ..finding import Sight
from .fingerprints import colors, fit, gray, grid, thumbnail, traces
from .planes import combined, drawn, pixels
from .regions import SPECK, between, gaps, regions, sizes, specks, steps
from .storage import Form, natural
from .views import Filed, Spool, Views

_BLEND = 0.3  # pixels between two ids, for each step between ids, from which a mask was smoothed
_SAME = 0.6  # the same where all of them have one id: a thin ring around a thing may be meant
_KINDS = 200  # more different values than this are smoothing, whose regions mean nothing


_NO_SUMS, _NO_GRID = np.zeros((2, 0)), np.zeros((0, 0), np.uint8)


@dataclass(slots=True, eq=False)
class Exam:
    """What is kept of one sample: numbers only, some 3 KB, and small pictures of 10 KB more; see `views`."""

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
    views: Views | Filed = Views()  # small pictures of the image, and of the mask's borders
    grid: np.ndarray = field(default_factory=lambda: _NO_GRID)  # raw values at some points
    specks: dict[int, int] = field(default_factory=dict)  # raw value -> tiny regions
    objects: dict[int, np.ndarray] = field(default_factory=dict)  # raw value -> regions of 1, 2-3, 4-7, ... px
    gaps: dict[int, int] = field(default_factory=dict)  # raw value -> lines that almost close
    speck_at: tuple[int, int] | None = None  # (row, column) of one
    gap_at: tuple[int, int] | None = None
    blend: dict[int, int] = field(default_factory=dict)  # id -> pixels between two ids, where a mask was smoothed
    overlap: int = 0  # pixels that lie in planes of several classes
    covered: tuple[str, ...] = ()  # the class of each region of which nothing or little is seen
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
        exam.place, exam.error = str(item.image), ("unreadable", str(error))
        return exam
    exam.convertible = dataset.channels is not None or image.shape[2] in (1, 3)
    _measure(exam, image, None if dataset.image_hook else nodata_of(item.image), quick)
    turned = 1 if dataset.image_hook else orientation_of(item.image)
    exam.turned = turned, 1
    try:
        raw = dataset.decode(item)
    except LabelError as error:
        exam.error = ("encoding", str(error))
        return exam
    except DataError as error:
        exam.error = ("unreadable", str(error))
        return exam
    if raw is None:
        return exam
    assert item.mask is not None
    exam.turned = turned, turned if dataset.mask_hook else orientation_of(item.mask)
    if dataset.labels.planes:
        _examine_planes(exam, dataset, item, image, raw, quick)
        return exam
    exam.covered = raw.covered
    _count(exam, raw.classes, quick)
    if raw.nodata is not None:
        exam.nodata = raw.nodata, exam.values.get(raw.nodata, 0)
        if dataset.labels.ignoring(raw.nodata) is not dataset.labels:
            exam.empty = exam.values.pop(raw.nodata, 0)
    _compare(exam, image, raw.classes, dataset.misfit(item, image, raw), quick)
    return exam


def _examine_planes(exam: Exam, dataset: Pairs, item: Pair, image: np.ndarray, raw: Raw, quick: bool) -> None:
    """Look at the planes of a pair, each by itself."""
    try:
        if raw.planes is None:
            dataset.labels.encode(raw.classes)  # says what is missing
        assert raw.planes is not None
        planes, labels = dataset.labels.encode_planes(raw.planes, raw.ignored)
    except LabelError as error:
        exam.error = ("encoding", f"{dataset.place(item)}: {error}")
        return
    _look_at_planes(
        exam, image, planes, labels == dataset.labels.ignore_index, dataset.labels.ignore_index, not quick, quick
    )
    if told := dataset.misfit(item, image, raw):
        exam.error = ("size", told)


def _look_at_planes(
    exam: Exam,
    image: np.ndarray,
    planes: np.ndarray,
    ignored: np.ndarray,
    ignore_index: int,
    closely: bool,
    quick: bool,
) -> None:
    exam.mask_size = (int(ignored.shape[0]), int(ignored.shape[1]))
    exam.values = pixels(planes, int(ignored.sum()), ignore_index)
    codes = combined(planes, ignored)
    exam.mask = _digest(codes)
    exam.closely = closely
    if min(ignored.shape) >= 16 and not quick:
        exam.grid = grid(codes)
    if not closely:
        return
    exam.specks, exam.objects, exam.gaps, exam.speck_at, exam.gap_at = drawn(planes)
    if ignored.shape == image.shape[:2] and min(ignored.shape) >= 24:
        picture = gray(image)
        exam.fit = fit(picture, codes)
        exam.views = Views(exam.views.thumb, *traces(picture, codes), colors(image))


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
        exam.convertible = image.shape[2] <= 4 and not alpha
        _measure(exam, image, nodata_of(item.image), quick)
        exam.turned = orientation_of(item.image), 1
    if not isinstance(mask, DataError):
        assert item.mask is not None
        raw, exam.form = natural(*mask, item.mask)
        exam.turned = exam.turned[0], orientation_of(item.mask)
        _count(exam, raw, quick)
        if (declared := as_id(nodata_of(item.mask))) is not None and not exam.form.alpha:
            value = raw_nodata(Stored(*mask, declared), exam.form.colored)
            exam.nodata = None if value is None else (value, exam.values.get(value, 0))
        if not isinstance(image, DataError):
            fits = raw.shape == image.shape[:2]
            told = "" if fits else mismatch(str(item.image), str(item.mask), image.shape, raw.shape)
            _compare(exam, image, raw, told, quick)
    for part, place in ((image, item.image), (mask, item.mask)):
        if isinstance(part, DataError):
            kind = "mode" if isinstance(part, OddMode) else "unreadable"
            exam.place, exam.error = str(place), (kind, str(part))
            break
    return exam


def examine_sample(dataset: Dataset, index: int, closely: bool = True, quick: bool = False) -> Exam:
    """Look at one item of a data set that is not made of files; at its regions too, if `closely` and not `quick`."""
    from ...data.samples import as_sample

    try:
        sample = as_sample(dataset[index], index)
    except DataError as error:
        return Exam(f"item {index}", f"item {index}", ("unreadable", str(error)))
    except Exception as error:  # a user's own code: whatever it raises is a finding about that item
        return Exam(
            f"item {index}",
            f"item {index}",
            ("unreadable", f"item {index} of the data set raised {type(error).__name__}: {error}"),
        )
    image = sample.image.permute(1, 2, 0).numpy()
    exam = Exam(sample.name, sample.name)
    if image.dtype != np.uint8:
        if image.min(initial=0) < 0 or image.max(initial=0) > 65535:
            exam.error = (
                "unreadable",
                f"{sample.name}: image values from {image.min()} to {image.max()}; give uint8, or int32 of 0..65535",
            )
            return exam
        image = image.astype(np.uint16)
    _measure(exam, image, None, quick)
    raw = sample.labels.numpy()
    if sample.planes is not None:
        space = labels_of(dataset)
        ignore_index = 255 if space is None else space.ignore_index
        _look_at_planes(
            exam, image, sample.planes.numpy(), raw == ignore_index, ignore_index, closely and not quick, quick
        )
        return exam
    _count(exam, raw, quick)
    if closely and not quick:
        _compare(exam, image, raw, "")
    return exam


def spooled(exam: Exam, spool: Spool) -> Exam:
    """The exam, its small pictures in a file where they are many."""
    exam.views = spool.keep(exam.views)
    return exam


def _measure(exam: Exam, image: np.ndarray, nodata: float | None, quick: bool) -> None:
    exam.size, exam.channels = (int(image.shape[0]), int(image.shape[1])), int(image.shape[2])
    exam.bits = 8 if image.dtype == np.uint8 else 16
    flat = image.reshape(-1, exam.channels)
    if exam.bits == 8:
        levels = np.arange(256) / 255
        counts = np.stack([_histogram(image[..., c]) for c in range(exam.channels)])
        exam.sums = np.stack([counts @ levels, counts @ levels**2])
        exam.flat = bool((counts > 0).sum(axis=1).max() == 1)
    else:
        scaled = flat / 65535
        exam.sums = np.stack([scaled.sum(axis=0), (scaled**2).sum(axis=0)])
        exam.flat = bool((flat == flat[:1]).all())
    exam.picture = _digest(image)
    exam.image_nodata = "" if nodata is None else f"{nodata:g}"
    if min(exam.size) >= 16 and not exam.flat and not quick:
        picture = gray(image)
        if nodata is not None and (hollow := (image == nodata).all(axis=2)).any() and not hollow.all():
            # the edge of the data, which all tiles of a map may share, makes no two of them one picture
            picture = np.where(hollow, np.uint8(picture[~hollow].mean()), picture)
        thumb, exam.prints = thumbnail(picture)
        exam.views = Views(thumb)


def _histogram(values: np.ndarray) -> np.ndarray:
    """How often each of 0..255 occurs: Pillow counts bytes as they are, where bincount makes eight of each first."""
    return np.array(Image.fromarray(np.ascontiguousarray(values)).histogram(), np.int64)


def _count(exam: Exam, raw: np.ndarray, quick: bool) -> None:
    exam.mask_size = (int(raw.shape[0]), int(raw.shape[1]))
    if raw.dtype == np.uint8:
        counts = _histogram(raw)
        exam.values = {int(v): int(counts[v]) for v in np.flatnonzero(counts)}
    else:
        change = np.ones(raw.shape, bool)  # values are counted a run at a time
        change[:, 1:] = raw[:, 1:] != raw[:, :-1]
        start = np.flatnonzero(change)
        values, place = np.unique(raw.ravel()[start], return_inverse=True)
        numbers = np.bincount(place.ravel(), np.diff(np.append(start, raw.size))).astype(np.int64)
        exam.values = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    exam.mask = _digest(raw)
    if min(raw.shape) >= 16 and not quick:
        exam.grid = grid(raw)


def _compare(exam: Exam, image: np.ndarray, raw: np.ndarray, misfit: str, quick: bool = False) -> None:
    """Regions of the mask, and how it lies on the image, unless a sentence says that their sizes differ."""
    if misfit:
        exam.error = ("size", misfit)
    if quick:
        return
    exam.closely = True
    if len(exam.values) > 2 and max(exam.values) < 65536:  # more are colors, which have no order
        exam.blend = _blended(raw)
    if two_ends(exam.values) and not (exam.form and exam.form.palette is not None):
        raw = (raw >= 128).astype(np.uint8) * np.uint8(255)  # two classes with grays between them
    elif len(exam.values) > _KINDS:
        raw = raw[:0]
    found = regions(raw)
    if found is not None:
        exam.specks, exam.objects = specks(found), sizes(found)
        tiny, holes = np.flatnonzero(found.areas < SPECK), gaps(found)
        exam.speck_at = (int(found.boxes[tiny[0], 0]), int(found.boxes[tiny[0], 1])) if len(tiny) else None
        exam.gaps, exam.gap_at = dict(Counter(value for value, *_ in holes)), holes[0][1:] if holes else None
    if not misfit and raw.size and min(raw.shape) >= 24:
        picture = gray(image)
        exam.fit = fit(picture, raw)
        exam.views = Views(exam.views.thumb, *traces(picture, raw), colors(image))


def _blended(raw: np.ndarray) -> dict[int, int]:
    middle = raw[between(raw)]
    if len(middle) < 20 or len(middle) < _BLEND * steps(raw):
        return {}
    values, counts = np.unique(middle, return_counts=True)
    if len(values) == 1 and len(middle) < _SAME * steps(raw):
        return {}
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _digest(array: np.ndarray) -> bytes:
    digest = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def sights(exams: Sequence[Exam]) -> tuple[Sight, ...]:
    """The first five of some samples, to look at."""
    return tuple(Sight(e.name, e.image_path, e.mask_path) for e in exams[:5])
