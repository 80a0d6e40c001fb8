"""Exports that somebody made to do harm: each is refused in a sentence before it takes memory, time or files."""

import base64
import io
import json
import os
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from written import (
    BLOB,
    META,
    PHOTO,
    POLYGON,
    SQUARE,
    YOLO,
    A,
    H,
    W,
    coco,
    cvat,
    labelme,
    laid,
    png,
    result,
    row,
    shape,
    sly,
    sound,
    task,
)
from written import CVAT as XML

from intarsia import limits
from intarsia.annotations import regions
from intarsia.annotations.coco_panoptic import read as read_panoptic
from intarsia.annotations.convert import convert, read
from intarsia.annotations.labelstudio_brush import decode, encode
from intarsia.annotations.project import Bitmap, Runs, kept, pieces
from intarsia.annotations.regions import checked, fill, mask_of, packed, runs_of, unpacked
from intarsia.datasets.nuclei import nuclei
from intarsia.errors import DataError
from intarsia.evaluation import score_instances
from intarsia.evaluation.from_files import polygons

WRAPPED = [1 << 62, 1 << 62, 1 << 62, 1 << 62, 600]  # whose sum is 600 = W x H in 64 bits


class TestRunLengths:
    @pytest.mark.parametrize(
        "runs, words",
        [
            (WRAPPED, "a run length of many digits, but the picture has 30x20 = 600 pixels"),
            ([1 << 80, 600], "a run length of many digits"),
            ([-5, 605], "a run length of -5, but the picture"),
            ([601], "a run length of 601, but the picture"),
            ([300, 200], "run lengths add up to 500 pixels, but the picture has 30x20 = 600"),
            ([300.0, 300], "run lengths are a list of whole numbers, and '300.0' is none"),
            ([True, 599], "run lengths are a list of whole numbers, and 'True' is none"),
            (["300", 300], "run lengths are a list of whole numbers"),
            ([[300], 300], "run lengths are a list of whole numbers"),
            (None, "run lengths are a list of whole numbers"),
            (600, "run lengths are a list of whole numbers"),
            ({"0": 600}, "run lengths are a list of whole numbers"),
        ],
    )
    def test_coco_and_score_refuse_them(self, runs: Any, words: str, tmp_path: Path) -> None:
        segmentation = {"size": [H, W], "counts": runs}
        laid(tmp_path, {**A, "x.json": coco({"segmentation": segmentation})})
        with pytest.raises(DataError, match=f"annotation 0: {words}"):
            sound(tmp_path)
        found = [{"image_id": 7, "category_id": 3, "score": 1, "bbox": [0, 0, 1, 1], "segmentation": segmentation}]
        laid(tmp_path, {"found/f.json": found, "true/t.json": coco({"area": 100})})
        with pytest.raises(DataError, match=f"result 0: {words}"):
            score_instances(tmp_path / "found" / "f.json", tmp_path / "true" / "t.json")

    def test_cvat_refuses_them(self, tmp_path: Path) -> None:
        runs = ", ".join(map(str, [*WRAPPED[:4], 6]))
        mask = f'<mask label="cat" rle="{runs}" left="0" top="0" width="3" height="2"/>'
        laid(tmp_path, {"a.xml": XML % cvat(mask)})
        with pytest.raises(DataError, match="a.jpg, shape 1 .mask 'cat'.: a run length of many digits"):
            sound(tmp_path)
        laid(tmp_path, {"a.xml": XML % cvat(mask.replace('width="3"', 'width="300000000"'))})
        with pytest.raises(DataError, match="a box of 300000000x2 pixels in an image of 30x20"):
            sound(tmp_path)

    @pytest.mark.parametrize(
        "text, words",
        [
            ("o" * 60, "end within a number"),
            ("o" * 60 + "0", "a number beyond any"),
            ("0 1", "the character ' '"),
            ("é", "the character 'é'"),
            ("o", "end within"),
        ],
    )
    def test_compressed_text_without_end(self, text: str, words: str) -> None:
        with pytest.raises(DataError, match=words):
            unpacked(text)
        with pytest.raises(DataError, match=words):
            mask_of(text * 1000 if words.startswith("a number") else text, H, W)

    def test_sizes_beyond_any_picture(self, tmp_path: Path) -> None:
        big = coco({"segmentation": {"size": [100_000, 100_000], "counts": [10**10]}})
        big["images"] = [{"id": 7, "file_name": "a.jpg", "height": 100_000, "width": 100_000}]
        with pytest.raises(DataError, match=r"100000x100000 = 10,000,000,000 pixels; at most 178,956,970"):
            sound(laid(tmp_path, {"x.json": big}))
        with pytest.raises(DataError, match="at most"):
            mask_of([10**10], 100_000, 100_000)

    def test_label_studio_brushes(self, tmp_path: Path) -> None:
        honest = encode(BLOB)
        assert np.array_equal(decode(honest, H, W), BLOB)
        bits = "".join(f"{n:08b}" for n in honest)
        beyond = bits[:32] + f"{7:05b}" + f"{15:04b}" * 4 + "1" + "00" + f"{65535:016b}" + f"{255:08b}"
        wide = bits[:32] + f"{31:05b}" + bits[37:]
        for spoiled, words in ((beyond, "reach 63136 values beyond"), (wide, "values of 32 bits")):
            spoiled += "0" * (-len(spoiled) % 8)
            numbers = [int(spoiled[n : n + 8], 2) for n in range(0, len(spoiled), 8)]
            brush = result("brushlabels", {"format": "rle", "rle": numbers, "brushlabels": ["dog"]})
            with pytest.raises(DataError, match=words):
                sound(laid(tmp_path, {"x.json": [task(brush)]}))
        for odd in ([300], [1.5], ["1"], 10**12, [True]):
            with pytest.raises(DataError, match="a list of bytes"):
                decode(odd, H, W)  # type: ignore[arg-type]

    def test_kaggle_tables(self, tmp_path: Path) -> None:
        laid(tmp_path, {"stage1_train/i/images/i.png": np.zeros((5, 4), np.uint8)})
        for pairs, words in (
            (f"1 {1 << 63}", "leaves i, which is 4x5"),
            ("0 3", "a run of 3 pixels from 0"),
            ("1 2 3", "start without a length"),
            ("1 x", "line 2: expected"),
        ):
            (tmp_path / "t.csv").write_text(f"ImageId,EncodedPixels\ni,{pairs}\n")
            with pytest.raises(DataError, match=words):
                nuclei(tmp_path, "all", table="t.csv")[0]
        (tmp_path / "t.csv").write_bytes(b"ImageId,EncodedPixels\ni,\xff\n")
        with pytest.raises(DataError, match=r"t.csv: is not in UTF-8"):
            nuclei(tmp_path, "all", table="t.csv")

    def test_honest_ones_are_what_they_were(self) -> None:
        noise = np.random.default_rng(3).random((17, 23)) > 0.5
        for mask in (noise, np.zeros((4, 5), bool), np.ones((4, 5), bool), np.zeros((0, 0), bool)):
            runs = runs_of(mask)
            assert checked(runs, *mask.shape).tolist() == runs
            assert np.array_equal(mask_of(runs, *mask.shape), mask)
            assert np.array_equal(mask_of(packed(runs), *mask.shape), mask)
            assert np.array_equal(mask_of(np.array(runs), *mask.shape), mask)


