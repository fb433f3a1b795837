"""Names that somebody typed and nobody has: an error that names the nearest."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from course.errors import CourseError


def known(name: str, names: Iterable[str], where: str, kind: str) -> str:
    """``name``, if it is among ``names``.

    Raises:
        CourseError: it is not; the sentence begins with ``where`` and names the nearest.
    """
    names = list(names)
    if name in names:
        return name
    lower = {one.lower(): one for one in names}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"; the nearest is {lower[near[0]]!r}" if near else ""
    raise CourseError(f"{where}: there is no {kind} {name!r}{hint}.")
