"""Networks of whole pictures, and the maps that become of them: any size, one output type, one gradient a parameter."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.structures import ClassLogits, SemanticLogits

OPTIONS = {"classifier": {"encoder": "resnet10t"}, "vgg_classifier": {"channels": (4, 8, 8, 16, 16, 32)}}


def built(name: str, **more) -> nn.Module:
    torch.manual_seed(0)
    return build(name, 5, **OPTIONS[name], **more)


@pytest.mark.parametrize("name", OPTIONS)
def test_any_size_one_type_and_a_gradient_for_every_parameter(name: str) -> None:
    network = built(name).eval()
    for size in ((1, 1), (31, 57), (96, 64)):
        output = network(torch.randn(2, 3, *size))
        assert type(output) is ClassLogits and output.logits.shape == (2, 5) and output.auxiliary == ()
    assert built(name, in_channels=4).eval()(torch.randn(1, 4, 40, 40)).logits.shape == (1, 5)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.ones_(norm.weight)
    network.train()
    output = network(torch.randn(2, 3, 64, 64))
    assert type(output) is ClassLogits
    (output.logits * torch.randn(2, 5)).sum().backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@torch.no_grad()
def test_the_order_of_average_and_linear_layer_changes_no_score() -> None:
    """The mean of CAM's maps is the classifier's score: Network In Network's order against ResNet's."""
    classifier, maps = built("classifier").eval(), build("cam", 5, encoder="resnet10t").eval()
    nn.init.normal_(classifier.classify.weight)
    state = classifier.state_dict()
    maps.load_state_dict({**state, "classify.weight": state["classify.weight"][..., None, None]})
    image = torch.randn(2, 3, 100, 76)
    torch.testing.assert_close(maps.scores(image).mean(dim=(2, 3)), classifier(image).logits, atol=1e-4, rtol=1e-4)
    output = maps(image)
    assert type(output) is SemanticLogits and output.logits.shape == (2, 5, 100, 76)


def test_a_window_has_a_middle() -> None:
    with pytest.raises(ModelError, match="window is 4; .* odd side"):
        build("cam", 5, encoder="resnet10t", window=4)


@torch.no_grad()
def test_timms_classifier_is_ours() -> None:
    import timm

    theirs = timm.create_model("resnet10t", num_classes=5).eval()
    ours = built("classifier").eval()
    state = {f"encoder.body.{key}": t for key, t in theirs.state_dict().items() if not key.startswith("fc.")}
    ours.load_state_dict({**state, "classify.weight": theirs.fc.weight, "classify.bias": theirs.fc.bias})
    image: Tensor = torch.randn(2, 3, 70, 90)
    torch.testing.assert_close(ours(image).logits, theirs(image), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_torchvisions_vgg16_is_ours() -> None:
    torchvision = pytest.importorskip("torchvision")
    widths = [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"]
    with torch.device("meta"):  # its classifier is 4096 wide whatever the convolutions are
        theirs = torchvision.models.vgg.VGG(torchvision.models.vgg.make_layers(widths)).eval()
    theirs.features = torchvision.models.vgg.make_layers(widths)
    for n, layer in ((0, nn.Linear(16 * 49, 32)), (3, nn.Linear(32, 32)), (6, nn.Linear(32, 5))):
        theirs.classifier[n] = layer
    ours = built("vgg_classifier").eval()
    ours.encoder.load_classifier(theirs.state_dict())
    for mine, n in ((ours.fc6, 0), (ours.fc7, 3), (ours.score, 6)):
        mine.load_state_dict(theirs.classifier[n].state_dict())
    for side in (224, 448):  # 448 is a map of 14x14, which both average to 7x7
        image = torch.randn(1, 3, side, side)
        torch.testing.assert_close(ours(image).logits, theirs(image), atol=1e-5, rtol=1e-4)
