"""What Takikawa et al. claim: shapes are drawn at the image's size, and deeper features gate them."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.losses import DualTask
from intarsia.losses.auxiliary import total
from intarsia.models import build, count_parameters
from intarsia.models.attention.gscnn import GatedConv, ImageGradient
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["gscnn"].smallest


@torch.no_grad()
def test_a_gated_convolution_equals_its_formula() -> None:
    torch.manual_seed(0)
    gate = GatedConv(3).eval()
    x, hint = torch.randn(2, 3, 4, 5), torch.randn(2, 1, 4, 5)
    first, second = gate.gate[1], gate.gate[3]
    for b in range(2):
        for i in range(4):
            for j in range(5):
                both = torch.cat([x[b, :, i, j], hint[b, :, i, j]]) / (1 + 1e-5) ** 0.5
                hidden = (first.weight[:, :, 0, 0] @ both + first.bias).relu()
                share = (second.weight[0, :, 0, 0] @ hidden / (1 + 1e-5) ** 0.5).sigmoid()
                want = gate.conv.weight[:, :, 0, 0] @ (x[b, :, i, j] * (1 + share))
                torch.testing.assert_close(gate(x, hint)[b, :, i, j], want)


def test_lines_of_the_image_are_the_length_of_its_gradient() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    ramp = (0.03 * x + 0.04 * y).expand(1, 3, 6, 7)
    lines = ImageGradient()(ramp)
    assert lines[..., 1:-1, 1:-1].allclose(torch.tensor(0.05), atol=1e-6)
    assert ImageGradient()(1000 * ramp).max() == 1
    assert ImageGradient()(torch.ones(1, 3, 4, 4)).max() < 1e-5


def test_edges_are_drawn_at_the_images_size_in_training_alone_and_trained() -> None:
    torch.manual_seed(0)
    net, image = build("gscnn", 4, **SMALL), torch.randn(2, 3, 33, 47)
    output = net.train()(image)
    assert output.edges is not None and output.edges.shape == (2, 1, 33, 47)
    labels = torch.zeros(2, 33, 47, dtype=torch.long)
    labels[..., 20:] = 1
    total(DualTask()(output, labels)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.eval()(image).edges is None


@torch.no_grad()
def test_the_borders_reach_the_classes() -> None:
    torch.manual_seed(0)
    net, image = build("gscnn", 4, **SMALL).eval(), torch.randn(1, 3, 64, 64)
    before = net(image).logits
    net.shape.draw.weight.mul_(-5)
    assert not torch.equal(net(image).logits, before)


def test_the_published_network() -> None:
    """137.28 M with 19 classes, as the authors' code (docs/faithfulness.md); a stream of 64, 32, 16 and 8 channels."""
    assert count_parameters("gscnn", 19) == 137_278_141
    with torch.device("meta"):
        net = build("gscnn", 19)
    assert [block.inside[1][0].out_channels for block in net.shape.blocks] == [64, 32, 16]
    assert net.encoder.strides == (1, 2, 4, 8, 8)


def test_doors() -> None:
    with pytest.raises(ModelError, match=r"shape is \[8\]; name three widths"):
        build("gscnn", 4, encoder="resnet18", shape=[8])
    with pytest.raises(ModelError, match="wide_resnet38 has no pretrained weights"):
        build("gscnn", 4, width=4, pretrained=True)
    with pytest.raises(ModelError, match="mean feature of the image is a 1x1 map of a single image"):
        build("gscnn", 4, **SMALL).train()(torch.randn(1, 3, 64, 64))
    net = build("gscnn", 4, width=2, shape=(4, 4, 4), channels=8).eval()
    assert net(torch.randn(1, 3, 20, 31)).logits.shape == (1, 4, 20, 31)
