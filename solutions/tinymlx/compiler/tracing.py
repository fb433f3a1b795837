"""Tracing: a function is called once with arrays that have no numbers, and leaves a graph.

The one bind of :mod:`tinymlx.core.primitive` hands every operation on a watched array to the trace
that watches it. The tape of chapter 3 is such a trace; :class:`Recorder` is another. It lies at the
bottom: a gradient inside of the function has its tape above, and what the tape does reaches the
recorder as more operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from tinymlx.core import random
from tinymlx.core.arrays import array, as_array, watched, wrap
from tinymlx.core.custom import Call
from tinymlx.core.primitive import Primitive, Trace
from tinymlx.core.tree import leaves, rebuild

from .graph import Graph, Node, Value
from .machine.where import caller


class Recorder(Trace):
    """The interpreter of ``compile``: it notes what is done.

    The value of an array that it watches is a placeholder: a lazy array of zeros that nobody will
    ever compute, whose shape and dtype ``mlx.core`` knows all the same. Its record is a
    :class:`Value` of the graph.
    """

    name = "compile"

    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()
        self._constants: dict[int, tuple[mx.array, Value]] = {}

    def input(self, shape: Sequence[int], dtype: mx.Dtype) -> array:
        """A new input of the graph, as an array that this recorder watches."""
        value = Value(tuple(shape), dtype)
        self.graph.inputs.append(value)
        return watched(wrap(mx.zeros(tuple(shape), dtype)), self, value)

    def value_of(self, x: Any) -> Any:
        """An argument as it stands in a node.

        The :class:`Value` of an array that this recorder watches; for any other array the value of
        a constant (always the same one for the same array); a number or ``None`` as it is.
        """
        if self.watches(x):
            return x._record
        x = self.lower(x)
        if type(x) is not array:
            return x
        if x._trace is not None:
            raise WatchedOutside
        held, value = self._constants.get(id(x._value), (None, None))
        if value is None:
            held = x._value
            value = Value(held.shape, held.dtype, held)
            self._constants[id(held)] = held, value  # it stays alive, or its id could come again
        return value

    def imagined(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """What the primitive returns for the placeholders: arrays (a list of them, if it returns a
        list) with the right shape and dtype, that nobody will compute."""
        if primitive is random.drawn_now:  # the state must not move while we only imagine
            params = {**params, "options": {**params["options"], "key": mx.random.key(0)}}
        return primitive(*[self.lower(x) for x in args], **params)

    def bind(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """What is done with ``primitive``: it is noted, or, if it is a function with a rule of its
        own (``custom_function``, ``checkpoint``), everything that it does is. Whoever wants the
        rule, a tape, lies above and has it already."""
        call = getattr(primitive.forward, "__self__", None)
        if isinstance(call, Call):
            before = len(self.graph.nodes)
            try:
                return call.run(args)
            except (TypeError, ValueError):
                # It goes below the line, for a kernel of its own: then it is one node. (What is
                # wrong in itself is so without a watched array, too, and raises again.)
                del self.graph.nodes[before:]
        return self.note(primitive, args, params)

    def note(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Note ``primitive`` as a :class:`Node` of ``self.graph``, and return what its outputs
        will be.

        Args:
            primitive: the operation.
            args: its arguments: arrays that this recorder watches, other arrays, numbers, ``None``.
                ``self.value_of(x)`` is what stands in the node for each.
            params: its keyword parameters.

        Returns:
            The output as an array that this recorder watches, ``watched(placeholder, self,
            value)``: the placeholder is what ``self.imagined`` returns, ``value`` a new
            :class:`Value` with its shape and dtype, which is an output of the node. Where
            ``self.imagined`` returns a list, all this for each in it: the node has all the outputs
            and ``many=True``, and a list of arrays is returned.

        The node also knows its place in the reader's program, ``caller()``, and whether it is
        random: whether the primitive is ``random.drawn_now``.
        """
        inputs = tuple(self.value_of(x) for x in args)
        found = self.imagined(primitive, args, params)
        many = isinstance(found, list)
        placeholders = found if many else [found]
        outputs = tuple(Value(y.shape, y.dtype) for y in placeholders)
        random_ = primitive is random.drawn_now
        node = Node(primitive, inputs, params, outputs, many, caller(), random_)
        self.graph.nodes.append(node)
        arrays = [watched(y, self, value) for y, value in zip(placeholders, outputs)]
        return arrays if many else arrays[0]

    def draw(self, parameters: Sequence[Any], sampler: Any, options: dict[str, Any]) -> Any:
        """Note a draw from the state of the random numbers; see :data:`tinymlx.core.random.draws`.

        A transform inside, such as a tape, has to see the draw first, where it watches a parameter.
        """
        params = {"sampler": sampler, "options": options}
        if any(type(x) is array and x._trace is not None for x in parameters):
            return random.drawn_now(*parameters, **params)
        return self.note(random.drawn_now, parameters, params)

    def read(self, x: array) -> array:
        """Refuses: there are no numbers yet.

        Raises:
            ValueError: always; it says where.
        """
        raise ValueError(
            f"[compile] At {caller()} the numbers of an array are asked for (by item, print, if, "
            f"eval, NumPy, ...), but while a function is traced there are none. Compute with the "
            f"array, choose with core.where, or do it outside of the compiled function."
        )

    def leaked(self, x: array) -> array:
        """Refuses: the placeholder means nothing after the trace.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            "[compile] An array that was made while a function was traced is used after that: "
            "return it from the function, or name the list or dict where it was put in `outputs`."
        )


class WatchedOutside(Exception):
    """While it was traced, the function used an array that a transform outside is watching."""


def trace(fun: Callable[..., Any], *args: Any) -> Graph:
    """The graph of ``fun(*args)``, of which every array is an input.

    Args:
        fun: a function of trees of arrays.
        args: arrays with the shapes and dtypes to trace for; other things are constants.
    """
    recorder = Recorder()

    def entered(x: Any) -> Any:
        return recorder.input(x.shape, x.dtype) if isinstance(x, array) else x

    try:
        result = fun(*[rebuild(entered, x) for x in args])
        graph = recorder.graph
        graph.outputs = [recorder.value_of(as_array(y)) for y in leaves(result)]
    finally:
        recorder.finished = True
    return graph
