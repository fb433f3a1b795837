"""Rows."""

from tinymlx.rows.counter import Counter
from tinymlx.rows.softmax import pick, softmax

__all__ = ["Counter", "pick", "softmax"]
