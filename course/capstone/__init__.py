"""Capstones: a brief, milestones that judge what the reader's own program does, and a board.

A chapter of part VI has, beside its exercises, ``brief.md`` (what is asked), ``pipeline.py`` (the
skeleton that the reader gets), ``milestones.py`` (the judges), ``board.py`` (what is held out, and
how predictions of it are scored) and ``board.toml`` (what we reached).
"""

from course.capstone.kinds import Board, Held, Milestone, Verdict

__all__ = ["Board", "Held", "Milestone", "Verdict"]
