"""The inputs of a probe in words: small arrays whole, large ones by shape and range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course.grading.values import Plain

WHOLE = 12  # elements that are still shown one by one
MOST = 8  # lines


def inputs_of(name: str, inputs: dict[str, Plain]) -> list[str]:
    """Lines that say what a probe was called with."""
    lines = [f"{key} = {text}" for key, value in inputs.items() for text in [_shown(value)]]
    if len(lines) > MOST:
        lines = [*lines[: MOST - 1], f"and {len(lines) - MOST + 1} more"]
    short = f"for {name}({', '.join(lines)})"
    if len(short) <= 90 and not any("\n" in line for line in lines):
        return [short]
    return [f"for {name} with", *(f"  {line}" for line in lines)]


def _shown(value: Plain) -> str:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, list):
        return _several("[", (_shown(item) for item in value), len(value), "]")
    if isinstance(value, dict):
        items = (f"{key!r}: {_shown(item)}" for key, item in value.items())
        return _several("{", items, len(value), "}")
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _several(opening: str, items: Iterator[str], count: int, closing: str) -> str:
    kept = [item for item, _ in zip(items, range(4))]
    more = [f"... {count - len(kept)} more"] if count > len(kept) else []
    text = ", ".join([*kept, *more])
    return f"{opening}{text if len(text) <= 240 else text[:237] + '...'}{closing}"


def _array(value: np.ndarray) -> str:
    kind = value.dtype.name
    if value.size <= WHOLE:
        numbers = value.astype(np.float32) if kind == "bfloat16" else value
        text = np.array2string(numbers, precision=4, separator=", ", max_line_width=10_000)
        shape = "" if value.size else f" of shape {value.shape}"
        return " ".join(text.split()) + f"{shape} ({kind})"
    text = f"an array of shape {value.shape}, {kind}"
    if value.dtype.kind in "biufV" and kind != "bool":
        numbers = value.astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        odd = "" if finite.size == value.size else f", {value.size - finite.size} not finite"
        if finite.size:
            text += f", from {finite.min():.4g} to {finite.max():.4g}{odd}"
    return text
