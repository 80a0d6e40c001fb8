"""Waymo Open: drives seen by five cameras around a car, 28 classes, objects told apart.

Mei, Zhu, Yan, Yan, Qiao, Zhu, Chen, Kretzschmar, Anguelov. "Waymo Open Dataset: Panoramic Video Panoptic Segmentation."
ECCV 2022. arXiv:2206.07704. The columns are those of version 2 of the data set, in Apache Parquet.

    camera_segmentation/CONTEXT.parquet   a PNG of 16 bit a row: class * divisor + object, 0 for no single object; lists of
                                          the image's objects and their numbers in the whole sequence
    camera_image/CONTEXT.parquet          a JPEG a row, joined by context, time stamp and camera
    camera_calibration/CONTEXT.parquet    where each camera looks, for objects that several cameras see; may be absent

Only some frames are labeled; these make up the data set. Reading it takes the extra "waymo" (pyarrow), no TensorFlow.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.dataset import Shot
from ..data.files.formats import embedded
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..data.videos import Previous
from ..errors import DataError, extra, nearest
from ..labels import LabelSpace, parse_color
from ..limits import check_decoded
from .cameras import Pinhole, looked_at
from .frames import followed
from .release import one_of, top

TREE = """    {training,validation}/camera_image/CONTEXT.parquet
    {training,validation}/camera_segmentation/CONTEXT.parquet"""

_TABLE = """
ego vehicle 666666, car 00008e, truck 000046, bus 003c64, other large vehicle 3d85c6, bicycle 770b20, motorcycle 0000e6,
trailer 6fa8dc, pedestrian dc143c, cyclist ff0000, motorcyclist b40000, bird 7f6000, ground animal 5b0f00,
construction cone pole e69138, pole 999999, pedestrian object ea9999, sign f6b26b, traffic light faaa1e,
building 464646, road 804080, lane marker ead1dc, road marker d9d2e9, sidewalk f423e8, vegetation 6b8e23, sky 4682b4,
ground 666666, dynamic 666666, static 666666
"""  # camera_segmentation.proto from 1 on; 0 is undefined
_ROWS = [entry.split() for entry in _TABLE.split(",")]
NAMES = tuple(" ".join(words[:-1]) for words in _ROWS)
LABELS = LabelSpace(
    NAMES, tuple(parse_color("#" + words[-1]) for words in _ROWS), {0: "ignore", **dict(enumerate(NAMES, 1))}
)
THINGS = (
    *("car", "truck", "bus", "other large vehicle", "bicycle", "motorcycle", "trailer"),
    *("pedestrian", "cyclist", "motorcyclist", "bird", "ground animal"),
)
CAMERAS = ("front", "front_left", "front_right", "side_left", "side_right")  # CameraName from 1 on
_FOLDERS = {"train": "training", "val": "validation", "test": "testing"}
_KEYS = ("key.segment_context_name", "key.frame_timestamp_micros", "key.camera_name")
_IMAGE = "[CameraImageComponent].image"
_LENS = tuple(f"[CameraCalibrationComponent].intrinsic.{name}" for name in ("f_u", "f_v", "c_u", "c_v"))
_TURNED = "[CameraCalibrationComponent].extrinsic.transform"
_LABEL, _DIVISOR, _SEQUENCE, _LOCAL, _GLOBAL = (
    f"[CameraSegmentationLabelComponent].{name}"
    for name in (
        *("panoptic_label", "panoptic_label_divisor", "sequence_id"),
        *(f"instance_id_to_global_id_mapping.{which}_instance_ids" for which in ("local", "global")),
    )
)


class Place(NamedTuple):
    """Where a row lies."""

    file: Path
    group: int
    row: int
    video: str = ""  # context, sequence and camera of a labeled frame


def waymo(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, cameras: Sequence[str] = CAMERAS,
    previous: Previous = False,
) -> Pairs:  # fmt: skip
    """The labeled images of Waymo Open, version 2.

    Args:
        split: "train" or "val"; the labels of "test" are not public.
        labels: another meaning of the 29 types of `camera_segmentation.proto`.
        cameras: which of "front", "front_left", "front_right", "side_left" and "side_right".
        previous: the objects of the labeled frame before of the same camera as well (`Sample.previous`); an object then has
            one number in all frames and cameras of its sequence, unless Waymo did not track it. frame: its pixels as well,
            as further channels of the image; centers: these, and a heatmap of the centers of its objects.
    """
    cameras = (cameras,) if isinstance(cameras, str) else tuple(cameras)
    for camera in cameras:
        if camera not in CAMERAS:
            raise DataError(f"there is no camera {camera!r}{nearest(camera, CAMERAS)}")
    root = top(root, (), TREE)
    one_of(split, splits(root), root, TREE)
    folder = root / _FOLDERS[split]
    wanted = {CAMERAS.index(camera) + 1 for camera in cameras}
    items: list[Pair] = []
    images_of: dict[str, Place] = {}
    masks_of: dict[str, Place] = {}
    for file in sorted((folder / "camera_segmentation").glob("*.parquet")):
        images = folder / "camera_image" / file.name
        if not images.is_file():
            raise DataError(f"{file}: there is no {images} for it; get both components of every context")
        known = _rows(images)
        for key, place in sorted(_rows(file, bool(previous)).items()):
            if key[2] not in wanted:
                continue
            name = f"{key[0]}_{key[1]}_{CAMERAS[key[2] - 1]}"
            if key not in known:
                raise DataError(f"{images}: holds no image of {name}, which is labeled; get the file again")
            items.append(Pair(name, images, file))
            images_of[name], masks_of[name] = known[key], place
    if not items:
        raise DataError(f"{folder}: no labeled image of {', '.join(cameras)}")
    read, space = partial(_image, images_of), with_things(labels or LABELS, THINGS)
    if not previous:
        return Pairs(items, space, name="waymo", split=split, image=read, decode=partial(_panoptic, masks_of))
    both = read if isinstance(previous, str) else None
    centers = space if previous == "centers" else None
    items, decode, seen = followed(items, partial(_tracks, masks_of), "waymo", partial(_video, masks_of), both, centers)
    videos = [masks_of[item.name].video.rsplit(" ", 1) for item in items]
    shots = [Shot(video, CAMERAS[int(camera) - 1]) for video, camera in videos]
    return Pairs(
        items,
        space,
        name="waymo",
        split=split,
        image=seen or read,
        decode=decode,
        shots=shots,
        places=partial(_cells, folder, masks_of),
    )


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have labels."""
    return tuple(
        s for s, f in _FOLDERS.items() if next((Path(root) / f / "camera_segmentation").glob("*.parquet"), None)
    )


