"""Grading the student's own work from the command line: a child runs pytest, the parent watches."""

from course.checker.parent import Checker, Result

__all__ = ["Checker", "Result"]
