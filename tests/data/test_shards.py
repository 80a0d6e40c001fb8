"""Tar files of samples: the bytes of the files, found again by their place, here and on a server."""

import json
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia.data
from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.data.pairs import Pair, Pairs
from intarsia.data.write_shards import shard
from intarsia.datasets.folder import folder
from intarsia.errors import DataError
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("a", "b"))


@pytest.fixture
def pairs(tmp_path):
    root = tmp_path / "files"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(5):
        Image.fromarray(rng.integers(0, 255, (16, 20, 3), np.uint8)).save(root / "images" / f"v1.{n} b.png")
        Image.fromarray(rng.integers(0, 2, (16, 20), np.uint8)).save(root / "masks" / f"v1.{n} b.png")
    return folder(root, "all", labels=SPACE)


@pytest.fixture
def packed(pairs, tmp_path) -> Path:
    written = shard([pairs], tmp_path / "tars", size=2)
    assert [path.name for path in written] == [f"all-00000{n}.tar" for n in range(3)]
    return tmp_path / "tars"


class Ranged(SimpleHTTPRequestHandler):
    """A server that answers range requests, as object stores do."""

    asked: list[str] = []

    def do_GET(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        span = self.headers.get("Range")
        type(self).asked.append(span or "all")
        if span:
            first, last = map(int, span.removeprefix("bytes=").split("-"))
            self.send_response(206)
            content = content[first : last + 1]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *given) -> None:
        pass


class Whole(Ranged):
    def do_GET(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def served(packed, request):
    handler = partial(getattr(request, "param", Ranged), directory=str(packed))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def same(mine, theirs) -> None:
    assert len(mine) == len(theirs)
    for n in range(len(mine)):
        assert torch.equal(mine[n].image, theirs[n].image) and torch.equal(mine[n].labels, theirs[n].labels)
        assert mine[n].name == theirs[n].name


def test_shards_hold_what_the_files_hold(packed, pairs) -> None:
    assert intarsia.datasets.splits("shards", packed) == ("all",)
    found = intarsia.datasets.open("shards", packed, "all")
    assert found.labels == SPACE
    same(found, pairs)


def test_without_an_index_the_tars_tell(packed, pairs) -> None:
    (packed / "index.json").unlink()
    with pytest.raises(DataError, match="tells no classes; list them under labels.classes"):
        intarsia.datasets.open("shards", packed, "all")
    same(intarsia.datasets.open("shards", packed, "all", SPACE), pairs)


def test_a_server_is_asked_for_the_bytes_of_a_sample_alone(served, pairs) -> None:
    Ranged.asked.clear()
    same(intarsia.datasets.open("shards", served, "all"), pairs)
    assert Ranged.asked.count("all") == 1  # index.json
    assert len(Ranged.asked) > 2 * len(pairs)


def test_shards_are_shuffled_and_resumed_as_files_are(packed, pairs) -> None:
    streams = [
        Loader(data, batch_size=2, seed=3, workers=w).stream(4)
        for data, w in ((pairs, 0), (intarsia.datasets.open("shards", packed, "all"), 2))
    ]
    for _ in range(3):
        mine, theirs = map(next, streams)
        assert mine.names == theirs.names and torch.equal(mine.image, theirs.image)


def test_what_a_server_holds_is_cached_until_its_index_changes(served, packed, pairs, tmp_path) -> None:
    def again() -> Cached:
        return Cached(intarsia.datasets.open("shards", served, "all"), tmp_path / "cache")

    same(first := again(), pairs)
    assert first.built and not again().built
    (packed / "index.json").write_text((packed / "index.json").read_text() + "\n")
    assert again().built


def test_shards_of_several_writers_may_share_names(pairs, tmp_path) -> None:
    shard([pairs], tmp_path / "tars", size=3)
    first, second = sorted((tmp_path / "tars").glob("*.tar"))
    second.write_bytes(first.read_bytes())
    (tmp_path / "tars/index.json").unlink()
    found = intarsia.datasets.open("shards", tmp_path / "tars", "all", SPACE)
    assert [item.name for item in found.items][::3] == ["v1.0 b", "all-000001/v1.0 b"]
    assert torch.equal(found[3].labels, pairs[0].labels)


def test_masks_of_every_type_and_images_without_one(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 6), (9, 9, 9)).save(tmp_path / "in/x.png")
    Image.new("L", (8, 6), 1).save(tmp_path / "in/x.bmp")
    pair = Pair("x", tmp_path / "in/x.png", tmp_path / "in/x.bmp")
    shard([Pairs([pair, Pair("y", tmp_path / "in/x.png", None)], SPACE, name="n", split="a")], tmp_path / "tars")
    found = intarsia.datasets.open("shards", tmp_path / "tars", "a")
    assert found[0].labels.unique().tolist() == [1] and found[1].labels.unique().tolist() == [255]
    with tarfile.open(tmp_path / "b-0.tar", "w") as tar:
        tar.add(tmp_path / "in/x.png", "z.png")
    with pytest.raises(DataError, match=r"b-0\.tar: z has no mask; a mask is called z\.seg\.png"):
        intarsia.datasets.open("shards", tmp_path, "b", SPACE)


@pytest.mark.parametrize("served", [Whole], indirect=True)
def test_a_server_without_ranges_is_refused(served) -> None:
    data = intarsia.datasets.open("shards", served, "all")
    with pytest.raises(DataError, match="the server sends whole files only"):
        data[0]


def test_webdatasets_own_tars_are_read(tmp_path) -> None:
    """As its writer makes them: images beside .seg.png, json and others ignored."""
    files = tmp_path / "in"
    files.mkdir()
    Image.new("RGB", (8, 6), (9, 9, 9)).save(files / "x.jpg")
    Image.new("L", (8, 6), 1).save(files / "x.seg.png")
    (files / "x.json").write_text("{}")
    with tarfile.open(tmp_path / "train-000.tar", "w") as tar:
        for name in ("x.jpg", "x.seg.png", "x.json"):
            tar.add(files / name, f"deep/er/{name}")
    sample = intarsia.datasets.open("shards", tmp_path, "train", SPACE)[0]
    assert sample.name == "deep/er/x" and sample.labels.unique().tolist() == [1]


def test_what_is_wrong_is_named(packed, pairs, tmp_path) -> None:
    with pytest.raises(DataError, match=r"no shards val-\*\.tar.*all"):
        intarsia.datasets.open("shards", packed, "val")
    (packed / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty; shards are written into a new folder .mine.txt in it was not"):
        shard([pairs], packed)
    (packed / "mine.txt").unlink()
    path = packed / "all-000002.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=r"all-000002\.tar: ends at byte 700, within a sample; copy the shard again"):
        intarsia.datasets.open("shards", packed, "all")[4]
    index = json.loads((packed / "index.json").read_text())
    (name, members), *_ = index["shards"]["all-000000.tar"].items()
    members["png"] = [0, 300]
    (packed / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"all-000000\.tar: v1\.0 b\.png"):
        intarsia.datasets.open("shards", packed, "all")[0]
    other = tmp_path / "other"
    other.mkdir()
    (other / "a-1.tar").write_bytes(b"no tar")
    with pytest.raises(DataError, match="no tar file that can be read"):
        intarsia.datasets.open("shards", other, "a", SPACE)
    with pytest.raises(DataError, match="holds no tar files called SPLIT-NUMBER.tar"):
        intarsia.datasets.open("shards", tmp_path, "a", SPACE)
