"""Where the names in a piece lead: to a module, a definition of the course's, a name of MLX's."""

from __future__ import annotations

import ast

from course.graft.package import Module, Package, Target
from course.graft.scopes import Binding, Imported, resolve
from course.policy.names import STANDARD

SUBMODULES = ("linalg", "random", "fft")  # of mlx.core


class Leads:
    """Follows the names in one piece through imports.

    Attributes:
        bindings: for each name in the piece what binds it in there, as `scopes.resolve` says.
    """

    def __init__(self, student: Package, course: Package, module: Module, root: ast.AST) -> None:
        self.student, self.course, self.module = student, course, module
        self.bindings = resolve(root)

    def target_of(self, node: ast.expr) -> Target | None:
        """What a name or a chain of names leads to, if that begins at an import."""
        if isinstance(node, ast.Name):
            return self._of_name(node.id, self.bindings.get(node, ()))
        if isinstance(node, ast.Attribute):
            base = self.target_of(node.value)
            if base is not None and base.kind == "module":
                return self._inside(base.module, node.attr)
            if base is not None and base.kind == "external":
                return Target("external", base.dotted, node.attr)
        return None

    def _of_name(self, name: str, bindings: tuple[Binding, ...]) -> Target | None:
        imported = [b for b in bindings if isinstance(b, Imported)]
        if imported:
            return self.target(self.module.absolute(imported[-1]))
        if bindings:
            return None
        for module in (self.module, self.course.modules.get(self.module.name)):
            again = module.imported(name) if module is not None else None
            if again is not None:
                return self.target(again)
        return None

    def target(self, imported: Imported) -> Target:
        for package in (self.student, self.course):
            owner = imported.module in package.modules
            owner = owner or f"{imported.module}.{imported.name}" in package.modules
            if owner and (package is self.course or imported.module not in self.course.modules):
                return package.follow(imported)
        if not imported.name:
            return Target("module", imported.module)
        return self._inside(imported.module, imported.name)

    def _inside(self, module: str, name: str) -> Target:
        """What ``module.name`` is."""
        inner = f"{module}.{name}"
        if module in self.course.modules:
            found = self.course.find(self.course.modules[module], name)
            if found.kind == "unknown" and module == "tinymlx.core":  # it passes through from MLX
                return Target("external", "mlx.core", name)
            return found
        if module in self.student.modules:
            return self.student.find(self.student.modules[module], name)
        if inner in self.course.modules or inner in self.student.modules or inner in STANDARD:
            return Target("module", inner)
        if module == "mlx" or (module == "mlx.core" and name in SUBMODULES):
            return Target("module", inner)
        return Target("external", module, name)
