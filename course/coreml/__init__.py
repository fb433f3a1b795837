"""Programs of ``tinymlx.formats.mil`` as packages of Core ML, by ``coremltools``' builder.

``coremltools`` is an optional package, and takes seconds to import: it is imported when a package
is written, and never before.
"""

from course.coreml.package import PRECISIONS, TARGETS, WEIGHTS, check, tools, write

__all__ = ["PRECISIONS", "TARGETS", "WEIGHTS", "check", "tools", "write"]
