"""Where each file belongs: its path inside ``tinymlx/``.

A *copy* is a folder that holds files of the course at their places, whatever it is called. Of
several copies the one with the most written exercises comes first, then the one nearest to the
top, then the first by name; each file is that of the first copy that has it. Without a copy, a
file is placed by its name, and where the name says nothing, by the definitions in it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from course.grading.door.haul import Refused
from course.grading.door.names import shown
from course.grading.door.text import joined, notebook_text, parsed, text_of
from course.syntax import find, is_starter

ASIDE = ("solutions", "tests")  # copies of the course's own, in a whole working copy
MOST_NAME = 100
Parts = tuple[str, ...]


@dataclass(frozen=True)
class Shelf:
    """What the course has: where a file can belong.

    Attributes:
        known: the paths inside ``tinymlx/`` of its modules.
        symbols: path and qualified name of all that exercises ask for.
    """

    known: frozenset[str]
    symbols: tuple[tuple[str, str], ...] = ()

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """The last part of a path to the paths that end so."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.known):
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def by_definition(self) -> dict[str, list[str]]:
        """The name at the top of a module to the paths where an exercise asks for it."""
        found: dict[str, list[str]] = {}
        for path, qualname in self.symbols:
            paths = found.setdefault(qualname.partition(".")[0], [])
            paths += [path] * (path not in paths)
        return found


@dataclass
class Placed:
    """Path inside ``tinymlx/`` to text, with what is to be said about it."""

    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Placer:
    """Places the raw files of one submission."""

    def __init__(self, raw: dict[str, bytes], shelf: Shelf) -> None:
        self.shelf, self.placed = shelf, Placed()
        self.raw = raw
        self._texts: dict[str, str | None] = {}

    def place(self) -> Placed:
        copies = self._copies()
        if copies:
            self._from_copies(copies)
        else:
            self._loose()
        return self.placed

    def text(self, name: str) -> str | None:
        """A file's text; ``None`` for a notebook that is none."""
        if name not in self._texts:
            try:
                if name.lower().endswith(".ipynb"):
                    self._texts[name] = notebook_text(self.raw[name])
                else:
                    self._texts[name], note = text_of(self.raw[name])
                    if note:
                        self.placed.notes.append(f"{shown(name)}: {note}")
            except Refused as error:
                self.placed.notes.append(f"left behind: {shown(name)}: {error}")
                self._texts[name] = None
        return self._texts[name]

    # Copies of the package

    def _copies(self) -> dict[Parts, dict[str, str]]:
        """Folder to its files (path in there to whole name), best first."""
        names = [name for name in self.raw if name.lower().endswith(".py")]
        roots = {root for root in map(self._root, names) if root is not None}
        own = {root for root in roots if not set(root) & set(ASIDE)} or roots
        found: dict[Parts, dict[str, str]] = {root: {} for root in own}
        for name in names:
            parts = tuple(name.split("/"))
            inside = [root for root in own if parts[: len(root)] == root]
            if inside:
                root = max(inside, key=len)
                found[root]["/".join(parts[len(root) :])] = name
        if len(found) < 2:
            return found
        return dict(sorted(found.items(), key=self._rank))

    def _root(self, name: str) -> Parts | None:
        """The folder that would hold ``name`` at a place of the course."""
        parts = tuple(name.split("/"))
        for i in range(len(parts)):
            tail = "/".join(parts[i:])
            named = i > 0 and parts[i - 1].lower() == "tinymlx"
            deep = len(parts) - i > 1 and parts[-1] != "__init__.py"
            if tail in self.shelf.known and (named or deep):
                return parts[:i]
        return None

    def _rank(self, item: tuple[Parts, dict[str, str]]) -> tuple[int, int, Parts]:
        root, files = item
        return (
            -self._written({path: self.text(name) for path, name in files.items()}),
            len(root),
            root,
        )

    def _written(self, texts: dict[str, str | None]) -> int:
        """How many of the exercises' symbols somebody has written."""
        trees = {p: parsed(t) for p, t in texts.items() if t is not None and p in self.shelf.known}
        count = 0
        for path, qualname in self.shelf.symbols:
            tree = trees.get(path)
            found = find(tree, qualname) if tree is not None else []
            count += bool(found) and not any(is_starter(item) for item in found)
        return count

    def _from_copies(self, copies: dict[Parts, dict[str, str]]) -> None:
        first, *others = ["/".join(root) or "the top folder" for root in copies]
        if others:
            listed = ", ".join(map(shown, others[:5]))
            self.placed.notes.append(
                f"it holds {len(copies)} copies of the package; {shown(first)} was graded, "
                f"and what is missing there is from {listed}"
            )
        for files in copies.values():
            for path, name in files.items():
                self._put(path, name)

    def _put(self, path: str, name: str) -> None:
        """Set a file at its place, unless it is taken."""
        if any(not part.isidentifier() for part in path[: -len(".py")].split("/")):
            self.placed.notes.append(f"left behind: {shown(name)}: no module has such a name")
            return
        if max(map(len, path.split("/"))) > MOST_NAME or path.count("/") > 8:
            self.placed.notes.append(f"left behind: {shown(name)}: its name is too long")
            return
        taken = {known.lower(): known for known in self.placed.files}
        if path.lower() in taken:
            return
        text = self.text(name)
        if text is not None:
            self.placed.files[path] = text

    # Files without a package around them

    def _loose(self) -> None:
        names = sorted(self.raw, key=lambda name: (name.count("/"), name))
        left = [name for name in names if not self._by_name(name)]
        taken = set(self.placed.files)
        parts: dict[str, list[str]] = {}
        for name in names:
            places = [p for p in self._places(name) if p not in taken]
            for place in places:
                parts.setdefault(place, []).append(name)
            if not places and name in left and self.text(name) is not None:
                self.placed.notes.append(
                    f"left behind: {shown(name)}: no file of the course has its name, and it "
                    "defines nothing that an exercise asks for"
                )
        for place, sources in parts.items():
            self.placed.files[place] = joined([self.text(name) or "" for name in sources])
            listed = ", ".join(map(shown, sources))
            self.placed.notes.append(f"{listed} was taken for {place}, by what it defines")

    def _by_name(self, name: str) -> bool:
        """Place a file whose name is that of one file of the course."""
        last = name.rpartition("/")[2].lower()
        defined = self._places(name)
        places = self.shelf.by_name.get(last, []) if last != "__init__.py" else []
        if len(places) > 1:
            places = [place for place in places if place in defined]
        if len(places) != 1 or self.text(name) is None:
            return False
        if places[0] in self.placed.files:
            self.placed.notes.append(f"left behind: {shown(name)}: {places[0]} came twice")
        else:
            self._put(places[0], name)
        return True

    def _places(self, name: str) -> list[str]:
        """The files of the course whose exercises' names are defined in this one."""
        tree = parsed(self.text(name) or "")
        if tree is None:
            return []
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        defined = [node.name for node in tree.body if isinstance(node, kinds)]
        places = [self.shelf.by_definition.get(one, []) for one in defined]
        sure = {place for some in places if len(some) == 1 for place in some}
        found: dict[str, None] = {}
        for some in places:
            # A name that two modules have belongs where the file's other names lead.
            found.update(dict.fromkeys([p for p in some if p in sure] or some))
        return list(found)


def place(raw: dict[str, bytes], shelf: Shelf) -> Placed:
    """Paths inside ``tinymlx/`` and texts of raw files, and notes on how it was decided."""
    return Placer(raw, shelf).place()
