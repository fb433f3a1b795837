r"""Relativistic losses: each real example against one that was made.

The losses of :mod:`.losses` judge every example by itself, and a generator can win by making one
thing that passes. Here only the *difference* counts, of one real and one made example:

.. math:: L_D = \text{E}[\text{softplus}(-(\text{real} - \text{fake}))], \qquad
          L_G = \text{E}[\text{softplus}(-(\text{fake} - \text{real}))]

Sources: A. Jolicoeur-Martineau (2018), https://arxiv.org/abs/1807.00734; in this form, with the
penalties of :func:`.penalties.zero_centred_penalty`: Y. Huang et al. (2025),
https://arxiv.org/abs/2501.05441
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import softplus


def paired_discriminator_loss(real: array, fake: array) -> array:
    """The discriminator wants each real example above its partner.

    Args:
        real, fake: logits, ``(N,)`` both; example ``n`` of one is the partner of ``n`` of the
            other.

    Raises:
        ValueError: the shapes differ. (Broadcast, ``(N, 1)`` and ``(N,)`` would make N x N pairs.)
    """
    raise NotImplementedError(
        "9.10 paired_discriminator_loss - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def paired_generator_loss(real: array, fake: array) -> array:
    """The generator wants each of its examples above its partner.

    Args, errors: as for :func:`paired_discriminator_loss`.
    """
    raise NotImplementedError(
        "9.10 paired_generator_loss - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def paired_with(real: array, fake: array) -> array:
    """``real``, if it has the shape of ``fake``.

    Raises:
        ValueError: it has another one.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"Each real example needs one partner: the logits have the shapes {real.shape} and "
            f"{fake.shape}."
        )
    return real
