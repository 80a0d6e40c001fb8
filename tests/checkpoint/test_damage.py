"""A checkpoint whose bytes changed on the way is refused; one from before there were checksums is read."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from intarsia.checkpoint import Checkpoint, load, save
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace


def written(folder: Path, name: str = "last.safetensors") -> Path:
    torch.manual_seed(0)
    weights = {f"layer{n}.weight": torch.randn(64, 64) for n in range(3)}
    state = {"moment": torch.randn(64, 64).to(torch.bfloat16), "step": torch.tensor(3), "none": torch.zeros(0)}
    stored = Checkpoint(None, {}, LabelSpace(("a", "b")), 3, (0.5,) * 3, (0.25,) * 3, weights, state=state)
    return save(folder / name, stored)


def zeroed(file: Path, start: int, count: int) -> None:
    whole = bytearray(file.read_bytes())
    whole[start : start + count] = bytes(count)
    file.write_bytes(whole)


@pytest.mark.parametrize("name", ["last.safetensors", "best.safetensors"])
@pytest.mark.parametrize("count", [4, 4096])
def test_zeroed_bytes_in_the_middle_of_the_tensors(tmp_path: Path, name: str, count: int) -> None:
    file = written(tmp_path, name)
    assert load(file, state=True).state["step"] == 3
    zeroed(file, file.stat().st_size // 2, count)
    with pytest.raises(
        CheckpointError, match=r"damaged: tensor weights/layer\d\.weight.* not what was written; copy it"
    ):
        load(file)


def test_damage_in_the_state_is_found_by_whoever_reads_the_state(tmp_path: Path) -> None:
    file = written(tmp_path)
    with safe_open(file, "pt") as reader:
        moment = reader.get_tensor("state/moment")
    start = file.read_bytes().find(moment.view(torch.int16).numpy().tobytes())
    zeroed(file, start + 1000, 1)
    assert len(load(file).weights) == 3
    with pytest.raises(CheckpointError, match="tensor state/moment is not what was written"):
        load(file, state=True)


def test_a_changed_description_and_swapped_or_missing_tensors(tmp_path: Path) -> None:
    file = written(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'\\"std\\": [0.25', b'\\"std\\": [0.35'))
    with pytest.raises(CheckpointError, match="description inside the checkpoint is damaged"):
        load(file)
    file.write_bytes(whole)
    with safe_open(file, "pt") as reader:
        text = reader.metadata()["intarsia"]
        tensors = {key: reader.get_tensor(key) for key in reader.keys()}  # noqa: SIM118
    one, other = "weights/layer0.weight", "weights/layer1.weight"
    save_file({**tensors, one: tensors[other].clone(), other: tensors[one].clone()}, file, {"intarsia": text})
    with pytest.raises(CheckpointError, match=r"layer0\.weight and 1 more are not what was written"):
        load(file)
    save_file({key: tensor for key, tensor in tensors.items() if key != one}, file, {"intarsia": text})
    with pytest.raises(CheckpointError, match=r"layer0\.weight is not what was written"):
        load(file)


def test_a_file_from_before_there_were_checksums_is_read(tmp_path: Path) -> None:
    file = written(tmp_path)
    with safe_open(file, "pt") as reader:
        tree = json.loads(reader.metadata()["intarsia"])
        tensors = {key: reader.get_tensor(key) for key in reader.keys()}  # noqa: SIM118
    del tree["checksums"]
    save_file(tensors, file, {"intarsia": json.dumps(tree)})
    assert torch.equal(load(file, state=True).state["moment"], tensors["state/moment"])
