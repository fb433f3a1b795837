"""An exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinymlx.nn import Module
from tinymlx.utils import tree_map


class WeightAverage:
    r"""A running mean of the weights, smoother than the weights themselves.

    After each step, for each parameter :math:`w` with average :math:`a`,

    .. math:: a \leftarrow \beta a + (1 - \beta) w

    A step of training throws the weights to and fro around the place they tend to; their average is
    nearer to that place. It is used for validation and in the end, never for training.

    Args:
        model: the model; the average starts as its present trainable parameters.
        decay: :math:`\beta`, at least 0 and below 1. About the last :math:`1 / (1 - \beta)` steps
            count.

    Attributes:
        state: the averages, ``state["parameters"]``, in the structure of
            ``model.trainable_parameters()``.

    Raises:
        ValueError: ``decay`` is outside of [0, 1).

    Source: B. Polyak and A. Juditsky, Acceleration of Stochastic Approximation by Averaging (1992),
    in the exponential form.
    """

    def __init__(self, model: Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"[WeightAverage] decay should be in [0, 1); it is {decay}.")
        self.model = model
        self.decay = decay
        self.state: dict[str, Any] = {"parameters": model.trainable_parameters()}

    def update(self) -> None:
        """Move every average a step towards its parameter, in the dtype of the parameter.

        ``self.state["parameters"]`` becomes a new tree of new arrays; one that was handed out
        before does not change.
        """
        raise NotImplementedError(
            "6.14 update - exercises/ch06_training_autodiff/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    @contextmanager
    def applied(self) -> Iterator[Module]:
        """While the context lasts, the model computes with the averages.

        Afterwards it has its own parameters again, also when something was raised meanwhile.

        Yields:
            The model.
        """
        raise NotImplementedError(
            "6.14 applied - exercises/ch06_training_autodiff/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
