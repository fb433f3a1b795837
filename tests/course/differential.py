"""The same call on two stacks: drawn from the signature that MLX documents, valid or not.

Every public function of ``mlx.core`` (and its parts) has its signature, with types, as the first
line of its docstring; those of ``mlx.nn``, ``mlx.optimizers`` and ``mlx.utils`` are Python. From
the types of the parameters come strategies of `hypothesis`. A drawn `Call` is plain data: arrays
are described by dtype, shape, layout in memory and a seed, and are made on each stack.

``python tests/course/differential.py 2000`` draws 2000 calls of every function, in child processes,
because some calls crash MLX itself; those are counted and named.
"""

from __future__ import annotations

import ast
import collections.abc
import contextlib
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import strategies as st
from mirror import Plain, Stack, assert_equal, plain

# Arrays


@dataclass(frozen=True, repr=False)
class Array:
    """An array of a call; equal descriptions in one call are the very same array."""

    dtype: str
    shape: tuple[int, ...]
    seed: int = 0
    layout: str = "contiguous"
    low: int = -4
    high: int = 4
    special: bool = False

    def __repr__(self) -> str:
        extra = "" if self.layout == "contiguous" else f", {self.layout!r}"
        extra += ", special=True" if self.special else ""
        return f"Array({self.dtype!r}, {self.shape}, {self.seed}{extra})"

    def numbers(self) -> np.ndarray:
        """Small multiples of 1/2, so that sums are exact; zeros and equal numbers among them."""
        rng = np.random.default_rng(self.seed)
        x = rng.integers(self.low, self.high + 1, size=self.shape)
        if self.dtype == "bool_":
            return x > 0
        if self.dtype.startswith("uint"):
            return np.abs(x)
        if self.dtype.startswith("int"):
            return x
        x = x / 2
        if self.special and x.size:
            x.flat[rng.integers(x.size)] = rng.choice([np.inf, -np.inf, np.nan])
        if self.dtype == "complex64":
            x = x + 0.5j * rng.integers(-2, 3, size=self.shape)
        return x

    def on(self, core: ModuleType) -> Any:
        """The array on a stack, with the layout."""
        x = self.numbers()
        dtype = getattr(core, self.dtype)
        kind = {"complex64": np.complex64, "float64": np.float64}.get(self.dtype)
        wide = kind or (np.float32 if x.dtype.kind == "f" else x.dtype)

        def make(values: np.ndarray) -> Any:
            return core.array(np.array(values, dtype=wide, order="C")).astype(dtype)

        if self.layout == "transposed":
            return make(np.transpose(x)).transpose()
        if self.layout == "every second" and x.ndim:
            return make(np.repeat(x, 2, axis=-1))[..., ::2]
        if self.layout == "repeated" and x.ndim and x.shape[0]:
            return core.broadcast_to(make(x[:1]), x.shape)
        return make(x)


