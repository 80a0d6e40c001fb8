"""A large picture is answered as in memory, pixel for pixel, whatever stops the process on the way."""

import itertools
import json
import multiprocessing
import os
import signal
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from PIL import Image
from torch import Tensor, nn

from intarsia.errors import DataError, MissingExtra, ModelError
from intarsia.inference import Predictor, Torch, Windowed, predict
from intarsia.inference.large import answer
from intarsia.inference.large.answer import Large
from intarsia.inference.large.store import Store
from intarsia.inference.spans import spans
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("glass", "cell", "core"), colors=((0, 0, 0), (200, 30, 30), (30, 30, 200)))
HEIGHT, WIDTH = 600, 700
FORCED = Large(always=True)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 3, 5, padding=2), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1))


def predictor(
    blend: str = "gaussian", overlap: float = 0.25, size: int | str = 256, seen: Callable[[Tensor], None] | None = None
) -> Predictor:
    inner = Torch(network(), (0.5,) * 3, (0.25,) * 3)

    def engine(image: Tensor) -> Any:
        if seen:
            seen(image)
        return inner(image)

    return Predictor(Windowed(engine if seen else inner, size, overlap, blend, classes=3), SPACE)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiled TIFF: noise that was enlarged, and bare glass on the left."""
    path = tmp_path_factory.mktemp("slide") / "slide.tif"
    noise = np.random.default_rng(0).integers(0, 256, (35, 45, 3), dtype=np.uint8)
    picture = np.array(Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    picture[:, :600] = 240
    picture[300:320, 300:320] = 10
    tifffile.imwrite(
        path,
        picture,
        photometric="rgb",
        tile=(64, 64),
        compression="deflate",
        resolution=(20_000, 20_000),
        resolutionunit="CENTIMETER",
    )
    return path


def whole(model: Predictor, path: Path) -> np.ndarray:
    return model(tifffile.imread(path)).labels


@pytest.mark.parametrize(
    ("blend", "overlap", "size"),
    [("gaussian", 0.25, 256), ("cosine", 0.6, 160), ("none", 0.0, 224), ("gaussian", 0.25, "auto")],
)
def test_the_answer_is_that_of_the_picture_in_memory(
    slide: Path, tmp_path: Path, blend: str, overlap: float, size: int | str
) -> None:
    model, shares = predictor(blend, overlap, size), list[float]()
    found = predict(model, slide, tmp_path, large=FORCED, progress=lambda name, share: shares.append(share))
    wanted = whole(model, slide)
    assert np.array_equal(tifffile.imread(tmp_path / "slide.tif"), wanted)
    (line,) = found.lines
    for n, name in enumerate(SPACE.names):
        assert line["shares"][name] == pytest.approx((wanted == n).mean())
    assert line["height"] == HEIGHT and "tile row by tile row" in line["note"]
    assert shares == sorted(shares) and shares[-1] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".written-by-intarsia",
        "overlays",
        "predictions.jsonl",
        "slide.tif",
    ]


def test_the_file_is_a_pyramid_with_colors_names_and_resolution(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intarsia.inference.large.files.LEAST", 100)
    model = predictor()
    predict(model, slide, tmp_path, large=Large(always=True, forms=("tif", "zarr")))
    wanted = whole(model, slide)
    with tifffile.TiffFile(tmp_path / "slide.tif") as file:
        page, levels = file.pages[0], file.series[0].levels
        assert page.is_tiled and [level.shape for level in levels] == [(600, 700), (300, 350), (150, 175), (75, 88)]
        for level, step in ((1, 2), (2, 4), (3, 8)):
            assert np.array_equal(levels[level].asarray(), wanted[::step, ::step])
        assert json.loads(page.description) == {"classes": ["glass", "cell", "core"], "ignore": 255}
        assert page.tags["XResolution"].value == (20_000, 1) and page.tags["ResolutionUnit"].value == 3
        assert (page.colormap[:, 1] == np.array([200, 30, 30]) * 257).all()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "slide.tif")), wanted)
    group = zarr.open_group(str(tmp_path / "slide.zarr"), mode="r")
    assert np.array_equal(group["0"][:], wanted) and np.array_equal(group["1"][:], wanted[::2, ::2])
    scale = group.attrs["ome"]["multiscales"][0]["datasets"][1]["coordinateTransformations"][0]["scale"]
    assert scale == [1.0, 1.0]  # twice half a micrometer
    seen = np.asarray(Image.open(tmp_path / "overlays" / "slide.png").convert("RGB"))
    assert seen.shape[0] >= HEIGHT and seen[20, 20].tolist() != [255, 255, 255]


def test_a_geotiff_keeps_its_place_on_earth(slide: Path, tmp_path: Path) -> None:
    keys = (1, 1, 0, 1, 3072, 0, 1, 32633)
    tags = [(33550, "d", 3, (0.5, 0.5, 0.0)), (33922, "d", 6, (0, 0, 0, 500.0, 900.0, 0)), (34735, "H", 8, keys)]
    path = tmp_path / "geo.tif"
    tifffile.imwrite(
        path, tifffile.imread(slide), photometric="rgb", tile=(64, 64),
        extratags=[(*t, True) for t in [*tags, (42113, "s", 2, "0")]],
    )  # fmt: skip
    predict(predictor(), path, tmp_path / "out", large=FORCED)
    with tifffile.TiffFile(tmp_path / "out" / "geo.tif") as file:
        for code, _, _, value in tags:
            assert file.pages[0].tags[code].value == value
        assert 42113 not in file.pages[0].tags  # values 0 of the picture mean nothing, and class 0 does


def test_blank_tiles_are_left_out_and_all_others_are_the_same(slide: Path, tmp_path: Path) -> None:
    windows: list[Tensor] = []
    model = predictor(seen=windows.append)
    found = predict(model, slide, tmp_path / "a", large=Large(True, skip_blank="240..250"))
    seen, wanted = len(windows), whole(model, slide)
    labels = tifffile.imread(tmp_path / "a" / "slide.tif")
    blank = np.zeros((HEIGHT, WIDTH), bool)
    blank[:256, :512] = blank[256:, :256] = blank[512:, :512] = True  # one tile of glass has a speck
    assert (labels[blank] == 255).all() and np.array_equal(labels[~blank], wanted[~blank])
    assert (
        found.lines[0]["blank"] == 5
        and "5 of 9 tiles are blank (240..250), their pixels ignored" in found.lines[0]["note"]
    )
    assert seen < len(windows) - seen
    predict(model, slide, tmp_path / "b", large=Large(True, skip_blank="240..250=glass"))
    assert (tifffile.imread(tmp_path / "b" / "slide.tif")[blank] == 0).all()
    predict(model, slide, tmp_path / "c", large=Large(True, skip_blank="0..255"))
    assert (tifffile.imread(tmp_path / "c" / "slide.tif") == 255).all()
    for rule, words in (("240", "LOW..HIGH, such as 230..255"), ("1..2=glas", "did you mean 'glass'")):
        assert words in str(predict_error(model, slide, tmp_path / "d", Large(True, skip_blank=rule)))


def predict_error(model: Predictor, path: Path, out: Path, large: Large) -> str:
    return str(predict(model, path, out, large=large).lines[0]["error"])


class Stopped(BaseException):
    """What no code of ours catches, as no process catches SIGKILL."""


def test_several_labels_a_pixel_are_a_pyramid_a_class(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in memory, pixel for pixel; also where a process goes on, blank tiles are left out, and in a Zarr."""
    monkeypatch.setattr("intarsia.inference.large.files.LEAST", 100)
    space, count = LabelSpace(SPACE.names, SPACE.colors, activation="sigmoid", planes=True), itertools.count()
    inner = Torch(network(), (0.5,) * 3, (0.25,) * 3)

    def stopping(image: Tensor) -> Any:
        if next(count) == 10:
            raise Stopped
        return inner(image)

    model = Predictor(Windowed(inner, 256, classes=3), space, decide={"threshold": 0.45})
    wanted = model(tifffile.imread(slide)).planes
    assert 0 < wanted.mean() < 1 and (wanted.sum(axis=0) > 1).any()
    stopped = Predictor(Windowed(stopping, 256, classes=3), space, decide={"threshold": 0.45})
    large = Large(True, forms=("tif", "zarr"))
    with pytest.raises(Stopped):
        predict(stopped, slide, tmp_path, large=large)
    (line,) = predict(stopped, slide, tmp_path, large=large).lines
    assert "of 3 tile rows were finished before" in line["note"]
    for n, name in enumerate(space.names):
        assert line["planes"][name] == str(tmp_path / "planes" / name / "slide.tif")
        with tifffile.TiffFile(line["planes"][name]) as file:
            assert np.array_equal(file.asarray(), wanted[n])
            assert np.array_equal(file.series[0].levels[2].asarray(), wanted[n][::4, ::4])
            assert json.loads(file.pages[0].description) == {"class": name}
            assert (file.pages[0].colormap[:, 1] == np.array(space.colors[n]) * 257).all()
        assert line["shares"][name] == pytest.approx(wanted[n].mean())
    group = zarr.open_group(line["zarr"], mode="r")
    assert np.array_equal(group["0"][:], wanted) and np.array_equal(group["1"][:], wanted[:, ::2, ::2])
    assert [axis["name"] for axis in group.attrs["ome"]["multiscales"][0]["axes"]] == ["c", "y", "x"]
    predict(model, slide, tmp_path / "b", large=Large(True, skip_blank="240..250=core"))
    for n, name in enumerate(space.names):
        found = tifffile.imread(tmp_path / "b" / "planes" / name / "slide.tif")
        assert (found[:256, :512] == (n == 2)).all() and np.array_equal(found[:, 512:], wanted[n][:, 512:])


