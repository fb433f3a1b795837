"""Stronger augmentation: a hole in each picture, two pictures in one, other colours."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.vision.augmentation import several


def cutout(x: array, rows: array, columns: array, size: int) -> array:
    """A square of zeros in each picture.

    In picture ``n`` the square reaches from row ``rows[n] - size // 2`` on over ``size`` rows, and
    likewise over the columns. What lies outside of the picture is cut off.

    Args:
        x: pictures, ``(N, H, W, C)``.
        rows, columns: the middle of each square, ``(N,)`` integers.
        size: the side of the squares.

    Returns:
        An array of the shape of ``x``.

    Source: T. DeVries and G. Taylor (2017), https://arxiv.org/abs/1708.04552
    """
    raise NotImplementedError(
        "7.16 cutout - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def mixed(x: array, targets: array, order: array, share: array) -> tuple[array, array]:
    r"""Each picture mixed with another one, and their targets in the same proportion.

    Picture :math:`n` becomes :math:`\lambda_n x_n + (1 - \lambda_n) x_{\pi(n)}`, its target
    :math:`\lambda_n t_n + (1 - \lambda_n) t_{\pi(n)}`.

    Args:
        x: pictures, ``(N, H, W, C)``.
        targets: a distribution over the classes for each, ``(N, classes)``.
        order: with which picture each is mixed, :math:`\pi`, ``(N,)`` integers.
        share: :math:`\lambda`, ``(N,)`` numbers from 0 to 1.

    Returns:
        Pictures and targets, in the shapes of ``x`` and ``targets``.

    Source: H. Zhang et al., mixup (2017), https://arxiv.org/abs/1710.09412
    """
    raise NotImplementedError(
        "7.16 mixed - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def one_hot(labels: array, classes: int) -> array:
    """The distribution that is sure: ``(N, classes)``, from ``(N,)`` integers."""
    return (labels[:, None] == core.arange(classes)).astype(core.float32)


def random_cutout(x: array, size: int, key: array | None = None) -> array:
    """:func:`cutout` with each middle anywhere in the picture."""
    for_rows, for_columns = several(key, 2)
    n, height, width, _ = x.shape
    rows = core.random.randint(0, height, (n,), key=for_rows)
    columns = core.random.randint(0, width, (n,), key=for_columns)
    return cutout(x, rows, columns, size)


def mixup(
    x: array, targets: array, least: float = 0.5, key: array | None = None
) -> tuple[array, array]:
    """:func:`mixed` with random partners and shares.

    Args:
        x: pictures, ``(N, H, W, C)``.
        targets: ``(N, classes)``.
        least: shares are uniform from here to 1. With 0.5 this is what the paper calls alpha = 1:
            a share of 0.3 and a partner are a share of 0.7 from the partner's side.
        key: what the draw follows from; by default the global random state.
    """
    for_order, for_share = several(key, 2)
    n = x.shape[0]
    order = core.random.permutation(n, key=for_order)
    share = core.random.uniform(least, 1.0, (n,), key=for_share)
    return mixed(x, targets, order, share)


def random_colours(x: array, strength: float = 0.2, key: array | None = None) -> array:
    """Every picture brighter or darker, with more or less contrast and colour.

    Args:
        x: pictures from 0 to 1, ``(N, H, W, C)``; outside of it they are cut off afterwards.
        strength: each of the three factors is uniform from 1 - strength to 1 + strength.
        key: what the draw follows from; by default the global random state.
    """
    shape = (x.shape[0], 1, 1, 1)
    brightness, contrast, saturation = (
        core.random.uniform(1 - strength, 1 + strength, shape, key=k) for k in several(key, 3)
    )
    x = x * brightness
    grey = core.mean(x, axis=-1, keepdims=True)
    x = grey + saturation * (x - grey)
    middle = core.mean(x, axis=(1, 2, 3), keepdims=True)
    return core.clip(middle + contrast * (x - middle), 0.0, 1.0)