def _image(places: dict[str, Place], item: Pair) -> np.ndarray:
    image = _decoded(_cell(places[item.name], [_IMAGE])[_IMAGE], f"{item.image}: {item.name}")
    return image if image.ndim == 3 else image[..., None]


def _panoptic(places: dict[str, Place], item: Pair) -> Raw:
    where = f"{item.mask}: {item.name}"
    cell = _cell(places[item.name], [_LABEL, _DIVISOR])
    panoptic = _decoded(cell[_LABEL], where).astype(np.int32)
    if panoptic.ndim != 2:
        raise DataError(f"{where}: a label of shape {panoptic.shape}; get the file again")
    classes, number = np.divmod(panoptic, int(cell[_DIVISOR]))
    return Raw(classes, np.where(number > 0, panoptic, 0))


def _tracks(places: dict[str, Place], item: Pair) -> Raw:
    """The same, with a number for each class and object that all frames of a sequence share.

    Raises: DataError for an object that the file does not number.
    """
    raw, cell = _panoptic(places, item), _cell(places[item.name], [_DIVISOR, _LOCAL, _GLOBAL])
    assert raw.objects is not None
    known = dict(zip(cell[_LOCAL] or (), cell[_GLOBAL] or (), strict=False))
    local = raw.objects % int(cell[_DIVISOR])
    table = np.zeros(int(local.max(initial=0)) + 1, np.int32)
    for number in np.unique(local[local > 0]).tolist():
        found = known.get(number, 0)
        if not 0 < found <= np.iinfo(np.int32).max // len(NAMES):
            raise DataError(
                f"{item.mask}: {item.name}: data.previous needs the number of object {number} in its sequence, and "
                f"{_GLOBAL!r} has {'none' if number not in known else found}; leave data.previous out"
            )
        table[number] = found
    tracked = (raw.classes > 0) & (raw.classes <= len(NAMES)) & (local > 0)
    return raw._replace(objects=np.where(tracked, (table[local] - 1) * len(NAMES) + raw.classes, 0), kept=True)


