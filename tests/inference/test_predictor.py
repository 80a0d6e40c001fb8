"""Any picture in, the classes of its own pixels out; what cannot be used is told and loses nothing else."""

import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from intarsia import models
from intarsia.checkpoint import Checkpoint, save
from intarsia.data.files.codecs import read_labels
from intarsia.errors import CheckpointError, DataError, ModelError
from intarsia.inference import Prediction, Predictor, Torch, uncertainty
from intarsia.labels import LabelSpace
from intarsia.structures import ClassLogits, DepthMap, Labels, PanopticLogits, SemanticLogits

COLORS = LabelSpace(("red", "green", "blue"), colors=("#ff0000", "#00ff00", "#0000ff"))
HALF = (0.5, 0.5, 0.5)


class Strongest(nn.Module):
    """Which channel is the strongest: a network whose answer is known."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        nn.init.eye_(self.mix.weight[:, :, 0, 0])

    def forward(self, image: Tensor) -> SemanticLogits:
        return SemanticLogits(self.mix(image))


class Scores(nn.Module):
    """A network that returns what it is told to."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, image: Tensor) -> object:
        return self.output(image) if callable(self.output) else self.output


@pytest.fixture
def predictor() -> Predictor:
    return Predictor.of_network(Strongest(), COLORS, HALF, HALF)


def picture(height: int = 5, width: int = 7, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, channels)).astype(dtype)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 33), (64, 48)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_labels_have_the_pictures_own_size_and_the_right_classes(predictor, size, dtype):
    pixels = picture(*size, dtype=dtype)
    found = predictor(pixels)
    assert found.labels.dtype == np.uint8
    assert found.labels.tolist() == pixels.argmax(axis=2).tolist()
    assert found.image is pixels


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_any_number_of_channels(channels):
    names = tuple(f"c{n}" for n in range(max(2, channels)))
    net = Scores(lambda x: torch.cat([x, -x], 1) if channels == 1 else x)
    predict = Predictor.of_network(net, LabelSpace(names), (0.5,) * channels, (1.0,) * channels, in_channels=channels)
    pixels = picture(channels=channels)
    expected = pixels[..., 0] < 127.5 if channels == 1 else pixels.argmax(axis=2)
    assert predict(pixels).labels.tolist() == expected.astype(int).tolist()


def test_all_ways_to_hand_over_a_picture_agree(predictor, tmp_path):
    pixels = picture()
    Image.fromarray(pixels).save(tmp_path / "street.png")
    read_only = pixels.copy()
    read_only.flags.writeable = False
    ways = [
        tmp_path / "street.png", str(tmp_path / "street.png"), Image.fromarray(pixels), pixels, read_only, pixels[::-1][::-1],
        torch.from_numpy(pixels).permute(2, 0, 1), np.asfortranarray(pixels),
    ]  # fmt: skip
    for way in ways:
        assert (predictor(way).labels == pixels.argmax(axis=2)).all()
    assert (predictor(ways[0]).name, predictor(ways[0]).path) == ("street", tmp_path / "street.png")
    assert (predictor(pixels).name, predictor(pixels).path) == ("image", None)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_pillow_is_read_or_refused_in_a_sentence(predictor, mode):
    if mode == "I;16":
        image, expected = Image.fromarray(picture(channels=1, dtype=np.uint16)[..., 0]), 0
    else:
        color = Image.new("RGB", (3, 2), (255, 255, 0) if mode in ("P", "RGB", "RGBA") else (255, 255, 255))
        image, expected = color.convert(mode), 0
    found = predictor(image)
    assert found.labels.shape == image.size[::-1]
    assert (found.labels == expected).all()
    assert bool(found.note) == (mode not in ("P", "RGB"))


def test_normalization_is_that_of_the_training():
    seen: list[Tensor] = []
    predict = Predictor.of_network(Scores(lambda x: seen.append(x) or x), COLORS, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    predict(np.full((2, 2, 3), 51, np.uint8))
    predict(np.full((2, 2, 3), 13107, np.uint16))
    for x in seen:
        assert x.dtype == torch.float32
        torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([0.2, 0.0, -0.05]))


