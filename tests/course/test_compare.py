"""The comparison: what agrees, what differs, and the words for it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from course.grading.compare import Rules, agree, expected_dtype, first_mismatch, tolerance

F32 = np.float32


def mismatch(yours: object, expected: object, **rules: object) -> str:
    found = first_mismatch(yours, expected, Rules(**rules))  # type: ignore[arg-type]
    return f"{found.headline}: {found.detail}" if found else ""


def test_the_formula() -> None:
    assert tolerance("float32", 1, 1.0) == 16 * 2.0**-23
    assert tolerance("float16", 9, 2.0) == 16 * 2.0**-10 * 3 * 2
    assert tolerance("bfloat16", 4, 1.0) == 16 * 2.0**-7 * 2
    assert tolerance("float64", 1, 1.0) == 16 * 2.0**-52


def test_equal_to_rounding_passes_and_more_fails() -> None:
    expected = np.array([1.0, -2.0])
    allowed = tolerance("float32", 1, 2.0)
    near = (expected + 0.9 * allowed).astype(F32)
    far = (expected + np.array([0.0, 1.2 * allowed])).astype(F32)
    assert mismatch(near, expected) == ""
    assert "worst at [1]" in mismatch(far, expected)
    assert mismatch(far, expected, terms=4) == ""
    assert mismatch(far, expected, scale=3.0) == ""


def test_shape_comes_before_dtype_and_values() -> None:
    text = mismatch(np.zeros((2, 3), np.int32), np.ones((3, 2)))
    assert text == "the result has the wrong shape: yours has shape (2, 3), expected (3, 2)"
    text = mismatch(np.zeros((2,), np.float16), np.ones((2,)))
    assert text == "the result has the wrong dtype: yours is float16, expected float32"


def test_float64_stands_for_the_runs_dtype_and_int64_for_any_integer() -> None:
    assert expected_dtype("float64", "bfloat16") == "bfloat16"
    assert expected_dtype("complex128", "float32") == "complex64"
    assert mismatch(np.array([1, 2], np.uint32), np.array([1, 2])) == ""
    assert "dtype" in mismatch(np.array([1, 2], np.int64), np.array([1, 2], np.int32))
    assert "dtype" in mismatch(np.array([1.0], F32), np.array([1]))
    assert "dtype" in mismatch(np.array([1], np.int32), np.array([True]))


def test_integers_must_be_equal() -> None:
    text = mismatch(np.array([1, 5, 3], np.int32), np.array([1, 2, 3]))
    assert "worst at [1]: yours 5, expected 2 (1 of 3 differ)" in text


@pytest.mark.parametrize(
    ("yours", "expected", "same"),
    [
        (math.nan, 1.0, False),
        (math.inf, 1.0, False),
        (1.0, math.nan, False),
        (1.0, math.inf, False),
        (-math.inf, math.inf, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
    ],
)
def test_numbers_that_are_not_finite(yours: float, expected: float, same: bool) -> None:
    text = mismatch(np.array([0.0, yours], F32), np.array([0.0, expected]))
    assert (text == "") is same
    assert same or "not finite where it should be" in text


def test_overflow_in_a_narrow_dtype_is_no_error() -> None:
    yours, expected = np.array([np.inf], np.float16), np.array([1e5])
    assert mismatch(yours, expected, dtype="float16") == ""
    assert mismatch(np.array([np.inf], np.float16), np.array([6e4]), dtype="float16") != ""


def test_entries_are_named() -> None:
    yours = {"y": np.ones(2, F32), "grads": {"w": [np.zeros(2, F32)]}}
    expected = {"y": np.ones(2), "grads": {"w": [np.ones(2)]}}
    assert mismatch(yours, expected).startswith("grads['w'][0] differs")
    assert "missing ['z']" in mismatch({}, {"z": 1})
    assert "unexpected ['z']" in mismatch({"z": 1}, {})
    assert "length 1, expected 2" in mismatch([1], [1, 2])


def test_plain_values() -> None:
    assert mismatch(3, 3) == "" and mismatch("a", "a") == "" and mismatch(None, None) == ""
    assert mismatch(0.1 + 0.2, 0.3) == ""
    assert "yours is 4, expected 3" in mismatch(4, 3)
    assert "yours is None" in mismatch(None, 3)
    assert "yours is True" in mismatch(True, 1)
    assert "expected an array" in mismatch(1.0, np.ones(()))
    assert "an array of shape (2,), float32" in mismatch(np.ones(2, F32), 1.5)


def test_complex_numbers_and_scalars() -> None:
    assert mismatch(np.array(1 + 1j, np.complex64), np.array(1 + 1j)) == ""
    assert "yours 1+2j, expected 1+1j" in mismatch(np.array(1 + 2j, np.complex64), np.array(1 + 1j))


def test_an_empty_array_agrees_with_an_empty_array() -> None:
    assert mismatch(np.ones((0, 3), F32), np.ones((0, 3))) == ""


def test_close_values_are_shown_with_enough_digits() -> None:
    text = mismatch(np.array([1.00001], F32), np.array([1.0]))
    assert "yours 1.00001, expected 1" in text


def test_agree_is_the_same_tolerance() -> None:
    allowed = tolerance("float32", 4, 3.0)
    expected = [3.0, -1.0]
    assert agree(np.array([3.0 + 0.9 * allowed, -1.0]), expected, terms=4)
    assert not agree(np.array([3.0 + 1.1 * allowed, -1.0]), expected, terms=4)
    assert not agree(np.array([3.0]), expected)
    assert not agree(np.array([np.nan, -1.0]), expected)
