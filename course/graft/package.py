"""A ``tinymlx`` package as text: its modules, what each binds at its top, where names lead.

Nothing runs here. The same view is taken of the course's own package and of a student's.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from course.graft.scopes import Imported, imports_of

Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Target:
    """What a name stands for in the end.

    Attributes:
        kind: ``"module"``, ``"definition"`` (of ``module``, in a package), ``"external"`` (a name
            of a module that no package has), or ``"unknown"``.
        module: the module's dotted name, ``"mlx.core"``.
        name: the name in there; empty for a module.
    """

    kind: str
    module: str = ""
    name: str = ""

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


class Module:
    """One module, parsed.

    Attributes:
        name: ``"tinymlx.nn.losses"``.
        file: the path that tracebacks show, a key of the bundle's texts.
        is_package: whether its relative imports start in itself.
        tree: its syntax tree, parsed when it is asked for; empty where the text is not Python.
        broken: whether the text is not Python.
    """

    def __init__(self, name: str, file: str, is_package: bool, text: str) -> None:
        self.name, self.file, self.is_package, self.text = name, file, is_package, text

    @property
    def broken(self) -> bool:
        return parse(self.text, self.file) is None

    @property
    def tree(self) -> ast.Module:
        return parse(self.text, self.file) or ast.Module([], [])

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """Name to the statements at the module's top that bind it, or add to what it names."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in statements(self.tree.body):
            for name in bound_by(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def dumps(self) -> frozenset[str]:
        """The statements at its top, as text that knows no layout."""
        return frozenset(dump(statement) for statement in statements(self.tree.body))

    def imported(self, name: str) -> Imported | None:
        """What an import at the module's top binds ``name`` to, with an absolute module name."""
        for statement in reversed(self.bindings.get(name, [])):
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                return self.absolute(dict(imports_of(statement))[name])
        return None

    def absolute(self, imported: Imported) -> Imported:
        if not imported.level:
            return imported
        parts = self.name.split(".")
        drop = imported.level - (1 if self.is_package else 0)
        base = parts[: len(parts) - drop] if drop < len(parts) else ["?"]
        return Imported(".".join([*base, *filter(None, [imported.module])]), imported.name)


class Package:
    """All modules of one implementation.

    Args:
        modules: dotted name to module.
    """

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules

    def follow(self, imported: Imported, depth: int = 0) -> Target:
        """Where an absolute import leads, through modules of this package that pass a name on."""
        if not imported.name:
            return Target("module", imported.module)
        inner = f"{imported.module}.{imported.name}"
        module = self.modules.get(imported.module)
        if inner in self.modules:
            again = module.imported(imported.name) if module is not None else None
            if module is None or imported.name not in module.bindings or again == imported:
                return Target("module", inner)
        if module is None:
            return Target("external", imported.module, imported.name)
        return self.find(module, imported.name, depth)

    def find(self, module: Module, name: str, depth: int = 0) -> Target:
        """What ``module.name`` is."""
        if depth > 20:  # imports in a circle
            return Target("unknown", module.name, name)
        again = module.imported(name)
        if again is not None:
            return self.follow(again, depth + 1)
        if name in module.bindings:
            return Target("definition", module.name, name)
        if f"{module.name}.{name}" in self.modules:
            return Target("module", f"{module.name}.{name}")
        for statement in module.bindings.get("*", []):
            starred = module.absolute(dict(imports_of(statement))["*"])  # type: ignore[arg-type]
            source = self.modules.get(starred.module)
            if source is not None:
                found = self.find(source, name, depth + 1)
                if found.kind != "unknown":
                    return found
        return Target("unknown", module.name, name)


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module or class body, those inside of ``if``, ``try``, ``with`` too."""
    for statement in body:
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            yield from statements(statement.body)
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)
            yield from statements(getattr(statement, "orelse", []))
            yield from statements(getattr(statement, "finalbody", []))
        else:
            yield statement


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top binds, or that it adds something to."""
    if isinstance(statement, Definition):
        if statement.name != "_":
            yield statement.name
        for decorator in statement.decorator_list:  # `@tanh.defvjp` adds to tanh
            yield from _receiver(decorator)
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (name for name, _ in imports_of(statement))
    elif isinstance(statement, ast.Expr):
        if isinstance(statement.value, ast.Call):  # `tanh.defvjp(rule)`
            yield from _receiver(statement.value.func)
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _receiver(node: ast.expr) -> Iterator[str]:
    inner = node.func if isinstance(node, ast.Call) else node
    if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
        yield inner.value.id


def dump(node: ast.AST) -> str:
    """A node as text that knows no layout and no comments."""
    return ast.dump(node)


_parsed: dict[str, ast.Module | None] = {}


def parse(text: str, path: str) -> ast.Module | None:
    """The syntax tree, kept by content (it is only looked at, never changed), or ``None``."""
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if key not in _parsed:
        try:
            _parsed[key] = ast.parse(text, path)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            _parsed[key] = None
    return _parsed[key]
