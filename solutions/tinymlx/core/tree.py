"""Trees of arrays, as the transforms need them: lists, tuples and dicts, nested, with leaves.

Subclasses count as what they derive from: a ``Module`` is a dict, a ``NamedTuple`` is a tuple. The
public tree functions are in :mod:`tinymlx.utils`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

BOXES = (list, tuple, dict)


def leaves(tree: Any) -> list[Any]:
    """Everything in the tree that is not a list, tuple or dict, from left to right."""
    if not isinstance(tree, BOXES):
        return [tree]
    found: list[Any] = []
    _collect(tree, found)
    return found


def _collect(box: Any, found: list[Any]) -> None:
    # One call for each box and none for a leaf: a step walks over thousands of leaves.
    for branch in box.values() if isinstance(box, dict) else box:
        if isinstance(branch, BOXES):
            _collect(branch, found)
        else:
            found.append(branch)


def leaves_beside(tree: Any, other: Any) -> list[Any]:
    """What stands in ``other``, which has at least the branches of ``tree``, where ``tree`` has
    leaves, in their order."""
    found: list[Any] = []
    for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(branch, BOXES):
            found += leaves_beside(branch, other[key])
        else:
            found.append(other[key])
    return found


def boxes(tree: Any) -> Iterator[Any]:
    """Every list and dict in the tree."""
    if isinstance(tree, (list, dict)):
        yield tree
    if isinstance(tree, (list, tuple, dict)):
        for branch in list(tree.values() if isinstance(tree, dict) else tree):
            yield from boxes(branch)


def rebuild(fun: Callable[[Any], Any], tree: Any) -> Any:
    """A new tree of the same structure with ``fun(leaf)`` for each leaf.

    Lists and dicts become plain lists and dicts; a tuple keeps its type (a ``NamedTuple``).
    """
    if not isinstance(tree, BOXES):
        return fun(tree)
    if isinstance(tree, dict):
        return {
            key: rebuild(fun, branch) if isinstance(branch, BOXES) else fun(branch)
            for key, branch in tree.items()
        }
    branches = [
        rebuild(fun, branch) if isinstance(branch, BOXES) else fun(branch) for branch in tree
    ]
    return branches if isinstance(tree, list) else _like(tree, branches)


def replace(fun: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with ``fun(leaf)`` in the place of each leaf.

    Lists and dicts are changed where they are, so whoever else holds them sees the new leaves.
    Tuples cannot change; one that has new leaves is made anew.
    """
    if not isinstance(tree, BOXES):
        return fun(tree)
    if isinstance(tree, tuple):
        branches = [replace(fun, branch) for branch in tree]
        same = all(new is old for new, old in zip(branches, tree))
        return tree if same else _like(tree, branches)
    for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
        new = replace(fun, branch) if isinstance(branch, BOXES) else fun(branch)
        if new is not branch:
            tree[key] = new
    return tree


def _like(tree: tuple[Any, ...], branches: list[Any]) -> tuple[Any, ...]:
    # Not by a call of the class: a subclass may want other arguments.
    return tuple.__new__(type(tree), branches)
