"""Unicode with few characters, for probes of patterns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

LAST = 0xFFFF


@contextmanager
def few_characters(patterns: ModuleType) -> Iterator[None]:
    """Meanwhile ``patterns`` looks through 65,536 characters for those of a category.

    To look through a million for each category takes longer than all other tests of an exercise.

    Args:
        patterns: ``tinymlx.text.tokenizer.patterns``.
    """
    few = _few(patterns)
    whole = {name: getattr(patterns, name) for name in few}
    vars(patterns).update(few)
    try:
        yield
    finally:
        vars(patterns).update(whole)


@functools.cache
def _few(patterns: ModuleType) -> dict[str, Any]:
    """The last character, and the given functions with caches of their own."""
    names = ("of_category", "compiled")
    return {"LAST": LAST, **{name: _kept(getattr(patterns, name)) for name in names}}


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    return functools.cache(getattr(function, "__wrapped__", function))
