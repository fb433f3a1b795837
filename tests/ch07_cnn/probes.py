"""What the graders of chapter 7 run of the student's code.

Inputs arrive as arrays of ``tinymlx.core``; sizes and options as plain numbers and lists.
"""

import contextlib

import mlx.core as mx

from course.grading import meter
from tinymlx import core, nn, utils
from tinymlx.core import array as to_array
from tinymlx.core.convolution import functions, general
from tinymlx.core.convolution.sizes import Geometry, output_size
from tinymlx.core.convolution.windows import overlap_add, windows
from tinymlx.models import BasicBlock
from tinymlx.nn.layers import upsample
from tinymlx.training import one_cycle
from tinymlx.vision import augmentation, averaging, folding, mixing, saliency
from tinymlx.vision.convolution import by_loops, by_windows, gradients_by_windows
from tinymlx.vision.pooling import average_inside
from tinymlx.vision.receptive_field import Window, receptive_field, seen
from tinymlx.vision.whitening import whitening

__all__ = ["to_array"]


def with_gradient(fun, primals, cotangent):
    """Output and cotangents of a function of several arrays."""
    (y,), gradients = core.vjp(fun, primals, [cotangent])
    return y, gradients


# 7.1


def loops(x, w, stride):
    return {"y": by_loops(x, w, stride)}


# 7.2


def outputs(numbers):
    """For each list of numbers a size, or the word "error"."""
    found = []
    for each in numbers:
        try:
            found.append(output_size(*each))
        except ValueError:
            found.append("error")
    return {"sizes": found, "by default": output_size(9, 4)}


def outputs_fail(numbers):
    return {"size": output_size(*numbers)}


# 7.3


def all_windows(x, taps, stride, dilation, order):
    """Windows of a picture whose axes may have been exchanged before."""
    x = core.transpose(x, order) if order else x
    dilation = tuple(dilation) if dilation else None
    return {"y": windows(x, taps=tuple(taps), stride=tuple(stride), dilation=dilation)}


def windows_are_a_view(x):
    """Whether the windows of a large picture take more memory than the picture."""
    with mx.stream(mx.cpu):
        core.eval(x)
        mx.clear_cache()
        meter.reset()
        before = mx.get_active_memory()
        y = windows(x, taps=(5, 5), stride=(1, 1))
        core.eval(y)
        copied = meter.peak() - before > 2 * x.nbytes
        return {"copied": copied, "corner": y[0, 0, 0]}


# 7.4


def windows_times_matrix(x, w, options):
    return {"y": by_windows(x, w, **options)}


# 7.5


def laid_back(x, sizes, stride, dilation):
    dilation = tuple(dilation) if dilation else None
    return {"y": overlap_add(x, sizes=tuple(sizes), stride=tuple(stride), dilation=dilation)}


def laid_back_type(x, dtype):
    x = x.astype(getattr(core, dtype))
    y = overlap_add(x, sizes=(4,), stride=(1,))
    return {"y": y.astype(core.float32), "dtype": str(y.dtype)}


def gradients_by_hand(g, x, w, stride):
    """By hand, and by going backwards through `by_windows`."""
    dx, dw = gradients_by_windows(g, x, w, stride)
    _, automatic = with_gradient(lambda x, w: by_windows(x, w, stride), [x, w], g)
    return {"dx": dx, "dw": dw, "automatic": automatic}


# 7.6, 7.7


def geometry(numbers):
    """The geometry that lists of numbers describe."""
    kept = {k: tuple(v) if isinstance(v, list) else v for k, v in numbers.items()}
    return Geometry(**kept)


def slope_of_picture(g, x, w, numbers):
    return {"dx": general.by_input(g, w, x.shape[1:-1], geometry(numbers))}


def slope_of_kernel(g, x, w, numbers):
    return {"dw": general.by_kernel(g, x, w.shape[1:-1], geometry(numbers))}


def slopes_of_slopes(g, x, w, a, b, numbers):
    """What the two slopes, weighted with `a` and `b`, send back themselves."""
    at = geometry(numbers)

    def of_slopes(g, x, w):
        dx = general.by_input(g, w, x.shape[1:-1], at)
        dw = general.by_kernel(g, x, w.shape[1:-1], at)
        return core.sum(dx * a) + core.sum(dw * b)

    return {"slopes": list(core.grad(of_slopes, argnums=(0, 1, 2))(g, x, w))}


# 7.8


def transposed(x, w, cotangent, options):
    def fun(x, w):
        return functions.conv_transpose(x.ndim - 2, x, w, **options)

    y, gradients = with_gradient(fun, [x, w], cotangent)
    return {"y": y, "gradients": gradients}


def transposed_fails(x, w, dims, options):
    return {"y": functions.conv_transpose(dims, x, w, **options)}


# 7.9


def pool(kind, dims, options):
    return getattr(nn, f"{kind}Pool{dims}d")(**options)


