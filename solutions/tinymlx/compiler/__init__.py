"""A compiler: a function is traced into a graph, the graph is made smaller, and what is left of it
becomes as few kernels as possible.

=================  ==============================================================================
``graph``          values, nodes, graphs; a graph computed node by node
``tracing``        from a function to a graph, through the one bind of ``core.primitive``
``measuring``      bytes, operations, a graph as text; seconds and peak memory, measured
``dead_code``      without what nobody reads
``common``         without what is computed twice
``folding``        constants computed at once
``algebra``        ``x * 1`` and the like, where no bit changes
``fusion``         which nodes become one kernel, and why others do not
``kernel``         a group of nodes as one loop; ``places``: where its elements lie
``table``          the elementwise primitives in C, Metal and CUDA
``source``         a kernel as source
``backends``       C for the CPU, Metal, CUDA
``lifetimes``      how long values live, the peak, memory used again
``order``          an order of the nodes that needs less memory
``cache``          when a trace can be used again
``optimizing``     the passes in their order, and the program that remains
``compiled``       ``compile``
``machine``        files, the system's compiler, memory by address (given)
=================  ==============================================================================
"""

from .compiled import compile
from .graph import Graph, Node, Value, run
from .measuring import bytes_moved, flops, show
from .optimizing import optimized
from .tracing import trace

__all__ = [
    "Graph",
    "Node",
    "Value",
    "bytes_moved",
    "compile",
    "flops",
    "optimized",
    "run",
    "show",
    "trace",
]
