"""Judges of 14.12 to 14.15: kernels, run thread by thread on a CPU (`course.shim`)."""

import numpy as np
import pytest

from course.grading.compare import agree, disagreement
from course.grading.marks import exercise
from course.shim import Launch, Problem, run

LANGUAGES = pytest.mark.parametrize("language", ["metal", "cuda"])


def ran(kernels, language, **inputs):
    """What a kernel writes and how often it reads; what goes wrong is the student's to read."""
    try:
        return run(kernels[language], inputs)
    except Problem as problem:
        raise AssertionError(f"in {language}: {problem}") from None


def same(yours, expected, terms=1):
    assert agree(yours, expected, terms=terms), disagreement


@exercise("14.12")
@LANGUAGES
@pytest.mark.parametrize("size", [1000, 256, 1])
def test_every_element_is_added(probe, draw, language, size):
    """Sizes that groups divide and do not divide, also a single element."""
    x, y = draw.normal(size), draw.normal(size)
    found = ran(probe("vector_add", size=size, dtype="float32"), language, x=x, y=y)
    same(found.outputs["z"], x + y)
    assert found.counts["x"] == size


@exercise("14.12")
def test_adding_is_started_as_it_should_be(probe):
    """Groups of 256, and no more of them than there is work for."""
    for kernel in probe("vector_add", size=1000, dtype="float32").values():
        assert kernel["threadgroup"] == [256, 1, 1]
        assert 1000 <= kernel["grid"][0] <= 1024 and kernel["grid"][1:] == [1, 1]
        assert kernel["template"] == [["T", "float32"]]


@exercise("14.12")
def test_adding_halves(probe, draw):
    """In the dtype that was asked for."""
    x, y = draw.normal(300, dtype="float16"), draw.normal(300, dtype="float16")
    found = ran(probe("vector_add", size=300, dtype="float16"), "cuda", x=x, y=y)
    assert found.outputs["z"].dtype == np.float16
    np.testing.assert_array_equal(found.outputs["z"], x + y)


@exercise("14.13")
@LANGUAGES
@pytest.mark.parametrize("columns", [200, 33])
def test_softmax_reads_once(probe, draw, language, columns):
    """Rows that threads divide badly; each element is read once and written once."""
    x = draw.normal(3, columns)
    kernel = probe("softmax_rows", rows=3, columns=columns, dtype="float32", threads=64)
    found = ran(kernel, language, x=x)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    same(found.outputs["y"], e / e.sum(1, keepdims=True), terms=columns)
    assert found.counts["x"] == x.size, "elements of x are read more than once"


@exercise("14.13")
@LANGUAGES
def test_softmax_asks_for_neighbours(probe, draw, language):
    """The lanes of a warp ask for numbers side by side: one reply, or two where a row begins in the
    middle of a piece of 128 bytes, for 32 questions."""
    x = draw.normal(3, 200)
    kernel = probe("softmax_rows", rows=3, columns=200, dtype="float32", threads=64)
    found = ran(kernel, language, x=x)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    same(found.outputs["y"], e / e.sum(1, keepdims=True), terms=200)
    questions = 3 * 4 * 2  # rows, elements of a thread, warps
    replies = found.counts["x/replies"]
    assert replies <= 2 * questions, f"memory has to reply {replies} times to {questions} warps"


@exercise("14.13")
def test_softmax_of_large_numbers(probe, draw):
    """Numbers whose exponentials have no place in float32."""
    x = draw.normal(2, 70) + np.float32(200)
    kernel = probe("softmax_rows", rows=2, columns=70, dtype="float32", threads=32)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    same(ran(kernel, "metal", x=x).outputs["y"], e / e.sum(1, keepdims=True), terms=70)


@exercise("14.13")
def test_softmax_of_numbers_far_below_zero(probe, draw):
    """The largest number of a row may be negative, and by a lot."""
    x = draw.normal(2, 70) - np.float32(200)
    kernel = probe("softmax_rows", rows=2, columns=70, dtype="float32", threads=32)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    same(ran(kernel, "cuda", x=x).outputs["y"], e / e.sum(1, keepdims=True), terms=70)


@exercise("14.13")
def test_softmax_in_halves(probe, draw):
    """Four thousand small shares: sums are in float32, whatever the dtype is."""
    x = (0.1 * draw.normal(1, 4096)).astype(np.float16)
    kernel = probe("softmax_rows", rows=1, columns=4096, dtype="float16", threads=32)
    e = np.exp(x.astype(np.float64))
    y = ran(kernel, "cuda", x=x).outputs["y"].astype(np.float64)
    # The result is rounded to 11 bits, once; what float32 adds to that is below a hundredth of it.
    assert abs(y / (e / e.sum()) - 1).max() < 1.01 * 2**-11


@exercise("14.13")
def test_softmax_of_many_rows(probe):
    """More rows than CUDA has groups along y. (Only how it is started is looked at.)"""
    kernel = probe("softmax_rows", rows=70_000, columns=8, dtype="float32", threads=32)
    for language in ("metal", "cuda"):
        try:
            groups = Launch.from_plain(kernel[language]).groups
            assert kernel[language]["threadgroup"] == [32, 1, 1]
            assert dict(map(tuple, kernel[language]["template"]))["K"] == 1
        except Problem as problem:
            raise AssertionError(str(problem)) from None
        assert np.prod(groups) == 70_000, f"{np.prod(groups)} groups for 70,000 rows"
    kernel = probe("softmax_rows", rows=1, columns=64, dtype="float32", threads=32)
    assert dict(map(tuple, kernel["cuda"]["template"]))["K"] == 2, "two numbers for each thread"


