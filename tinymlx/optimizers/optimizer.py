"""The base class of all optimizers: a rule for one parameter, applied to a tree of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.utils import tree_map

#: A number, or a schedule: a function of the step (an array of one integer).
Rate = float | Callable[[array], array]


class Optimizer:
    """What all optimizers have in common.

    An optimizer derives from this class and says what to do with a single parameter, in
    :meth:`init_single` and :meth:`apply_single`.

    Attributes:
        state: a tree: ``"step"``, the number of updates; the rates that may follow a schedule
            (``"learning_rate"``); and in the structure of the parameters, for each a dict of what
            the rule remembers of it. It can be saved, loaded, and captured by ``compile``.

    Args:
        schedulers: schedules by the name of the entry of ``state`` that follows them.

    Shape: an update has that of the parameter.
    """

    def __init__(self, schedulers: dict[str, Callable[[array], array]] | None = None) -> None:
        self._initialized = False
        self._state: dict[str, Any] = {"step": core.array(0, core.uint64)}
        self._schedulers = dict(schedulers or {})

    def update(self, model: Module, gradients: dict[str, Any]) -> None:
        """Replace the parameters of ``model`` by updated ones.

        Args:
            model: the model.
            gradients: a tree of gradients, as ``nn.value_and_grad`` returns it.
        """
        model.update(self.apply_gradients(gradients, model))

    def init(self, parameters: dict[str, Any]) -> None:
        """Put into ``state`` what the rule remembers of each parameter.

        It is called by the first update, if not before. The state gets the structure of the
        parameters with a dict in the place of each (:func:`grow`); an empty one is filled by
        ``self.init_single(parameter, state)``. A dict that has entries already (after loading a
        state, say) stays as it is. Set ``self._initialized`` at the end.

        Args:
            parameters: a tree of parameters.
        """
        grow(self._state, parameters)

        def fill(parameter: array, state: dict[str, Any]) -> None:
            if not state:
                self.init_single(parameter, state)

        tree_map(fill, parameters, self._state)
        self._initialized = True

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """Fill the state of one parameter; each optimizer says how.

        Args:
            parameter: the parameter.
            state: an empty dict.
        """
        raise NotImplementedError()

    def apply_gradients(self, gradients: dict[str, Any], parameters: dict[str, Any]) -> Any:
        """Updated parameters for a tree of gradients.

        In this order: the state is initialized (:meth:`init`) if it has not been; every entry of
        ``state`` that follows a schedule (``self._schedulers``) gets its value for the present
        step; the step is increased by 1; and :meth:`apply_single` is called for each gradient with
        its parameter and its state. The tree is walked once.

        Args:
            gradients: a tree of gradients.
            parameters: a tree that has at least the branches of ``gradients`` (a model, say).

        Returns:
            The updated parameters, in the structure of ``gradients``.
        """
        raise NotImplementedError(
            "5.17 apply_gradients - exercises/ch05_building_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        """The rule for one parameter; each optimizer has its own.

        Args:
            gradient: the gradient.
            parameter: the parameter, of the same shape.
            state: what the rule remembers of this parameter; changed in place.

        Returns:
            The updated parameter.
        """
        raise NotImplementedError()

    @property
    def state(self) -> dict[str, Any]:
        """The tree of everything that changes from step to step."""
        return self._state

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._initialized = False
        self._state = state

    @property
    def step(self) -> array:
        """The number of updates so far."""
        return self.state["step"]

    @property
    def learning_rate(self) -> array:
        """The learning rate of the last update (or the next one, without a schedule)."""
        return self.state["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | array) -> None:
        self.state["learning_rate"] = core.array(learning_rate)

    def _maybe_schedule(self, name: str, value: Rate) -> None:
        """Put a rate into the state; if it is a schedule, it will be followed."""
        if callable(value):
            self._schedulers[name] = value
            self.state[name] = value(self.step)
        else:
            self.state[name] = core.array(value)


def grow(state: Any, parameters: Any) -> Any:
    """``state`` with every branch of ``parameters``, and an empty dict for each new leaf.

    Dicts are extended in place; what ``state`` has already stays.
    """
    if isinstance(parameters, (list, tuple)):
        grown = [grow(branch, parameters[i]) for i, branch in enumerate(state)]
        grown += [empty(p) for p in parameters[len(grown) :]]
        return type(parameters)(grown)
    if isinstance(parameters, dict):
        for key, branch in parameters.items():
            state[key] = grow(state[key], branch) if key in state else empty(branch)
    return state


def empty(parameters: Any) -> Any:
    """The structure of ``parameters`` with an empty dict for each leaf."""
    return tree_map(lambda _: {}, parameters)
