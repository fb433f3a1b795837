"""Trees of arrays, as the transforms need them: lists, tuples and dicts, nested, with leaves.

Subclasses count as what they derive from: a ``Module`` is a dict, a ``NamedTuple`` is a tuple. The
public tree functions are in :mod:`tinymlx.utils`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves(tree: Any) -> Iterator[Any]:
    """Everything in the tree that is not a list, tuple or dict, from left to right."""
    if isinstance(tree, (list, tuple)):
        for branch in tree:
            yield from leaves(branch)
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from leaves(branch)
    else:
        yield tree


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
    if isinstance(tree, list):
        return [rebuild(fun, branch) for branch in tree]
    if isinstance(tree, tuple):
        return _like(tree, [rebuild(fun, branch) for branch in tree])
    if isinstance(tree, dict):
        return {key: rebuild(fun, branch) for key, branch in tree.items()}
    return fun(tree)


def replace(fun: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with ``fun(leaf)`` in the place of each leaf.

    Lists and dicts are changed where they are, so whoever else holds them sees the new leaves.
    Tuples cannot change; one that has new leaves is made anew.
    """
    if isinstance(tree, list):
        for i, branch in enumerate(tree):
            new = replace(fun, branch)
            if new is not branch:
                tree[i] = new
        return tree
    if isinstance(tree, dict):
        for key, branch in tree.items():
            new = replace(fun, branch)
            if new is not branch:
                tree[key] = new
        return tree
    if isinstance(tree, tuple):
        branches = [replace(fun, branch) for branch in tree]
        same = all(new is old for new, old in zip(branches, tree))
        return tree if same else _like(tree, branches)
    return fun(tree)


def _like(tree: tuple[Any, ...], branches: list[Any]) -> tuple[Any, ...]:
    # Not by a call of the class: a subclass may want other arguments.
    return tuple.__new__(type(tree), branches)
