"""Any region of a large picture equals the same region of the whole, however the file stores it."""

import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from intarsia.data.regions import is_large, open_source
from intarsia.data.regions.stacked import Stacked
from intarsia.errors import DataError, MissingExtra
from intarsia.inference.large.rows import Rows

PICTURE = np.random.default_rng(0).integers(0, 256, (130, 170, 3), np.uint8)
REGIONS = [(0, 0, 130, 170), (0, 0, 1, 1), (129, 169, 1, 1), (31, 15, 70, 90), (64, 48, 16, 16), (5, 0, 3, 170)]


def spacing_of(path: Path, level: int = 0) -> tuple[float, float] | None:
    with closing(open_source(path, level)) as source:
        return source.spacing


def check(source: Any, picture: np.ndarray) -> None:
    assert (source.height, source.width, source.channels) == picture.shape
    for top, left, height, width in REGIONS:
        if top + height <= picture.shape[0] and left + width <= picture.shape[1]:
            found = source.read(top, left, height, width)
            assert np.array_equal(found, picture[top : top + height, left : left + width]), (top, left)
    source.close()


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (32, 16), "compression": "deflate", "predictor": True},
        {"tile": (16, 48), "compression": "lzw", "planarconfig": "separate"},
        {"tile": (32, 32), "bigtiff": True},
        {"rowsperstrip": 7, "compression": "deflate"},
        {"rowsperstrip": 130},
        {"planarconfig": "separate", "byteorder": ">"},
    ],
    ids=["tiles", "planes of tiles", "bigtiff", "strips", "one strip", "planes"],
)
def test_regions_of_a_tiff(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    separate = options.get("planarconfig") == "separate"
    data = np.moveaxis(PICTURE, -1, 0) if separate else PICTURE
    tifffile.imwrite(path, data, photometric="rgb", **options)
    check(open_source(path), PICTURE)
    deep = PICTURE.astype(np.uint16) * 200
    tifffile.imwrite(path, np.moveaxis(deep, -1, 0) if separate else deep, photometric="rgb", **options)
    check(open_source(path), deep)
    tifffile.imwrite(path, PICTURE[..., 0], **{k: v for k, v in options.items() if k != "planarconfig"})
    check(open_source(path), PICTURE[..., :1])


def test_only_the_tiles_that_a_region_touches_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, photometric="rgb", tile=(32, 32), compression="deflate")
    source: Any = open_source(tmp_path / "a.tif")
    touched = []
    decode = source._decoded
    monkeypatch.setattr(source, "_decoded", lambda number: touched.append(number) or decode(number))
    source.read(33, 31, 30, 34)  # rows 33..62, columns 31..64
    assert touched == [6, 7, 8]
    source.close()


def test_a_pyramid_has_levels_and_a_spacing(tmp_path: Path) -> None:
    half = np.ascontiguousarray(PICTURE[::2, ::2])
    with tifffile.TiffWriter(tmp_path / "a.svs") as file:
        about = "Aperio Image Library |AppMag = 40|MPP = 0.25"
        file.write(PICTURE, photometric="rgb", tile=(32, 32), subifds=1, description=about)
        file.write(half, photometric="rgb", tile=(32, 32), subfiletype=1)
    full, small = open_source(tmp_path / "a.svs"), open_source(tmp_path / "a.svs", level=1)
    assert full.spacing == (0.25, 0.25) and small.spacing == (0.5, 0.5)
    check(full, PICTURE)
    check(small, half)
    assert is_large(tmp_path / "a.svs")
    with pytest.raises(DataError, match=r"level 2 was asked for, and it has 2 levels \(170 x 130, 85 x 65\)"):
        open_source(tmp_path / "a.svs", level=2)


def test_spacing_of_a_geotiff_and_of_a_resolution(tmp_path: Path) -> None:
    keys = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32633)
    tags = [
        (33550, "d", 3, (0.5, 0.25, 0.0)),
        (33922, "d", 6, (0, 0, 0, 500.0, 900.0, 0)),
        (34735, "H", len(keys), keys),
    ]
    tifffile.imwrite(
        tmp_path / "g.tif", PICTURE, photometric="rgb", tile=(32, 32), extratags=[(*t, True) for t in tags]
    )
    assert spacing_of(tmp_path / "g.tif") == (250_000.0, 500_000.0)
    tifffile.imwrite(
        tmp_path / "r.tif", PICTURE, photometric="rgb", resolution=(20_000, 40_000), resolutionunit="CENTIMETER"
    )
    assert spacing_of(tmp_path / "r.tif") == (0.25, 0.5)
    tifffile.imwrite(tmp_path / "screen.tif", PICTURE, photometric="rgb", resolution=(72, 72), resolutionunit="INCH")
    assert spacing_of(tmp_path / "screen.tif") is None