@exercise("14.14")
@LANGUAGES
@pytest.mark.parametrize("columns", [100, 31])
def test_rms_norm_back_as_a_kernel(probe, draw, language, columns):
    """Both cotangents of each row, with a weight and an eps that matter."""
    g, x, w, eps = draw.normal(3, columns), draw.normal(3, columns), draw.normal(columns), 0.25
    options = {"rows": 3, "columns": columns, "dtype": "float32", "eps": eps, "threads": 64}
    done = ran(probe("rms_rows_pull", **options), language, g=g, x=x, w=w)
    found = done.outputs
    assert done.counts["x"] == x.size, "elements of x are read more than once"
    assert done.counts["g"] == g.size, "elements of g are read more than once"
    g, x, w = (a.astype(np.float64) for a in (g, x, w))
    r = 1 / np.sqrt(np.square(x).mean(1, keepdims=True) + eps)
    h = g * w
    same(found["gx"], r * h - x * r**3 * (h * x).mean(1, keepdims=True), terms=columns)
    same(found["gw"], g * x * r, terms=columns)


@exercise("14.14")
def test_rms_norm_back_in_halves(probe, draw):
    """Numbers whose squares have no place in float16; what a row adds to w stays in float32."""
    g, w = draw.normal(2, 100, dtype="float16"), draw.normal(100, dtype="float16")
    x = (300 * draw.normal(2, 100)).astype(np.float16)
    options = {"rows": 2, "columns": 100, "dtype": "float16", "eps": 0.25, "threads": 64}
    found = ran(probe("rms_rows_pull", **options), "cuda", g=g, x=x, w=w).outputs
    g, x, w = (a.astype(np.float64) for a in (g, x, w))
    r = 1 / np.sqrt(np.square(x).mean(1, keepdims=True) + 0.25)
    assert found["gx"].dtype == np.float16 and found["gw"].dtype == np.float32
    same(found["gw"], g * x * r, terms=100)
    gx = r * (g * w - x * r**2 * (g * w * x).mean(1, keepdims=True))
    # Rounded to 11 bits, once; small differences of large numbers have the error of float32.
    assert np.all(abs(found["gx"] - gx) <= 1.01 * 2**-11 * abs(gx) + 2**-18 * abs(gx).max())


@exercise("14.14")
def test_rms_norm_back_is_started_small(probe):
    """A group for each row, and room for as many numbers as a thread has at most."""
    options = {"columns": 100, "dtype": "float32", "eps": 0.25, "threads": 64}
    for language, kernel in probe("rms_rows_pull", rows=3, **options).items():
        assert kernel["grid"] == [192, 1, 1] and kernel["threadgroup"] == [64, 1, 1], language
        assert dict(map(tuple, kernel["template"]))["K"] == 2, language


@exercise("14.14")
@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 6), (4,)])
def test_rms_norm_back_by_operations(check, draw, shape):
    """Rows of one, two and three axes."""
    g, x, w = draw.normal(*shape), draw.normal(*shape), draw.normal(shape[-1])
    check("rms_norm_pull", terms=24, g=g, x=x, w=w, eps=0.25)


@exercise("14.14")
def test_rms_norm_and_its_rule(check, probe, draw):
    """The function, its gradients, and that the rule which was written is the one that is used."""
    x, w, g = draw.normal(2, 3, 6), draw.normal(6), draw.normal(2, 3, 6)
    check("rms_norm", terms=24, x=x, w=w, g=g, eps=0.25)
    halves = {name: a.astype(np.float16) for name, a in {"x": x, "w": w, "g": g}.items()}
    found = probe("rms_norm", eps=0.25, **halves)
    assert all(a.dtype == np.float16 for a in found.values()), "halves stay halves"
    found = probe("rms_norm_rule", x=x, w=w, g=g)
    assert found["count"] == 4, "the rule should be asked once, with g, x, w and eps"
    same(found["gx"], 2 * x)
    same(found["gw"], 3 * w)
    for given, expected in zip(found["given"], (g, x, w), strict=True):
        same(given, expected)


@exercise("14.15")
@LANGUAGES
@pytest.mark.parametrize("sizes", [(20, 35, 18), (16, 16, 16), (33, 5, 50)])
def test_product_by_tiles(probe, draw, language, sizes):
    """Sizes that tiles divide and do not divide; what a tile shares is read once for all of it."""
    m, k, n = sizes
    a, b = draw.normal(m, k), draw.normal(k, n)
    found = ran(probe("matmul_tiles", m=m, k=k, n=n, dtype="float32"), language, a=a, b=b)
    same(found.outputs["c"], a.astype(np.float64) @ b, terms=k)
    tiles = (-(-m // 16), -(-n // 16))
    assert found.counts["a"] <= tiles[1] * a.size, "a is read more than once for a tile"
    assert found.counts["b"] <= tiles[0] * b.size, "b is read more than once for a tile"


@exercise("14.15")
def test_product_of_halves(probe):
    """A sum of 3000 ones in float16: half of them would be lost in float16."""
    a, b = np.ones((1, 3000), np.float16), np.ones((3000, 1), np.float16)
    found = ran(probe("matmul_tiles", m=1, k=3000, n=1, dtype="float16"), "cuda", a=a, b=b)
    assert found.outputs["c"].item() == 3000


@exercise("14.15")
def test_tiles_are_started_as_they_should_be(probe):
    """A group of 16 x 16 for each tile of c, and no more groups."""
    for kernel in probe("matmul_tiles", m=20, k=35, n=40, dtype="float32").values():
        assert kernel["threadgroup"] == [16, 16, 1] and kernel["grid"] == [96, 16, 1]
