"""Trees: nested lists, tuples and dicts with values at their leaves, as ``mlx.utils`` treats them.

The parameters of a model, its gradients and the state of an optimizer are all trees. What one wants
to do with every array of them (add, cast, save, count) is written once, here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any

IsLeaf = Callable[[Any], bool] | None


def tree_map(fn: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """A new tree of the same structure with ``fn(leaf)`` in the place of each leaf.

    Lists, tuples (also named ones) and dicts are branches, everything else is a leaf.

    Args:
        fn: called with a leaf of ``tree`` and the values at the same place in each of ``rest``.
        tree: the tree that gives the structure.
        rest: further trees that have at least the branches of ``tree``; they may have more.
        is_leaf: where it returns true, a branch is a leaf, too.

    Returns:
        The tree of results. A subclass of dict (a ``Module``, say) becomes a plain dict.
    """
    raise NotImplementedError(
        "5.1 tree_map - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def like(tree: list[Any] | tuple[Any, ...], branches: Iterable[Any]) -> Any:
    """Branches in a sequence of the type of ``tree``; a named tuple takes them one by one."""
    return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)


def tree_map_with_path(
    fn: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: IsLeaf = None,
    path: Any = None,
) -> Any:
    """As :func:`tree_map`, but ``fn`` also gets, first, the path of the leaf.

    Args:
        fn: called with the path (``"layers.0.weight"``), the leaf, and those of ``rest``.
        tree: the tree that gives the structure.
        rest: further trees.
        is_leaf: where it returns true, a branch is a leaf, too.
        path: what every path begins with.
    """
    if is_leaf is not None and is_leaf(tree):
        return fn(path, tree, *rest)
    prefix = f"{path}." if path else ""
    if isinstance(tree, (list, tuple)):
        branches = [
            tree_map_with_path(
                fn, branch, *(other[i] for other in rest), is_leaf=is_leaf, path=f"{prefix}{i}"
            )
            for i, branch in enumerate(tree)
        ]
        return like(tree, branches)
    if isinstance(tree, dict):
        return {
            key: tree_map_with_path(
                fn, branch, *(other[key] for other in rest), is_leaf=is_leaf, path=f"{prefix}{key}"
            )
            for key, branch in tree.items()
        }
    return fn(path, tree, *rest)


def tree_flatten(
    tree: Any,
    prefix: str = "",
    is_leaf: IsLeaf = None,
    destination: list[tuple[str, Any]] | dict[str, Any] | None = None,
) -> Any:
    """Every leaf with its path: ``{"a": [1, 2]}`` becomes ``[("a.0", 1), ("a.1", 2)]``.

    Args:
        tree: the tree.
        prefix: what every path begins with, after a character that is dropped (``".model"``).
        is_leaf: where it returns true, a branch is a leaf, too.
        destination: a list to append pairs to, or a dict to put them into; a new list by default.

    Returns:
        The destination. A tree that is itself a leaf has the path ``""``.

    Raises:
        ValueError: ``destination`` is neither.
    """
    raise NotImplementedError(
        "5.2 tree_flatten - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def tree_unflatten(tree: list[tuple[str, Any]] | dict[str, Any]) -> Any:
    """The inverse of :func:`tree_flatten`: ``[("a.0", 1), ("a.1", 2)]`` becomes ``{"a": [1, 2]}``.

    A branch whose keys are all numbers becomes a list, with ``{}`` where a number is missing; every
    other branch becomes a dict. A single pair with the path ``""`` is a leaf.

    Args:
        tree: pairs of path and value, or a dict of them.

    Returns:
        The nested lists and dicts.
    """
    raise NotImplementedError(
        "5.3 tree_unflatten - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def are_positions(keys: Iterable[str]) -> bool:
    """Whether all keys are numbers, and no two ("1" and "01") are the same number."""
    keys = list(keys)
    try:
        return len({int(key) for key in keys}) == len(keys)
    except ValueError:
        return False


def tree_reduce(
    fn: Callable[[Any, Any], Any], tree: Any, initializer: Any = None, is_leaf: IsLeaf = None
) -> Any:
    """All leaves combined into one value, from left to right.

    Args:
        fn: called with what has been accumulated and the next leaf; returns the new accumulation.
        tree: the tree.
        initializer: what to begin with; ``None`` begins with the first leaf.
        is_leaf: where it returns true, a branch is a leaf, too.

    Returns:
        The accumulation; ``initializer`` if the tree has no leaf.
    """
    raise NotImplementedError(
        "5.4 tree_reduce - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def tree_merge(tree_a: Any, tree_b: Any, merge_fn: Callable[[Any, Any], Any] | None = None) -> Any:
    """One tree with the leaves of both.

    ``None`` and an empty list, tuple or dict are trees without leaves: the other tree is the
    result. Two sequences are merged place by place (the shorter one has no leaves at the end), two
    dicts key by key.

    Args:
        tree_a: a tree.
        tree_b: another tree.
        merge_fn: called with two leaves that stand at the same place; returns the one to keep.

    Returns:
        The merged tree.

    Raises:
        ValueError: two leaves stand at the same place and there is no ``merge_fn``, or two empty
            branches are of different types.
    """
    raise NotImplementedError(
        "5.5 tree_merge - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def is_empty(tree: Any) -> bool:
    """Whether ``tree`` is a list, tuple or dict with nothing in it."""
    return isinstance(tree, (dict, list, tuple)) and len(tree) == 0