def test_zarr_arrays_and_pyramids(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=PICTURE, chunks=(32, 32, 3))
    check(open_source(tmp_path / "a.zarr"), PICTURE)
    zarr.create_array(
        str(tmp_path / "c.zarr"), data=np.ascontiguousarray(np.moveaxis(PICTURE, -1, 0)), chunks=(1, 64, 64)
    )
    check(open_source(tmp_path / "c.zarr"), PICTURE)
    group = zarr.create_group(str(tmp_path / "ome.zarr"))
    group.create_array("0", data=np.moveaxis(PICTURE, -1, 0)[None, :, None], chunks=(1, 1, 1, 64, 64))
    axes = [{"name": a, **({"unit": "micrometer"} if a in "zyx" else {})} for a in "tczyx"]
    scale = {"type": "scale", "scale": [1, 1, 1, 0.5, 0.25]}
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}]
    source = open_source(tmp_path / "ome.zarr")
    assert source.spacing == (0.5, 0.25) and is_large(tmp_path / "ome.zarr")
    check(source, PICTURE)


@pytest.mark.parametrize("form", ["tile_{r:03}_{c:03}.png", "x{x}_y{y}.png", "[x={x},y={y},w=60,h=50].png"])
def test_a_folder_of_tiles_is_one_picture(tmp_path: Path, form: str) -> None:
    for r, y in enumerate(range(0, 130, 50)):
        for c, x in enumerate(range(0, 170, 60)):
            Image.fromarray(PICTURE[y : y + 50, x : x + 60]).save(tmp_path / form.format(r=r, c=c, x=x, y=y))
    check(open_source(tmp_path), PICTURE)


def test_what_is_wrong_with_a_folder_of_tiles_is_one_sentence(tmp_path: Path) -> None:
    for r, c in ((0, 0), (0, 1), (1, 0)):
        Image.fromarray(PICTURE[:20, :20]).save(tmp_path / f"t_{r}_{c}.png")
    with pytest.raises(DataError, match="1 tile of 2 x 2 missing: row 1 column 1; add them"):
        open_source(tmp_path)
    Image.fromarray(PICTURE[:20, :19]).save(tmp_path / "t_1_1.png")
    with pytest.raises(DataError, match=r"t_1_1.png: a tile of 19 x 20 pixels.* have 20 x 20"):
        open_source(tmp_path).read(0, 0, 40, 40)
    Image.fromarray(PICTURE[:20, :20]).save(tmp_path / "whole.png")
    with pytest.raises(DataError, match=r"whole.png: its name says no row and column; call tiles NAME_ROW_COLUMN"):
        open_source(tmp_path)


def test_a_tiff_that_is_cut_short_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PICTURE, photometric="rgb", tile=(32, 32), compression="deflate")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    with pytest.raises(
        DataError, match=r"a.tif: the TIFF is cut short: its pixels end at byte [\d,]+, and the file has"
    ):
        open_source(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"a.tif: the TIFF"):
        open_source(path)


def test_a_tiff_of_other_numbers_or_of_many_pictures_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((20, 20), np.float32))
    with pytest.raises(DataError, match="an image of float32 numbers"):
        open_source(tmp_path / "f.tif")
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((40, 20, 20), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match="a stack of 40 pictures"):
        open_source(tmp_path / "s.tif")
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="save it as a tiled TIFF"):
        open_source(tmp_path / "a.png")


