"""Errors that a user of the course is meant to read."""


class CourseError(Exception):
    """One clear sentence that says what is wrong and what to do; shown without a traceback."""
