"""Pictures that somebody made to do harm by what surrounds their pixels: refused in a sentence before it takes memory."""

import base64
import bz2
import io
import json
import lzma
import struct
import sys
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from intarsia import limits
from intarsia.annotations.convert import read
from intarsia.data.files import id_maps
from intarsia.data.files.codecs import orientation_of, read_image
from intarsia.data.files.formats import embedded
from intarsia.data.files.id_maps import read_mat
from intarsia.datasets.waymo import _decoded
from intarsia.errors import DataError

tifffile = pytest.importorskip("tifffile")


def directory(entries: int, data: int, more: bytes = b"") -> bytes:
    """A TIFF header and a directory whose entries all name the same bytes behind it."""
    start = 8 + 2 + 12 * (entries + bool(more)) + 4
    rows = b"".join(struct.pack("<HHII", 40000 + n, 7, data, start) for n in range(entries))
    return struct.pack("<2sHIH", b"II", 42, 8, entries + bool(more)) + more + rows + bytes(4 + data)


def exif(entries: int, data: int) -> bytes:
    return b"Exif\0\0" + directory(entries, data, struct.pack("<HHIHH", 274, 3, 1, 6, 0))


def photo(kind: str, **more: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, kind, **more)
    return file.getvalue()


def peak_of(path: Path, words: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=words) as told:
            read_image(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(told.value)
    return peak


def jpeg(held: bytes) -> bytes:
    """A JPEG with EXIF data of any length, in as many segments as that takes."""
    plain, parts = (
        photo("JPEG"),
        [held[:65000], *(b"Exif\0\0" + held[n : n + 60000] for n in range(65000, len(held), 60000))],
    )
    return plain[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts) + plain[2:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_whose_tags_name_the_same_bytes_again_and_again(kind: str, tmp_path: Path) -> None:
    """4,000 tags of half a megabyte each: two gigabytes, of half a megabyte of file."""
    held, path = exif(4000, 500_000), tmp_path / f"a.{kind.lower()}"
    path.write_bytes(jpeg(held) if kind == "JPEG" else photo(kind, exif=held))
    assert peak_of(path, r"EXIF data: its tags ask for 2,000,000,000 bytes, but it has 5\d\d,\d\d\d") < 20e6
    assert orientation_of(path) == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_honest_exif_turns_pictures_as_before(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(photo(kind, exif=exif(1, 1000)))
    assert orientation_of(path) == 6 and read_image(path).shape == (30, 20, 3)


def test_tags_of_a_tiff(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    rows = bytes(content[start + 2 : start + 2 + 12 * count])
    spread = b"".join(struct.pack("<HHII", 50000 + n, 7, 1_000_000, 8) for n in range(3000))
    place = len(content)
    content += struct.pack("<H", count + 3000) + rows + spread + bytes(4 + 1_000_000)
    struct.pack_into("<I", content, 4, place)
    (tmp_path / "a.tif").write_bytes(content)
    assert peak_of(tmp_path / "a.tif", "its tags ask for 3,000,000,... bytes, but it has 1,0") < 20e6
    struct.pack_into("<H", content, place, 5000)
    (tmp_path / "a.tif").write_bytes(content)
    assert peak_of(tmp_path / "a.tif", "a directory of 5,000 tags; at most 4,096 are read") < 20e6


def test_texts_of_a_png_that_unpack_to_gigabytes(tmp_path: Path) -> None:
    plain, body = photo("PNG"), b"note\0\0" + zlib.compress(bytes(60_000_000))
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    (tmp_path / "a.png").write_bytes(plain[:33] + chunk * 3 + plain[33:])
    assert peak_of(tmp_path / "a.png", "text_chunk|TEXT_CHUNK") < 30e6


def test_a_file_larger_than_any_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(photo("PNG") + bytes(5000))
    monkeypatch.setattr(limits, "DECODED", 4000)
    with pytest.raises(DataError, match="bytes when decoded; at most 4,000"):
        read_image(tmp_path / "a.png")


def spoiled(path: Path, compression: int, strip: bytes) -> None:
    """A TIFF of five channels, its one strip replaced by one of another compression."""
    tifffile.imwrite(path, np.zeros((8, 8, 5), np.uint8), photometric="minisblack", planarconfig="contig")
    with tifffile.TiffFile(path) as file:
        places = {number: file.pages[0].tags[number].offset for number in (259, 273, 279)}
    content = bytearray(path.read_bytes())
    for number, value in ((259, compression), (273, len(content)), (279, len(strip))):
        struct.pack_into("<HHII", content, places[number], number, 4, 1, value)
    path.write_bytes(content + strip)


@pytest.mark.parametrize("compression", [34925, 8, 32773])
def test_strips_that_unpack_to_more_than_their_pixels(compression: int, tmp_path: Path) -> None:
    zeros = bytes(100_000_000)
    packed = {34925: lzma.compress, 8: zlib.compress, 32773: lambda z: b"\x81\0" * (len(z) // 128)}[compression](zeros)
    spoiled(tmp_path / "a.tif", compression, packed)
    del zeros
    assert peak_of(tmp_path / "a.tif", "a part of the TIFF unpacks to more than the 320 bytes of its pixels") < 20e6


def test_compressions_that_say_nothing_of_a_size(tmp_path: Path) -> None:
    spoiled(tmp_path / "a.tif", 34887, b"x" * 100)
    assert peak_of(tmp_path / "a.tif", "compressed by LERC, which says nothing of their size") < 20e6


def test_zstandard_is_asked_for_no_more_than_the_pixels_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def zstd_decode(packed: bytes, out: int) -> bytes:
        asked.append(out)
        return bytes(out)  # all that it may give, as of a strip that stands for gigabytes

    monkeypatch.setitem(sys.modules, "compression.zstd", None)  # of Python 3.14
    monkeypatch.setitem(sys.modules, "imagecodecs", SimpleNamespace(zstd_decode=zstd_decode))
    spoiled(tmp_path / "a.tif", 50000, b"x" * 100)
    assert peak_of(tmp_path / "a.tif", "a part of the TIFF unpacks to more than the 320 bytes of its pixels") < 20e6
    assert asked == [321]
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(DataError, match=r'pip install "intarsia\[large\]"'):
        read_image(tmp_path / "a.tif")


def test_lzw_fills_the_size_that_its_pixels_need(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 4, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_image(tmp_path / "a.tif"), pixels)
    Image.fromarray(np.zeros((3000, 3000, 3), np.uint8)).save(tmp_path / "long.tif", compression="tiff_lzw")
    with tifffile.TiffFile(tmp_path / "long.tif") as file:
        place, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    strip = (tmp_path / "long.tif").read_bytes()[place : place + size]
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        places = {number: file.pages[0].tags[number].offset for number in (273, 279)}
    content = bytearray((tmp_path / "a.tif").read_bytes())
    for number, value in ((273, len(content)), (279, len(strip))):
        struct.pack_into("<HHII", content, places[number], number, 4, 1, value)
    (tmp_path / "a.tif").write_bytes(content + strip)
    tracemalloc.start()
    with suppress(DataError):
        assert read_image(tmp_path / "a.tif").shape == (40, 30, 3)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_honest_strips_are_read(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 5), np.uint8)
    for compression in ("lzma", "zlib", None):
        tifffile.imwrite(
            tmp_path / "a.tif", pixels, compression=compression, photometric="minisblack", planarconfig="contig"
        )
        assert np.array_equal(read_image(tmp_path / "a.tif"), pixels)


def test_pictures_within_documents_go_through_the_same_door(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    huge = b"\x89PNG\r\n\x1a\n" + chunk + photo("PNG")[33:]
    words = "60000x60000 = 3,600,000,000 pixels; at most"
    with pytest.raises(DataError, match=words), embedded(huge, "x"):
        pass
    with pytest.raises(DataError, match=words):
        _decoded(huge, "x")
    tree = {"shapes": [], "imagePath": "a.png", "imageData": base64.b64encode(huge).decode()}
    (tmp_path / "a.json").write_text(json.dumps(tree))
    with pytest.raises(DataError, match=words):
        read(tmp_path, "labelme")
    eps = io.BytesIO()
    Image.new("RGB", (3, 3)).save(eps, "EPS")
    for content in (eps.getvalue(), bz2.compress(b"x"), b""):
        with pytest.raises(DataError, match="no picture that can be read"):
            _decoded(content, "x")
    assert _decoded(photo("JPEG"), "x").shape == (20, 30, 3)


def test_matlab_files_that_unpack_to_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.zeros((3000, 3000)), "y": np.eye(3)}, do_compression=True)
    assert read_mat(path, "x").shape == (3000, 3000)
    monkeypatch.setattr(id_maps, "DECODED", 10_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a.mat: its variables unpack to more than 10,000,000 bytes"):
            read_mat(path, "y")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
    savemat(path, {"y": np.eye(3)})
    assert read_mat(path, "y").shape == (3, 3)
