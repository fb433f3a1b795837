"""From scratch means from scratch: an allow-list for what a student's code may use.

It is read from the syntax tree of the pieces that travel (`course.graft`); nothing runs. What it
refuses is reported as policy, not as a wrong answer.
"""

from course.policy.reader import Violation, read

__all__ = ["Violation", "read"]