def test_a_stopped_process_goes_on_at_every_row(slide: Path, tmp_path: Path) -> None:
    """Stopped at the n-th window, for many n, once after the other, until the work is done."""
    count, limit, stops = itertools.count(), 25, 0

    def stop(_: Tensor) -> None:
        if next(count) == limit:
            raise Stopped

    model = predictor(overlap=0.6, size=160, seen=stop)
    names = ("journal.jsonl", "tiles.bin", "picture.bin")
    while not (tmp_path / "slide.tif").exists():
        count = itertools.count()
        try:
            predict(model, slide, tmp_path, large=Large(True, skip_blank="240..250"))
        except Stopped:
            stops += 1
            limit += 10
            for name in names:  # a row of which a part was written
                with (tmp_path / "slide.unfinished" / name).open("ab") as file:
                    file.write(b'{"row": 1, "si')
    predict(predictor(overlap=0.6, size=160), slide, tmp_path / "at once", large=Large(True, skip_blank="240..250"))
    assert stops >= 3
    wanted = (tmp_path / "at once" / "slide.tif").read_bytes()
    assert (tmp_path / "slide.tif").read_bytes() == wanted
    assert (tmp_path / "overlays" / "slide.png").read_bytes() == (
        tmp_path / "at once" / "overlays" / "slide.png"
    ).read_bytes()
    line = json.loads((tmp_path / "predictions.jsonl").read_text().splitlines()[-1])
    assert "of 3 tile rows were finished before" in line["note"]


