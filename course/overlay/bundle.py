"""A bundle: every module of one implementation as text, with the patches that fill it.

It is plain data, so that it can cross into a worker process and be hashed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Patch:
    """Replace the definition ``qualname`` of a module by the one at ``line`` of ``source``.

    ``source`` is a key of `Bundle.texts` and the file name that tracebacks show. ``zeros`` asks for
    the sabotage of `course.overlay.sabotage` instead of a replacement.
    """

    qualname: str
    source: str = ""
    line: int = 0
    zeros: bool = False


@dataclass(frozen=True)
class Addition:
    """Put the statement at ``line`` and ``column`` of ``source`` into a module.

    Attributes:
        holder: the class into whose body it goes; empty for the module itself.
        after: the name after whose statement it goes; empty for the beginning, after the imports.
        names: of an import, the names that it is to bind; all for none.
    """

    source: str
    line: int
    column: int
    holder: str = ""
    after: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """One module: its file, whether it is a package, what to patch, and what to add.

    ``bare``: nothing of its own text counts but the additions.
    """

    file: str
    package: bool
    patches: tuple[Patch, ...] = ()
    additions: tuple[Addition, ...] = ()
    bare: bool = False


@dataclass(frozen=True)
class Bundle:
    """An implementation of ``tinymlx``, ready to be imported or sent to a worker."""

    units: dict[str, Unit]
    texts: dict[str, str]
    filled: tuple[str, ...] = ()  # ids of the exercises whose starters were filled
    notes: tuple[str, ...] = ()  # sentences about modules that could not be used as they are

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_plain(data: dict[str, Any]) -> Bundle:
        units = {
            name: Unit(
                u["file"],
                u["package"],
                tuple(Patch(**p) for p in u["patches"]),
                tuple(Addition(**{**a, "names": tuple(a["names"])}) for a in u["additions"]),
                u["bare"],
            )
            for name, u in data["units"].items()
        }
        return Bundle(units, data["texts"], tuple(data["filled"]), tuple(data["notes"]))


@dataclass(frozen=True)
class Choice:
    """Which implementation to grade and how to complete it.

    Attributes:
        folder: the folder that holds a ``tinymlx`` package.
        fill: whether starters get the solution's body.
        keep: if given, only these exercises keep the implementation's own code; all others of
            their chapters and earlier ones are the solution's, right or wrong (one early mistake
            then costs one exercise), and later chapters are starters.
        unfilled: ids that stay starters all the same, to see them fail.
        cut: ids whose work is ignored and replaced by the starter (continuous integration's proof).
        replaced: (qualified symbol, file, line): a misconception put in a function's place.
        zeros: ids whose functions return zeros of the right shape (continuous integration's proof).
        texts: (path, text): what a file holds instead of what is on disk (a mutant).
        whole: take the folder's modules as they are, instead of grafting the exercises' definitions
            into the course's own: for a reader's own programs.
    """

    folder: Path
    fill: bool = True
    keep: frozenset[str] | None = None
    unfilled: frozenset[str] = field(default_factory=frozenset)
    cut: frozenset[str] = field(default_factory=frozenset)
    replaced: tuple[tuple[str, str, int], ...] = ()
    zeros: frozenset[str] = field(default_factory=frozenset)
    texts: tuple[tuple[str, str], ...] = ()
    whole: bool = False
