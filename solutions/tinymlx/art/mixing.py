r"""Kernels that a style modulates: coarse things from one style, fine ones from another.

Sources: T. Karras et al. (2018), https://arxiv.org/abs/1812.04948 (mapping, mixing); T. Karras et
al. (2019), https://arxiv.org/abs/1912.04958 (modulated kernels).
"""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array


def modulated_conv2d(
    x: array, weight: array, style: array, demodulate: bool = True, eps: float = 1e-8
) -> array:
    r"""A convolution whose kernels each picture's style scales, and whose outputs stay as strong.

    Picture :math:`n` is convolved with kernels :math:`w'_{oki} = s_{ni} w_{oki}` and, with
    ``demodulate``, these are divided by their length,

    .. math:: w''_{oki} = w'_{oki} \Big/ \sqrt{\sum_{k,i} w'^2_{oki} + \epsilon}

    so that the style says which inputs count, and not how strong the outputs are. A convolution is
    linear: the same comes out if the *channels of the input* are scaled before, and those of the
    output behind. So one convolution serves all pictures, and no kernels of single pictures are
    made: in memory there are never ``N`` times as many kernels. The lengths are computed in
    float32, since half precision has neither :math:`10^{-8}` nor the square of 300. Nothing is
    evaluated, here and below, so that a step may be compiled.

    Args:
        x: ``(N, H, W, I)``.
        weight: ``(O, KH, KW, I)``, odd sides; zeros around the maps keep height and width.
        style: :math:`s`, ``(N, I)``.
        demodulate: whether lengths are divided out.
        eps: :math:`\epsilon`.

    Returns:
        ``(N, H, W, O)`` in the dtype of ``x``.

    Raises:
        ValueError: the styles are not ``(N, I)``; the message has the word "style".
    """
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError(
            f"[modulated_conv2d] The style should be (N, I), here {(x.shape[0], x.shape[-1])}; it "
            f"is {style.shape}."
        )
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.conv2d(x * style[:, None, None], weight, padding=padding)
    if not demodulate:
        return y.astype(x.dtype)
    strength = core.sum(core.square(weight.astype(core.float32)), axis=(1, 2))  # (O, I)
    scale = core.rsqrt(core.square(style.astype(core.float32)) @ strength.T + eps)  # (N, O)
    return (y * scale[:, None, None]).astype(x.dtype)


class MappingNetwork(nn.Module):
    r"""From a latent vector, whose distribution is fixed, to a style, whose is learned.

    Args:
        dims: of both.
        depth: how many linear layers, ``self.layers``.
    """

    def __init__(self, dims: int, depth: int = 4) -> None:
        super().__init__()
        self.layers = [nn.Linear(dims, dims) for _ in range(depth)]

    def __call__(self, z: array) -> array:
        r"""Styles of latent vectors.

        First each vector is divided by the root of its mean square,
        :math:`z / \sqrt{\text{mean}(z^2) + 10^{-8}}`: only its direction counts. That is computed
        in float32 and brought back to the dtype of ``z``. Then come the linear layers, each, also
        the last one, followed by a leaky relu with slope 0.2.

        Args:
            z: ``(..., dims)``.

        Returns:
            ``(..., dims)``.
        """
        x = z.astype(core.float32)
        x = x * core.rsqrt(core.mean(core.square(x), axis=-1, keepdims=True) + 1e-8)
        x = x.astype(z.dtype)
        for layer in self.layers:
            x = nn.leaky_relu(layer(x), 0.2)
        return x


def mixed_styles(first: array, second: array, crossover: array, layers: int) -> array:
    """One style for each layer of a generator: coarse layers from one, fine layers from another.

    Layer ``l`` of picture ``n`` takes ``first[n]`` if ``l < crossover[n]``, and otherwise
    ``second[n]``. A crossover of 0 is all of the second, one of ``layers`` all of the first.

    Args:
        first, second: ``(N, D)``, latent vectors or styles.
        crossover: ``(N,)`` integers.
        layers: how many there are.

    Returns:
        ``(N, layers, D)``.

    Raises:
        ValueError: the shapes of both differ; the message has the word "shapes".
    """
    if first.shape != second.shape:
        raise ValueError(
            f"[mixed_styles] Both should have equal shapes; they have {first.shape} and "
            f"{second.shape}."
        )
    before = core.arange(layers) < crossover[:, None]  # (N, layers)
    return core.where(before[..., None], first[:, None], second[:, None])


class StyledConv(nn.Module):
    """A modulated convolution with its style's own linear layer, a bias and a leaky relu. Given.

    Shape: ``(N, H, W, inputs)`` and styles ``(N, dims)`` to ``(N, H, W, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int, dims: int, kernel: int = 3, plain: bool = False):
        super().__init__()
        scale = 1 / (inputs * kernel * kernel) ** 0.5
        self.weight = scale * core.random.normal((outputs, kernel, kernel, inputs))
        self.bias = core.zeros((outputs,))
        self.style = nn.Linear(dims, inputs)
        self.style.bias = core.ones((inputs,))
        self.plain = plain

    def __call__(self, x: array, style: array) -> array:
        y = modulated_conv2d(x, self.weight, self.style(style), not self.plain) + self.bias
        return y if self.plain else nn.leaky_relu(y, 0.2) * 2**0.5


class StyleGenerator(nn.Module):
    """From latent vectors, one for all layers or one for each, to pictures. Given.

    A learned map of 4 x 4 is enlarged and convolved; at every size a picture is read from the maps
    and added to the enlarged one of the size before.

    Args:
        latent: of the vectors.
        side: of the pictures, 4 times a power of 2.
        width: channels at the last size; twice as many at each size before, 8 times at most.

    Shape:
        ``(N, latent)`` or ``(N, self.count, latent)`` to ``(N, side, side, 3)``, from about -1 to 1
        (not cut off).
    """

    def __init__(self, latent: int = 64, side: int = 32, width: int = 32) -> None:
        super().__init__()
        levels = (side // 4).bit_length()
        widths = [min(width << (levels - 1 - i), 8 * width) for i in range(levels)]
        self.latent, self.count = latent, levels
        self.mapping = MappingNetwork(latent)
        self.start = core.random.normal((1, 4, 4, widths[0]))
        self.convs = [
            [StyledConv(a, b, latent), StyledConv(b, b, latent)]
            for a, b in zip([widths[0], *widths], widths)
        ]
        self.colours = [StyledConv(n, 3, latent, 1, plain=True) for n in widths]

    def __call__(self, z: array) -> array:
        """Pictures of latent vectors."""
        z = (
            core.broadcast_to(z[:, None], (z.shape[0], self.count, z.shape[1]))
            if z.ndim == 2
            else z
        )
        styles = self.mapping(z)
        x = core.broadcast_to(self.start, (z.shape[0], *self.start.shape[1:]))
        picture = core.zeros((), x.dtype)
        for level, (convs, colour) in enumerate(zip(self.convs, self.colours)):
            style = styles[:, level]
            if level:
                x, picture = twice(x), twice(picture)
            for conv in convs:
                x = conv(x, style)
            picture = picture + colour(x, style)
        return picture


def twice(x: array) -> array:
    """Every place twice in both directions: ``(N, H, W, C)`` to ``(N, 2 H, 2 W, C)``."""
    return core.repeat(core.repeat(x, 2, axis=1), 2, axis=2)
