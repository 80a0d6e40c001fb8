"""Trees of classes: branches of branches down to class numbers, as a label space's groups make them.

A tree is a sequence of class numbers and of further sequences, ((0, 1), (2, 3, 4), 5): the root has two branches and class
5. `labels.class_tree` writes one from names.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..errors import ModelError

ClassTree: TypeAlias = Sequence[Any]  # class numbers, and further such sequences


class Branch(NamedTuple):
    """One inner node of a tree, in a list in which parents come first."""

    parent: int  # its place in the list; -1 of the root
    slot: int  # which child of its parent it is; -1 of the root
    children: tuple[int, ...]  # class numbers, or -1 for a child that is a branch


def branches(tree: ClassTree, num_classes: int) -> list[Branch]:
    """List the inner nodes of a tree, the root first, level by level.

    Raises: ModelError unless each class is in the tree once, and each branch has at least two children.
    """
    found: list[Branch] = []
    waiting: list[tuple[ClassTree, int, int]] = [(tree, -1, -1)]
    for node, parent, slot in waiting:
        if isinstance(node, str) or not isinstance(node, Sequence):
            raise ModelError(
                f"the tree holds {node!r}; give class numbers, and lists of them, such as [[0, 1], [2, 3], 4]"
            )
        children = tuple(child if isinstance(child, int) else -1 for child in node)
        if len(children) < 2 and num_classes > 1:
            raise ModelError(f"the branch {list(node)} of the tree has no choice; give it two children, or none at all")
        waiting += [(child, len(found), n) for n, child in enumerate(node) if not isinstance(child, int)]
        found.append(Branch(parent, slot, children))
    leaves = sorted(child for branch in found for child in branch.children if child >= 0)
    if leaves != list(range(num_classes)):
        missing = sorted(set(range(num_classes)) - set(leaves))
        twice = sorted({n for n in leaves if leaves.count(n) > 1 or n >= num_classes})
        what = f"lacks class {missing[0]}" if missing else f"has class {twice[0]} once too often"
        raise ModelError(f"the tree {what}; each class number, 0 to {num_classes - 1}, is in it once")
    return found


def tree_graph(tree: ClassTree, num_classes: int) -> Tensor:
    """The tree as a matrix of edges between parents and children, [M, M] of 0 and 1: the K classes, then the branches."""
    found = branches(tree, num_classes)
    graph = torch.zeros(num_classes + len(found), num_classes + len(found))
    for n, branch in enumerate(found, num_classes):
        for child in (c for c in branch.children if c >= 0):
            graph[n, child] = graph[child, n] = 1
        if branch.parent >= 0:
            graph[n, num_classes + branch.parent] = graph[num_classes + branch.parent, n] = 1
    return graph
