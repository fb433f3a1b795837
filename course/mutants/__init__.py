"""Wrong solutions made by program: the second set of mutants, after the misconceptions.

Authors think of few mistakes. So the solution's own syntax tree is changed in the ways in which
people's code goes wrong again and again (`course.mutants.expressions` and
`course.mutants.statements`), one change at a time, and the graders must reject every one of them.
"""

from course.mutants.equivalent import Equivalent, load_equivalents
from course.mutants.generate import Mutant, mutants_of

__all__ = ["Equivalent", "Mutant", "load_equivalents", "mutants_of"]
