"""Every public function of MLX on two stacks, with calls that nobody chose (``differential.py``).

A few calls of each in continuous integration, always the same ones. ``TINYMLX_CASES=2000`` asks for
as many of each, also compiled; ``TINYMLX_SEED=7`` for others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from differential import Call, Drawer, NotDrawn, compare, names, resolve, signatures
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mirror import Stack, mlx_stack, tiny_stack

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

CASES = int(os.environ.get("TINYMLX_CASES", "4"))
SEED = int(os.environ.get("TINYMLX_SEED", "0"))
MODES = ["plain", "plain", "plain", "vjp", "jvp", "vmap"]
LONG = "TINYMLX_CASES" in os.environ
if LONG:  # a second of C++ compiler for many a call
    MODES += ["compile", "shapeless"]
DERIVATIVES = ("vjp", "jvp")
ALL = ("plain", "vjp", "jvp", "vmap", "compile", "shapeless")
NAMES = names(mlx_stack())

#: What stands in the place of an argument that cannot be drawn, and why it cannot.
NOT_DRAWN = {
    "Callable": "a function: the transforms have programs in test_core_mirror.py",
    "file": "a file: see test_core_mirror.py",
    "str": "a text that must mean something",
    "Stream": "there is one stream",
    "Device": "there is one device",
    "List": "a list of pairs: trees have scripts in test_nn_mirror.py",
    "Dict": "a dict to write into: trees have scripts in test_nn_mirror.py",
    "DLPack": "an object of another library",
    "Dtype | str": "a category of dtypes: the same functions in both",
    "DtypeCategory": "a category of dtypes: the same functions in both",
    "callable": "a function: trees and schedules have scripts in test_nn_mirror.py",
    "list": "optimizers: they have scripts in test_optimizers_mirror.py",
    "Module": "a model: they have scripts in test_nn_mirror.py",
    "Group": "a group of processes",
    "array, str": "a list of pairs: trees have scripts in test_nn_mirror.py",
    "modules": "layers: they have scripts in test_nn_mirror.py",
    "no signature": "its documentation does not say what it takes",
}

#: Functions that are left out, and why.
LEFT_OUT = {
    "core.as_strided": "it reads beyond its memory, or crashes, if the strides say so",
    "core.fast.scaled_dot_product_attention": "it dies of 0 heads; test_attention.py compares",
    "core.fast.layer_norm": "in a long series MLX's own waits for ever; test_fused.py compares",
    "core.fast.gated_delta_update": "it dies of 0 heads; test_fused.py compares",
    "core.empty": "memory that nobody wrote",
    "core.empty_like": "memory that nobody wrote",
    **dict.fromkeys(
        [
            *("core.async_eval core.clear_cache core.clear_streams core.device_count".split()),
            *("core.device_info core.disable_compile core.enable_compile core.eval".split()),
            *("core.get_active_memory core.get_array_buffer_size core.get_cache_memory".split()),
            *("core.get_memory_limit core.get_peak_memory core.get_printoptions".split()),
            *("core.printoptions core.reset_peak_memory core.set_cache_limit".split()),
            *("core.set_memory_limit core.set_printoptions core.set_wired_limit".split()),
            *("core.export_to_dot core.random.seed core.synchronize".split()),
        ],
        "it changes or reads the state of the process",
    ),
}


def _numbers(call: Call) -> list[object]:
    names = ("in_channels", "out_channels", "kernel_size", "groups")
    return [call.kwargs[name] for name in names if name in call.kwargs]


#: What mlx.core 0.32.4 does not survive, and so nobody may draw here.
CRASHES = {
    "matrices without elements": lambda call: (
        call.function.startswith("core.linalg") and any(0 in a.shape for a in call.arrays())
    ),
    "diagonals of nothing": lambda call: call.function.endswith("diagonal") and is_empty(call),
    # After an error of LAPACK inside a compiled graph it waits for ever, now and then.
    "singular values of what is no number": lambda call: (
        any(part in call.function for part in ("svd", "pinv", "linalg.norm", "linalg.eig"))
        and any(a.special for a in call.arrays())
    ),
    "layers without channels or taps": lambda call: (
        call.function.startswith("nn.Conv")
        and any(x in (0, -1) or x == (0,) for x in [*call.args[:3], *_numbers(call)])
    ),
    "a size of -1 beside one of 0": lambda call: (
        any(isinstance(x, list) and {-1, 0} <= set(x) for x in [*call.args, *call.kwargs.values()])
        and call.function.endswith("unflatten")
    ),
    "groups of 0 numbers, numbers of 0 bits": lambda call: (
        call.function.startswith("nn.Quantized")
        and any(type(x) is int and x <= 0 for x in [*call.args, *call.kwargs.values()])
    ),
    "integers divided by 0": lambda call: (
        any(part in call.function for part in ("div", "remainder"))
        and not any(a.dtype in ("float32", "float16", "bfloat16") for a in call.arrays())
    ),
}


@dataclass(frozen=True)
class Purpose:
    """Where we do otherwise on purpose: functions, modes, which calls, and why."""

    functions: str
    modes: tuple[str, ...]
    why: str
    when: Callable[[Call], bool] = lambda call: True


def is_complex(call: Call) -> bool:
    return any(a.dtype == "complex64" for a in call.arrays())


def ascending(call: Call) -> bool:
    places = [x for x in [*call.args, *call.kwargs.values()] if isinstance(x, list)]
    return all(x == sorted(x) and min(x, default=0) >= 0 for x in places)


def is_empty(call: Call) -> bool:
    return any(0 in a.shape for a in call.arrays())


def has_border(call: Call) -> bool:
    return len(call.arrays()) > 1


def is_single(call: Call) -> bool:
    return any(a.shape == () for a in call.arrays())


def is_vector(call: Call) -> bool:
    return any(len(a.shape) < 2 for a in call.arrays())


def cuts_off(call: Call) -> bool:
    """Whether a transposed convolution has more padding than its kernel spans."""
    weight = call.arrays()[1].shape[1:-1]
    numbers = [x for x in [*call.args, *call.kwargs.values()] if isinstance(x, (int, tuple))]
    largest = max((max(x, default=0) if isinstance(x, tuple) else x for x in numbers), default=0)
    return min(weight, default=0) <= largest


def layer_cuts_off(call: Call) -> bool:
    """The same of a layer."""
    kernel = call.kwargs.get("kernel_size", call.args[2] if len(call.args) > 2 else 1)
    padding = call.kwargs.get("padding", call.args[4] if len(call.args) > 4 else 0)
    small = min(kernel) if isinstance(kernel, tuple) else kernel
    return small <= (max(padding) if isinstance(padding, tuple) else padding)


def has_output_padding(call: Call) -> bool:
    place = 6 if call.function.startswith("nn") else 5
    given = call.kwargs.get("output_padding", call.args[place] if len(call.args) > place else 0)
    return given not in (0, (0,), (0, 0), (0, 0, 0))


def rank_differs(call: Call) -> bool:
    return len({len(a.shape) for a in call.arrays()} | {int(call.function[-2]) + 2}) > 1


ON_PURPOSE = [
    Purpose(
        "conv_transpose1d conv_transpose2d conv_transpose3d",
        ALL,
        "where more is cut off than the kernel spans, MLX cuts before it spreads the elements",
        cuts_off,
    ),
    Purpose(
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        ALL,
        "where more is cut off than the kernel spans, MLX cuts before it spreads the elements",
        layer_cuts_off,
    ),
    Purpose(
        "convolve", ALL, "complex numbers are refused, as in the other convolutions", is_complex
    ),
    Purpose(
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d "
        "conv_transpose1d conv_transpose2d conv_transpose3d",
        DERIVATIVES,
        "with output padding MLX's cotangent of the input has another shape than the input",
        has_output_padding,
    ),
    Purpose(
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        ALL,
        "a wrong number of axes is a ValueError that says which array has it",
        lambda c: c.then is not None and len(c.then.shape) != int(c.function[-2]) + 2,
    ),
    Purpose(
        "conv_transpose1d conv_transpose2d conv_transpose3d",
        ALL,
        "a wrong number of axes is a ValueError that says which array has it",
        rank_differs,
    ),
    Purpose("MaxPool1d MaxPool2d MaxPool3d", ("jvp",), "as for max: one of several winners"),
    Purpose(
        "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d",
        ALL,
        "a window that does not fit a single time is an error, and no empty array",
        lambda c: c.then is not None and min(c.then.shape[1:-1], default=0) < 5,
    ),
    Purpose("RNN GRU LSTM", ALL, "what is no sequence is a ValueError that says so", is_vector),
    Purpose("sum prod", ("vmap",), "MLX returns a single truth value as it is", is_single),
    Purpose(
        "broadcast_shapes",
        ("plain",),
        "no shapes at all give (), as in NumPy",
        lambda c: not c.args,
    ),
    Purpose("full full_like", DERIVATIVES, "MLX multiplies the cotangent by the value"),
    Purpose(
        "full_like",
        ("plain", "vmap", "compile", "shapeless"),
        "values larger than the shape are refused",
    ),
    Purpose(
        "clip_grad_norm",
        ("vmap", "compile", "shapeless"),
        "whether a norm is negative cannot be asked while it is traced, in MLX neither",
    ),
    Purpose(
        "RoPE",
        ALL,
        "a base that is not positive has no powers to turn by, and says so",
        lambda c: any(type(x) is float and x <= 0 for x in [*c.args, *c.kwargs.values()]),
    ),
    Purpose("max min minmax", ("jvp",), "of several winners MLX takes one here, and all in vjp"),
    Purpose("minmax", ("vjp",), "MLX loses the cotangent of one of its two results"),
    Purpose("divmod", DERIVATIVES, "MLX returns zeros; the remainder has the slopes of remainder"),
    Purpose("from_fp8 to_fp8 unique view", DERIVATIVES, "what has no derivative says so"),
    Purpose("from_fp8 to_fp8 unique", ("vmap",), "what passes through has no rules, and says so"),
    Purpose("pow power", DERIVATIVES, "0 to the power 0 has slope 0, as in PyTorch"),
    Purpose("block_masked_mm", ("plain",), "vectors have no blocks", is_vector),
    Purpose("pad", ALL, "nothing has no edge; MLX reads memory that nobody wrote", is_empty),
    Purpose("pad", ALL, "a border of several values broadcasts; MLX takes the first", has_border),
    Purpose("softmax", DERIVATIVES, "an axis named twice is refused also in nothing", is_empty),
    Purpose("split", DERIVATIVES, "places to cut at ascend", lambda c: not ascending(c)),
    Purpose("put_along_axis", DERIVATIVES, "MLX puts nothing at places", is_empty),
    Purpose("put_along_axis", ("jvp",), "a place named twice counts twice, as in vjp of both"),
    Purpose("prod", ALL, "the product of nothing is 1; MLX returns 0 now and then", is_empty),
    Purpose("cumprod cumulative_prod", ("vjp",), "MLX is wrong for complex numbers", is_complex),
]


def on_purpose(call: Call, mode: str) -> bool:
    name = call.function.rpartition(".")[2]
    return any(name in p.functions.split() and mode in p.modes and p.when(call) for p in ON_PURPOSE)


@pytest.fixture(scope="module")
def stacks(project: Project, registry: Registry) -> Iterator[tuple[Stack, Stack]]:
    with implementation(project, registry, "solutions"), np.errstate(all="ignore"):
        yield mlx_stack(), tiny_stack()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LEFT_OUT])
def test_the_same_call(stacks: tuple[Stack, Stack], name: str) -> None:
    """The same values, dtype and shape; or the same kind of error, with a sentence."""
    mlx, tiny = stacks
    try:
        resolve(tiny, name)
    except AttributeError as error:
        assert "arrives with chapter" in str(error)
        return

    @seed(SEED)
    @settings(
        max_examples=CASES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
    )
    @given(st.data())
    def drawn(data: st.DataObject) -> None:
        try:
            signature = data.draw(st.sampled_from(signatures(mlx, name)))
            call = Drawer(data.draw, name).call(signature)
        except NotDrawn as error:
            assert any(kind in str(error) for kind in NOT_DRAWN), error
            return
        mode = data.draw(st.sampled_from(MODES))
        if any(crashes(call) for crashes in CRASHES.values()) or on_purpose(call, mode):
            return
        difference = compare(mlx, tiny, call, mode)
        assert difference is None, f"{mode}: {call} {difference}"

    drawn()
