"""Crops of large files are read as windows: the same numbers as those of the whole, and no other pixels decoded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from intarsia import limits
from intarsia.data import loader
from intarsia.data.augment.pipeline import Augmentation
from intarsia.data.files.codecs import raw_of, read_image
from intarsia.data.joined import Joined
from intarsia.data.loader import Loader
from intarsia.data.pairs import Pair, Pairs
from intarsia.data.regions import png, stored
from intarsia.data.regions.stored import open_numbers
from intarsia.data.regions.tiff import Tiff
from intarsia.doctor import audit
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.training.material import first

SIZE = (211, 173)
SPACE = LabelSpace(("a", "b", "c"))


def soft(channels: int, dtype: type = np.uint8) -> np.ndarray:
    """A smooth picture [H, W, C]; without the last axis where there is one channel."""
    rng = np.random.default_rng(channels)
    made = np.stack(
        [
            np.asarray(Image.fromarray(rng.integers(0, 256, (9, 8), dtype=np.uint8)).resize(SIZE[::-1], Image.Resampling.BICUBIC))
            for _ in range(channels)
        ],
        axis=2,
    ).astype(dtype)  # fmt: skip
    return made[..., 0] if channels == 1 else made


def ids() -> np.ndarray:
    return (soft(1) // 86).astype(np.uint8)


def indexed(path: Path, array: np.ndarray, **options: object) -> None:
    image = Image.fromarray(array, "P") if array.dtype == np.uint8 else Image.fromarray(array)
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(path, **options)


def tiff(**options: object) -> Callable[[Path, np.ndarray], None]:
    return lambda path, array: tifffile.imwrite(path, array, **options)


TILED = {"tile": (32, 48), "compression": "deflate"}
IMAGES = {
    "tiled.tif": (tiff(photometric="rgb", **TILED), soft(3)),
    "strips.tif": (tiff(photometric="rgb", rowsperstrip=10, compression="lzw"), soft(3)),
    "jpeg.tif": (tiff(photometric="rgb", tile=(32, 48), compression="jpeg"), soft(3)),
    "plain.tif": (tiff(photometric="rgb"), soft(3)),
    "planes.tif": (tiff(photometric="rgb", planarconfig="separate", tile=(32, 48)), np.moveaxis(soft(3), 2, 0).copy()),
    "gray16.tif": (tiff(photometric="minisblack", **TILED), soft(1, np.uint16) * 200),
    "bands16.tif": (tiff(photometric="minisblack", planarconfig="contig", **TILED), soft(6, np.uint16) * 200),
    "alpha.tif": (tiff(photometric="rgb", extrasamples=["unassalpha"], **TILED), soft(4)),
    "rgb.png": (lambda path, array: Image.fromarray(array).save(path), soft(3)),
    "alpha.png": (lambda path, array: Image.fromarray(array).save(path), soft(4)),
    "gray16.png": (lambda path, array: Image.fromarray(array).save(path), soft(1, np.uint16) * 200),
    "bit.png": (lambda path, array: Image.fromarray(array).save(path), soft(1) > 128),
    "palette.png": (lambda path, array: indexed(path, array, bits=4, transparency=1), ids()),
}
MASKS = {
    "tiled.tif": (tiff(**TILED), ids()),
    "nodata.tif": (tiff(extratags=[(42113, "s", 0, "2", True)], **TILED), ids()),
    "palette.tif": (tiff(photometric="palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 80, **TILED), ids()),
    "gray.png": (lambda path, array: Image.fromarray(array).save(path), ids()),
    "palette.png": (lambda path, array: indexed(path, array, bits=2), ids()),
    "bit.png": (lambda path, array: Image.fromarray(array).save(path), soft(1) > 128),
    "colors.png": (lambda path, array: Image.fromarray(array).save(path), soft(3) // 86),
}  # fmt: skip
PARTS = [(0, 0, 211, 173), (5, 7, 90, 60), (100, 120, 211, 173), (210, 0, 211, 1), (31, 47, 33, 49)]


@pytest.mark.parametrize("name", IMAGES)
def test_a_part_of_an_image_is_that_part_of_the_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png, "_ROWS", 4000)
    write, array = IMAGES[name]
    write(tmp_path / name, array)
    whole, numbers = read_image(tmp_path / name), open_numbers(tmp_path / name, 1000)
    assert numbers is not None and numbers.size == SIZE
    for y0, x0, y1, x1 in PARTS:
        part = numbers.image((y0, x0, y1, x1))
        assert part.dtype == whole.dtype and np.array_equal(part, whole[y0:y1, x0:x1])
    numbers.close()
    assert open_numbers(tmp_path / name, 211 * 173) is None, "no larger than asked"


@pytest.mark.parametrize("name", MASKS)
def test_a_part_of_a_mask_is_that_part_of_the_whole(name: str, tmp_path: Path) -> None:
    write, array = MASKS[name]
    write(tmp_path / name, array)
    numbers = open_numbers(tmp_path / name, 1000, mask=True)
    assert numbers is not None
    for by_color in (True,) if name == "colors.png" else (False, True) if "palette" in name else (False,):
        whole, nodata = raw_of(tmp_path / name, by_color)
        assert (nodata == 2) == (name == "nodata.tif")
        for y0, x0, y1, x1 in PARTS:
            raw, declared = numbers.raw((y0, x0, y1, x1), by_color)
            assert np.array_equal(raw, whole[y0:y1, x0:x1]) and declared == nodata
    numbers.close()


def test_files_whose_parts_are_not_sure_to_be_the_same_are_read_whole(tmp_path: Path) -> None:
    Image.fromarray(soft(3)).save(tmp_path / "a.jpg")
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(soft(3)).save(tmp_path / "turned.png", exif=turned)
    tifffile.imwrite(tmp_path / "turned.tif", soft(3), photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([soft(1), soft(1)]), photometric="minisblack")
    tifffile.imwrite(tmp_path / "white.tif", soft(1), photometric="miniswhite")
    Image.fromarray(soft(3)).save(
        tmp_path / "frames.png", save_all=True, append_images=[Image.fromarray(soft(3)[::-1])]
    )
    (tmp_path / "cut.tif").write_bytes((tmp_path / "white.tif").read_bytes()[:300])
    for path in sorted(tmp_path.iterdir()):
        assert open_numbers(path, 1000) is None, path.name


def test_a_png_that_is_cut_short_says_so(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:7000])
    numbers = open_numbers(tmp_path / "b.png", 0)
    assert numbers is not None and numbers.image((0, 0, 9, 64)).shape == (9, 64, 3)
    with pytest.raises(DataError, match="truncated or damaged"):
        numbers.image((0, 0, 64, 64))


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    """Two pairs: tiled TIFF with a TIFF mask, and PNG with a palette PNG."""
    IMAGES["tiled.tif"][0](tmp_path / "a.tif", soft(3))
    MASKS["tiled.tif"][0](tmp_path / "a_mask.tif", ids())
    IMAGES["rgb.png"][0](tmp_path / "b.png", soft(3)[::-1])
    MASKS["palette.png"][0](tmp_path / "b_mask.png", ids()[::-1])
    items = [
        Pair("a", tmp_path / "a.tif", tmp_path / "a_mask.tif"),
        Pair("b", tmp_path / "b.png", tmp_path / "b_mask.png"),
    ]
    return Pairs(items, SPACE, name="large", split="train")


CHAINS: dict[str, dict] = {
    "crop": {"crop": (40, 56)},
    "zoom": {"crop": (40, 56), "scale": (0.3, 3.0), "flip": True, "flip_vertical": True},
    "around": {"crop": (256, 256), "scale": (0.8, 1.1)},
    "turn": {"crop": (64, 64), "scale": (0.5, 2.0), "rotate": 45.0},
    "all": {"crop": (64, 64), "scale": (0.5, 2.0), "rotate": 9.0, "max_share": 0.6, "brightness": 0.4, "contrast": 0.4,
            "saturation": 0.4, "hue": 0.1, "blur": 1.0, "noise": 5.0, "cutout": 0.2, "cutmix": 0.3, "mosaic": 0.3},
    "shown": {"crop": (64, 64), "scale": (0.5, 2.0), "shown": lambda height, width: (height // 2, width // 2)},
}  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS)
def test_crops_of_windows_are_those_of_the_whole(chain: str, pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one seed, image and labels are the same to the last bit, alone, in a part and among other data sets."""
    change = Augmentation(255, **CHAINS[chain])
    asked = []
    for dataset in (pairs, Joined([pairs, torch.utils.data.Subset(pairs, [1, 0])])):
        seen = []
        for least in (1 << 24, 1000):
            monkeypatch.setattr(loader, "WINDOWED", least)
            if least == 1000:  # nothing is read as a whole
                monkeypatch.setattr(Pairs, "read", lambda self, item: asked.append(item))
            stream = Loader(
                dataset, batch_size=2, change=change, mix=change.mix if change.mixes else None, seed=3
            ).stream()
            seen.append([next(stream) for _ in range(4)])
            monkeypatch.undo()
        for whole, parts in zip(*seen, strict=True):
            assert whole.names == parts.names
            assert torch.equal(whole.image, parts.image) and torch.equal(whole.labels, parts.labels)
            assert whole.image.dtype == parts.image.dtype and whole.labels.dtype == parts.labels.dtype
    assert not asked


