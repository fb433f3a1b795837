"""How every page of the course's own looks: one file each, no network, light and dark."""

from course.look.page import document, highlighted

__all__ = ["document", "highlighted"]
