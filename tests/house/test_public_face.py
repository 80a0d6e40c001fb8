"""`import intarsia`: which names it offers, that they are what they say, and that editors know them."""

import ast
import importlib
import inspect

import pytest
import source_tree
from source_tree import PACKAGE

import intarsia

NAMES = (
    "build train evaluate compare predict Predictor Prediction Score LabelSpace Recipe Checkpoint load_foreign ConfusionMatrix Encoder Sample "
    "SemanticLogits save_pretrained from_pretrained push_to_hub IntarsiaError"
).split()
ROOMS = (
    "annotations blocks checkpoint data datasets doctor draw encoders errors evaluation inference lab labels losses metrics models report study training"
).split()


def test_the_inventory() -> None:
    """A name that comes or goes is a decision: change this list and the changelog with it."""
    assert intarsia.__all__ == [*NAMES, *ROOMS]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_what_they_say(name: str) -> None:
    thing = getattr(intarsia, name)
    assert thing.__name__ == name
    assert inspect.getdoc(thing)
    assert name in dir(intarsia)


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_are_modules(name: str) -> None:
    assert getattr(intarsia, name) is importlib.import_module(f"intarsia.{name}")


def test_editors_see_the_same_names() -> None:
    block = next(node for node in source_tree.tree(PACKAGE / "__init__.py").body if isinstance(node, ast.If))
    seen = [alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen, key=str) == sorted(intarsia.__all__)
    assert (PACKAGE / "py.typed").exists()


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="no attribute 'predictor'; did you mean 'Predictor'"):
        _ = intarsia.predictor
