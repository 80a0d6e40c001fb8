"""A classifier that became a dense network: the same numbers as the classifier, at one window and at every place."""

from pathlib import Path

import pytest
import torch
from torch import nn

from intarsia import checkpoint as files
from intarsia.checkpoint import Checkpoint
from intarsia.checkpoint.dense import kernel
from intarsia.errors import CheckpointError, ModelError
from intarsia.labels import LabelSpace
from intarsia.models import build
from intarsia.structures import SemanticLogits

SPACE = LabelSpace(("cat", "dog", "owl"))
OPTIONS = {"classifier": {"encoder": "resnet10t"}, "vgg_classifier": {"channels": (4, 8, 8, 16, 16, 32)}}


def classifier(name: str, space: LabelSpace = SPACE) -> tuple[nn.Module, Checkpoint]:
    torch.manual_seed(0)
    network = build(name, space.head_size, **OPTIONS[name]).eval()
    for head in ("classify", "score"):
        if hasattr(network, head):
            nn.init.normal_(getattr(network, head).weight)
    weights = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    half = (0.5, 0.5, 0.5)
    recipe = {"task": "classification"}
    stored = Checkpoint(name, OPTIONS[name], space, 3, half, half, weights, recipe, calibration={"temperature": 2.0})
    return network, stored


