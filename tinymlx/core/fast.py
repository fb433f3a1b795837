"""``tinymlx.core.fast``: fused operations, attention, and custom kernels.

The operations are primitives like all others: MLX's own computes forwards, and the derivative is
written in operations that have derivatives themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from .attention import scaled_dot_product_attention as scaled_dot_product_attention
from .fused import cross_entropy as cross_entropy
from .fused import gated_delta_update as gated_delta_update
from .fused import layer_norm as layer_norm
from .fused import rms_norm as rms_norm
from .fused import rope as rope
from .passthrough import passed


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
