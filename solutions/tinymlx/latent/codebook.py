"""Codes that are whole numbers: the nearest of a book of vectors."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module


def nearest(z: array, codebook: array) -> array:
    r"""The number of the code vector that is nearest to each vector.

    :math:`|z - e|^2 = |z|^2 - 2 z \cdot e + |e|^2`, and :math:`|z|^2` is the same for all codes: so
    one matrix product compares all vectors with all codes, and nothing of the size
    :math:`M \times K \times D` is ever made. The terms can be much larger than their differences:
    they are computed in the dtype of the vectors, and in no narrower one.

    Args:
        z: vectors, ``(..., D)``.
        codebook: ``(K, D)``.

    Returns:
        ``(...)``, integers from 0 to ``K - 1``; the first one where several are equally near.
    """
    products = z @ codebook.T  # (..., K)
    return core.argmin(core.sum(core.square(codebook), axis=-1) - 2 * products, axis=-1)


def quantized(z: array, codebook: array) -> tuple[array, array, array, array]:
    r"""Each vector replaced by its code vector, in a way that can be trained.

    The first result has the *values* of the code vectors :math:`e`, and the *slope* of ``z``: its
    cotangent goes to ``z`` unchanged, and none of it to the codebook. The two losses are means of
    squared differences of ``z`` and :math:`e` over all numbers. They have the same value; the first
    one moves the codebook only, the second one ``z`` only.

    Args:
        z: vectors, ``(..., D)``.
        codebook: ``(K, D)``.

    Returns:
        The code vectors ``(..., D)``, the codebook's loss, the commitment loss, and the codes
        ``(...)``.

    Source: A. van den Oord, O. Vinyals and K. Kavukcuoglu, Neural discrete representation learning
    (2017), https://arxiv.org/abs/1711.00937
    """
    codes = nearest(z, codebook)
    e = codebook[codes]
    codebook_loss = core.mean(core.square(e - core.stop_gradient(z)))
    commitment = core.mean(core.square(z - core.stop_gradient(e)))
    through = z + core.stop_gradient(e - z)
    return through, codebook_loss, commitment, codes


def usage(codes: array, size: int) -> array:
    """How often each of ``size`` codes was taken, as float32, ``(size,)``."""
    return core.zeros((size,)).at[codes.reshape(-1)].add(1.0)


def perplexity(counts: array) -> array:
    r"""Among how many codes, if all were taken equally often, one would be as unsure:
    :math:`e^H`, with the entropy :math:`H = -\sum_k p_k \log p_k` of the shares. A code that was
    never taken adds nothing.

    Args:
        counts: how often each code was taken, ``(K,)``, at least one of them not 0.

    Returns:
        A number without axes, from 1 to ``K``.
    """
    p = counts / core.sum(counts)
    return core.exp(-core.sum(p * core.log(core.where(p > 0, p, 1.0))))


class MovingCodebook(Module):
    r"""A codebook that follows the vectors by itself, without a gradient.

    Every code vector is the mean of the vectors that took it, as k-means (chapter 1) would have it,
    but over moving averages of the batches: with :math:`n_k` how often code :math:`k` was taken in
    a batch and :math:`s_k` the sum of the vectors that took it,

    .. math:: N_k \leftarrow \gamma N_k + (1 - \gamma) n_k, \quad
              S_k \leftarrow \gamma S_k + (1 - \gamma) s_k, \quad
              e_k = S_k / N_k .

    Args:
        size: how many codes, :math:`K`.
        dims: the numbers of a vector, :math:`D`.
        decay: :math:`\gamma`.

    Attributes:
        vectors: the codebook, ``(K, D)``; not trained by an optimizer.
        counts, sums: :math:`N`, ``(K,)``, and :math:`S`, ``(K, D)``. :math:`N` starts at 1, so that
            :math:`S` starts as the vectors.

    Source: A. van den Oord et al. (2017), appendix A.1; the dead codes: P. Dhariwal et al., Jukebox
    (2020), https://arxiv.org/abs/2005.00341
    """

    def __init__(self, size: int, dims: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.vectors = core.random.normal((size, dims)) / dims**0.5
        self.counts = core.ones((size,))
        self.sums = core.array(self.vectors)
        self.freeze()

    def unfreeze(self, *args: Any, **kwargs: Any) -> MovingCodebook:
        """As for every module, but what the averages make stays frozen, as in `nn.BatchNorm`."""
        super().unfreeze(*args, **kwargs)
        self.freeze(recurse=False)
        return self

    def __call__(self, z: array) -> tuple[array, array, array]:
        """The code vectors with the slope of ``z``, the commitment loss, and the codes."""
        through, _, commitment, codes = quantized(z, self.vectors)
        return through, commitment, codes

    def follow(self, z: array, codes: array) -> None:
        """Move the averages by a batch, and the vectors with them.

        A code whose :math:`N_k` is 0 after that keeps its vector. The averages carry no history:
        no gradient goes through them.

        Args:
            z: the vectors of the batch, ``(..., D)``.
            codes: which code each took, ``(...)``.
        """
        z = core.stop_gradient(z).reshape(-1, z.shape[-1])
        codes = codes.reshape(-1)
        n = usage(codes, self.counts.shape[0])
        s = core.zeros(self.sums.shape).at[codes].add(z)
        self.counts = self.decay * self.counts + (1 - self.decay) * n
        self.sums = self.decay * self.sums + (1 - self.decay) * s
        held = self.counts[:, None]
        self.vectors = core.where(held > 0, self.sums / core.maximum(held, 1e-12), self.vectors)

    def revive(self, z: array, least: float, key: array | None = None) -> None:
        """Give every dead code, one whose average count is below ``least``, a new life.

        Its vector becomes one of ``z``, drawn at random for each code by itself; its count becomes
        1 and its sum that vector. The others stay as they are.

        Args:
            z: the vectors of a batch, ``(..., D)``.
            least: below which count a code is dead.
            key: what the draw follows from; by default the global random state.
        """
        z = core.stop_gradient(z).reshape(-1, z.shape[-1])
        chosen = core.random.randint(0, z.shape[0], self.counts.shape, key=key)
        dead = self.counts < least
        self.vectors = core.where(dead[:, None], z[chosen], self.vectors)
        self.sums = core.where(dead[:, None], z[chosen], self.sums)
        self.counts = core.where(dead, 1.0, self.counts)
