"""Where a name gets its value: in a function, or outside of all of them.

Python decides that from the text alone: a name that a function binds anywhere belongs to it, unless
``global`` says otherwise; a class body is invisible to the functions inside of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Imported:
    """What an import binds a name to: a module, or (with ``name``) something in one.

    ``level`` is the number of leading dots, as in `ast.ImportFrom`.
    """

    module: str
    name: str = ""
    level: int = 0


Binding = ast.AST | Imported


def imports_of(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Imported]]:
    """The names that an import statement binds, and to what; a star import binds ``*``."""
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            bound = Imported(statement.module or "", alias.name, statement.level)
            yield alias.asname or alias.name, bound
        elif alias.asname:
            yield alias.asname, Imported(alias.name)
        else:
            top = alias.name.partition(".")[0]
            yield top, Imported(top)


def resolve(root: ast.AST) -> dict[ast.Name, tuple[Binding, ...]]:
    """For every name in ``root`` what binds it in there; nothing for a name from outside."""
    resolver = _Resolver()
    resolver.visit(root)
    return resolver.found


def outside(root: ast.AST) -> Iterator[ast.Name]:
    """The names in ``root`` that are read, and get their value outside of it."""
    for name, bindings in resolve(root).items():
        if not bindings and isinstance(name.ctx, ast.Load):
            yield name


@dataclass
class _Scope:
    bound: dict[str, list[Binding]] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    is_class: bool = False

    def bind(self, name: str, binding: Binding) -> None:
        self.bound.setdefault(name, []).append(binding)


class _Resolver(ast.NodeVisitor):
    def __init__(self) -> None:
        self.scopes: list[_Scope] = []
        self.found: dict[ast.Name, tuple[Binding, ...]] = {}

    def visit_Name(self, node: ast.Name) -> None:
        self.found[node] = self._lookup(node.id)

    def _lookup(self, name: str) -> tuple[Binding, ...]:
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.is_class and depth:
                continue
            if name in scope.global_names:
                return ()
            if name in scope.bound and name not in scope.nonlocal_names:
                return tuple(scope.bound[name])
        return ()

    @contextmanager
    def _inside(self, scope: _Scope) -> Iterator[None]:
        self.scopes.append(scope)
        yield
        self.scopes.pop()

    def _visit_all(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all(node.decorator_list)
        self._visit_arguments(node.args)
        self._visit_all([node.returns])
        with self._inside(_scope_of(node.args, node.body)):
            self._visit_all(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_arguments(node.args)
        with self._inside(_scope_of(node.args, [node.body])):
            self.visit(node.body)

    def _visit_arguments(self, arguments: ast.arguments) -> None:
        """Defaults and annotations belong to whoever defines the function."""
        self._visit_all([*arguments.defaults, *arguments.kw_defaults])
        self._visit_all([a.annotation for a in _all_arguments(arguments)])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        scope = _scope_of(None, node.body)
        scope.is_class = True
        with self._inside(scope):
            self._visit_all(node.body)

    def visit_ListComp(self, node: Comprehension) -> None:
        first, *rest = node.generators
        self.visit(first.iter)
        scope = _Scope()
        for generator in node.generators:
            _collect(generator.target, scope)
        with self._inside(scope):
            self._visit_all([first.target, *first.ifs, *rest])
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            self._visit_all(parts)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    extra = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _scope_of(arguments: ast.arguments | None, body: Sequence[ast.AST]) -> _Scope:
    scope = _Scope()
    for argument in _all_arguments(arguments) if arguments else ():
        scope.bind(argument.arg, argument)
    for statement in body:
        _collect(statement, scope)
    return scope


def _collect(node: ast.AST, scope: _Scope, in_comprehension: bool = False) -> None:
    """Note what ``node`` binds in the function that it stands in."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load) and not in_comprehension:
            scope.bind(node.id, node)
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for name, bound in imports_of(node):
            scope.bind(name, bound)
        return
    if isinstance(node, ast.Global):
        scope.global_names.update(node.names)
    if isinstance(node, ast.Nonlocal):
        scope.nonlocal_names.update(node.names)
    if isinstance(node, ast.NamedExpr):  # binds in the function, even from a comprehension
        scope.bind(node.target.id, node)
        _collect(node.value, scope, in_comprehension)
        return
    if isinstance(node, (*Function, ast.ClassDef)):
        scope.bind(node.name, node)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.ExceptHandler) and node.name:
        scope.bind(node.name, node)
    if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        scope.bind(node.name, node)
    if isinstance(node, ast.MatchMapping) and node.rest:
        scope.bind(node.rest, node)
    inside = in_comprehension or isinstance(node, Comprehension)
    for child in ast.iter_child_nodes(node):
        _collect(child, scope, inside)
