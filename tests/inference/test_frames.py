"""Files of several pictures: each is answered by itself, and slices of a volume are a label volume again."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor, nn

from intarsia.errors import DataError, MissingExtra
from intarsia.inference import Predictor, predict
from intarsia.inference.frames import frames_of, range_of
from intarsia.inference.vectors import Vectors
from intarsia.labels import LabelSpace


class Bright(nn.Module):
    """Class 1 where the image is brighter than its middle."""

    def forward(self, image: Tensor) -> Tensor:
        score = image.mean(dim=1, keepdim=True)
        return torch.cat((-score, score), dim=1)


PREDICTOR = Predictor.of_network(Bright(), LabelSpace(("dark", "bright")), (0.5,) * 3, (0.25,) * 3)
FRAMES = np.zeros((3, 6, 8, 3), np.uint8)
for number, frame in enumerate(FRAMES):
    frame[:, : 2 + number] = 255


def labels_in(out: Path, stem: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(out.glob(f"{stem}_*.png"))]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_every_frame_is_answered(tmp_path: Path, name: str) -> None:
    first, *rest = (Image.fromarray(frame) for frame in FRAMES)
    options: dict[str, Any] = {"lossless": True} if name == "a.webp" else {}
    first.save(tmp_path / name, save_all=True, append_images=rest, **options)
    found = predict(PREDICTOR, tmp_path / name, tmp_path / "out", workers=2)
    assert [line["shares"]["bright"] for line in found.lines] == [2 / 8, 3 / 8, 4 / 8]
    answers = labels_in(tmp_path / "out", "a")
    assert len(answers) == 3 and all((a == f[..., 0] // 255).all() for a, f in zip(answers, FRAMES, strict=True))
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 3


def test_one_picture_is_no_stack(tmp_path: Path) -> None:
    Image.fromarray(FRAMES[0]).save(tmp_path / "a.gif")
    bands = np.moveaxis(FRAMES[0], -1, 0)
    tifffile.imwrite(tmp_path / "bands.tif", bands, photometric="minisblack", metadata=None)
    with tifffile.TiffWriter(tmp_path / "map.tif") as file:
        file.write(FRAMES[0], photometric="rgb", metadata=None)
        file.write(FRAMES[0][::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    for name in ("a.gif", "bands.tif", "map.tif"):
        assert frames_of(tmp_path / name) == []
    (tmp_path / "torn.gif").write_bytes((tmp_path / "a.gif").read_bytes()[:20])
    assert "torn.gif" in predict(PREDICTOR, tmp_path / "torn.gif", tmp_path / "out").lines[0]["error"]


class Volume:
    """What nibabel gives for a NIfTI file, as far as it is used."""

    def __init__(self, values: np.ndarray, affine: np.ndarray) -> None:
        self.dataobj, self.affine, self.shape = values, affine, values.shape
        self.header = SimpleNamespace(get_zooms=lambda: (0.5, 0.25, 2.0))


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume of 8 x 6 x 3 voxels, from -1000 to 1000; nibabel is not needed."""
    values = FRAMES[..., 0].astype(np.int16).T.transpose(0, 1, 2) * 8 - 1000
    stand_in = ModuleType("nibabel")
    kept: dict[str, Any] = {}
    stand_in.load = lambda path: Volume(values, np.diag([0.5, 0.25, 2, 1]))  # type: ignore[attr-defined]
    stand_in.Nifti1Image = lambda data, affine: (data, affine)  # type: ignore[attr-defined]

    def save(image: Any, path: Path) -> None:
        kept["image"] = image
        Path(path).write_bytes(b"nifti")

    stand_in.save = save  # type: ignore[attr-defined]
    stand_in.kept = kept  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nibabel", stand_in)
    (tmp_path / "scan.nii.gz").write_bytes(b"nifti")
    return tmp_path / "scan.nii.gz"


def test_slices_of_a_volume_are_a_label_volume_again(volume: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"vectors": Vectors(measure=True), "intensity": (-1000, 1000)}
    found = predict(PREDICTOR, volume, tmp_path / "out", **asked)
    assert not found.failed and len(found.lines) == 3
    data, affine = sys.modules["nibabel"].kept["image"]
    assert np.array_equal(data, FRAMES[..., 0].T // 255) and np.array_equal(affine, np.diag([0.5, 0.25, 2, 1]))
    assert (tmp_path / "out" / "volumes" / "scan.nii.gz").is_file()
    assert (tmp_path / "out" / "scan_0002.png").is_file()
    regions = found.lines[0]["regions"]
    assert regions["unit"] == "um" and regions["bright"] == {"count": 1, "area": 2 * 6 * 500 * 250}
    words = predict(PREDICTOR, volume, tmp_path / "raw").lines[0]["error"]
    assert "holds int16 numbers of -1000..1040" in words and "--intensity LOW..HIGH, such as -1000..1000" in words


def test_dicom_is_read_with_its_spacing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.dcm").write_bytes(b"\0" * 128 + b"DICM")
    stand_in = ModuleType("pydicom")

    class Stored(dict[str, Any]):
        pixel_array = FRAMES[1, ..., 0].astype(np.uint16) * 257

    data = Stored(PixelSpacing=[0.5, 0.25])
    stand_in.dcmread = lambda path: data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pydicom", stand_in)
    (frame,) = frames_of(tmp_path / "x.dcm")
    assert frame.stack.spacing == (500, 250) and np.array_equal(frame.read()[..., 0], data.pixel_array)
    found = predict(PREDICTOR, tmp_path / "x.dcm", tmp_path / "out")
    assert found.lines[0]["shares"]["bright"] == 3 / 8
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtra, match="medical"):
        frames_of(tmp_path / "x.dcm")


def test_a_range_of_values() -> None:
    assert range_of("") is None and range_of("-1000..1000.5") == (-1000, 1000.5)
    for text in ("5", "3..1", "a..b"):
        with pytest.raises(DataError, match=r"LOW..HIGH, such as -1000..1000"):
            range_of(text)
