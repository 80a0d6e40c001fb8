"""The table of architectures and the files of architectures tell of each other."""

import inspect
import sys

import pytest
from source_tree import PACKAGE, where

MODELS = PACKAGE / "models"
FAMILIES = sorted({p.parent for p in MODELS.glob("*/__init__.py")} - {MODELS / "catalogue"})
ARCHITECTURES = sorted(p for family in FAMILIES for p in family.glob("*.py") if p.name != "__init__.py")


def _file(entry) -> str:
    return sys.modules[entry.build.__module__].__file__


def test_every_file_is_in_the_table_and_back() -> None:
    from intarsia.models.catalogue import ARCHITECTURES as TABLE

    assert {str(path) for path in ARCHITECTURES} == {_file(entry) for entry in TABLE.values()}


def test_each_family_has_a_table_that_holds_its_networks_alone() -> None:
    from importlib import import_module

    from intarsia.models.catalogue import ARCHITECTURES as TABLE

    tables = {family.name: getattr(import_module(f"intarsia.models.catalogue.{family.name}"), family.name.upper()) for family in FAMILIES}  # fmt: skip
    assert {f: list(rows) for f, rows in tables.items()} == {
        f: [name for name, entry in TABLE.items() if entry.family == f] for f in tables
    }
    assert sum(map(len, tables.values())) == len(TABLE)


def test_entries_stand_where_their_names_say() -> None:
    from intarsia.models.catalogue import ARCHITECTURES as TABLE
    from intarsia.models.catalogue import CONSTRUCTORS

    assert len(TABLE) >= 8
    assert {name: entry.build for name, entry in TABLE.items()} == CONSTRUCTORS
    for name, entry in TABLE.items():
        path = next(p for p in ARCHITECTURES if str(p) == _file(entry))
        assert path.parent.name == entry.family, name
        assert name.startswith(path.stem), f"{where(path)} holds {name}"


@pytest.mark.parametrize("path", ARCHITECTURES, ids=[p.stem for p in ARCHITECTURES])
def test_a_file_opens_with_its_paper(path) -> None:
    """Header: name and idea, title, arXiv number, drawing, departures."""
    from intarsia.models.catalogue import ARCHITECTURES as TABLE

    entries = [entry for entry in TABLE.values() if _file(entry) == str(path)]
    text = inspect.cleandoc(next(m.__doc__ for m in sys.modules.values() if getattr(m, "__file__", None) == str(path)))
    first = text.splitlines()[0]
    assert ": " in first, f"{where(path)}: the first line is '<Name>: <the idea in one sentence>.'"
    assert "Departures from the paper" in text, where(path)
    flat = " ".join(text.split())
    for entry in entries:
        assert entry.paper in flat, f"{where(path)} does not cite {entry.paper}"
        assert entry.title.rstrip(".") in flat, f"{where(path)} does not cite {entry.title!r}"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 200, (
        f"{where(path)}: one paper, one file that reads in one sitting"
    )


def test_constructors_take_the_number_of_classes_first_and_all_else_by_name() -> None:
    from intarsia.models.catalogue import CONSTRUCTORS

    for name, constructor in CONSTRUCTORS.items():
        first, *rest = inspect.signature(constructor).parameters.values()
        assert first.name == "num_classes", name
        assert first.default is inspect.Parameter.empty, name
        assert {p.kind for p in rest} <= {inspect.Parameter.KEYWORD_ONLY}, name
        assert {"in_channels"} <= {p.name for p in rest}, name
        assert all(p.default is not inspect.Parameter.empty for p in rest), name
        assert all(p.annotation is not inspect.Parameter.empty for p in [first, *rest]), name


def test_recipes_are_complete_and_open_with_command_time_and_score() -> None:
    from intarsia.training.packaged import PACKAGED, SHORT, names
    from intarsia.training.recipe import load

    assert {"camvid", "shapes"} <= set(SHORT)
    assert set(SHORT.values()) <= set(names())
    for name in names():
        recipe = load(name)
        assert recipe.model is not None, name
        assert recipe.data is not None, name
        head = (PACKAGED / f"{name}.yaml").read_text(encoding="utf-8").split("\nmodel:")[0]
        assert "intarsia train" in head, f"{name}: the header gives the command"
        assert "mIoU" in head or "benchmarks/results/" in head or "Not measured yet" in head, (
            f"{name}: the header gives the score, the file that holds it, or says that nobody measured it"
        )
        assert "min" in head or "Not measured yet" in head, f"{name}: the header gives the time"
