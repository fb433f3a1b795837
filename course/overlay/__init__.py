"""Which code ``tinymlx`` means: an implementation, with what is missing filled in.

`Bundle` is the plain description (texts and patches, no code has run); `Overlay` serves it to
Python's import system. Filling happens in the syntax tree, before a module is compiled.
"""

from course.overlay.bundle import Addition, Bundle, Choice, Patch, Unit
from course.overlay.importer import Overlay
from course.overlay.making import changed_bundle, make_bundle

__all__ = [
    "Addition",
    "Bundle",
    "Choice",
    "Overlay",
    "Patch",
    "Unit",
    "changed_bundle",
    "make_bundle",
]
