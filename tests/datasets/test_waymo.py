"""Waymo Open: rows of Parquet files joined by their keys, and panoptic labels taken apart.

With pyarrow the files are real; the same tests run on a stand-in that keeps its columns as a pickle, so that the join and
the decoding are tested where pyarrow is not installed.
"""

import pickle
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intarsia.data.dataset import Shot
from intarsia.datasets import splits
from intarsia.datasets.waymo import LABELS, NAMES, waymo
from intarsia.errors import DataError, LabelError, MissingExtra

CONTEXT = "10023947602400723454_1120_000_1140_000"
KEYS = ("key.segment_context_name", "key.frame_timestamp_micros", "key.camera_name")
LABEL = "[CameraSegmentationLabelComponent]"
IMAGE = "[CameraImageComponent].image"
Write = Callable[[Path, dict[str, list[Any]]], None]


class StandIn:
    """As much of pyarrow.parquet.ParquetFile as is used, with groups of two rows."""

    def __init__(self, file: Path) -> None:
        content = Path(file).read_bytes()
        if not content.startswith(b"\x80"):
            raise ValueError("no magic bytes")
        self.columns = pickle.loads(content)
        self.schema_arrow = SimpleNamespace(names=list(self.columns))
        self.num_row_groups = -(-len(next(iter(self.columns.values()))) // 2)

    def read_row_group(self, group: int, columns: list[str]) -> "StandInTable":
        return StandInTable({c: self.columns[c][2 * group : 2 * group + 2] for c in columns})


class StandInTable:
    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.columns = columns

    def slice(self, start: int, length: int) -> "StandInTable":
        return StandInTable({c: v[start : start + length] for c, v in self.columns.items()})

    def to_pydict(self) -> dict[str, list[Any]]:
        return self.columns


@pytest.fixture(params=["pyarrow", "stand-in"])
def write(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Write:
    if request.param == "pyarrow":
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        types = {KEYS[2]: pa.int8(), f"{LABEL}.panoptic_label_divisor": pa.int32()}

        def real(path: Path, columns: dict[str, list[Any]]) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            table = pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()})
            parquet.write_table(table, path, row_group_size=2)

        return real
    package, module = ModuleType("pyarrow"), ModuleType("pyarrow.parquet")
    module.ParquetFile = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow", package)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", module)

    def stood_in(path: Path, columns: dict[str, list[Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(columns))

    return stood_in


def packed(array: object, kind: str, dtype: type = np.uint8) -> bytes:
    content = BytesIO()
    Image.fromarray(np.array(array, dtype)).save(content, kind)
    return content.getvalue()


def release(root: Path, write: Write, label: list[list[int]], lacking: int = 0) -> None:
    """Two frames of five cameras, the second of which is labeled; rows of the two files are in different orders."""
    rows = [(CONTEXT, time, camera) for time in (1552440195362591, 1552440195462591) for camera in (5, 4, 3, 2, 1)]
    rows = rows[: len(rows) - lacking]
    write(
        root / "training/camera_image" / f"{CONTEXT}.parquet",
        {key: [row[n] for row in rows] for n, key in enumerate(KEYS)}
        | {
            IMAGE: [
                packed(np.full((1, 4, 3), 10 * camera + (time > 1552440195362591)), "PNG") for _, time, camera in rows
            ]
        },
    )  # PNG where the release has JPEG: gray values survive
    labeled = [(CONTEXT, 1552440195462591, camera) for camera in (1, 2, 3, 4, 5)]
    write(
        root / "training/camera_segmentation" / f"{CONTEXT}.parquet",
        {key: [row[n] for row in labeled] for n, key in enumerate(KEYS)}
        | {
            f"{LABEL}.panoptic_label_divisor": [1000] * 5,
            f"{LABEL}.panoptic_label": [packed(label, "PNG", np.uint16)] * 5,
        },
    )


RAW = [[0, 2001, 2002, 20000]]  # undefined, two cars, road


def test_the_28_classes_of_the_proto() -> None:
    assert len(NAMES) == 28 and LABELS.values[0] == "ignore"
    assert [LABELS.values[n] for n in (1, 2, 9, 14, 20, 28)] == [
        "ego vehicle", "car", "pedestrian", "construction cone pole", "road", "static",
    ]  # fmt: skip
    assert LABELS.colors[1] == (0, 0, 142) and LABELS.colors[19] == (128, 64, 128)


def test_labels_find_their_images_by_context_time_and_camera(tmp_path: Path, write: Write) -> None:
    release(tmp_path, write, RAW)
    dataset = waymo(tmp_path, "train")
    assert splits("waymo", tmp_path) == ("train",) and len(dataset) == 5
    assert [item.name for item in dataset.items][:2] == [
        f"{CONTEXT}_1552440195462591_front", f"{CONTEXT}_1552440195462591_front_left",
    ]  # fmt: skip
    for n in range(5):
        sample = dataset[n]
        assert sample.image.unique().tolist() == [10 * (n + 1) + 1] and sample.image.shape == (3, 1, 4)
        assert sample.labels.tolist() == [[255, 1, 1, 19]] and sample.objects is not None
        assert sample.objects.tolist() == [[0, 1, 2, 0]]
    assert [i.name.split("_", 5)[-1] for i in waymo(tmp_path, "train", cameras=["side_left"]).items] == [
        "1552440195462591_side_left"
    ]


def video(root: Path, write: Write, frames: list[tuple[str, int, int, list[int], dict[int, int]]]) -> None:
    """Labeled frames: sequence, time, camera, a row of panoptic labels, and the numbers of its objects in the sequence."""
    keys = {key: [(CONTEXT, *frame[1:3])[n] for frame in frames] for n, key in enumerate(KEYS)}
    pictures = [packed(np.zeros((1, len(frame[3]), 3)), "PNG") for frame in frames]
    write(root / f"training/camera_image/{CONTEXT}.parquet", keys | {IMAGE: pictures})
    mapping = f"{LABEL}.instance_id_to_global_id_mapping"
    write(
        root / f"training/camera_segmentation/{CONTEXT}.parquet",
        keys
        | {
            f"{LABEL}.panoptic_label_divisor": [1000] * len(frames),
            f"{LABEL}.panoptic_label": [packed([frame[3]], "PNG", np.uint16) for frame in frames],
            f"{LABEL}.sequence_id": [frame[0] for frame in frames],
            f"{mapping}.local_instance_ids": [list(frame[4]) for frame in frames],
            f"{mapping}.global_instance_ids": [list(frame[4].values()) for frame in frames],
        },
    )


def test_an_object_has_one_number_in_all_frames_of_its_sequence(tmp_path: Path, write: Write) -> None:
    """Cars 2001 and 2002 of one image are 2002 and 2001 of the next; each camera and sequence has a first frame."""
    frames = [
        ("s", 1, 1, [2001, 2002, 9003, 20000], {1: 50, 2: 7, 3: 8}),
        ("s", 2, 1, [2002, 0, 2001, 9003], {2: 50, 1: 7, 3: 9}),  # the pedestrian was not tracked
        ("s", 1, 2, [2001, 0, 0, 0], {1: 7}),
        ("s", 2, 2, [0, 2001, 0, 0], {1: 50}),
        ("t", 3, 1, [2001, 0, 0, 0], {1: 50}),
    ]
    video(tmp_path, write, frames)
    dataset = waymo(tmp_path, "train", previous=True)
    seen = {(item.name[len(CONTEXT) + 1 :]): dataset[n] for n, item in enumerate(dataset.items)}
    objects = {name: sample.objects.tolist()[0] for name, sample in seen.items() if sample.objects is not None}
    before = {name: sample.previous.tolist()[0] for name, sample in seen.items() if sample.previous is not None}
    a, b = objects["1_front"][:2]
    assert objects["2_front"][:3] == [a, 0, b] and objects["1_front_left"][0] == b and objects["3_front"][0] == a
    assert len({a, b, objects["1_front"][2], objects["2_front"][3], 0}) == 5
    assert before["2_front"] == objects["1_front"] and before["2_front_left"] == objects["1_front_left"]
    assert not any(any(before[first]) for first in ("1_front", "1_front_left", "3_front"))
    video(tmp_path, write, [frames[0], ("s", 2, 1, [2002, 0, 2001, 9003], {2: 50, 3: 9})])
    with pytest.raises(DataError, match=r"2_front: data.previous needs the number of object 1 .* has none; leave"):
        waymo(tmp_path, "train", previous=True)[1]
    assert waymo(tmp_path, "train")[1].previous is None


def test_pixels_of_two_calibrated_cameras_that_look_in_one_direction_are_one_place(
    tmp_path: Path, write: Write
) -> None:
    """Two cameras 40 degrees apart, each sees 53 degrees in 40 columns."""
    row = [2001] * 40
    video(tmp_path, write, [("s", 1, camera, row, {1: 50}) for camera in (1, 2)])
    dataset = waymo(tmp_path, "train", previous=True)
    assert dataset.shots == (Shot(f"{CONTEXT} s", "front"), Shot(f"{CONTEXT} s", "front_left"))
    assert dataset.cells(0) is None
    lens = "[CameraCalibrationComponent].intrinsic."
    cosine, sine = np.cos(np.radians(40)), np.sin(np.radians(40))
    turned = [
        [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
        [cosine, -sine, 0, 0, sine, cosine, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    ]
    columns = {KEYS[0]: [CONTEXT] * 2, KEYS[2]: [1, 2], f"{lens}f_u": [40.0] * 2, f"{lens}f_v": [40.0] * 2, f"{lens}c_u": [20.0] * 2,
               f"{lens}c_v": [0.5] * 2, "[CameraCalibrationComponent].extrinsic.transform": turned}  # fmt: skip
    write(tmp_path / f"training/camera_calibration/{CONTEXT}.parquet", columns)
    front, left = (waymo(tmp_path, "train", previous=True).cells(n)[0] for n in (0, 1))
    angle = (front % 4096 / 4096 - 0.5) * 360  # to the right
    wanted = np.degrees(np.arctan((np.arange(40) + 0.5 - 20) / 40))
    assert np.abs(angle - wanted).max() < 0.1 and np.abs((left % 4096 / 4096 - 0.5) * 360 - (wanted - 40)).max() < 0.1
    assert (
        (front // 4096 == 1024).all() and angle.min() < -26 and (wanted - 40).max() > -14.1
    )  # they overlap by 12 degrees


def test_what_is_wrong_is_said(tmp_path: Path, write: Write) -> None:
    with pytest.raises(DataError, match=r"no split 'train'; expected\n    \{training,validation\}/camera_image"):
        waymo(tmp_path, "train")
    release(tmp_path, write, [[0, 2001, 29001, 20000]])
    with pytest.raises(DataError, match="no camera 'side_lef'; did you mean 'side_left'"):
        waymo(tmp_path, "train", cameras="side_lef")
    with pytest.raises(LabelError, match=r"462591_front: the mask holds 29 \(1 px\)"):
        waymo(tmp_path, "train")[0]
    release(tmp_path, write, RAW, lacking=1)
    with pytest.raises(DataError, match="holds no image of .*462591_front, which is labeled"):
        waymo(tmp_path, "train")
    images = tmp_path / "training/camera_image" / f"{CONTEXT}.parquet"
    images.write_bytes(b"nothing")
    with pytest.raises(DataError, match="no Parquet file that can be read"):
        waymo(tmp_path, "train")
    images.unlink()
    with pytest.raises(DataError, match="there is no .*camera_image.* for it; get both components"):
        waymo(tmp_path, "train")
    write(tmp_path / "training/camera_segmentation" / f"{CONTEXT}.parquet", {"key.context_name": [CONTEXT]})
    write(images, {key: [] for key in KEYS})
    with pytest.raises(
        DataError, match="holds no column 'key.segment_context_name'; version 2 of Waymo Open is needed"
    ):
        waymo(tmp_path, "train")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for kind in ("camera_image", "camera_segmentation"):
        (tmp_path / "validation" / kind).mkdir(parents=True)
        (tmp_path / "validation" / kind / "a.parquet").touch()
    with pytest.raises(MissingExtra, match=r'pip install "intarsia\[waymo\]"'):
        waymo(tmp_path, "val")
