r"""What a recurrent layer is before training, so that it remembers from the beginning."""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array


def open_forget_gates(layer: nn.LSTM, value: float = 1.0) -> None:
    r"""Give the forget gates of a layer the bias ``value``, and leave all others as they are.

    With :math:`f = \sigma(1) \approx 0.73` and more, a cell that nobody has taught forgets slowly.
    The layer's ``bias`` is ``(4 H,)``, in the order of :func:`.lstm_step`.

    Raises:
        ValueError: the layer has no bias.

    Source: F. Gers et al., Learning to forget (2000); R. Jozefowicz et al. (2015).
    """
    if layer.bias is None:
        raise ValueError("[open_forget_gates] The layer has no bias.")
    size = layer.hidden_size
    gate = core.arange(4 * size) // size
    layer.bias = core.where(gate == 1, value, layer.bias)


def orthogonal_start(w: array) -> array:
    r"""A matrix for the state whose every block neither stretches nor shrinks.

    Args:
        w: ``(gates * H, H)``; only its shape and dtype matter.

    Returns:
        A new matrix of that shape: for each gate an orthogonal ``(H, H)`` block of its own, drawn
        from the global state (``nn.init.orthogonal``).

    Source: A. Saxe et al. (2013), https://arxiv.org/abs/1312.6120
    """
    rows, size = w.shape
    start = nn.init.orthogonal(dtype=w.dtype)
    return core.concatenate([start(w[i : i + size]) for i in range(0, rows, size)])
