"""Chapters as notebooks: made from the lessons, with exercises that are solved and graded in cells.

``%load_ext course.notebook`` (or ``tinymlx``) gives ``%%exercise 4.3``, ``%hint 4.3``,
``%diff 4.3``, ``%bench 4.3`` and ``%map``.
"""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """What IPython calls at ``%load_ext course.notebook``."""
    from course.notebook.magics import install

    install(shell)
