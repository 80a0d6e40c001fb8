"""Checkpoints that somebody made to do harm: a sentence each, and never much memory."""

import contextlib
import copy
import json
import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from intarsia.checkpoint import Checkpoint, load, save
from intarsia.checkpoint.checksum import as_written, signed
from intarsia.checkpoint.record import whole
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES

SPACE = LabelSpace(("a", "b", "c"))


def checkpoint(name: str | None, options: dict, weights: dict[str, Tensor]) -> Checkpoint:
    return Checkpoint(name, options, SPACE, 3, (0.0,) * 3, (1.0,) * 3, weights)


def numbers(network: nn.Module) -> dict[str, Tensor]:
    return dict((*network.named_parameters(), *network.named_buffers()))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_built_without_numbers_first_is_the_usual_one(name: str) -> None:
    options = dict(ARCHITECTURES[name].smallest)
    usual = build(name, 3, **options)
    made = checkpoint(name, options, usual.state_dict()).build()
    assert not made.training
    have, want = numbers(made), numbers(usual)
    assert have.keys() == want.keys()
    for key, tensor in want.items():
        assert torch.equal(have[key], tensor), key
        assert (have[key].dtype, have[key].requires_grad) == (tensor.dtype, tensor.requires_grad), key
        assert have[key].data_ptr() != tensor.data_ptr(), f"{key} is the checkpoint's own"
    for (path, one), other in zip(made.named_modules(), usual.modules(), strict=True):
        plain = {k: v for k, v in vars(other).items() if isinstance(v, Tensor)}
        assert all(torch.equal(vars(one)[key], value) for key, value in plain.items()), path


def test_what_a_file_does_not_hold_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A buffer that is not saved, a plain tensor, and one parameter under two names each need the usual way."""

    class Holds(nn.Module):
        def __init__(self, what: str) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))
            if what == "buffer":
                self.register_buffer("computed", torch.arange(3.0), persistent=False)
            elif what == "plain":
                self.computed = torch.arange(3.0)
            elif what == "tied":
                self.again = self.weight

    for what in ("buffer", "plain", "tied", "nothing"):
        with torch.device("meta"):
            assert whole(Holds(what)) == (what == "nothing"), what
    monkeypatch.setattr(
        "intarsia.checkpoint.foreign.variants.build", lambda name, count, **options: Holds(options["what"])
    )
    for what in ("buffer", "plain", "tied", "nothing"):
        weights = {key: torch.full_like(tensor, 7) for key, tensor in Holds(what).state_dict().items()}
        made = checkpoint("fpn", {"what": what}, weights).build()
        assert made.weight.tolist() == [7, 7]
        assert what in ("tied", "nothing") or made.computed.tolist() == [0, 1, 2]
        assert what != "tied" or made.again is made.weight


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": "resnet18", "channels": 50_000}, "do not fit"),
        ({"encoder": "resnet18", "channels": 10**9}, "at most 1,000,000"),
        ({"encoder": "resnet18", "channels": 10**5000}, "more than 15 digits"),
        ({"encoder": "resnet18", "channels": float("nan")}, "at most 1,000,000"),
        ({"encoder": "resnet18" * 1000}, "more values"),
        ({"encoder": ["resnet18"] * 100_000}, "more values"),
        ({"encoder": {"a": {"b": [[[[[[[[1]]]]]]]]}}}, "more values"),
    ],
)
def test_options_that_ask_for_gigabytes(options: dict, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = build("fpn", 3, encoder="resnet18", channels=8).state_dict()
    asked: list[int] = []
    real = torch.Tensor.uniform_
    monkeypatch.setattr(
        torch.Tensor, "uniform_", lambda t, *a, **k: asked.append(t.nbytes * (not t.is_meta)) or real(t, *a, **k)
    )
    with pytest.raises(CheckpointError, match=words):
        checkpoint("fpn", options, weights).build()
    assert max(asked, default=0) == 0


def test_a_network_that_reads_numbers_while_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be built on paper, so it is built as ever, and weighed as its parameters come, before they are filled."""

    class Reads(nn.Module):
        def __init__(self, side: int) -> None:
            super().__init__()
            self.rate = torch.linspace(0, 1, 3)[1].item()
            self.weight = nn.Parameter(torch.empty(side, side))
            nn.init.ones_(self.weight)

    filled: list[int] = []
    real = nn.init.ones_
    monkeypatch.setattr(nn.init, "ones_", lambda t: filled.append(t.nbytes) or real(t))
    monkeypatch.setattr(
        "intarsia.checkpoint.foreign.variants.build", lambda name, count, **options: Reads(options["side"])
    )
    made = checkpoint("fpn", {"side": 3}, {"weight": torch.full((3, 3), 7.0)}).build()
    assert made.weight.unique().tolist() == [7] and made.rate == 0.5
    with pytest.raises(CheckpointError, match="do not belong together"):
        checkpoint("fpn", {"side": 48_000}, {"weight": torch.full((3, 3), 7.0)}).build()
    assert filled == [36]


