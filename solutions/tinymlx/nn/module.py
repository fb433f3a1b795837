"""The module: a dict of arrays and modules, and so a tree.

A layer keeps its weights as attributes, a model keeps its layers; both are a :class:`Module`, which
puts every array, dict, list or tuple that is assigned to it into itself, a dict. So a model *is* a
tree of its parameters, and whatever works on trees works on models.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import weights
from tinymlx.utils import tree_flatten, tree_unflatten

Filter = Callable[["Module", str, Any], bool]


class Module(dict):
    """The base class of layers and models.

    Subclasses call ``super().__init__()``, assign arrays and modules in ``__init__`` and compute in
    ``__call__``::

        class MLP(Module):
            def __init__(self, dims: int):
                super().__init__()
                self.first = Linear(dims, dims)
                self.second = Linear(dims, 1)

            def __call__(self, x: array) -> array:
                return self.second(relu(self.first(x)))

    Source: https://ml-explore.github.io/mlx/build/html/python/nn/module.html
    """

    __call__: Callable[..., Any]

    def __init__(self) -> None:
        self._no_grad: set[str] = set()
        self._training = True

    # Attributes that are arrays or containers live in the dict

    def __getattr__(self, key: str) -> Any:
        """Python asks here when there is no ordinary attribute ``key``: look into the dict.

        Raises:
            AttributeError: there is nothing of that name there, either.
        """
        value = self.get(key)
        if value is None:
            return super().__getattribute__(key)  # raises Python's own error
        return value

    def __setattr__(self, key: str, value: Any) -> None:
        """Put arrays, dicts (also modules), lists and tuples into the dict, other things beside it.

        A name has one place only: what held it before in the other place is removed. The dict is
        reached by ``self[key]``, ordinary attributes by ``super().__setattr__`` and
        ``super().__delattr__``.

        Args:
            key: the name.
            value: anything.
        """
        if isinstance(value, (array, dict, list, tuple)):
            if key not in self and hasattr(self, key):
                super().__delattr__(key)
            self[key] = value
        else:
            super().__setattr__(key, value)
            self.pop(key, None)

    def __delattr__(self, key: str) -> None:
        if self.get(key) is not None:
            del self[key]
        else:
            super().__delattr__(key)

    @property
    def training(self) -> bool:
        """Whether the module is in training mode."""
        return self._training

    @property
    def state(self) -> Module:
        """The module itself, as the tree of all it holds; changes of it change the module."""
        return self

    # What is in it

    @staticmethod
    def is_module(value: Any) -> bool:
        """Whether ``value`` is a module."""
        return isinstance(value, Module)

    @staticmethod
    def valid_child_filter(module: Module, key: str, value: Any) -> bool:
        """A filter for :meth:`filter_and_map`: dicts (also modules) and lists."""
        return isinstance(value, (dict, list))

    @staticmethod
    def valid_parameter_filter(module: Module, key: str, value: Any) -> bool:
        """A filter for :meth:`filter_and_map`: arrays and what can hold them, not private."""
        return isinstance(value, (dict, list, array)) and not key.startswith("_")

    @staticmethod
    def trainable_parameter_filter(module: Module, key: str, value: Any) -> bool:
        """A filter for :meth:`filter_and_map`: parameters that are not frozen."""
        return Module.valid_parameter_filter(module, key, value) and key not in module._no_grad

    def filter_and_map(
        self,
        filter_fn: Filter,
        map_fn: Callable[[Any], Any] | None = None,
        is_leaf_fn: Filter | None = None,
    ) -> dict[str, Any]:
        """A part of the module as plain nested dicts and lists.

        Args:
            filter_fn: called with the module that holds an entry, its key and its value; whether
                to keep the entry. Inside a list or a plain dict the key is ``"layers.0"``.
            map_fn: applied to every leaf that is kept.
            is_leaf_fn: called alike; whether to stop at the entry. By default everything but
                modules, dicts and lists is a leaf.

        Returns:
            The nested dicts and lists of what was kept: see :func:`kept_entry`.
        """
        map_fn = map_fn or (lambda value: value)
        is_leaf_fn = is_leaf_fn or (lambda _, __, value: not isinstance(value, (dict, list)))
        return {
            key: kept_entry(self, key, value, filter_fn, map_fn, is_leaf_fn)
            for key, value in self.items()
            if filter_fn(self, key, value)
        }

    def parameters(self) -> dict[str, Any]:
        """All arrays of the module and its children, as nested dicts and lists."""
        return self.filter_and_map(self.valid_parameter_filter)

    def trainable_parameters(self) -> dict[str, Any]:
        """All arrays that are not frozen, as nested dicts and lists."""
        return self.filter_and_map(self.trainable_parameter_filter)

    def children(self) -> dict[str, Any]:
        """The modules directly below this one, as nested dicts and lists."""
        return self.filter_and_map(
            self.valid_child_filter, is_leaf_fn=lambda _, __, value: isinstance(value, Module)
        )

    def leaf_modules(self) -> dict[str, Any]:
        """The modules, at any depth, that have no modules below them."""

        def is_leaf(_: Module, __: str, value: Any) -> bool:
            return isinstance(value, Module) and not tree_flatten(value.children())

        return self.filter_and_map(self.valid_child_filter, is_leaf_fn=is_leaf)

    def named_modules(self) -> list[tuple[str, Module]]:
        """This module and all below it, each with its path (``"layers.0.norm"``)."""
        found: list[tuple[str, Module]] = []
        self.apply_to_modules(lambda path, module: found.append((path, module)))
        return found

    def modules(self) -> list[Module]:
        """This module and all below it."""
        return [module for _, module in self.named_modules()]

    def apply_to_modules(self, apply_fn: Callable[[str, Module], Any]) -> Module:
        """Call ``apply_fn(path, module)`` for this module (path ``""``) and for all below it.

        A path is what leads to a module, with dots between: ``"layers.0.norm"``. A module comes
        before those below it. One that stands at two places is visited twice.

        Returns:
            This module.
        """
        pending: list[tuple[str, Module]] = [("", self)]
        while pending:
            path, module = pending.pop()
            apply_fn(path, module)
            prefix = f".{path}" if path else ""
            pending += tree_flatten(module.children(), prefix, self.is_module)
        return self

    # Changing it

    def update(self, parameters: dict[str, Any], strict: bool = True) -> Module:  # type: ignore[override]
        """Replace arrays by those that stand at the same place in ``parameters``.

        Shapes and dtypes may change; :meth:`load_weights` is the one that compares shapes.

        Args:
            parameters: nested dicts and lists; what it does not mention stays as it is.
            strict: whether a name that the module does not have is an error.

        Returns:
            This module.

        Raises:
            ValueError: (strict) a name or a list position that the module does not have, or
                something that is no array where the module has one.
        """
        replace_arrays(self, parameters, strict)
        return self

    def apply(self, map_fn: Callable[[array], array], filter_fn: Filter | None = None) -> Module:
        """Replace every parameter ``x`` (that ``filter_fn`` keeps) by ``map_fn(x)``."""
        self.update(self.filter_and_map(filter_fn or Module.valid_parameter_filter, map_fn))
        return self

    def update_modules(self, modules: dict[str, Any], strict: bool = True) -> Module:
        """Replace modules by those that stand at the same place in ``modules``.

        Args:
            modules: nested dicts and lists of modules, as :meth:`children` and
                :meth:`leaf_modules` return them; what is not mentioned stays.
            strict: whether something that fits no place is an error.

        Returns:
            This module.

        Raises:
            ValueError: (strict) a name or position that does not exist, or no module.
        """
        replace_modules(self, modules, strict)
        return self

    def set_dtype(
        self,
        dtype: core.Dtype,
        predicate: Callable[[core.Dtype], bool] | None = lambda x: core.issubdtype(
            x, core.floating
        ),
    ) -> None:
        """Cast the parameters whose dtype ``predicate`` accepts (by default: floating ones)."""
        self.apply(lambda x: x.astype(dtype) if predicate is None or predicate(x.dtype) else x)

    def train(self, mode: bool = True) -> Module:
        """Put this module and all below it into training mode (or out of it)."""
        return self.apply_to_modules(lambda _, module: module._set_training_mode(mode))

    def eval(self) -> Module:
        """Put this module and all below it into evaluation mode."""
        return self.train(False)

    def _set_training_mode(self, mode: bool) -> None:
        self._training = mode

    # Frozen parameters are not trained

    def freeze(
        self,
        *,
        recurse: bool = True,
        keys: str | Sequence[str] | None = None,
        strict: bool = False,
    ) -> Module:
        """Exclude parameters from :meth:`trainable_parameters`.

        Each module remembers the names of its own frozen parameters in the set ``_no_grad``. To
        freeze what is frozen already changes nothing.

        Args:
            recurse: also in the modules below.
            keys: the names to freeze, in each module; by default all of its own parameters
                (:meth:`own_parameters`).
            strict: whether a name that exists nowhere is an error.

        Returns:
            This module.

        Raises:
            KeyError: (strict) no module has a parameter of that name.
        """
        modules = self.modules() if recurse else [self]
        names = checked_names(modules, keys, strict)
        for module in modules:
            module._no_grad.update(module.own_parameters() if names is None else names)
        return self

    def unfreeze(
        self,
        *,
        recurse: bool = True,
        keys: str | Sequence[str] | None = None,
        strict: bool = False,
    ) -> Module:
        """The opposite of :meth:`freeze`, with the same arguments."""
        modules = self.modules() if recurse else [self]
        names = checked_names(modules, keys, strict)
        for module in modules:
            module._no_grad.difference_update(list(module._no_grad) if names is None else names)
        return self

    def own_parameters(self) -> list[str]:
        """The names of the parameters of this module itself, without those of modules below."""

        def is_own(module: Module, key: str, value: Any) -> bool:
            return not isinstance(value, Module) and self.valid_parameter_filter(module, key, value)

        return [path for path, _ in tree_flatten(self.filter_and_map(is_own))]

    # Files

    def save_weights(self, file: str) -> None:
        """Write all parameters to a ``.npz`` or ``.safetensors`` file.

        Raises:
            ValueError: another ending.
            OSError, RuntimeError: the file could not be written; what it held before is unchanged.
        """
        weights.save(file, tree_flatten(self.parameters(), destination={}))

    def load_weights(
        self,
        file_or_weights: str | dict[str, array] | Sequence[tuple[str, array]],
        strict: bool = True,
    ) -> Module:
        """Replace the parameters by those of a file, of a dict by path, or of a list of pairs.

        Args:
            file_or_weights: the path of a ``.npz`` or ``.safetensors`` file, or the arrays: a dict
                from path to array, or pairs of both.
            strict: whether the names must be exactly those of the module, and the shapes equal.
                Otherwise what the module does not have is left out, and shapes are not compared.

        Returns:
            This module.

        Raises:
            ValueError: (strict) a parameter is missing, too much, of another shape, or no array.
                The module is unchanged.
        """
        if isinstance(file_or_weights, str):
            new = list(core.load(file_or_weights).items())
        elif isinstance(file_or_weights, dict):
            new = list(file_or_weights.items())
        else:
            new = list(file_or_weights)
        if strict:
            weights.check(tree_flatten(self.parameters(), destination={}), dict(new))
        if new:
            self.update(tree_unflatten(new), strict=False)
        return self

    # Its printed form

    def _extra_repr(self) -> str:
        """What a subclass wants to show between the brackets."""
        return ""

    def __repr__(self) -> str:
        lines = [
            textwrap.indent(f"({path}): {child!r}", "  ")
            for path, child in tree_flatten(self.children(), is_leaf=self.is_module)
        ]
        inside = "".join(f"\n{line}" for line in lines) + ("\n" if lines else "")
        return f"{type(self).__name__}({self._extra_repr()}{inside})"


def kept_entry(
    module: Module,
    key: str,
    value: Any,
    filter_fn: Filter,
    map_fn: Callable[[Any], Any],
    is_leaf_fn: Filter,
) -> Any:
    """One entry of :meth:`Module.filter_and_map`, with everything below it.

    Cases, in this order:

    * a leaf (``is_leaf_fn``) becomes ``map_fn(value)``;
    * a module becomes the dict of those of its entries that ``filter_fn`` keeps, each treated like
      this one, with that module and the entry's own key;
    * a plain dict or list becomes a dict or list of the same length. Its entries still belong to
      ``module``, and their key is ``"key.name"`` or ``"key.0"``. In the place of one that is not
      kept stands an empty dict.

    Args:
        module: the module that the entry belongs to.
        key: its key there.
        value: what stands there; ``filter_fn`` has kept it already.
        filter_fn, map_fn, is_leaf_fn: as for :meth:`Module.filter_and_map`.

    Returns:
        Plain dicts and lists, and the results of ``map_fn``.

    Raises:
        RuntimeError: ``value`` is neither a leaf nor a module, dict or list.
    """
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            name: kept_entry(value, name, child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(value, name, child)
        }

    def below(name: Any, child: Any) -> Any:
        path = f"{key}.{name}"
        if not filter_fn(module, path, child):
            return {}
        return kept_entry(module, path, child, filter_fn, map_fn, is_leaf_fn)

    if isinstance(value, dict):
        return {name: below(name, child) for name, child in value.items()}
    if isinstance(value, list):
        return [below(i, child) for i, child in enumerate(value)]
    raise RuntimeError("Unexpected leaf found while traversing the module")


def replace_arrays(target: Any, tree: Any, strict: bool) -> None:
    """Put the arrays of ``tree`` into ``target``, a module, dict or list: :meth:`Module.update`.

    ``common(target, tree, strict, message)`` has the keys (or positions) to look at, with the
    values of ``tree``. Where ``target`` holds an array it is replaced, elsewhere we go deeper.

    Args:
        target: what to change.
        tree: a dict or list that goes with it.
        strict: whether something that fits no place is an error.

    Raises:
        ValueError: (strict) a name that does not exist, a position out of bounds, or no array for
            an array.
    """
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if not isinstance(target[key], array):
            replace_arrays(target[key], value, strict)
        elif strict and not isinstance(value, array):
            raise ValueError(f"Received invalid type: {type(value).__name__}.")
        else:
            target[key] = value


def replace_modules(target: Any, tree: Any, strict: bool) -> None:
    """Put the modules of ``tree`` into ``target``: :meth:`Module.update_modules`."""
    for key, value in common(target, tree, strict, "Module does not have sub-module named"):
        current = target[key]
        if isinstance(current, Module) and isinstance(value, Module):
            target[key] = value
        elif isinstance(current, (dict, list)):
            replace_modules(current, value, strict)
        elif strict and value != {}:
            raise ValueError(f"Received invalid type: {type(value).__name__}.")


def common(target: Any, tree: Any, strict: bool, message: str) -> list[tuple[Any, Any]]:
    """The keys (or positions) of ``tree`` that ``target`` has too, with the values of ``tree``.

    Raises:
        ValueError: (strict) ``tree`` is no dict or list, or has more than ``target``.
    """
    if isinstance(tree, dict):
        keys: list[Any] = list(tree)
        found = [key for key in keys if key in target]
    elif isinstance(tree, list):
        keys = list(range(len(tree)))
        found = keys[: len(target)]
    elif strict:
        raise ValueError(f"Received invalid type: {type(tree).__name__}.")
    else:
        return []
    if strict and len(found) < len(keys):
        first = next(key for key in keys if key not in found)
        if isinstance(tree, dict):
            raise ValueError(f'{message} "{first}".')
        raise ValueError(
            f"List index {first} is out of bounds for destination of length {len(target)}."
        )
    return [(key, tree[key]) for key in found]


def checked_names(
    modules: Sequence[Module], keys: str | Sequence[str] | None, strict: bool
) -> list[str] | None:
    """The names to freeze or unfreeze in these modules as a list, ``None`` for all.

    Raises:
        KeyError: (strict) none of the modules has one of them.
    """
    if keys is None:
        return None
    names = [keys] if isinstance(keys, str) else list(keys)
    for name in names if strict else []:
        if not any(name in module for module in modules):
            raise KeyError(f"Module doesn't contain member {name}.")
    return names
