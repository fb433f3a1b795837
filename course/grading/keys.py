"""What the plugin keeps in pytest's own stash: on the run's configuration, and on each test."""

from __future__ import annotations

from typing import Any

import pytest

from course.grading.diagnosis import Seen
from course.grading.fixtures import Bench
from course.grading.session import Grading

KEY: pytest.StashKey[Grading] = pytest.StashKey()
BENCH: pytest.StashKey[Bench] = pytest.StashKey()
SEEN: pytest.StashKey[dict[str, list[Seen]]] = pytest.StashKey()
LIKELY: pytest.StashKey[dict[str, list[list[Any]]]] = pytest.StashKey()
EXPECTED: pytest.StashKey[dict[str, list[str]]] = pytest.StashKey()

REPORTS: pytest.StashKey[list[pytest.TestReport]] = pytest.StashKey()
