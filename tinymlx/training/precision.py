"""Mixed precision: computing in 16 bits, learning in 32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.core.tree import leaves, rebuild
from tinymlx.nn import Module
from tinymlx.nn.utils import lent
from tinymlx.utils import tree_map


def in_precision(
    model: Module, fn: Callable[..., Any], dtype: Dtype = core.float16
) -> Callable[..., Any]:
    """``fn`` with the trainable parameters of ``model``, and its own arguments, in another dtype.

    The model keeps its parameters in ``float32``; only while ``fn`` runs it sees copies in
    ``dtype``. The derivative of a cast is a cast back, so gradients arrive in ``float32``. Integers
    stay as they are, and so do frozen parameters (the running statistics of a BatchNorm among
    them).

    Args:
        model: the model that ``fn`` uses.
        fn: a loss, as ``nn.value_and_grad(model, fn)`` takes it.
        dtype: the dtype to compute in.

    Returns:
        A function with the arguments of ``fn``; what it returns is in ``float32``, so that a loss
        is not rounded again.

    Source: P. Micikevicius et al., Mixed Precision Training (2017),
    https://arxiv.org/abs/1710.03740
    """

    def cast(x: Any, to: Dtype) -> Any:
        inexact = isinstance(x, array) and core.issubdtype(x.dtype, core.floating)
        return x.astype(to) if inexact else x

    def fn_in_precision(*args: Any) -> Any:
        lower = rebuild(lambda x: cast(x, dtype), model.trainable_parameters())
        with lent(model, lower):
            result = fn(*rebuild(lambda x: cast(x, dtype), args))
        return rebuild(lambda x: cast(x, core.float32), result)

    return fn_in_precision


#: The least and the greatest scale: powers of 2 that float32 holds with all digits.
LIMITS = 2.0**-126, 2.0**127


class LossScaler:
    r"""Multiplies the loss, so that small gradients survive in ``float16``.

    The least positive number there is 6e-8; what is below half of it becomes 0. The gradient of
    :math:`s L` is :math:`s` times that of :math:`L`; it is divided by :math:`s` in ``float32``,
    where nothing gets lost. Too great a scale overflows instead: then the gradients are infinite or
    nan, the step is left out, and the scale is halved. After ``growth_interval`` good steps in a
    row it is doubled. So it stays near the greatest scale that works.

    It stays within :data:`LIMITS`, so that it can always come back.

    Everything is an array and nothing is decided by ``if``, so that it works in a compiled step.

    Args:
        scale: the scale :math:`s` to begin with.
        growth_interval: the number of good steps after which it grows.

    Attributes:
        state: ``"scale"`` and ``"good_steps"``, the number of good steps since the scale last
            changed, as scalar arrays.

    Raises:
        ValueError: ``scale`` is not positive, or ``growth_interval`` below 1.

    Source: P. Micikevicius et al., Mixed Precision Training (2017), section 3.2.
    """

    def __init__(self, scale: float = 2.0**15, growth_interval: int = 2000) -> None:
        if not scale > 0 or growth_interval < 1:
            raise ValueError(
                f"[LossScaler] scale should be positive and growth_interval at least 1; they are "
                f"{scale} and {growth_interval}."
            )
        self.growth_interval = growth_interval
        self.state: dict[str, array] = {
            "scale": core.array(scale, core.float32),
            "good_steps": core.array(0, core.int32),
        }

    def scaled(self, loss: array) -> array:
        """The loss times the scale: what to differentiate."""
        return loss * self.state["scale"]

    def unscaled(self, gradients: Any) -> tuple[Any, array]:
        """Gradients of the scaled loss divided by the scale, and whether all of them are finite.

        Args:
            gradients: a tree of arrays.

        Returns:
            The tree of quotients, and a scalar boolean array.
        """
        raise NotImplementedError(
            "6.13 unscaled - exercises/ch06_training_autodiff/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def update(self, finite: array) -> None:
        """Adjust the scale after a step.

        ``core.where`` chooses: where the gradients were not finite the scale is halved and the
        count starts again at 0. Otherwise the step counts, and when ``growth_interval`` steps have
        been counted the scale is doubled and the count starts again at 0. The new scale is clipped
        to :data:`LIMITS`.

        Args:
            finite: whether the gradients of the step were finite, a scalar boolean array.
        """
        raise NotImplementedError(
            "6.13 update - exercises/ch06_training_autodiff/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


def all_finite(tree: Any) -> array:
    """Whether no array of the tree has an infinite number or a nan, as a scalar boolean array."""
    finite = core.array(True)
    for x in leaves(tree):
        finite = finite & core.all(core.isfinite(x))
    return finite


def chosen(condition: array, tree: Any, other: Any) -> Any:
    """``tree`` where ``condition`` is true, ``other`` (of the same structure) where it is not.

    What is chosen is written into the lists and dicts of ``tree``, which is returned.
    """
    if isinstance(tree, array):
        return core.where(condition, tree, other)
    if isinstance(tree, (dict, list)):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            tree[key] = chosen(condition, tree[key], other[key])
    return tree
