"""The machinery of the tinymlx course: it cuts, fills, grades, measures and helps.

It never imports ``tinymlx`` at import time: which implementation ``tinymlx`` means (the student's,
the solutions, a submission) is decided by `course.overlay`.
"""

__version__ = "0.1.0"