def test_the_network_is_in_eval_mode_and_without_gradients_whatever_happened_to_it():
    net = nn.Sequential(nn.Dropout(0.99), Strongest())
    seen: list[bool] = []
    net.register_forward_pre_hook(lambda *_: seen.append(net.training or torch.is_grad_enabled()))
    predict = Predictor.of_network(net, COLORS, HALF, HALF)
    net.train()
    labels = predict(picture()).labels
    assert (labels == picture().argmax(axis=2)).all()
    assert seen == [False]


def test_a_network_handed_in_keeps_its_memory_layout():
    net = nn.Conv2d(3, 3, 3, padding=1)
    Predictor.of_network(net, COLORS, HALF, HALF)(picture())
    assert net.weight.is_contiguous()
    last = nn.Conv2d(3, 3, 3, padding=1).to(memory_format=torch.channels_last)
    seen: list[bool] = []
    last.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))
    )
    Predictor.of_network(last, COLORS, HALF, HALF)(picture())
    assert seen == [True]
    assert last.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_batch_equals_its_pictures_one_by_one(predictor):
    batch = torch.from_numpy(np.stack([picture(seed=n) for n in range(3)])).permute(0, 3, 1, 2)
    together = torch.stack([answer.classes for answer in predictor.run(batch)])
    assert together.shape == (3, 5, 7)
    assert together.dtype == torch.uint8
    for n in range(3):
        assert torch.equal(together[n], predictor.run(batch[n : n + 1])[0].classes)
    scores = predictor.logits(batch)
    assert (scores.shape, scores.dtype) == ((3, 3, 5, 7), torch.float32)


def test_one_sigmoid_map_and_more_than_255_classes():
    two = LabelSpace(("ground", "disk"), activation="sigmoid")
    predict = Predictor.of_network(Scores(lambda x: x[:, :1]), two, HALF, HALF)
    pixels = picture()
    assert (predict(pixels).labels == (pixels[..., 0] > 127)).all()
    many = LabelSpace(tuple(f"c{n}" for n in range(300)))
    high = Scores(
        lambda x: (
            torch.nn.functional.one_hot(torch.full_like(x[:, 0], 255, dtype=torch.long), 300)
            .permute(0, 3, 1, 2)
            .float()
        )
    )
    labels = Predictor.of_network(high, many, HALF, HALF)(pixels).labels
    assert labels.dtype == np.uint16
    assert (labels == 255).all()


def test_reduced_precision_returns_float32_scores_and_nearly_the_same_labels():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 1))
    image = torch.from_numpy(picture(40, 40)).permute(2, 0, 1)[None]
    full, half = (
        Predictor.of_network(net, COLORS, HALF, HALF, precision=p).logits(image) for p in ("float32", "bfloat16")
    )
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    torch.testing.assert_close(full, half, rtol=0.05, atol=0.05)


# channels


@pytest.mark.parametrize(
    ("have", "want", "note"),
    [
        (1, 3, "gray was repeated"),
        (4, 3, "opaque alpha"),
        (2, 1, "opaque alpha"),
        (2, 3, "opaque alpha channel was left out; gray was"),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lossless_changes_of_channels_are_made_and_said(have, want, note, dtype):
    pixels = picture(channels=have, dtype=dtype)
    if have in (2, 4):
        pixels[..., -1] = np.iinfo(dtype).max
    net = Scores(lambda x: torch.cat([x, x], 1)[:, :3] if want == 1 else x)
    seen: list[Tensor] = []
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    space = COLORS if want == 3 else LabelSpace(("a", "b"))
    found = Predictor.of_network(net, space, (0.0,) * want, (1.0,) * want, in_channels=want)(pixels)
    assert note in found.note
    kept = pixels[..., :want] if have > want else pixels[..., :1].repeat(want, axis=2)
    torch.testing.assert_close(seen[0][0].permute(1, 2, 0).numpy(), (kept / np.iinfo(dtype).max).astype(np.float32))
    assert found.image is pixels


def test_a_gray_picture_saved_in_color_fits_a_gray_network_and_a_colored_one_does_not():
    predict = Predictor.of_network(
        Scores(lambda x: torch.cat([x, -x], 1)), LabelSpace(("a", "b")), (0.5,), (1.0,), in_channels=1
    )
    gray = picture(channels=1)
    assert (predict(gray.repeat(3, axis=2)).labels == predict(gray).labels).all()
    assert "equal channels" in predict(gray.repeat(3, axis=2)).note
    with pytest.raises(DataError, match="in color, and the network was trained on gray ones; convert it to gray first"):
        predict(picture())


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (picture(channels=4), ("alpha", "not opaque in", "background")),
        (picture(channels=5), ("5 channels", "trained on 3")),
        (picture(channels=3).transpose(2, 0, 1), ("7 channels", "[H, W, C]")),
        (np.zeros((4, 4, 3), np.float32), ("float32", "raw values", "normalizes")),
        (np.zeros((4, 4, 3), np.int64), ("int64",)),
        (np.full((4, 4, 3), 70000, np.int32), ("int32", "70000")),
        (np.zeros((0, 4, 3), np.uint8), ("(0, 4, 3)", "empty")),
        (np.zeros((1, 4, 4, 3), np.uint8), ("(1, 4, 4, 3)",)),
        (torch.zeros(3, 4, 4), ("float32",)),
        (Image.new("CMYK", (2, 2)), ("CMYK",)),
        (17, ("int is no picture", "path")),
        (None, ("NoneType",)),
    ],
)
def test_pictures_that_cannot_be_used(predictor, pixels, words):
    with pytest.raises(DataError) as error:
        predictor(pixels)
    assert all(word in str(error.value) for word in words), error.value