LAYOUTS = ["contiguous", "contiguous", "transposed", "every second", "repeated"]
FLOATS = ["float32", "float32", "float16", "bfloat16", "complex64"]
DTYPES = [
    *FLOATS,
    "bool_",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


@dataclass(frozen=True)
class Named:
    """Something that has a name on each stack: a dtype, say."""

    name: str


@dataclass
class Call:
    """A call of a function, as data."""

    function: str  # "core.linalg.norm"
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    then: Array | None = None  # what a layer, an initializer or an optimizer is called with

    def __str__(self) -> str:
        shown = [repr(x) for x in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        then = f"({self.then!r})" if self.then else ""
        return f"{self.function}({', '.join(shown)}){then}"

    def arrays(self) -> list[Array]:
        """The arrays among the arguments, in order."""
        found: list[Array] = []
        _map(found.append, [self.args, self.kwargs])
        return [*found, self.then] if self.then else found


def _map(fun: Callable[[Array], Any], tree: Any) -> Any:
    """The tree with other things in the place of its arrays."""
    if isinstance(tree, Array):
        return fun(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(fun, branch) for branch in tree)
    if isinstance(tree, dict):
        return {key: _map(fun, branch) for key, branch in tree.items()}
    return tree


def _named(core: ModuleType, tree: Any) -> Any:
    if isinstance(tree, Named):
        return getattr(core, tree.name)
    if isinstance(tree, (list, tuple)):
        return type(tree)(_named(core, branch) for branch in tree)
    if isinstance(tree, dict):
        return {key: _named(core, branch) for key, branch in tree.items()}
    return tree


# Signatures


@dataclass(frozen=True)
class Parameter:
    name: str
    kinds: tuple[str, ...]  # what may stand there: "array", "int", "Sequence[int]", "None", ...
    required: bool
    where: str  # "position", "either", "name" or "many"


def documented(function: Any) -> list[list[Parameter]]:
    """The signatures (there may be several) in the docstring of a function of ``mlx.core``."""
    found = []
    for line in (function.__doc__ or "").strip().splitlines():
        start = line.find("(")
        if start < 0 or not line[:start].isidentifier():
            break
        try:
            node = ast.parse(f"def f{line[start:]}: ...").body[0]
        except SyntaxError:
            break
        assert isinstance(node, ast.FunctionDef)
        found.append(_parameters(node.args))
    return found


def _parameters(args: ast.arguments) -> list[Parameter]:
    found = []
    positional = [*args.posonlyargs, *args.args]
    needed = len(positional) - len(args.defaults)
    for i, arg in enumerate(positional):
        where = "position" if i < len(args.posonlyargs) else "either"
        found.append(Parameter(arg.arg, _kinds(arg.annotation), i < needed, where))
    if args.vararg:
        found.append(Parameter(args.vararg.arg, _kinds(args.vararg.annotation), True, "many"))
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        found.append(Parameter(arg.arg, _kinds(arg.annotation), default is None, "name"))
    return [p for p in found if p.name != "stream"]


def _kinds(annotation: ast.expr | None) -> tuple[str, ...]:
    if annotation is None:
        return ("array",)
    if isinstance(annotation, ast.BinOp):
        return (*_kinds(annotation.left), *_kinds(annotation.right))
    text = ast.unparse(annotation).replace("mlx.core.", "").replace("collections.abc.", "")
    return (text,)


def python_signature(function: Any) -> list[list[Parameter]]:
    """The signature of a function or class written in Python."""
    found = []
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.VAR_KEYWORD:
            continue
        where = {p.VAR_POSITIONAL: "many", p.KEYWORD_ONLY: "name"}.get(p.kind, "either")
        kinds = _python_kinds(p.annotation) if p.annotation is not p.empty else _guessed(p)
        found.append(Parameter(p.name, kinds, p.default is p.empty, where))
    return [found]


def _python_kinds(annotation: Any) -> tuple[str, ...]:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return ("None",)
    if origin in (typing.Union, types.UnionType):
        return tuple(kind for part in parts for kind in _python_kinds(part))
    if origin is typing.Literal:
        return (f"Literal[{', '.join(map(repr, parts))}]",)
    if origin in (list, tuple) and set(parts) <= {float}:
        return ("floats",)
    if origin is collections.abc.Callable or annotation is typing.Callable:
        return ("callable",)
    if annotation is Any:
        return ("tree",)
    return (getattr(annotation, "__name__", str(annotation)),)


def _guessed(p: inspect.Parameter) -> tuple[str, ...]:
    """What a parameter without an annotation takes: the type of its default, or an array."""
    if p.default is p.empty:
        return ("tree",) if p.name.startswith(("tree", "grads")) else ("array",)
    # A function that MLX has compiled is of a type of its own.
    return ("callable" if p.default is None or callable(p.default) else type(p.default).__name__,)


def names(stack: Stack) -> list[str]:
    """Every public function and class of the modules of ``stack``, walked."""
    core = {"core": stack.core, **{f"core.{m}": getattr(stack.core, m) for m in PARTS}}
    others = {"nn": stack.nn, "nn.losses": stack.nn.losses, "nn.init": stack.nn.init}
    others |= {"optim": stack.optim, "utils": stack.utils}
    found = []
    for path, module in core.items():
        for name in sorted(dir(module)):
            value = getattr(module, name)
            if not name.startswith("_") and callable(value) and not isinstance(value, type):
                found.append(f"{path}.{name}")
    for path, module in others.items():
        for name in sorted(dir(module)):
            value = getattr(module, name)
            where = getattr(value, "__module__", None) or module.__name__
            own = where.startswith((module.__name__, "mlx.core"))
            if not name.startswith("_") and callable(value) and own:
                found.append(f"{path}.{name}")
    return found


PARTS = ("linalg", "fft", "random", "fast")


def signatures(stack: Stack, path: str) -> list[list[Parameter]]:
    """The signatures of a function of MLX.

    Raises:
        NotDrawn: nobody says what it takes.
    """
    function = resolve(stack, path)
    found = documented(function) if path.startswith("core") else python_signature(function)
    if not found:
        raise NotDrawn("no signature in its documentation")
    return found


# Drawing


class NotDrawn(Exception):
    """A parameter of a kind for which there is no strategy."""


STRINGS = {
    "mode": ["constant", "edge", "reflect", "affine", "full", "same", "valid", "nonsense"],
    "norm": ["backward", "ortho", "forward", "nonsense"],
    "UPLO": ["L", "U", "X"],
    "side": ["left", "right", "nonsense"],
    "indexing": ["xy", "ij", "nonsense"],
    "ord": ["fro", "nuc", "nonsense"],
    "pad_mode": ["constant", "edge", "reflect"],
    "reduction": ["none", "mean", "sum", "nonsense"],
    "approx": ["none", "precise", "tanh", "fast", "nonsense"],
    "kind": ["integral", "real floating", "bool", "nonsense"],
    "subscripts": (
        "i-> ij->ji ij,jk->ik ij,jk ...i->... ii->i ij,ij-> i,j->ij bij,bjk->bik i->j ij "
        "...,...->... ij,kl-> a...b->b...a ijk,ik->j i...j...->"
    ).split(),
}
CONVOLUTIONS: dict[str, tuple[int, ...]] = {
    "input": (),
    "weight": (),
    "stride": (1, 1, 2, 3, 0),
    "padding": (0, 0, 1, 2),
    "dilation": (1, 1, 2, 0),
    "kernel_dilation": (1, 1, 2, 0),
    "input_dilation": (1, 1, 2, 0),
    "output_padding": (0, 0, 1, 2),
    "groups": (1, 1, 1, 2),
}
SCALARS = [0, 1, -1, 2, 3, 0.5, -1.5, 0.0, 2.0, True, False]


@dataclass
class Drawer:
    """Draws the arguments of one call; what is drawn first guides what comes later."""

    draw: Callable[[Any], Any]
    function: str
    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    dims: int = 2  # of a convolution
    earlier: list[Array] = field(default_factory=list)

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) < percent

    def call(self, signature: list[Parameter]) -> Call:
        """A call that follows the signature, most of the time."""
        ndim = self.one_of(0, 1, 1, 2, 2, 2, 3, 3, 4)
        sizes = st.sampled_from([0, 1, 1, 2, 2, 2, 3, 3, 4, 5])
        self.shape = tuple(self.draw(sizes) for _ in range(ndim))
        if self.function.startswith(("nn", "optim")):  # MLX hangs in means of nothing
            self.shape = tuple(max(n, 1) for n in self.shape) or (2,)
        if self.function.startswith("core.linalg") and ndim > 1 and self.chance(80):
            self.shape = (*self.shape[:-2], self.shape[-1], self.shape[-1])
        real = self.function.startswith(("nn", "optim"))
        floats = FLOATS[:4] if real else FLOATS
        self.dtype = self.one_of(*floats) if real or self.chance(70) else self.one_of(*DTYPES)
        call = Call(self.function)
        in_order = True
        for p in signature:
            if p.where == "many":
                call.args += [self.value(p) for _ in range(self.one_of(0, 1, 2, 2, 3))]
                in_order = False
            elif not p.required and self.chance(55):
                in_order = False
            elif p.where == "name" or not in_order or (p.where == "either" and self.chance(30)):
                call.kwargs[p.name] = self.value(p)
                in_order = False
            else:
                call.args.append(self.value(p))
        maker = self.function.rpartition(".")[2][:1].isupper() or "nn.init" in self.function
        if maker or self.function.endswith(("_decay", "_schedule")):
            call.then = self.array("x")
            channels = call.args[0] if call.args else call.kwargs.get("in_channels", 2)
            if self.spatial() and self.chance(85):
                sizes = [self.one_of(5, 6, 7) for _ in range(self.spatial())]
                last = channels if isinstance(channels, int) and channels > 0 else 2
                call.then = Array(self.dtype, (self.one_of(1, 2, 3), *sizes, last), 7)
        return call

    def spatial(self) -> int:
        """The number of spatial axes of a layer for pictures; 0 for others."""
        name = self.function.rpartition(".")[2]
        layer = name.startswith(("Conv", "MaxPool", "AvgPool")) and name.endswith("d")
        return int(name[-2]) if layer else 0

    def value(self, p: Parameter) -> Any:
        kinds = [k for k in p.kinds if k not in ("None", "callable")]
        if not kinds and p.required:
            raise NotDrawn(f"{p.name}: {' | '.join(p.kinds)}")
        if not kinds or ("None" in p.kinds and self.chance(20)):
            return None
        if "array" in kinds and "scalar" in kinds:
            kinds = ["array"] if self.chance(75) else ["scalar"]
        kind = self.one_of(*kinds)
        if p.name in CONVOLUTIONS and self.is_convolution():
            return self.convolved_by(p.name, kind)
        if kind in ("array", "mx.array", "ArrayLike"):
            return self.array(p.name)
        if kind == "scalar":
            return self.one_of(*SCALARS)
        if kind == "int" and p.name.endswith(("dims", "features", "size")) and self.chance(75):
            return self.shape[-1] if self.shape else 1
        if kind == "int":
            return self.axis() if self.is_axis(p.name) else self.one_of(0, 1, 1, 2, 2, 3, -1, 4)
        if kind == "float":
            return self.one_of(0.0, 1.0, 0.5, 2.0, 1e-5, -1.0)
        if kind == "bool":
            return self.one_of(True, False)
        if kind == "str":
            if p.name not in STRINGS:
                raise NotDrawn(f"{p.name}: str")
            return self.one_of(*STRINGS[p.name])
        if kind.startswith("Literal["):
            return self.one_of(*ast.literal_eval(f"[{kind[8:-1]}]"), "nonsense")
        if kind == "Dtype":
            return Named(self.one_of(*DTYPES))
        if kind in ("list[array]", "Sequence[array]", "List[array]"):
            return [self.array(p.name) for _ in range(self.one_of(1, 2, 2, 3))]
        if kind in ("Sequence[int]", "list[int]", "tuple[int]", "tuple[int, ...]", "List[int]"):
            return self.integers(p.name)
        if kind in ("tuple", "Tuple") or (kind.lower().startswith("tuple") and self.spatial()):
            return tuple(self.one_of(1, 2, 2, 3) for _ in range(self.spatial() or 2))
        if kind in ("tuple[int, int]", "Tuple[int, int]"):
            return (self.one_of(0, 1, 2), self.one_of(0, 1, 2))
        if kind == "list[tuple[int, int]]":
            return [(self.one_of(0, 1, 2), self.one_of(0, 1, 2)) for _ in self.shape]
        if kind in ("list[Sequence[int]]", "Sequence[Sequence[int]]"):
            count = self.one_of(0, 1, 2)
            return [[self.axis() for _ in range(count)] for _ in range(2)]
        if kind == "floats":
            return [self.one_of(0.0, 0.5, 0.9, 0.999) for _ in range(2)]
        if kind == "tree":
            leaf = [self.array(p.name) for _ in range(2)]
            return self.one_of(
                leaf[0], leaf, {"a": leaf[0], "b": [leaf[1], {}]}, ({"c": leaf[0]},), []
            )
        if kind == "Sequence":
            return self.one_of([1, 2], [[1.5, 2], [3, 4]], [], [True], [[1], [2, 3]])
        raise NotDrawn(f"{p.name}: {kind}")

    def is_convolution(self) -> bool:
        return self.function.startswith("core.conv") and not self.function.endswith("convolve")

    def convolved_by(self, name: str, kind: str) -> Any:
        """Arguments of a convolution that fit together, mostly. MLX does not survive empty arrays,
        and takes negative padding and dilated kernels larger than the input for something else."""
        if not self.earlier:
            last = self.function[-2]
            self.dims = int(last) if last.isdigit() else self.one_of(1, 2, 2, 3)
        dims = self.dims if self.chance(95) else self.one_of(0, 1, 2, 3)
        if name in ("input", "weight"):
            sizes = (5, 5, 6, 7) if name == "input" else (1, 2, 3, 3)
            shape = [self.one_of(*sizes) for _ in range(dims)]
            shape = [self.one_of(1, 2, 3, 4), *shape, self.one_of(4, 4, 4, 2)]
            seed, layout = self.draw(st.integers(0, 50)), self.one_of(*LAYOUTS)
            return self.keep(Array(self.dtype, tuple(shape), seed, layout))
        if kind == "int":
            return self.one_of(*CONVOLUTIONS[name])
        numbers = [self.one_of(*CONVOLUTIONS[name]) for _ in range(2 * dims)]
        two_sided = kind.startswith(("tuple[Seq", "tuple[collections"))
        return (numbers[:dims], numbers[dims:]) if two_sided else tuple(numbers[:dims])

    def is_axis(self, name: str) -> bool:
        return "ax" in name or name in ("source", "destination", "dim")

    def axis(self) -> int:
        ndim = len(self.shape)
        inside = [*range(-ndim, ndim)] or [0]
        return self.one_of(*inside) if self.chance(85) else self.one_of(ndim, -ndim - 1, ndim + 2)

    def integers(self, name: str) -> list[int]:
        if self.is_axis(name):
            if self.chance(50):
                return list(self.draw(st.permutations(range(len(self.shape)))))
            return [self.axis() for _ in range(self.one_of(0, 1, 1, 2, 3))]
        if self.chance(50):
            return list(self.draw(st.permutations(self.shape)))
        if self.chance(30) and name == "shape":
            return [self.one_of(1, 2, 3), *self.shape]
        return [self.one_of(0, 1, 1, 2, 2, 3, -1) for _ in range(self.one_of(0, 1, 2, 2, 3))]

    def array(self, name: str) -> Array:
        seed = self.draw(st.integers(0, 50))
        if "indices" in name or name in ("segments", "targets"):
            if 0 in self.shape or not self.shape:
                high = 0
            else:
                high = min(self.shape) - 1
            shape = self.shape if self.chance(70) else tuple(self.one_of(1, 2, 3) for _ in range(1))
            dtype = self.one_of("int32", "uint32", "int64")
            return self.keep(Array(dtype, shape, seed, "contiguous", 0, high))
        if name == "key":
            return self.keep(Array("uint32", (2,), seed, "contiguous", 0, 99))
        if self.earlier and self.chance(15):
            return self.keep(self.earlier[0])
        shape, dtype = self.shape, self.dtype
        if self.earlier:
            relation = self.one_of("same", "same", "broadcast", "matrix", "matrix", "other")
            if relation == "broadcast":
                cut = self.one_of(*range(len(shape) + 1))
                shape = tuple(1 if self.chance(25) else n for n in shape[cut:])
            elif relation == "matrix" and len(shape) > 1:
                shape = (*shape[:-2], shape[-1], self.one_of(1, 2, shape[-2]))
            elif relation == "other":
                shape = tuple(self.one_of(0, 1, 2, 3) for _ in range(self.one_of(0, 1, 2, 3)))
            if self.chance(25):
                dtype = self.one_of(*DTYPES)
        layout = self.one_of(*LAYOUTS)
        return self.keep(Array(dtype, shape, seed, layout, special=self.chance(8)))

    def keep(self, array: Array) -> Array:
        self.earlier.append(array)
        return array


# Running

MODES = ["plain", "plain", "vjp", "jvp", "vmap", "compile", "shapeless"]


def resolve(stack: Stack, path: str) -> Any:
    found: Any = stack
    for part in path.split("."):
        found = getattr(found, part)
    return found


def outcome(run: Callable[[], Any]) -> Any:
    """What a call returns, as data, or the kind of error and its text."""
    try:
        return plain(run())
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other stack must raise it too
        return Raised(type(error).__name__, str(error))


def uncompiled(mlx: Stack, run: Callable[[], Any]) -> Any:
    """The outcome without compilation.

    MLX compiles its activation functions ``shapeless``, and some then crash for a second shape.
    """
    mlx.core.disable_compile()
    try:
        return outcome(run)
    finally:
        mlx.core.enable_compile()


@dataclass(frozen=True)
class Raised:
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:160]}"