def pooled(x, cotangent, kind, options):
    layer = pool(kind, x.ndim - 2, options)
    y, (dx,) = with_gradient(layer, [x], cotangent)
    return {"y": y, "dx": dx}


def pooled_with_ties(x, cotangent, options):
    y, (dx,) = with_gradient(pool("Max", 2, options), [x], cotangent)
    return {"y": y, "dx": dx}


def pooled_shape(x, kind, dims):
    return {"y": pool(kind, dims, {"kernel_size": 2})(x)}


# 7.10


def honest(x, cotangent, size, stride, padding):
    fun = lambda x: average_inside(x, size, stride, padding)  # noqa: E731
    y, (dx,) = with_gradient(fun, [x], cotangent)
    return {"y": y, "dx": dx}


def honest_type(x, dtype):
    y = average_inside(x.astype(getattr(core, dtype)), 2, 1, 1)
    return {"y": y.astype(core.float32), "dtype": str(y.dtype)}


def honest_fails(x, size, padding):
    return {"y": average_inside(x, size, 1, padding)}


# 7.11


def between(size, factor, align):
    return {"places": upsample.places(size, factor, align)}


def interpolated(x, cotangent, indices, weights):
    """One sample list for each spatial axis."""
    samples = [list(zip(i, w, strict=True)) for i, w in zip(indices, weights, strict=True)]
    y, (dx,) = with_gradient(lambda x: upsample.interpolate(x, samples), [x], cotangent)
    return {"y": y, "dx": dx}


def upsampled(x, cotangent, factor, align):
    layer = nn.Upsample(factor, mode="linear", align_corners=align)
    y, (dx,) = with_gradient(layer, [x], cotangent)
    return {"y": y, "dx": dx}


# 7.12


def fields(stacks):
    return {"fields": [list(receptive_field([Window(*w) for w in stack])) for stack in stacks]}


def seen_pixels(x, kernels, strides, place):
    def network(x):
        for kernel, stride in zip(kernels, strides, strict=True):
            x = core.tanh(core.conv2d(x, kernel, stride))
        return x

    found = seen(network, x, tuple(place))
    return {"seen": found.astype(core.int32), "dtype": str(found.dtype)}


# 7.13


def block_with(parameters, options):
    block = BasicBlock(**options)
    block.update(utils.tree_unflatten(list(parameters.items())))
    return block


def residual(x, cotangent, parameters, options, training):
    """Output and all slopes of a block with given weights, and its running statistics."""
    block = block_with(parameters, options)
    block.train(training)
    trainable = block.trainable_parameters()

    def fun(x, parameters):
        block.update(parameters)
        return core.sum(block(x) * cotangent)

    value, (dx, slopes) = core.value_and_grad(fun, argnums=(0, 1))(x, trainable)
    statistics = [block.bn1.running_mean, block.bn2.running_var]
    return {
        "value": value,
        "dx": dx,
        "slopes": dict(utils.tree_flatten(slopes)),
        "statistics": statistics,
    }


def new_block(x, options):
    """What a block is made of, and what it does at the start."""
    block = BasicBlock(**options)
    shapes = {path: list(w.shape) for path, w in utils.tree_flatten(block.parameters())}
    block.eval()
    shortcut = block.shortcut(x) if "shortcut" in block else x
    same = core.max(core.abs(block(x) - nn.relu(shortcut))).item() == 0
    first = block.layers if hasattr(block, "layers") else None
    return {
        "shapes": shapes,
        "starts as its shortcut": same,
        "gain": block.bn2.weight,
        "other gain": block.bn1.weight,
        "layers": first,
        "x": nn.relu(x),
    }


def dropped_blocks(x, rate):
    """In training, for which examples the branch was left out."""
    block = BasicBlock(x.shape[-1], x.shape[-1], drop=rate)
    block.bn2.weight = core.ones((x.shape[-1],))
    y = block(x)
    left_out = core.all(y == nn.relu(x), axis=(1, 2, 3))
    return {"left out": left_out.astype(core.int32), "rate": block.depth.rate}


# 7.14


def fold(x, parameters, options, affine, training):
    """A convolution and a normalization as one convolution."""
    channels = parameters["weight"].shape
    bias = "bias" in parameters
    taps = (channels[1], channels[2])
    inputs = channels[3] * options.get("groups", 1)
    conv = nn.Conv2d(inputs, channels[0], taps, bias=bias, **options)
    conv.weight = parameters["weight"]
    if bias:
        conv.bias = parameters["bias"]
    norm = nn.BatchNorm(channels[0], eps=0.1, affine=affine)
    norm.running_mean, norm.running_var = parameters["mean"], parameters["var"]
    if affine:
        norm.weight, norm.bias = parameters["gain"], parameters["shift"]
    norm.train(training)
    before = [conv.weight, norm.running_mean]
    layer = folding.folded(conv, norm)
    return {
        "y": layer(x),
        "weight": layer.weight,
        "bias": layer.bias,
        "a new layer": layer is not conv,
        "untouched": [conv.weight is before[0], norm.running_mean is before[1]],
        "mode": norm.training,
        "old bias": conv.bias if bias else core.zeros((1,)),
    }