def test_files_that_cannot_be_used_are_named(predictor, tmp_path):
    (tmp_path / "words.png").write_text("these are words")
    whole = tmp_path / "whole.jpg"
    Image.fromarray(picture(64, 64)).save(whole)
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:700])
    Image.fromarray(picture(channels=4)).save(tmp_path / "alpha.png")
    for name, words in (
        ("words.png", "text file"),
        ("cut.jpg", "truncated"),
        ("alpha.png", "not opaque"),
        ("none.png", "no such file"),
    ):
        with pytest.raises(DataError, match=words) as error:
            predictor(tmp_path / name)
        assert str(error.value).startswith(str(tmp_path / name))
        assert str(error.value).count(name) == 1


# networks


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (lambda x: x[:, :2], ("[1, 2, 5, 7]", "[1, 3, 5, 7]", "3 classes")),
        (lambda x: x[..., :3], ("[1, 3, 5, 3]", "B x 3 x H x W")),
        (lambda x: {"scores": x}, ("dict", "'scores'", "SemanticLogits")),
        (lambda x: x * float("nan"), ("NaN", "weights are broken")),
    ],
)
def test_networks_whose_output_is_no_scores(output, words):
    with pytest.raises(ModelError) as error:
        Predictor.of_network(Scores(output), COLORS, HALF, HALF)(picture())
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
)
def test_too_large_a_picture_is_told_in_a_sentence(problem):
    def full(_: Tensor) -> None:
        raise problem

    with pytest.raises(
        DataError,
        match="a picture of 7 x 5 pixels does not fit into the memory of cpu with this network; predict it in smaller windows",
    ):
        Predictor.of_network(Scores(full), COLORS, HALF, HALF)(picture())


def test_other_errors_of_a_network_stay_what_they_are():
    def broken(_: Tensor) -> None:
        raise RuntimeError("my own mistake")

    with pytest.raises(RuntimeError, match="my own mistake"):
        Predictor.of_network(Scores(broken), COLORS, HALF, HALF)(picture())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"precision": "bfloat"}, ("bfloat", "bfloat16")),
        ({"device": "cuda:99"}, ("cuda:99",)),
        ({"device": "cdua"}, ("cdua", "'cuda'")),
        ({"in_channels": 4}, ("3 numbers", "4 channels")),
    ],
)
def test_predictors_that_cannot_be(more, words):
    with pytest.raises(ModelError) as error:
        Predictor.of_network(Strongest(), COLORS, HALF, HALF, **more)
    assert all(word in str(error.value) for word in words), error.value


# loading


