"""Reading the pieces of one exercise, statement by statement."""

from __future__ import annotations

import ast
import builtins
import string
from collections.abc import Iterator
from dataclasses import dataclass

from course.graft.package import Module, Package, Target
from course.graft.reach import Piece, Reached
from course.graft.scopes import Imported, imports_of
from course.policy.leads import SUBMODULES, Leads
from course.policy.names import (
    BUILT_HERE,
    BUILTINS,
    INNER,
    MX,
    SPECIAL_CONSTANTS,
    SPECIAL_METHODS,
    SPECIAL_READ,
    STANDARD,
)
from course.registry import Exercise

HIDES = "which hides what the code does; call things by their names."
REFLECTION = ("getattr", "hasattr")


@dataclass(frozen=True)
class Violation:
    """One thing that is not allowed.

    ``sentence`` begins with the file and the line, and says how to write it instead.
    """

    line: int
    sentence: str


def read(
    student: Package, course: Package, exercise: Exercise, reached: Reached
) -> list[Violation]:
    """What the pieces of ``exercise`` use although it is closed, in the order of lines."""
    found: dict[tuple[str, int], Violation] = {}
    for piece in reached.pieces:
        module = student.modules[piece.module]
        reader = _Reader(student, course, exercise, reached, module, piece)
        for line, sentence in reader.complaints():
            where = f"{module.name.replace('.', '/')}.py"
            if module.is_package:
                where = f"{module.name.replace('.', '/')}/__init__.py"
            found.setdefault((where, line), Violation(line, f"{where}:{line} {sentence}"))
    return sorted(found.values(), key=lambda violation: violation.line)


