"""Grading: probes run the student's code, references answer, judges compare."""
