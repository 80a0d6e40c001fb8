"""Files of transformers' networks give their answer; skipped where transformers is not installed."""

from pathlib import Path

import pytest
import torch

import intarsia

transformers = pytest.importorskip("transformers", reason="transformers is not installed")


@torch.no_grad()
def test_upernet_on_convnext(tmp_path: Path) -> None:
    widths = [96, 192, 384, 768]  # of the tiny one
    body = transformers.ConvNextConfig(hidden_sizes=widths, out_features=["stage1", "stage2", "stage3", "stage4"])
    config = transformers.UperNetConfig(backbone_config=body, hidden_size=64, auxiliary_channels=32, num_labels=5)
    torch.manual_seed(0)
    theirs = transformers.UperNetForSemanticSegmentation(config).eval()
    theirs.save_pretrained(tmp_path / "peer")
    found = intarsia.load_foreign(tmp_path / "peer")
    assert (found.model, found.options["encoder"], found.report.missing) == ("mmseg_upernet", "convnext_tiny", ())
    image = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(found.network(image).logits, theirs(image).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("names", ["of the files", "of its modules"])  # which versions since 5 have two of
@torch.no_grad()
def test_segformer(names: str, tmp_path: Path) -> None:
    config = transformers.SegformerConfig(id2label={"0": "road", "1": "car", "2": "sky"}, decoder_hidden_size=48)
    torch.manual_seed(0)
    theirs = transformers.SegformerForSemanticSegmentation(config).eval()
    for module in theirs.modules():  # small variances, so that what norms add to them shows
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.uniform_(module.weight, 0.01, 0.1)
    if names == "of the files":
        theirs.save_pretrained(tmp_path / "peer")
        transformers.SegformerImageProcessor(size={"height": 64, "width": 96}).save_pretrained(tmp_path / "peer")
    found = intarsia.load_foreign(tmp_path / "peer") if names == "of the files" else None
    if found is None:
        torch.save(theirs.state_dict(), tmp_path / "a.pth")
        found = intarsia.load_foreign(tmp_path / "a.pth")
    else:
        assert found.labels is not None and found.labels.names == ("road", "car", "sky")
        assert found.pipeline.resize == intarsia.checkpoint.Resizing(size=(64, 96), direct=True)
    assert (found.model, found.options["encoder"]) == ("transformers_segformer", "mit_b0")
    assert (found.report.missing, found.report.left) == ((), {})
    image = torch.randn(1, 3, 64, 96)
    want = torch.nn.functional.interpolate(theirs(image).logits, (64, 96), mode="bilinear")
    torch.testing.assert_close(found.network(image).logits, want, atol=1e-5, rtol=1e-4)
