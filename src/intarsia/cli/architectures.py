"""The rows of the tables of architectures, read as text: to list them no network, and no PyTorch, is imported."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

FAMILIES = (
    "resolution",
    "context",
    "realtime",
    "attention",
    "structured",
    "dual",
    "classification",
    "depth",
    "panoptic",
    "instances",
    "masks",
    "video",
)  # in the order of `models.catalogue`
SHOWN = ("title", "year", "paper", "idea", "parameters", "gflops")
_MODELS = Path(__file__).parents[1] / "models"


def rows() -> list[dict[str, Any]]:
    """Name, family, title, year, paper, idea, parameters and GFLOPs of every architecture, in the order of the tables."""
    found = []
    for family in FAMILIES:
        tree = ast.parse((_MODELS / "catalogue" / f"{family}.py").read_text(encoding="utf-8"))
        tables = [node.value for node in tree.body if isinstance(node, ast.AnnAssign)]
        for table in (table for table in tables if isinstance(table, ast.Dict)):
            for key, row in zip(table.keys, table.values, strict=True):
                if key is None or not isinstance(row, ast.Call):
                    continue
                told = {k.arg: ast.literal_eval(k.value) for k in row.keywords if k.arg in SHOWN}
                found.append({"name": ast.literal_eval(key), "family": family, **told})
    return found


def about(family: str) -> str:
    """What a family has in common, in one sentence."""
    tree = ast.parse((_MODELS / family / "__init__.py").read_text(encoding="utf-8"))
    told = ast.get_docstring(tree) or ""
    return told.removeprefix("Architectures ").removeprefix("that ").split("\n")[0]
