"""The one place that decides whether two results agree, and says how they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

FACTOR = 16.0
EPSILON = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
    "complex64": 2.0**-23,
    "complex128": 2.0**-52,
}
# Correctness runs switch TF32 off; what remains on a GPU is another order of summation and
# approximate transcendental functions.
BACKEND_FACTOR = {"cpu": 1.0, "gpu": 4.0}


def tolerance(dtype: str, terms: int, scale: float, backend: str = "cpu") -> float:
    """``16 * eps(dtype) * sqrt(terms) * scale``, times the factor of the backend.

    Args:
        dtype: name of the floating dtype in which the result was computed.
        terms: length K of the longest sum behind one number of the result.
        scale: the magnitude that rounding errors are relative to.
        backend: ``"cpu"`` or ``"gpu"``.
    """
    return FACTOR * BACKEND_FACTOR[backend] * EPSILON[dtype] * math.sqrt(max(terms, 1)) * scale


# What the last `agree` that said no had found; a failed assertion shows it.
disagreement: list[str] = []


def agree(yours: Any, expected: Any, dtype: str = "float32", terms: int = 1) -> bool:
    """Whether numbers agree to the tolerance, for a judge that compares a part of a result.

    Args:
        yours: what the probe returned.
        expected: the right numbers, from mathematics.
        dtype: the narrowest floating dtype on the way to the result.
        terms: length of the longest sum behind one number.
    """
    mine, wanted = np.asarray(yours).astype(np.float64), np.asarray(expected, dtype=np.float64)
    disagreement.clear()
    if mine.shape != wanted.shape:
        disagreement.append(f"yours has shape {mine.shape}, expected {wanted.shape}")
        return False
    gap = np.where(np.isfinite(mine), abs(mine - wanted), np.inf)
    allowed = _allowed(wanted, Rules(dtype, terms))
    if np.max(gap, initial=0.0) <= allowed:
        return True
    at = tuple(int(i) for i in np.unravel_index(int(np.nanargmax(gap)), gap.shape))
    disagreement.append(_worst(at, mine, wanted, f"tolerance {allowed:.0e}"))
    return False


@dataclass(frozen=True)
class Rules:
    """How strictly to compare.

    Attributes:
        dtype: the floating dtype of the inputs, which float64 references stand for.
        terms: length of the longest sum behind one number.
        scale: replaces ``max(1, max|expected|)``.
        backend: ``"cpu"`` or ``"gpu"``.
    """

    dtype: str = "float32"
    terms: int = 1
    scale: float | None = None
    backend: str = "cpu"


@dataclass(frozen=True)
class Mismatch:
    """One difference, in the words of the failure message.

    Attributes:
        entry: which output or gradient, ``"dx"`` or ``"grads['weight']"``.
        kind: ``"shape"``, ``"dtype"``, ``"values"``, ``"finite"``, ``"type"``,
            ``"missing"`` or ``"extra"``.
        detail: the rest of the message, one or two lines.
        error: the worst error in units of the tolerance, for values.
        pair: the two arrays that differ, yours first, where both have one shape.
    """

    entry: str
    kind: str
    detail: str
    error: float = math.inf
    pair: tuple[np.ndarray, np.ndarray] | None = field(default=None, compare=False, repr=False)

    @property
    def headline(self) -> str:
        """What differs, after the exercise's title."""
        name = self.entry or "the result"
        return {
            "shape": f"{name} has the wrong shape",
            "dtype": f"{name} has the wrong dtype",
            "finite": f"{name} is not finite where it should be, or the other way round",
            "type": f"{name} is of the wrong kind",
            "missing": f"{name} lacks something",
            "extra": f"{name} has something that it should not have",
        }.get(self.kind, f"{name} differs")


