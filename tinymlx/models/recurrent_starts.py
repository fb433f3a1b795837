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
    raise NotImplementedError(
        "8.10 open_forget_gates - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def orthogonal_start(w: array) -> array:
    r"""A matrix for the state whose every block neither stretches nor shrinks.

    Args:
        w: ``(gates * H, H)``; only its shape and dtype matter.

    Returns:
        A new matrix of that shape: for each gate an orthogonal ``(H, H)`` block of its own, drawn
        from the global state (``nn.init.orthogonal``).

    Source: A. Saxe et al. (2013), https://arxiv.org/abs/1312.6120
    """
    raise NotImplementedError(
        "8.16 orthogonal_start - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
