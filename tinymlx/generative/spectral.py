r"""Spectral normalization: a layer that stretches no vector.

A layer's weight as a matrix :math:`W` with a row for each output stretches a vector by at most its
largest singular value :math:`\sigma`. Divided by it, by at most 1. To find :math:`\sigma` exactly
in every step would be expensive; but it changes little from step to step, so that one round of
power iteration, from where the last one stopped, is enough.

Source: T. Miyato et al. (2018), https://arxiv.org/abs/1802.05957
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module


def unit(x: array, eps: float = 1e-12) -> array:
    """``x`` with length 1; where it is shorter than ``eps``, divided by ``eps``."""
    return x / core.maximum(core.linalg.norm(x), eps)


def power_iteration(w: array, u: array, v: array, rounds: int) -> tuple[array, array]:
    r"""Rounds of :math:`u \leftarrow W v`, :math:`v \leftarrow W^\top u`, each made :func:`unit`.

    Nothing is differentiated through it: both results are constants to every gradient.

    Args:
        w: :math:`W`, ``(rows, columns)``.
        u: ``(rows,)``, of length 1; returned as it is where there is no round.
        v: ``(columns,)``, of length 1; likewise.
        rounds: how many.

    Returns:
        The new ``u`` and ``v``.
    """
    raise NotImplementedError(
        "9.11 power_iteration - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class SpectralNorm(Module):
    r"""A layer that computes with :math:`W / \sigma` in the place of its weight.

    :math:`\sigma = u^\top W v` with ``u`` and ``v`` of the last power iteration, which are kept,
    frozen. It is differentiated by :math:`W`, and not by ``u`` and ``v``. While training each call
    makes ``rounds`` rounds; in evaluation mode none.

    Args:
        layer: any layer with a ``weight`` whose first axis is that of the outputs (``nn.Linear``,
            ``nn.Conv2d``); all other axes together are the columns.
        rounds: rounds of power iteration in a call.

    Raises:
        ValueError: the layer has no weight with two or more axes.
    """

    def __init__(self, layer: Module, rounds: int = 1) -> None:
        super().__init__()
        if "weight" not in layer or layer.weight.ndim < 2:
            raise ValueError(f"[SpectralNorm] {type(layer).__name__} has no matrix as weight.")
        self.layer = layer
        self.rounds = rounds
        rows = layer.weight.shape[0]
        u, v = core.random.normal((rows,)), core.random.normal((layer.weight.size // rows,))
        self.u, self.v = power_iteration(layer.weight.reshape(rows, -1), unit(u), unit(v), 15)
        self.freeze(keys=["u", "v"], recurse=False)

    def unfreeze(self, *args: object, **kwargs: object) -> Module:
        """As for every module, but ``u`` and ``v`` stay frozen."""
        super().unfreeze(*args, **kwargs)  # type: ignore[arg-type]
        return self.freeze(keys=["u", "v"], recurse=False)

    def normalized(self) -> array:
        r"""The weight divided by :math:`\sigma`, in its own shape.

        While training, ``self.u`` and ``self.v`` are those after ``self.rounds`` rounds more, and
        they stay so.
        """
        raise NotImplementedError(
            "9.11 normalized - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """What the layer makes of ``x`` with the normalized weight."""
        own = self.layer.weight
        self.layer.weight = self.normalized()
        try:
            return self.layer(x)
        finally:
            self.layer.weight = own
