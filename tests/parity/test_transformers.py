"""Files that transformers' own classes write, where it is installed, and their answers."""

from pathlib import Path

import pytest
import torch

from intarsia.checkpoint import load_foreign

transformers = pytest.importorskip("transformers", reason="transformers is not installed")


@torch.no_grad()
def test_upernet_on_convnext(tmp_path: Path) -> None:
    body = transformers.ConvNextConfig(
        hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=["stage1", "stage2", "stage3", "stage4"]
    )
    torch.manual_seed(0)
    config = transformers.UperNetConfig(backbone_config=body, num_labels=7, hidden_size=32, auxiliary_in_channels=384)
    peer = transformers.UperNetForSemanticSegmentation(config).eval()
    for name, tensor in peer.state_dict().items():
        if tensor.is_floating_point():
            low = 0.5 if name.endswith(("running_var", "layer_scale_parameter")) else -0.1
            tensor.add_(torch.empty_like(tensor).uniform_(low, low + 0.2))
    peer.save_pretrained(tmp_path)
    found = load_foreign(tmp_path)
    assert (found.num_classes, found.report.missing) == (7, ())
    image = torch.randn(1, 3, 96, 128)
    want, got = peer(image).logits, found.network(image).logits
    assert want.shape == got.shape
    assert (got - want).abs().max() <= 1e-4 * want.abs().max()