def test_load_builds_the_network_of_the_checkpoint_and_answers_as_it_did(tmp_path):
    torch.manual_seed(0)
    options = {"encoder": "resnet18", "channels": 16}
    net = models.build("fpn", 3, **options)
    file = save(
        tmp_path,
        Checkpoint("fpn", options, COLORS, 3, HALF, HALF, net.state_dict(), recipe={"seed": 7}, protocol="voc"),
    )
    loaded, by_hand = Predictor.load(tmp_path, device="cpu"), Predictor.of_network(net, COLORS, HALF, HALF)
    pixels = picture(97, 131)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    torch.testing.assert_close(loaded.logits(image), by_hand.logits(image), rtol=1e-4, atol=1e-4)
    assert (loaded(pixels).labels == by_hand(pixels).labels).mean() > 0.999
    assert loaded.checkpoint.protocol == "voc"
    assert loaded.checkpoint.recipe == {"seed": 7}
    assert not loaded.checkpoint.weights
    assert Predictor.load(file).labels == COLORS


def test_load_takes_a_network_of_the_users_own(tmp_path):
    file = save(tmp_path / "a.safetensors", Checkpoint(None, {}, COLORS, 3, HALF, HALF, Strongest().state_dict()))
    net = Strongest()
    nn.init.zeros_(net.mix.weight)
    assert (Predictor.load(file, model=net)(picture()).labels == picture().argmax(axis=2)).all()
    with pytest.raises(CheckpointError, match="model=MyNet"):
        Predictor.load(file)


# streams


def folder_of(tmp_path: Path, count: int) -> list[Path]:
    paths = [tmp_path / f"{n:03}.png" for n in range(count)]
    for n, path in enumerate(paths):
        Image.fromarray(picture(4 + n % 3, 6, seed=n)).save(path)
    return paths


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_stream_is_in_order_and_equals_single_calls(predictor, tmp_path, workers):
    paths = folder_of(tmp_path, 9)
    found = list(predictor.stream(paths, workers=workers))
    assert [p.path for p in found] == paths
    for path, prediction in zip(paths, found, strict=True):
        assert (prediction.labels == predictor(path).labels).all()
    assert list(predictor.stream([], workers=workers)) == []


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_broken_file_in_the_middle_loses_no_other(predictor, tmp_path, workers):
    paths = folder_of(tmp_path, 7)
    paths[3].write_text("these are words")
    Image.fromarray(picture(channels=4)).save(paths[5])
    failed: list[tuple[str, str]] = []
    found = list(predictor.stream(paths, workers=workers, failed=lambda path, error: failed.append((path, str(error)))))
    assert [p.path for p in found] == [p for n, p in enumerate(paths) if n not in (3, 5)]
    assert [path for path, _ in failed] == [str(paths[3]), str(paths[5])]
    assert "text file" in failed[0][1]
    assert "alpha" in failed[1][1]


def test_without_a_listener_a_broken_file_raises_after_those_before_it(predictor, tmp_path):
    paths = folder_of(tmp_path, 5)
    paths[2].write_bytes(b"")
    found: list[Prediction] = []
    with pytest.raises(DataError, match="is empty"):
        found.extend(predictor.stream(paths, workers=2))
    assert [p.path for p in found] == paths[:2]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_a_stream_holds_few_pictures_and_takes_an_endless_source(predictor, workers, monkeypatch):
    known: list[weakref.ref[np.ndarray]] = []
    most = drawn = 0

    class Pixels(np.ndarray):
        """An array that can be watched."""

    def read(_: object) -> np.ndarray:
        pixels = picture().view(Pixels)
        known.append(weakref.ref(pixels))
        return pixels

    monkeypatch.setattr("intarsia.inference.reading.read", read)

    def endless():
        nonlocal drawn
        while True:
            drawn += 1
            yield f"{drawn}.png"

    stream = predictor.stream(endless(), workers=workers)
    for n in range(20):
        prediction = next(stream)
        del prediction
        most = max(most, sum(reference() is not None for reference in known))
        assert drawn <= n + 1 + workers + 1
    stream.close()
    assert most <= workers + 2
    assert not [
        t
        for t in threading.enumerate()
        if "ThreadPool" in t.name and t.is_alive() and t.join(5) is None and t.is_alive()
    ]


# predictions


