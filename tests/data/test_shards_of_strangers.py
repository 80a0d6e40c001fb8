"""Shards, indexes and servers that somebody made to do harm: a sentence each, and nothing read without end."""

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import intarsia.data
from intarsia.data import shards as room
from intarsia.data.files.npy import load
from intarsia.data.shards import shards
from intarsia.errors import DataError, IntarsiaError

NOISE = b"\0" * (1 << 20)
LABELS = {"classes": ["a", "b"]}
NESTED = "[" * 50_000 + "]" * 50_000


class Server(ThreadingHTTPServer):
    """An index, and 2 GB for whatever else is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.index: bytes | None = b""
        self.sent, self.length = 0, False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        here = self.server
        self.send_response(206 if self.headers.get("Range") else 200)
        if self.path == "/index.json" and here.index is not None:
            self.send_header("Content-Length", str(len(here.index)))
            self.end_headers()
            self.wfile.write(here.index)
            return
        if here.length:
            self.send_header("Content-Length", str(2 << 30))
        self.end_headers()
        with contextlib.suppress(OSError):
            while here.sent < 2 << 30:
                here.sent += self.wfile.write(NOISE)

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


def index(places: Any = None, **more: Any) -> bytes:
    places = {"0": {"png": [0, 10], "seg.png": [0, 10]}} if places is None else places
    return json.dumps({"shards": {"val-000000.tar": places}, "labels": LABELS, **more}).encode()


@pytest.mark.parametrize("length", [False, True])
def test_two_gigabytes_for_ten_bytes(server: Server, length: bool) -> None:
    server.index, server.length = index(), length
    with pytest.raises(DataError, match="sends more than the 10 bytes that were asked for"):
        _ = shards(server.url, "val")[0]
    assert server.sent < 64 << 20


def test_an_index_without_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ANSWER", 1_000_000)
    server.index = None
    with pytest.raises(DataError, match="sends more than the 1,000,000 bytes"):
        shards(server.url, "val")
    assert server.sent < 64 << 20


INDEXES = {
    "html": (b"  <!DOCTYPE html><html>404</html>", "a page of HTML"),
    "nothing": (b"", "no JSON"),
    "bytes": (b"\xff\xfe\x00", "no JSON"),
    "nested": (NESTED.encode(), "no JSON"),
    "digits": (b"1" * 5000, "no JSON"),
    "empty": (b"{}", "no mapping `shards`"),
    "list": (b"[]", "no mapping `shards`"),
    "shards are a list": (b'{"shards": []}', "no mapping `shards`"),
    "samples are a list": (index([]), "no mapping of samples"),
    "members are a list": (index({"0": []}), "no members with"),
    "a place is a number": (index({"0": {"png": 5}}), "no members with"),
    "a place is short": (index({"0": {"png": [5]}}), "no members with"),
    "a place is text": (index({"0": {"png": ["0", "5"]}}), "no members with"),
    "a place is true": (index({"0": {"png": [True, 5]}}), "no members with"),
    "before the file": (index({"0": {"png": [-5, 5]}}), "no members with"),
    "a huge member": (index({"0": {"png": [0, 10**12]}}), "sizes of at most 1,073,741,824"),
    "far away": (index({"0": {"png": [10**30, 5]}}), "no members with"),
    "no image": (index({"0": {"seg.png": [0, 5]}}), "has no image"),
    "climbing": (json.dumps({"shards": {"../val-0.tar": {}}}).encode(), "in the same folder"),
    "elsewhere": (json.dumps({"shards": {"http://127.0.0.1:1/val-0.tar": {}}}).encode(), "in the same folder"),
    "escape": (json.dumps({"shards": {"\x1b[2Jval-0.tar": {}}}).encode(), "in the same folder"),
    "labels are text": (index(labels="a"), "a label space is a mapping"),
    "labels are empty": (index(labels={"x": 1}), "a label space is a mapping"),
    "labels contradict": (index(labels={"classes": ["a", "a"]}), "listed twice"),
    "labels obey": (index(labels={"classes": ["a", "\x1b[2J"]}), "not shown"),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_indexes_that_are_none(server: Server, tmp_path: Path, kind: str) -> None:
    content, words = INDEXES[kind]
    (tmp_path / "index.json").write_bytes(content)
    server.index = content
    for root in (tmp_path, server.url):
        with pytest.raises(DataError, match=words) as error:
            shards(root, "val")
        assert "\x1b" not in str(error.value) and len(str(error.value)) < 400
        with contextlib.suppress(IntarsiaError):
            intarsia.datasets.splits("shards", str(root))


def test_a_member_beyond_the_end_of_a_local_shard(tmp_path: Path) -> None:
    (tmp_path / "val-000000.tar").write_bytes(b"short")
    (tmp_path / "index.json").write_bytes(index({"0": {"png": [0, 1 << 30], "seg.png": [1 << 60, 1]}}))
    found = shards(tmp_path, "val")
    with pytest.raises(DataError, match="ends at byte 5, within a sample"):
        _ = found[0]


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    held = io.BytesIO()
    np.save(held, np.zeros((2, 2), np.int32))
    content = held.getvalue().replace(b"(2, 2)", b"(4000000000, 4000000000)".ljust(6))
    for bad in (content, b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04", b""):
        (tmp_path / "a.npy").write_bytes(bad)
        with pytest.raises(DataError, match="no readable array|pixels; at most"):
            load(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    assert load(tmp_path / "a.npy").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_a_killed_process_was_reading_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import tempfile

    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    left = place / f".intarsia-{socket.gethostname()}-999999999-0x1.png"
    left.write_bytes(b"")
    top = tmp_path / "set"
    top.mkdir()
    for what in ("images", "masks"):
        (top / what).mkdir()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(top / what / "a.png")
    data = intarsia.datasets.open("folder", top, "all", intarsia.LabelSpace(("a", "b")))
    from intarsia.data.write_shards import shard

    shard([data], tmp_path / "tars")
    assert shards(tmp_path / "tars", "all")[0].labels.shape == (4, 4)
    assert list(place.iterdir()) == []
