"""From a graph to a program in MIL, the language of Core ML, as plain data.

================  =======================================================================
``program``       operations with names, inputs and attributes; constants; a builder
``elementwise``   what is done to each element
``products``      products of matrices
``reductions``    sums, means, extremes, softmax
``shapes``        reshaping, transposing, joining
``convolution``   convolutions and pooling: channels first
``layouts``       transpositions that cancel
``convert``       the table of all that is covered, and the converter
================  =======================================================================

Nothing here needs ``coremltools``: that is what ``course.coreml`` hands the program to.
"""

from .convert import COVERED, convert
from .program import Op, Program, Unsupported, with_states

__all__ = ["COVERED", "Op", "Program", "Unsupported", "convert", "with_states"]
