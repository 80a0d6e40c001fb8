"""Every architecture learns eight crops by heart: `benchmarks/overfit.py`, one network a test."""

import importlib.util
import sys
from pathlib import Path

import pytest

from intarsia.models.catalogue import ARCHITECTURES
from intarsia.structures import SemanticLogits


@pytest.fixture(scope="module")
def overfit(root: Path):
    spec = importlib.util.spec_from_file_location("overfit", root / "benchmarks" / "overfit.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["overfit"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name, entry in ARCHITECTURES.items() if entry.output is SemanticLogits])
def test_it_learns_eight_crops_by_heart(overfit, name: str, shared_data: Path) -> None:
    images, labels = overfit.crops(shared_data / "camvid")
    line = overfit.learn(name, images, labels)
    assert line["steps"] is not None, f"the loss stays at {line['lowest']}, above {overfit.BAR}"
