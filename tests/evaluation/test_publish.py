"""Models as repositories of the hub: written, sent to a server on this machine, and opened again by name."""

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import intarsia
from intarsia.checkpoint import Checkpoint, load, resolve, save
from intarsia.checkpoint.hub import public
from intarsia.errors import CheckpointError, DataError
from intarsia.metrics import ImageCounts
from intarsia.metrics.significance import Bootstrap, Interval
from intarsia.report.card import Scored, card

CLASSES = ("road", "sky", "a|b")
Run = Callable[..., tuple[int, str, str]]


class Hub:
    """As much of the hub as sending three files and reading them back takes."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.made: list[dict[str, Any]] = []
        self.refuse = 0  # the status that creating a repository is answered with
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, tree = outer.post(self.path, self.body())
                self.answer(status, json.dumps(tree).encode())

            def do_PUT(self) -> None:
                outer.blobs[self.path] = self.body()
                self.answer(200, b"")

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                name = self.path.partition("?")[0].rpartition("/")[2]
                if "/resolve/" not in self.path or name not in outer.files:
                    return self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "c" * 40})
                content = outer.files[name]
                tag = hashlib.sha256(content).hexdigest()
                return self.answer(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": "c" * 40})

            def body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def answer(self, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **(more or {})}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"http://127.0.0.1:{self.http.server_address[1]}"

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """What a request is answered with."""
        if path == "/api/repos/create":
            self.made.append(json.loads(body))
            return (self.refuse, {"error": "no"}) if self.refuse else (200, {"url": f"{self.at}/owner/net"})
        if path == "/api/validate-yaml":
            return 200, {"warnings": [], "errors": []}
        if path.endswith("/preupload/main"):
            mode = {True: "lfs", False: "regular"}
            asked = json.loads(body)["files"]
            files = [
                {"path": f["path"], "uploadMode": mode[f["path"].endswith(".safetensors")], "shouldIgnore": False}
                for f in asked
            ]
            return 200, {"files": files}
        if path.endswith("/info/lfs/objects/batch"):
            href = f"{self.at}/lfs/{{}}"
            objects = [
                {**one, "actions": {"upload": {"href": href.format(one["oid"])}}} for one in json.loads(body)["objects"]
            ]
            return 200, {"transfer": "basic", "objects": objects}
        assert path.endswith("/commit/main"), path
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                self.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "lfsFile":
                self.files[entry["value"]["path"]] = self.blobs[f"/lfs/{entry['value']['oid']}"]
        return 200, {"commitUrl": f"{self.at}/owner/net/commit/{'c' * 40}", "commitOid": "c" * 40}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, somebody who is logged in, and an empty cache."""
    import huggingface_hub.constants as constants

    made = Hub()
    monkeypatch.setenv("HF_ENDPOINT", made.at)
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # whose protocol is another server
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that was evaluated: three images, of which the last class is in none."""
    folder = tmp_path / "my run"
    options = {"channels": [4, 8], "in_channels": 3}
    made = Checkpoint(
        "unet", options, intarsia.LabelSpace(CLASSES), 3, (0.5,) * 3, (0.25,) * 3,
        intarsia.build("unet", 3, **options).state_dict(),
        recipe={"data": {"name": "folder", "root": "/home/alice/secret", "train": "train", "val": "val"},
                "train": {"steps": 7, "batch_size": 2}, "loss": {"name": "dice"}, "task": ""},
        notes={"step": 7, "from": "/home/alice/old/best.safetensors"}, data_hash="abc", state={"rng": torch.zeros(2)},
        progress={"step": 7},
    )  # fmt: skip
    save(folder / "last.safetensors", made)
    counts = ImageCounts(3, CLASSES)
    for name in "abc":
        counts.update(name, np.array([[8, 2, 0], [2, 8, 0], [0, 0, 0]]))
    counts.save(folder / "images.safetensors")
    scores = {"model": str(folder), "data": "folder", "split": "val", "protocol": "dataset", "miou": 2 / 3}
    (folder / "scores.json").write_text(json.dumps(scores))
    (folder / "log.jsonl").write_text('{"kind": "val", "step": 7, "brief": "mIoU 61.2"}\n')
    return folder


def test_a_folder_is_a_model_with_a_card_made_from_its_run(run: Path, tmp_path: Path) -> None:
    folder = intarsia.save_pretrained(run, tmp_path / "out", licence="apache-2.0", name="owner/net")
    text = (folder / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "apache-2.0" and front["library_name"] == "intarsia"
    assert front["pipeline_tag"] == "image-segmentation"
    result = front["model-index"][0]["results"][0]
    assert result["metrics"][0]["value"] == pytest.approx(2 / 3, abs=1e-6) and result["dataset"]["split"] == "val"
    for words in (
        "| mIoU | folder val, 3 images | 66.7 | 66.7 to 66.7 |", "Protocol `dataset`", "| 2 | a\\|b | - | - to - |", "- steps: 7",
        "- loss: dice", "Nothing is known of its a|b", "not calibrated", 'intarsia.from_pretrained("owner/net")', "hf:owner/net",
    ):  # fmt: skip
        assert words in text, words
    everything = text + (folder / "config.json").read_text() + str((folder / "model.safetensors").read_bytes())
    assert "alice" not in everything, "what is published names no place of its author's machine"
    assert json.loads((folder / "config.json").read_text())["classes"] == list(CLASSES)
    back, before = resolve(folder, state=True), load(run, state=True)
    assert back.notes == {"step": 7, "from": "best.safetensors"} and not back.state and not back.progress
    assert back.labels == before.labels and all(torch.equal(back.weights[k], v) for k, v in before.weights.items())
    image = torch.randint(0, 256, (1, 3, 24, 32), dtype=torch.uint8)
    assert torch.equal(intarsia.from_pretrained(folder).logits(image), intarsia.Predictor.load(run).logits(image))


@pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # of huggingface_hub's own upload
def test_sent_to_the_hub_and_opened_by_name(run: Path, hub: Hub, run_cli: Run) -> None:
    """The weights go as a large file, the rest in the commit; `hf:owner/name` gives the same network."""
    code, out, err = run_cli("publish", run, "--to", "owner/net", "--licence", "mit", "--private", "--json")
    assert code == 0, err
    assert json.loads(out) == {"repository": f"{hub.at}/owner/net", "model": "hf:owner/net"}
    assert set(hub.files) == {"README.md", "config.json", "model.safetensors"} and len(hub.blobs) == 1
    assert (
        hub.made[0]["name"] == "net"
        and hub.made[0]["organization"] == "owner"
        and hub.made[0]["visibility"] == "private"
    )
    image = torch.randint(0, 256, (1, 3, 24, 32), dtype=torch.uint8)
    wanted = intarsia.Predictor.load(run).logits(image)
    assert torch.equal(intarsia.from_pretrained("owner/net").logits(image), wanted)
    found = resolve("hf:owner/net")
    assert found.labels.names == CLASSES and found.notes["public"] == "hf:owner/net"
    with pytest.raises(CheckpointError, match="which knows its classes and options; leave them out"):
        resolve("hf:owner/net", labels=intarsia.LabelSpace(("x", "y")))


def test_what_cannot_be_published_is_one_sentence(
    run: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match="under which license may others use it"):
        intarsia.push_to_hub(run, "owner/net")
    with pytest.raises(CheckpointError, match="'net' names no repository of the hub; write owner/name"):
        intarsia.push_to_hub(run, "net", licence="mit")
    with pytest.raises(CheckpointError, match="a method without weights has nothing to publish"):
        intarsia.save_pretrained("classical:otsu", tmp_path / "o", licence="mit")
    hub.refuse = 403
    with pytest.raises(CheckpointError, match="owner/net: this token may not write there; is owner your name"):
        intarsia.push_to_hub(run, "owner/net", licence="mit")
    hub.refuse = 401
    with pytest.raises(CheckpointError, match="does not know this token"):
        intarsia.push_to_hub(run, "owner/net", licence="mit")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(CheckpointError, match="type `hf auth login`"):
        intarsia.push_to_hub(run, "owner/net", licence="mit")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set, so nothing is sent"):
        intarsia.push_to_hub(run, "owner/net", licence="mit")
    assert not hub.files


def test_scores_of_another_model_are_not_published(run: Path, tmp_path: Path) -> None:
    """Those beside it are left out of the card, and those that are named are refused."""
    scores = json.loads((run / "scores.json").read_text())
    (run / "scores.json").write_text(json.dumps({**scores, "model": str(run / "best.safetensors")}))
    with pytest.raises(DataError, match=r"holds the scores of .*best.safetensors, and .*my run is published"):
        intarsia.save_pretrained(run, tmp_path / "out", licence="mit", scores=run)
    with pytest.raises(DataError, match=r"holds no scores.json with images.safetensors; `intarsia evaluate"):
        intarsia.save_pretrained(run, tmp_path / "out", licence="mit", scores=tmp_path)
    text = (intarsia.save_pretrained(run, tmp_path / "out", licence="mit") / "README.md").read_text()
    assert "No evaluation with intervals was published" in text and "said: mIoU 61.2." in text
    assert "model-index" not in text and "Nobody has published how well it does" in text


def test_dry_run_sends_nothing_and_keeps_others_files(run: Path, hub: Hub, tmp_path: Path, run_cli: Run) -> None:
    out = tmp_path / "look"
    given = "publish", run, "--dry-run", out, "--licence", "mit"
    code, told, err = run_cli(*given)
    assert code == 0 and "nothing was sent" in told, err
    assert not hub.files and not hub.made
    (out / "README.md").write_text("mine")
    code, _, err = run_cli(*given)
    assert code == 2 and "README.md is there already" in err and (out / "README.md").read_text() == "mine"
    code, _, err = run_cli("publish", run, "--licence", "mit")
    assert code == 2 and "where to? Give --to owner/name" in err


def test_places_of_one_machine_are_left_out() -> None:
    labels = intarsia.LabelSpace(("a", "b"))
    told = {
        "data": {"root": "C:\\data\\me", "others": [{"root": "x"}]},
        "teacher": "https://mine/net.pth",
        "name": "a/b",
    }
    made = public(Checkpoint(None, {}, labels, 1, (0.0,), (1.0,), {}, recipe=told, notes={"list": ["~/x/y.txt", 3]}))
    assert made.recipe == {"data": {"root": None, "others": [{"root": None}]}, "teacher": "net.pth", "name": "a/b"}
    assert made.notes == {"list": ["y.txt", 3]}


@pytest.mark.parametrize(
    ("task", "planes", "words"),
    [
        ("semantic", False, "knows 2 classes and gives every pixel one of them"),
        ("semantic", True, "knows 2 classes, of which a pixel may have several or none"),
        ("classification", False, "gives every picture one of them"),
        ("instance", False, "looks for objects of 2 classes"),
        ("panoptic", False, "gives every segment one of them"),
        ("depth", False, "gives every pixel a distance"),
    ],
)
def test_limits_are_those_of_the_task(task: str, planes: bool, words: str) -> None:
    labels = intarsia.LabelSpace(("a", "b"), planes=planes)
    text = card(Checkpoint("unet", {}, labels, 1, (0.0,), (1.0,), {}), "net", "mit", task=task)
    assert words in text.partition("## Limits")[2]


def test_errors_of_depth_are_no_weak_classes() -> None:
    """AbsRel of 0.1 is a good one, and no class."""
    labels, span = intarsia.LabelSpace(("near", "far")), Interval(0.1, 0.05, 0.15)
    trust = Bootstrap(span, {"AbsRel": span, "RMSE": span._replace(value=float("nan"))}, "dataset", 9, 100, 0, 0.95)
    made = Checkpoint("unet", {}, labels, 1, (0.0,), (1.0,), {})
    text = card(made, "net", "mit", Scored("AbsRel", trust, {}), task="depth")
    assert "poorly" not in text and "Nothing is known of its" not in text
