"""Classes as sentences: a classifier that nobody trained."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def normalized(x: array, eps: float = 1e-12) -> array:
    """Vectors of length 1 in the same directions, ``(..., D)``.

    Vectors shorter than ``eps`` are divided by it, so zero stays zero, and has finite slopes.
    Lengths are computed in float32, the result has the dtype of ``x``.
    """
    raise NotImplementedError(
        "13.17 normalized - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def class_vectors(sentences: array) -> array:
    """A vector for each class, from several sentences about it.

    Each sentence's vector gets the length 1 before the mean is taken, so that all count alike, and
    the mean gets it afterwards: it is compared by its direction.

    Args:
        sentences: ``(classes, sentences, D)``.

    Returns:
        ``(classes, D)``, each of length 1.
    """
    raise NotImplementedError(
        "13.22 class_vectors - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
