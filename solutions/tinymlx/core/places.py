"""Where the arrays of a tree stand: looked up once, then found again at little cost.

A compiled step reads and replaces every array of a model and its optimizer, several hundreds of
them, each time it is called. To walk such a tree in Python takes longer than many a step; so the
walk is done once, and afterwards it is only verified that the tree is still built as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, compress
from operator import attrgetter, is_
from typing import Any
from weakref import WeakValueDictionary

import mlx.core as mx

from .arrays import array
from .tree import BOXES

_new = object.__new__
_trace_of = attrgetter("_trace")


# Places by the identity of their trees, while somebody uses them: a compiled function's state.
_known: WeakValueDictionary[int, Places] = WeakValueDictionary()


def leaves_of_known(tree: Any) -> list[Any] | None:
    """The leaves of a tree whose places somebody has looked up already; ``None`` for others."""
    places = _known.get(id(tree))
    return None if places is None else [*places.current(), *places.constants]


class Places:
    """The places of a tree that hold arrays: in lists, dicts (modules, too) and tuples.

    A list or dict that is reached twice counts once. A tuple cannot change, and a lone array stands
    nowhere: there the array itself takes on another value.

    Attributes:
        watched: whether a transform watched one of the arrays when they were last looked up.
        constants: the leaves that are no arrays.

    Args:
        tree: lists, dicts and tuples, nested, with arrays and other things as leaves; or an array.
    """

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.look()
        _known[id(tree)] = self

    def look(self) -> list[array]:
        """Walk through the whole tree again; its arrays in order."""
        boxes: list[Any] = []
        self.keys: list[tuple[Any, Any]] = []  # for each array its box and its key there
        _visit((self.tree,), boxes, self.keys, set())
        # A view of a dict's values, and a list itself, show what is in there now.
        self.views = [dict.values(box) if isinstance(box, dict) else box for box in boxes]
        children = list(chain.from_iterable(self.views))
        self.count = len(children)
        self.arrays = [type(child) is array for child in children]
        self.others = [type(child) is not array for child in children]
        self.rest = list(compress(children, self.others))
        self.constants = [x for x in self.rest if not isinstance(x, BOXES)]
        found = list(compress(children, self.arrays))
        self.watched = any(map(_trace_of, found))
        return found

    def current(self) -> list[array]:
        """The arrays that stand there now. If the tree has another structure, it is walked again.

        The structure is the same if there is an array wherever one was before, and what was no
        array is the very same object.
        """
        children = list(chain.from_iterable(self.views))
        if len(children) == self.count:
            if all(map(is_, compress(children, self.others), self.rest)):
                found = list(compress(children, self.arrays))
                try:
                    self.watched = any(list(map(_trace_of, found)))
                except AttributeError:  # only an array has a trace
                    return self.look()
                return found
        return self.look()

    def put(self, values: Sequence[mx.array]) -> None:
        """Put new arrays with these values in the places.

        Raises:
            ValueError: there are more or fewer places than values.
        """
        if len(values) != len(self.keys):
            raise ValueError(
                f"[compile] The outputs hold {len(self.keys)} arrays; they held {len(values)} when "
                f"the function was compiled."
            )
        for (box, key), value in zip(self.keys, values):
            x = _new(array)
            x._value = value
            x._trace = x._record = None
            if box is None:
                key._rebind(x)
            else:
                box[key] = x


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
