"""A public model's labels of a photograph are those of its library's own preparation, network and argmax."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import intarsia
from intarsia.checkpoint.foreign.public import PUBLIC


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:lraspp_mobilenet_v3_large",
        pytest.param("torchvision:deeplabv3_resnet50", marks=pytest.mark.slow),
        pytest.param("torchvision:fcn_resnet50", marks=pytest.mark.slow),
    ],
)
def test_labels_of_a_photograph_are_torchvisions(
    name: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import models

    short = name.partition(":")[2]
    torch.manual_seed(0)
    peer = models.get_model(short, weights=None, weights_backbone=None, num_classes=21).eval()
    for module in peer.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    photo = Image.open(shared_data / "kudzu_via/train/6.jpg").convert("RGB").resize((640, 470))
    prepare = models.get_model_weights(short).DEFAULT.transforms()  # type: ignore[attr-defined]
    last = peer.classifier.low_classifier if short.startswith("lraspp") else peer.classifier[-1]
    with torch.inference_mode():
        last.bias -= peer(prepare(photo)[None])["out"].mean((0, 2, 3))  # so that every class wins somewhere
    hub = tmp_path / "checkpoints"
    hub.mkdir()
    torch.save(peer.state_dict(), hub / PUBLIC[name].file.rpartition("/")[2])
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with torch.inference_mode():
        scores = peer(prepare(photo)[None])["out"]
        want = F.interpolate(scores, (470, 640), mode="bilinear").argmax(1)[0].numpy()
    got = intarsia.Predictor.load(name)(photo).labels
    assert len(np.unique(want)) > 2
    assert (got == want).mean() >= 0.9999