def run(stack: Stack, call: Call, mode: str) -> Any:
    """The call in a mode, on a stack."""
    core = stack.core
    core.random.seed(3)
    function = resolve(stack, call.function)
    made: dict[Array, Any] = {}

    def array(a: Array) -> Any:  # equal descriptions are the same object
        if a not in made:
            made[a] = a.on(core)
        return made[a]

    args, kwargs = _named(core, call.args), _named(core, call.kwargs)

    def of_arrays(*xs: Any) -> Any:
        supply = iter(xs)
        filled = _map(lambda a: next(supply), [args, kwargs])
        result = function(*filled[0], **filled[1])
        return result if call.then is None else applied(result, next(supply))

    arrays = [array(a) for a in call.arrays()]
    if mode == "plain":
        return of_arrays(*arrays)
    if mode == "compile":
        return core.compile(of_arrays)(*arrays)
    if mode == "shapeless":  # first for other shapes, if the function takes them
        compiled = core.compile(of_arrays, shapeless=True)
        longer = [core.concatenate([x, x]) if x.ndim else x for x in arrays]
        with contextlib.suppress(Exception):
            core.eval(compiled(*longer))
        core.random.seed(3)
        return compiled(*arrays)
    if mode in ("vmap", "loop"):
        pairs = [(x, x[..., ::-1] if x.ndim else x) for x in arrays]
        if mode == "loop":
            return each(core, [seeded(core, of_arrays)(*(p[i] for p in pairs)) for i in range(2)])
        stacked = [core.stack(list(pair), axis=pair[0].ndim // 2) for pair in pairs]
        return core.vmap(of_arrays, in_axes=tuple(x.ndim // 2 for x in arrays))(*stacked)
    chosen = [i for i, x in enumerate(arrays) if core.issubdtype(x.dtype, core.inexact)]

    def differentiated(*xs: Any) -> list[Any]:
        full = list(arrays)
        for i, x in zip(chosen, xs):
            full[i] = x
        return inexact(core, of_arrays(*full))

    primals = [arrays[i] for i in chosen]
    if mode == "jvp":
        return core.jvp(differentiated, primals, [weights(core, x) for x in primals])
    outputs = differentiated(*primals)
    return core.vjp(differentiated, primals, [weights(core, y) for y in outputs])


def seeded(core: ModuleType, function: Any) -> Any:
    """The function, whose draws are the same in every call: as for the examples of one ``vmap``."""

    def seeded_function(*xs: Any) -> Any:
        core.random.seed(3)
        return function(*xs)

    return seeded_function


def applied(made: Any, x: Any) -> Any:
    """What a layer or an initializer makes of an array, or an optimizer in two steps."""
    if hasattr(made, "apply_gradients"):
        first = made.apply_gradients({"w": x, "v": [x * 2]}, {"w": x + 1, "v": [x]})
        return [first, made.apply_gradients({"w": x, "v": [x * 2]}, first)]
    return made(x)


def each(core: ModuleType, results: list[Any]) -> Any:
    """The results of several examples as one, as ``vmap`` returns them."""
    if isinstance(results[0], (list, tuple)):
        return [each(core, list(parts)) for parts in zip(*results)]
    return core.stack([core.array(y) for y in results])


def inexact(core: ModuleType, result: Any) -> list[Any]:
    """The floating-point arrays of a result."""
    parts = result if isinstance(result, (list, tuple)) else [result]
    found = []
    for x in parts:
        if type(x).__name__ == "array" and core.issubdtype(x.dtype, core.inexact):
            found.append(x)
    return found


def weights(core: ModuleType, x: Any) -> Any:
    """Numbers from -1 to 1 of the shape and dtype of ``x``, to weigh outputs and directions."""
    return ((core.arange(x.size) % 5).reshape(x.shape) / 2 - 1).astype(x.dtype)


#: Their results are right in any order: the numbers before and after a place of a partition.
ANY_ORDER = {"core.partition", "core.argpartition", "core.topk"}


def leaves(result: Any) -> list[Any]:
    if isinstance(result, dict):
        result = list(result.values())
    return [x for part in result for x in leaves(part)] if type(result) is list else [result]


def finite(result: Any) -> bool:
    if isinstance(result, list):
        return all(finite(part) for part in result)
    return bool(np.all(np.isfinite(result.numbers)))


def in_order(result: Any) -> Any:
    """The numbers of a result, sorted."""
    if isinstance(result, list):
        return [in_order(part) for part in result]
    return result._replace(numbers=np.sort(result.numbers, axis=None))


def compare(mlx: Stack, tiny: Stack, call: Call, mode: str) -> str | None:
    """What differs, or ``None``."""
    if mode != "plain":  # a transform of what is refused is not worth a look
        result = uncompiled(mlx, lambda: run(mlx, call, "plain"))
        if not all(isinstance(x, Plain) for x in leaves(result)):  # refused, or no array
            return None
        if mode in ("vjp", "jvp") and not any(
            a.dtype in ("float32", "float16", "bfloat16", "complex64") for a in call.arrays()
        ):
            return None
        if mode == "vmap" and not call.arrays():
            return None
        if any(a.special for a in call.arrays()):
            return None
    known = {"compile": "plain", "shapeless": "plain", "vmap": "loop"}
    theirs = uncompiled(mlx, lambda: run(mlx, call, known.get(mode, mode)))
    mine = outcome(lambda: run(tiny, call, mode))
    if isinstance(theirs, Raised):
        if mode != "plain":
            return None  # more than MLX can do; its value is tested elsewhere
        if "incompatible function arguments" in theirs.text:
            return None  # drawn as its documentation says, and refused all the same
        if not isinstance(mine, Raised):
            return f"returns {mine}, MLX raises {theirs}"
        if mine.kind != theirs.kind:
            return f"raises {mine}, MLX raises {theirs}"
        clear = len(mine.text) > 10 or not theirs.text
        return None if clear else f"raises {mine}, which is no sentence"
    if isinstance(mine, Raised):
        return f"raises {mine}, MLX returns {theirs}"
    if mode in ("vjp", "jvp") and not finite(theirs):
        return None  # where a value or a slope is infinite, what is finite elsewhere may differ
    if call.function in ANY_ORDER:
        mine, theirs = in_order(mine), in_order(theirs)
    try:
        assert_equal(mine, theirs, ulps=64 if mode == "plain" else 512)
    except AssertionError as error:
        return f"{error}: {mine}, MLX {theirs}"
    return None
