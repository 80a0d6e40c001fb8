"""16-bit color PNG and many-channel TIFF, against files whose filters are chosen here and against independent writers."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.data.files.codecs import read_image, read_mask
from intarsia.errors import DataError
from intarsia.labels import LabelSpace


def png(path: Path, image: np.ndarray, kinds: list[int], interlaced: int = 0) -> None:
    """Write a PNG with a given filter for each row, by the plain text of the specification, pixel by pixel."""
    height, width, channels = image.shape
    depth = channels * image.itemsize
    rows = image.astype(">u2").tobytes() if image.itemsize == 2 else image.tobytes()
    line = width * depth
    out = bytearray()
    for y in range(height):
        out.append(kinds[y])
        for n in range(line):
            value = rows[y * line + n]
            left = rows[y * line + n - depth] if n >= depth else 0
            up = rows[(y - 1) * line + n] if y else 0
            corner = rows[(y - 1) * line + n - depth] if y and n >= depth else 0
            p = left + up - corner
            near = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
            out.append((value - (0, left, up, (left + up) // 2, near)[kinds[y]]) % 256)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, color, 0, 0, interlaced)
    packed = zlib.compress(bytes(out))
    body = chunk(b"IDAT", packed[:20]) + chunk(b"IDAT", packed[20:])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b""))


def test_the_writer_of_this_test_writes_png(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (10, 6, 3)).astype(np.uint8)
    png(tmp_path / "x.png", image, [0, 1, 2, 3, 4] * 2)
    assert (np.asarray(Image.open(tmp_path / "x.png")) == image).all()


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("kinds", [[0], [1], [2], [3], [4], [4, 0, 3, 1, 2]])
def test_16_bit_color_png_keeps_its_low_bits(tmp_path: Path, channels: int, kinds: list[int]) -> None:
    rng = np.random.default_rng(channels)
    ramp = np.add.outer(np.arange(13) * 700, np.arange(9) * 900)[..., None]
    image = (ramp + rng.integers(0, 3000, (13, 9, channels))).astype(np.uint16)
    png(tmp_path / "x.png", image, (kinds * 13)[:13])
    assert (read_image(tmp_path / "x.png") == image).all()


def test_16_bit_color_png_damaged_or_interlaced(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint16)
    png(tmp_path / "x.png", image, [0] * 4, interlaced=1)
    with pytest.raises(DataError, match="interlaced"):
        read_image(tmp_path / "x.png")
    noisy = np.random.default_rng(0).integers(0, 65536, (40, 40, 3)).astype(np.uint16)
    png(tmp_path / "y.png", noisy, [1] * 40)
    (tmp_path / "y.png").write_bytes((tmp_path / "y.png").read_bytes()[:4000])
    with pytest.raises(DataError, match=r"y\.png: the file is truncated or damaged"):
        read_image(tmp_path / "y.png")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 3, 4, 7])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_of_many_channels(tmp_path: Path, dtype: type, channels: int, planar: str) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile to write the file")
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (20, 30, channels)).astype(dtype)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 0)
    tifffile.imwrite(
        tmp_path / "x.tif", stored, photometric="rgb" if channels == 3 else "minisblack", planarconfig=planar
    )
    read = read_image(tmp_path / "x.tif")
    assert read.dtype == dtype and (read == image).all()


def test_tiff_of_several_pages_or_damaged(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile to write the file")
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((3, 20, 30), np.uint32), photometric="minisblack")
    with pytest.raises(DataError, match=r"holds 3 pages"):
        read_mask(tmp_path / "x.tif", LabelSpace(("a",)))
    tifffile.imwrite(
        tmp_path / "y.tif", np.zeros((20, 30, 5), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    (tmp_path / "y.tif").write_bytes((tmp_path / "y.tif").read_bytes()[:600])
    with pytest.raises(DataError, match=r"y\.tif: "):
        read_image(tmp_path / "y.tif")
