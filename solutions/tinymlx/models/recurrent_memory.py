r"""How far back a recurrent network can be taught: the slope of the last state by earlier ones."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def influence(w: array, states: array) -> array:
    r"""How strongly each state of Elman's cell acts on the last one.

    For :math:`h_{t+1} = \tanh(W h_t + x_t)`, with any inputs :math:`x_t`: the norms of the matrices
    :math:`\partial h_L / \partial h_t`. The lesson derives them; no transform is needed, since
    the slope of tanh follows from its value.

    Args:
        w: :math:`W`, ``(H, H)``.
        states: :math:`h_1` to :math:`h_L`, ``(L, H)``.

    Returns:
        ``(L,)``: for :math:`t = 1, \dots, L` the largest singular value
        (``core.linalg.norm(matrix, ord=2, stream=core.cpu)``). The last is 1.

    Source: R. Pascanu et al., On the difficulty of training recurrent neural networks (2013),
    https://arxiv.org/abs/1211.5063
    """
    slope = core.eye(len(w))
    norms = []
    for t in reversed(range(len(states))):
        norms.append(core.linalg.norm(slope, ord=2, stream=core.cpu))
        slope = slope @ ((1 - core.square(states[t]))[:, None] * w)
    return core.stack(norms[::-1])
