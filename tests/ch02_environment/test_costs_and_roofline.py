"""Judges of ``costs.py``, ``roofline.py`` and ``polynomial.py``."""

import pytest

from course.grading.marks import exercise


@exercise("2.5")
@pytest.mark.parametrize("m, k, n", [(128, 64, 32), (1, 7, 5), (3, 1, 9), (1, 1, 1)])
@pytest.mark.parametrize("batch, dtype", [(1, "float32"), (6, "float16")])
def test_cost_of_a_product(check, m, k, n, batch, dtype):
    """Matrices of all shapes, one and many, in two sizes of number: whole numbers, exactly."""
    check("matmul_cost", m=m, k=k, n=n, batch=batch, dtype=dtype)


@exercise("2.5")
def test_defaults_are_one_product_in_float32(check):
    """And nothing overflows: Python's integers do not."""
    check("matmul_cost_by_default", m=65536, k=65536, n=65536)


@exercise("2.6")
@pytest.mark.parametrize(
    "shapes",
    [
        [[64, 32], [64, 32]],
        [[64, 32], [32]],
        [[64, 1], [1, 32]],
        [[5], []],
        [[7]],
        [[2, 3], [3], []],
        [[70000, 70000], [70000, 1]],
        [[1, 0], [4, 1]],
    ],
)
@pytest.mark.parametrize("operations, dtype", [(1, "float32"), (3, "bfloat16")])
def test_cost_of_an_elementwise_operation(check, shapes, operations, dtype):
    """Equal shapes, a row over a matrix, an outer sum, one to three inputs, many numbers, none."""
    check("elementwise_cost", shapes=shapes, operations=operations, dtype=dtype)


@exercise("2.6")
def test_shapes_that_do_not_broadcast_are_refused(check):
    """MLX says so, and so do we."""
    check.raises("elementwise_cost", "ValueError", shapes=[[3], [4]], operations=1, dtype="float32")


@exercise("2.7")
@pytest.mark.parametrize("flops, bytes, seconds", [(2_000_000, 500, 0.25), (0, 4096, 2.0)])
def test_rates(check, flops, bytes, seconds):
    """Arithmetic and traffic; a copy has no arithmetic."""
    check("achieved", flops=flops, bytes=bytes, seconds=seconds)


@exercise("2.7")
def test_no_time_is_no_measurement(check):
    """Zero and negative seconds are mistakes of the clock, and so is nan."""
    check.raises("achieved", "ValueError", flops=10, bytes=10, seconds=0.0)
    check.raises("achieved", "ValueError", flops=10, bytes=10, seconds=-1.0)
    check.raises("achieved", "ValueError", flops=10, bytes=10, seconds=float("nan"))


@exercise("2.8")
def test_intensity_of_a_computation(check):
    """FLOP for each byte."""
    check("intensity", flops=300, bytes=1200)
    check("intensity", flops=9000, bytes=100)


@exercise("2.8")
def test_ridge_of_a_machine(check):
    """Where the two parts of the roof meet."""
    check("ridge_point", peak=2.6e12, bandwidth=68.25e9)


@exercise("2.9")
def test_the_roof_is_slanted_then_flat(check):
    """Below the ridge, at it, and above it."""
    check("attainable", intensities=[0.0, 0.25, 10.0, 20.0, 400.0], peak=2.0e12, bandwidth=1.0e11)


@exercise("2.9")
@pytest.mark.parametrize("flops, bytes", [(5_000_000, 100), (100, 5_000_000), (0, 700), (300, 0)])
def test_the_slower_part_decides(check, flops, bytes):
    """Bound by arithmetic, by traffic; without any arithmetic, and without any traffic."""
    check("least_seconds", flops=flops, bytes=bytes, peak=250.0, bandwidth=125.0)


@exercise("2.10")
@pytest.mark.parametrize("shape", [(7,), (2, 3), ()])
@pytest.mark.parametrize("degree", [1, 4])
def test_polynomial_at_every_element(check, draw, shape, degree):
    """Vectors, matrices, scalars; from a line upwards."""
    coefficients = [float(c) for c in draw.uniform(degree + 1, low=0.5, high=2)]
    coefficients[0] += 4  # so that the order of the coefficients matters everywhere
    check(
        "horner", x=draw.uniform(*shape, low=0.3, high=0.9), coefficients=coefficients, terms=degree
    )


@exercise("2.10")
def test_two_operations_for_each_degree(probe):
    """At most one multiplication and one addition a degree, in whatever order; no powers."""
    found = probe("horner_operations", degree=6)
    count = found["count"]
    assert found["result"] is True and set(count) == {"multiplications", "additions"}, count
    assert 1 <= count["multiplications"] <= 6 and 1 <= count["additions"] <= 6, count


@exercise("2.10")
def test_a_constant_is_not_enough(check, draw):
    """Nothing to multiply x with."""
    check.raises("horner", "ValueError", x=draw.normal(3), coefficients=[1.0])
    check("horner", x=draw.uniform(3, low=0.3, high=0.9), coefficients=[4.0, 1.0])


@exercise("2.11")
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("degree", [1, 2, 9])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_traffic_with_and_without_fusion(check, fused, degree, dtype):
    """The same arithmetic; two passes over memory, or some for every kernel."""
    check("polynomial_cost", size=1000, degree=degree, fused=fused, dtype=dtype)