def first_mismatch(yours: Any, expected: Any, rules: Rules, entry: str = "") -> Mismatch | None:
    """The first difference in the order keys, shape, dtype, finiteness, values; or ``None``."""
    if isinstance(expected, dict):
        return _dicts(yours, expected, rules, entry)
    if isinstance(expected, list):
        return _lists(yours, expected, rules, entry)
    if isinstance(expected, np.ndarray):
        return _arrays(yours, expected, rules, entry)
    if isinstance(expected, float) and type(yours) in (int, float):
        return _close(np.asarray(float(yours)), np.asarray(expected), rules, entry)
    if isinstance(yours, np.ndarray) or type(yours) is not type(expected):
        return Mismatch(entry, "type", f"yours is {_show(yours)}, expected {_show(expected)}")
    if yours != expected:
        return Mismatch(entry, "values", f"yours is {_show(yours)}, expected {_show(expected)}")
    return None


def _dicts(yours: Any, expected: dict[str, Any], rules: Rules, entry: str) -> Mismatch | None:
    if not isinstance(yours, dict):
        return Mismatch(entry, "type", f"yours is {_show(yours)}, expected a dict")
    if set(yours) != set(expected):
        missing, extra = sorted(set(expected) - set(yours)), sorted(set(yours) - set(expected))
        text = f"missing {missing}" if missing else f"unexpected {extra}"
        return Mismatch(entry, "missing" if missing else "extra", f"the keys differ: {text}")
    for key, wanted in expected.items():
        name = f"{entry}[{key!r}]" if entry else key
        found = first_mismatch(yours[key], wanted, rules, name)
        if found:
            return found
    return None


def _lists(yours: Any, expected: list[Any], rules: Rules, entry: str) -> Mismatch | None:
    if not isinstance(yours, list):
        return Mismatch(entry, "type", f"yours is {_show(yours)}, expected a list")
    if len(yours) != len(expected):
        return Mismatch(entry, "shape", f"yours has length {len(yours)}, expected {len(expected)}")
    for i, (mine, wanted) in enumerate(zip(yours, expected, strict=True)):
        found = first_mismatch(mine, wanted, rules, f"{entry}[{i}]")
        if found:
            return found
    return None


def _arrays(yours: Any, expected: np.ndarray, rules: Rules, entry: str) -> Mismatch | None:
    if not isinstance(yours, np.ndarray):
        return Mismatch(entry, "type", f"yours is {_show(yours)}, expected an array")
    if yours.shape != expected.shape:
        return Mismatch(entry, "shape", f"yours has shape {yours.shape}, expected {expected.shape}")
    wanted = expected_dtype(expected.dtype.name, rules.dtype)
    if not _dtype_agrees(yours.dtype, wanted):
        return Mismatch(entry, "dtype", f"yours is {yours.dtype.name}, expected {wanted}")
    if not _is_float(expected.dtype):
        return _exact(yours, expected, entry)
    return _close(yours, expected, rules, entry)


def expected_dtype(reference: str, run: str) -> str:
    """float64 and complex128 of a reference stand for the run's own precision."""
    if reference == "float64":
        return run
    if reference == "complex128":
        return "complex128" if run == "float64" else "complex64"
    return reference


def _dtype_agrees(yours: np.dtype, wanted: str) -> bool:
    if wanted == "int64":  # torch counts in int64 where MLX uses int32 or uint32
        return yours.kind in "iu"
    return yours.name == wanted


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind in "fc" or dtype == ml_dtypes.bfloat16


def _exact(yours: np.ndarray, expected: np.ndarray, entry: str) -> Mismatch | None:
    wrong = yours != expected
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    text = _worst(at, yours, expected, f"{int(wrong.sum())} of {wrong.size} differ")
    return Mismatch(entry, "values", f"{_kind(yours)}; {text}", pair=(yours, expected))


