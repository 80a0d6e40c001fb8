"""Rows of public models: what the peer's own class writes at that size loads whole, and has as many parameters."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from intarsia.checkpoint import build, load_foreign
from intarsia.checkpoint.foreign.public import PUBLIC
from intarsia.checkpoint.foreign.public.labels import CLASSES

LIGHT = {  # network of mmsegmentation's or transformers': ours, and options that no name tells
    "BiSeNet, ResNet-18": ("mmseg_bisenet", {"encoder": "resnet18", "auxiliary": False}),
    "BiSeNet v2": ("mmseg_bisenetv2", {}),
    "Fast-SCNN": ("mmseg_fast_scnn", {"auxiliary": False}),
    **{
        f"BiSeNet, ResNet-{depth}": ("mmseg_bisenet", {
            "encoder": f"resnet{depth}", "auxiliary": False, "spatial": 256, "channels": 512, "head": 1024,
        }) for depth in (50, 101)
    },
    **{
        f"{name}, ResNet-101": (f"mmseg_{name.lower()}", {"encoder": "resnet101c"} | ({"auxiliary": 0} if sided else {}))
        for name, sided in (("EncNet", 1), ("PSANet", 1), ("DANet", 0), ("CCNet", 1), ("EMANet", 0), ("APCNet", 1))
    },
}  # fmt: skip
SMP = [name for name in PUBLIC if name.startswith("smp:")]
QUICK = ("smp:smp-hub/segformer-b0-512x512-ade-160k",)


def of_smp(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """The peer's network of a row, and the config.json that its save_pretrained writes."""
    import segmentation_models_pytorch as smp

    row = PUBLIC[name]
    if row.network.startswith("SegFormer"):
        kind, options = "Segformer", {
            "encoder_name": row.network.rpartition(" ")[2].lower().replace("-", "_"),
            "decoder_segmentation_channels": row.options["channels"],
        }  # fmt: skip
    else:
        kind, options = "UPerNet", {"encoder_name": f"tu-{row.options['encoder']}", "decoder_channels": 512}
    options["classes"] = CLASSES[row.labels]
    return getattr(smp, kind)(encoder_weights=None, **options), {**options, "_model_class": kind}


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SMP])
def test_a_row_of_smps_loads_whole(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, *_, **__: tensor)  # numbers do not matter here
    peer, settings = of_smp(name)
    row = PUBLIC[name]
    assert sum(p.numel() for p in peer.parameters()) == row.parameters
    state = {key: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) for key, tensor in peer.state_dict().items()}
    torch.save(state, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(settings))
    found = load_foreign(tmp_path, **row.options)
    assert found.num_classes == CLASSES[row.labels]
    assert (found.report.left, found.report.missing) == ({}, ())
    assert sum(p.numel() for p in found.network.parameters()) == row.parameters


def of_rows() -> list[Any]:
    """The rows of SegFormer and of `LIGHT`, each size once: name, network, options; all but the smallest are slow."""
    found: dict[str, Any] = {}
    for name, row in PUBLIC.items():
        kind, _, encoder = row.network.partition(", ")
        source = name.partition(":")[0]
        if kind == "SegFormer" and source in ("hf", "mmseg"):
            wide = source == "hf" and encoder[-1] not in "01"
            ours = "transformers_segformer" if source == "hf" else "mmseg_segformer"
            options = {"encoder": encoder.lower().replace("-", "_"), "channels": 768 if wide else 256}
        elif row.network in LIGHT and source == "mmseg":
            ours, options = LIGHT[row.network]
        else:
            continue
        slow = [pytest.mark.slow] if row.parameters > 3_753_000 else []
        found[f"{source}{row.network}{row.labels}{row.parameters}"] = pytest.param(
            name, ours, options, id=name, marks=slow
        )
    return list(found.values())


@pytest.mark.parametrize(("name", "ours", "options"), of_rows())
def test_a_row_has_as_many_parameters_as_is_said(name: str, ours: str, options: dict[str, Any]) -> None:
    row = PUBLIC[name]
    with torch.device("meta"):
        network = build(ours, CLASSES[row.labels], **options)
    assert sum(p.numel() for p in network.parameters()) == row.parameters
