"""A checkpoint comes back bit by bit, survives what disks do, and is refused in a sentence where it must be."""

import io
import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from miniatures import miniature
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from intarsia import models
from intarsia.checkpoint import Checkpoint, load, save
from intarsia.checkpoint.file import FORMAT
from intarsia.encoders import pyramid
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace

SPACE = LabelSpace(
    ("sky", "road", "car"),
    colors=("#0000ff", "#804080", "#ff0000"),
    values={0: "sky", 7: "road", "8..9": "car", 11: "ignore"},
)


def checkpoint_of(weights: dict[str, Tensor], **more: object) -> Checkpoint:
    plain = {
        "model": None,
        "options": {},
        "labels": SPACE,
        "in_channels": 3,
        "mean": (0.1, 0.2, 0.3),
        "std": (1.0, 0.5, 0.25),
    }
    return Checkpoint(**{**plain, "weights": weights, **more})


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def test_everything_comes_back(tmp_path):
    given = checkpoint_of(
        network().state_dict(),
        model="fpn",
        options={"encoder": "resnet18", "levels": (2, 3), "channels": 96, "rate": 0.1, "none": None},
        recipe={"train": {"steps": 5}, "labels": {"values": {"7": "road"}}},
        protocol="voc",
        data_hash="abc",
        notes={"score": 0.5, "text": "Straße 道路"},
        progress={"step": 12, "best": float("inf")},
    )
    file = save(tmp_path / "a.safetensors", given)
    back = load(file)
    assert (back.model, back.in_channels, back.mean, back.std, back.labels) == ("fpn", 3, given.mean, given.std, SPACE)
    assert back.labels.to_dict() == SPACE.to_dict()
    assert back.options == {**given.options, "levels": [2, 3]}
    assert (back.recipe, back.protocol, back.data_hash, back.notes, back.progress) == (
        given.recipe, given.protocol, given.data_hash, given.notes, given.progress)  # fmt: skip
    assert set(back.weights) == set(given.weights)
    assert all(bits(back.weights[k]) == bits(given.weights[k]) for k in given.weights)


TYPES = (
    torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex64,
)  # fmt: skip


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3, 4, 5)], ids=str)
def test_state_comes_back_bit_by_bit(tmp_path, dtype, shape):
    size = torch.empty(shape, dtype=dtype).numel() * torch.empty((), dtype=dtype).element_size()
    noise = torch.randint(
        0, 2 if dtype is torch.bool else 256, (size,), dtype=torch.uint8
    )  # NaNs of every kind included
    tensor = noise.view(dtype).reshape(shape) if size else torch.empty(shape, dtype=dtype)
    save(tmp_path, checkpoint_of({}, state={"optimizer/exp_avg/0.weight": tensor}))
    assert load(tmp_path).state == {}
    back = load(tmp_path, state=True).state["optimizer/exp_avg/0.weight"]
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert bits(back) == bits(tensor)


def test_tensors_that_share_memory_or_lie_scattered_come_back_equal(tmp_path):
    whole = torch.arange(24.0)
    tied = torch.randn(4, 3, 5, 5)
    given = {
        "whole": whole, "view": whole.view(4, 6), "slice": whole[3:9], "stride": whole[::2], "turned": whole.view(4, 6).T,
        "expanded": torch.ones(1).expand(7), "tied.a": tied, "tied.b": tied, "last": tied.contiguous(memory_format=torch.channels_last),
        "leaf": nn.Parameter(whole[:2]), "negative": torch.randn(3, dtype=torch.complex64).conj().imag,
    }  # fmt: skip
    back = load(save(tmp_path / "a.safetensors", checkpoint_of(given, state=given)), state=True)
    for room in (back.weights, back.state):
        for name, tensor in given.items():
            assert torch.equal(room[name], tensor), name
            assert room[name].is_contiguous()
    assert (tmp_path / "a.safetensors").stat().st_size < 2 * 4 * (
        24 * 3 + 6 + 12 + 7 + 300 * 3 + 2 + 3
    ) + 8000  # slices, not their whole memory


def test_one_content_is_one_file(tmp_path):
    weights = network().state_dict()
    first = save(tmp_path / "a.safetensors", checkpoint_of(weights)).read_bytes()
    assert first == save(tmp_path / "b.safetensors", checkpoint_of(dict(reversed(weights.items())))).read_bytes()


