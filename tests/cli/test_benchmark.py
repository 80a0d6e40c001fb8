"""`benchmark`: networks timed against each other, what is printed and written of it, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import intarsia
from intarsia.checkpoint import Checkpoint, save
from intarsia.errors import ModelError
from intarsia.study import contenders

Run = Callable[..., tuple[int, str, str]]
QUICK = "--rounds", 2, "--seconds", 0.01, "--threads", 1, "--device", "cpu"


def stored(folder: Path) -> Path:
    """A checkpoint of four channels with three classes."""
    options = {"channels": (4, 8), "in_channels": 4}
    network = intarsia.build("unet", 3, **options)
    labels = intarsia.LabelSpace(("sky", "road", "car"))
    made = Checkpoint("unet", options, labels, 4, (0.5,) * 4, (0.25,) * 4, network.state_dict())
    return save(folder / "last.safetensors", made)


def test_architectures_and_a_checkpoint_side_by_side(run_cli: Run, tmp_path: Path) -> None:
    """A row for each network in each backend, with options, published scores, and a page that shows them."""
    threads = torch.get_num_threads()
    path = stored(tmp_path)
    given = "enet", "score=58.3", path, "unet", "channels=[4,8]", "score=30", "--backend", "eager,channels_last"
    out = tmp_path / "out"
    code, told, err = run_cli("benchmark", *given, "--size", "32x64", *QUICK, "--out", out, "--json")
    assert code == 0, err
    assert torch.get_num_threads() == threads
    tree = json.loads(told)
    rows = {(row["name"], row["backend"]): row for row in tree["speeds"]}
    assert {name for name, _ in rows} == {"enet", str(path), "unet channels=[4, 8]"} and len(rows) == 6
    assert tree["size"] == [32, 64] and tree["threads"] == 1 and tree["rounds"] == 2 and tree["measure"] == "score"
    assert isinstance(tree["quiet"], bool) and "the machine was" in tree["verdict"]
    for row in rows.values():
        times = row["milliseconds"]
        assert 0 < times["shortest"] <= times["median"] <= times["p90"] <= times["p99"]
        assert row["fps"] == pytest.approx(1000 / times["median"]) and row["calls"] >= 2
        assert row["parameters"] > 0 and row["gflops"] > 0
    medians = [row["milliseconds"]["median"] for row in tree["speeds"]]
    assert medians == sorted(medians)
    assert rows["enet", "eager"]["score"] == 0.583 and rows["enet", "eager"]["published"]
    assert rows[str(path), "eager"]["score"] is None and not rows[str(path), "eager"]["front"]
    fastest_enet = min((row for row in tree["speeds"] if row["name"] == "enet"), key=lambda row: -row["fps"])
    assert fastest_enet["front"], "nothing scores higher"
    assert json.loads((out / "benchmark.json").read_text()) == {k: v for k, v in tree.items() if k != "report"}
    page = (out / "benchmark.html").read_text()
    assert "unet channels=[4, 8]" in page and "published" in page and page.count("<svg") == 2
    assert "intarsia benchmark enet score=58.3" in page


def test_trained_models_are_scored(run_cli: Run, trained: Path) -> None:
    """The same mIoU as `evaluate` gives, once for backends that equal each other."""
    more = "--backend", "eager,channels_last", "--size", "32", *QUICK, "--data", "shapes"
    code, told, err = run_cli("benchmark", trained, "score=12", *more, "--json")
    assert code == 0, err
    tree = json.loads(told)
    wanted = intarsia.evaluate(trained, "shapes", baseline=False).miou
    assert tree["measure"] == "mIoU" and "images of shapes" in tree["data"]
    for row in tree["speeds"]:
        assert row["score"] == pytest.approx(wanted) and not row["published"], (
            "what is measured comes before what is given"
        )
        assert row["interval"][0] <= row["score"] <= row["interval"][1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("smp_linkne", "'smp_linkne' is no file, and no architecture; did you mean 'smp_linknet'?"),
        ("unet unet", "unet is named twice"),
        ("encoder=resnet18 unet", "'encoder=resnet18' is an option of no model; write the model before it"),
        ("unet --backend onnx", "there is no backend 'onnx'"),
        ("unet --device gpu", "there is no device 'gpu'"),
        ("unet --size 0", "--size is '0'"),
        ("unet --split val", "name it with --data"),
        ("enet --encoder resnet18", "no network here takes an encoder"),
        ("enet score=610", "score is 610.0; give the score that was published, in percent"),
        ("enet score=good", "score is 'good'"),
        ("enet --data shapes", "none of these networks is trained"),
    ],
)
def test_mistakes_of_benchmark(run_cli: Run, line: str, words: str) -> None:
    code, out, err = run_cli("benchmark", *line.split())
    assert code == 2 and words in err and err.count("\n") == 1 and not out, err


def test_a_checkpoint_has_its_own_options(run_cli: Run, tmp_path: Path) -> None:
    code, out, err = run_cli("benchmark", stored(tmp_path), "encoder=resnet18")
    assert code == 2 and "has its options already; leave them out" in err and not out
    (tmp_path / "torn.safetensors").write_bytes((tmp_path / "last.safetensors").read_bytes()[:100])
    code, out, err = run_cli("benchmark", tmp_path / "torn.safetensors")
    assert code == 2 and "torn.safetensors" in err and err.count("\n") == 1 and not out


def test_exported_files_are_refused_where_they_cannot_be_computed(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they are timed as stands in `test_export.py`, which writes one."""
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no graph")
    for more, words in (
        (("--backend", "eager"), "its own runtime computes; leave the backend out"),
        (("encoder=resnet18",), "has its options already"),
        ((), "net.onnx"),
    ):
        code, told, err = run_cli("benchmark", path, *more)
        assert code == 2 and words in err and err.count("\n") == 1 and not told, err
    monkeypatch.setattr(contenders, "fastest", lambda: torch.device("cuda"))
    with pytest.raises(ModelError, match="computes on the CPU; give --device cpu"):
        contenders.place_of([contenders.Contender(str(path), {}), contenders.Contender("unet", {})], "auto", ())
    assert contenders.place_of([contenders.Contender(str(path), {})], "auto", ()).type == "cpu"
