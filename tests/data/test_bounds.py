"""Files that claim more than they hold, or unpack to more than they need: one sentence each, and no memory for it."""

import io
import multiprocessing
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia
from intarsia import limits
from intarsia.annotations.beside import size_of
from intarsia.data.files.ahead import ahead
from intarsia.data.files.codecs import decode_mask, read_image, read_mask
from intarsia.data.files.npy import load, planes_of
from intarsia.data.files.tags import pages
from intarsia.data.loader import Loader
from intarsia.data.pairs import Pair, Pairs
from intarsia.doctor import audit
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

TWO = LabelSpace(("a", "b"))
TOO_LARGE = (
    r"a picture of 14000x13000 = 182,000,000 pixels; at most 178,956,970 are read as a whole, so cut it into tiles"
)


def png(
    path: Path, width: int, height: int, depth: int = 8, kind: int = 2, packed: bytes = b"", extra: bytes = b""
) -> Path:
    """A PNG of any claim: `packed` are its pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
        (b"IDAT", packed),
        (b"IEND", b""),
    ]
    made = [struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + made[0] + extra + made[1] + made[2])
    return path


def tiff(
    path: Path, width: int, height: int, count: int = 1, more: tuple[tuple[int, int, int], ...] = (), loop: bool = False
) -> Path:
    """A gray TIFF of so many empty pages."""
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, 1), *more]  # fmt: skip
    size = 2 + 12 * len(entries) + 4
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(entries))
    out = [b"II*\0", struct.pack("<I", 8)]
    for n in range(count):
        after = 8 + (n + 1) * size if n + 1 < count else (8 if loop else 0)
        out.append(struct.pack("<H", len(entries)) + body + struct.pack("<I", after))
    path.write_bytes(b"".join(out))
    return path


def bmp(path: Path, width: int, height: int) -> Path:
    head = struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)[4:]
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head[8:])
    return path


def npy(path: Path, shape: tuple[int, ...], dtype: str = "|u1", content: bytes = b"") -> Path:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content)
    return path


def webp(path: Path, width: int, height: int) -> Path:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    whole = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size
    whole += b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(whole)) + whole)
    return path


def gif(path: Path, width: int, height: int) -> Path:
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\0;")  # fmt: skip
    return path


CLAIMS: dict[str, Callable[[Path], Path]] = {
    "x.png": lambda p: png(p, 14000, 13000),
    "deep.png": lambda p: png(p, 14000, 13000, depth=16),
    "x.tif": lambda p: tiff(p, 14000, 13000),
    "x.bmp": lambda p: bmp(p, 14000, 13000),
    "x.gif": lambda p: gif(p, 14000, 13000),
    "x.webp": lambda p: webp(p, 14000, 13000),
    "x.ppm": lambda p: p.write_bytes(b"P6\n14000 13000\n255\n") and p,
    "x.pgm": lambda p: p.write_bytes(b"P5\n14000 13000\n7\n") and p,
}


@pytest.mark.parametrize("name", CLAIMS)
def test_one_sentence_about_a_size_for_every_decoder(tmp_path: Path, name: str) -> None:
    path = CLAIMS[name](tmp_path / name)
    for read in (read_image, decode_mask):
        with pytest.raises(DataError, match=rf"{name}: {TOO_LARGE}"):
            read(path)


def test_arrays_are_held_against_the_same_limit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.npy: a picture of 13000x14000 = 182,000,000 pixels; at most"):
        read_image(npy(tmp_path / "x.npy", (13000, 14000)))


def test_init_audit_and_train_say_it_in_the_same_words(tmp_path: Path) -> None:
    for n in range(3):
        for folder in ("images", "masks"):
            (tmp_path / "d" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((32, 32), n % 2, np.uint8)).save(tmp_path / "d" / folder / f"s{n}.png")
    png(tmp_path / "d/images/s2.png", 14000, 13000)
    sentence = rf"s2\.png: {TOO_LARGE}"
    recipe, text = init(tmp_path / "d")
    import re

    assert re.search(sentence, text)
    assert re.search(sentence, " ".join(f.message for f in audit(tmp_path / "d").errors))
    recipe["train"] = {"steps": 1}
    with pytest.raises(intarsia.errors.TrainingError, match=sentence):
        intarsia.train(recipe, "train.cache_dir=" + str(tmp_path / "cache"), out=tmp_path / "run", quiet=True)


def used(call: Callable[[], object]) -> int:
    """The most bytes that Python and numpy held during a call that refuses."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_small_png_unpacks_no_further_than_its_pixels(tmp_path: Path) -> None:
    squeezed = zlib.compressobj()
    bomb = b"".join(squeezed.compress(bytes(1 << 20)) for _ in range(100)) + squeezed.flush()
    path = png(tmp_path / "x.png", 4, 4, depth=16, packed=bomb)
    tracemalloc.start()
    assert read_image(path).tolist() == np.zeros((4, 4, 3)).tolist()  # what it needs is there
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert read_image(png(tmp_path / "y.png", 4, 4, packed=bomb)).shape == (4, 4, 3)