def fold_fails(x, track):
    conv = nn.Conv2d(3, 2, 3)
    norm = nn.BatchNorm(2, track_running_stats=track)
    return {"y": folding.folded(conv, norm)(x)}


# 7.15


def flips(x, which):
    return {"y": augmentation.flipped(x, which)}


def crops(x, rows, columns, padding):
    return {"y": augmentation.cropped(x, rows, columns, padding)}


def random_crops_type(x):
    """A picture that is padded by nothing is itself, in its own type."""
    return {"y": augmentation.random_crop(x, 0)}


def random_crops(count, padding, seed):
    """How far each picture was moved, by a key, and by the global state."""
    side = 2 * padding + 5
    i, j = core.meshgrid(core.arange(side) + 1, core.arange(side) + 1, indexing="ij")
    one = core.stack([i, j], axis=-1).astype(core.float32)
    x = core.broadcast_to(one, (count, *one.shape))
    middle = side // 2

    def moves(y):
        return (y[:, middle, middle] - (middle + 1) + padding).astype(core.int32)

    by_key = augmentation.random_crop(x, padding, key=core.random.key(seed))
    again = augmentation.random_crop(x, padding, key=core.random.key(seed))
    core.random.seed(seed)
    first, second = augmentation.random_crop(x, padding), augmentation.random_crop(x, padding)
    core.random.seed(seed)
    repeated = augmentation.random_crop(x, padding)
    return {
        "by key": moves(by_key),
        "by state": moves(first),
        "same key, same pictures": core.array_equal(by_key, again).item(),
        "same state, same pictures": core.array_equal(first, repeated).item(),
        "the state moves on": not core.array_equal(first, second).item(),
    }


# 7.16


def holes(x, rows, columns, size):
    return {"y": mixing.cutout(x, rows, columns, size)}


def holes_type(x, dtype):
    middle = core.array([1])
    y = mixing.cutout(x.astype(getattr(core, dtype)), middle, middle, 2)
    return {"y": y.astype(core.float32), "dtype": str(y.dtype)}


def mixes(x, targets, order, share):
    pictures, answers = mixing.mixed(x, targets, order, share)
    return {"pictures": pictures, "targets": answers}


# 7.17


def cycle(peak, steps, warm_up):
    """The rates of all steps and some more, eager and compiled."""
    schedule = one_cycle(peak, steps) if warm_up is None else one_cycle(peak, steps, warm_up)
    more = steps + 3
    eager = [float(core.array(schedule(core.array(i)))) for i in range(more)]
    compiled = core.compile(lambda step: schedule(step) * 1.0)
    found = [compiled(core.array(i)).item() for i in range(more)]
    return {"rates": core.array(eager), "compiled": core.array(found)}


# 7.18


def white(x, size, eps):
    weight, bias = whitening(x, size) if eps is None else whitening(x, size, eps)
    return {"weight": weight, "bias": bias}


# 7.19


def looked(x, kernel, w, classes):
    def features(x):
        return core.tanh(core.conv2d(x, kernel))

    def head(maps):
        return core.tanh(core.mean(maps**3 + maps, axis=(1, 2))) @ w

    return {"maps": saliency.class_activation(features, head, x, classes)}


# 7.20


class Small(nn.Module):
    """A normalization and a linear layer; it counts its calls."""

    def __init__(self, w, mean, var):
        super().__init__()
        self.bn = nn.BatchNorm(mean.shape[0], affine=False)  # of the type of its input
        self.bn.running_mean, self.bn.running_var = mean, var
        self.weight = w

    def __call__(self, x):
        return self.bn(x).reshape(x.shape[0], -1) @ self.weight


VIEWS = {
    "itself": averaging.itself,
    "mirrored": averaging.mirrored,
    "shifted": averaging.shifted(1, -1),
}


def several_views(x, w, mean, var, views, training):
    model = Small(w, mean, var)
    model.train(training)
    y = averaging.averaged(model, x, [VIEWS[name] for name in views])
    return {
        "y": y,
        "modes": [model.training, model.bn.training],
        "mean": model.bn.running_mean,
    }


def a_view_that_fails(x, w, mean, var, training):
    """An error in a view: the mode is as before."""

    def broken(x):
        raise KeyError("on purpose")

    model = Small(w, mean, var)
    model.train(training)
    with contextlib.suppress(KeyError):
        averaging.averaged(model, x, [broken])
    after = [model.training, model.bn.training]
    return {"modes": after, "y": averaging.averaged(model, x, [averaging.itself])}


def no_views(x, w, mean, var):
    return {"y": averaging.averaged(Small(w, mean, var), x, [])}
