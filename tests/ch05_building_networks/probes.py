"""What the graders of chapter 5 run of the student's code.

Trees arrive as plain data. What plain data cannot say is written as a dict with one key, see
`built`: ``{"tuple": [1, 2]}``, ``{"Pair": [1, 2]}`` (a named tuple), ``{"Module": {...}}``. Results
go back in the same words, see `shown`, so that a list in the place of a tuple is seen.
"""

import os
import tempfile
from contextlib import contextmanager
from typing import Any, NamedTuple

import mlx.core as mx

from course.grading import meter
from tinymlx import core, nn, optimizers, utils
from tinymlx.core import array as to_array
from tinymlx.nn import init, weights
from tinymlx.nn.layers.dropout import channels_dropped as dropped_channels
from tinymlx.nn.layers.normalization.layer_norm import layer_norm as normalized
from tinymlx.nn.module import replace_arrays
from tinymlx.training import Batches, Trainer

__all__ = ["to_array"]


class Pair(NamedTuple):
    left: Any
    right: Any


class Part(nn.Module):
    """A module that does nothing."""

    def __call__(self, x):
        return x


def built(tree):
    """Lists, dicts, tuples and modules of plain data."""
    if isinstance(tree, list):
        return [built(branch) for branch in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((kind, inside),) = tree.items()
        if kind == "tuple":
            return tuple(built(inside))
        if kind == "Pair":
            return Pair(*built(inside))
        if kind == "Module":
            module = Part()
            for name, value in inside.items():
                # Past __setattr__, which is an exercise of its own.
                dict.__setitem__(module, name, built(value))
            return module
    return {key: built(branch) for key, branch in tree.items()}


def shown(tree):
    """The inverse of `built`; a dict that is neither plain nor a module shows its type."""
    if isinstance(tree, Pair):
        return {"Pair": [shown(branch) for branch in tree]}
    if isinstance(tree, tuple):
        return {"tuple": [shown(branch) for branch in tree]}
    if isinstance(tree, list):
        return [shown(branch) for branch in tree]
    if isinstance(tree, nn.Module):
        return {"Module": {key: shown(branch) for key, branch in tree.items()}}
    if isinstance(tree, dict):
        return {str(key): shown(branch) for key, branch in tree.items()}
    return tree


# 5.1 to 5.5: trees

FUNCTIONS: dict[str, Any] = {
    "negative": lambda x: -x,
    "shape": lambda x: str(x.shape),
    "name": lambda x: f"<{x}>",
    "size": len,
    "joined": lambda *xs: " ".join(map(str, xs)),
    "weighted": lambda x, y: 10 * x + y,
}

LEAVES: dict[str, Any] = {
    "none": None,
    "tuples": lambda x: isinstance(x, tuple),
    "short lists": lambda x: isinstance(x, list) and len(x) < 3,
    "dicts with a name": lambda x: isinstance(x, dict) and "name" in x,
    "everything": lambda x: True,
}


def tree_map(tree, rest, function, is_leaf):
    """The result, which values the function saw, and the tree afterwards."""
    seen = []

    def fn(*values):
        seen.append([shown(v) for v in values])
        return FUNCTIONS[function](*values)

    given = built(tree)
    result = utils.tree_map(fn, given, *map(built, rest), is_leaf=LEAVES[is_leaf])
    return {"result": shown(result), "calls": seen, "the tree afterwards": shown(given)}


def tree_flatten(tree, options, is_leaf):
    pairs = utils.tree_flatten(built(tree), is_leaf=LEAVES[is_leaf], **options)
    return {"pairs": [[path, shown(value)] for path, value in pairs]}


def flattened_into(tree, destination):
    """Into a list or dict that has something in it already, or nothing, and twice."""
    given = built(tree)
    found = utils.tree_flatten(given, destination=destination)
    first, second = len(utils.tree_flatten(given)), len(utils.tree_flatten(given))
    return {
        "destination": shown(destination),
        "returned": found is destination,
        "a second call begins with nothing": first == second,
    }


def flattened_into_something_else(tree):
    return {"pairs": utils.tree_flatten(tree, destination=3)}


def tree_unflatten(pairs, as_dict):
    items = [(path, value) for path, value in pairs]
    return {"tree": shown(utils.tree_unflatten(dict(items) if as_dict else items))}


def there_and_back(tree):
    return {"tree": shown(utils.tree_unflatten(utils.tree_flatten(built(tree))))}


FOLDS: dict[str, Any] = {
    "joined": lambda a, x: f"({a} {x})",
    "counted": lambda n, _: n + 1,
    "squares": lambda total, x: total + (x * x).sum(),
    "sizes": lambda n, x: n + (len(x) if isinstance(x, list) else 1000),
}


def tree_reduce(tree, function, initializer, is_leaf):
    found = utils.tree_reduce(FOLDS[function], built(tree), initializer, is_leaf=LEAVES[is_leaf])
    return {"value": found}


def tree_reduce_from_the_first(tree, function):
    return {"value": utils.tree_reduce(FOLDS[function], built(tree))}


MERGES: dict[str, Any] = {
    "none": None,
    "both": lambda a, b: f"{a} then {b}",
    "difference": lambda a, b: a - b,
}


def tree_merge(a, b, merge):
    a, b = built(a), built(b)
    before = [shown(a), shown(b)]
    merged = utils.tree_merge(a, b, MERGES[merge])
    keys = list(merged) if isinstance(merged, dict) else []
    return {
        "merged": shown(merged),
        "keys in order": keys,
        "both as they were": [shown(a), shown(b)] == before,
    }


# 5.6: a module is a dict


class Scaled(nn.Module):
    """It has a property with a setter, as a subclass may."""

    @property
    def scale(self):
        return self._scale

    @scale.setter
    def scale(self, value):
        self._scale = 2 * value


VALUES: dict[str, Any] = {
    "array": lambda: core.array([1.0, 2.0]),
    "list": lambda: [nn.Identity()],
    "empty list": list,
    "dict": lambda: {"a": core.array([1.0])},
    "tuple": lambda: (core.array([1.0]), 2),
    "module": nn.Identity,
    "number": lambda: 3,
    "text": lambda: "relu",
    "function": lambda: len,
    "none": lambda: None,
}


def assignments(steps):
    """After each step: is the name in the dict, is it beside it, is it what was assigned?"""
    module, found = Part(), []
    for name, kind in steps:
        value = VALUES[kind]()
        setattr(module, name, value)
        found.append(
            {
                "assigned": f"{name} = {kind}",
                "in the dict": name in module,
                "beside it": name in vars(module),
                "read again": getattr(module, name, "nothing") is value,
                "the same by its key": module.get(name) is value,
            }
        )
    return {"steps": found, "keys": list(module.keys())}


def a_new_module():
    """What the base class itself keeps, and a property of a subclass."""
    module = Scaled()
    module.scale = 4
    return {
        "keys": list(module),
        "training": module.training,
        "frozen": sorted(module._no_grad),
        "property": module.scale,
        "length": len(module),
    }


def without_init(x):
    """A subclass that forgets super().__init__() still holds its weights."""

    class Forgetful(nn.Module):
        def __init__(self):
            self.weight = core.array([2.0, 3.0])
            self.inner = nn.Identity()

        def __call__(self, x):
            return self.inner(x * self.weight)

    module = Forgetful()
    return {"y": module(x), "keys": sorted(module)}


def programs_rely_on(w, b):
    """What programs say about a layer."""
    layer = Part()
    layer.weight = w
    layer.bias = b
    found = {
        '"bias" in layer': "bias" in layer,
        'layer["weight"]': layer["weight"],
        "layer.weight": layer.weight,
        "the same object": layer["weight"] is layer.weight,
    }
    layer.bias = None
    found |= {"bias is None": layer.bias is None, '"bias" in layer, now': "bias" in layer}
    del layer.weight
    return found | {"after del": "weight" in layer, "still there": hasattr(layer, "weight")}


def list_edits(x):
    """A list belongs to the module: appending to it is enough."""
    model = Part()
    model.layers = []
    model.layers.append(x)
    model.layers.append(2 * x)
    model.layers.pop(0)
    return {"layers": model["layers"], "same": model.layers is model["layers"]}


# 5.7: a part of the tree


def frozen(model, names):
    """The names "path.key" frozen, without the exercise on freezing."""
    for path, module in model.named_modules():
        module._no_grad = {
            name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == path
        }
    return model


def parts(tree, names):
    """Parameters, trainable ones, children and leaf modules."""
    model = frozen(built(tree), names)
    name = lambda module: f"Module of {' '.join(module)}"  # noqa: E731
    find = lambda found: utils.tree_map(name, found, is_leaf=nn.Module.is_module)  # noqa: E731
    return {
        "parameters": shown(model.parameters()),
        "trainable": shown(model.trainable_parameters()),
        "children": shown(find(model.children())),
        "leaf modules": shown(find(model.leaf_modules())),
        "the list is a copy": [
            model.parameters()[k] is not model[k] for k in model.parameters() if k == "layers"
        ],
    }


def filtered(tree, what):
    """What the filter is asked (module, key, kind of value), and what comes out."""
    model, asked = built(tree), []

    def keep(module, key, value):
        asked.append([" ".join(module), key, type(value).__name__])
        return {
            "all": True,
            "no b": not key.endswith("b"),
            "not the second": not key.endswith(".1"),
        }[what]

    found = model.filter_and_map(
        keep, lambda value: f"leaf {value}" if isinstance(value, (int, str)) else "array"
    )
    return {"found": shown(found), "asked": asked}


def stopped_early(tree):
    """The leaves are what `is_leaf_fn` says: here, lists."""
    model = built(tree)
    asked = []

    def is_leaf(module, key, value):
        asked.append([" ".join(module), key, type(value).__name__])
        return not isinstance(value, dict)

    found = model.filter_and_map(
        lambda m, k, v: True, lambda v: len(v) if isinstance(v, list) else "array", is_leaf
    )
    return {"found": shown(found), "asked": sorted(asked)}


def without_leaves(tree, endless):
    model = built(tree)
    found = model.filter_and_map(
        lambda m, k, v: True, None, (lambda m, k, v: False) if endless else None
    )
    return {"found": shown(found)}


# 5.8: new arrays for old


def updated(tree, parameters, strict):
    """What the module holds afterwards, and what of it is still the very same object."""
    model, given = built(tree), built(parameters)
    before = dict(utils.tree_flatten(model, is_leaf=None))
    boxes = [id(box) for box in containers(model)]
    answer = model.update(given, strict=strict)
    after = utils.tree_flatten(model)
    return {
        "model": shown(model),
        "returns itself": answer is model,
        "unchanged": [path for path, value in after if before.get(path) is value],
        "modules and lists are the same objects": boxes == [id(box) for box in containers(model)],
    }


def containers(tree):
    if isinstance(tree, (dict, list)):
        yield tree
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from containers(branch)


def replaced(w, new):
    """The helper on a list and on a dict, which modules may hold."""
    inner, tree = Part(), [w, {"a": w}]
    inner["w"] = w
    replace_arrays(tree, [new, {"a": new}], True)
    replace_arrays(inner, {"w": new}, True)
    return {"tree": tree, "module": shown(inner), "the very array": tree[0] is new}


def updated_twice_held(w, new):
    """One module at two places: what is put in at one is seen at the other."""
    inner = Part()
    inner["w"] = w
    model = Part()
    model["first"], model["second"] = inner, [inner]
    model.update({"first": {"w": new}})
    return {"second": model["second"][0]["w"], "still one": model["first"] is model["second"][0]}


# 5.9: frozen


def network(w):
    """Linear layers in a list, a norm, an array of the model's own."""
    model = Part()
    model["scale"] = w
    model["arrays"] = [w, w]
    model["layers"] = [nn.Linear(3, 2), nn.BatchNorm(2), {"deep": nn.Linear(2, 1)}]
    model["_private"] = w
    return model


def free(model):
    return [path for path, _ in utils.tree_flatten(model.trainable_parameters())]


def freezing(w, steps):
    """After each call of freeze or unfreeze, the names that are trainable."""
    model, found = network(w), []
    for method, where, options in steps:
        target = dict(model.named_modules())[where]
        answer = getattr(target, method)(**options)
        found.append({"itself": answer is target, "trainable": free(model)})
    return {"steps": found}


def frozen_gradients(w, x):
    """A frozen layer gets no gradient; the layer below it does."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1, bias=False))
    model.layers[0].weight = w
    itself = model.layers[1].freeze() is model.layers[1]
    step = nn.value_and_grad(model, lambda x: (model(x) ** 2).sum())
    _, gradients = step(x)
    return {
        "itself": itself,
        "gradients of": [path for path, _ in utils.tree_flatten(gradients)],
        "structure": shown(utils.tree_map(lambda g: list(g.shape) == [] or "array", gradients)),
    }


# 5.10: weights from a file


def checked(own, new):
    """Nothing, if everything fits."""
    return {"answer": weights.check(own, new)}


def complaint(own, new):
    """The message of the error."""
    try:
        weights.check(own, new)
    except ValueError as error:
        return {"message": str(error)}
    return {"message": "(no error)"}


def through_a_file(w, b, ending):
    """Saved, loaded into another model, and loaded into one that it does not fit."""
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    first.weight, first.bias = w, b
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, f"weights.{ending}")
        first.save_weights(file)
        second.load_weights(file)
        found = {"weight": second.weight, "bias": second.bias}
        other, wide = nn.Linear(3, 2, bias=False), nn.Linear(4, 2)
        before = [other.weight, wide.weight]
        for name, model in (("without bias", other), ("wider", wide)):
            try:
                model.load_weights(file)
            except ValueError as error:
                found[name] = str(error)
        found["unchanged"] = [a is m.weight for a, m in zip(before, (other, wide), strict=True)]
        other.load_weights(file, strict=False)
        found["not strict"] = other.weight
        found["keys"] = list(other.keys())
    return found


# 5.11: how large to begin


def fans(shapes):
    return {str(shape): list(init.fans(core.zeros(tuple(shape)))) for shape in shapes}


def spread(shape, seed):
    """The spread of numbers drawn by each initializer that counts terms."""
    core.random.seed(seed)
    a = core.zeros(tuple(shape))
    makers = {
        "glorot normal": lambda: init.glorot_normal()(a),
        "glorot uniform": lambda: init.glorot_uniform()(a, gain=2.0),
        "he normal": lambda: init.he_normal()(a, mode="fan_in", gain=2**0.5),
        "he uniform": lambda: init.he_uniform()(a, mode="fan_out"),
    }
    return {name: core.std(make()).item() for name, make in makers.items()}


def orthogonal(shape, gain, dtype, seed):
    core.random.seed(seed)
    make = init.orthogonal(gain, getattr(core, dtype))
    q = make(core.zeros(tuple(shape)))
    exact = q.astype(core.float32)
    rows, columns = q.shape
    gram = exact @ exact.T if rows < columns else exact.T @ exact
    return {"gram": gram, "shape": list(q.shape), "dtype": str(q.dtype).rpartition(".")[2]}


def orthogonal_corners(size, count, seed):
    """The numbers in a corner of many orthogonal matrices."""
    core.random.seed(seed)
    make, a = init.orthogonal(), core.zeros((size, size))
    return {"corners": core.stack([make(a)[0, 0] for _ in range(count)])}


def decomposed(size, seed):
    """The numbers that `qr` is called with, and the products of the rows of the result."""
    qr, seen = core.linalg.qr, []
    core.random.seed(seed)
    try:
        core.linalg.qr = lambda a, **options: seen.append(a) or qr(a, **options)
        q = init.orthogonal()(core.zeros((size, size)))
    finally:
        core.linalg.qr = qr
    return {"numbers": seen[-1], "gram": q @ q.T}


def orthogonal_by_two_programs(shape, seed):
    """The same random numbers, with `qr` as it is, and with one that has another habit."""
    qr, found = core.linalg.qr, {}

    def first_row_positive(a, **options):
        q, r = qr(a, **options)
        signs = core.sign(q[0])
        return q * signs, signs[:, None] * r

    try:
        for name, program in (("first", qr), ("second", first_row_positive)):
            core.linalg.qr = program
            core.random.seed(seed)
            found[name] = init.orthogonal()(core.zeros(tuple(shape)))
    finally:
        core.linalg.qr = qr
    return found


def orthogonal_of(shape):
    return {"matrix": init.orthogonal()(core.zeros(tuple(shape)))}


# 5.12: Linear maps and look-up tables


def pulled(function, arrays, cotangent):
    """The value, and what the cotangent sends to each array."""
    (y,), gradients = core.vjp(lambda *xs: [function(*xs)], arrays, [cotangent])
    return y, gradients


def linear(x, weight, bias, cotangent):
    layer = nn.Linear(*weight.shape[::-1], bias=bias is not None)

    def function(x, weight, *rest):
        layer["weight"] = weight
        if rest:
            (layer["bias"],) = rest
        return layer(x)

    arrays = [x, weight] if bias is None else [x, weight, bias]
    y, (dx, dw, *db) = pulled(function, arrays, cotangent)
    return {"y": y, "dx": dx, "dweight": dw} | ({"dbias": db[0]} if db else {})


def linear_without_its_bias(x, weight, bias):
    """A bias that is taken away, and one that is frozen to None."""
    layer = nn.Linear(*weight.shape[::-1])
    layer["weight"], layer["bias"] = weight, bias
    with_bias = layer(x)
    del layer["bias"]
    return {"with": with_bias, "without": layer(x)}


def linear_of(rows, columns, weight):
    layer = nn.Linear(*weight.shape[::-1], bias=False)
    layer["weight"] = weight
    return {"y": layer(core.ones((rows, columns)))}


def embedding(tokens, weight, cotangent):
    layer = nn.Embedding(*weight.shape)

    def function(weight):
        layer["weight"] = weight
        return layer(tokens)

    y, (dw,) = pulled(function, [weight], cotangent)
    return {"y": y, "dweight": dw}


def as_linear(x, weight, cotangent):
    layer = nn.Embedding(*weight.shape)

    def function(x, weight):
        layer["weight"] = weight
        return layer.as_linear(x)

    y, (dx, dw) = pulled(function, [x, weight], cotangent)
    return {"y": y, "dx": dx, "dweight": dw}


def tied(tokens, weight, cotangent):
    """The same table at the beginning and at the end: its two gradients add up."""
    layer = nn.Embedding(*weight.shape)

    def function(weight):
        layer["weight"] = weight
        return layer.as_linear(layer(tokens))

    y, (dw,) = pulled(function, [weight], cotangent)
    return {"scores": y, "dweight": dw}


# 5.13: leaving out at random


def dropout(x, cotangent, p, seed, training):
    """Output and gradient with one mask."""
    layer = nn.Dropout(p).train(training)
    core.random.seed(seed)
    y, (dx,) = pulled(layer, [x], cotangent)
    return {"y": y, "dx": dx}


def dropout_again_and_again(x, seed):
    """The same layer, and the same function of channels, twenty times on the same input."""
    layer = nn.Dropout(0.5)
    core.random.seed(seed)
    return {
        "elements": core.stack([layer(x) for _ in range(20)]),
        "channels": core.stack([dropped_channels(x[:, None, None], 0.5, 2) for _ in range(20)]),
    }


def dropout_does_nothing(x, p):
    """The very input, in evaluation mode and where p is 0."""
    layer = nn.Dropout(p)
    layer.eval()
    again = nn.Dropout(p).train(False).train(True)
    core.random.seed(5)
    return {
        "evaluating": layer(x) is x,
        "nothing to drop": nn.Dropout(0.0)(x) is x,
        "training again": again(x),
    }


def channels_dropped(x, cotangent, kept, axes, seed):
    core.random.seed(seed)
    y, (dx,) = pulled(lambda x: dropped_channels(x, kept, axes), [x], cotangent)
    return {"y": y, "dx": dx}


def dropout_layers(x, volume, p, seed):
    """Through the layers, in training; then the very input in evaluation."""
    flat, deep = nn.Dropout2d(p), nn.Dropout3d(p)
    core.random.seed(seed)
    found = {"2d": flat(x), "3d": deep(volume), "nothing to drop": dropped_channels(x, 1, 2)}
    same = [flat.eval()(x) is x, deep.eval()(volume) is volume]
    return found | {"evaluating": same}


# 5.14, 5.15: normalization


def layer_norm(x, weight, bias, eps, cotangent):
    arrays = [a for a in (x, weight, bias) if a is not None]

    def function(x, *rest):
        rest = list(rest)
        w = rest.pop(0) if weight is not None else None
        return normalized(x, w, rest.pop(0) if rest else None, eps)

    y, gradients = pulled(function, arrays, cotangent)
    names = [n for n, a in zip(("dx", "dweight", "dbias"), (x, weight, bias)) if a is not None]
    return {"y": y} | dict(zip(names, gradients, strict=True))


def layer_norm_in_half(x, weight, bias, eps):
    return {"y": normalized(x, weight, bias, eps)}


def layer_norm_layer(x, dims, options):
    """Through the layer: at first the weight is 1 and the bias 0."""
    layer = nn.LayerNorm(dims, **options)
    return {"y": layer(x), "parameters": sorted(layer.parameters())}


def batch_norm(x, weight, bias, cotangent, options, steps):
    """Steps in training mode with gradients, then evaluation with gradients."""
    layer = nn.BatchNorm(x[0].shape[-1], affine=weight is not None, **options)
    arrays = [] if weight is None else [weight, bias]
    names = ["dx", "dweight", "dbias"][: 1 + len(arrays)]

    def function(x, *rest):
        if rest:
            layer["weight"], layer["bias"] = rest
        return layer(x)

    found: dict[str, Any] = {}
    for mode in ("training", "evaluating"):
        layer.train(mode == "training")
        for i in range(steps):
            y, gradients = pulled(function, [x[i], *arrays], cotangent)
            found[f"{mode} {i}"] = {"y": y} | dict(zip(names, gradients, strict=True))
            if "running_mean" in layer:
                found[f"{mode} {i}, after it"] = {
                    "running mean": layer["running_mean"],
                    "running variance": layer["running_var"],
                }
    return found


def batch_norm_of(x, training):
    layer = nn.BatchNorm(x.shape[-1]).train(training)
    return {"y": layer(x)}


def batch_norm_is_alone(x):
    """In evaluation mode an example does not depend on its neighbours."""
    layer = nn.BatchNorm(x.shape[-1])
    for _ in range(3):
        layer(x * 2 + 1)
    layer.eval()
    return {"together": layer(x), "alone": core.concatenate([layer(row[None]) for row in x])}


# 5.16: the gradient of a model


def perceptron(w1, b1, w2, b2):
    model = nn.Sequential(nn.Linear(*w1.shape[::-1]), core.tanh, nn.Linear(*w2.shape[::-1]))
    first, _, last = model.layers
    first["weight"], first["bias"], last["weight"], last["bias"] = w1, b1, w2, b2
    return model


def gradients_of_a_model(x, y, w1, b1, w2, b2, names):
    """Loss and gradients of a perceptron in which some parameters are frozen."""
    model = frozen(perceptron(w1, b1, w2, b2), names)
    before = dict(utils.tree_flatten(model.parameters()))
    step = nn.value_and_grad(model, lambda x, y: core.square(model(x) - y).sum())
    value, gradients = step(x, y)
    after = utils.tree_flatten(model.parameters())
    return {
        "loss": value,
        "gradients": dict(utils.tree_flatten(gradients)),
        "its own arrays": [before[path] is value for path, value in after],
    }


def gradients_again(x, y, w1, b1, w2, b2):
    """Made once, called before and after the parameters have changed."""
    model = perceptron(w1, b1, w2, b2)
    step = nn.value_and_grad(model, lambda x, y: core.square(model(x) - y).sum())
    step(x, y)
    model.update(utils.tree_map(lambda a: 2 * a, model.parameters()))
    value, gradients = step(x, y)
    return {"loss": value, "gradients": dict(utils.tree_flatten(gradients))}


def auxiliary(x, w):
    """More than the loss, keyword arguments, the name of the function."""
    model = nn.Linear(*w.shape[::-1], bias=False)
    model["weight"] = w

    def my_loss(x, *, factor):
        y = model(x)
        return (y * y).sum() * factor, y, {"sum": y.sum()}

    step = nn.value_and_grad(model, my_loss)
    (value, y, rest), gradients = step(x, factor=3.0)
    model["weight"] = 2 * model["weight"]
    return {
        "loss": value,
        "output": y,
        "sum": rest["sum"],
        "gradient": gradients["weight"],
        "name": step.__name__,
    }


def shared_layer(x, w, b):
    """One layer at two places of a model: the gradient of each place is that of the whole."""
    layer = nn.Linear(*w.shape[::-1])
    layer["weight"], layer["bias"] = w, b
    model = nn.Sequential(layer, core.tanh, layer)
    step = nn.value_and_grad(model, lambda x: core.square(model(x)).sum())
    value, gradients = step(x)
    return {
        "loss": value,
        "dweight": gradients["layers"][2]["weight"],
        "dbias": gradients["layers"][2]["bias"],
        "still one layer": model.layers[0] is model.layers[2],
    }


def after_an_error(x, w):
    """The model has its arrays back, and can be used."""
    model = nn.Linear(*w.shape[::-1], bias=False)
    model["weight"] = w

    def loss(x, fails):
        y = model(x)
        if fails:
            raise KeyError("on purpose")
        return y.sum()

    step = nn.value_and_grad(model, loss)
    try:
        step(x, True)
    except KeyError as error:
        said = str(error)
    same = model["weight"] is w
    return {"error": said, "its own array": same, "gradient": step(x, False)[1]["weight"]}


def kept_statistics(x, w):
    """What the model keeps of the computation stays, and is not watched any more."""
    model = nn.Sequential(nn.Linear(*w.shape[::-1], bias=False), nn.BatchNorm(w.shape[0]))
    model.layers[0]["weight"] = w
    step = nn.value_and_grad(model, lambda x: (model(x) ** 3).sum())
    step(x)
    value, gradients = step(x)
    norm = model.layers[1]
    return {
        "loss": value,
        "gradient": gradients["layers"][0]["weight"],
        "running mean": norm["running_mean"],
        "running variance": norm["running_var"],
        "no gradient of": [n for n in ("running_mean", "running_var")
                           if n not in gradients["layers"][1]],
    }  # fmt: skip


def impossible_gradient(x, case):
    model = nn.Linear(3, 2)
    fine = nn.value_and_grad(model, lambda x: model(x).sum())(x)[0]
    if case == "all frozen":
        frozen(model, ["weight", "bias"])
    loss = model if case == "no scalar" else lambda x: model(x).sum()
    return {"fine": fine, "gradients": nn.value_and_grad(model, loss)(x)[1]}


class Classifier(nn.Module):
    """A small model with a layer of every kind in this chapter."""

    def __init__(self, tokens, dims, hidden, classes):
        super().__init__()
        self.embed = nn.Embedding(tokens, dims)
        self.up = nn.Linear(dims, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.batch = nn.BatchNorm(hidden)
        self.out = nn.Linear(hidden, classes, bias=False)

    def layer_by_layer(self, tokens):
        found = {"1 embed": self.embed(tokens)}
        found["2 mean over tokens"] = found["1 embed"].mean(1)
        found["3 up"] = self.up(found["2 mean over tokens"])
        found["4 norm"] = self.norm(found["3 up"])
        found["5 tanh"] = core.tanh(found["4 norm"])
        found["6 batch"] = self.batch(found["5 tanh"])
        found["7 out"] = self.out(found["6 batch"])
        return found

    def __call__(self, tokens):
        return self.layer_by_layer(tokens)["7 out"]


def whole_model(tokens, labels, parameters, sizes):
    """Layer by layer, then loss and gradients, from given weights."""
    model = Classifier(**sizes)
    model.load_weights(list(parameters.items()), strict=False)
    found = dict(model.layer_by_layer(tokens))

    def loss(tokens, labels):
        return nn.losses.cross_entropy(model(tokens), labels, reduction="mean")

    value, gradients = nn.value_and_grad(model, loss)(tokens, labels)
    flat = dict(utils.tree_flatten(gradients))
    return found | {"8 loss": value, "9 gradients": {k: flat[k] for k in sorted(flat)}}


# 5.17: one walk over the tree

OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda rate: optimizers.SGD(rate),
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "adam": lambda rate: optimizers.Adam(rate),
}

SCHEDULES: dict[str, Any] = {
    "0.1": 0.1,
    "1 / (1 + step)": lambda step: 1.0 / (1 + step),
    "step": lambda step: step * 1.0,
}


def optimizer_steps(parameters, gradients, optimizer, rate):
    """Parameters after each step, and the state."""
    opt = OPTIMIZERS[optimizer](SCHEDULES[rate])
    tree = built(parameters)
    found = {}
    for i, gradient in enumerate(gradients):
        tree = opt.apply_gradients(built(gradient), tree)
        found[f"step {i + 1}"] = shown(tree)
        found[f"step {i + 1}, count and rate"] = [opt.step.item(), opt.learning_rate.item()]
    return found


def optimizer_state(parameters, gradient, optimizer):
    """What is remembered, for which parameter."""
    opt = OPTIMIZERS[optimizer](0.1)
    updated = opt.apply_gradients(built(gradient), built(parameters))
    state = {k: v for k, v in opt.state.items() if k not in ("step", "learning_rate")}
    return {"state": shown(state), "updated": shown(updated), "step": opt.step.item()}


def two_schedules(w, gradients):
    """An optimizer in which a second number follows a schedule, too."""
    opt = optimizers.SGD(lambda step: 0.1 / (1 + step), momentum=0.5)
    opt._maybe_schedule("warmth", lambda step: 2.0 * step)
    opt._maybe_schedule("damping", lambda step: step + 5.0)
    tree, found = {"w": w}, []
    for g in gradients:
        tree = opt.apply_gradients({"w": g}, tree)
        found.append([opt.state[k].item() for k in ("learning_rate", "warmth", "damping")])
    return {"w": tree["w"], "rates": found}


def optimizer_calls(parameters, gradients):
    """How often the state is initialized, and the rule called, in some steps."""
    calls = {"init": 0, "apply_single": 0}

    class Counted(optimizers.SGD):
        def init(self, parameters):
            calls["init"] += 1
            super().init(parameters)

        def apply_single(self, gradient, parameter, state):
            calls["apply_single"] += 1
            return super().apply_single(gradient, parameter, state)

    opt, tree = Counted(0.1, momentum=0.9), built(parameters)
    for gradient in gradients:
        tree = opt.apply_gradients(built(gradient), tree)
    return {"calls": calls, "scale": tree["scale"]}


def a_part_of_the_model(w, g):
    """Gradients for some parameters only: the others are neither touched nor remembered."""
    model = nn.Sequential(nn.Linear(*w.shape[::-1]), nn.Linear(w.shape[0], 1))
    model.layers[0]["weight"] = w
    before = dict(utils.tree_flatten(model.parameters()))
    opt = optimizers.SGD(0.1, momentum=0.5)
    gradients = {"layers": [{"weight": g}, {}]}
    updated = opt.apply_gradients(gradients, model)
    opt.update(model, gradients)
    after = utils.tree_flatten(model.parameters())
    return {
        "updated": shown(updated),
        "weight": model.layers[0]["weight"],
        "untouched": [path for path, value in after if before[path] is value],
        "remembered": shown(utils.tree_map(lambda x: "array", opt.state["layers"])),
    }


def from_a_loaded_state(w, g, v):
    """A state that was saved goes on where it was; only a new one begins at zero."""
    opt = optimizers.SGD(0.1, momentum=0.5)
    opt.state = {"step": core.array(7, core.uint64), "learning_rate": core.array(0.1),
                 "w": {"v": v}}  # fmt: skip
    updated = opt.apply_gradients({"w": g}, {"w": w})
    again = opt.apply_gradients({"w": g}, updated)
    return {"first": updated["w"], "second": again["w"], "step": opt.step.item()}


def nan_in_one_place(w, g, optimizer):
    """A gradient that is not a number spoils its own parameter only."""
    opt = OPTIMIZERS[optimizer](0.1)
    tree = {"a": w, "b": [w, w]}
    updated = opt.apply_gradients({"a": g, "b": [g * float("nan"), g]}, tree)
    spoilt = core.isnan(updated["b"][0]).all().item()
    return {"a": updated["a"], "b": updated["b"][1], "spoilt": spoilt, "step": opt.step.item()}


def half_precision(w, g, optimizer, dtype):
    opt = OPTIMIZERS[optimizer](0.1)
    kind = getattr(core, dtype)
    tree = opt.apply_gradients({"w": g.astype(kind)}, {"w": w.astype(kind)})
    kinds = {k: str(v.dtype).rpartition(".")[2] for k, v in opt.state["w"].items()}
    return {"w": tree["w"].astype(core.float32), "dtype": str(tree["w"].dtype), "state": kinds}


def compiled_and_not(x, y, w1, b1, w2, b2, optimizer):
    """Three steps, eager and compiled, from the same weights."""
    found = {}
    for kind in ("eager", "compiled"):
        model = perceptron(w1, b1, w2, b2)
        opt = OPTIMIZERS[optimizer](0.01)
        loss = nn.value_and_grad(model, lambda x, y, m=model: core.square(m(x) - y).mean())

        def step(x, y, model=model, opt=opt, loss=loss):
            value, gradients = loss(x, y)
            opt.update(model, gradients)
            return value

        if kind == "compiled":
            opt.init(model.trainable_parameters())
            state = [model.state, opt.state]
            step = core.compile(step, inputs=state, outputs=state)
        losses = [step(x, y) for _ in range(3)]
        found[kind] = {"losses": losses, "weights": dict(utils.tree_flatten(model.parameters())),
                       "steps": opt.step.item()}  # fmt: skip
    return found


# 5.18: an epoch in batches


def epochs(x, y, options, count):
    """All batches of some epochs, with where the run stands while a batch is worked on."""
    batches = Batches(x, y, **options)
    found = []
    for _ in range(count):
        order = batches.order()
        handed, standing = [], []
        for pair in batches:
            handed.append([pair[0], pair[1]])
            standing.append(dict(batches.state))
        found.append({"order": order, "batches": handed, "standing": standing,
                      "after": dict(batches.state), "length": len(batches)})  # fmt: skip
    return {"epochs": found}


def one_array_alone(x, options):
    """Batches are tuples, also of one array; NumPy arrays are converted."""
    found = list(Batches(x, **options))
    return {"kinds": [type(b).__name__ for b in found], "batches": [b[0] for b in found]}


def continued(x, options, after):
    """The state is saved while a batch is worked on; another object goes on from there."""
    whole = [b[0] for b in Batches(x, **options)]
    first, second = Batches(x, **options), Batches(x, **{**options, "seed": 99})
    handed = []
    for batch in first:
        handed.append(batch[0])
        if len(handed) == after:
            second.state = first.state
            break
    handed += [b[0] for b in second]
    return {"whole": whole, "in two parts": handed, "epoch": second.epoch}


def left_early(x, options, after, raises):
    """A loop that is left, by `break` or an error; the same object goes on."""
    whole = [b[0] for b in Batches(x, **options)]
    batches, handed, standing = Batches(x, **options), [], None
    try:
        for batch in batches:
            handed.append(batch[0])
            if len(handed) == after:
                if raises:
                    raise KeyError("on purpose")
                break
    except KeyError:
        pass
    standing = dict(batches.state)
    handed += [b[0] for b in batches]
    return {"whole": whole, "handed": handed, "standing": standing, "after": batches.state}


def cost_of_an_epoch(x, batch_size):
    """How often the order is made; and for the first batch, how much memory is in use at most."""
    with mx.stream(mx.cpu):
        batches, orders = Batches(x, batch_size=batch_size), []
        order = batches.order
        batches.order = lambda: orders.append(order()) or orders[-1]
        core.eval(batches.arrays[0])
        meter.reset()
        before = mx.get_active_memory()
        (first,) = next(iter(batches))
        core.eval(first)
        half = meter.peak() - before > x.nbytes / 2
        again = Batches(x, batch_size=batch_size)
        again.order = batches.order
        orders.clear()
        for _ in again:
            pass
    return {"half of the data in use": half, "orders": len(orders), "first": first[:, 0]}


def global_random_state(x, options):
    """Numbers drawn with and without an epoch in between."""
    core.random.seed(3)
    alone = core.random.uniform(shape=(2,))
    core.random.seed(3)
    epoch = [b[0] for b in Batches(x, **options)]
    return {"the same numbers": (core.random.uniform(shape=(2,)) == alone).all().item(),
            "batches": len(epoch)}  # fmt: skip


# 5.19: train, then look


def regression(w, x, y, rate, batch_size, compile=False, dropout=0.0):
    """A linear model without bias, its trainer, and batches in the order of the data."""
    model = nn.Sequential(nn.Dropout(dropout), nn.Linear(*w.shape[::-1], bias=False))
    model.layers[1]["weight"] = w
    modes = []

    def loss(model, x, y):
        modes.append(model.layers[0].training)
        return nn.losses.mse_loss(model(x), y, reduction="mean")

    def farthest(model, x, y):
        return core.max(core.abs(model(x) - y), axis=-1).mean()

    trainer = Trainer(model, optimizers.SGD(rate), loss, metrics={"farthest": farthest},
                      compile=compile)  # fmt: skip
    return trainer, Batches(x, y, batch_size=batch_size, shuffle=False), modes


def trained(w, x, y, rate, batch_size, epochs, compile):
    """Two epochs: the mean losses, what was reported, the weights."""
    trainer, batches, modes = regression(w, x, y, rate, batch_size, compile)
    trainer.model.eval()
    found = {}
    for i in range(epochs):
        reports: list[Any] = []
        mean = trainer.train(batches, lambda seen, loss, to=reports: to.append([seen, loss]))
        found[f"epoch {i}"] = {
            "mean loss": mean,
            "reports": reports,
            "weight": trainer.model.layers[1]["weight"],
            "steps": trainer.steps,
            "left over": [trainer.total, trainer.seen],
        }
    return found | {"in training mode": all(modes), "without report": trainer.train(batches) > 0}


def epoch_continued(w, x, y, rate, batch_size, total, seen):
    """The first batches of the epoch were done before; their losses are remembered."""
    trainer, batches, _ = regression(w, x, y, rate, batch_size)
    batches.position = seen
    trainer.total, trainer.seen = total, seen
    return {"mean loss": trainer.train(batches), "weight": trainer.model.layers[1]["weight"],
            "steps": trainer.steps}  # fmt: skip


class Doubled:
    """In the place of an average of weights: while it is applied, the weight is twice its own."""

    def __init__(self, model):
        self.model = model

    @contextmanager
    def applied(self):
        layer = self.model.layers[1]
        own = layer["weight"]
        layer["weight"] = 2 * own
        try:
            yield
        finally:
            layer["weight"] = own


def evaluated_as_validation_wants(w, x, y, batch_size):
    """A model in evaluation mode, with other weights for validation, on full batches only."""
    trainer, _, _ = regression(w, x, y, 0.1, batch_size, dropout=0.5)
    trainer.average = Doubled(trainer.model)
    trainer.model.eval()
    batches = Batches(x, y, batch_size=batch_size, shuffle=False, drop_last=True)
    numbers = trainer.evaluate(batches)
    return {
        "numbers": {key: numbers[key] for key in sorted(numbers)},
        "training mode afterwards": trainer.model.training,
        "weight untouched": trainer.model.layers[1]["weight"] is w,
    }


def evaluated(w, x, y, batch_size, start):
    """Twice, from a position in the middle of an epoch; nothing changes."""
    trainer, batches, modes = regression(w, x, y, 0.1, batch_size, dropout=0.5)
    batches.position = start
    core.random.seed(4)
    first, second = trainer.evaluate(batches), trainer.evaluate(batches)
    weight = trainer.model.layers[1]["weight"]
    return {
        "numbers": {key: first[key] for key in sorted(first)},
        "again the same": first == second,
        "in evaluation mode": not any(modes),
        "training mode afterwards": trainer.model.training,
        "weight untouched": weight is w,
        "steps": trainer.steps,
        "left over": [trainer.total, trainer.seen],
    }
