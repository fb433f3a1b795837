"""From one code to another, to look at what lies between."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def straight(start: array, end: array, count: int) -> array:
    """``count`` codes at equal distances on the line between two, both included.

    Shape:
        Twice ``(D,)`` to ``(count, D)``.
    """
    share = core.linspace(0, 1, count)[:, None]
    return (1 - share) * start + share * end


def along_the_sphere(start: array, end: array, count: int) -> array:
    r"""The same on an arc, at equal angles.

    Codes of a Gaussian in many dimensions lie near a sphere: the middle of a straight line between
    two of them is shorter than either, where hardly any code lies. With the angle :math:`\omega`
    between them, it is :math:`(\sin((1 - t) \omega) \, a + \sin(t \omega) \, b) / \sin \omega`.

    Shape:
        Twice ``(D,)`` to ``(count, D)``.

    Source: K. Shoemake, Animating rotation with quaternion curves (1985).
    """
    cosine = core.sum(start * end) / (core.linalg.norm(start) * core.linalg.norm(end))
    angle = core.arccos(core.clip(cosine, -1.0, 1.0))
    if core.sin(angle).item() < 1e-3:  # nearly one direction, or opposite ones: no arc is nearer
        return straight(start, end, count)
    share = core.linspace(0, 1, count)[:, None]
    arc = core.sin((1 - share) * angle) * start + core.sin(share * angle) * end
    return arc / core.sin(angle)


def traversal(code: array, index: int, values: array) -> array:
    """One code again and again, with one of its numbers set to each of ``values``.

    Shape:
        ``(D,)`` and ``(count,)`` to ``(count, D)``.
    """
    here = core.arange(code.shape[0]) == index
    return core.where(here, values[:, None], code)