def test_texts_of_a_png_are_bounded(tmp_path: Path) -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(100 << 20))
    text = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    path = png(tmp_path / "x.png", 4, 4, packed=zlib.compress(bytes(4 * 13)), extra=text)
    assert used(lambda: read_image(path)) < 8 << 20


def test_claims_beyond_the_file_ask_for_no_memory(tmp_path: Path) -> None:
    path = npy(tmp_path / "x.npy", (13000, 13000), "<u2", b"123")
    assert used(lambda: read_image(path)) < 1 << 20
    with pytest.raises(
        DataError, match=r"no readable array of numbers \(its header tells of 338,000,000 bytes, but 3 follow\)"
    ):
        load(path)
    with pytest.raises(DataError, match="bytes when decoded; at most"):
        load(npy(tmp_path / "y.npy", (1000, 1000, 10**5), "<f8"))
    for shape in ((-1, 4), (2**70, 2), ()):
        with pytest.raises(DataError):
            read_image(npy(tmp_path / "z.npy", shape))
    deep = png(tmp_path / "d.png", 13000, 13000, depth=16, packed=zlib.compress(bytes(100)))
    assert used(lambda: read_image(deep)) < 64 << 20  # of a gigabyte; what Pillow imports first is counted too


def test_an_archive_named_npy_is_a_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    for read in (read_image, planes_of):
        with pytest.raises(DataError, match="no readable array"):
            read(tmp_path / "x.npy")


def test_pages_are_counted_no_further_than_needed(tmp_path: Path) -> None:
    path = tiff(tmp_path / "x.tif", 8, 8, 20_000)
    assert len(pages(path)) == 100
    for read in (read_image, decode_mask):
        with pytest.raises(DataError, match="holds more than 100 pages, one image is needed"):
            read(path)
    many = tiff(tmp_path / "y.tif", 8, 8, 3, more=((254, 4, 1),))
    assert [page.reduced for page in pages(many)] == [True] * 3
    assert len(pages(tiff(tmp_path / "z.tif", 8, 8, 2, loop=True))) == 2  # a chain that runs in a circle


