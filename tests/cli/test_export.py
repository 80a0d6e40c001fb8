"""`intarsia export`: a run becomes a file that other verbs take as a model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import intarsia
from intarsia.checkpoint import Checkpoint, save

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a small U-Net."""
    options = {"channels": (4, 8)}
    network = intarsia.build("unet", 3, **options)
    labels = intarsia.LabelSpace(("ground", "disk", "bar"))
    facts = {"in_channels": 3, "mean": (0.5,) * 3, "std": (0.25,) * 3, "weights": network.state_dict()}
    return save(tmp_path_factory.mktemp("model") / "net.safetensors", Checkpoint("unet", options, labels, **facts))


def test_export_then_predict_and_evaluate(
    run_cli: Run, model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, eight-bit as far as it may be, says what the checkpoint says."""
    out = tmp_path / "out" / "net.onnx"
    code, told, err = run_cli("export", model, "--out", out, "--data", photos, "--count", 2)
    assert code == 0, err
    assert "allowed" in told and "2 pictures of" in told and "mean IoU" in told and f"wrote {out}" in told
    seen = []
    for name in (model, out):
        code, told, err = run_cli("evaluate", name, photos, "--json")
        assert code == 0, err
        seen.append(json.loads(told)["miou"])
    assert seen[0] == pytest.approx(seen[1], abs=1e-4)
    code, told, err = run_cli(
        "predict", out, photos / "images", "--out", tmp_path / "masks", "--window", "32", "--json"
    )
    assert code == 0 and json.loads(told)["images"] == 6, err
    for line in (("calibrate", out, photos), ("import", out, "--out", tmp_path / "a.safetensors"), ("dense", out)):
        code, told, err = run_cli(*line)
        assert code == 2 and "is an exported file" in err and not told, err
    (session,) = [onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])]
    image = np.asarray(Image.open(photos / "images" / "scene_0.png"))
    (labels,) = session.run(None, {"image": np.ascontiguousarray(image.transpose(2, 0, 1)[None])})
    true = intarsia.Predictor.load(model)(photos / "images" / "scene_0.png").labels
    assert (labels[0] == true).mean() > 0.999
    first = onnx.load(out)  # tracing the network again would take most of the time
    monkeypatch.setattr("intarsia.inference.runtime.export.written", lambda graph, opset: first)
    code, told, err = run_cli("export", model, "--out", out, "--to", "int8", "--check", photos / "images", "--json")
    assert code == 0, err
    tree = json.loads(told)
    assert tree["verdict"]["passed"] and tree["layers"][0]["decibels"] <= tree["layers"][-1]["decibels"]
    kinds = [node.op_type for node in onnx.load(out).graph.node]
    assert kinds.count("Conv") and "QuantizeLinear" in kinds
    code, told, err = run_cli("predict", out, photos / "images" / "scene_0.png", "--out", tmp_path / "eight")
    assert code == 0, err
    beside = "unet", "channels=[4,8]", "--backend", "eager", "--threads", 1, "--rounds", 1, "--seconds", 0.01
    code, told, err = run_cli("benchmark", out, *beside, "--size", 64, "--data", photos, "--device", "cpu", "--json")
    assert code == 0, err
    rows = {(row["name"], row["backend"]): row for row in json.loads(told)["speeds"]}
    assert set(rows) == {(str(out), "onnxruntime"), ("unet channels=[4, 8]", "eager")}
    row = rows[str(out), "onnxruntime"]
    assert row["parameters"] is None and row["gflops"] is None and row["memory"] >= out.stat().st_size
    assert row["score"] == pytest.approx(intarsia.evaluate(out, photos, baseline=False).miou), (
        "as it stands in the file"
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--to", "onnxx"), "there is no format 'onnxx'; did you mean 'onnx'?"),
        (("--to", "torch"), "torch is written into a file that ends in .pt2; name it net.pt2"),
        (("--check", "a.png", "--data", "b"), "give one of the two"),
        (("--check", "nowhere.png"), "there is no picture, folder or pattern 'nowhere.png'"),
        (("--opset", "5"), "opset is 5; give one of 18 to 23"),
    ],
)
def test_mistakes_are_one_sentence(run_cli: Run, model: Path, tmp_path: Path, more: tuple, words: str) -> None:
    code, out, err = run_cli("export", model, "--out", tmp_path / "net.onnx", *more)
    assert code == 2 and words in err and err.count("\n") == 1 and not out, err
    assert not (tmp_path / "net.onnx").exists()


def test_a_missing_extra_is_named(run_cli: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    code, _, err = run_cli("export", model, "--out", tmp_path / "net.onnx")
    assert code == 2 and 'pip install "intarsia[export]"' in err, err
