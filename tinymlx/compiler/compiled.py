"""``compile``: tracing, passes, kernels and the cache put together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import is_
from typing import Any

import mlx.core as mx

from tinymlx.core import random
from tinymlx.core.arrays import array, as_array, holder, wrap
from tinymlx.core.compilation import kept_on_error, lent
from tinymlx.core.places import Places, places_of
from tinymlx.core.tree import leaves, rebuild

from .backends import Backend, backend_here
from .cache import bare_values, signature
from .graph import Graph
from .machine.where import is_alone
from .optimizing import Ready, explained, optimized, ready
from .tracing import Recorder, WatchedOutside


class Slot:
    """The place of an array in a result: its position among the outputs of the graph."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


@dataclass
class Entry:
    """What one trace has left.

    Attributes:
        ready: the graph and its program.
        result: the function's result, with a :class:`Slot` in the place of every array.
        count: how many outputs of the graph belong to the result; behind them is the state.
        traced: the graph before the passes.
        writes_over: the positions of the inputs that the program may write over.
    """

    ready: Ready
    result: Any
    count: int
    traced: Graph
    writes_over: set[int]


NOTHING = mx.zeros(())


class Compiled:
    """A function that is traced once for every kind of arguments, and then runs as a program.

    Args:
        fun, inputs, outputs: as in :func:`compile`.
        backend: what computes kernels; by default that of the device.

    Attributes:
        entries: what has been traced, by the keys of :func:`.cache.signature`.
        traces: how often ``fun`` has been called to be traced.
    """

    def __init__(
        self, fun: Callable[..., Any], inputs: Any, outputs: Any, backend: Backend | None = None
    ) -> None:
        self.fun, self.inputs, self.outputs = fun, inputs, outputs
        self.reads, self.writes = places_of(inputs), places_of(outputs)
        self.draws = any(isinstance(x, type(mx.random.state)) for x in leaves(inputs))
        self.backend = backend
        self.entries: dict[Hashable, Entry] = {}
        self.traces = 0
        self._last: tuple[list[mx.array], Hashable] = ([], None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result of the function, computed by the program of its trace.

        The state is read, ``self.reads.values()``: bare arrays, or ``None`` if a transform watches
        one; the arrays among the arguments are those of ``signature((args, kwargs))``, and
        ``bare_values`` makes bare ones of them, or ``None`` again. Where one of the two is watched,
        the function is called as it is: whoever differentiates sees every step of it.

        The key of an entry is the pair of the arguments' and the state's,
        ``self.state_key(state)``: the state changes its shapes, too. Only if ``self.entries`` has
        none is the function traced, ``self.trace(args, kwargs, state)``, and the entry kept;
        ``WatchedOutside`` from there means that it has to be called as it is.
        ``self.run(entry, arrays, state)`` returns a list: ``entry.count`` arrays of the result, and
        then the state's, which ``self.put_back(...)`` takes. ``self.result(entry, arrays)`` is what
        the caller gets.
        """
        raise NotImplementedError(
            "14.9 __call__ - exercises/ch14_performance/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def run(self, entry: Entry, arrays: list[mx.array], state: list[mx.array]) -> list[mx.array]:
        """The outputs of the program.

        It writes over a state if nobody else holds its arrays. So we let go of them: ``state`` is
        emptied, and the places hold nothing meanwhile, unless the reader has an array of his own.
        When something is raised, everything is put back.
        """
        inputs = [*arrays, *state]
        if not entry.writes_over:
            return entry.ready.run(inputs)  # type: ignore[no-any-return]
        self._last = ([], self._last[1])
        state.clear()
        lent_out = self.let_go(len(arrays), entry.writes_over)
        try:
            return entry.ready.run(inputs)  # type: ignore[no-any-return]
        finally:
            for x, at in lent_out:
                x._value = inputs[at]

    def let_go(self, first: int, wanted: set[int]) -> list[tuple[array, int]]:
        """Arrays of the state that only their places hold, without their values."""
        found = []
        for i, (box, key) in enumerate(zip(self.reads.boxes, self.reads.keys)):
            if first + i in wanted and box is not None and is_alone(box, key):
                x = box[key]
                x._value = NOTHING
                found.append((x, first + i))
        return found

    def state_key(self, state: list[mx.array]) -> Hashable:
        """The shapes and dtypes of the state, and the constants beside it. Usually it is what the
        last call has put there, and has the same ones."""
        last, key = self._last
        if len(last) != len(state) or not all(map(is_, last, state)):
            key = tuple((x.shape, x.dtype) for x in state)
            self._last = (list(state), key)
        return key

    def put_back(self, state: list[mx.array]) -> None:
        """Put the new state in its places."""
        if self.writes is not self.reads:
            self.writes.values()  # the tree may have grown since
        self.writes.put(state)
        if self.writes is self.reads:
            self._last = (state, self._last[1])

    def result(self, entry: Entry, outputs: list[mx.array]) -> Any:
        """What the function returned, with the arrays of this call."""
        if type(entry.result) is Slot:
            return wrap(outputs[entry.result.index])
        return rebuild(lambda x: wrap(outputs[x.index]) if type(x) is Slot else x, entry.result)

    def trace(self, args: Any, kwargs: Any, state: Sequence[mx.array]) -> Entry:
        """Call the function once with arrays that have no numbers."""
        recorder = Recorder()
        self.traces += 1

        def entered(x: Any) -> Any:
            if isinstance(x, (array, mx.array)):
                return recorder.input(x.shape, x.dtype)
            return x

        arguments, named = rebuild(entered, args), rebuild(entered, kwargs)
        lent_state = [recorder.input(x.shape, x.dtype) for x in state]
        try:
            with (
                drawing(recorder, self.draws),
                lent(self.reads, lambda: put(self.reads, lent_state)),
                kept_on_error([self.inputs, self.outputs]),
            ):
                returned = self.fun(*arguments, **named)
                changed = self.writes.look()
                graph = recorder.graph
                slots: list[array] = []

                def noted(x: Any) -> Any:
                    if isinstance(x, (array, mx.array)):
                        slots.append(as_array(x))
                        return Slot(len(slots) - 1)
                    return x

                result = rebuild(noted, returned)
                graph.outputs = [recorder.value_of(x) for x in [*slots, *changed]]
        finally:
            recorder.finished = True
        backend = self.backend or backend_here()
        replaced = self.writes is self.reads  # the state that comes out is the one that went in
        made = ready(optimized(graph), backend, len(slots) if replaced else None)
        return Entry(made, result, len(slots), graph, made.writes_over)

    def explain(self) -> str:
        """In words, for each trace: what was fused, what was not, and why."""
        return "\n\n".join(explained(entry.ready) for entry in self.entries.values())


@contextmanager
def drawing(recorder: Recorder, captured: bool) -> Iterator[None]:
    """While the context lasts, draws without a key are noted, if the state is captured."""
    if captured:
        random.draws.append(recorder.draw)
    try:
        yield
    finally:
        if captured:
            random.draws.pop()


def put(places: Places, arrays: Sequence[array]) -> None:
    """Put arrays in the places of a tree."""
    for box, key, x in zip(places.boxes, places.keys, arrays):
        if box is None:
            key._rebind(x)
        else:
            box[key] = holder(x)


def compile(
    fun: Callable[..., Any],
    inputs: Any = None,
    outputs: Any = None,
    *,
    backend: Backend | None = None,
) -> Callable[..., Any]:
    """A compiled version of ``fun``: ``core.compile``, by our own means.

    ``fun`` runs again only when the shapes, the dtypes or the constants among its arguments change,
    or the shapes of the state. It should have no effects but its results and its changes of
    ``outputs``. Where a transform watches an argument, ``fun`` is called as it is: to compile a
    gradient, compile the function outside of it.

    Args:
        fun: a function of trees of arrays (and numbers, strings and ``None``, which are constants).
        inputs: a list or dict of arrays (a module, an optimizer's state, ``random.state``) that
            ``fun`` also reads; without it they would be constants.
        outputs: a list or dict of arrays that ``fun`` changes.
        backend: what computes kernels; by default that of the device.

    Returns:
        A function with the arguments and results of ``fun``. It also has ``explain()``, which says
        what was fused and what was not, and ``compiled``, the :class:`Compiled` behind it.
    """
    made = Compiled(fun, inputs, outputs, backend)

    @functools.wraps(fun)
    def compiled_fun(*args: Any, **kwargs: Any) -> Any:
        return made(*args, **kwargs)

    compiled_fun.compiled = made  # type: ignore[attr-defined]
    compiled_fun.explain = made.explain  # type: ignore[attr-defined]
    return compiled_fun
