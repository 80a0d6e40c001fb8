"""Exported files say what the model says: any size and number of pictures, and a file that does not is refused."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.resize import resize_like
from intarsia.checkpoint import Checkpoint, save
from intarsia.errors import CheckpointError, DataError, MissingExtra, ModelError
from intarsia.inference import Graph, Predictor, Torch
from intarsia.inference.backends import BACKENDS
from intarsia.inference.runtime.asked import answer_for
from intarsia.inference.runtime.engine import About, Whole
from intarsia.inference.runtime.export import drawn, export
from intarsia.inference.runtime.gate import BOUNDS, Verdict, judge
from intarsia.inference.runtime.int8 import quantized
from intarsia.inference.runtime.onnx_engine import onnx_run, session
from intarsia.labels import LabelSpace
from intarsia.structures import MaskQueries, PanopticLogits, SemanticLogits

LABELS = LabelSpace(("sky", "road", "tree"))


class Small(nn.Module):
    """A map of half the size, enlarged."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, image: Tensor) -> SemanticLogits:
        return SemanticLogits(resize_like(4 * self.last(self.first(image).relu()), image))


def picture(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(sum(shape))).to(torch.uint8)


class Files:
    """A checkpoint and what it was exported to."""

    def __init__(self, folder: Path) -> None:
        facts: dict[str, Any] = {"labels": LABELS, "in_channels": 3, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
        recipe = {"predict": {"flip": True}}
        self.checkpoint = folder / "net.safetensors"
        weights = Small().state_dict()
        calibration = {"temperature": 2.0}
        save(self.checkpoint, Checkpoint(None, {}, **facts, recipe=recipe, calibration=calibration, weights=weights))
        self.plain = Predictor.load(
            self.checkpoint, model=Small(), device="cpu", settings={"flip": False, "window": "whole"}
        )
        truths = [answer.classes for image in drawn(3, 8) for answer in self.plain.run(image[None])]
        self.path = folder / "net.onnx"
        self.exported = export(self.plain, self.path, pictures=drawn(3, 8), truths=truths, where="four scenes")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("export"))


