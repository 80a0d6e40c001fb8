"""The exporter of ONNX that traces, for readers whose tools need it: what once held `aten::mT` exports and agrees."""

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from exports import NOT_EXPORTED
from miniatures import miniature
from torch import nn

from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES


class Main(nn.Module):
    """The main part of a network's output, which comes first in each kind: logits, meters, scores."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image)[0]


QUICK = ("pspnet", "ocr", "lraspp", "hierarchical", "nasfpn")  # those that once held what it cannot trace
SMALLEST = {name: dict(entry.smallest) for name, entry in ARCHITECTURES.items() if name not in NOT_EXPORTED}
ROWS = [
    *(pytest.param(name, miniature(name, SMALLEST[name]), id=name) for name in QUICK),
    *(
        pytest.param(name, options, marks=pytest.mark.slow, id=f"{name}, as named")
        for name, options in SMALLEST.items()
    ),
]


@pytest.mark.filterwarnings("ignore")  # it says that it is old, and that sizes become constants
@pytest.mark.parametrize(("name", "options"), ROWS)
def test_the_older_exporter(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = Main(build(name, **{"num_classes": 3, **options}))
    image = torch.rand(1, 3, 64, 96)
    path = tmp_path / "network.onnx"
    torch.onnx.export(network.eval(), (image,), path, dynamo=False, opset_version=17, input_names=["image"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image.numpy()})
    assert torch.allclose(torch.from_numpy(found), network(image), atol=1e-4)


def test_only_one_brick_compares_sizes(root: Path) -> None:
    """`torch.sym_max` knows no tensors, which is what the older exporter hands out as sizes: `larger` takes both."""
    rooms = [root / "src" / "intarsia" / room for room in ("blocks", "encoders", "models")]
    found = [path.name for room in rooms for path in room.rglob("*.py") if "sym_m" in path.read_text(encoding="utf-8")]
    assert found == ["sizes.py"]


def test_no_brick_asks_for_it(root: Path) -> None:
    """`.mT` exports in one exporter only: `.transpose(-2, -1)` does in both."""
    rooms = [root / "src" / "intarsia" / room for room in ("blocks", "encoders", "models")]
    assert not [path for room in rooms for path in room.rglob("*.py") if ".mT" in path.read_text(encoding="utf-8")]
