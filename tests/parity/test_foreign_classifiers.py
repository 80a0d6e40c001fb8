"""Weights of networks for whole pictures: a ResNet answers as torchvision's does, and every encoder's feature is the peer's."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import intarsia
from intarsia.checkpoint import resolve
from intarsia.encoders import Encoder
from intarsia.errors import CheckpointError


@torch.no_grad()
def test_a_resnet_answers_as_torchvisions(torchvision: Any, at_random: Any, tmp_path: Path) -> None:
    theirs = at_random(torchvision.models.resnet18(num_classes=7))
    torch.save(theirs.state_dict(), tmp_path / "a.pth")
    found = intarsia.load_foreign(tmp_path / "a.pth")
    assert (found.model, found.options["encoder"], found.num_classes) == ("classifier", "resnet18", 7)
    assert (found.report.left, found.report.missing, found.part) == ({}, (), False)
    image = torch.randn(2, 3, 64, 96)
    torch.testing.assert_close(found.network(image).logits, theirs(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["mobilenet_v3_large", pytest.param("vgg11_bn", marks=pytest.mark.slow)])
@torch.no_grad()
def test_an_encoder_of_torchvisions(torchvision: Any, at_random: Any, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = at_random(getattr(torchvision.models, name)())
    torch.save(theirs.state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="whole pictures, of which the encoder serves here: start from it with"):
        resolve(tmp_path / "a.pth")
    stored = resolve(tmp_path / "a.pth", part=True)
    assert not any(key.startswith("classify.") for key in stored.weights)
    image = torch.randn(1, 3, 64, 96)
    encoder = Encoder(stored.options["encoder"], levels=(5,)).eval()
    encoder.load_state_dict({key.removeprefix("encoder."): tensor for key, tensor in stored.weights.items()})
    torch.testing.assert_close(encoder(image)[0], theirs.features(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [
    "pvt_v2_b0", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet18", "convnext_atto", "swin_tiny_patch4_window7_224")),
])  # fmt: skip
@torch.no_grad()
def test_an_encoder_of_timms(name: str, tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model(name).eval()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": name, "num_classes": 1000, "pretrained_cfg": {}}))
    stored = resolve(tmp_path, part=True)
    assert stored.options == {"encoder": name}
    network = intarsia.build("fpn", 3, encoder=name)
    wanted = {key for key in network.state_dict() if key.startswith("encoder.") and "num_batches" not in key}
    assert wanted <= set(stored.weights), "each tensor of an FPN's encoder is there"
    network.load_state_dict(stored.weights, strict=False)
    image = torch.randn(1, 3, 224, 224)
    last = theirs.forward_features(image)
    if name in ("resnet18", "pvt_v2_b0"):  # of the others a norm follows, which a feature has not
        torch.testing.assert_close(network.eval().encoder(image)[-1], last, atol=1e-4, rtol=1e-4)


def test_training_starts_from_torchvisions_classifier(
    torchvision: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intarsia.training.transplant import head_tensors, transplant

    address = torchvision.models.get_model_weights("resnet18").DEFAULT.url
    hub = tmp_path / "checkpoints"
    hub.mkdir()
    theirs = torchvision.models.resnet18()
    torch.save(theirs.state_dict(), hub / address.rpartition("/")[2])
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(CheckpointError, match="torchvision:resnet18: a network for whole pictures, of which"):
        resolve("torchvision:resnet18")
    donor = resolve("torchvision:resnet18", part=True, say=lambda _: None)
    network = intarsia.build("deeplabv3plus", 2, encoder="resnet18")
    labels: Any = SimpleNamespace(names=("a", "b"), num_classes=2)
    heads = head_tensors(lambda count, **o: intarsia.build("deeplabv3plus", count, **o), 2, {"encoder": "resnet18"})
    assert transplant(network, donor, labels, heads).startswith("started from 120 of ")
    assert torch.equal(network.state_dict()["encoder.body.layer4.1.conv2.weight"], theirs.layer4[1].conv2.weight)
