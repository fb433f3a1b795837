"""Parts of networks for windows: their own level, causal convolutions, residuals on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tinymlx import core, nn
from tinymlx.core import array


class Level(NamedTuple):
    """Where a window stood and how much it moved: for each window and column."""

    mean: array  # (N, 1, F)
    scale: array  # (N, 1, F)


class ReversibleNorm(nn.Module):
    r"""Each window by its own mean and deviation; and forecasts back again, with the same ones.

    .. math:: y = \frac{x - \mu}{\sigma} \, g + b, \qquad \mu = \frac1L \sum_t x_t, \qquad
              \sigma = \sqrt{\frac1L \sum_t (x_t - \mu)^2 + \epsilon}

    Args:
        dims: columns ``F``.
        eps: :math:`\epsilon`, in squared units of ``x``.

    The parameters are ``weight`` :math:`g` (ones) and ``bias`` :math:`b` (zeros), ``(F,)``.

    Source: T. Kim et al., Reversible Instance Normalization (2022).
    """

    def __init__(self, dims: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = core.ones((dims,)), core.zeros((dims,))
        self.eps = eps

    def __call__(self, x: array) -> tuple[array, Level]:
        """Take the level off. It is a constant for derivatives: none flows through mean and scale.

        Args:
            x: ``(N, L, F)``.

        Returns:
            ``(N, L, F)``, and what :meth:`back` needs.
        """
        raise NotImplementedError(
            "17.7 __call__ - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def back(self, y: array, level: Level, column: int) -> array:
        r"""Forecasts of one column in its units: :math:`(y - b) / g \cdot \sigma + \mu`.

        Exactly what :meth:`__call__` does, undone, with the numbers of that column.

        Args:
            y: ``(N, K)``.
            level: of the windows that the forecasts belong to.
            column: which column they are of.

        Returns:
            ``(N, K)``.
        """
        raise NotImplementedError(
            "17.7 back - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class CausalConv(nn.Module):
    r"""A convolution in time that sees nothing later: ``y[t]`` is made of ``x[t - i d]``.

    With a kernel of :math:`k` taps and a dilation of :math:`d`, :math:`(k - 1) d` zeros are put in
    front of the first row, and none behind the last one.

    Args:
        dims: features of the input.
        out: features of the output.
        size: taps :math:`k`.
        dilation: rows :math:`d` between two of them.

    Shape:
        ``(N, L, dims)`` to ``(N, L, out)``. The parameters are those of the layer ``conv``
        (``nn.Conv1d`` without padding).
    """

    def __init__(self, dims: int, out: int, size: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dims, out, size, dilation=dilation)
        self.before = (size - 1) * dilation

    def __call__(self, x: array) -> array:
        """As many rows as there were."""
        raise NotImplementedError(
            "17.7 __call__ - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class TemporalConvolution(nn.Module):
    r"""Residual blocks of two causal convolutions, each block with twice the dilation.

    Block ``i`` has the dilation :math:`2^i`: a ReLU after each of its two convolutions, then the
    input is added; where it has another number of features, it first goes through ``match``, a
    linear layer for each row. With ``blocks`` blocks the last row sees
    :math:`1 + 2 (k - 1)(2^{\text{blocks}} - 1)` rows.

    Args:
        dims: features of the input.
        hidden: features of each block.
        blocks: how many.
        size: taps :math:`k` of each convolution.

    Shape:
        ``(N, L, dims)`` to ``(N, L, hidden)``.

    Source: S. Bai et al., An Empirical Evaluation of Generic Convolutional and Recurrent Networks
    for Sequence Modeling (2018).
    """

    def __init__(self, dims: int, hidden: int, blocks: int, size: int = 3) -> None:
        super().__init__()
        ins = [dims] + [hidden] * (blocks - 1)
        self.first = [CausalConv(n, hidden, size, 2**i) for i, n in enumerate(ins)]
        self.second = [CausalConv(hidden, hidden, size, 2**i) for i in range(blocks)]
        self.match = [nn.Linear(n, hidden) if n != hidden else nn.Identity() for n in ins]

    def __call__(self, x: array) -> array:
        """What each row knows of itself and those before it."""
        raise NotImplementedError(
            "17.7 __call__ - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Block(nn.Module):
    """Linear layers with ReLUs between them; their last numbers are two answers. Given.

    Args:
        dims: features of the input, as many as come back.
        hidden: features between.
        horizon: numbers of the forecast.
        layers: how many hidden layers.
        dropout: the share left out after each of these.
    """

    def __init__(
        self, dims: int, hidden: int, horizon: int, layers: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        sizes = [dims] + [hidden] * layers
        self.layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, dims + horizon)
        self.dims = dims

    def __call__(self, x: array) -> tuple[array, array]:
        """``(N, dims)`` to what it explains of it, ``(N, dims)``, and a forecast ``(N, K)``."""
        for layer in self.layers:
            x = self.dropout(nn.relu(layer(x)))
        x = self.out(x)
        return x[:, : self.dims], x[:, self.dims :]


class DoublyResidual(nn.Module):
    """N-BEATS: what a block explains is taken off the input of the next; forecasts are summed.

    Args:
        blocks: modules from ``(N, D)`` to ``(N, D)`` and ``(N, K)``.

    Source: B. Oreshkin et al., N-BEATS (2020).
    """

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = list(blocks)

    def __call__(self, x: array) -> tuple[array, array]:
        """Forecast, and say what was left.

        Args:
            x: ``(N, D)``.

        Returns:
            The sum of all forecasts ``(N, K)``, and the rest of the input that no block
            explained, ``(N, D)``. Each block is asked once.

        Raises:
            ValueError: there is no block.
        """
        raise NotImplementedError(
            "17.7 __call__ - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
