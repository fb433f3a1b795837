"""Changes of one statement: what stands in its place, with the name of the kind of mistake."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from course.mutants.expressions import without_last

Change = tuple[str, list[ast.stmt]]


def changes_of(node: ast.stmt, is_last: bool) -> Iterator[Change]:
    """Every way in which ``node`` is written wrong; ``is_last``: it ends the function's body."""
    rule = RULES.get(type(node))
    if rule is not None:
        yield from rule(node)
    elif isinstance(node, (ast.Return, ast.Break, ast.Continue)) and not is_last:
        yield "early", []


def _assign(node: ast.Assign) -> Iterator[Change]:
    target = node.targets[0]
    if isinstance(target, (ast.Attribute, ast.Subscript)):
        yield "state", []
    elif isinstance(target, ast.Name):
        if any(isinstance(n, ast.Name) and n.id == target.id for n in ast.walk(node.value)):
            yield "state", []
        value = node.value
        if isinstance(value, ast.BinOp) and ast.dump(value.left) == ast.dump(_load(target)):
            yield "in place", [ast.AugAssign(target, value.op, value.right)]


def _augmented(node: ast.AugAssign) -> Iterator[Change]:
    yield "state", []
    opposite: dict[type[ast.operator], ast.operator] = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}
    if type(node.op) in opposite:
        yield "sign", [ast.AugAssign(node.target, opposite[type(node.op)], node.value)]
    yield "state", [ast.Assign([node.target], node.value)]


def _expression(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom, ast.Await)):
        yield "call", []


def _if(node: ast.If) -> Iterator[Change]:
    yield "branch", node.body
    yield "branch", node.orelse


def _raise(node: ast.Raise) -> Iterator[Change]:
    yield "raise", []
    error = node.exc
    if isinstance(error, ast.Call) and isinstance(error.func, ast.Name):
        other = "ValueError" if error.func.id == "RuntimeError" else "RuntimeError"
        call = ast.Call(ast.Name(other, ast.Load()), error.args, error.keywords)
        yield "exception", [ast.Raise(call, node.cause)]


def _try(node: ast.Try) -> Iterator[Change]:
    if node.finalbody:
        rest = node.handlers or node.orelse
        inner: list[ast.stmt] = (
            [ast.Try(node.body, node.handlers, node.orelse, [])] if rest else node.body
        )
        yield "cleanup", inner
        yield "cleanup", [*inner, *node.finalbody]  # only where nothing was raised
    if node.handlers:
        tail: list[ast.stmt] = [*node.body, *node.orelse]
        yield "branch", [ast.Try(tail, [], [], node.finalbody)] if node.finalbody else tail


def _with(node: ast.With) -> Iterator[Change]:
    if all(item.optional_vars is None for item in node.items):
        yield "cleanup", node.body


def _for(node: ast.For) -> Iterator[Change]:
    yield "last", [ast.For(node.target, without_last(node.iter), node.body, node.orelse)]
    once: list[ast.stmt] = [*node.body, ast.Break()]
    yield "early", [ast.For(node.target, node.iter, once, node.orelse)]


def _while(node: ast.While) -> Iterator[Change]:
    yield "early", [ast.While(node.test, [*node.body, ast.Break()], node.orelse)]


def _nothing(node: ast.stmt) -> Iterator[Change]:
    yield "state", []


RULES: dict[type[ast.stmt], Callable[..., Iterator[Change]]] = {
    ast.Assign: _assign,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.If: _if,
    ast.Raise: _raise,
    ast.Try: _try,
    ast.With: _with,
    ast.For: _for,
    ast.While: _while,
    ast.Delete: _nothing,
    ast.Nonlocal: _nothing,
}


def _load(name: ast.Name) -> ast.Name:
    return ast.Name(name.id, ast.Load())
