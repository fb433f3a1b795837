"""Compiling one module with its patches: the syntax trees are joined, then compiled once.

A patched function keeps the line numbers of the file it comes from, and its code objects get that
file's name, so a traceback points to the line that a person can open.
"""

from __future__ import annotations

import ast
import copy
import functools
import types
from collections.abc import Mapping

from course.graft.package import bound_by
from course.overlay.bundle import Addition, Patch, Unit
from course.overlay.sabotage import HELPER, sabotage
from course.syntax import Found, FunctionNode, find, first_line

Moved = dict[tuple[str, int], str]  # (qualified name, first line) of a code object to its file


def compile_unit(unit: Unit, texts: Mapping[str, str]) -> types.CodeType:
    """The code of a module with its patches applied.

    Raises:
        SyntaxError: the module's own text is not Python.
    """
    tree = ast.parse(texts[unit.file], unit.file)
    if unit.bare:
        tree.body = [statement for statement in tree.body if _is_future(statement)]
    if not unit.patches and not unit.additions:
        return compile(tree, unit.file, "exec", dont_inherit=True)
    sources = _Sources(texts)
    moved: Moved = {}
    for patch in unit.patches:
        _apply(tree, patch, sources, moved)
    _add(tree, unit.additions, sources, moved)
    code = compile(tree, unit.file, "exec", dont_inherit=True)
    return _rename(code, "", moved) if moved else code


def needs_helper(unit: Unit) -> bool:
    """Whether the module's globals must hold the sabotage helper."""
    return any(patch.zeros for patch in unit.patches)


__all__ = ["HELPER", "compile_unit", "forget_sources", "know_source", "needs_helper"]


@functools.lru_cache(maxsize=32)
def know_source(source: str, text: str) -> dict[int, FunctionNode | ast.ClassDef]:
    """The definitions of a text that patches come from, by their lines; nobody may change them.

    A text is parsed once in a process and in its forks: hundreds of trials take one each from the
    same file of misconceptions.
    """
    found: dict[int, FunctionNode | ast.ClassDef] = {}
    for node in ast.walk(ast.parse(text, source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(node.lineno, node)
    return found


def forget_sources() -> None:
    """Keep no text, nor what was made of it."""
    know_source.cache_clear()


class _Sources:
    """The statements of the texts that patches come from, each text parsed once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.trees: dict[str, ast.Module] = {}

    def tree(self, source: str) -> ast.Module:
        if source not in self.trees:
            self.trees[source] = ast.parse(self.texts[source], source)
        return self.trees[source]

    def definition(self, source: str, line: int) -> FunctionNode | ast.ClassDef:
        node = know_source(source, self.texts[source]).get(line)
        if node is None:
            raise ValueError(f"{source}:{line} holds no definition.")
        return copy.deepcopy(node)

    def statement(self, source: str, line: int, column: int) -> ast.stmt:
        for node in ast.walk(self.tree(source)):
            if isinstance(node, ast.stmt) and (node.lineno, node.col_offset) == (line, column):
                return node
        raise ValueError(f"{source}:{line} holds no statement.")


def _apply(tree: ast.Module, patch: Patch, sources: _Sources, moved: Moved) -> None:
    targets = find(tree, patch.qualname)
    if patch.zeros:
        for found in targets:
            sabotage(found)
        return
    node = sources.definition(patch.source, patch.line)
    target = _matching(targets, node)
    if target is None:
        _insert(tree, patch.qualname, node)
    elif isinstance(node, ast.ClassDef) or isinstance(target.node, ast.ClassDef):
        target.siblings[target.siblings.index(target.node)] = node
    else:
        _replace_function(target, node)
    moved[patch.qualname, first_line(node)] = patch.source


def _add(
    tree: ast.Module, additions: tuple[Addition, ...], sources: _Sources, moved: Moved
) -> None:
    """Put statements into a module, those with the same place in their order."""
    last: dict[tuple[str, str], ast.stmt] = {}
    for addition in additions:
        node = sources.statement(addition.source, addition.line, addition.column)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and addition.names:
            node.names = [a for a in node.names if _bound(a) in addition.names]
        body = tree.body
        for holder in find(tree, addition.holder) if addition.holder else []:
            body = holder.node.body
        place = (addition.holder, addition.after)
        before = last.get(place) or _before(body, addition)
        body.insert(body.index(before) + 1 if before is not None else 0, node)
        last[place] = node
        for name, line in _codes(node):
            prefix = f"{addition.holder}." if addition.holder else ""
            moved[prefix + name, line] = addition.source


def _before(body: list[ast.stmt], addition: Addition) -> ast.stmt | None:
    """The statement after which an addition goes: that of a name, or the last import."""
    before = None
    for statement in body:
        if addition.holder and not addition.after:  # a class: after all that it has
            before = statement
        elif addition.after:
            if addition.after in bound_by(statement):
                before = statement
        elif isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_docstring(statement):
            before = statement
    return before


def _codes(node: ast.stmt) -> list[tuple[str, int]]:
    """Name and first line of the code objects that a statement at the top makes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [(node.name, first_line(node))]
    return [("<lambda>", part.lineno) for part in ast.walk(node) if isinstance(part, ast.Lambda)]


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _matching(targets: list[Found], node: FunctionNode | ast.ClassDef) -> Found | None:
    """The definition that ``node`` replaces: by decorators where a property has several."""
    if len(targets) > 1:
        wanted = [ast.dump(d) for d in node.decorator_list]
        for target in targets:
            if [ast.dump(d) for d in target.node.decorator_list] == wanted:
                return target
    return targets[0] if targets else None


def _replace_function(target: Found, node: FunctionNode) -> None:
    """Put ``node`` in the place of the target; a misconception keeps the target's decorators."""
    old = target.node
    if any(_is_misconception(decorator) for decorator in node.decorator_list):
        node.decorator_list = old.decorator_list
        # Python takes a code object's first line from its first decorator: keep it in one file.
        for decorator in node.decorator_list:
            for part in ast.walk(decorator):
                if hasattr(part, "lineno"):
                    part.lineno = part.end_lineno = node.lineno  # type: ignore[attr-defined]
        if not isinstance(node, ast.ClassDef):
            node.name = old.name
    target.siblings[target.siblings.index(old)] = node


def _is_misconception(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Name)
        and decorator.func.id == "misconception"
    )


def _insert(tree: ast.Module, qualname: str, node: FunctionNode | ast.ClassDef) -> None:
    """Add a definition that the student deleted, at the end of its module or class."""
    outer = qualname.rpartition(".")[0]
    holders = [f.node.body for f in find(tree, outer)] if outer else [tree.body]
    if holders:
        holders[0].append(node)


def _rename(code: types.CodeType, prefix: str, moved: Moved, file: str = "") -> types.CodeType:
    """Give the code objects of moved definitions, and all inside them, their own file's name."""
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            name = f"{prefix}{constant.co_name}"
            inner = file or moved.get((name, constant.co_firstlineno), "")
            constant = _rename(constant, f"{name}.", moved, inner)
        constants.append(constant)
    changed = code.replace(co_consts=tuple(constants))
    return changed.replace(co_filename=file) if file else changed
