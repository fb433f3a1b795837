"""Every public function of MLX on two stacks, with calls that nobody chose: see ``differential.py``.

A few calls of each in continuous integration, always the same ones. ``TINYMLX_CASES=2000`` asks for
as many of each, ``TINYMLX_SEED=7`` for others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from differential import Call

CASES = int(os.environ.get("TINYMLX_CASES", "6"))
SEED = int(os.environ.get("TINYMLX_SEED", "0"))
MODES = ["plain", "plain", "plain", "vjp", "jvp", "vmap", "compile", "shapeless"]
DERIVATIVES = ("vjp", "jvp")

#: Functions that are not drawn, and why.
NOT_DRAWN = {
    "core": {
        "functions": "checkpoint compile grad value_and_grad vjp jvp vmap",
        "files": "export_function export_to_dot exporter import_function load save save_gguf "
        "save_safetensors savez savez_compressed",
        "streams and devices": "default_device default_stream device_count device_info "
        "is_available new_stream new_thread_local_stream new_thread_unsafe_stream stream "
        "set_default_device set_default_stream clear_streams synchronize",
        "the state of the process": "async_eval disable_compile enable_compile eval "
        "get_active_memory get_array_buffer_size get_cache_memory get_memory_limit "
        "get_peak_memory get_printoptions printoptions reset_peak_memory set_cache_limit "
        "set_memory_limit set_printoptions set_wired_limit clear_cache",
        "categories of dtypes": "isdtype issubdtype finfo iinfo",
        "objects of other libraries": "from_dlpack",
        "memory that nobody wrote": "empty empty_like as_strided",
        "what mlx.core does by itself": "einsum_path random.seed",
    },
}


@dataclass(frozen=True)
class Purpose:
    """Where we do otherwise on purpose: functions, modes, which calls, and why."""

    functions: str
    modes: tuple[str, ...]
    why: str
    when: Callable[[Call], bool] = lambda call: True


def complex_numbers(call: Call) -> bool:
    return any(a.dtype == "complex64" for a in call.arrays())


def zeros_in(call: Call) -> bool:
    return any(0 in np.asarray(a.numbers()) for a in call.arrays()) or 0 in call.args


ON_PURPOSE: list[Purpose] = []
