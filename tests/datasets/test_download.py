"""`data get`: continued after a cut, checked, unpacked, never twice; from a server on this machine."""

import contextlib
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia.datasets.catalogue import DATASETS
from intarsia.datasets.download import Arrived, Download, get
from intarsia.datasets.offered import OFFERED
from intarsia.errors import DataError

NOISE = np.random.default_rng(0).integers(0, 256, 900_000, np.uint8).tobytes()  # does not shrink


def zipped(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return held.getvalue()


class Server(ThreadingHTTPServer):
    """One file, and everything that can go wrong with it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = zipped(Set__a=b"one", Set__deep__b=NOISE)
        self.tag: str | None = '"v1"'
        self.ranges, self.cuts, self.status = True, [0], 200
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files/set.zip?download=1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        here, span = self.server, self.headers.get("Range")
        here.asked.append(span or "all")
        content, first = here.content, 0
        if here.status != 200:
            return self.send_error(here.status)
        if span and here.ranges and self.headers.get("If-Range") == here.tag:
            first = int(span.removeprefix("bytes=").removesuffix("-"))
            if first >= len(content):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - first))
        if here.tag:
            self.send_header("ETag", here.tag)
        self.end_headers()
        stop = here.cuts.pop(0) if here.cuts else 0  # 0: no cut; else the byte of the file after which the line breaks
        self.wfile.write(content[first : stop or None])
        self.close_connection = True
        return None

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


def fetch(server: Server, root: Path, digest: str = "", **options: Any) -> Arrived:
    known = [] if digest else [hashlib.sha256(server.content).hexdigest()]
    return get([Download(server.url, digest)], root, patience=0, **{"sha256": known, **options})[0]


def test_a_fresh_download_is_checked_and_unpacked(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    arrived = fetch(server, tmp_path / "new/root", f"md5:{md5}", tell=lambda *told: seen.append(told))
    root, size = tmp_path / "new/root", len(server.content)
    assert (root / "Set/a").read_bytes() == b"one" and (root / "Set/deep/b").read_bytes() == NOISE
    assert arrived == Arrived("set.zip", server.url, size, hashlib.sha256(server.content).hexdigest(), True, size)
    assert seen[-1] == ("set.zip", size, size) and [n for _, n, _ in seen] == sorted(n for _, n, _ in seen)
    assert {path.name for path in root.iterdir()} == {"Set", "downloads.json"}
    assert json.loads((root / "downloads.json").read_text())["set.zip"]["sha256"] == arrived.sha256


def test_what_is_there_is_not_asked_for(server: Server, tmp_path: Path) -> None:
    first = fetch(server, tmp_path)
    server.asked.clear()
    again = fetch(server, tmp_path)
    assert server.asked == [] and again == first._replace(fetched=0)
    (tmp_path / "Set/deep/b").unlink()
    (tmp_path / "Set/deep").rmdir()
    (tmp_path / "Set/a").unlink()
    (tmp_path / "Set").rmdir()
    assert fetch(server, tmp_path).fetched == len(server.content)


def test_a_cut_line_goes_on_by_itself_with_the_rest_alone(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 500_000]
    arrived = fetch(server, tmp_path)
    assert server.asked == ["all", "bytes=300000-", "bytes=500000-"]
    assert arrived.fetched == len(server.content) and (tmp_path / "Set/deep/b").read_bytes() == NOISE


def test_another_call_goes_on_where_the_last_one_stopped(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000] + [300_000] * 3  # and then no byte more
    with pytest.raises(
        DataError, match=r"the connection broke after 300000 of \d+ bytes; type the same again, and it goes on"
    ):
        fetch(server, tmp_path)
    assert (tmp_path / "set.zip.part").stat().st_size == 300_000
    server.asked.clear()
    server.cuts = []
    assert fetch(server, tmp_path).fetched == len(server.content) - 300_000
    assert server.asked == ["bytes=300000-"] and not list(tmp_path.glob("set.zip*"))


def test_a_file_that_changed_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000] + [300_000] * 3
    with pytest.raises(DataError):
        fetch(server, tmp_path)
    server.content, server.tag, server.cuts = zipped(Set__a=b"two"), '"v2"', []
    fetch(server, tmp_path)
    assert (tmp_path / "Set/a").read_bytes() == b"two" and not (tmp_path / "Set/deep").exists()


@pytest.mark.parametrize("tag", ['"v1"', 'W/"v1"', None])
def test_a_server_that_sends_whole_files_only(server: Server, tmp_path: Path, tag: str | None) -> None:
    server.ranges, server.tag, server.cuts = False, tag, [300_000]
    assert fetch(server, tmp_path).fetched == 300_000 + len(server.content)
    assert (tmp_path / "Set/deep/b").read_bytes() == NOISE
    assert server.asked == ["all", "bytes=300000-" if tag == '"v1"' else "all"]


def test_a_server_that_always_breaks_at_the_same_byte_is_given_up(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [300_000] * 50
    with pytest.raises(DataError, match="the connection broke after 300000 of"):
        fetch(server, tmp_path)
    assert len(server.asked) == 4


def test_all_bytes_here_but_not_yet_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(server.content)
    about = {"url": server.url, "tag": server.tag, "size": len(server.content)}
    (tmp_path / "set.zip.part.json").write_text(json.dumps(about))
    assert fetch(server, tmp_path).fetched == 0 and (tmp_path / "Set/a").is_file()


def test_a_wrong_checksum_removes_what_arrived(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has the sha256 [0-9a-f]{64}, but 00ff was published; it is removed"):
        fetch(server, tmp_path, "sha256:00ff")
    assert list(tmp_path.iterdir()) == []


def test_another_size_than_was_published(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="but 7 were published; the file has changed"):
        get([Download(server.url, size=7)], tmp_path)


@pytest.mark.parametrize(("status", "words"), [(404, "answers 404"), (503, "answers 503")])
def test_what_the_server_refuses(server: Server, tmp_path: Path, status: int, words: str) -> None:
    server.status = status
    with pytest.raises(DataError, match=words):
        fetch(server, tmp_path)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be reached"):
        get([Download("http://127.0.0.1:1/x.zip")], tmp_path)


def tarred(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for label in ("fine", name):
            member = tarfile.TarInfo(label)
            member.type, member.linkname = (kind, target) if label == name else (tarfile.REGTYPE, "")
            member.size = 3 if member.isreg() else 0
            archive.addfile(member, io.BytesIO(b"abc"))
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tarred("../out"), r"'\.\./out' would lie outside"),
        (tarred("/tmp/intarsia-out"), "would lie outside"),
        (tarred("a/../../out"), "would lie outside"),
        (tarred("link", tarfile.SYMTYPE, "/etc"), "link is a link or a device"),
        (tarred("link", tarfile.LNKTYPE, "../out"), "link is a link or a device"),
        (zipped(**{"..__out": b"x", "fine": b"y"}), r"'\.\./out' would lie outside"),
        (b"<html>sorry</html>", "is neither a zip nor a tar archive"),
        (zipped(a=NOISE)[:1000], "is neither a zip nor a tar archive"),
        (tarred("whole")[:60], "neither a zip nor a tar archive|cannot be unpacked"),
    ],
)
def test_archives_that_are_not_to_be_trusted(server: Server, tmp_path: Path, content: bytes, words: str) -> None:
    server.content = content
    with pytest.raises(DataError, match=words):
        fetch(server, tmp_path / "in")
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"set.zip", "downloads.json"}  # nothing was unpacked


def test_a_tar_into_a_folder_of_its_own_and_kept(server: Server, tmp_path: Path) -> None:
    server.content = tarred("deep/er")
    known = f"SHA256:{hashlib.sha256(server.content).hexdigest().upper()}"
    get([Download(server.url, into="here")], tmp_path, keep=True, sha256=[known])
    assert (tmp_path / "here/deep/er").read_bytes() == b"abc" and (tmp_path / "set.zip").is_file()
    server.asked.clear()
    get([Download(server.url, into="here")], tmp_path)
    assert server.asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_a_full_disk_keeps_what_has_arrived(server: Server, tmp_path: Path) -> None:
    """In a process of its own, since a limit on the size of files cannot be taken back."""
    code = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
from intarsia.datasets.download import Download, get
from intarsia.errors import DataError
try:
    get([Download({server.url!r})], sys.argv[1])
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert "cannot be written (File too large); free room, and type the same again" in done.stdout, done.stderr
    have = (tmp_path / "set.zip.part").stat().st_size
    assert 0 < have <= 400_000
    server.asked.clear()
    assert fetch(server, tmp_path).fetched == len(server.content) - have and server.asked == [f"bytes={have}-"]


def test_the_verb(server: Server, tmp_path: Path, run_cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFERED, "davis", (Download(server.url),))
    sha256 = hashlib.sha256(server.content).hexdigest()
    code, out, err = run_cli("data", "get", "davis", "--root", tmp_path)
    assert code == 2 and f"type the same with --sha256 {sha256}" in err and not (tmp_path / "Set").exists()
    server.asked.clear()
    code, out, err = run_cli("data", "get", "davis", "--root", tmp_path, "--sha256", sha256)
    assert code == 0 and DATASETS["davis"].terms in " ".join(err.split()) and server.asked == []
    assert "set.zip: is there already" in out and (tmp_path / "Set/a").is_file() and not (tmp_path / "set.zip").exists()
    code, out, err = run_cli("data", "get", "davis", "--root", tmp_path)
    assert code == 0 and "set.zip: is there already" in out and DATASETS["davis"].terms in " ".join(err.split())
    code, out, _ = run_cli("data", "get", "davis", "--root", tmp_path, "--json")
    tree = json.loads(out)
    assert tree["root"] == str(tmp_path) and tree["files"][0]["fetched"] == 0
    server.status = 404
    code, out, err = run_cli("data", "get", "davis", "--root", tmp_path / "b", "--json")
    assert code == 2 and "404" in json.loads(out)["error"] and "By hand: Get DAVIS-2017" in err


def test_sets_that_are_handed_out_by_their_makers(run_cli: Any) -> None:
    code, out, err = run_cli("data", "get", "drive")
    assert (code, out) == (2, "") and "drive is not to be downloaded" in err and "1st_manual" in err
    assert run_cli("data", "get", "shapes")[0] == 2
    assert "did you mean 'davis'" in run_cli("data", "get", "davs")[2]


def test_what_the_catalogue_promises() -> None:
    assert set(OFFERED) <= set(DATASETS)
    for name, files in OFFERED.items():
        entry = DATASETS.get(name)
        assert entry is None or (entry.terms and entry.steps), name
        for file in files:
            kind, _, digest = file.digest.partition(":")
            assert file.url.startswith("https://") and file.name and not Path(file.into).is_absolute()
            assert file.digest == "" or len(digest) == {"md5": 32, "sha256": 64}[kind]


class Endless(BaseHTTPRequestHandler):
    """Sends bytes for as long as somebody reads them, and says no length."""

    sent = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while Endless.sent < 1 << 30:
                Endless.sent += self.wfile.write(NOISE)

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def endless() -> Iterator[str]:
    Endless.sent = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/set.zip"
        made.shutdown()


def test_a_server_without_end_is_read_as_far_as_was_published(endless: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than the 1000000 bytes that were published"):
        get([Download(endless, size=1_000_000)], tmp_path)
    assert (tmp_path / "set.zip.part").stat().st_size <= 1_000_000 and Endless.sent < 100_000_000


def test_or_as_far_as_is_allowed(endless: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intarsia.datasets.transfer.DOWNLOAD", 2_000_000)
    with pytest.raises(DataError, match="more than 2000000 bytes without saying how many"):
        get([Download(endless)], tmp_path)
    monkeypatch.setattr("intarsia.datasets.transfer.SPARE", 1 << 62)
    with pytest.raises(DataError, match="bytes are free, and the server does not say how many"):
        get([Download(endless)], tmp_path / "full")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.org/b/set.zip?x=1#y", "set.zip"),
        ("https://a.org/..%2F..%2F.bashrc", ".bashrc"),
        ("https://a.org/b%5C..%5Cset.zip", "set.zip"),
        ("https://a.org/%2e%2e", None),
        ("https://a.org/b/", None),
        ("https://a.org/a%0a.zip", None),
        ("https://a.org/%1b%5b2J.zip", None),
        ("https://a.org/%e2%80%aegpj.zip", None),
        ("https://a.org/a.zip:stream", None),
    ],
)
def test_a_name_is_the_last_part_of_an_address(url: str, name: str | None) -> None:
    if name is not None:
        assert Download(url).name == name
        return
    with pytest.raises(DataError, match="no name that a file can have"):
        _ = Download(url).name


def test_what_somebody_put_there_is_theirs(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(server.content)
    assert fetch(server, tmp_path).fetched == 0
    assert (tmp_path / "Set/a").is_file() and (tmp_path / "set.zip").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "set.zip").write_bytes(b"mine")
    with pytest.raises(DataError, match="move it away"):
        fetch(server, tmp_path / "other", "sha256:00ff")
    assert (tmp_path / "other" / "set.zip").read_bytes() == b"mine"


@pytest.mark.parametrize("given", ["", "x", "sha256:00ff", "md5:" + 32 * "0"])
def test_what_is_no_checksum(server: Server, tmp_path: Path, given: str) -> None:
    with pytest.raises(DataError, match="64 hexadecimal digits"):
        fetch(server, tmp_path, sha256=[given])


@pytest.mark.parametrize(
    "held", ["[]", "{}", '{"set.zip": 5}', '{"set.zip": {"url": "URL", "holds": 5}}', '{"set.zip": {"holds": ["/"]}}']
)
def test_records_that_say_nothing(server: Server, tmp_path: Path, held: str) -> None:
    (tmp_path / "downloads.json").write_text(held.replace("URL", server.url))
    assert fetch(server, tmp_path).fetched == len(server.content)