def test_a_file_alone_gives_class_ids_and_knows_itself(files: Files) -> None:
    session = onnxruntime.InferenceSession(files.path, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["image"] and session.get_inputs()[0].type == "tensor(uint8)"
    assert [one.name for one in session.get_outputs()] == ["labels"]
    for size in [(1, 3, 33, 70), (3, 3, 64, 41)]:
        (found,) = session.run(None, {"image": picture(*size).numpy()})
        true = torch.stack([answer.classes for answer in files.plain.run(picture(*size))])
        assert found.dtype == np.uint8 and (found == true.numpy()).all()
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(LABELS.names) and len(json.loads(told["colors"])) == 3
    verdict = json.loads(told["verdict"])
    assert verdict["passed"] and verdict["pictures"] == "four scenes" and verdict["scores"] == [1.0, 1.0]
    assert verdict["logits"] <= verdict["bounds"]["logits"] == 1e-3 and verdict["scored"] == 4
    assert {count for count, _, _ in verdict["sizes"]} == {1, 3} and len({tuple(s[1:]) for s in verdict["sizes"]}) == 3
    assert "flip True" in files.exported.notes[0]


def test_a_predictor_runs_the_file_as_its_checkpoint(files: Files) -> None:
    """With the recipe's views and the temperature, in windows and with a CRF."""
    image = picture(1, 3, 50, 70)
    for settings in ({}, {"window": 32, "scales": [1, 1.5]}, {"crf": {"iterations": 1}, "flip": False}):
        true = Predictor.load(files.checkpoint, model=Small(), device="cpu", settings=settings)
        given = Predictor.load(files.path, settings=settings)
        assert given.way == true.way and given.temperature == true.temperature and given.labels == true.labels
        torch.testing.assert_close(given.probabilities(image), true.probabilities(image), atol=1e-5, rtol=1e-4)
        assert (given.run(image)[0].classes != true.run(image)[0].classes).float().mean() < 1e-3
    assert "net.onnx" in repr(given) and "onnxruntime" in repr(given)
    deep = image.to(torch.int32) * 257
    torch.testing.assert_close(given.logits(deep), true.logits(deep), atol=1e-4, rtol=1e-4)
    with pytest.raises(ModelError, match="this needs a network in PyTorch, and the predictor runs net.onnx"):
        export(given, files.path)


def weight(model: Any, name: str) -> Any:
    return next(one for one in model.graph.initializer if one.name.endswith(name))


def node(model: Any, kind: str) -> Any:
    return next(one for one in model.graph.node if one.op_type == kind)


def corners(model: Any) -> None:
    mode = next(a for a in node(model, "Resize").attribute if a.name == "coordinate_transformation_mode")
    assert mode.s in (b"pytorch_half_pixel", b"half_pixel")
    mode.s = b"align_corners"


def swapped(model: Any) -> None:
    for name, values in (("scale", 1 / (255 * np.array([0.4, 0.5, 0.6]))), ("shift", -np.array([0.5, 0.5, 0.5]))):
        array = values.astype(np.float32).reshape(3, 1, 1)
        weight(model, name).CopyFrom(onnx.numpy_helper.from_array(array, weight(model, name).name))


def axis(model: Any) -> None:
    next(a for a in node(model, "ArgMax").attribute if a.name == "axis").i = 2


def frozen(model: Any) -> None:
    resize = node(model, "Resize")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 3, 64, 96]), "frozen"))
    resize.input[3] = "frozen"


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (None, ""),
        (corners, "of the pixels change"),
        (swapped, "of the pixels change"),
        (axis, "the file gives labels of shape"),
        (frozen, "network/logits|ONNX Runtime fails|the file gives"),
    ],
    ids=["sound", "align_corners", "mean and std", "argmax", "frozen size"],
)
def test_planted_faults_are_refused(files: Files, plant: Callable | None, words: str) -> None:
    model = onnx.load(files.path)
    if plant is not None:
        plant(model)
    about = About("labels", ("labels",), "SemanticLogits", ("logits",))
    found = judge(
        files.plain,
        Whole(onnx_run(model, "image", ["labels", "network/logits"], "planted"), about, None),
        "labels",
        drawn(3, 8),
        bounds=BOUNDS["float32"],
    )
    assert found.passed == (plant is None)
    if plant is not None:
        assert re.search(words, "; ".join(found.faults)), found.faults


def test_a_refused_file_is_not_kept(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    monkeypatch.setattr("intarsia.inference.runtime.export.written", lambda graph, opset: onnx.load(files.path))
    none = BOUNDS["float32"]._replace(logits=-1.0)
    with pytest.raises(ModelError, match="does not say what the model says, and is not kept: the output differs by"):
        export(files.plain, tmp_path / "a.onnx", bounds=none, tell=heard.append)
    assert not heard[0].passed and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.graph.initializer[0].ClearField("raw_data"), "its graph is not the one that its verdict is about"),
        (lambda m: setattr(m.opset_import[0], "version", 99), "was changed since"),
        (lambda m: m.ClearField("metadata_props"), "a graph that intarsia did not write"),
        (lambda m: texts(m, classes='["a", "b", "c"]'), "its metadata name other classes"),
        (lambda m: texts(m, verdict='{"passed": false}'), "the gate has not passed it"),
        (lambda m: texts(m, export='{"form": 9}'), "was exported in form 9, and this version reads form 1"),
        (lambda m: texts(m, export=five(m)), "its graph tells 5 classes apart, and its labels are 3"),
    ],
    ids=["graph", "opset", "stranger", "names", "verdict", "form", "classes"],
)
def test_bad_files_are_one_sentence(files: Files, tmp_path: Path, change: Callable, words: str) -> None:
    model = onnx.load(files.path)
    change(model)
    onnx.save(model, tmp_path / "bad.onnx")
    with pytest.raises(CheckpointError, match=words) as told:
        Predictor.load(tmp_path / "bad.onnx")
    assert "\n" not in str(told.value) and "bad.onnx" in str(told.value)


def texts(model: Any, **changes: str) -> None:
    for one in model.metadata_props:
        one.value = changes.get(one.key, one.value)


def five(model: Any) -> str:
    told = next(one.value for one in model.metadata_props if one.key == "export")
    return json.dumps({**json.loads(told), "classes": 5})


