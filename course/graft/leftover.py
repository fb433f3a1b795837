"""What of a submission stays behind: lines of its modules that no exercise reaches.

They do not run and earn nothing; an instructor may want to know of them all the same.
"""

from __future__ import annotations

import ast

from course.graft.grafts import Grafts
from course.graft.package import Definition, Module, dump, statements
from course.syntax import find, starter_id

MOST = 5  # places told of one file


def leftovers(grafts: Grafts) -> list[str]:
    """A sentence for each file with lines of its own that stayed behind."""
    travelled = set()
    for exercise in grafts.registry.exercises:
        if not grafts.violations(exercise):
            travelled |= {id(piece.node) for piece in grafts.reached(exercise).pieces}
    sentences = []
    for module in grafts.student.modules.values():
        try:
            places = [_told(node) for node in _behind(grafts, module, travelled)]
        except RecursionError:  # nested too deeply: the policy says so where it matters
            continue
        if places:
            more = f", and {len(places) - MOST} more" if len(places) > MOST else ""
            where = ", ".join(places[:MOST])
            sentences.append(f"left out of {_file(module)}, no exercise reaches it: {where}{more}")
    return sentences


def _behind(grafts: Grafts, module: Module, travelled: set[int]) -> list[ast.stmt]:
    course = grafts.course.modules.get(module.name)
    known = course.dumps if course is not None else frozenset()
    graded = {name for place, name in grafts.stops if place == module.name}
    found: list[ast.stmt] = []
    for statement in statements(module.tree.body):
        if id(statement) in travelled or dump(statement) in known or _is_text(statement):
            continue
        if isinstance(statement, ast.ClassDef) and course is not None:
            theirs = find(course.tree, statement.name)
            if theirs:
                inside = {dump(s) for s in theirs[0].node.body}
                found += [
                    member
                    for member in statement.body
                    if id(member) not in travelled
                    and dump(member) not in inside
                    and not _is_text(member)
                    and not _is_graded(member, graded, f"{statement.name}.")
                ]
                continue
        if not _is_graded(statement, graded):
            found.append(statement)
    return found


def _is_graded(node: ast.stmt, graded: set[str], prefix: str = "") -> bool:
    """Whether it is an exercise's own: a starter, or what its verdict speaks of."""
    if not isinstance(node, Definition):
        return False
    if prefix + node.name in graded:
        return True
    return not isinstance(node, ast.ClassDef) and starter_id(node) is not None


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _told(node: ast.stmt) -> str:
    """The line and what begins there."""
    words = ast.unparse(node).split("\n")[0]
    if isinstance(node, Definition):
        words = f"{'class' if isinstance(node, ast.ClassDef) else 'def'} {node.name}"
    return f"line {node.lineno} ({words[:60]})"


def _file(module: Module) -> str:
    inside = module.name.replace(".", "/")
    return f"{inside}/__init__.py" if module.is_package else f"{inside}.py"
