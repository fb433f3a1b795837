"""The short list of mutants that are right after all: ``exercises/chNN_*/equivalent.toml``.

```toml
[[equivalent]]
exercise = "4.3"
kind = "edge"
before = "if x.ndim < 1:"
after = "if x.ndim <= 0:"
reason = "A number of axes is whole."
```

The four keys before the reason are a mutant's name as the run prints it. An entry that no mutant
has any more is a complaint, and so is one whose mutant the tests reject.
"""

from __future__ import annotations

from dataclasses import dataclass

from course.errors import CourseError
from course.paths import Project
from course.registry import Registry
from course.toml import load_toml

NOTHING = "(nothing)"  # how the run prints what a mutant leaves out
KEYS = ("exercise", "kind", "before", "after", "reason")


@dataclass(frozen=True)
class Equivalent:
    """One entry: a mutant's name and why no test can reject it."""

    exercise: str
    kind: str
    before: str
    after: str
    reason: str

    @property
    def name(self) -> tuple[str, str, str, str]:
        after = "" if self.after == NOTHING else self.after
        return (self.exercise, self.kind, self.before, after)


def load_equivalents(project: Project, registry: Registry) -> dict[tuple[str, ...], Equivalent]:
    """All entries by their mutant's name.

    Raises:
        CourseError: an entry with other keys than these, or of an unknown exercise.
    """
    found: dict[tuple[str, ...], Equivalent] = {}
    for chapter in registry.chapters:
        path = project.exercises / chapter.folder / "equivalent.toml"
        if not path.is_file():
            continue
        for table in load_toml(path).get("equivalent", []):
            if set(table) != set(KEYS) or not all(isinstance(table[k], str) for k in KEYS):
                raise CourseError(f"{path}: an entry has the keys {', '.join(KEYS)}; not {table}.")
            entry = Equivalent(**table)
            if entry.exercise not in registry.by_id or not entry.reason.strip():
                raise CourseError(f"{path}: {entry.exercise} has no exercise or no reason.")
            found[entry.name] = entry
    return found