def test_other_readers_list_the_weights(tmp_path):
    net = network()
    file = save(tmp_path / "a.safetensors", checkpoint_of(net.state_dict(), state={"step": torch.tensor(3)}))
    with safe_open(file, framework="np") as reader:
        assert {f"weights/{k}" for k in net.state_dict()} | {"state/step"} == set(reader.keys())
        assert (reader.get_tensor("weights/0.weight") == net[0].weight.detach().numpy()).all()
        described = json.loads(reader.metadata()["intarsia"])
    assert described["format"] == FORMAT
    assert described["labels"]["classes"] == ["sky", "road", "car"]


SMALLEST = {name: dict(entry.smallest) for name, entry in models.catalogue.ARCHITECTURES.items()}
SMALL = {name: miniature(name, options) for name, options in SMALLEST.items()}
NAMED = [pytest.param(n, o, marks=pytest.mark.slow, id=f"{n}, as named") for n, o in SMALLEST.items() if SMALL[n] != o]


@pytest.mark.parametrize(("name", "options"), [*(pytest.param(n, o, id=n) for n, o in SMALL.items()), *NAMED])
def test_every_architecture_makes_the_round_trip(tmp_path, name, options):
    torch.manual_seed(1)
    net = models.build(name, 3, in_channels=1, **options)
    given = Checkpoint(name, options, SPACE, 1, (0.5,), (0.2,), net.state_dict())
    built = load(save(tmp_path / "a.safetensors", given)).build()
    assert not built.training
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        again, before = built(image), net.eval()(image)
    assert type(again) is models.catalogue.ARCHITECTURES[name].output
    for mine, its in zip(again, before, strict=True):
        assert not isinstance(mine, torch.Tensor) or torch.equal(mine, its)


def test_a_network_of_the_users_own(tmp_path):
    net = network()
    stored = load(save(tmp_path / "a.safetensors", checkpoint_of(net.state_dict())))
    with pytest.raises(
        CheckpointError, match=r"hand the network over, as in Predictor\.load\(path, model=MyNet\(\.\.\.\)\)"
    ):
        stored.build()
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1)).train()
    built = stored.build(other)
    assert built is other
    assert not built.training
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), built.state_dict().values(), strict=True))


def test_weights_that_do_not_fit_say_which_and_change_nothing():
    small = network()
    wrong = {**small.state_dict(), "2.weight": torch.zeros(9, 4, 1, 1), "head.bias": torch.zeros(1)}
    del wrong["1.running_mean"]
    before = [t.clone() for t in small.state_dict().values()]
    with pytest.raises(CheckpointError) as error:
        checkpoint_of(wrong).build(small)
    for word in (
        "2.weight",
        "[9, 4, 1, 1]",
        "[3, 4, 1, 1]",
        "1.running_mean",
        "missing",
        "head.bias",
        "unknown",
        "3 classes",
    ):
        assert word in str(error.value), error.value
    assert all(torch.equal(a, b) for a, b in zip(before, small.state_dict().values(), strict=True))


def test_building_fetches_nothing(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "intarsia.checkpoint.foreign.variants.build", lambda name, k, **options: seen.update(options) or network()
    )
    checkpoint_of(network().state_dict(), model="fpn", options={"encoder": "resnet18", "pretrained": True}).build()
    assert seen == {"encoder": "resnet18", "pretrained": False, "in_channels": 3}
    with pytest.raises(CheckpointError, match="fetched from elsewhere"):
        checkpoint_of({}, model="fpn", options={"encoder": "hf-hub:someone/something"}).build()


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("fpm", {}, ("fpm", "'fpn'")),
        ("fpn", {"encodr": "resnet18"}, ("encodr", "encoder")),
        ("fpn", {"encoder": 3}, ("cannot be built",)),
    ],
)
def test_a_network_that_the_catalogue_does_not_have(model, options, words):
    with pytest.raises(CheckpointError) as error:
        checkpoint_of({}, model=model, options=options).build()
    assert all(word in str(error.value) for word in words), error.value


# what stands on the disk


