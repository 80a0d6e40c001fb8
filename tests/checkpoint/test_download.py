"""Weights from a server on this machine, by the code that fetches them from the real ones: cuts, wrong bytes, absence."""

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from intarsia.checkpoint import download
from intarsia.errors import CheckpointError

BODY = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server:
    """What the server has, what it does to a connection, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cuts = 0  # connections that break after half of what was asked for
        self.asked: list[tuple[str, str, str]] = []  # method, path, range
        self.etags: dict[str, str] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.do_GET(body=False)

            def do_GET(self, body: bool = True) -> None:
                wanted = self.headers.get("Range", "")
                outer.asked.append((self.command, self.path, wanted))
                content = outer.files.get(self.path)
                if content is None:
                    self.send_response(404)
                    if self.path.startswith("/owner/"):
                        self.send_header("X-Error-Code", "EntryNotFound")
                        self.send_header("X-Repo-Commit", "c" * 40)
                    elif "/resolve/" in self.path:
                        self.send_header("X-Error-Code", "RepoNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = int(wanted.removeprefix("bytes=").partition("-")[0] or 0)
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.send_header("ETag", f'"{outer.etags.get(self.path, "tag")}"')
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("X-Repo-Commit", "c" * 40)
                self.end_headers()
                if not body:
                    return
                rest = content[start:]
                if outer.cuts:
                    outer.cuts -= 1
                    self.wfile.write(rest[: len(rest) // 2])
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.wfile.write(rest)

            def log_message(self, *_: Any) -> None: ...

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and empty caches that use it."""
    import huggingface_hub.constants as hub

    made = Server()
    monkeypatch.setenv("HF_ENDPOINT", made.at)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def test_a_broken_connection_is_continued_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.files["/m/net-1234.pth"] = BODY
    server.cuts = 1
    heard: list[tuple[int, int]] = []
    path = download.from_address(
        f"{server.at}/m/net-1234.pth", DIGEST[:8], lambda name, here, total: heard.append((here, total)), patience=0.0
    )
    assert path == tmp_path / "torch" / "checkpoints" / "net-1234.pth"
    assert path.read_bytes() == BODY
    assert [asked[2] for asked in server.asked] == ["", f"bytes={len(BODY) // 2}-"]
    assert heard[-1] == (len(BODY), len(BODY))
    assert [p.name for p in path.parent.iterdir()] == ["net-1234.pth"]
    download.from_address(f"{server.at}/m/net-1234.pth", DIGEST[:8])
    assert len(server.asked) == 2, "what is there is not asked for again"


def test_other_bytes_than_were_published_are_thrown_away(server: Server, tmp_path: Path) -> None:
    server.files["/net.pth"] = BODY[:-1] + b"x"
    with pytest.raises(CheckpointError, match="has another checksum than .*, which was published; it was thrown away"):
        download.from_address(f"{server.at}/net.pth", DIGEST[:8], patience=0.0)
    assert list((tmp_path / "torch" / "checkpoints").iterdir()) == []


def test_what_is_not_there_or_not_reached_is_one_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"the server answers 404 .*; or put net.pth into .* by hand"):
        download.from_address(f"{server.at}/net.pth", patience=0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(CheckpointError, match="cannot be reached"):
        download.from_address(f"{nowhere}/net.pth", patience=0.0)
    asked = len(server.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="net.pth is not in .*, and HF_HUB_OFFLINE is set"):
        download.from_address(f"{server.at}/net.pth")
    with pytest.raises(
        CheckpointError, match=r"model.safetensors is not in huggingface_hub's cache, and HF_HUB_OFFLINE"
    ):
        download.from_hub("owner/net")
    assert len(server.asked) == asked, "nothing is asked for offline"


def hub_has(server: Server, name: str, content: bytes, etag: str = "") -> None:
    path = f"/owner/net/resolve/main/{name}"
    server.files[path] = content
    server.files[path.replace("main", "c" * 40)] = content
    for one in (path, path.replace("main", "c" * 40)):
        server.etags[one] = etag or hashlib.sha1(content).hexdigest()


def test_a_repository_of_the_hub(server: Server) -> None:
    hub_has(server, "pytorch_model.bin", BODY, DIGEST)
    hub_has(server, "config.json", b'{"encoder_name": "resnet18"}')
    folder = download.from_hub("owner/net")
    assert (folder / "pytorch_model.bin").read_bytes() == BODY
    assert (folder / "config.json").read_bytes().startswith(b"{")
    asked = len(server.asked)
    assert download.from_hub("owner/net", "pytorch_model.bin") == folder
    assert len(server.asked) == asked, "what is in the cache is not asked for again"


def test_a_file_of_the_hub_is_held_against_its_checksum(server: Server) -> None:
    hub_has(server, "model.safetensors", BODY[:-1] + b"x", DIGEST)
    with pytest.raises(CheckpointError, match="another checksum than the hub published; it was thrown away"):
        download.from_hub("owner/net")
    hub_has(server, "model.safetensors", BODY, DIGEST)
    assert (download.from_hub("owner/net") / "model.safetensors").read_bytes() == BODY


def test_what_the_hub_has_not_is_one_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="nobody/net: there is no such repository on the hub"):
        download.from_hub("nobody/net")
    with pytest.raises(
        CheckpointError, match=r"owner/net: the repository on the hub has no model.safetensors and pytorch_model"
    ):
        download.from_hub("owner/net")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(
        CheckpointError, match="owner/net: the hub cannot be reached and model.safetensors is not in the cache"
    ):
        download.from_hub("owner/net")
