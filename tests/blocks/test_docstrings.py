"""The worked examples in the operators' docstrings are true, and the room's table lists what it exports."""

import doctest
import importlib
import inspect
import subprocess
import sys

import pytest

import intarsia.blocks

FILES = ("apply", "atrous", "coordinates", "regions", "separable", "transposed", "unpool")


@pytest.mark.parametrize("name", FILES)
def test_examples_are_true(name: str) -> None:
    module = importlib.import_module(f"intarsia.blocks.{name}")
    result = doctest.testmod(module, extraglobs={"torch": importlib.import_module("torch")})
    assert result.attempted >= 1
    assert result.failed == 0


def test_the_table_lists_the_operators() -> None:
    table = inspect.getdoc(intarsia.blocks).split("`intarsia lab")[0]
    assert all(f"{name}" in table.split() for name in intarsia.blocks.__all__)
    for name in intarsia.blocks.__all__:
        assert inspect.getdoc(getattr(intarsia.blocks, name))


def test_importing_the_operators_imports_torch_alone() -> None:
    code = "import sys, intarsia.blocks; print(any(m.split('.')[0] in ('torchvision', 'timm', 'PIL') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"