def _close(yours: np.ndarray, expected: np.ndarray, rules: Rules, entry: str) -> Mismatch | None:
    precise = np.complex128 if expected.dtype.kind == "c" else np.float64
    mine, wanted = yours.astype(precise), expected.astype(precise)
    special = ~np.isfinite(wanted)
    limit = _largest(rules.dtype)
    odd = np.where(
        special, ~_same_special(mine, wanted), ~np.isfinite(mine) & (abs(wanted) < limit)
    )
    if odd.any():
        at = tuple(int(i) for i in np.argwhere(odd)[0])
        text = _worst(at, mine, wanted, f"{int(odd.sum())} of {odd.size} such values")
        return Mismatch(entry, "finite", f"{_kind(yours)}; {text}", pair=(mine, wanted))
    finite = ~special & np.isfinite(mine)
    allowed = _allowed(wanted[finite], rules)
    error = np.where(finite, abs(np.where(finite, mine, 0) - np.where(finite, wanted, 0)), 0.0)
    if error.size == 0 or error.max() <= allowed:
        return None
    at = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
    times = float(error.max() / allowed)
    text = _worst(at, mine, wanted, f"tolerance {allowed:.0e}, error {_times(times)} x")
    return Mismatch(entry, "values", f"{_kind(yours)}; {text}", times, (mine, wanted))


def _allowed(wanted: np.ndarray, rules: Rules) -> float:
    """The tolerance for finite expected values under ``rules``."""
    scale = rules.scale
    if scale is None:
        scale = max(1.0, float(np.max(abs(wanted), initial=0.0)))
    return tolerance(rules.dtype, rules.terms, scale, rules.backend)


def _kind(array: np.ndarray) -> str:
    return f"shape {array.shape}, {array.dtype.name}"


def _same_special(mine: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return (np.isnan(mine) & np.isnan(wanted)) | (mine == wanted)


def _largest(dtype: str) -> float:
    """Above this a result may overflow to infinity in ``dtype`` though float64 holds it."""
    return {"float16": 65504.0, "bfloat16": 3.3e38, "float32": 3.4e38}.get(dtype, 1.7e308)


def worst_errors(yours: Any, expected: Any, rules: Rules) -> dict[str, float]:
    """For each entry of two dicts the largest error in units of the tolerance.

    Infinite for another shape or dtype, or a value that is not finite where it should be.
    """
    if not isinstance(yours, dict) or not isinstance(expected, dict):
        return {}
    return {key: _worst_of(yours.get(key), wanted, rules, key) for key, wanted in expected.items()}


def _worst_of(yours: Any, expected: Any, rules: Rules, entry: str) -> float:
    if isinstance(expected, dict) and isinstance(yours, dict):
        return max([_worst_of(yours.get(k), v, rules, k) for k, v in expected.items()], default=0)
    if isinstance(expected, list) and isinstance(yours, list) and len(yours) == len(expected):
        pairs = zip(yours, expected, strict=True)
        return max([_worst_of(a, b, rules, entry) for a, b in pairs], default=0.0)
    found = first_mismatch(yours, expected, rules, entry)
    if found is not None:
        return found.error
    if not isinstance(expected, np.ndarray) or not _is_float(expected.dtype) or not expected.size:
        return 0.0
    precise = np.complex128 if expected.dtype.kind == "c" else np.float64
    mine, wanted = yours.astype(precise), expected.astype(precise)
    finite = np.isfinite(wanted) & np.isfinite(mine)
    allowed = _allowed(wanted[finite], rules)
    gap = abs(np.where(finite, mine, 0) - np.where(finite, wanted, 0))
    return float(gap.max() / allowed)


def _worst(at: tuple[int, ...], yours: np.ndarray, expected: np.ndarray, tail: str) -> str:
    where = f"worst at {list(at)}: " if at else ""
    mine, wanted = yours[at], expected[at]
    digits = 4
    while digits < 17 and _number(mine, digits) == _number(wanted, digits):
        digits += 2
    return f"{where}yours {_number(mine, digits)}, expected {_number(wanted, digits)} ({tail})"


def _number(value: Any, digits: int) -> str:
    return format(value, f".{digits}g") if not isinstance(value, np.bool_) else str(bool(value))


def _times(times: float) -> str:
    return f"{times:.2g}" if times < 100 else f"{float(f'{times:.2g}'):.0f}"


def _show(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, {value.dtype.name}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