def _killed(slide: Path, out: Path, after: int) -> None:
    count = itertools.count()

    def kill(_: Tensor) -> None:
        if next(count) == after:
            os.kill(os.getpid(), signal.SIGKILL)

    predict(predictor(seen=kill), slide, out, large=FORCED)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that begin as copies")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_killed_process_loses_nothing(slide: Path, tmp_path: Path) -> None:
    for after in (9, 6):
        child = multiprocessing.get_context("fork").Process(target=_killed, args=(slide, tmp_path, after))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / "slide.unfinished").is_dir()
    predict(predictor(seen=lambda _: None), slide, tmp_path, large=FORCED)
    assert np.array_equal(tifffile.imread(tmp_path / "slide.tif"), whole(predictor(), slide))


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Store.add

    def full(self: Store, *row: Any) -> None:
        if self.done == 1:
            self._files["tiles.bin"].close()
            self._files["tiles.bin"] = open("/dev/full", "wb")  # noqa: SIM115
        add(self, *row)

    monkeypatch.setattr(Store, "add", full)
    with pytest.raises(DataError) as raised:
        predict(predictor(), slide, tmp_path, large=FORCED)
    assert str(raised.value) == (
        f"{tmp_path / 'slide.unfinished'}: cannot be written (No space left on device) after 1 of 3 tile rows, which are kept; "
        "free some space, and the same command goes on there"
    )
    monkeypatch.undo()
    found = predict(predictor(), slide, tmp_path, large=FORCED)
    assert "1 of 3 tile rows were finished before" in found.lines[0]["note"]
    assert np.array_equal(tifffile.imread(tmp_path / "slide.tif"), whole(predictor(), slide))


