"""Dropout: leaving out a part of the signal at random while training."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.module import Module


class Dropout(Module):
    r"""While training, each element becomes 0 with probability :math:`p`.

    The others are multiplied by :math:`1 / (1 - p)`, so that the expected value stays what it is.
    In evaluation mode nothing happens.

    Args:
        p: the probability :math:`p`, at least 0 and below 1.

    Shape:
        Any to the same.

    Raises:
        ValueError: ``p`` is outside of [0, 1).

    Source: N. Srivastava et al., Dropout (2014), https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self._p_1 = kept_share(p)

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def __call__(self, x: array) -> array:
        """Drop elements of ``x``, independently of each other, with a new choice in each call.

        ``self._p_1`` is the probability to keep one, :math:`1 - p`; ``self.training`` tells the
        mode. How the choice is drawn is yours to design: judged are the result, its gradient and
        the statistics of many calls.

        Args:
            x: any array.

        Returns:
            An array of the shape and dtype of ``x``; ``x`` itself in evaluation mode or if nothing
            is dropped.
        """
        if self._p_1 == 1 or not self.training:
            return x
        mask = core.random.bernoulli(self._p_1, x.shape)
        return (mask * x) * (1 / self._p_1)


class Dropout2d(Module):
    r"""As :class:`Dropout`, but whole channels of a picture are dropped.

    Neighbouring pixels are much alike, so a single one that is missing hides nothing.

    Args:
        p: the probability that a channel becomes 0.

    Shape:
        ``(N, H, W, C)`` or ``(H, W, C)`` to the same.

    Raises:
        ValueError: ``p`` is outside of [0, 1); (when called) the input has not 3 or 4 axes.

    Source: J. Tompson et al., Efficient Object Localization Using Convolutional Networks (2014),
    https://arxiv.org/abs/1411.4280
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self._p_1 = kept_share(p)

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def __call__(self, x: array) -> array:
        if x.ndim not in (3, 4):
            raise ValueError(
                f"Received input with {x.ndim} dimensions. Expected 3 or 4 dimensions."
            )
        return channels_dropped(x, self._p_1, 2) if self.training else x


class Dropout3d(Module):
    r"""As :class:`Dropout2d` for volumes (or films).

    Args:
        p: the probability that a channel becomes 0.

    Shape:
        ``(N, D, H, W, C)`` or ``(D, H, W, C)`` to the same.

    Raises:
        ValueError: ``p`` is outside of [0, 1); (when called) the input has not 4 or 5 axes.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self._p_1 = kept_share(p)

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def __call__(self, x: array) -> array:
        if x.ndim not in (4, 5):
            raise ValueError(
                f"Received input with {x.ndim} dimensions. Expected 4 or 5 dimensions."
            )
        return channels_dropped(x, self._p_1, 3) if self.training else x


def kept_share(p: float) -> float:
    """``1 - p``.

    Raises:
        ValueError: ``p`` is outside of [0, 1).
    """
    if p < 0 or p >= 1:
        raise ValueError(f"The dropout probability {p} is not in [0, 1)")
    return 1 - p


def channels_dropped(x: array, kept: float, axes: int) -> array:
    """``x`` with channels dropped: one decision for all places along ``axes`` axes before the last.

    Examples and channels are decided independently, again by a design of yours, and what is kept is
    made larger as in :class:`Dropout`.

    Args:
        x: an array, channels last.
        kept: the probability to keep a channel.
        axes: the number of axes of a picture (2) or volume (3).

    Returns:
        An array of the shape and dtype of ``x``; ``x`` itself if nothing is dropped.
    """
    if kept == 1:
        return x
    shape = list(x.shape)
    shape[-1 - axes : -1] = [1] * axes
    mask = core.random.bernoulli(kept, shape)
    return (mask * x) * (1 / kept)
