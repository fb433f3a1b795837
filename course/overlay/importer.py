"""Serving a bundle to Python's import system."""

from __future__ import annotations

import functools
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import os
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from course.overlay.bundle import Bundle, Unit
from course.overlay.fill import HELPER, compile_unit, forget_sources, needs_helper
from course.overlay.sabotage import zeros_of
from course.overlay.sealed import Needs, sealed_builtins


class Overlay(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An importable bundle. Several may live side by side; one at a time is active.

    ``activate`` puts this overlay's modules into ``sys.modules``; leaving it puts back what was
    there, and keeps its own for the next time.
    """

    def __init__(self, bundle: Bundle, cache: Path | None = None) -> None:
        self.bundle = bundle
        self.cache = cache
        self._modules: dict[str, types.ModuleType] = {}
        self._ready: dict[str, types.CodeType] = {}
        self._broken: dict[str, Exception] = {}
        self._needs: Needs = {}

    @contextmanager
    def activate(self) -> Iterator[Overlay]:
        # Leaving takes all out; so where there is no package, there is nothing of it.
        before = _take_out() if "tinymlx" in sys.modules else {}
        sys.modules.update(self._modules)
        sys.meta_path.insert(0, self)
        try:
            yield self
        finally:
            sys.meta_path.remove(self)
            # Nothing else of the package can be imported here; to search all modules for it after
            # every probe takes longer than most probes.
            names = [n for n in ("tinymlx", *self.bundle.units) if n in sys.modules]
            self._modules = {name: sys.modules.pop(name) for name in dict.fromkeys(names)}
            sys.modules.update(before)

    def install(self) -> None:
        """Activate for the rest of the process."""
        _take_out()
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "tinymlx" and not fullname.startswith("tinymlx."):
            return None
        unit = self.bundle.units.get(fullname)
        if unit is None:
            if fullname == "tinymlx":  # a package without __init__.py is still a package
                spec = importlib.machinery.ModuleSpec(fullname, self, is_package=True)
                spec.submodule_search_locations = []
                return spec
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=unit.file, is_package=unit.package
        )
        spec.has_location = True
        if unit.package:
            spec.submodule_search_locations = [os.path.dirname(unit.file)]
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        unit = self.bundle.units.get(module.__name__)
        if unit is None:
            return
        if needs_helper(unit):
            setattr(module, HELPER, zeros_of)
        if module.__name__ in self._broken:
            raise self._broken[module.__name__]
        if module.__name__ in self._needs:
            needed = self._needs[module.__name__]
            module.__dict__["__builtins__"] = sealed_builtins(needed)
        code = self._ready.get(module.__name__) or self._code(unit)
        exec(code, module.__dict__)

    def get_source(self, fullname: str) -> str | None:
        unit = self.bundle.units.get(fullname)
        return self.bundle.texts.get(unit.file) if unit else None

    def compile_all(self) -> None:
        """Compile every module now, without running any (a parent does it before it forks)."""
        for name, unit in self.bundle.units.items():
            if name in self._ready:
                continue
            try:
                self._code(unit)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # the child that imports this module will say so

    def adopt(self, ready: dict[str, bytes]) -> None:
        """Take modules that somebody trusted has compiled already (`course.overlay.ready`)."""
        self._ready.update({name: marshal.loads(code) for name, code in ready.items()})

    def forget_texts(self) -> None:
        """Keep the code objects alone, so that nobody finds the text of a solution in memory."""
        for name, unit in self.bundle.units.items():
            if name in self._ready:
                continue
            try:
                self._ready[name] = self._code(unit)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                self._broken[name] = error
        self.bundle = Bundle(self.bundle.units, {}, self.bundle.filled, self.bundle.notes)
        _compiled.clear()
        _digest_of.cache_clear()
        forget_sources()

    def seal(self, needs: Needs) -> None:
        """Give these modules builtins of their own (`course.overlay.sealed`)."""
        self._needs = needs

    def _code(self, unit: Unit) -> types.CodeType:
        """The unit's code, from memory, from the cache folder, or compiled now."""
        key = unit_key(unit, self.bundle.texts)
        if key not in _compiled:
            code = self._read(key)
            if code is None:
                code = compile_unit(unit, self.bundle.texts)
                self._write(key, code)
            _compiled[key] = code
        return _compiled[key]

    def _read(self, key: str) -> types.CodeType | None:
        if self.cache is None:
            return None
        try:
            code = marshal.loads((self.cache / key).read_bytes())
        except (OSError, EOFError, ValueError, TypeError):
            return None  # absent or damaged: it is only a cache, and is made again
        return code if isinstance(code, types.CodeType) else None

    def _write(self, key: str, code: types.CodeType) -> None:
        if self.cache is None:
            return
        draft = self.cache / f"{key}.{os.getpid()}"
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(marshal.dumps(code))
            os.replace(draft, self.cache / key)
        except OSError:
            return  # a read-only folder only costs speed


_compiled: dict[str, types.CodeType] = {}


def unit_key(unit: Unit, texts: Mapping[str, str]) -> str:
    """A hash of everything that the code of a module follows from."""
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER)
    sources = [unit.file, *(p.source for p in unit.patches), *(a.source for a in unit.additions)]
    for source in dict.fromkeys(sources):
        digest.update(_digest_of(source) + _digest_of(texts.get(source, "")))
    digest.update(repr(unit).encode())
    return digest.hexdigest()


@functools.lru_cache(maxsize=2048)
def _digest_of(text: str) -> bytes:
    """Once for all proofs' trials, each of which imports nearly the same texts."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _take_out() -> dict[str, types.ModuleType]:
    """Remove every module of ``tinymlx`` from ``sys.modules`` and return them."""
    found = [n for n in sys.modules if n.startswith("tinymlx")]
    names = [n for n in found if n == "tinymlx" or n.startswith("tinymlx.")]
    return {name: sys.modules.pop(name) for name in names}
