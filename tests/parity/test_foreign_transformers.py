"""A file of transformers' UPerNet on ConvNeXt gives its answer; skipped where transformers is not installed."""

from pathlib import Path

import pytest
import torch

import intarsia

transformers = pytest.importorskip("transformers", reason="transformers is not installed")


@torch.no_grad()
def test_upernet_on_convnext(tmp_path: Path) -> None:
    body = transformers.ConvNextConfig(out_features=["stage1", "stage2", "stage3", "stage4"])  # the tiny one
    config = transformers.UperNetConfig(backbone_config=body, hidden_size=64, auxiliary_channels=32, num_labels=5)
    torch.manual_seed(0)
    theirs = transformers.UperNetForSemanticSegmentation(config).eval()
    theirs.save_pretrained(tmp_path / "peer")
    found = intarsia.load_foreign(tmp_path / "peer")
    assert (found.model, found.options["encoder"], found.report.missing) == ("mmseg_upernet", "convnext_tiny", ())
    image = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(found.network(image).logits, theirs(image).logits, atol=1e-4, rtol=1e-4)
