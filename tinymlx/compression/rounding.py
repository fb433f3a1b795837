r"""Training for whole numbers of eight bits: rounded forward, straight through backward.

The derivative of a rounding is 0 wherever there is one, so nothing would be learned through it. The
*straight-through estimator* takes that of the identity instead, inside of the range.

Sources: Y. Bengio et al., Estimating or propagating gradients through stochastic neurons (2013),
https://arxiv.org/abs/1308.3432; B. Jacob et al., Quantization and training of neural networks for
efficient integer-arithmetic-only inference (2018), https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.linear import Linear
from tinymlx.nn.module import Module

#: The codes of a number of eight bits with a sign; weights leave out the first one.
LOW, HIGH = -128, 127


def grid(least: array, most: array, low: int = LOW, high: int = HIGH) -> tuple[array, array]:
    r"""Scale and zero of the grid that covers a range.

    The code :math:`q` stands for :math:`s \, (q - z)`. The range is first extended to where 0 lies
    in it. Then :math:`s` is its length over ``high - low``, and :math:`z` the whole number that is
    nearest to ``low - least / s``, so that 0 is on the grid exactly (zeros that a convolution pads
    with, and those of a relu, stay zeros). A range of length 0 has the scale 1.

    Args:
        least, most: the ends of the range, of any one shape; ``least`` is not above ``most``.
        low, high: the least and the largest code.

    Returns:
        Scale and zero, of that shape, in float32.
    """
    raise NotImplementedError(
        "14.24 grid - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def rounded(x: array, scale: array, zero: array, low: int = LOW, high: int = HIGH) -> array:
    r"""Numbers as a grid of whole numbers has them, and a derivative that passes through.

    .. math:: q = \operatorname{round}(x / s) + z, \qquad
        y = s \, (\min(\max(q, \text{low}), \text{high}) - z)

    Halves are rounded to the even neighbour. The derivative with respect to ``x`` is 1 where
    :math:`\text{low} \le q \le \text{high}`, and 0 where the code was cut off; ``scale`` and
    ``zero`` get none.

    Args:
        x: any shape.
        scale, zero: of :func:`grid`, in float32; they broadcast to it.
        low, high: the least and the largest code.

    Returns:
        The shape and the dtype of ``x``. The values are those of the formula, computed in float32.
    """
    raise NotImplementedError(
        "14.24 rounded - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class Range(Module):
    """Rounds activations, over a range that is learned by looking.

    Args:
        share: of the newest batch in the running range.
        low, high: the least and the largest code.

    Attributes:
        least, most: the running range, float32; no gradient, and none is wanted.
        batches: how many have been seen, int32.
    """

    def __init__(self, share: float = 0.1, low: int = LOW, high: int = HIGH) -> None:
        super().__init__()
        self.share, self.low, self.high = share, low, high
        self.least, self.most = core.array(0.0), core.array(0.0)
        self.batches = core.array(0, core.int32)
        self.freeze(recurse=False)

    def unfreeze(self, *args: Any, **kwargs: Any) -> Module:
        """There is nothing here to train."""
        return self

    def __call__(self, x: array) -> array:
        r"""``x``, :func:`rounded` on the :func:`grid` of the running range.

        While training, the range is updated first. With the first batch it is that batch's own
        least and largest number; after that :math:`r \leftarrow (1 - a) \, r + a \, r_\text{batch}`
        with the ``share`` :math:`a`. In evaluation mode it stays. No derivative goes into the
        range.
        """
        raise NotImplementedError(
            "14.24 __call__ - exercises/ch14_performance/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class RoundedLinear(Module):
    """A linear layer that is trained as it will compute: with codes of a few bits.

    Weights have a grid for each output, with 0 in its middle, from their own largest magnitude;
    what comes in has one from its running :class:`Range`.

    Args:
        layer: the weights to begin with.
        bits: of a code.

    Shape: ``(..., D)`` to ``(..., O)``.
    """

    def __init__(self, layer: Linear, bits: int = 8) -> None:
        super().__init__()
        self.weight = layer.weight
        if "bias" in layer:
            self.bias = layer.bias
        self.most = 2 ** (bits - 1) - 1
        self.range = Range(low=-self.most - 1, high=self.most)

    def weight_scale(self) -> array:
        """The scale of each output's weights, ``(O, 1)``."""
        most = core.max(core.abs(core.stop_gradient(self.weight)), axis=-1, keepdims=True)
        return core.where(most > 0, most, 1) / self.most

    def __call__(self, x: array) -> array:
        """``x W^T + b`` of rounded numbers, which is differentiated straight through."""
        zero = core.zeros(())
        weight = rounded(self.weight, self.weight_scale(), zero, -self.most, self.most)
        y = self.range(x) @ weight.T
        return y + self.bias if "bias" in self else y

    def with_codes(self, x: array) -> array:
        """The same in whole numbers, but for one factor for each output: what a chip does.

        The codes' products are summed up before anything is scaled; ``sum(q_w) z`` is known
        beforehand. (Whole numbers up to 2^24 are exact in float32, which is used for them here.)
        """
        scale, zero = grid(self.range.least, self.range.most, self.range.low, self.range.high)
        inputs = core.clip(core.round(x / scale) + zero, self.range.low, self.range.high)
        weights = core.clip(core.round(self.weight / self.weight_scale()), -self.most, self.most)
        sums = inputs @ weights.T - zero * core.sum(weights, axis=-1)
        y = sums * (scale * self.weight_scale()[:, 0])
        return y + self.bias if "bias" in self else y