def test_options_that_ask_for_millions_of_parts() -> None:
    weights = build("unet", 3, channels=(4, 8, 8, 16, 16)).state_dict()
    with pytest.raises(CheckpointError, match="do not belong together|do not fit"):
        checkpoint("fc_densenet56", {"layers": [900] * 11}, weights).build()


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "a.safetensors"
    return save(path, checkpoint(None, {}, {"w": torch.ones(2)}))


def rewritten(honest: Path, path: Path, header: bytes) -> Path:
    content = honest.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
    return path


def header_of(honest: Path) -> dict:
    content = honest.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])


@pytest.mark.parametrize("length", [0, 1, 10**8 + 1, 2**31, 2**63, 2**64 - 1])
def test_lengths_of_headers(honest: Path, tmp_path: Path, length: int) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", length) + honest.read_bytes()[8:])
    with pytest.raises(CheckpointError):
        load(tmp_path / "a.safetensors")


NESTED = "[" * 50_000 + "]" * 50_000
DIGITS = "1" * 5_000


@pytest.mark.parametrize(
    "text", [NESTED, DIGITS, f'{{"format": {DIGITS}}}', f'{{"format": 1, "model": {NESTED}}}', "[]", "1e400", '"']
)
def test_descriptions_and_headers_that_are_no_plain_json(honest: Path, tmp_path: Path, text: str) -> None:
    tree = header_of(honest)
    tree["__metadata__"]["intarsia"] = text
    inside = rewritten(honest, tmp_path / "inside.safetensors", json.dumps(tree).encode())
    around = rewritten(honest, tmp_path / "around.safetensors", f'{{"__metadata__": {text}}}'.encode())
    for path in (inside, around):
        with pytest.raises(CheckpointError) as error:
            load(path)
        assert len(str(error.value)) < 400


WRONG = [
    None,
    True,
    5,
    -1,
    1e308,
    "x",
    "\x1b[2J",
    [],
    {},
    [[]],
    ["x"],
    [None],
    {"a": []},
    {"": {}},
    [1e308] * 3,
    [10**400] * 3,
]
PLACES = [
    *((key,) for key in ("format", "model", "options", "labels", "in_channels", "mean", "std", "recipe", "protocol",
                         "data_hash", "notes", "progress", "calibration")),
    *(("labels", key) for key in ("classes", "colors", "values", "activation")),
    ("calibration", "temperature"), ("recipe", "data"),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_key_of_every_wrong_kind(honest: Path, tmp_path: Path, place: tuple[str, ...]) -> None:
    header = header_of(honest)
    tree = json.loads(header["__metadata__"]["intarsia"])
    path = tmp_path / "a.safetensors"
    for value in ("gone", *WRONG):
        changed = copy.deepcopy(tree)
        node = changed[place[0]] if len(place) > 1 else changed
        if value == "gone":
            node.pop(place[-1], None)
        else:
            node[place[-1]] = value
        header["__metadata__"]["intarsia"] = json.dumps(changed)
        rewritten(honest, path, json.dumps(header).encode())
        with contextlib.suppress(CheckpointError):  # anything else is a traceback
            load(path).build(nn.Sequential())


def test_half_of_a_character_in_a_description_is_not_what_was_written() -> None:
    whole = signed('{"format": 1}', {})
    assert as_written(whole, json.loads(whole))
    spoiled = whole.replace('"format"', '"\ud800"')
    assert not as_written(spoiled, json.loads(spoiled))