def test_files_that_are_cut_short_or_not_there(files: Files, tmp_path: Path) -> None:
    whole = files.path.read_bytes()
    for name, content in (("short", whole[: len(whole) // 2]), ("empty", b""), ("text", b"no graph at all")):
        (tmp_path / f"{name}.onnx").write_bytes(content)
        with pytest.raises(CheckpointError, match="cut short"):
            Predictor.load(tmp_path / f"{name}.onnx")
    with pytest.raises(CheckpointError, match="there is no"):
        Predictor.load(tmp_path / "gone.onnx")
    newer = onnx.load(files.path)
    newer.opset_import[0].version = 99
    with pytest.raises(
        CheckpointError, match="a.onnx: is of opset 99, and this version reads up to 23; export it with"
    ):
        session(newer, "a.onnx")
    with pytest.raises(ModelError, match="computes in float32, as it was exported"):
        Predictor.load(files.path, precision="bfloat16")


def test_too_small_a_picture_is_refused_by_the_engine(files: Files) -> None:
    predictor = Predictor.load(files.path, settings={"flip": False})
    predictor.engine.engine.minimum = 40
    with pytest.raises(DataError, match="serves sides of 40 pixels and more"):
        predictor.run(picture(1, 3, 33, 70))


def test_what_is_asked_for_is_checked_at_the_door(files: Files, tmp_path: Path) -> None:
    for options, words in (
        ({"to": "onx"}, "there is no format 'onx'; did you mean 'onnx'"),
        ({"answer": "label"}, "there is no answer 'label'; did you mean 'labels'"),
        ({"answer": "objects"}, "returns SemanticLogits cannot answer objects; ask for labels or probabilities"),
        ({"answer": "planes"}, r"cannot answer planes \(its label space has one label a pixel\)"),
        ({"opset": 3}, "opset is 3; give one of 18 to"),
        ({"to": "torch"}, "torch is written into a file that ends in .pt2"),
        ({"bits": 12}, "images of 12 bit"),
    ):
        with pytest.raises(ModelError, match=words):
            export(files.plain, tmp_path / "a.onnx", **options)
    with pytest.raises(ModelError, match="one pass over each picture, and this predictor makes mean of 2 views"):
        export(Predictor.load(files.checkpoint, model=Small(), device="cpu"), tmp_path / "a.onnx")
    things = LabelSpace(("sky", "car"), things=("car",))
    for kind in (MaskQueries, PanopticLogits):
        assert answer_for("", kind, things, "") == "segments" and answer_for("objects", kind, things, "") == "objects"


def test_what_no_graph_can_hold_is_one_sentence(tmp_path: Path) -> None:
    class Turns(nn.Module):
        def forward(self, image: Tensor) -> SemanticLogits:
            return SemanticLogits(image if image.mean() > 0 else -image)

    class Odd(nn.Module):
        def forward(self, image: Tensor) -> SemanticLogits:
            return SemanticLogits(torch.special.bessel_j0(image))

    for net, words in (
        (Turns(), "depends on the values of the picture"),
        (Odd(), "ONNX has no operator for .*bessel_j0; try --to torch"),
    ):
        predictor = Predictor.of_network(net, LABELS, (0.5,) * 3, (0.2,) * 3, device="cpu")
        with pytest.raises(ModelError, match=words) as told:
            export(predictor, tmp_path / "a.onnx")
        assert "\n" not in str(told.value)


def test_layers_that_lose_most_stay_in_float32_until_the_gate_passes(files: Files) -> None:
    seen: list[Any] = []

    def judge_of(model: Any) -> Verdict:
        seen.append(model)
        return Verdict((), BOUNDS["int8"], None, 0, "", 1, () if len(seen) == 2 else ("too far",))

    model = onnx.load(files.path)
    made, layers, verdict = quantized(model, ["logits"], Graph(files.plain, answer="labels"), drawn(3, 8), judge_of)
    assert verdict.passed and made is seen[1] and len(layers) == 2
    assert [kept for _, _, kept in layers] == [True, False] and 20 < layers[0][1] <= layers[1][1] < 60
    weights = [{one.name for one in each.graph.initializer if one.name.endswith("_quantized")} for each in seen]
    assert len(weights[1]) < len(weights[0])
    onnx.checker.check_model(made)
    (labels,) = onnx_run(made, "image", ["labels"], "int8")({"image": picture(2, 3, 50, 70).numpy()})
    true = torch.stack([answer.classes for answer in files.plain.run(picture(2, 3, 50, 70))]).numpy()
    assert 0.95 < (labels == true).mean() <= 1


def test_eight_bits_that_cost_too_much_are_refused(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intarsia.inference.runtime.export.written", lambda graph, opset: onnx.load(files.path))
    with pytest.raises(ModelError, match="is not kept: .* of the pixels change, and -100 % may"):
        export(files.plain, tmp_path / "a.onnx", to="int8", bounds=BOUNDS["int8"]._replace(pixels=-1.0))
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:`torch.jit")  # deprecated, and asked for
def test_programs_of_torch_pass_the_same_gate(files: Files, tmp_path: Path) -> None:
    image = picture(1, 3, 50, 70)
    true = files.plain.run(image)[0].classes
    for to, name in (("torch", "a.pt2"), ("torchscript", "a.pt")):
        found = export(files.plain, tmp_path / name, to=to)
        assert found.verdict.passed and found.outputs == ("labels", "network/logits")
        told = {"verdict": "", "classes": ""}
        if to == "torch":
            run = torch.export.load(tmp_path / name, extra_files=told).module()
        else:
            run = torch.jit.load(str(tmp_path / name), _extra_files=told)
        labels, logits = run(image)
        assert (labels[0] == true).all() and logits.shape == (1, 3, 50, 70)
        assert json.loads(told["verdict"])["passed"] and json.loads(told["classes"]) == list(LABELS.names)


def test_openvino_has_two_files_and_the_same_answers(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    found = export(files.plain, tmp_path / "a.xml", to="openvino")
    assert found.verdict.passed and {path.name for path in tmp_path.iterdir()} == {"a.xml", "a.bin"}
    image = picture(1, 3, 50, 70)
    for settings in ({}, {"window": 32, "scales": [1, 1.5]}):
        true = Predictor.load(files.checkpoint, model=Small(), device="cpu", settings=settings)
        given = Predictor.load(tmp_path / "a.xml", settings=settings)
        torch.testing.assert_close(given.probabilities(image), true.probabilities(image), atol=1e-5, rtol=1e-4)
    text, weights = (tmp_path / "a.xml").read_text(), (tmp_path / "a.bin").read_bytes()
    for name, content, words in (
        ("a.xml", text[: len(text) // 2], "cut short"),
        (
            "a.xml",
            text.replace('"intarsia"', '"x"').replace("<intarsia>", "<x>").replace("</intarsia>", "</x>"),
            "did not write",
        ),
        ("a.xml", text.replace("half_pixel", "align_corners"), "was changed since"),
        ("a.bin", weights[:-4] + b"abcd", "was changed since"),
    ):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(CheckpointError, match=words):
            Predictor.load(tmp_path / "a.xml")
        (tmp_path / name).write_bytes(kept)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(CheckpointError, match="its weights are not beside it; copy a.bin too"):
        Predictor.load(tmp_path / "a.xml")


def test_a_missing_openvino_is_named(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("intarsia.inference.runtime.export.written", lambda graph, opset: onnx.load(files.path))
    with pytest.raises(MissingExtra, match=r'pip install "intarsia\[openvino\]"'):
        export(files.plain, tmp_path / "a.xml", to="openvino")
    assert not list(tmp_path.iterdir())


def test_a_backend_of_onnxruntime_is_held_against_the_network_first(files: Files) -> None:
    engine = files.plain.pytorch
    assert not BACKENDS["onnxruntime"].missing(torch.device("cpu"))
    made = BACKENDS["onnxruntime"].prepare(engine)
    for size in [(1, 3, 33, 70), (3, 3, 64, 41)]:
        torch.testing.assert_close(
            made(picture(*size)).logits, engine(picture(*size)).logits.clone(), atol=1e-4, rtol=1e-4
        )
    other = Torch(Small(), engine.mean, engine.std[::-1], device="cpu")
    with pytest.raises(ModelError, match=r"Small by onnxruntime differs from PyTorch by .* choose another backend"):
        made._check(other, [(1, 64, 64)])