def test_a_folder_means_its_last_file_and_is_made(tmp_path):
    deep = tmp_path / "runs" / "first"
    assert save(deep, checkpoint_of({})) == deep / "last.safetensors"
    assert load(deep).labels == SPACE
    assert save(tmp_path / "x" / "best.safetensors", checkpoint_of({})).is_file()
    assert os.listdir(deep) == ["last.safetensors"]


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_the_umask_says_who_may_read_the_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        file = save(tmp_path / "a.safetensors", checkpoint_of({}))
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask


def test_symbolic_links_stay(tmp_path):
    (tmp_path / "disk").mkdir()
    target = save(tmp_path / "disk" / "real.safetensors", checkpoint_of({}, data_hash="old"))
    link = tmp_path / "link.safetensors"
    link.symlink_to(Path("disk") / "real.safetensors")
    save(link, checkpoint_of({}, data_hash="new"))
    assert link.is_symlink()
    assert load(target).data_hash == "new"
    assert not target.is_symlink()
    folder = tmp_path / "latest"
    folder.symlink_to("disk")
    assert save(folder, checkpoint_of({})) == folder / "last.safetensors"
    assert (tmp_path / "disk" / "last.safetensors").is_file()


def test_the_previous_file_is_replaced_not_written_into(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of({"w": torch.zeros(4)}))
    held = load(file)
    with file.open("rb") as before:
        save(file, checkpoint_of({"w": torch.ones(4)}))
        assert before.read().endswith(bytes(16))
    assert held.weights["w"].sum() == 0
    assert load(file).weights["w"].sum() == 4


def test_loaded_tensors_do_not_hang_on_the_file(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of({"w": torch.arange(1000.0)}))
    held = load(file)
    with file.open("r+b") as other:  # some copy in place
        other.write(bytes(file.stat().st_size))
    assert torch.equal(held.weights["w"], torch.arange(1000.0))


FULL = """
import resource, sys, torch
from intarsia.checkpoint import Checkpoint, save
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace
new = Checkpoint(None, {}, LabelSpace(("a", "b")), 1, (0,), (1,), {"w": torch.ones(100_000)})
for room in (0, 1, 1000, 399_000):  # bytes that fit on the disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, -1))
    try:
        save(sys.argv[1], new)
    except CheckpointError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
        print(error)
"""


def test_a_full_disk_leaves_the_previous_file_and_nothing_else(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of({"w": torch.zeros(100_000)}, data_hash="old"))
    before = file.read_bytes()
    done = subprocess.run([sys.executable, "-c", FULL, file], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 4, done.stderr
    for line in done.stdout.splitlines():
        assert all(
            words in line
            for words in (str(file), "File too large", "the previous file is untouched", "free some space")
        )
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert load(file).data_hash == "old"


def test_the_new_file_is_on_the_disk_before_it_gets_its_name_and_the_folder_after(tmp_path, monkeypatch):
    done: list[str] = []
    flush, name = os.fsync, os.replace

    def fsync(number: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        flush(number)

    def replaced(source: Path, target: Path) -> None:
        done.append("name")
        name(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replaced)
    save(tmp_path / "a.safetensors", checkpoint_of({}))
    assert done == ["file", "name", "folder"]


def test_a_save_that_is_broken_off_leaves_nothing(tmp_path, monkeypatch):
    file = save(tmp_path / "a.safetensors", checkpoint_of({}, data_hash="old"))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(file, checkpoint_of({}, data_hash="new"))
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert load(file).data_hash == "old"


KILLED = """
import os, signal, sys, torch
from intarsia.checkpoint import Checkpoint, file
from intarsia.labels import LabelSpace
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
file.save(sys.argv[1], Checkpoint(None, {}, LabelSpace(("a", "b")), 1, (0,), (1,), {"w": torch.ones(9)}))
"""


def test_what_a_killed_save_left_is_swept_by_the_next(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of({}, data_hash="old"))
    assert subprocess.run([sys.executable, "-c", KILLED, file], check=False).returncode == -9
    assert len(os.listdir(tmp_path)) == 2
    assert load(file).data_hash == "old"
    save(file, checkpoint_of({}))
    assert os.listdir(tmp_path) == ["a.safetensors"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.pt", ("model.safetensors",)),
        ("pipe.safetensors", ("no ordinary file",)),
        ("file.txt/x.safetensors", ("could not be written",)),
    ],
)
def test_places_that_cannot_hold_a_checkpoint(tmp_path, name, words):
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(CheckpointError) as error:
        save(tmp_path / name, checkpoint_of({}))
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"options": {"encoder": nn.ReLU()}}, ("options.encoder", "ReLU")),
        ({"notes": {"a": [1, {"b": {1, 2}}]}}, ("notes.a[1].b", "set")),
        ({"state": {"step": 3}}, ("state['step']", "int", "progress")),
        ({"state": {"s": torch.eye(2).to_sparse()}}, ("state['s']", "sparse")),
        ({"state": {"s": torch.empty(2, device="meta")}}, ("state['s']", "meta")),
    ],
)
def test_content_that_cannot_be_kept(tmp_path, more, words):
    with pytest.raises(CheckpointError) as error:
        save(tmp_path / "a.safetensors", checkpoint_of({}, **more))
    assert all(word in str(error.value) for word in words), error.value
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mean": (0.5,)}, ("mean", "1 numbers", "3 channels")),
        ({"std": (1, 1, 0)}, ("std", "above 0")),
        ({"in_channels": 0, "mean": (), "std": ()}, ("in_channels",)),
    ],
)
def test_a_checkpoint_that_contradicts_itself(more, words):
    with pytest.raises(CheckpointError) as error:
        checkpoint_of({}, **more)
    assert all(word in str(error.value) for word in words), error.value


