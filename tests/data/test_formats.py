"""Which kinds of files are read, refused by name or named as left out, whatever they are called, and never by their first frame alone."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from intarsia.data.files.codecs import read_image, read_mask
from intarsia.data.files.formats import SUFFIXES, loses, unread
from intarsia.data.shards import shards
from intarsia.data.write_shards import shard
from intarsia.datasets.folder import folder
from intarsia.doctor import describe, visit
from intarsia.doctor.described import opened
from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.exam.storage import natural
from intarsia.errors import DataError
from intarsia.inference import left_out
from intarsia.inference.reading import read_picture
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

THREE = LabelSpace(("a", "b", "c"))
IDS = np.random.default_rng(1).integers(0, 3, (12, 16)).astype(np.uint8)


def frames(count: int = 3) -> list[Image.Image]:
    return [Image.fromarray(np.full((8, 8, 3), 40 * n, np.uint8)) for n in range(count)]


@pytest.mark.parametrize(("suffix", "options"), [
    (".png", {}), (".webp", {"lossless": True}), (".gif", {}), (".tif", {}), (".mpo", {}), (".avif", {}),
])  # fmt: skip
def test_of_several_pictures_none_is_read_in_silence(tmp_path: Path, suffix: str, options: dict) -> None:
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    first, *rest = frames()
    first.save(tmp_path / f"x{suffix}", save_all=True, append_images=rest, **options)
    path = (tmp_path / f"x{suffix}").rename(tmp_path / "x.jpg") if suffix == ".mpo" else tmp_path / f"x{suffix}"
    for read in (read_image, lambda p: read_mask(p, THREE)):
        with pytest.raises(DataError, match=r"holds 3 (frames|pages|pictures), one image is needed"):
            read(path)


def test_small_previews_of_a_camera_are_no_pictures_of_their_own(tmp_path: Path) -> None:
    first, *_ = frames()
    first.save(tmp_path / "x.mpo", save_all=True, append_images=[first.resize((4, 4))])
    assert read_image((tmp_path / "x.mpo").rename(tmp_path / "x.jpg")).shape == (8, 8, 3)


@pytest.mark.parametrize("suffix", [".webp", ".WEBP", ".ppm", ".pgm", ".pnm", ".tga", ".TGA", ".jp2", ".PNG", ".Tif"])
def test_every_usual_kind_gives_back_what_was_saved(tmp_path: Path, suffix: str) -> None:
    low, path = suffix.lower(), tmp_path / f"x{suffix}"
    color = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    kind = {".jp2": "JPEG2000", ".pnm": "PPM", ".pgm": "PPM"}.get(low)
    Image.fromarray(color).save(path, kind, **({"lossless": True} if low == ".webp" else {}))
    assert (read_image(path) == color).all() and not loses(path)
    Image.fromarray(IDS if low != ".webp" else np.dstack([IDS] * 3)).save(
        path, kind, **({"lossless": True} if low == ".webp" else {})
    )
    assert (read_mask(path, THREE) == IDS).all()


def test_jpeg_by_its_other_names(tmp_path: Path) -> None:
    for suffix in (".jpe", ".jfif", ".JPG"):
        frames()[1].save(tmp_path / f"x{suffix}", "JPEG")
        assert read_image(tmp_path / f"x{suffix}").shape == (8, 8, 3)


def test_ids_of_a_pgm_are_not_stretched_to_its_largest_value(tmp_path: Path) -> None:
    (tmp_path / "x.pgm").write_bytes(b"P5\n16 12\n2\n" + IDS.tobytes())  # Pillow: 0, 128, 255
    assert (read_mask(tmp_path / "x.pgm", THREE) == IDS).all()
    wide = (IDS.astype(np.uint16) * 300).astype(">u2")
    (tmp_path / "y.pgm").write_bytes(b"P5\n16 12\n1000\n" + wide.tobytes())
    assert (read_image(tmp_path / "y.pgm")[..., 0] == wide).all()
    (tmp_path / "z.pgm").write_text("P2\n2 1\n2\n0 2\n")
    with pytest.raises(DataError, match="written as text, with values up to 2; save it as PNG"):
        read_mask(tmp_path / "z.pgm", THREE)


def test_a_kind_that_is_not_read_is_refused_whatever_its_name(tmp_path: Path) -> None:
    frames()[0].save(tmp_path / "x.ico", sizes=[(8, 8)])
    frames()[0].save(tmp_path / "x.eps")  # Pillow would start Ghostscript
    for name in ("x.ico", "x.eps"):
        with pytest.raises(DataError, match=r"y\.png: "):
            read_image((tmp_path / name).rename(tmp_path / "y.png"))


def test_masks_saved_with_loss_are_told_by_what_they_are(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8))
    picture.save(tmp_path / "a.webp", quality=50)
    picture.save(tmp_path / "b.webp", lossless=True)
    picture.save(tmp_path / "c.jp2", irreversible=True, quality_mode="rates", quality_layers=[20])
    picture.save(tmp_path / "d.jp2")
    Image.merge("RGBA", (*picture.split(), picture.split()[0])).save(tmp_path / "e.webp", quality=50)
    assert [loses(tmp_path / n) for n in ("a.webp", "b.webp", "c.jp2", "d.jp2", "e.webp")] == [
        True, False, True, False, True,
    ]  # fmt: skip
    gray = np.full((4, 4, 3), 7, np.uint8)
    assert natural(gray, None, tmp_path / "a.webp")[1].lossy and not natural(gray, None, tmp_path / "b.webp")[1].lossy


def pair(root: Path, name: str, seed: int, **options: object) -> None:
    """A photo of noise, and a mask in the format of the name."""
    color = np.random.default_rng(seed).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    ids = np.zeros((40, 48), np.uint8)
    ids[5 + seed : 25 + seed, 8:30] = 1 + seed % 2
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(color).save(root / "images" / f"{Path(name).stem}.webp", lossless=True)
    Image.fromarray(np.dstack([ids] * 3)).save(root / "masks" / name, **options)


def test_a_folder_of_webp_is_a_folder_like_any_other(tmp_path: Path) -> None:
    for n in range(6):
        pair(tmp_path, f"s{n}.webp", n, lossless=True)
    recipe, text = init(tmp_path)
    assert "6 pairs" in text and recipe["labels"]["values"] == {0: "class_0", 1: "class_1", 2: "class_2"}
    assert diagnose(tmp_path).audit.errors == ()


def test_lossy_webp_masks_are_told_as_jpeg_masks_are(tmp_path: Path) -> None:
    for n in range(6):
        pair(tmp_path, f"s{n}.png", n)
    pair(tmp_path, "s5.webp", 5, quality=30)
    (tmp_path / "masks" / "s5.png").unlink()
    smeared = [f for f in diagnose(tmp_path).audit.findings if f.kind == "smeared"]
    assert len(smeared) == 1 and "s5" in smeared[0].message + "".join(smeared[0].places)


def test_no_file_of_a_folder_is_lost_unsaid(tmp_path: Path) -> None:
    for n in range(5):
        pair(tmp_path, f"s{n}.png", n)
    (tmp_path / "images" / "s8.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "images" / "s9").write_bytes((tmp_path / "masks" / "s0.png").read_bytes())
    (tmp_path / "masks" / "s8.nii.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "masks" / "notes.txt").write_text("nothing")
    names = [path.name for path in unread([tmp_path / "images", tmp_path / "masks"])]
    assert names == ["s8.heic", "s9", "s8.nii.gz"]
    _, text = init(tmp_path)
    assert "3 files are left out, whose kind (.gz, .heic, no ending) is not read: s8.heic, s9, s8.nii.gz" in text
    told = [f for f in diagnose(tmp_path).audit.findings if f.kind == "left_out"]
    assert len(told) == 1 and told[0].severity == "warning" and "s8.heic" in told[0].message
    space = LabelSpace(("a", "b", "c"), values={0: "a", 1: "b", 2: "c"})
    assert "s8.nii.gz" in folder(tmp_path, "all", labels=space, images="images", masks="masks").remarks[0]
    assert "s8.heic" in left_out(tmp_path / "images") and left_out(tmp_path / "images" / "s0.webp") == ""


def test_a_folder_of_one_unread_kind_says_so(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.heic").write_bytes(b"x")
    with pytest.raises(DataError, match=r"1 file is left out, whose kind \(\.heic\) is not read: a\.heic"):
        init(tmp_path)
    assert ".webp" in SUFFIXES


@pytest.mark.parametrize("filters", [range(5), (4,), (3, 1)])
@pytest.mark.parametrize("kind", [2, 4, 6])
def test_16_bit_png_of_every_filter_equals_a_loop_over_bytes(tmp_path: Path, kind: int, filters: range) -> None:
    channels, height, width = {2: 3, 4: 2, 6: 4}[kind], 9, 5
    depth = 2 * channels
    stored = np.random.default_rng(3).integers(0, 256, (height, width * depth)).astype(np.uint8)
    kinds = [list(filters)[n % len(filters)] for n in range(height)]
    plain = np.zeros((height + 1, (width + 1) * depth), int)
    for y in range(height):
        for x in range(width * depth):
            left, up, corner = plain[y + 1, x], plain[y, x + depth], plain[y, x]
            near = min((left, up, corner), key=lambda v, g=left + up - corner: abs(v - g))
            guess = (0, left, up, (left + up) // 2, near)[kinds[y]]
            plain[y + 1, x + depth] = (int(stored[y, x]) + guess) % 256
    lines = b"".join(bytes([kinds[y]]) + stored[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks]
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    truth = plain[1:, depth:].astype(np.uint8).reshape(height, width, depth).view(">u2")
    assert (read_image(tmp_path / "x.png") == truth).all()


def paged(path: Path, pages: np.ndarray, **how: object) -> Path:
    """A TIFF of gray pages [C, H, W]."""
    first, *rest = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=rest, **how)
    return path


def test_pages_of_a_tiff_are_the_channels_of_an_image(tmp_path: Path) -> None:
    """As cameras of several bands write them; slices, frames, many pages and those of two sizes are no channels."""
    deep = np.random.default_rng(0).integers(0, 65536, (4, 6, 9)).astype(np.uint16)
    assert np.array_equal(read_image(paged(tmp_path / "bands.tif", deep)), np.moveaxis(deep, 0, 2))
    turned = read_image(paged(tmp_path / "turned.tif", deep, tiffinfo={274: 3}))
    assert np.array_equal(turned, np.moveaxis(deep, 0, 2)[::-1, ::-1])
    with pytest.raises(DataError, match="holds 4 pages"):
        read_mask(tmp_path / "bands.tif", THREE)
    for name, pages, told in (
        ("stack", deep, "ImageJ=1.54\nimages=4\nslices=4\n"),
        ("volume", deep, '<OME><Pixels SizeC="1" SizeT="1" SizeZ="4"/></OME>'),
        ("many", np.zeros((17, 4, 4), np.uint8), ""),
    ):
        with pytest.raises(DataError, match=f"holds {len(pages)} pages, one image is needed"):
            read_image(paged(tmp_path / f"{name}.tif", pages, tiffinfo={270: told}))
    Image.new("L", (9, 6)).save(tmp_path / "two.tif", save_all=True, append_images=[Image.new("L", (4, 3))])
    with pytest.raises(DataError, match="holds 2 pages"):
        read_image(tmp_path / "two.tif")


def test_every_verb_reads_pages_as_channels(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for n in range(5):
        for part in ("images", "masks"):
            (tmp_path / part).mkdir(exist_ok=True)
        paged(tmp_path / f"images/{n}.tif", random.integers(0, 256, (5, 40, 48)).astype(np.uint8))
        Image.fromarray(np.tri(40, 48, 3 * n, dtype=np.uint8)).save(tmp_path / f"masks/{n}.png")
    found = visit(tmp_path)
    assert found.audit.channels == 5 and not found.audit.errors
    dataset = opened(describe(tmp_path), ["train"])[0]
    assert dataset[0].image.shape == (5, 40, 48)
    assert read_picture(tmp_path / "images/0.tif", 5).fitted.shape == (40, 48, 5)
    shard([dataset], tmp_path / "shards")
    assert torch.equal(shards(tmp_path / "shards", "train")[1].image, dataset[1].image)
