"""What computes a kernel: the CPU by C, a GPU by Metal or CUDA, or nothing.

Each backend has the same three methods; see :class:`.base.Backend`.
"""

from .base import Backend, backend_here

__all__ = ["Backend", "backend_here"]