# strangers


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (Path("exploded"),))


def pickled(protocol: int) -> bytes:
    return pickle.dumps(Bomb(), protocol)


def zipped() -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": Bomb()}, buffer)
    return buffer.getvalue()


def header(text: str, body: bytes = b"") -> bytes:
    return len(text.encode()).to_bytes(8, "little") + text.encode() + body


def metadata(text: str) -> str:
    return json.dumps({"__metadata__": {"intarsia": text}})


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("is empty",)),
        (b"\x10\x00", ("truncated", "2 bytes")),
        (pickled(2), ("a pickle", "could run any program", "give a .safetensors file")),
        (pickled(5), ("a pickle",)),
        (zipped(), ("a pickle",)),
        (header("{}"), ("no checkpoint of intarsia", "intarsia train")),
        (header(metadata("{}"))[:-5], ("truncated", "copy it again")),
        (header(metadata("{}")[:-1]), ("header", "damaged")),
        (header("{" + '"a":[' * 100_000 + "}"), ("header", "damaged")),
        (header("[]"), ("give a",)),
        (header(metadata("no json")), ("description", "damaged")),
        (header(metadata("[" * 100_000)), ("description", "damaged")),
        (header(metadata("{}")), ("description", "damaged")),
        (header(metadata('{"format": true}')), ("description", "damaged")),
        (header(metadata('{"format": 1}')), ("model", "damaged")),
        (header(metadata('{"format": 2, "news": 1}')), ("format 2", "up to 1", "pip install --upgrade intarsia")),
    ],
    ids=range(16),
)
def test_files_that_are_no_checkpoint(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        load(tmp_path / name)
    if name == "model.safetensors":
        assert all(word in str(error.value) for word in words), error.value
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("exploded").exists()


def test_a_text_file_and_an_image_are_no_checkpoint(tmp_path):
    for content in (b"just some words, nothing else", b"\x89PNG\r\n\x1a\n and more"):
        (tmp_path / "a.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match="nor any safetensors file; give a file that `intarsia train` wrote"):
            load(tmp_path / "a.safetensors")


def test_a_file_cut_anywhere_is_refused(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of(network().state_dict()))
    whole = file.read_bytes()
    for length in (*range(40), len(whole) // 2, len(whole) - 300, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"truncated|empty|damaged"):
            load(file)
    file.write_bytes(whole + b"more")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load(file)


def test_a_strangers_safetensors_is_refused(tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "a.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="a safetensors file, but no checkpoint of intarsia"):
        load(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("key", "value"),
    [("labels", {}), ("labels", {"classes": []}), ("labels", {"classes": ["a", "a"]}), ("labels", {"classes": ["a"], "colors": ["x"]}),
     ("labels", {"classes": 3}), ("mean", []), ("mean", ["x", 1, 2]), ("std", [0, 0, 0]), ("in_channels", "3"), ("options", []), ("protocol", None)],
)  # fmt: skip
def test_a_description_that_was_tampered_with(tmp_path, key, value):
    file = save(tmp_path / "a.safetensors", checkpoint_of({"w": torch.zeros(1)}))
    with safe_open(file, framework="pt") as reader:
        tree = json.loads(reader.metadata()["intarsia"])
    del tree["checksums"]  # whoever changes a description may sign it again
    save_file({"weights/w": torch.zeros(1)}, file, {"intarsia": json.dumps({**tree, key: value})})
    with pytest.raises(CheckpointError, match="description inside the checkpoint is damaged"):
        load(file)


def test_what_is_not_there(tmp_path):
    save(tmp_path / "best.safetensors", checkpoint_of({}))
    with pytest.raises(CheckpointError, match=r"did you mean 'best\.safetensors'\?"):
        load(tmp_path / "bets.safetensors")
    with pytest.raises(CheckpointError, match=r"holds no last\.safetensors; it holds best\.safetensors"):
        load(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="train first"):
        load(tmp_path / "empty")
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load(tmp_path / "nowhere" / "at" / "all")
    (tmp_path / "photo.png").touch()
    with pytest.raises(CheckpointError, match=r"there is no checkpoint '.*runs'; choose from 'best\.safetensors'$"):
        load(tmp_path / "runs")  # neither a picture nor an empty folder is one


POISONED = """
import pickle, _pickle, sys, torch
from intarsia import checkpoint
def poison(*_, **__): raise SystemExit("something was unpickled")
for module in (pickle, _pickle):
    for name in ("load", "loads", "Unpickler"):
        setattr(module, name, poison)
pickle._Unpickler = torch.load = torch.serialization.pickle_load = poison
import builtins; builtins.eval = builtins.exec = poison
stored = checkpoint.load(sys.argv[1], state=True)
assert stored.weights["0.weight"].shape == (4, 3, 3, 3) and stored.state["step"] == 3
print("read")
"""


def test_nothing_is_unpickled(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of(network().state_dict(), state={"step": torch.tensor(3)}))
    done = subprocess.run([sys.executable, "-c", POISONED, file], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "read", done.stderr


def test_state_is_not_read_unless_asked_for(tmp_path):
    file = save(tmp_path / "a.safetensors", checkpoint_of({"w": torch.ones(2)}, state={"big": torch.zeros(10)}))
    assert load(file).state == {}
    assert replace(load(file, state=True), weights={}).state["big"].shape == (10,)


def test_a_file_from_before_calibration_loads_with_temperature_one(tmp_path):
    """The field was added without a new format: older files lack it."""
    path = save(tmp_path / "new.safetensors", checkpoint_of(network().state_dict(), calibration={"temperature": 1.7}))
    assert load(path).temperature == 1.7
    with safe_open(path, "pt") as file:
        tree = json.loads(file.metadata()["intarsia"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    del tree["calibration"], tree["checksums"]
    save_file(tensors, tmp_path / "old.safetensors", {"intarsia": json.dumps(tree)})
    old = load(tmp_path / "old.safetensors")
    assert old.temperature == 1 and old.calibration == {}
    with pytest.raises(CheckpointError, match="must be a number above 0"):
        checkpoint_of({}, calibration={"temperature": 0.0})


@pytest.mark.parametrize("encoder", ["resnet18", "regnetx_002", "mobilenetv2_035"])
def test_an_encoder_is_whole_where_a_checkpoint_is_the_first_to_ask_for_it(tmp_path: Path, encoder: str) -> None:
    """What is found out about an encoder is kept for the process: here, nothing is known of it yet.

    A ResNet adds its shortcuts in place. While its checkpoint was read, that addition was skipped, so the shortcuts seemed
    to be used by nobody and were left out: the checkpoint could not be loaded, and later networks lacked them silently.
    """
    network = models.build("fpn", 3, encoder=encoder, channels=8)
    stored = checkpoint_of(network.state_dict(), model="fpn", options={"encoder": encoder, "channels": 8})
    path = save(tmp_path / "a.safetensors", stored)
    caches = (pyramid._levels, pyramid._needs, pyramid._unused)
    for cache in caches:
        cache.cache_clear()
    again = load(path).build()
    assert again.state_dict().keys() == network.state_dict().keys()
    later = models.build("fpn", 3, encoder=encoder, channels=8)
    assert later.state_dict().keys() == network.state_dict().keys()
    image = torch.rand(1, 3, 33, 47)
    assert torch.equal(network.eval()(image).logits, again(image).logits)
