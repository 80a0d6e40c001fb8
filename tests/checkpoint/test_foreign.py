"""Files of strangers: which are read, what is said of each tensor, and which are refused in one sentence."""

import argparse
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import intarsia
from intarsia.checkpoint import load, save
from intarsia.checkpoint.foreign.names import Found, conv_norm, fold_biases, numbers, rename
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace
from intarsia.models import build

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """A small U-Net on a ResNet-18, in the names of segmentation-models-pytorch."""
    torch.manual_seed(0)
    network = build("unet", 4, encoder="resnet18", channels=(4, 8, 8, 8, 8))
    back = [("encoder.body.*", "encoder.*"), ("classify.score.*", "segmentation_head.0.*")]
    for n in range(2):
        back += [
            (f"decode.{{n}}.conv.{n}.conv.*", f"decoder.blocks.{{n}}.conv{n + 1}.0.*"),
            (f"decode.{{n}}.conv.{n}.norm.*", f"decoder.blocks.{{n}}.conv{n + 1}.1.*"),
        ]
    return rename(network.state_dict(), Found("", "", 4, 3, {}, back)).ours


def written(tree: object, path: Path, **options: object) -> Path:
    torch.save(tree, path, **options)
    return path


def same(found: "intarsia.checkpoint.Foreign", state: State) -> bool:
    ours = found.network.state_dict()
    return len(ours) == len(state) and torch.equal(ours["encoder.body.conv1.weight"], state["encoder.conv1.weight"])


def test_what_is_found_is_told(state: State, tmp_path: Path) -> None:
    found = intarsia.load_foreign(written(state, tmp_path / "a.pth"))
    assert (found.model, found.num_classes, found.in_channels) == ("unet", 4, 3)
    assert found.options == {"encoder": "resnet18", "channels": [4, 8, 8, 8, 8], "upsample": "nearest"}
    report = found.report
    assert report.peer == "segmentation-models-pytorch's Unet"
    assert report.taken["decoder.blocks.3.conv2.1.running_var"] == "decode.3.conv.1.norm.running_var"
    assert report.taken.keys() == state.keys()
    assert (report.left, report.missing) == ({}, ())
    assert report.assumed == {"upsample": "nearest"}
    assert str(report) == (
        f"segmentation-models-pytorch's Unet: {len(state)} tensors taken\n"
        "  assumed, because no tensor tells: upsample='nearest'; if it was built otherwise, say so to load_foreign"
    )
    told = intarsia.load_foreign(tmp_path / "a.pth", upsample="bilinear")
    assert told.report.assumed == {} and told.options["upsample"] == "bilinear"
    assert str(told.report) == f"segmentation-models-pytorch's Unet: {len(state)} tensors taken"


@pytest.mark.parametrize("key", ["state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod.", "model."])
def test_wrappings_are_taken_off(state: State, key: str, prefix: str, tmp_path: Path) -> None:
    tree = {key: {f"{prefix}{name}": tensor for name, tensor in state.items()}, "epoch": 3, "best": 0.5}
    assert same(intarsia.load_foreign(written(tree, tmp_path / "a.pt")), state)


def test_safetensors_and_torchs_old_format(state: State, tmp_path: Path) -> None:
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, tmp_path / "a.safetensors")
    assert same(intarsia.load_foreign(tmp_path / "a.safetensors"), state)
    old = written(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert same(intarsia.load_foreign(old), state)


class Payload:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_nothing_is_executed(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for zipped in (True, False):
        path = written({"model": state, "x": Payload()}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(CheckpointError, match="beside its tensors, and to read that is to run whatever program"):
            intarsia.load_foreign(path)
    assert not (tmp_path / "executed").exists()


def test_arguments_of_a_training_script_are_refused_in_one_sentence(state: State, tmp_path: Path) -> None:
    path = written({"model": state, "args": argparse.Namespace(lr=0.1)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as caught:
        intarsia.load_foreign(path)
    assert str(caught.value) == (
        f"{path}: holds a argparse.Namespace beside its tensors, and to read that is to run whatever program it names; "
        "save the state dict alone: torch.save(network.state_dict(), path)"
    )


def changed(state: State, **changes: Tensor | None) -> State:
    tree = {**state, **{key.replace("__", "."): value for key, value in changes.items()}}
    return {key: value for key, value in tree.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"decoder__blocks__2__conv1__0__weight": torch.zeros(8, 5, 3, 3)},
            r"decoder.blocks.2.conv1.0.weight has shape \[8, 5, 3, 3\], and decode.2.conv.0.conv.weight needs \[8, 72, 3, 3\]",
        ),
        (
            {"encoder__layer2__0__bn1__weight": None},
            "encoder.body.layer2.0.bn1.weight of unet are not in it; name the options it was built with",
        ),
        ({"decoder__center__0__weight": torch.zeros(3)}, "decoder.center.0.weight have no place in unet"),
        ({"encoder__layer4__2__conv1__weight": torch.zeros(1)}, "Unet on an encoder of its own that is not known here"),
    ],
)
def test_what_does_not_fit_is_named(state: State, changes: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=words):
        intarsia.load_foreign(written(changed(state, **changes), tmp_path / "a.pth"))


def test_what_fits_is_taken_when_asked(state: State, tmp_path: Path) -> None:
    path = written(changed(state, decoder__center__0__weight=torch.zeros(3)), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"segmentation_head.0.weight has shape \[4, 4, 3, 3\]"):
        intarsia.load_foreign(path, num_classes=9)
    found = intarsia.load_foreign(path, num_classes=9, strict=False)
    assert found.network(torch.zeros(1, 3, 32, 32)).logits.shape == (1, 9, 32, 32)
    assert found.report.missing == ("classify.score.weight", "classify.score.bias")
    assert found.report.left.keys() == {
        "segmentation_head.0.weight", "segmentation_head.0.bias", "decoder.center.0.weight"
    }  # fmt: skip
    assert "2 not in the file, and untrained: classify.score.weight" in str(found.report)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no file '.*a.pth'"),
        (lambda path: path.write_bytes(b""), "is truncated, damaged, or no file of tensors"),
        (
            lambda path: path.write_bytes(b"hello, world"),
            "is truncated, damaged, or no file of tensors|beside its tensors",
        ),
        (lambda path: torch.save(torch.zeros(3), path), "holds Tensor, not tensors by name; save network.state_dict"),
        (lambda path: torch.save({}, path), "holds dict, not tensors by name"),
        (lambda path: torch.save({"a": torch.zeros(2), "b": 3}, path), "'b' is a int, not a tensor"),
        (
            lambda path: torch.save({"conv.weight": torch.zeros(2)}, path),
            r"1 tensors \(conv.weight\) of no network that is known here; known are torchvision's FCN",
        ),
        (
            lambda path: torch.save(
                {"backbone.x": torch.zeros(2), "classifier.4.weight": torch.zeros(2, 2, 1, 1)}, path
            ),
            "torchvision's FCN on a backbone that is not known here; known are ResNets",
        ),
    ],
)
def test_other_files_are_refused(make, words: str, tmp_path: Path) -> None:
    make(tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=words):
        intarsia.load_foreign(tmp_path / "a.pth")


