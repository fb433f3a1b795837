"""``tinymlx.core.fast``: attention, and custom kernels.

The other fused operations arrive with chapter 14.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from .attention import scaled_dot_product_attention as scaled_dot_product_attention
from .passthrough import passed


def __getattr__(name: str) -> Any:
    if hasattr(mx.fast, name):
        raise AttributeError(f"tinymlx.core.fast.{name} arrives with chapter 14")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def metal_kernel(*args: Any, **kwargs: Any) -> Callable[..., Any]:
    """A kernel in Metal, as ``mlx.core.fast.metal_kernel``; it is called with arrays."""
    return _kernel(mx.fast.metal_kernel(*args, **kwargs), kwargs.get("name", "metal_kernel"))


def cuda_kernel(*args: Any, **kwargs: Any) -> Callable[..., Any]:
    """A kernel in CUDA, as ``mlx.core.fast.cuda_kernel``; it is called with arrays."""
    return _kernel(mx.fast.cuda_kernel(*args, **kwargs), kwargs.get("name", "cuda_kernel"))


def precompiled_cuda_kernel(**kwargs: Any) -> Any:
    """Run a compiled CUDA kernel, as ``mlx.core.fast.precompiled_cuda_kernel``."""
    return passed(mx.fast.precompiled_cuda_kernel)(**kwargs)


def _kernel(kernel: Any, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return kernel(*args, **kwargs)

    call.__name__ = name
    return passed(call)
