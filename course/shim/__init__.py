"""Kernels of Metal and CUDA, run on a CPU thread by thread.

A kernel is plain data (`Launch`): its source, grid and group, and what it writes. `run` compiles
it as C++ behind a small header (`shim.h`, `metal.h`, `cuda.h`), in a fenced process of its own, and
runs it on small inputs. What a GPU would pass over in silence is a `Problem` here: an element that
nobody writes, or two threads; an access out of bounds; a missing barrier; a group too large.
`run_together` compiles several at once.

It says nothing about speed, and running here does not prove that Metal's own compiler takes it.
"""

from course.shim.launch import Launch, Problem
from course.shim.running import Outcome, run, run_together

__all__ = ["Launch", "Outcome", "Problem", "run", "run_together"]