def test_a_prediction_counts_draws_and_saves(predictor, tmp_path):
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[..., 0] = 200
    pixels[0, :, 1] = 250
    found = predictor(pixels)
    assert found.shares() == {"red": 0.75, "green": 0.25, "blue": 0.0}
    sheet = found.overlay()
    assert sheet.mode == "RGB"
    assert sheet.width > 5
    assert found.colorize().size == (5, 4)
    file = found.save(tmp_path / "deep" / "er" / "a.png")
    with Image.open(file) as image:
        assert image.mode == "P"
        assert (np.asarray(image) == found.labels).all()
        assert np.asarray(image.convert("RGB"))[0, 0].tolist() == [0, 255, 0]
    assert (read_labels(file, COLORS) == found.labels).all()


def test_labels_beyond_255_classes_are_saved_as_16_bit(tmp_path):
    space = LabelSpace(tuple(f"c{n}" for n in range(300)))
    labels = np.array([[0, 255, 299, 65535]], np.uint16)
    found = Prediction(Labels(torch.from_numpy(labels)), space, np.zeros((1, 4, 3), np.uint8))
    with Image.open(found.save(tmp_path / "a.png")) as image:
        assert (np.asarray(image) == labels).all()
    assert sum(found.shares().values()) == 0.75  # of ignored pixels there is no class