def test_strips_of_a_tiff_unpack_no_further_than_their_pixels(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile to write the file")
    image = np.random.default_rng(0).integers(0, 65536, (64, 64, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", image, photometric="rgb", compression="zlib", rowsperstrip=64)
    assert (read_image(tmp_path / "x.tif") == image).all()
    bomb = zlib.compress(bytes(100 << 20))
    content = bytearray((tmp_path / "x.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        entries = {tag.name: tag.valueoffset for tag in file.pages[0].tags}
    content[entries["StripOffsets"] : entries["StripOffsets"] + 4] = struct.pack("<I", len(content))
    content[entries["StripByteCounts"] : entries["StripByteCounts"] + 4] = struct.pack("<I", len(bomb))
    (tmp_path / "y.tif").write_bytes(bytes(content) + bomb)
    assert used(lambda: read_image(tmp_path / "y.tif")) < 8 << 20
    with pytest.raises(DataError, match=r"unpacks to more than the 24,576 bytes of its pixels"):
        read_image(tmp_path / "y.tif")


def test_many_channels_are_bounded_by_bytes(tmp_path: Path) -> None:
    path = tiff(tmp_path / "x.tif", 10_000, 10_000, more=((284, 3, 1),))
    content = path.read_bytes().replace(struct.pack("<HHII", 277, 3, 1, 1), struct.pack("<HHII", 277, 3, 1, 200))
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"20,000,000,000 bytes when decoded; at most 1,431,655,760"):
        read_image(path)


def test_memory_that_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "x.png")
    np.save(tmp_path / "x.npy", np.zeros((8, 8), np.uint8))
    monkeypatch.setattr(Image.Image, "load", fails)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fails)
    monkeypatch.setattr(np, "fromfile", fails)
    for name in ("x.png", "x.npy"):
        with pytest.raises(DataError, match=rf"{name}: the (picture|array) needs more memory than is free"):
            read_image(tmp_path / name)


def test_limits_of_pillow_stay_those_of_the_process(tmp_path: Path) -> None:
    code = "from PIL import Image; n = Image.MAX_IMAGE_PIXELS; import intarsia.annotations.geojson; assert n == Image.MAX_IMAGE_PIXELS"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert limits.PIXELS == 2 * 89_478_485  # Pillow refuses beyond that as well


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.ppm", "x.bmp"])
def test_pictures_between_the_limits_of_pillow_make_no_warning(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """89 to 179 million pixels: Pillow warns, which some programs turn into errors; here its numbers are made small."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    image = np.arange(3 * 8 * 9, dtype=np.uint8).reshape(8, 9, 3)  # 72 pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.fromarray(image).save(tmp_path / name)
        assert (read_image(tmp_path / name) == image).all()
        assert size_of(tmp_path / name) == (8, 9)


def test_the_size_of_a_scene_is_read_without_its_pixels(tmp_path: Path) -> None:
    assert size_of(tiff(tmp_path / "x.tif", 40_000, 30_000)) == (30_000, 40_000)


def test_nothing_is_begun_after_an_interrupt() -> None:
    begun: list[int] = []

    def read(n: int) -> int:
        begun.append(n)
        return n

    for number in ahead(read, range(10_000)):
        if number == 3:
            break
    assert number == 3 and len(begun) < 100
    assert list(ahead(read, range(200))) == list(range(200)) and list(ahead(read, [])) == []
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda n: 1 // n, [1, 0, 2]))


def test_memory_is_a_finding_of_the_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "x.png")
    data = Pairs([Pair("x", tmp_path / "x.png", tmp_path / "x.png")], TWO, name="d", split="train")

    def fails(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("intarsia.doctor.exam.examine.measured", fails)
    assert "needs more memory than is free" in audit(data).errors[0].message


@pytest.mark.parametrize("size", [0, 1, 7, 12, 60])
def test_truncated_directories_are_sentences(tmp_path: Path, size: int) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(whole, "TIFF")
    (tmp_path / "x.tif").write_bytes(whole.getvalue()[:size])
    with pytest.raises(DataError, match=r"x\.tif: "):
        read_mask(tmp_path / "x.tif", TWO)


class Slow:
    """Its first sample is read at once, the others in ten minutes."""

    labels = TWO

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index:
            time.sleep(600)
        return torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.uint8)


def test_workers_end_with_the_stream_whatever_they_are_reading() -> None:
    before = set(multiprocessing.active_children())
    stream = Loader(Slow(), batch_size=1, workers=2, seed=next(s for s in range(9) if _first(s) == 0)).stream()
    assert next(stream).image.shape == (1, 3, 4, 4)
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    stream.close()
    for worker in workers:
        worker.join(20)
        assert worker.exitcode is not None


def _first(seed: int) -> int:
    return int(Loader(Slow(), batch_size=1, seed=seed).order(0)[0])