def test_what_another_command_began_is_not_mixed_with_this_one(slide: Path, tmp_path: Path) -> None:
    count = itertools.count()

    def stop(_: Tensor) -> None:
        if next(count) == 10:
            raise Stopped

    with pytest.raises(Stopped):
        predict(predictor(seen=stop), slide, tmp_path, large=FORCED)
    words = predict_error(predictor("cosine", seen=stop), slide, tmp_path, FORCED)
    assert "holds 1 finished tile rows of another prediction (its blend differs)" in words and "--overwrite" in words
    predict(predictor("cosine", seen=stop), slide, tmp_path, large=FORCED, overwrite=True)
    assert np.array_equal(tifffile.imread(tmp_path / "slide.tif"), whole(predictor("cosine"), slide))


def test_windows_that_memory_is_too_small_for_are_made_smaller(slide: Path, tmp_path: Path) -> None:
    def short(image: Tensor) -> None:
        if image.shape[-1] > 128:
            raise torch.OutOfMemoryError("CUDA out of memory")

    found = predict(predictor(size="auto", seen=short), slide, tmp_path, large=FORCED)
    assert "windows of 128x128 pixels" in found.lines[0]["note"]
    assert np.array_equal(tifffile.imread(tmp_path / "slide.tif"), whole(predictor(size=128), slide))


def test_what_cannot_be_answered_tile_row_by_tile_row_is_refused(slide: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="window is 'whole'; give --window auto"):
        predict(predictor(size="whole"), slide, tmp_path, large=FORCED)
    with pytest.raises(ModelError, match="probabilities are not written of pictures beyond memory"):
        predict(predictor(), slide, tmp_path, large=FORCED, probabilities="npy")
    many = LabelSpace(tuple(f"class {n}" for n in range(65)), activation="sigmoid", planes=True)
    with pytest.raises(ModelError, match="up to 64 classes, and this model has 65"):
        predict(Predictor(predictor().engine, many), slide, tmp_path, large=FORCED)
    with pytest.raises(ModelError, match="several labels a pixel, and this model answers panoptic"):
        predict(Predictor(predictor().engine, SPACE, task="panoptic"), slide, tmp_path, large=FORCED)
    with pytest.raises(DataError, match="written in no form 'tiff'; did you mean 'tif'"):
        predict(predictor(), slide, tmp_path, large=Large(True, forms=("tiff",)))