class TestBitmaps:
    def test_a_thousand_masks_of_a_large_picture_take_no_memory(self, tmp_path: Path) -> None:
        """Each is 30 bytes of text and 100 million pixels; together they asked for 100 GB."""
        full = {"segmentation": {"size": [10_000, 10_000], "counts": [0, 10**8]}, "iscrowd": 1}
        tree = coco(*[full] * 1000)
        tree["images"][0].update(height=10_000, width=10_000)
        laid(tmp_path, {"x.json": tree})
        tracemalloc.start()
        project = read(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(project.pictures[0].regions) == 1000 and peak < 50e6
        assert project.pictures[0].regions[7].mask(10_000, 10_000).all()

    def test_a_hundred_thousand_annotations_of_one_number(self, tmp_path: Path) -> None:
        tree = coco(*[{}] * 100_000)
        for annotation in tree["annotations"]:
            annotation["id"] = 1
        project = read(laid(tmp_path, {"x.json": tree}))
        assert len({region.object for region in project.pictures[0].regions}) == 100_000

    def test_a_bitmap_of_supervisely_that_unpacks_to_gigabytes(self, tmp_path: Path) -> None:
        def stamp(content: bytes) -> dict[str, Any]:
            data = base64.b64encode(content).decode()
            return {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": data, "origin": [0, 0]}}

        small = base64.b64decode(png(np.ones((3, 3), np.uint8)))
        large = base64.b64decode(png(np.zeros((4000, 4000), np.uint8)))
        for content, words in (
            (zlib.compress(small + bytes(50_000_000)), "unpacks to more than 30x20 pixels need"),
            (zlib.compress(large), "a mask of 4000x4000 pixels on an image of 30x20"),
            (zlib.compress(small)[:-9], "no deflated PNG|cannot"),
            (b"x", "its mask is no deflated PNG in base64"),
        ):
            laid(tmp_path, {"meta.json": META, "d/ann/a.jpg.json": sly(stamp(content))})
            tracemalloc.start()
            if words.startswith("no deflated"):
                read(tmp_path)  # the checksum at the end is cut off, the picture is whole
            else:
                with pytest.raises(DataError, match=words):
                    sound(tmp_path)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 30e6

    def test_pngs_inside_of_documents_are_no_larger_than_their_picture(self, tmp_path: Path) -> None:
        large = png(np.zeros((3000, 3000), np.uint8))
        url = {"imageDataURL": f"data:image/png;base64,{large}", "bitmasklabels": ["cat"]}
        for n, files in enumerate(
            (
                {"a.json": labelme(shape("mask", [[0, 0], [5, 5]], mask=large))},
                {"x.json": [task(result("bitmasklabels", url))]},
                {
                    **A,
                    "x.ndjson": json.dumps({"dataRow": {"globalKey": "a.jpg"}, "name": "cat", "mask": {"png": large}}),
                },
            )
        ):
            with pytest.raises(DataError, match="a mask of 3000x3000 pixels on an image of 30x20"):
                sound(laid(tmp_path / str(n), files))

    def test_only_pngs_are_taken_for_masks(self, tmp_path: Path) -> None:
        """Pillow would start other programs for some formats."""
        file = io.BytesIO()
        Image.new("L", (5, 5)).save(file, "EPS")
        mask = base64.b64encode(file.getvalue()).decode()
        with pytest.raises(DataError, match="its mask is no PNG in base64"):
            sound(laid(tmp_path, {"a.json": labelme(shape("mask", [[0, 0], [5, 5]], mask=mask))}))

    def test_large_bitmaps_are_kept_as_runs_and_drawn_the_same(self) -> None:
        dice = np.random.default_rng(0)
        blob = np.zeros((200, 190), bool)
        blob[20:150, 30:160] = True
        assert isinstance(kept(3, 4, blob), Runs) and isinstance(kept(0, 0, blob[:50, :50]), Bitmap)
        assert np.array_equal(kept(3, 4, blob).pixels, blob) and kept(3, 4, blob).shape == blob.shape
        noise = dice.random((200, 190)) > 0.5
        assert isinstance(kept(0, 0, noise), Bitmap)
        rows = Runs(0, 0, (2, 3), np.array([1, 4, 1]), rows=True)
        assert rows.pixels.astype(int).tolist() == [[0, 1, 1], [1, 1, 0]]

    @pytest.mark.parametrize("count", [5, 3000])
    def test_the_pieces_of_a_map(self, count: int) -> None:
        keys = np.random.default_rng(1).integers(0, count, (60, 50))
        found = pieces(keys)
        assert [value for value, _ in found] == np.unique(keys).tolist()
        assert all(np.array_equal(piece.pixels, keys == value) for value, piece in found)


class TestPolygons:
    def test_pieces_of_edges_give_the_same_pixels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dice = np.random.default_rng(2)
        star = dice.uniform(-10, 90, (300, 2))
        whole, scored = fill([[star]], 80, 70), polygons.fill(star, 80, 70)
        monkeypatch.setattr(regions, "_AT_ONCE", 7)
        monkeypatch.setattr(polygons, "_AT_ONCE", 7)
        assert np.array_equal(fill([[star]], 80, 70), whole) and whole.any()
        assert np.array_equal(polygons.fill(star, 80, 70), scored) and scored.any()

    def test_many_edges_over_a_tall_picture_are_refused(self) -> None:
        """It asked for 268 GiB."""
        x = np.tile([0.0, 19.0], 2000)
        y = np.tile([0.0, 9e6], 2000) + np.arange(4000) / 4000
        points = np.stack([x, y], axis=1)
        with pytest.raises(DataError, match="a polygon of 4,000 points whose edges cross 35,9"):
            fill([[points]], 9_000_000, 19)
        with pytest.raises(DataError, match="a polygon of 4,000 points whose sides cross 35,9"):
            polygons.fill(points[:, ::-1], 19, 9_000_000)

    def test_an_honest_outline_of_a_million_points(self) -> None:
        """A circle, traced finely: its area is that of the circle. It took 8.4 GB and a minute where it was scored."""
        t = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
        circle = 500 + 400 * np.stack([np.cos(t), np.sin(t)], axis=1)
        y, x = np.mgrid[:1000, :1000] + 0.5
        inside = (x - 500) ** 2 + (y - 500) ** 2 < 400**2
        assert (fill([[circle]], 1000, 1000) != inside).sum() == 0
        assert abs(int(polygons.fill(circle, 1000, 1000).sum()) - int(inside.sum())) < 0.004 * inside.sum()

    def test_far_points_take_no_memory(self) -> None:
        """Each side was walked in steps of a fifth of a pixel, wherever it went."""
        far = np.array([(-9e6, -9e6), (9e6, -9e6), (9e6, 9e6), (-9e6, 9e6)])
        tracemalloc.start()
        assert polygons.fill(far, 30, 40).all() and fill([[far]], 30, 40).all()
        assert tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()

    def test_more_points_than_are_drawn(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(limits, "POINTS", 3)
        with pytest.raises(DataError, match="a polygon of 4 points; at most 3 are drawn, so simplify it"):
            sound(laid(tmp_path, {"a.json": labelme(shape("polygon", SQUARE))}))


class TestOutside:
    """An export reads what lies in it, and below folders that the user names."""

    @pytest.fixture
    def private(self, tmp_path: Path) -> Path:
        return laid(
            tmp_path / "home", {"private/images/me.jpg": PHOTO, "private/labels/me.txt": "0 0.1 0.1 0.5 0.1 0.5 0.5\n"}
        )

    @pytest.mark.parametrize("way", ["absolute", "climbing", "root", "list", "link", "a link within"])
    def test_yolo(self, way: str, private: Path, tmp_path: Path) -> None:
        export = laid(tmp_path / "export", {"images/a.jpg": PHOTO, "labels/a.txt": YOLO})
        images = private / "private" / "images"
        train: Any = {"absolute": str(images), "climbing": "../home/private/images", "root": "/"}.get(
            way, ["images", "list.txt"]
        )
        if way == "list":
            (export / "list.txt").write_text(f"./images/a.jpg\n{images / 'me.jpg'}\n")
        elif way == "link":
            (export / "more").symlink_to(images)
            train = ["images", "more"]
        elif way == "a link within":
            (export / "images" / "me.jpg").symlink_to(images / "me.jpg")
            train = ["images"]
        (export / "data.yaml").write_text(json.dumps({"train": train, "val": "images", "names": ["cat", "dog"]}))
        project = read(export)
        assert [p.image and p.image.name for p in project] == ["a.jpg"]
        outside = [r for r in project.remarks if "outside of the export and is left alone" in r]
        assert len(outside) == 1 and "name its folder with --root" in outside[0]
        convert(project, "coco", tmp_path / "out")
        assert not list((tmp_path / "out").rglob("me*"))
        if way != "root":
            named = read(export, images=private)
            assert sorted(p.image.name for p in named if p.image) == ["a.jpg", "me.jpg"]
            assert not any("outside" in remark for remark in named.remarks)

    @pytest.mark.parametrize("way", ["absolute", "climbing", "link"])
    def test_labelme(self, way: str, private: Path, tmp_path: Path) -> None:
        target = private / "private" / "images" / "me.jpg"
        called = {
            "absolute": str(target),
            "climbing": os.path.relpath(target, tmp_path / "export"),
            "link": "here.jpg",
        }[way]
        export = laid(tmp_path / "export", {"a.json": labelme(shape("polygon", SQUARE), imagePath=called)})
        if way == "link":
            (export / "here.jpg").symlink_to(target)
        project = read(export)
        assert [p.image for p in project] == [None]
        assert any(
            f"outside of the export and is left alone, the first: {export}" in r or str(target) in r
            for r in project.remarks
        )
        assert [p.image and p.image.name for p in read(export, images=private)] == [
            "here.jpg" if way == "link" else "me.jpg"
        ]

    @pytest.mark.parametrize(
        "files",
        [
            {"x.json": coco({}, images=[{"id": 7, "file_name": "{}", "height": H, "width": W}])},
            {"a.xml": XML % cvat("", name="{}")},
            {"x.json": [task(POLYGON, data={"image": "/data/local-files/?d={}"})]},
            {"x.json": [{**row(), "External ID": "{}", "media_attributes": {"height": H, "width": W}}]},
            {"meta.json": META, "d/ann/x.json": sly()},
        ],
    )
    def test_all_other_tools_find_images_below_alone(
        self, files: dict[str, Any], private: Path, tmp_path: Path
    ) -> None:
        target = private / "private" / "images" / "me.jpg"
        for called in (str(target), os.path.relpath(target, tmp_path / "e"), f"C:{target}", f"\\\\server{target}"):
            texts = {
                k: (v if isinstance(v, str) else json.dumps(v)).replace("{}", called.replace("\\", "\\\\"))
                for k, v in files.items()
            }
            project = read(laid(tmp_path / "e", texts))
            assert [p.image for p in project] == [None]
            assert all(".." not in p.name and not p.name.startswith("/") and ":" not in p.name[1:2] for p in project)

    def test_a_link_in_an_export_leads_nowhere_else(self, private: Path, tmp_path: Path) -> None:
        export = laid(tmp_path / "export", {"x.json": coco({})})
        (export / "a.jpg").symlink_to(private / "private" / "images" / "me.jpg")
        project = read(export)
        assert [p.image for p in project] == [None] and any("outside of the export" in r for r in project.remarks)
        assert [p.image for p in read(export, images=private)] == [export / "a.jpg"]

    def test_nothing_is_left_and_the_sentence_says_why(self, private: Path, tmp_path: Path, run_cli: Any) -> None:
        export = laid(
            tmp_path / "export", {"labels/x": "", "data.yaml": f"train: {private}/private/images\nnames: [cat]\n"}
        )
        code, _, err = run_cli("data", "convert", export, "--to", "coco", "--out", tmp_path / "out")
        assert code == 2 and "holds no pictures (1 file or folder lies outside of the export" in err.replace("\n", " ")
        assert not (tmp_path / "out").exists()
        code, _, err = run_cli("data", "convert", export, "--to", "coco", "--out", tmp_path / "out", "--root", private)
        assert code == 0 and (tmp_path / "out" / "images").is_dir(), err

    def test_panoptic_files(self, tmp_path: Path) -> None:
        for file, image in (
            ("../x.png", "a.jpg"),
            ("/x.png", "a.jpg"),
            ("a.png", "../../a.jpg"),
            ("a.png", "C:/a.jpg"),
        ):
            tree = {
                "images": [{"id": 1, "file_name": image}],
                "annotations": [{"image_id": 1, "file_name": file, "segments_info": []}],
                "categories": [{"id": 1, "name": "cat"}],
            }
            (tmp_path / "p.json").write_text(json.dumps(tree))
            with pytest.raises(DataError, match="leads out of the release's folder; it is not to be trusted"):
                read_panoptic(tmp_path / "p.json", tmp_path, lambda name: tmp_path / name)


class TestDocuments:
    @pytest.mark.parametrize(
        "text, words",
        [
            ("[" * 20_000, "lists within lists without end"),
            ('{"images": [' + "9" * 5000 + "]}", "holds a number of thousands of digits"),
            ('["\\ud800"]', "half of a character"),
            ('{"\\udc00x": 1}', "half of a character"),
        ],
    )
    def test_json(self, text: str, words: str, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(DataError, match=f"x.json: .*{words}"):
            sound(tmp_path)

    def test_characters_that_json_writes_in_pairs_are_read(self, tmp_path: Path) -> None:
        tree = coco(categories=[{"id": 3, "name": "\N{CAT FACE} \\ud800"}])
        assert read(laid(tmp_path, {"x.json": json.dumps(tree)})).classes == ("\N{CAT FACE} \\ud800",)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, -1, "x", None, [], {}])
    @pytest.mark.parametrize("place", ["height", "width", "id", "file_name"])
    def test_numbers_that_are_none(self, value: Any, place: str, tmp_path: Path) -> None:
        tree = coco({})
        tree["images"][0][place] = value
        laid(tmp_path, {"x.json": tree})
        said = ""
        try:
            read(tmp_path)
        except DataError as error:
            said = str(error)
        assert len(said) < 600


def test_pixel_limit_of_pillow_stays_its_own() -> None:
    """Importing the reader of GeoJSON lifted it for the whole process."""
    import intarsia.annotations.geojson  # noqa: F401

    assert Image.MAX_IMAGE_PIXELS == limits.PIXELS // 2


@pytest.mark.parametrize(
    ("called", "words"), [("a\0b.png", "a character of code 0"), ("a" * 300, "it takes 300 bytes")]
)
def test_a_picture_that_no_file_can_be_called_after_is_named(tmp_path: Path, called: str, words: str) -> None:
    project = read(laid(tmp_path / "x", {"a.jpg": PHOTO, "x.json": coco({})}))
    pictures = [picture._replace(name=called, image=None) for picture in project]
    with pytest.raises(DataError, match=f"no file can be called .*{words}"):
        convert(replace(project, pictures=tuple(pictures)), "masks", tmp_path / "out")
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
