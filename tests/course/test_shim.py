"""Kernels on a CPU, thread by thread: what they compute, and what they may not do."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from course.shim import Problem, kept, run, run_together

CUDA = "uint i = blockIdx.x * blockDim.x + threadIdx.x;\n"
METAL = "uint i = thread_position_in_grid.x;\n"
SWAP = """
threadgroup T tile[32];
uint i = thread_position_in_grid.x, j = thread_position_in_threadgroup.x;
tile[j] = x[i];
%s
y[i] = tile[31 - j];
"""
BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"


def launch(source: str, n: int = 96, **given: Any) -> dict[str, Any]:
    """A kernel of one input ``x`` and one output ``y`` of ``n`` numbers, in groups of 32."""
    usual = {
        "language": "cuda",
        "source": source,
        "input_names": ["x"],
        "output_names": ["y"],
        "template": [["T", "float32"]],
        "grid": [n, 1, 1],
        "threadgroup": [32, 1, 1],
        "output_shapes": [[n]],
        "output_dtypes": ["float32"],
    }
    return usual | given


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_both_languages_compute_and_are_counted() -> None:
    x = numbers(100)
    bounds = "if (i < x_shape[0]) y[i] = T(2) * x[i] + x_ndim;"
    for language, place in (("cuda", CUDA), ("metal", METAL)):
        found = run(launch(place + bounds, 100, language=language), {"x": x})
        np.testing.assert_array_equal(found.outputs["y"], 2 * x + 1)
        # CUDA starts whole groups, Metal as many threads as the grid has.
        threads = 128 if language == "cuda" else 100
        assert found.counts["threads"] == threads and found.counts["x"] == found.counts["y"] == 100


def test_memory_replies_to_a_warp_in_pieces() -> None:
    """128 bytes for whoever of a warp asks for some of them; what lies apart is asked for apart."""
    x = numbers(128)
    apart = CUDA + "y[i] = x[i % 4 * 32 + i / 4];"
    for place, replies in ((CUDA + "y[i] = x[i];", 4), (apart, 16), (CUDA + "y[i] = x[0];", 4)):
        assert run(launch(place, 128), {"x": x}).counts["x/replies"] == replies
    halves = {"template": [["T", "float16"]], "output_dtypes": ["float16"]}
    found = run(launch(CUDA + "y[i] = x[i];", 128, **halves), {"x": x.astype(np.float16)})
    assert found.counts["x/replies"] == 4


def test_shared_memory_warps_and_halves() -> None:
    x = numbers(64).astype(ml_dtypes.bfloat16)
    given = {"template": [["T", "bfloat16"]], "output_dtypes": ["bfloat16"]}
    found = run(launch(SWAP % BARRIER, 64, language="metal", **given), {"x": x})
    np.testing.assert_array_equal(found.outputs["y"], x.reshape(2, 32)[:, ::-1].reshape(-1))
    assert found.counts["barriers"] == 2 and found.counts["shared"] == 64
    total = METAL + "y[i] = simd_sum((float)x[i]);"
    found = run(launch(total, 64, language="metal"), {"x": x})
    np.testing.assert_allclose(
        found.outputs["y"], x.astype(np.float32).reshape(2, 32).sum(1).repeat(32), rtol=1e-5
    )
    fold = CUDA + "float s = x[i]; for (int n = 16; n; n /= 2) s += __shfl_xor_sync(~0u, s, n);"
    again = run(launch(fold + " y[i] = s;", 64), {"x": x})
    np.testing.assert_allclose(again.outputs["y"], found.outputs["y"], rtol=1e-5)


def test_strided_inputs_and_two_axes() -> None:
    x = numbers(6, 10).T
    source = METAL + "y[i] = x[elem_to_loc(i, x_shape, x_strides, x_ndim)];"
    given = {"output_shapes": [[10, 6]], "language": "metal", "ensure_row_contiguous": False}
    np.testing.assert_array_equal(run(launch(source, 60, **given), {"x": x}).outputs["y"], x)
    tile = """
    __shared__ float tile[4][5];
    tile[threadIdx.y][threadIdx.x] = x[blockIdx.x * 16 + threadIdx.y * 4 + threadIdx.x];
    __syncthreads();
    y[blockIdx.x * 16 + threadIdx.y * 4 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
    """
    grid = {"grid": [12, 4, 1], "threadgroup": [4, 4, 1]}
    x = numbers(3, 4, 4)
    found = run(launch(tile, 48, **grid), {"x": x}).outputs["y"]
    np.testing.assert_array_equal(found.reshape(3, 4, 4), x.swapaxes(1, 2))


PROBLEMS = {
    "bounds": (launch(CUDA + "y[i] = x[i];", 90), r"reads x\[90\], but x has 90 elements"),
    "beyond": (launch(CUDA + "y[i + 1] = x[i];"), r"writes y\[96\], but y has 96"),
    "groups in the grid": (
        launch(CUDA + "y[i] = x[i];", grid=[3, 1, 1]),
        r"93 of the 96 elements of y were never written, the first is y\[3\]",
    ),
    "twice": (launch(CUDA + "y[i / 2] = x[i];"), "which another thread has written already"),
    "an output of others": (launch(CUDA + "y[i] = i ? y[i - 1] + 1 : 0;"), "not written itself"),
    "no barrier": (launch(SWAP % "", language="metal"), "is there a barrier"),
    "no second barrier": (
        launch(SWAP % BARRIER + "if (j == 31) tile[20] = 1;", language="metal"),
        "a barrier is missing between reading and writing again",
    ),
    "a barrier that some miss": (
        launch(CUDA + "if (i % 32 > 3) return; __syncthreads(); y[i] = x[i];"),
        "has returned, and others wait at a barrier",
    ),
    "too large": (launch(CUDA, threadgroup=[2048, 1, 1]), "a group of 2,048 threads is too large"),
    "too many groups": (launch(CUDA, grid=[1, 70000, 1], threadgroup=[1, 1, 1]), "65,535"),
    "compiler": (launch(CUDA + "y[i] = z[i];"), "line 2 of the source, `y.i. = z.i.;`: .*z"),
    "shared memory": (
        launch("__shared__ float much[20000];"),
        "take 80000 bytes; there are at most 49152",
    ),
    "an index of shared memory": (
        launch("__shared__ float s[4][4]; s[threadIdx.x][0] = 1;"),
        "uses index 4 of the shared array s",
    ),
    "for ever": (launch("while (true) {}"), "did not come to an end"),
    "no input": (launch(CUDA, input_names=["z"]), "no input z"),
    "dtype": (launch(CUDA, output_dtypes=["complex64"]), "no dtype 'complex64'"),
    "language": (launch(CUDA, language="opencl"), "the language is 'opencl'"),
    "grid": (launch(CUDA, grid=[1, 1]), "three numbers"),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_must_not_be_is_told(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, sentence = PROBLEMS[what]
    monkeypatch.setenv("TINYMLX_SHIM_SECONDS", "1")
    with pytest.raises(Problem, match=sentence):
        run(kernel, {"x": numbers(kernel["output_shapes"][0][0])})


def test_what_is_kept_follows_from_all_that_was_asked(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_folder", tmp_path)
    given = launch(CUDA + "y[i] = x[i];", 64)
    first = run(given, {"x": numbers(64)})
    assert len(list(tmp_path.iterdir())) == 1
    again = run(given, {"x": numbers(64)})
    assert again.counts == first.counts and len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(again.outputs["y"], first.outputs["y"])
    other = run(given | {"output_shapes": [[8, 8]]}, {"x": numbers(64)})
    assert other.outputs["y"].shape == (8, 8)
    assert (run(given, {"x": numbers(64) + 1}).outputs["y"] != first.outputs["y"]).all()
    for _ in range(2):
        with pytest.raises(Problem, match="never written"):
            run(launch(CUDA + "if (i) y[i] = x[i];", 64), {"x": numbers(64)})
    for path in tmp_path.iterdir():  # damaged: it is computed again
        path.write_bytes(b"no frame")
    assert run(given, {"x": numbers(64)}).counts == first.counts


def test_a_kernel_is_fenced_in(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not for kernels")
    source = f'FILE* f = fopen("{secret}", "r");\n' + CUDA + "y[i] = f ? 1 : 2;"
    assert (run(launch(source), {"x": numbers(96)}).outputs["y"] == 2).all()


def test_several_kernels_are_compiled_together() -> None:
    """Each has its own arrays, counts and faults; what is wrong with the second is said of it."""
    x, longer = numbers(64), numbers(96)
    twice, bounded = launch(CUDA + "y[i] = 2 * x[i];", 64), launch(CUDA + "y[i] = x[95 - i];")
    first, second = run_together([(twice, {"x": x}), (bounded, {"x": longer})])
    np.testing.assert_array_equal(first.outputs["y"], 2 * x)
    np.testing.assert_array_equal(second.outputs["y"], longer[::-1])
    assert first.counts["threads"] == 64 and second.counts["threads"] == 96
    with pytest.raises(Problem, match=r"reads x\[64\], but x has 64 elements"):
        run_together([(twice, {"x": x}), (launch(CUDA + "y[i] = x[i];"), {"x": x})])
    with pytest.raises(Problem, match=r"line 2 of the source, `y\[i\] = z;`"):
        run_together([(twice, {"x": x}), (launch(CUDA + "y[i] = z;"), {"x": longer})])
    with pytest.raises(ValueError, match="one language"):
        run_together([(twice, {"x": x}), (launch(METAL, language="metal"), {"x": longer})])