class _Reader:
    """Reads one piece for one exercise."""

    def __init__(
        self,
        student: Package,
        course: Package,
        exercise: Exercise,
        reached: Reached,
        module: Module,
        piece: Piece,
    ) -> None:
        self.student, self.course = student, course
        self.module, self.piece, self.root = module, piece, piece.node
        self.opened = {_full(name) for name in exercise.opened}
        self.closed = {_full(name) for name in exercise.closed}
        self.methods = {name.rpartition(".")[2] for name in self.closed}
        self.own = {p.qualname for p in reached.pieces if p.module == module.name}
        self.own |= {s.qualname for s in exercise.symbols if s.module == module.name}
        self.leads = Leads(student, course, module, self.root)
        self.bindings = self.leads.bindings
        self.parents = {c: p for p in ast.walk(self.root) for c in ast.iter_child_nodes(p)}

    def complaints(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self.root):
            sentence = self._sentence(node)
            if sentence:
                yield getattr(node, "lineno", self.root.lineno), sentence

    def _sentence(self, node: ast.AST) -> str:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return self._import(node)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.ClassDef):
            return self._class(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self._function(node)
        if isinstance(node, ast.MatchClass):
            return next((self._member(name) for name in node.kwd_attrs if self._member(name)), "")
        if isinstance(node, ast.Global):
            return self._global(node)
        return ""

    # Imports

    def _import(self, node: ast.Import | ast.ImportFrom) -> str:
        wanted = self.piece.names if node is self.root else ()
        for name, imported in imports_of(node):
            if wanted and name not in wanted:
                continue
            if imported.name == "*":
                return "imports everything (`*`); name what you need."
            sentence = self._imported(self.module.absolute(imported), node)
            if sentence:
                return sentence
        return ""

    def _imported(self, imported: Imported, node: ast.Import | ast.ImportFrom) -> str:
        targets = {self.leads.target(imported)}
        if isinstance(node, ast.Import):  # `import a.b` binds a, and loads a.b
            targets |= {Target("module", alias.name) for alias in node.names}
        return next((s for t in targets if (s := self._use(t, imports=True))), "")

    # Names

    def _name(self, node: ast.Name) -> str:
        name, target = node.id, self.leads.target_of(node)
        if target is not None:
            if target.kind == "module" and not self._is_dotted(node):
                return f"uses the module {_short(target.module)} by itself; write {name}.something."
            return self._use(target) if isinstance(node.ctx, ast.Load) else ""
        if self.bindings.get(node) or self._is_known(name):
            return ""
        if name == "type":
            return self._type(node)
        if name in REFLECTION and not self._is_called(node):
            return f"passes {name} on, {HIDES}"
        if name in BUILTINS or not hasattr(builtins, name):
            return "" if not _is_special(name) or name in BUILTINS else f"uses {name}, {HIDES}"
        return f"uses {name}, {HIDES}"

    def _is_known(self, name: str) -> bool:
        """Whether the module, the student's or the course's, binds the name at its top."""
        modules = (self.module, self.course.modules.get(self.module.name))
        return any(module is not None and name in module.bindings for module in modules)

    def _is_dotted(self, node: ast.expr) -> bool:
        parent = self.parents.get(node)
        return isinstance(parent, ast.Attribute) and parent.value is node

    def _is_called(self, node: ast.expr) -> bool:
        parent = self.parents.get(node)
        return isinstance(parent, ast.Call) and parent.func is node

    def _type(self, node: ast.Name) -> str:
        """``type(x)`` looks at a class; with three arguments it makes one."""
        parent = self.parents.get(node)
        if isinstance(parent, ast.Call):
            if parent.func is node and len(parent.args) == 1 and not parent.keywords:
                return "" if not isinstance(parent.args[0], ast.Starred) else f"uses type, {HIDES}"
            kind = isinstance(parent.func, ast.Name) and parent.func.id
            if kind in ("isinstance", "issubclass"):
                return ""
        elif isinstance(parent, (ast.Compare, ast.Subscript, ast.arg, ast.BinOp, ast.AnnAssign)):
            return ""
        return f"uses type for more than type(x), {HIDES}"

    # Attributes

    def _attribute(self, node: ast.Attribute) -> str:
        target = self.leads.target_of(node)
        if target is None:
            return self._plain_attribute(node)
        if not isinstance(node.ctx, ast.Load):
            return f"changes {_short(target.dotted)}, which is not yours."
        if _is_special(node.attr) and target.kind != "definition":
            return f"uses {node.attr}, {HIDES}"
        if target.kind == "module" and not self._is_dotted(node):
            return f"uses the module {_short(target.module)} by itself; write what you need of it."
        return self._use(target)

    def _plain_attribute(self, node: ast.Attribute) -> str:
        name = node.attr
        if not isinstance(node.ctx, ast.Load):
            return self._changed(node)
        if name in self.opened or (name == "__dict__" and self._is_self(node.value)):
            return ""
        if _is_special(name) and name not in SPECIAL_READ and not self._is_own_super(node):
            return f"uses {name}, {HIDES}"
        if name in ("format", "format_map"):
            return self._format(node)
        return self._member(name)

    def _is_self(self, node: ast.expr) -> bool:
        """The object itself, in a method: its own dict holds what it was given."""
        bindings = self.bindings.get(node, ()) if isinstance(node, ast.Name) else ()
        return any(isinstance(b, ast.arg) and b.arg == "self" for b in bindings)

    def _member(self, name: str) -> str:
        if name in INNER or (_is_special(name) and name not in SPECIAL_METHODS | SPECIAL_READ):
            return f"uses {name}, {HIDES}" if not self._is_method(name) else ""
        if name in self.methods:
            return f"calls .{name}, which this exercise asks you to write yourself."
        return ""

    def _is_method(self, name: str) -> bool:
        return any(own.rpartition(".")[2] == name for own in self.own)

    def _is_own_super(self, node: ast.Attribute) -> bool:
        """``super().__setattr__`` inside of ``__setattr__``, where the exercise asks for one."""
        value = node.value
        of_super = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
        return of_super and value.func.id == "super" and self._is_method(node.attr)  # type: ignore[attr-defined]

    def _changed(self, node: ast.Attribute) -> str:
        """An assignment to an attribute: of an object; of a class or function only if it is own."""
        if _is_special(node.attr):
            return f"changes {node.attr}, {HIDES}"
        value = node.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            if value.func.id in ("type", "super"):
                return f"changes {node.attr} of a class; change your own objects."
        if isinstance(value, ast.Attribute) and value.attr == "__class__":
            return f"changes {node.attr} of a class; change your own objects."
        if isinstance(value, ast.Name) and not self.bindings.get(value):
            if value.id not in self.own and not self._is_constant(value.id):
                return f"changes {value.id}.{node.attr}, which is not yours."
        return ""

    def _is_constant(self, name: str) -> bool:
        found = self.module.bindings.get(name, [])
        return bool(found) and all(isinstance(s, (ast.Assign, ast.AnnAssign)) for s in found)

    def _format(self, node: ast.Attribute) -> str:
        """A format string may not reach into its arguments: ``"{0.__class__}"``."""
        value = node.value
        plain = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if plain and self._is_called(node):
            try:
                fields = [f for _, f, _, _ in string.Formatter().parse(value.value) if f]  # type: ignore[attr-defined]
            except ValueError:
                return ""  # it will say so itself
            if not any("." in f or "[" in f for f in fields):
                return ""
        return f"formats with .{node.attr} where an f-string says what it shows; write an f-string."

    # Calls, classes, functions

    def _call(self, node: ast.Call) -> str:
        if isinstance(node.func, ast.Name) and not self.bindings.get(node.func):
            reflects = node.func.id in REFLECTION and node.func.id not in self.opened
            if reflects and not self._is_plain_getattr(node):
                return f"reaches for a name with {node.func.id}; write the name instead."
            if node.func.id == "breakpoint" and (node.args or node.keywords):
                return f"gives breakpoint() arguments, {HIDES}"
        return ""

    def _is_plain_getattr(self, call: ast.Call) -> bool:
        """``getattr(x, "name", ...)`` with a written name that is harmless, of no module."""
        if len(call.args) < 2 or not isinstance(call.args[1], ast.Constant) or call.keywords:
            return False
        thing, name = call.args[0], call.args[1].value
        target = (
            self.leads.target_of(thing) if isinstance(thing, (ast.Name, ast.Attribute)) else None
        )
        if target is not None and target.kind != "definition":
            return False
        return isinstance(name, str) and not _is_special(name) and not self._member(name)

    def _class(self, node: ast.ClassDef) -> str:
        if node.keywords:
            return f"gives class {node.name} a keyword; classes need none here."
        for statement in node.body:
            plain = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                targets = _targets(statement)
                for target in targets:
                    name = target.id if isinstance(target, ast.Name) else ""
                    if not name or (_is_special(name) and name not in SPECIAL_CONSTANTS):
                        return f"binds {ast.unparse(target)} in class {node.name}, {HIDES}"
            elif not isinstance(statement, plain) and not _is_text(statement):
                return f"runs a statement in the body of class {node.name}; put it into a method."
        return ""

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        if _is_special(node.name) and node.name not in SPECIAL_METHODS:
            if not self._is_method(node.name):
                return f"defines {node.name}, {HIDES}"
        return ""

    def _global(self, node: ast.Global) -> str:
        for name in node.names:
            if not self._is_constant(name) or name in self._course_names():
                return f"changes the global {name}, which is no constant of yours."
        return ""

    def _course_names(self) -> frozenset[str]:
        course = self.course.modules.get(self.module.name)
        return frozenset(course.bindings) if course is not None else frozenset()

    # What may be used

    def _use(self, target: Target, imports: bool = False) -> str:
        """Why ``target`` may not be used; empty if it may."""
        if target.kind == "module":
            return self._use_module(target.module) if imports else ""
        if self._is_opened(target.dotted):
            return ""
        if self._is_closed(target):
            return f"uses {_short(target.dotted)}, which this exercise asks you to write yourself."
        if target.kind == "definition":
            return f"uses {target.dotted}, {HIDES}" if _is_special(target.name) else ""
        if target.kind == "unknown":
            return f"uses {target.dotted}, {HIDES}" if _is_special(target.name) else ""
        return self._use_external(target.module, target.name)

    def _use_module(self, module: str) -> str:
        known = module in self.course.modules or module in self.student.modules
        if known or module in ("mlx", "mlx.core") or module in STANDARD or module == "tinymlx":
            return ""
        if module.startswith("mlx.core.") and module[9:] in SUBMODULES:
            return ""
        if self._is_opened(module):
            return ""
        return self._use_external(module, "")

    def _use_external(self, module: str, name: str) -> str:
        dotted = f"{module}.{name}" if name else module
        top, rest = dotted.partition(".")[0], dotted[len("mlx.core.") :]
        if dotted.startswith("mlx.core."):
            if rest in MX or any(rest.startswith(f"{known}.") for known in MX):
                return self._member(name) if rest not in MX else ""
            if rest.partition(".")[0] in BUILT_HERE:
                return f"uses {_short(dotted)}; the course builds that itself, from arrays."
            return f"uses {_short(dotted)}, which is not among the names for arrays."
        if top == "mlx":
            return f"uses {dotted}; the course builds that itself, from mlx.core's arrays."
        if module not in STANDARD:
            outer = module.rpartition(".")[0]
            if outer in STANDARD:  # a name of an allowed name: datetime.datetime.now
                return self._use_external(outer, module.rpartition(".")[2]) or self._member(name)
            return f"imports {top}; the library stands on mlx.core and plain Python alone."
        if name.startswith("_") or (STANDARD[module] and name not in STANDARD[module]):
            return f"uses {dotted}, {HIDES}"
        return ""

    def _is_opened(self, dotted: str) -> bool:
        return any(name == dotted or dotted.startswith(f"{name}.") for name in self.opened)

    def _is_closed(self, target: Target) -> bool:
        names = {target.dotted}
        if target.module == "tinymlx.core" or target.module.startswith("tinymlx.core."):
            names.add(f"mlx.core.{target.name}")
        if target.kind == "definition" and target.name in self.own:
            return False
        return any(n == c or n.startswith(f"{c}.") for n in names for c in self.closed)


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _full(name: str) -> str:
    """``mx.softmax`` of a card is ``mlx.core.softmax`` in full."""
    return "mlx.core." + name[3:] if name.startswith("mx.") else name


def _short(dotted: str) -> str:
    if dotted == "mlx.core":
        return "mx"
    return "mx." + dotted[9:] if dotted.startswith("mlx.core.") else dotted