def test_a_truncated_file(state: State, tmp_path: Path) -> None:
    path = written(state, tmp_path / "a.pth")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="a.pth: "):
        intarsia.load_foreign(path)


def test_an_encoder_of_timm_has_to_be_named(state: State, tmp_path: Path) -> None:
    tree = {key.replace("encoder.", "encoder.model."): tensor for key, tensor in state.items()}
    path = written(tree, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="does not say which network of timm its encoder is; name it"):
        intarsia.load_foreign(path)
    assert same(intarsia.load_foreign(path, encoder="resnet18"), state)
    folder = tmp_path / "pretrained"
    folder.mkdir()
    save_file({key: tensor.contiguous() for key, tensor in tree.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"encoder_name": "tu-resnet18"}))
    assert same(intarsia.load_foreign(folder), state)


def test_it_becomes_a_checkpoint_that_predicts_and_ours_is_told_apart(state: State, tmp_path: Path) -> None:
    found = intarsia.load_foreign(written(state, tmp_path / "a.pth"))
    with pytest.raises(CheckpointError, match="draws 4 maps, and the labels need 2; name as many classes"):
        found.checkpoint(LabelSpace(("a", "b")))
    path = save(tmp_path / "ours.safetensors", found.checkpoint(LabelSpace(("a", "b", "c", "d"))))
    image = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        assert torch.equal(load(path).build()(image).logits, found.network(image).logits)
    with pytest.raises(CheckpointError, match="is a checkpoint of intarsia itself; give it to intarsia.Predictor.load"):
        intarsia.load_foreign(path)


def test_names() -> None:
    assert conv_norm("a.{n}", "b.{n}", 2) == [("a.{n}.2.*", "b.{n}.conv.*"), ("a.{n}.3.*", "b.{n}.norm.*")]
    assert numbers(["a.0.w", "a.12.w", "a.1.v", "b.3.w"], "a.{n}.w") == [0, 12]
    found = Found("", "", 1, 3, {}, [("a.{n}.x.*", "b.{n}.*"), ("a.*", "c.*")], left=[("a.9.*", "too many")])
    tensors = {key: torch.zeros(1) for key in ("a.1.x.weight", "a.9.x.weight", "a.y.z", "d")}
    renamed = rename(tensors, found)
    assert renamed.taken == {"a.1.x.weight": "b.1.weight", "a.y.z": "c.y.z"}
    assert renamed.left == {"a.9.x.weight": "too many", "d": "no part of the network it was taken for"}


@torch.no_grad()
def test_a_bias_before_a_norm_goes_into_the_mean() -> None:
    peer = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3)).eval()
    peer[1].running_mean.uniform_()
    ours = torch.nn.ModuleDict({"conv": torch.nn.Conv2d(2, 3, 1, bias=False), "norm": torch.nn.BatchNorm2d(3)}).eval()
    owner = torch.nn.ModuleDict({"part": ours})
    renamed = rename(
        peer.state_dict(),
        Found("", "", 1, 2, {}, [("0.*", "part.conv.*"), ("1.*", "part.norm.*")]),
    )
    fold_biases(renamed, owner.state_dict())
    assert renamed.taken["0.bias"] == "part.norm.running_mean"
    owner.load_state_dict(renamed.ours)
    x = torch.randn(2, 2, 4, 4)
    torch.testing.assert_close(ours["norm"](ours["conv"](x)), peer(x))
