"""Residual blocks of maps, and maps of half and twice the size.

Source: the names and details are those of the published weights of Stable Diffusion; the block is
that of J. Ho et al. (2020), https://arxiv.org/abs/2006.11239
"""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array


def group_norm(groups: int, channels: int, eps: float) -> nn.GroupNorm:
    """A normalization of neighbouring channels together, as PyTorch groups them."""
    return nn.GroupNorm(groups, channels, eps=eps, pytorch_compatible=True)


class ResnetBlock(nn.Module):
    """Two convolutions, each behind a normalization and silu, around which a shortcut leads.

    Between them the step is told: a vector for the example is added to every place.

    Args:
        inputs, outputs: channels.
        step_dims: the size of the vector that tells the step; ``None`` for a block that is not
            told.
        groups, eps: of the normalizations.

    Shape:
        ``(N, H, W, inputs)`` to ``(N, H, W, outputs)``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        step_dims: int | None = None,
        groups: int = 32,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm1 = group_norm(groups, inputs, eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        if step_dims is not None:
            self.time_emb_proj = nn.Linear(step_dims, outputs)
        self.norm2 = group_norm(groups, outputs, eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.conv_shortcut = nn.Conv2d(inputs, outputs, 1)

    def __call__(self, x: array, step: array | None = None) -> array:
        """The block's output; ``step`` is ``(N, step_dims)``."""
        raise NotImplementedError(
            "13.14 __call__ - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Downsample(nn.Module):
    """Half the size, by a convolution with stride 2.

    Args:
        channels: of input and output.
        one_sided: whether the border of zeros is below and on the right only, as in the
            autoencoder; otherwise it is on all sides.
    """

    def __init__(self, channels: int, one_sided: bool = False) -> None:
        super().__init__()
        self.one_sided = one_sided
        self.conv = nn.Conv2d(channels, channels, 3, 2, padding=0 if one_sided else 1)

    def __call__(self, x: array) -> array:
        """``(N, H, W, C)`` to ``(N, H / 2, W / 2, C)``."""
        if self.one_sided:
            x = core.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)])
        return self.conv(x)


class Upsample(nn.Module):
    """Twice the size: every place four times, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def __call__(self, x: array) -> array:
        """``(N, H, W, C)`` to ``(N, 2 H, 2 W, C)``."""
        return self.conv(core.repeat(core.repeat(x, 2, axis=1), 2, axis=2))
