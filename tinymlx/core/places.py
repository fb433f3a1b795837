"""Where the arrays of a tree stand: looked up once, then found again at little cost.

A compiled step reads and replaces every array of a model and its optimizer, several hundreds of
them, each time it is called. To walk such a tree in Python takes longer than many a step; so the
walk is done once, and afterwards it is only verified that the tree is still built as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, compress
from operator import is_
from sys import getrefcount
from typing import Any
from weakref import WeakValueDictionary

import mlx.core as mx

from .arrays import array
from .tree import BOXES

_new = object.__new__

# Places by the identity of their trees, while somebody uses them: a compiled function's state.
_known: WeakValueDictionary[int, Places] = WeakValueDictionary()


def places_of(tree: Any) -> Places:
    """The places of a tree, looked up now if nobody did before."""
    return _known.get(id(tree)) or Places(tree)


def values_of_known(tree: Any) -> list[Any] | None:
    """The leaves of a tree whose places somebody has looked up, arrays as bare ones.

    ``None`` for any other tree, and where a transform watches one of the arrays.
    """
    places = _known.get(id(tree))
    if places is None:
        return None
    values = places.values()
    return [*values, *places.constants] if values and places.constants else values


class Places:
    """The places of a tree that hold arrays: in lists, dicts (modules, too) and tuples.

    A list or dict that is reached twice counts once. A tuple cannot change, and a lone array stands
    nowhere: there the array itself takes on another value.

    Attributes:
        constants: the leaves that are no arrays.

    Args:
        tree: lists, dicts and tuples, nested, with arrays and other things as leaves; or an array.
    """

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self._kept: list[array] = []
        self.look()
        _known[id(tree)] = self

    def look(self) -> list[array]:
        """Walk through the whole tree again; its arrays in order."""
        boxes: list[Any] = []
        keys: list[tuple[Any, Any]] = []  # for each array its box and its key there
        _visit((self.tree,), boxes, keys, set())
        self.boxes = [box for box, _ in keys]
        self.keys = [key for _, key in keys]
        # A view of a dict's values, and a list itself, show what is in there now.
        self.views = [dict.values(box) if isinstance(box, dict) else box for box in boxes]
        children = list(chain.from_iterable(self.views))
        self.count = len(children)
        self.arrays = [type(child) is array for child in children]
        self.others = [type(child) is not array for child in children]
        self.rest = list(compress(children, self.others))
        self.constants = [x for x in self.rest if not isinstance(x, BOXES)]
        return list(compress(children, self.arrays))

    def values(self, keep: bool = False) -> list[mx.array] | None:
        """The values of the arrays that stand there now; ``None`` if a transform watches one.

        With ``keep`` the next :meth:`put` need not look for the arrays again.

        If the tree has another structure than before, it is walked again. The structure is the same
        if there is an array wherever one was before, and what was no array is the very same object.
        """
        children = list(chain.from_iterable(self.views))
        if len(children) == self.count and all(
            map(is_, compress(children, self.others), self.rest)
        ):
            found = list(compress(children, self.arrays))
        else:
            found = self.look()
        # One pass for both questions; a step reads hundreds.
        try:
            values = [x._value for x in found if x._trace is None]
        except AttributeError:  # only an array has a trace
            found = self.look()
            values = [x._value for x in found if x._trace is None]
        if keep:
            self._kept = found
        return values if len(values) == len(self.keys) else None

    def put(self, values: Sequence[mx.array]) -> None:
        """Put these values in the places: in new arrays, unless nobody else holds the old ones.

        Whoever has kept ``model.weight`` from before a step keeps its numbers. Where nobody has,
        which is how it is in training, the arrays that stand there take on the new values; hundreds
        of new ones in each step would take twice as long.

        Raises:
            ValueError: there are more or fewer places than values.
        """
        if len(values) != len(self.keys):
            raise ValueError(
                f"[compile] The outputs hold {len(self.keys)} arrays; they held {len(values)} when "
                f"the function was compiled."
            )
        found, self._kept = self._kept, []
        if len(found) == len(values) and set(map(getrefcount, found)) == HELD_ONCE:
            for x, value in zip(found, values):
                x._value = value
            return
        for box, key, value in zip(self.boxes, self.keys, values):
            x = _new(array)
            x._value = value
            x._trace = x._record = None
            if box is None:
                key._rebind(x)
            else:
                box[key] = x


def _held_once() -> set[int]:
    """What ``getrefcount`` counts for things in a list that besides stand in one box."""
    box = [object()]
    found = list(box)
    return set(map(getrefcount, found))


HELD_ONCE = _held_once()


def _visit(box: Any, boxes: list[Any], keys: list[tuple[Any, Any]], seen: set[int]) -> None:
    """Note the arrays in ``box``, then those in the boxes inside of it."""
    boxes.append(box)
    seen.add(id(box))
    entries = list(box.items() if isinstance(box, dict) else enumerate(box))
    for key, child in entries:
        if type(child) is array:
            keys.append((None, child) if isinstance(box, tuple) else (box, key))
    for _, child in entries:
        if isinstance(child, BOXES) and id(child) not in seen:
            _visit(child, boxes, keys, seen)