def test_places_where_labels_cannot_be_saved(predictor, tmp_path):
    found = predictor(picture())
    with pytest.raises(DataError, match=r"labels are written as \.png; name it a\.png"):
        found.save(tmp_path / "a.jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        found.save(tmp_path / "file" / "a.png")


def test_real_pictures_keep_their_size(shared_data):
    torch.manual_seed(0)
    names = tuple(f"c{n}" for n in range(21))
    net = models.build("fpn", 21, encoder="resnet18", channels=16)
    predict = Predictor.of_network(net, LabelSpace(names), net.encoder.mean, net.encoder.std)
    files = sorted((shared_data / "voc2012_sample" / "JPEGImages").glob("*.jpg"))[:2]
    for found in predict.stream(files):
        with Image.open(found.path) as image:
            assert found.labels.shape == image.size[::-1]
        assert sum(found.shares().values()) == pytest.approx(1)


# engines


def test_any_function_is_an_engine() -> None:
    """A threshold in NumPy, say: raw integers in, scores out; everything above it stays as it is."""

    def threshold(image: torch.Tensor) -> SemanticLogits:
        bright = image.float().mean(dim=1, keepdim=True) / 255 - 0.5
        return SemanticLogits(torch.cat((-bright, bright), dim=1))

    space = LabelSpace(("dark", "bright"))
    by_function = Predictor(threshold, space)
    network = Scores(lambda x: torch.cat((0.5 - x.mean(1, keepdim=True), x.mean(1, keepdim=True) - 0.5), 1))
    by_network = Predictor(Torch(network, (0.0,) * 3, (1.0,) * 3), space)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    assert (by_function(pixels).labels == by_network(pixels).labels).all()
    image = torch.as_tensor(pixels.transpose(2, 0, 1).copy())[None]
    assert torch.allclose(by_function.probabilities(image), by_network.probabilities(image), atol=1e-6)
    assert (by_function.device.type, by_function.precision) == ("cpu", "float32")
    assert uncertainty(by_function, image, "tta").shape == (1, 7, 9)
    with pytest.raises(ModelError, match="needs a network in PyTorch, and the predictor runs threshold"):
        uncertainty(by_function, image, "mc-dropout")


def test_an_engines_scores_are_checked_too() -> None:
    space = LabelSpace(("a", "b", "c"))
    wrong = Predictor(lambda image: SemanticLogits(image[:, :2].float()), space)
    with pytest.raises(ModelError, match=r"scores of shape \[1, 2, 4, 5\] where \[1, 3, 4, 5\] is needed"):
        wrong(np.zeros((4, 5, 3), np.uint8))
    empty = Predictor(lambda image: SemanticLogits(image.float() * float("nan")), space)
    with pytest.raises(ModelError, match="scores that are no numbers"):
        empty(np.zeros((4, 5, 3), np.uint8))


def test_a_network_alone_is_no_engine() -> None:
    with pytest.raises(
        ModelError, match=r"Conv2d is a network, .*give Predictor\.of_network\(model, labels, mean, std\)"
    ):
        Predictor(nn.Conv2d(3, 3, 1), COLORS)


def test_the_temperature_is_kept_by_whoever_decides() -> None:
    engine = Torch(Scores(lambda x: x), HALF, HALF)
    image = torch.full((1, 3, 2, 2), 200, dtype=torch.uint8)
    image[:, 1] = 20
    sharp, soft = Predictor(engine, COLORS), Predictor(engine, COLORS, temperature=4.0)
    assert torch.equal(sharp.run(image)[0].classes, soft.run(image)[0].classes)
    assert sharp.probabilities(image).amax() > soft.probabilities(image).amax()


class Heads(nn.Module):
    """A network that returns the output it is given, a batch of one."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, _: Tensor) -> object:
        return self.output


def test_every_kind_of_output_passes_through_the_engine_and_is_answered_by_its_task() -> None:
    image = torch.zeros(1, 3, 4, 6, dtype=torch.uint8)
    tags = Predictor.of_network(Heads(ClassLogits(torch.tensor([[0.0, 2.0, 1.0]]))), COLORS, HALF, HALF)
    depth = Predictor.of_network(Heads(DepthMap(torch.full((1, 1, 4, 6), 2.5))), COLORS, HALF, HALF)
    assert type(tags.output(image)) is ClassLogits
    assert tags.run(image)[0].classes.tolist() == [1]
    assert depth.run(image)[0].meters.tolist() == [[2.5] * 6] * 4
    with pytest.raises(
        ModelError, match="Heads returns DepthMap, which has no scores of each pixel's classes; use run or output"
    ):
        depth.logits(image)


def test_a_panoptic_output_has_a_semantic_map() -> None:
    semantic = torch.randn(1, 3, 4, 6)
    output = PanopticLogits(semantic, torch.zeros(1, 1, 4, 6), torch.zeros(1, 2, 4, 6))
    found = Predictor.of_network(Heads(output), COLORS, HALF, HALF)
    assert torch.equal(found.logits(torch.zeros(1, 3, 4, 6, dtype=torch.uint8)), semantic)


def test_task_and_options_are_checked_where_the_predictor_is_made() -> None:
    for more, words in (
        ({"task": "semantics"}, "there is no task 'semantics'; did you mean 'semantic'"),
        ({"decide": {"treshold": 0.3}}, "takes no option 'treshold'; did you mean 'threshold'"),
        ({"task": "depth", "decide": {"threshold": 0.3}}, "deciding depth takes no option 'threshold'; it takes none"),
    ):
        with pytest.raises(ModelError, match=words):
            Predictor.of_network(Strongest(), COLORS, HALF, HALF, **more)
    found = Predictor.of_network(Strongest(), COLORS, HALF, HALF, task="depth")
    with pytest.raises(ModelError, match="'depth' cannot be answered by a network that returns SemanticLogits"):
        found(picture())


def test_a_checkpoint_brings_the_task_and_the_options_of_its_recipe(tmp_path) -> None:
    options = {"channels": (4, 8)}
    disk = LabelSpace(("ground", "disk"), activation="sigmoid")

    def stored(recipe: dict) -> Predictor:
        weights = models.build("unet", 1, **options).state_dict()
        return save(
            tmp_path / "a.safetensors", Checkpoint("unet", options, disk, 3, HALF, HALF, weights, recipe=recipe)
        )

    path = stored({"task": "semantic", "decide": {"threshold": 0.2, "temperature": 3.0}})
    found = Predictor.load(path, device="cpu")
    assert (found.task, found.decide, found.temperature) == ("semantic", {"threshold": 0.2}, 3.0)
    own = Predictor.load(path, device="cpu", decide={"threshold": 0.9})
    assert own.decide == {"threshold": 0.9}
    image = torch.from_numpy(picture(9, 9)).permute(2, 0, 1)[None]
    assert torch.equal(found.run(image)[0].classes, (found.probabilities(image)[0, 1] > 0.2).byte())
    with pytest.raises(ModelError, match="'panoptic' cannot be answered by a network that returns SemanticLogits"):
        Predictor.load(path, device="cpu", task="panoptic")
    with pytest.raises(ModelError, match="takes no option 'score'"):
        Predictor.load(path, device="cpu", decide={"score": 0.9})
    with pytest.raises(CheckpointError, match="a decide that is no mapping"):
        Predictor.load(stored({"decide": [1]}), device="cpu")
