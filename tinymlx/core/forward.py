r"""Forward-mode differentiation: values and their tangents, side by side.

Reverse mode asks how the output depends on every input. Forward mode asks how every result changes
when the inputs move in one direction: beside each value :math:`x` it carries the *tangent*
:math:`\dot x`, and each operation :math:`y = f(x)` sends it on as :math:`\dot y = J \dot x`, where
:math:`J = \partial y / \partial x`.

No new derivative rules are needed. The rule of a primitive computes :math:`g \mapsto g^\top J`,
which is linear in :math:`g`. Recording it on a tape and sending :math:`\dot x` backwards through
*it* gives the derivative of a linear map with respect to :math:`g`, and that is :math:`J \dot x`.

Source: B. Pearlmutter and J. Siskind, Reverse-mode AD in a functional framework (2008); the double
transposition is from J. Townsend, A new trick for calculating Jacobian vector products (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from .arrays import array, as_array, holder, watched
from .primitive import Primitive, Trace
from .tape import Node, Tape, backward, match_dtype, zeros_like
from .transforms import arrays_of, gradient_of


class Tangents(Trace):
    """The interpreter of ``jvp``: the record of an array is its tangent, one level down."""

    name = "jvp"

    def bind(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Carry out ``primitive`` one level down, and push the tangents of its arguments through.

        Args:
            primitive: the operation.
            args: its arguments: arrays that this trace watches (at least one), other arrays,
                numbers.
            params: its keyword parameters.

        Returns:
            The output as an array that this trace watches, with its tangent as its record. If
            ``primitive.constant`` is set, the output one level down as it is. For a primitive with
            several outputs, a list of watched arrays.
        """
        inputs = [self.lower(x) for x in args]
        output = primitive(*inputs, **params)
        if primitive.constant:
            return output
        tangents = [x._record if self.watches(x) else None for x in args]
        primitive.refuse_indices("JVP", tangents)
        if primitive.jvp is not None:
            pushed = list(primitive.jvp(tangents, output, *inputs, **params))
        else:
            pushed = push(Node(primitive, inputs, params, output, ()), tangents)
        if isinstance(output, list):
            return [watched(y, self, t) for y, t in zip(output, pushed)]
        return watched(output, self, pushed[0])


def push(node: Node, tangents: Sequence[array | None]) -> list[array]:
    r"""The tangents of a primitive's outputs, :math:`J \dot x`, by transposing its rule.

    Args:
        node: one step: a primitive with its arguments, parameters and output. ``node.pull(g)``
            computes the cotangents of the arguments from that of the output (a list of them, for
            a primitive with several outputs).
        tangents: for each argument its tangent, or ``None`` for a constant.

    Returns:
        One tangent for each output.
    """
    raise NotImplementedError(
        "6.4 push - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[array], list[array]]:
    r"""The outputs of ``fun`` and the product of its Jacobian with ``tangents``.

    For :math:`y = f(x)`, Jacobian :math:`J = \partial y / \partial x` and a tangent :math:`v` of
    the shape of :math:`x` this is :math:`J v`, of the shape of :math:`y`.

    The steps: compare the tangents with the primals (:func:`matching_tangents`); make a
    :class:`Tangents` and let it watch each primal, in an array of its own, with its tangent as the
    record (``watched(holder(as_array(x)), trace, v)``); call ``fun`` and bring what it returned
    into a list (``arrays_of``). An output goes one level down, ``holder(trace.lower(y))``; its
    tangent is its record if the trace watches it, and otherwise it is :func:`at_rest`. Whatever
    happens, in the end the trace is ``finished``.

    Args:
        fun: a function of ``len(primals)`` arrays that returns an array, or a list or tuple of
            arrays.
        primals: the arrays to call ``fun`` with.
        tangents: for each primal an array of its shape: the direction in which it moves.

    Returns:
        The outputs, and for each of them its tangent; zeros where it depends on no primal.

    Raises:
        ValueError: there are not as many tangents as primals, or a shape differs.
    """
    raise NotImplementedError(
        "6.3 jvp - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def at_rest(y: array) -> array:
    """The tangent of what does not move: zeros, for truth values in float32, as MLX has them."""
    return zeros_like(y.astype(mx.float32) if y.dtype == mx.bool_ else y)


def matching_tangents(primals: Sequence[Any], tangents: Sequence[Any]) -> list[array]:
    """The tangents in the dtypes of the primals.

    Raises:
        ValueError: the numbers or a shape differ.
    """
    if len(primals) != len(tangents):
        raise ValueError("[jvp] Number of inputs does not match number of tangents.")
    matching = []
    for x, v in zip(primals, tangents):
        x, v = as_array(x), holder(as_array(v))
        if x.shape != v.shape:
            raise ValueError(
                f"[jvp] Input shape {x.shape} does not match shape of tangent {v.shape}."
            )
        matching.append(v if v.dtype == x.dtype else v.astype(x.dtype))
    return matching


def is_inexact(x: array) -> bool:
    """Whether the numbers of ``x`` can change a little: floating point or complex."""
    return mx.issubdtype(x.dtype, mx.inexact)