@torch.no_grad()
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_the_mean_of_the_maps_is_the_classifiers_score(stride: int) -> None:
    """Of strides below 32 the encoder's features differ, and the head is the same."""
    network, stored = classifier("classifier")
    made = files.dense(stored, output_stride=stride)
    maps = made.build()
    image = torch.randn(2, 3, 128, 96)
    scores = maps.scores(image)
    assert scores.shape == (2, 3, 128 // stride, 96 // stride)
    (features,) = maps.encoder(image)
    expected = network.classify(features.mean(dim=(2, 3)))
    torch.testing.assert_close(scores.mean(dim=(2, 3)), expected, atol=1e-4, rtol=1e-4)
    if stride == 32:
        torch.testing.assert_close(expected, network(image).logits, atol=1e-4, rtol=1e-4)
    assert type(maps(image)) is SemanticLogits and maps(image).logits.shape == (2, 3, 128, 96)


@torch.no_grad()
def test_a_picture_of_one_window_gets_the_classifiers_answer_in_its_middle() -> None:
    network, stored = classifier("classifier")
    maps = files.dense(stored, window=3).build()
    image = torch.randn(2, 3, 96, 96)  # a last map of 3x3, which the window covers around its middle alone
    torch.testing.assert_close(maps.scores(image)[:, :, 1, 1], network(image).logits, atol=1e-4, rtol=1e-4)
    small = torch.randn(2, 3, 32, 32)  # of one place, which is the answer everywhere
    expected = network(small).logits[..., None, None].expand(-1, -1, 32, 32)
    torch.testing.assert_close(maps(small).logits, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_every_place_is_the_head_slid_over_the_last_map() -> None:
    network, stored = classifier("classifier")
    maps = files.dense(stored, window=3).build()
    image = torch.randn(1, 3, 150, 230)
    (features,) = network.encoder(image)
    scores = maps.scores(image)
    height, width = features.shape[-2:]
    assert scores.shape[-2:] == (height, width) == (5, 8)
    for y in range(height):
        for x in range(width):
            window = features[..., max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            expected = network.classify(window.mean(dim=(2, 3)))
            torch.testing.assert_close(scores[..., y, x], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_vggs_fully_connected_layers_slide() -> None:
    network, stored = classifier("vgg_classifier")
    made = files.dense(stored)
    assert made.model == "fcn32s"
    fcn = made.build()
    one = torch.randn(2, 3, 224, 224)  # a map of 7x7: the kernel fits once, in its middle
    torch.testing.assert_close(fcn.score(fcn.encoder(one)[-1])[..., 3, 3], network(one).logits, atol=1e-4, rtol=1e-4)
    image = torch.randn(1, 3, 288, 320)
    (pool5,) = network.encoder(image)
    scores = fcn.score(fcn.encoder(image)[-1])
    assert scores.shape[-2:] == pool5.shape[-2:] == (9, 10)
    for y in range(3):
        for x in range(4):
            flat = pool5[..., y : y + 7, x : x + 7].flatten(1)
            expected = network.score(network.fc7(network.fc6(flat).relu()).relu())
            torch.testing.assert_close(scores[..., y + 3, x + 3], expected, atol=1e-4, rtol=1e-4)
    assert fcn(image).logits.shape == (1, 3, 288, 320)


@torch.no_grad()
def test_without_padding_the_dense_network_is_the_classifier_slid_over_the_picture() -> None:
    """Pixels, not features: convolutions that do not pad, a fully connected layer, its kernel, and every window."""
    torch.manual_seed(0)
    look = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU())
    score = nn.Linear(8 * 4 * 4, 5)
    image = torch.randn(1, 3, 32, 28)
    dense = nn.functional.conv2d(look(image), kernel(score.weight, 4), score.bias)
    assert dense.shape[-2:] == (9, 7)  # a window of 16 pixels, every 2
    for y in range(9):
        for x in range(7):
            window = image[..., 2 * y : 2 * y + 16, 2 * x : 2 * x + 16]
            torch.testing.assert_close(dense[..., y, x], score(look(window).flatten(1)), atol=1e-5, rtol=1e-4)


def test_what_is_kept_and_what_is_not() -> None:
    _, stored = classifier("classifier")
    made = files.dense(stored, window=5)
    assert made.model == "cam" and dict(made.options) == {"encoder": "resnet10t", "window": 5}
    assert made.labels == SPACE and made.mean == stored.mean
    assert made.temperature == 1.0 and not made.recipe and made.notes["made_from"] == "classifier"


def test_two_classes_under_one_sigmoid_stay_one_map() -> None:
    space = LabelSpace(("off", "on"), activation="sigmoid")
    _, stored = classifier("classifier", space)
    assert files.dense(stored).build()(torch.zeros(1, 3, 64, 64)).logits.shape == (1, 1, 64, 64)


def test_networks_without_a_linear_head_are_refused() -> None:
    _, stored = classifier("classifier")
    fpn = build("fpn", 3, encoder="resnet10t")
    third = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    other = Checkpoint("fpn", {"encoder": "resnet10t"}, SPACE, 3, weights=fpn.state_dict(), **third)
    with pytest.raises(CheckpointError, match=r"fpn answers for each place already.*classifier or vgg_classifier"):
        files.dense(other)
    own = Checkpoint(None, {}, SPACE, 3, weights={}, **third)
    with pytest.raises(CheckpointError, match="a network of the user's own"):
        files.dense(own)
    with pytest.raises(ModelError, match=r"fcn32s, which a vgg_classifier becomes, has no window; it takes no options"):
        files.dense(classifier("vgg_classifier")[1], window=3)
    with pytest.raises(CheckpointError, match="window is 2"):
        files.dense(stored, window=2)


def test_one_command(tmp_path: Path, run_cli) -> None:
    _, stored = classifier("classifier")
    files.save(tmp_path / "c.safetensors", stored)
    out = tmp_path / "d.safetensors"
    code, said, err = run_cli("dense", tmp_path / "c.safetensors", "--out", out, "--window", 3)
    assert code == 0, err
    assert "cam with the weights of the classifier, for the classes cat, dog, owl" in said.replace("\n", " ")
    assert files.load(out).model == "cam"
    code, _, err = run_cli("dense", out, "--out", tmp_path / "e.safetensors")
    assert code == 2 and "cam answers for each place already" in err.replace("\n", " ")
    (tmp_path / "notes.safetensors").write_text("a person's own")
    code, _, err = run_cli("dense", tmp_path / "c.safetensors", "--out", tmp_path / "notes.safetensors")
    assert code == 2 and (tmp_path / "notes.safetensors").read_text() == "a person's own"