def test_a_slide_is_read_by_openslide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mrxs").write_bytes(b"slide")
    with pytest.raises(MissingExtra, match=r"openslide is not installed; type: pip install \"intarsia\[slides\]\""):
        open_source(tmp_path / "a.mrxs")
    seen = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)])
    seen[100:, :, 3] = 0  # beyond the slide

    def region(corner: tuple[int, int], level: int, size: tuple[int, int]) -> Image.Image:
        step = 1 << level
        x, y = corner[0] // step, corner[1] // step
        return Image.fromarray(seen[::step, ::step][y : y + size[1], x : x + size[0]])

    def opening(path: str) -> SimpleNamespace:
        if "broken" in path:
            raise RuntimeError("Couldn't find data files")
        told = {"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.5"}
        dimensions, factors = ((170, 130), (85, 65)), (1.0, 2.0)
        return SimpleNamespace(
            level_dimensions=dimensions,
            level_downsamples=factors,
            properties=told,
            read_region=region,
            close=lambda: None,
        )

    stand_in = ModuleType("openslide")
    stand_in.OpenSlide = opening  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "openslide", stand_in)
    wanted = PICTURE.copy()
    wanted[100:] = 255
    source = open_source(tmp_path / "a.mrxs")
    assert source.spacing == (0.5, 0.25)
    check(source, wanted)
    check(open_source(tmp_path / "a.mrxs", level=1), np.ascontiguousarray(wanted[::2, ::2]))
    (tmp_path / "broken.mrxs").write_bytes(b"slide")
    with pytest.raises(DataError, match="a slide of several files needs all of them, so copy its folder as well"):
        open_source(tmp_path / "broken.mrxs")


def test_rows_hand_out_windows_and_forget_what_lies_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intarsia.inference.large.rows.LEAST", 16)
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, photometric="rgb", tile=(16, 16), compression="deflate")
    rows, read = Rows(open_source(tmp_path / "a.tif"), 3, first=40), []
    rows.seen = lambda top, pixels: read.append((top, len(pixels)))
    for box in ((40, 0, 72, 50), (40, 50, 72, 170), (90, 3, 130, 60)):
        window = rows.window(box)[0].permute(1, 2, 0).numpy()
        assert np.array_equal(window, PICTURE[box[0] : box[2], box[1] : box[3]])
    rows.close()
    rows.source.close()
    assert read == [(top, min(16, 130 - top)) for top in range(32, 130, 16)]  # each row of tiles once
    assert rows._kept[0].top == 80


def test_rasters_of_different_grids_are_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tile": (32, 32), "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", PICTURE[..., 0], **options)
    tifffile.imwrite(tmp_path / "b.tif", PICTURE[..., 1], **options)
    tifffile.imwrite(tmp_path / "c.tif", PICTURE[:100, :, 1], **options)
    place = [(33550, "d", 3, (0.5, 0.5, 0.0), True), (33922, "d", 6, (0, 0, 0, 500.0, 900.0, 0), True)]
    tifffile.imwrite(tmp_path / "d.tif", PICTURE[..., 1], extratags=place, **options)
    a, b, c, d = (open_source(tmp_path / f"{name}.tif") for name in "abcd")
    with pytest.raises(
        DataError, match=r"a.tif and c.tif have different grids \(170 x 130 and 170 x 100 pixels\); warp"
    ):
        Stacked([a, c])
    with pytest.raises(DataError, match=r"a.tif and d.tif have different grids \(other places on earth\)"):
        Stacked([a, d])
    check(Stacked([a, b]), PICTURE[..., :2])
    for source in (c, d):
        source.close()


def test_colors_that_nothing_turns_into_rgb_are_refused(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).convert("YCbCr").save(tmp_path / "ycc.tif", compression="tiff_deflate")
    with pytest.raises(DataError, match="a TIFF in YCbCr colors without JPEG compression; save it as RGB"):
        open_source(tmp_path / "ycc.tif")
    tifffile.imwrite(tmp_path / "jpeg.tif", np.full((64, 64, 3), (200, 30, 40), np.uint8), photometric="ycbcr",
                     tile=(32, 32), compression="jpeg", compressionargs={"level": 95})  # fmt: skip
    with closing(open_source(tmp_path / "jpeg.tif")) as source:
        assert np.abs(source.read(0, 0, 64, 64).astype(int) - (77, 255, 26)).max() <= 3
    (tmp_path / "no.tif").write_bytes(b"hello")
    with pytest.raises(DataError, match="no.tif: is no TIFF, whatever its name says"):
        open_source(tmp_path / "no.tif")
