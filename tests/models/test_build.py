"""The door of the room: names, options, counts, and batches that cannot be trained on."""

import subprocess
import sys

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build, check_trainable, count_parameters


@pytest.mark.parametrize(
    ("name", "classes", "options", "words"),
    [
        ("pspnt", 2, {}, "there is no architecture 'pspnt'; did you mean 'pspnet'"),
        ("pspnet", 2, {"encodr": "resnet18"}, "pspnet takes no option 'encodr'; did you mean 'encoder'"),
        ("segnet", 2, {"pretrained": True}, "segnet takes no option 'pretrained'"),
        ("fpn", 0, {}, "num_classes is 0; give a whole number of at least 1"),
        ("fpn", True, {}, "num_classes is True"),
        ("unet", 2, {"in_channels": 0}, "in_channels is 0"),
        ("fpn", 2, {"encoder": "resnet1"}, "timm has no encoder 'resnet1'; did you mean 'resnet"),
    ],
)
def test_mistakes_are_named(name: str, classes: int, options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build(name, classes, **options)


def test_counting_makes_no_weights_and_fetches_none() -> None:
    assert count_parameters("pspnet", 2, encoder="resnet18", channels=16, pretrained=True) == sum(
        p.numel() for p in build("pspnet", 2, encoder="resnet18", channels=16).parameters()
    )


def test_a_batch_without_statistics_is_refused_and_the_network_stays_as_it_was() -> None:
    net = build("fpn", 2, encoder="resnet18", channels=32).eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(
        ModelError,
        match=r"a batch of 1 with images of 32x32 leaves a 1x1 map .* at encoder\.body\.layer4.* batch size of at least 2",
    ):
        check_trainable(net, 1, 3, 32, 32)
    check_trainable(net, 2, 3, 32, 32)
    check_trainable(net, 1, 3, 64, 64)
    assert not net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_the_room_imports_torch_alone() -> None:
    code = "import sys, intarsia.models; print(sorted({'timm', 'torchvision', 'lightning', 'onnx'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
