"""A vector-quantized autoencoder: a picture as a small map of whole numbers."""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.latent.codebook import MovingCodebook, nearest, quantized
from tinymlx.nn import Module

COMMITMENT = 0.05  # the weight of the loss that holds the vectors near their codes


class VQVAE(Module):
    """Convolutions down to a quarter of the size, a code for each place, and back.

    The encoder ends with a normalization: from the first step on, its vectors are spread as the
    codebook is. Without it they begin in one spot, all get the same few codes, and the decoder
    learns to draw the mean before there is anything to tell apart.

    Args:
        size: the number of codes.
        dims: the numbers of a code vector.
        width: channels of the convolutions.
        in_channels: channels of the pictures.
        moving: whether the codebook follows by moving averages (and codes that nobody takes any
            more are revived), or learns by a gradient.

    Shape:
        ``(N, H, W, in_channels)`` with H and W multiples of 4; codes are ``(N, H / 4, W / 4)``.
    """

    def __init__(
        self,
        size: int = 128,
        dims: int = 16,
        width: int = 32,
        in_channels: int = 1,
        moving: bool = True,
    ) -> None:
        super().__init__()
        self.size = size
        self.down = nn.Sequential(
            nn.Conv2d(in_channels, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, dims, 3, padding=1),
            nn.BatchNorm(dims),
        )
        self.up = nn.Sequential(
            nn.Conv2d(dims, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, in_channels, 4, stride=2, padding=1),
        )
        if moving:
            self.book = MovingCodebook(size, dims, decay=0.98)
        else:
            self.codebook = core.random.normal((size, dims)) / dims**0.5

    @property
    def vectors(self) -> array:
        """The codebook, ``(size, dims)``."""
        return self.book.vectors if "book" in self else self.codebook

    def __call__(self, x: array) -> tuple[array, array, array]:
        """The pictures as they come back, the loss of the code (the commitment, and that of a
        codebook which learns by gradient), and the codes."""
        z = self.down(x)
        through, codebook_loss, commitment, codes = quantized(z, self.vectors)
        loss = COMMITMENT * commitment
        if "book" not in self:
            loss = loss + codebook_loss
        elif self.training:
            self.book.follow(z, codes)
            self.book.revive(z, least=0.5)
        return nn.sigmoid(self.up(through)), loss, codes

    def codes(self, x: array) -> array:
        """The codes of pictures, ``(N, H / 4, W / 4)``."""
        return nearest(self.down(x), self.vectors)

    def drawn(self, codes: array) -> array:
        """The pictures of codes, from 0 to 1."""
        return nn.sigmoid(self.up(self.vectors[codes]))
