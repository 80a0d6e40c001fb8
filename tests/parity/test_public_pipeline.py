"""A public model's labels of a photograph are those of its library's own preparation, network and argmax."""

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import intarsia
from intarsia.checkpoint import Resizing, build
from intarsia.checkpoint.foreign.public import PUBLIC
from intarsia.inference.resized import Coarse, resized

from .pinned import shapes, written


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


cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
RESOLVE = import_module("intarsia.checkpoint.resolve")
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def photograph(shared_data: Path) -> Image.Image:
    return Image.open(shared_data / "kudzu_via/train/6.jpg").convert("RGB").resize((320, 236))


def varied(score: Any, run: Callable[[], Tensor]) -> None:
    """Spread the scores of a network without training, so that many classes win somewhere in the picture."""
    nn.init.normal_(score.weight, 0, 0.5, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        score.bias.copy_(score.bias - run().mean((0, 2, 3)))


def tensor(pixels: Any) -> Tensor:
    """A picture [h, w, 3] of bytes as normalized numbers [1, 3, h, w]."""
    return torch.from_numpy((pixels / 255 - MEAN) / STD).float().permute(2, 0, 1)[None]


def agree(got: Any, want: Tensor) -> None:
    labels = want.argmax(1)[0].numpy()
    assert len(np.unique(labels)) > 5
    assert (got == labels).mean() >= 0.9999


def test_labels_of_a_photograph_are_segmentation_models_pytorchs(
    smp: Any, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "smp:smp-hub/segformer-b0-512x512-ade-160k"
    monkeypatch.setitem(PUBLIC, name, PUBLIC[name]._replace(pipeline=PUBLIC[name].pipeline._replace(
        resize=Resizing(size=(192, 192), antialias=False))))  # fmt: skip
    monkeypatch.setattr(RESOLVE, "from_hub", lambda *_: tmp_path)
    photo = np.asarray(photograph(shared_data))
    peer = smp.Segformer("mit_b0", encoder_weights=None, classes=150, decoder_segmentation_channels=256).eval()
    told = {
        "mean": list(MEAN),
        "std": list(STD),
        "input_space": "RGB",
        "input_range": [0, 1],
    }  # of the library's ImageNet weights
    small = smp.encoders._preprocessing.preprocess_input(cv2.resize(photo, (192, 192)), **told)
    prepared = torch.from_numpy(small).float().permute(2, 0, 1)[None]
    varied(peer.segmentation_head[0], lambda: peer(prepared))
    torch.save(peer.state_dict(), tmp_path / "pytorch_model.bin")
    with torch.inference_mode():
        want = F.interpolate(peer(prepared), photo.shape[:2], mode="bilinear")
    agree(intarsia.Predictor.load(name)(photo).labels, want)


def test_labels_of_a_photograph_are_those_of_mmsegmentations_steps(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mmsegmentation cannot be imported: its steps are written out, around the network whose answers are pinned."""
    name = "mmseg:fast_scnn_8xb4-160k_cityscapes-512x1024"
    rule = PUBLIC[name].pipeline.resize._replace(shorter=192, longest=384)  # type: ignore[union-attr]
    monkeypatch.setitem(PUBLIC, name, PUBLIC[name]._replace(pipeline=PUBLIC[name].pipeline._replace(resize=rule)))
    monkeypatch.setattr(RESOLVE, "from_address", lambda *_: tmp_path / "a.pth")
    state = written(shapes("mmsegmentation", "fast_scnn_body", "fast_scnn"))
    torch.save(state, tmp_path / "a.pth")
    network: Any = intarsia.load_foreign(tmp_path / "a.pth").network
    photo = np.asarray(photograph(shared_data))
    height, width = photo.shape[:2]
    factor = min(192 / min(height, width), 384 / max(height, width))  # mmcv.imrescale
    size = int(width * factor + 0.5), int(height * factor + 0.5)
    prepared = tensor(cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR))
    score = network.classify.score
    varied(score, lambda: network(prepared).logits)
    trained = {f"decode_head.conv_seg.{key}": value.detach() for key, value in score.named_parameters()}
    torch.save(state | trained, tmp_path / "a.pth")
    with torch.inference_mode():
        want = F.interpolate(network(prepared).logits, (height, width), mode="bilinear")
    agree(intarsia.Predictor.load(name)(photo).labels, want)


@pytest.mark.parametrize("source", ["a public row", "a file that says so itself"])
def test_labels_of_a_photograph_are_those_of_transformers_steps(
    source: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its processor resizes with Pillow, and brings the network's coarse scores to the picture's size in one step."""
    name = "hf:nvidia/segformer-b0-finetuned-ade-512-512"
    rule = Resizing(size=(160, 192), direct=True)
    monkeypatch.setitem(PUBLIC, name, PUBLIC[name]._replace(pipeline=PUBLIC[name].pipeline._replace(resize=rule)))
    monkeypatch.setattr(RESOLVE, "from_hub", lambda *_: tmp_path)
    network = build("transformers_segformer", 150, encoder="mit_b0", channels=256).eval()
    photo = photograph(shared_data)
    prepared = tensor(np.asarray(photo.resize((192, 160), Image.Resampling.BILINEAR)))
    coarse = Coarse(network, network.enlarge)
    varied(network.classify.score, lambda: coarse(prepared).logits)
    torch.save(_as_transformers(network.state_dict()), tmp_path / "pytorch_model.bin")
    with torch.inference_mode():
        want = F.interpolate(coarse(prepared).logits, (236, 320), mode="bilinear")
    if source == "a public row":
        agree(intarsia.Predictor.load(name)(photo).labels, want)
        return
    told = {"id2label": {str(n): f"thing {n}" for n in range(150)}, "model_type": "segformer"}
    (tmp_path / "config.json").write_text(json.dumps(told))
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 160, "width": 192}, "image_mean": [*MEAN], "image_std": [*STD], "resample": 2})
    )
    predictor = intarsia.Predictor.load(tmp_path)
    assert predictor.labels.names[7] == "thing 7"
    agree(predictor(photo).labels, want)


