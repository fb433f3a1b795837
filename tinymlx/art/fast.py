r"""A network that paints in one pass, with a norm for each style.

Sources: J. Johnson, A. Alahi and L. Fei-Fei (2016), https://arxiv.org/abs/1603.08155; V. Dumoulin,
J. Shlens and M. Kudlur (2016), https://arxiv.org/abs/1610.07629
"""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.art.adain import statistics
from tinymlx.art.features import FeatureNet
from tinymlx.art.gram import relative_error, style_loss, total_variation
from tinymlx.core import array


class ConditionalInstanceNorm(nn.Module):
    r"""Instance normalization with a gain and an offset of their own for each style.

    .. math:: y = \gamma_s \frac{x - \mu}{\sigma} + \beta_s

    Args:
        styles: how many, :math:`S`.
        dims: channels, :math:`C`.
        eps: added to the variance.

    Shape:
        ``(N, H, W, C)`` to the same; ``weight`` (:math:`\gamma`, ones at first) and ``bias``
        (:math:`\beta`, zeros) are ``(S, C)``.
    """

    def __init__(self, styles: int, dims: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = core.ones((styles, dims))
        self.bias = core.zeros((styles, dims))
        self.eps = eps

    def __call__(self, x: array, styles: array) -> array:
        """Normalize each channel of each picture over its places, then scale as its style says.

        Args:
            x: ``(N, H, W, C)``.
            styles: ``(N,)`` integers, a style for each picture; or ``(N, S)`` floating numbers, how
                much of each style: gains and offsets are mixed in that proportion, as given (rows
                need not sum to 1).

        Returns:
            ``(N, H, W, C)`` in the dtype of ``x``; the statistics are computed in float32.

        Raises:
            ValueError: ``styles`` has another shape; the message has the word "styles".
        """
        raise NotImplementedError(
            "18.6 __call__ - exercises/ch18_generative_art/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class ReflectConv(nn.Module):
    """A convolution inside of a mirrored border: at the edge of a picture there is no black frame.

    Args:
        inputs, outputs: channels.
        kernel: the side of the kernel, odd.
        stride: the step.

    Shape:
        ``(N, H, W, inputs)`` to ``(N, ceil(H / stride), ceil(W / stride), outputs)``.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)

    def __call__(self, x: array) -> array:
        """The convolution of ``x`` with ``kernel // 2`` more rows and columns on each side.

        They mirror what is inside at the outermost pixel, which is not repeated.

        Raises:
            ValueError: a side has not more than ``kernel // 2`` pixels, so that there is not enough
                to mirror; the message has the word "side".
        """
        raise NotImplementedError(
            "18.6 __call__ - exercises/ch18_generative_art/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Residual(nn.Module):
    """Two convolutions with norms, around which the input goes."""

    def __init__(self, styles: int, dims: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = ReflectConv(dims, dims, 3), ConditionalInstanceNorm(styles, dims)
        self.conv2, self.norm2 = ReflectConv(dims, dims, 3), ConditionalInstanceNorm(styles, dims)

    def __call__(self, x: array, styles: array) -> array:
        """``(N, H, W, dims)`` to the same."""
        y = nn.relu(self.norm1(self.conv1(x), styles))
        return x + self.norm2(self.conv2(y), styles)


class TransformerNet(nn.Module):
    """A picture in, the same picture in a style out.

    Args:
        styles: how many it knows.
        width: channels of the first layer; 2 and 4 times as many behind.
        blocks: residual blocks in the middle.

    Shape:
        ``(N, H, W, 3)`` from 0 to 1 to the same, any sides from 9 on.
    """

    def __init__(self, styles: int, width: int = 32, blocks: int = 5) -> None:
        super().__init__()
        sizes = (width, 2 * width, 4 * width)
        self.first = ReflectConv(3, width, 9)
        self.down = [ReflectConv(a, b, 3, 2) for a, b in zip(sizes, sizes[1:])]
        self.down_norms = [ConditionalInstanceNorm(styles, n) for n in sizes]
        self.blocks = [Residual(styles, sizes[-1]) for _ in range(blocks)]
        self.up = [ReflectConv(b, a, 3) for a, b in zip(sizes[1::-1], sizes[:0:-1])]
        self.up_norms = [ConditionalInstanceNorm(styles, n) for n in sizes[1::-1]]
        self.last = ReflectConv(width, 3, 9)

    def __call__(self, x: array, styles: array) -> array:
        """The picture, painted.

        ``first`` and both of ``down``, each followed by its norm of ``down_norms`` and relu; the
        ``blocks``; then for each of ``up``: every place twice in both directions (nearest
        neighbours, which leaves no checkerboard as a transposed convolution would), cut to the
        height and width that the map had on the way down, convolution, its norm of ``up_norms``,
        relu. In the end ``last`` and a sigmoid.

        Args:
            x: ``(N, H, W, 3)``.
            styles: as for :class:`ConditionalInstanceNorm`.
        """
        raise NotImplementedError(
            "18.6 __call__ - exercises/ch18_generative_art/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


def perceptual_loss(
    painted: dict[str, array],
    content: dict[str, array],
    targets: Sequence[array],
    layers: Sequence[str],
    content_layer: str,
    style_weight: float = 1.0,
) -> array:
    """What a painted picture costs: it should show what the picture shows, as the style shows it.

    ``relative_error`` at one layer, plus ``style_weight`` times ``style_loss`` at several layers.

    Args:
        painted: maps of the painted pictures, by layer.
        content: maps of the pictures; those of ``content_layer`` are a target, and no slope
            reaches them.
        targets: the Gram matrices of the styles at ``layers``, in their order, ``(N, C, C)``: each
            picture's own style. Slopes reach these.
        layers, content_layer: names.
        style_weight: how much style counts.

    Returns:
        A scalar in float32.
    """
    raise NotImplementedError(
        "18.6 perceptual_loss - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def painting_loss(
    network: TransformerNet,
    features: FeatureNet,
    x: array,
    styles: array,
    targets: Sequence[array],
    layers: Sequence[str],
    content_layer: str,
    style_weight: float = 1.0,
    smooth: float = 0.0,
) -> array:
    """The loss of one training step of a network that paints. Given.

    Only the network learns: ``features`` is to be frozen.

    Args:
        network, features: who paints, and who judges.
        x: pictures, ``(N, H, W, 3)``, as ``features`` expects them when multiplied by nothing.
        styles: ``(N,)``.
        targets: for each layer the Gram matrices of all styles, ``(S, C, C)``.
        layers, content_layer, style_weight: as for :func:`perceptual_loss`.
        smooth: the price of :func:`.total_variation`.
    """
    y = network(x, styles)
    asked = list(dict.fromkeys([*layers, content_layer]))
    painted, content = features(y, asked), features(x, [content_layer])
    chosen = [target[styles] for target in targets]
    loss = perceptual_loss(painted, content, chosen, layers, content_layer, style_weight)
    return loss + smooth * total_variation(y)
