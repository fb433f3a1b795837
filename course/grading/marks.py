"""The mark that ties a test to its exercise."""

from __future__ import annotations

import pytest


def exercise(*ids: str, weight: int = 1, visible: str = "shown") -> pytest.MarkDecorator:
    """Mark a test as one of exercise ``ids[0]``'s (and of further ids, if it judges them together).

    Args:
        ids: exercise ids such as ``"4.3"``.
        weight: the test's share of the exercise's points where partial credit is given.
        visible: ``"shown"``, ``"name"`` (name only) or ``"hidden"``, in an instructor's reports.
    """
    return pytest.mark.exercise(*ids, weight=weight, visible=visible)
