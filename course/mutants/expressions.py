"""Changes of one expression: what stands in its place, with the name of the kind of mistake.

Each function takes a node and yields ``(kind, replacement)`` pairs. The nodes of the original tree
are used again inside the replacements and never changed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

Change = tuple[str, ast.expr]

EDGES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
PAIRS = [
    ("max", "min"), ("maximum", "minimum"), ("any", "all"), ("sum", "mean"), ("var", "std"),
    ("argmax", "argmin"), ("floor", "ceil"), ("cummax", "cummin"), ("zeros", "ones"),
    ("zeros_like", "ones_like"), ("append", "extend"), ("logical_and", "logical_or"),
    ("floor_divide", "divide"), ("greater", "less"),
]  # fmt: skip
EXCHANGED = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
# Calls with one argument that people leave out: f(x) or x.f() becomes x.
LEFT_OUT = {
    "stop_gradient", "astype", "contiguous", "abs", "square", "sqrt", "rsqrt", "exp", "log",
    "negative", "conj", "conjugate", "list", "dict", "tuple", "set", "copy", "deepcopy", "sorted",
    "reversed", "float", "int", "round", "transpose", "swapaxes", "moveaxis", "squeeze",
    "expand_dims", "reshape", "broadcast_to", "flatten", "sum", "mean", "strip", "item",
}  # fmt: skip
MODULES = {"mx", "core", "nn", "math", "np", "copy", "random", "linalg", "operator", "functools"}
# Two arguments of these may be exchanged, and checks say nothing about it.
EITHER_ORDER = {
    "min", "max", "minimum", "maximum", "array_equal",
    "isinstance", "issubclass", "hasattr", "getattr",
}  # fmt: skip
SMALL = 1e-2  # below it a number is somebody's epsilon


def changes_of(node: ast.expr) -> Iterator[Change]:
    """Every way in which ``node`` is written wrong."""
    rule = RULES.get(type(node))
    if rule is not None:
        yield from rule(node)


def _binary(node: ast.BinOp) -> Iterator[Change]:
    left, right = node.left, node.right
    if isinstance(node.op, (ast.Add, ast.Sub)):
        if not _is_text(left) and not _is_text(right):
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield "sign", ast.BinOp(left, other, right)
            yield "term", left
            yield "term", right if isinstance(node.op, ast.Add) else _minus(right)
            yield from _epsilon(left, right)
    elif isinstance(node.op, (ast.Mult, ast.Div)):
        yield "factor", left
        if isinstance(node.op, ast.Mult):
            yield "factor", right
        else:
            yield "exchange", ast.BinOp(right, ast.Div(), left)
    elif isinstance(node.op, (ast.FloorDiv, ast.Mod)):
        yield "factor", left
        if isinstance(node.op, ast.FloorDiv):  # rounded up instead of down
            yield "one", _minus(ast.BinOp(_minus(left), ast.FloorDiv(), right))
    elif isinstance(node.op, (ast.Pow, ast.MatMult)):
        yield "factor", left
        yield "exchange", ast.BinOp(right, node.op, left)
    elif isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield "branch", left
        yield "branch", right
        flipped = ast.BitOr() if isinstance(node.op, ast.BitAnd) else ast.BitAnd()
        yield "and or", ast.BinOp(left, flipped, right)


def _epsilon(left: ast.expr, right: ast.expr) -> Iterator[Change]:
    """``sqrt(v) + eps`` becomes ``sqrt(v + eps)``; the way back is a change of the call."""
    if _is_epsilon(right) and isinstance(left, ast.Call) and len(left.args) == 1:
        inner = ast.BinOp(left.args[0], ast.Add(), right)
        yield "epsilon", ast.Call(left.func, [inner], left.keywords)


def _unary(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.USub):
        yield "sign", node.operand
    elif isinstance(node.op, (ast.Not, ast.Invert)):
        yield "not", node.operand


def _compare(node: ast.Compare) -> Iterator[Change]:
    for i, op in enumerate(node.ops):
        other = EDGES.get(type(op))
        if other is not None:
            ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
            yield "edge", ast.Compare(node.left, ops, node.comparators)


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    flipped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and or", ast.BoolOp(flipped, node.values)
    for i in range(len(node.values)):
        rest = [*node.values[:i], *node.values[i + 1 :]]
        yield "branch", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _choice(node: ast.IfExp) -> Iterator[Change]:
    yield "branch", node.body
    yield "branch", node.orelse


def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int):
        yield "one", ast.Constant(value + 1)
        if value > 0:
            yield "one", ast.Constant(value - 1)
    elif isinstance(value, float):
        yield "constant", ast.Constant(2 * value if value else 1.0)


def _subscript(node: ast.Subscript) -> Iterator[Change]:
    index = node.slice
    if isinstance(index, ast.Slice):
        for part in ("lower", "upper", "step"):
            if getattr(index, part) is not None:
                kept = {p: getattr(index, p) for p in ("lower", "upper", "step") if p != part}
                yield "bounds", ast.Subscript(node.value, ast.Slice(**kept), node.ctx)
    if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        last = ast.unparse(index) == "-1"
        if last or ast.unparse(index) == "0":  # of others the neighbours are taken, as "one"
            yield "axis", ast.Subscript(node.value, _number(0 if last else -1), node.ctx)
        yield "shape", ast.Constant(3)


def _attribute(node: ast.Attribute) -> Iterator[Change]:
    if node.attr == "T":
        yield "call", node.value
    elif node.attr == "size" and not _is_module(node.value):
        yield "shape", ast.Subscript(ast.Attribute(node.value, "shape", node.ctx), _number(0))
    elif node.attr == "ndim":
        yield "shape", ast.Constant(2)
    elif node.attr in EXCHANGED and _is_module(node.value):
        yield "reduction", ast.Attribute(node.value, EXCHANGED[node.attr], node.ctx)


def _call(node: ast.Call) -> Iterator[Change]:
    name = _name(node.func)
    yield from _keywords(node)
    if len(node.args) >= 2 and name not in EITHER_ORDER:
        yield "exchange", _with_args(node, [node.args[1], node.args[0], *node.args[2:]])
        if len(node.args) >= 3:
            *first, a, b = node.args
            yield "exchange", _with_args(node, [*first, b, a])
    if name in LEFT_OUT:
        target = _argument(node)
        if target is not None:
            yield "call", target
    if name in EXCHANGED and isinstance(node.func, ast.Name):
        func: ast.expr = ast.Name(EXCHANGED[name], ast.Load())
        yield "reduction", ast.Call(func, node.args, node.keywords)
    elif name in EXCHANGED and isinstance(node.func, ast.Attribute):
        if not _is_module(node.func.value):  # a method; a module's function is an attribute's case
            func = ast.Attribute(node.func.value, EXCHANGED[name], ast.Load())
            yield "reduction", ast.Call(func, node.args, node.keywords)
    if name == "range" and node.args:
        at = 0 if len(node.args) == 1 else 1
        for op in (ast.Add(), ast.Sub()):
            stop = ast.BinOp(node.args[at], op, ast.Constant(1))
            yield "bounds", _with_args(node, [*node.args[:at], stop, *node.args[at + 1 :]])
    if name == "len":
        yield "shape", ast.Constant(3)
    if name in ("sqrt", "rsqrt", "log") and len(node.args) == 1:
        inside = node.args[0]
        if isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Add):
            if _is_epsilon(inside.right):
                moved = _with_args(node, [inside.left])
                yield "epsilon", ast.BinOp(moved, ast.Add(), inside.right)


def _keywords(node: ast.Call) -> Iterator[Change]:
    for i, keyword in enumerate(node.keywords):
        if keyword.arg is None:
            continue
        rest = [*node.keywords[:i], *node.keywords[i + 1 :]]
        kind = keyword.arg if keyword.arg in ("keepdims", "ddof") else "argument"
        yield kind, ast.Call(node.func, node.args, rest)
        if keyword.arg in ("axis", "axes", "dim"):
            for place in (0, -1):
                given = ast.keyword(keyword.arg, _number(place))
                keywords = [*node.keywords[:i], given, *node.keywords[i + 1 :]]
                yield "axis", ast.Call(node.func, node.args, keywords)


def _comprehension(node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Iterator[Change]:
    first, *rest = node.generators
    short = ast.comprehension(first.target, without_last(first.iter), first.ifs, first.is_async)
    yield "last", type(node)(node.elt, [short, *rest])
    for i in range(len(first.ifs)):
        ifs = [*first.ifs[:i], *first.ifs[i + 1 :]]
        open_ = ast.comprehension(first.target, first.iter, ifs, first.is_async)
        yield "branch", type(node)(node.elt, [open_, *rest])


def _dict_comprehension(node: ast.DictComp) -> Iterator[Change]:
    first, *rest = node.generators
    short = ast.comprehension(first.target, without_last(first.iter), first.ifs, first.is_async)
    yield "last", ast.DictComp(node.key, node.value, [short, *rest])


def _tuple(node: ast.Tuple) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load) and len(node.elts) >= 2:
        if not any(isinstance(e, ast.Starred) for e in node.elts[:2]):
            elts = [node.elts[1], node.elts[0], *node.elts[2:]]
            yield "exchange", ast.Tuple(elts, node.ctx)


RULES: dict[type[ast.expr], Callable[..., Iterator[Change]]] = {
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _choice,
    ast.Constant: _constant,
    ast.Subscript: _subscript,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.Tuple: _tuple,
}


def without_last(items: ast.expr) -> ast.expr:
    """``list(items)[:-1]``."""
    whole = ast.Call(ast.Name("list", ast.Load()), [items], [])
    return ast.Subscript(whole, ast.Slice(upper=_number(-1)), ast.Load())


def _argument(node: ast.Call) -> ast.expr | None:
    """What a call of one argument is about: ``x`` in ``f(x)``, ``mx.f(x, 0)`` and ``x.f(0)``."""
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        return node.func.value
    if node.args and not isinstance(node.args[0], ast.Starred):
        return node.args[0]
    return None


def _with_args(node: ast.Call, args: list[ast.expr]) -> ast.Call:
    return ast.Call(node.func, args, node.keywords)


def _is_module(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in MODULES


def _name(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _number(value: int) -> ast.expr:
    return ast.Constant(value) if value >= 0 else _minus(ast.Constant(-value))


def _minus(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), node)


def _is_epsilon(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float) and 0 < node.value < SMALL
    name = _name(node)
    return "eps" in name.lower()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