def test_windows_of_large_pictures_are_chosen_by_one_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pixel of a picture of 100 megapixels is seen as often as one of 400, and photos are seen as before."""
    monkeypatch.setattr("intarsia.inference.windows.free_memory", lambda _: 1 << 40)
    sides = {(k, n): Windowed(network(), classes=k).side(n, n) for k in (2, 19, 150) for n in (5000, 10_000, 20_000)}
    assert sides[2, 5000] == sides[2, 10_000] == sides[2, 20_000] == 1024
    assert (sides[19, 5000], sides[19, 10_000], sides[19, 20_000]) == (1024, 896, 896)
    assert (sides[150, 5000], sides[150, 10_000]) == (1024, 512)
    seen = [sum(len(span.weights) for span in spans(n, 896, 0.25)) ** 2 / n**2 for n in (10_000, 20_000)]
    assert seen[0] == pytest.approx(seen[1], rel=0.01)


def test_spans_cover_an_axis_that_is_resumed_anywhere() -> None:
    from intarsia.inference.large.run import _place

    rows = spans(1000, 160, 0.6)
    for row in range(0, 1000, 50):
        place = _place(row, rows, 1000)
        assert place is not None
        first_needed = next(n for n, span in enumerate(rows) if span.ready > row)
        touched = [n for n, span in enumerate(rows) if span.stop > rows[first_needed].start]
        assert place.first == touched[0] <= first_needed
    assert _place(1000, rows, 1000) is None


def test_the_overlay_and_the_pyramid_keep_few_rows_of_a_large_map(tmp_path: Path) -> None:
    """Every s-th pixel of a row is kept, and not the row that it is a view of."""
    import zlib

    from intarsia.inference.large.files import reduced

    tile = zlib.compress(np.zeros((256, 256), np.uint8).tobytes())
    head = {"height": 1024, "width": 8192, "tile": 256, "dtype": "uint8", "rows": 4}
    with closing(Store(tmp_path / "a.unfinished", head)) as store:
        for _ in range(4):
            store.add([tile] * 32, b"", {"counts": [0], "blank": 0})
        assert all(part.base is None for part in reduced(store, 3))
        tracemalloc.start()
        source = SimpleNamespace(height=1024, width=8192, dtype=np.dtype(np.uint8), channels=1)
        store.picture = lambda: bytes(256 * 2048)  # type: ignore[method-assign]
        looks = SimpleNamespace(alpha=0.5, clear=None)
        drawn: list[int] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(answer, "overlay_answer", lambda *_: drawn.append(tracemalloc.get_traced_memory()[0]))
            answer._overlay(SimpleNamespace(labels=SPACE), source, store, looks)  # type: ignore[arg-type]
        tracemalloc.stop()
    assert drawn[0] < 1024 * 8192  # bytes of the whole map; a row of tiles has a quarter of them


def test_what_cannot_be_written_is_refused_before_the_first_window(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = predictor(seen=lambda _: pytest.fail("predicted"))
    (tmp_path / "slide.zarr").mkdir()
    (tmp_path / "slide.zarr" / "mine").write_text("mine")
    with pytest.raises(DataError, match=r"slide.zarr: is there and is no result of this program"):
        predict(model, slide, tmp_path, large=Large(True, forms=("zarr",)))
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtra, match="zarr is not installed"):
        predict(model, slide, tmp_path / "b", large=Large(True, forms=("zarr",)))


def test_two_processes_do_not_write_one_picture(tmp_path: Path) -> None:
    head = {"height": 1, "width": 1, "tile": 256, "dtype": "uint8", "rows": 1}
    with closing(Store(tmp_path / "a", head)) as first:
        first.add([b"x"], b"", {})
        for anew in (False, True):
            with pytest.raises(DataError, match="another process is predicting this picture; wait until it ends"):
                Store(tmp_path / "a", head, anew=anew)
    with closing(Store(tmp_path / "a", head)) as second:
        assert second.done == 1


def test_a_process_that_was_killed_before_its_first_line_does_not_stop_the_next(tmp_path: Path) -> None:
    (tmp_path / "tiles.bin").touch()
    with closing(Store(tmp_path, {"rows": 1})) as store:
        assert store.done == 0
    (tmp_path / "journal.jsonl").unlink()
    (tmp_path / "letter.txt").touch()
    with pytest.raises(DataError, match="holds other files; move them away"):
        Store(tmp_path, {"rows": 1})
