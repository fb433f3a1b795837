"""The convolutions of VGG16 as a network of features, and the names of published weights.

Source: K. Simonyan and A. Zisserman (2014), https://arxiv.org/abs/1409.1556
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinymlx import core, nn
from tinymlx.core import array

WIDTHS, DEPTHS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)
#: Of blue, green and red over the photographs of ImageNet, from 0 to 255.
MEANS = (103.939, 116.779, 123.68)


class FeatureNet(nn.Module):
    """Groups of 3 x 3 convolutions with relu; before each group but the first sides are halved.

    The ``i``-th convolution of group ``g``, both counted from 1, is ``self["conv{g}_{i}"]``. By
    default it has the sizes of VGG16.

    Args:
        widths: the channels of each group.
        depths: how many convolutions each group has.
        border: what is around a map in each convolution: ``"zeros"``, or ``"wrap"`` for the
            opposite side, as if the picture were a tile among equal ones.

    Raises:
        ValueError: the border is another one, or there are not as many depths as widths.
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        border: str = "zeros",
    ) -> None:
        super().__init__()
        if border not in ("zeros", "wrap") or len(widths) != len(depths):
            raise ValueError(
                f"[FeatureNet] border should be zeros or wrap, and there should be as many depths "
                f"as widths; they are {border!r}, {depths} and {widths}."
            )
        self.border, channels = border, 3
        self.depths = tuple(depths)
        for g, (width, depth) in enumerate(zip(widths, depths), 1):
            for i in range(1, depth + 1):
                self[f"conv{g}_{i}"] = nn.Conv2d(channels, width, 3)
                channels = width

    def layers(self) -> list[str]:
        """The names of all layers, from the first to the last."""
        return [f"conv{g}_{i}" for g, n in enumerate(self.depths, 1) for i in range(1, n + 1)]

    def __call__(self, x: array, layers: Sequence[str]) -> dict[str, array]:
        """The maps of some layers, behind their relu.

        In each convolution a border of one (:func:`bordered`) keeps height and width; between two
        groups both are halved by the *mean* of each 2 x 2 window, and an odd row or column at the
        end is left out. (VGG16 takes the maximum, whose slope reaches one pixel of four.) Nothing
        behind the deepest layer that is asked for is computed, and nothing at once.

        Args:
            x: pictures as the weights expect them (:func:`prepared`), ``(N, H, W, 3)``.
            layers: names such as ``"conv3_1"``, in any order.

        Returns:
            For each name, in the order asked for, maps ``(N, H', W', C)``; a name that is asked for
            twice is there once.

        Raises:
            ValueError: a name that is none of :meth:`layers`, or none at all; the message has the
                word "layers".
        """
        raise NotImplementedError(
            "18.2 __call__ - exercises/ch18_generative_art/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


def bordered(x: array, border: str) -> array:
    """Maps with one more row and column on each side, zeros or those of the opposite side.

    Shape: ``(N, H, W, C)`` to ``(N, H + 2, W + 2, C)``.
    """
    if border == "zeros":
        return core.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    x = core.concatenate([x[:, -1:], x, x[:, :1]], axis=1)
    return core.concatenate([x[:, :, -1:], x, x[:, :, :1]], axis=2)


def halved(x: array) -> array:
    """The mean of each 2 x 2 window; an odd row or column at the end is left out.

    Shape: ``(N, H, W, C)`` to ``(N, H // 2, W // 2, C)``.
    """
    return nn.AvgPool2d(2)(x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2])


def prepared(x: array) -> array:
    """Pixels as the published weights expect them.

    From red, green, blue between 0 and 1 to blue, green, red between 0 and 255, less
    :data:`MEANS`. Nothing is cut off: a search may leave 0 to 1 for a while, and needs a slope.

    Args:
        x: ``(N, H, W, 3)``.

    Returns:
        The same shape and dtype.
    """
    raise NotImplementedError(
        "18.2 prepared - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def renamed(published: Mapping[str, array]) -> list[tuple[str, array]]:
    """Published weights under the names of :class:`FeatureNet`, kernels with channels last.

    The file counts layers of one kind within a block: ``block3/layers/conv2d/vars/0`` is the kernel
    of the block's first convolution, ``block3/layers/conv2d_2/vars/1`` the bias of its third one.
    Kernels are ``(KH, KW, inputs, outputs)`` there and ``(outputs, KH, KW, inputs)`` here. Whatever
    does not belong to a convolution of a block (``dsn1/vars/0``, ``fuse/vars/1``) is left out.

    Args:
        published: arrays by their names in the file, in any order.

    Returns:
        What ``load_weights`` takes: ``("conv3_1.weight", ...)``.

    Raises:
        ValueError: a kernel without four axes, or a bias without one; the message has the word
            "axes".
    """
    raise NotImplementedError(
        "18.2 renamed - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