def _as_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under transformers' names, keys and values apart."""
    found: dict[str, Tensor] = {}
    body = (
        (r"encoder\.body\.stages\.(\d)\.blocks\.(\d+)\.", r"segformer.encoder.block.\1.\2."), (r"\.norm(\d)\.", r".layer_norm_\1."),
        (r"attend\.query", "attention.self.query"), (r"attend\.shrink", "attention.self.sr"), (r"attend\.norm", "attention.self.layer_norm"),
        (r"attend\.project", "attention.output.dense"), (r"mix\.widen", "mlp.dense1"), (r"mix\.look", "mlp.dwconv.dwconv"),
        (r"mix\.narrow", "mlp.dense2"), (r"encoder\.body\.stages\.(\d)\.project", r"segformer.encoder.patch_embeddings.\1.proj"),
        (r"encoder\.body\.stages\.(\d)\.norm_patches", r"segformer.encoder.patch_embeddings.\1.layer_norm"),
        (r"encoder\.body\.stages\.(\d)\.norm", r"segformer.encoder.layer_norm.\1"), (r"^project\.(\d)", r"decode_head.linear_c.\1.proj"),
        (r"^fuse\.conv", "decode_head.linear_fuse"), (r"^fuse\.norm", "decode_head.batch_norm"), (r"^classify\.score", "decode_head.classifier"),
    )  # fmt: skip
    for key, value in state.items():
        for pattern, name in body:
            key = re.sub(pattern, name, key)
        if "attend.key_value" in key:
            for part, half in zip(("key", "value"), value.chunk(2), strict=True):
                found[key.replace("attend.key_value", f"attention.self.{part}")] = half
        else:
            found[key] = value.flatten(1) if ".linear_c." in key and value.dim() == 4 else value
    return found


def test_pictures_are_resized_as_opencv_does() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (47, 64, 3), dtype=np.uint8)
    rule = Resizing(size=(33, 90), antialias=False)
    for height, width in ((33, 90), (92, 31), (94, 128), (24, 32), (1, 1)):
        made = resized(torch.from_numpy(noise).permute(2, 0, 1)[None], rule._replace(size=(height, width)))
        want = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
        assert np.abs(made[0].permute(1, 2, 0).numpy().astype(int) - want).max() <= (
            0 if (height, width) != (1, 1) else 1
        )


def test_a_processor_that_keeps_shapes_still_says_mean_and_deviation() -> None:
    from intarsia.checkpoint.foreign.transformers import PREPARED, pipeline_of

    told = {"size": {"shortest_edge": 512}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.1]}
    found = pipeline_of({PREPARED: told})
    assert (found.mean, found.std, found.resize) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1), None)
    assert pipeline_of({PREPARED: told | {"do_rescale": False}}).mean is None  # values of 0..255: another scale