def _video(places: dict[str, Place], item: Pair) -> str:
    return places[item.name].video


def _cells(folder: Path, places: dict[str, Place], item: Pair) -> np.ndarray | None:
    """The directions in which the pixels of an image look; None without the calibration of its camera.

    Raises: DataError for a calibration that is none.
    """
    file, number = folder / "camera_calibration" / item.image.name, int(places[item.name].video.rsplit(" ", 1)[1])
    if not file.is_file():
        return None
    columns = [_KEYS[2], *_LENS, _TURNED]
    opened = _open(file, columns)
    for group in range(opened.num_row_groups):
        rows = opened.read_row_group(group, columns=columns).to_pydict()
        for row, camera in enumerate(rows[_KEYS[2]]):
            if int(camera) == number:
                (f_u, f_v, c_u, c_v), matrix = (rows[column][row] for column in _LENS), rows[_TURNED][row]
                numbers = [float(value) for value in (f_u, f_v, c_u, c_v, *matrix)]
                if len(numbers) != 20 or not np.isfinite(numbers).all() or min(f_u, f_v) <= 0:
                    raise DataError(
                        f"{file}: the calibration of {CAMERAS[number - 1]} has {len(numbers)} numbers, of which all must be "
                        "known, and focal lengths above 0; get the file again"
                    )
                turned = tuple(numbers[4 + 4 * i + j] for i in range(3) for j in range(3))
                height, width = _panoptic(places, item).classes.shape
                return looked_at(Pinhole((numbers[0], numbers[1]), (numbers[2], numbers[3]), turned), height, width)
    return None


def _open(file: Path, columns: Sequence[str]) -> Any:
    """A Parquet file that has the columns."""
    try:
        opened = extra("pyarrow.parquet", "waymo").ParquetFile(file)
    except (OSError, ValueError) as error:  # pyarrow's own errors are both
        if isinstance(error, ImportError):
            raise
        raise DataError(f"{file}: no Parquet file that can be read ({error})") from None
    known = opened.schema_arrow.names
    if lost := [column for column in columns if column not in known]:
        raise DataError(
            f"{file}: holds no column {lost[0]!r}; version 2 of Waymo Open is needed{nearest(lost[0], known)}"
        )
    return opened


def _rows(file: Path, videos: bool = False) -> dict[tuple[str, int, int], Place]:
    """(context, time, camera) of every row, and where it lies, with its video if asked; images are not read."""
    keys = [*_KEYS, _SEQUENCE] if videos else [*_KEYS]
    opened, found = _open(file, keys), {}
    for group in range(opened.num_row_groups):
        columns = opened.read_row_group(group, columns=keys).to_pydict()
        for row, (context, time, camera, *sequence) in enumerate(zip(*(columns[key] for key in keys), strict=True)):
            video = f"{context} {sequence[0]} {camera}" if videos else ""
            found[str(context), int(time), int(camera)] = Place(file, group, row, video)
    return found


def _cell(place: Place, columns: list[str]) -> dict[str, Any]:
    table = _open(place.file, columns).read_row_group(place.group, columns=columns)
    row = table.slice(place.row, 1).to_pydict()
    return {column: row[column][0] for column in columns}


def _decoded(content: bytes, where: str) -> np.ndarray:
    try:
        with embedded(content, where) as image:
            check_decoded(image.width * image.height * 8, where)
            return np.asarray(image)
    except DataError:
        raise
    except Exception as error:  # whatever a decoder makes of damaged bytes
        raise DataError(f"{where}: no picture that can be read ({error}); get the file again") from None