def test_only_the_tiles_that_a_crop_touches_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4 megapixels a crop of 64 at half the size takes at most the tiles of 128 pixels and what it shares with others."""
    side = 2048
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((side, side, 3), np.uint8), photometric="rgb", **TILED)
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((side, side), np.uint8), **TILED)
    Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / "m.png")
    monkeypatch.setattr(loader, "WINDOWED", side * side - 1)
    decoded: list[int] = []
    original, rows = Tiff._decoded, png.unfilter

    def counting(self: Tiff, number: int) -> np.ndarray | None:
        piece = original(self, number)
        decoded.append(0 if piece is None else piece.shape[0] * piece.shape[1])
        return piece

    held: list[int] = []
    monkeypatch.setattr(Tiff, "_decoded", counting)
    monkeypatch.setattr(
        png, "unfilter", lambda kinds, lines: held.append(lines.shape[0] * lines.shape[1]) or rows(kinds, lines)
    )
    monkeypatch.setattr(png, "_ROWS", 1 << 17)
    change = Augmentation(255, crop=(64, 64), scale=(0.5, 0.5), rotate=10.0)
    for mask in ("m.tif", "m.png"):
        dataset = Pairs([Pair("a", tmp_path / "a.tif", tmp_path / mask)], SPACE, name="x", split="train")
        decoded.clear()
        next(Loader(dataset, batch_size=1, change=change).stream())
        turned = 128 * 1.2 + 4  # pixels of a side of the box that the turned one lies in
        assert 0 < sum(decoded) <= 2 * (turned + 64) * (turned + 96)
    assert held and max(held) <= (1 << 17) + side, "never more rows of a PNG at once"
    kept = Loader(dataset, batch_size=1, change=change, cache=True)  # kept in memory, unless it is beyond memory
    decoded.clear()
    next(kept.stream())
    assert not decoded and len(kept.read.cached or {}) == 1
    monkeypatch.setattr(loader, "PIXELS", side * side - 1)
    kept = Loader(dataset, batch_size=1, change=change, cache=True)
    next(kept.stream())
    assert decoded and not kept.read.cached
    own = Augmentation(255, crop=(64, 64), own=lambda sample, rng: sample)
    decoded.clear()
    next(Loader(dataset, batch_size=1, change=own).stream())  # a user's function sees the whole picture
    assert not decoded


def test_a_pair_beyond_memory_is_audited_row_by_row(
    pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same counts, statistics and digests as of the whole, each pixel read once; and a corner stands for the sample."""
    whole = audit(pairs, quick=True)
    monkeypatch.setattr(limits, "PIXELS", 20_000)
    with pytest.raises(DataError, match="at most 20,000 are read as a whole"):
        pairs[0]
    monkeypatch.setattr("intarsia.training.material.PIXELS", 20_000)
    monkeypatch.setattr("intarsia.training.material.CORNER", 100)
    monkeypatch.setattr(stored, "_ROWS", 173 * 3 * 64)
    sample = first(pairs)
    assert np.array_equal(sample.image.permute(1, 2, 0), soft(3)[:100, :100]) and np.array_equal(
        sample.labels, ids()[:100, :100]
    )
    seen: list[int] = []
    read = stored.Numbers.image
    monkeypatch.setattr(
        stored.Numbers,
        "image",
        lambda self, part: seen.append((part[2] - part[0]) * (part[3] - part[1])) or read(self, part),
    )
    parts = audit(pairs, quick=True)
    assert sum(seen) == 2 * SIZE[0] * SIZE[1] and max(seen) <= 96 * 173
    found, wanted = parts.to_dict(), whole.to_dict()
    for key in ("mean", "std"):  # sums of rows, added in another order
        assert found.pop(key) == pytest.approx(wanted.pop(key), rel=1e-12)
    assert found == wanted
    assert np.array_equal(parts.presence, whole.presence)
    tifffile.imwrite(tmp_path / "a_mask.tif", ids() + 5, **TILED)
    assert "5" in audit(pairs).errors[0].message
    with pytest.raises(LabelError, match="a_mask.tif"):
        first(pairs)


def test_image_and_mask_of_different_sizes_are_refused(
    pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a_mask.tif", ids()[:-1], **TILED)
    monkeypatch.setattr(loader, "WINDOWED", 1000)
    with pytest.raises(DataError, match="they must be of one size"):
        next(Loader(pairs, batch_size=2, change=Augmentation(255, crop=(32, 32))).stream())
