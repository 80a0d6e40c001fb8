"""What Zhao et al. claim: three sizes of one image, shared first layers, the deep part on the smallest alone."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.realtime.icnet import CascadeFusion, halved

SMALL = {"encoder": "resnet18", "context": 16, "channels": 16, "detail": (4, 4, 8)}


def test_the_deep_part_sees_a_quarter_of_the_image_and_the_first_layers_run_once_on_half() -> None:
    net = build("icnet", 2, **SMALL).eval()
    seen: dict[str, list[tuple[int, ...]]] = {"start": [], "finish": [], "half": []}
    parts = {"start": net.encoder.start, "finish": net.encoder.finish, "half": net.fine2}
    for name, part in parts.items():
        part.register_forward_pre_hook(lambda _, x, name=name: seen[name].append(tuple(x[0].shape[-2:])))
    with torch.no_grad():
        net(torch.randn(1, 3, 128, 256))
    assert seen["start"] == [(64, 128)]  # half and quarter share these layers and their result
    assert seen["finish"] == [(4, 8)]  # an eighth of a quarter
    assert seen["half"] == [(128, 256)]  # the whole image


def test_the_full_image_passes_three_thin_convolutions() -> None:
    with torch.device("meta"):
        net = build("icnet", 19)
    thin = [net.fine2, net.fine4, net.fine8]
    assert [(c.conv.kernel_size, c.conv.stride, c.conv.out_channels) for c in thin] == [
        ((3, 3), (2, 2), 32),
        ((3, 3), (2, 2), 32),
        ((3, 3), (2, 2), 64),
    ]
    share = sum(p.numel() for c in thin for p in c.parameters()) / sum(p.numel() for p in net.parameters())
    assert share < 0.002


def test_the_deep_part_is_dilated_not_strided() -> None:
    with torch.device("meta"):
        net = build("icnet", 19)
        assert net.encoder.finish(torch.empty(1, 512, 16, 32)).shape == (1, 2048, 16, 32)
    third, fourth = list(net.encoder.finish)[-2:]
    for stage, rate in ((third, 2), (fourth, 4)):  # from the first block on
        assert {m.dilation[0] for m in stage.modules() if getattr(m, "kernel_size", 0) == (3, 3)} == {rate}


def test_half_an_even_picture_is_the_mean_of_four_pixels() -> None:
    x = torch.randn(1, 3, 8, 6)
    torch.testing.assert_close(halved(x), F.avg_pool2d(x, 2))
    assert halved(torch.randn(1, 3, 1, 5)).shape[-2:] == (1, 3)


def test_a_fusion_guides_the_coarse_feature_at_the_fine_ones_size() -> None:
    fusion = CascadeFusion(6, 4, 8, 3).train()
    x, guide = fusion(torch.randn(2, 6, 4, 5), torch.randn(2, 4, 8, 10))
    assert x.shape == (2, 8, 8, 10) and guide.shape == (2, 3, 8, 10)
    assert fusion.widen[0].dilation == (2, 2)
    assert fusion.eval()(torch.randn(2, 6, 4, 5), torch.randn(2, 4, 8, 10))[1] is None


def test_two_guides_in_training() -> None:
    output = build("icnet", 5, **SMALL).train()(torch.randn(2, 3, 64, 96))
    assert [tuple(side.shape) for side in output.auxiliary] == [(2, 5, 4, 6), (2, 5, 8, 12)]


def test_mistakes_are_named() -> None:
    with pytest.raises(ModelError, match="cuts a ResNet in two; 'densenet121' is none|cannot be dilated"):
        build("icnet", 2, encoder="densenet121")
    with pytest.raises(ModelError, match="with 3 convolutions"):
        build("icnet", 2, encoder="resnet18", detail=(8,))
