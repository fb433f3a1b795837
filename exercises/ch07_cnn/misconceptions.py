"""What people really write in chapter 7. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "7.1",
    "You turn the kernel round. That is what signal processing calls convolution; networks slide the "
    "kernel over the picture as it is.",
)
def by_loops(x, w, stride=1):
    outputs, high, wide, _ = w.shape
    w = w[:, ::-1, ::-1]
    rows = []
    for top in range(0, x.shape[1] - high + 1, stride):
        row = []
        for left in range(0, x.shape[2] - wide + 1, stride):
            window = x[:, top : top + high, left : left + wide]
            each = [core.sum(window * w[o], axis=(1, 2, 3)) for o in range(outputs)]
            row.append(core.stack(each, axis=-1))
        rows.append(core.stack(row, axis=1))
    return core.stack(rows, axis=1)


@misconception(
    "7.1",
    "The last row and the last column of places are missing: a kernel of k rows fits H - k + 1 times, "
    "and range() leaves out its end.",
)
def by_loops(x, w, stride=1):
    outputs, high, wide, _ = w.shape
    rows = []
    for top in range(0, max(x.shape[1] - high, 1), stride):
        row = []
        for left in range(0, max(x.shape[2] - wide, 1), stride):
            window = x[:, top : top + high, left : left + wide]
            each = [core.sum(window * w[o], axis=(1, 2, 3)) for o in range(outputs)]
            row.append(core.stack(each, axis=-1))
        rows.append(core.stack(row, axis=1))
    return core.stack(rows, axis=1)


@misconception(
    "7.1",
    "You take the mean over the channels. A kernel has weights of its own for each channel, and all "
    "products are added up.",
)
def by_loops(x, w, stride=1):
    outputs, high, wide, _ = w.shape
    rows = []
    for top in range(0, x.shape[1] - high + 1, stride):
        row = []
        for left in range(0, x.shape[2] - wide + 1, stride):
            window = x[:, top : top + high, left : left + wide]
            each = [core.sum(window * w[o], axis=(1, 2)).mean(-1) for o in range(outputs)]
            row.append(core.stack(each, axis=-1))
        rows.append(core.stack(row, axis=1))
    return core.stack(rows, axis=1)


@misconception(
    "7.2",
    "A kernel of k taps that stand d apart is (k - 1) d + 1 long, not k d: there is no gap behind the "
    "last tap.",
)
def output_size(size, taps, stride=1, low=0, high=0, kernel_dilation=1, input_dilation=1):
    kernel = taps * kernel_dilation
    room = (size - 1) * input_dilation + 1 + low + high - kernel
    if room < 0:
        raise ValueError("The padded row is smaller than the kernel.")
    return room // stride + 1


@misconception(
    "7.2",
    "You count the first place before you divide: the kernel moves room // stride times, and the "
    "place where it stood before it moved is added to that.",
)
def output_size(size, taps, stride=1, low=0, high=0, kernel_dilation=1, input_dilation=1):
    kernel = (taps - 1) * kernel_dilation + 1
    room = (size - 1) * input_dilation + 1 + low + high - kernel
    if room < 0:
        raise ValueError("The padded row is smaller than the kernel.")
    return (room + 1) // stride


@misconception(
    "7.2",
    "You round up. Where the last step does not fit whole, the kernel would stand partly outside.",
)
def output_size(size, taps, stride=1, low=0, high=0, kernel_dilation=1, input_dilation=1):
    kernel = (taps - 1) * kernel_dilation + 1
    room = (size - 1) * input_dilation + 1 + low + high - kernel
    if room < 0:
        raise ValueError("The padded row is smaller than the kernel.")
    return -(-room // stride) + 1


@misconception(
    "7.2",
    "You count the padding of one side for both. They need not be equal: add low and high.",
)
def output_size(size, taps, stride=1, low=0, high=0, kernel_dilation=1, input_dilation=1):
    kernel = (taps - 1) * kernel_dilation + 1
    room = (size - 1) * input_dilation + 1 + 2 * low - kernel
    if room < 0:
        raise ValueError("The padded row is smaller than the kernel.")
    return room // stride + 1


@misconception(
    "7.3",
    "You forget the dilation: it changes how many windows fit, and how far the elements of a window "
    "are apart.",
)
def windows(x, /, taps, stride, dilation=None):
    dilation = dilation or (1,) * len(taps)
    outputs = outputs_of(x.shape[1:-1], taps, stride, dilation)
    steps = [1]
    for size in reversed(x.shape[1:]):
        steps.insert(0, steps[0] * size)
    over = [step * s for step, s in zip(steps[1:-1], stride)]
    shape = (x.shape[0], *outputs, *taps, x.shape[-1])
    return mx.as_strided(mx.contiguous(x), shape, (steps[0], *over, *steps[1:-1], 1))


@misconception(
    "7.3",
    "You forget the stride: the next window begins `stride` elements further, not one.",
)
def windows(x, /, taps, stride, dilation=None):
    dilation = dilation or (1,) * len(taps)
    outputs = outputs_of(x.shape[1:-1], taps, stride, dilation)
    steps = [1]
    for size in reversed(x.shape[1:]):
        steps.insert(0, steps[0] * size)
    within = [step * d for step, d in zip(steps[1:-1], dilation)]
    shape = (x.shape[0], *outputs, *taps, x.shape[-1])
    return mx.as_strided(mx.contiguous(x), shape, (steps[0], *steps[1:-1], *within, 1))


@misconception(
    "7.4",
    "You lay the kernel's numbers down in another order than those of the windows: both are rows, "
    "columns, channels.",
)
def by_windows(x, w, stride=1, dilation=1, groups=1):
    check_channels(x, w, groups)
    found = windows(x, taps=w.shape[1:3], stride=(stride, stride), dilation=(dilation, dilation))
    places = found.shape[:3]
    parts = []
    for of_group, kernels in zip(core.split(found, groups, axis=-1), core.split(w, groups)):
        rows = of_group.reshape(-1, kernels[0].size)
        columns = kernels.transpose(0, 3, 1, 2).reshape(kernels.shape[0], -1)
        parts.append(rows @ columns.T)
    return core.concatenate(parts, axis=-1).reshape(*places, w.shape[0])


@misconception(
    "7.4",
    "Your groups take every n-th channel. A group is a block of neighbours: the first C / groups "
    "channels, then the next ones.",
)
def by_windows(x, w, stride=1, dilation=1, groups=1):
    check_channels(x, w, groups)
    found = windows(x, taps=w.shape[1:3], stride=(stride, stride), dilation=(dilation, dilation))
    places = found.shape[:3]
    parts = []
    for i, kernels in enumerate(core.split(w, groups)):
        rows = found[..., i::groups].reshape(-1, kernels[0].size)
        parts.append(rows @ kernels.reshape(kernels.shape[0], -1).T)
    return core.concatenate(parts, axis=-1).reshape(*places, w.shape[0])


@misconception(
    "7.4",
    "You add the groups up. Each of them makes output channels of its own, which stand next to each "
    "other.",
)
def by_windows(x, w, stride=1, dilation=1, groups=1):
    check_channels(x, w, groups)
    found = windows(x, taps=w.shape[1:3], stride=(stride, stride), dilation=(dilation, dilation))
    places = found.shape[:3]
    total = 0
    for of_group, kernels in zip(core.split(found, groups, axis=-1), core.split(w, groups)):
        rows = of_group.reshape(-1, kernels[0].size)
        total = total + rows @ kernels.reshape(kernels.shape[0], -1).T
    return total.reshape(*places, w.shape[0] // groups)


@misconception(
    "7.5",
    "You write the windows into the picture instead of adding them: where several overlap, only the "
    "last one is left.",
)
def overlap_add(x, /, sizes, stride, dilation=None):
    dims = len(sizes)
    dilation = dilation or (1,) * dims
    outputs, taps = x.shape[1 : dims + 1], x.shape[dims + 1 : -1]
    result = mx.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    for tap in itertools.product(*map(range, taps)):
        places = tuple(
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip(tap, dilation, outputs, stride)
        )
        whole = (slice(None),) * (dims + 1)
        result[(slice(None), *places)] = x[(*whole, *tap)]
    return result


@misconception(
    "7.5",
    "You divide by how many windows lie on an element, as if laying back were the inverse of cutting "
    "out. It is the transpose: every copy sends its slope back, and slopes add up.",
)
def overlap_add(x, /, sizes, stride, dilation=None):
    dims = len(sizes)
    dilation = dilation or (1,) * dims
    outputs, taps = x.shape[1 : dims + 1], x.shape[dims + 1 : -1]
    result = mx.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    counts = mx.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    for tap in itertools.product(*map(range, taps)):
        places = tuple(
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip(tap, dilation, outputs, stride)
        )
        whole = (slice(None),) * (dims + 1)
        result[(slice(None), *places)] += x[(*whole, *tap)]
        counts[(slice(None), *places)] += 1
    return result / mx.maximum(counts, 1)


@misconception(
    "7.5",
    "The step between two windows is missing in your slope of the pictures: lay the windows back "
    "with the same stride with which they were cut out.",
)
def gradients_by_windows(g, x, w, stride=1):
    both = (stride, stride)
    found = windows(x, taps=w.shape[1:3], stride=both)
    rows = found.reshape(-1, w[0].size)
    slopes = g.reshape(-1, w.shape[0])
    by_rows = slopes @ w.reshape(w.shape[0], -1)
    by_x = overlap_add(by_rows.reshape(found.shape), sizes=x.shape[1:3], stride=(1, 1))
    return by_x, (slopes.T @ rows).reshape(w.shape)


@misconception(
    "7.5",
    "Your slope of the kernels is divided by the number of places. A kernel is used at all of them, so "
    "its slope is the sum.",
)
def gradients_by_windows(g, x, w, stride=1):
    both = (stride, stride)
    found = windows(x, taps=w.shape[1:3], stride=both)
    rows = found.reshape(-1, w[0].size)
    slopes = g.reshape(-1, w.shape[0])
    by_rows = slopes @ w.reshape(w.shape[0], -1)
    by_x = overlap_add(by_rows.reshape(found.shape), sizes=x.shape[1:3], stride=both)
    return by_x, (slopes.T @ rows).reshape(w.shape) / rows.shape[0] * x.shape[0]


@misconception(
    "7.6",
    "You do not turn the kernel round. What was the first tap for one output is the last one on the "
    "way back: flip is the opposite of what it was.",
    agrees="one_pixel",
)
def by_input(g, w, sizes, at):
    taps = w.shape[1:-1]
    low = tuple(d * (k - 1) - a for d, k, a in zip(at.kernel_dilation, taps, at.low))
    back = Geometry(
        stride=at.input_dilation,
        low=low,
        high=low,
        kernel_dilation=at.kernel_dilation,
        input_dilation=at.stride,
        groups=at.groups,
        flip=at.flip,
    ).fitting(sizes, g.shape[1:-1], taps)
    return convolved(g, exchanged_channels(w, at.groups), at=back)


@misconception(
    "7.6",
    "You forget the stride. Neighbours in g belong to places that are a stride apart in the picture: "
    "on the way back that is the distance between the elements of g.",
)
def by_input(g, w, sizes, at):
    taps = w.shape[1:-1]
    low = tuple(d * (k - 1) - a for d, k, a in zip(at.kernel_dilation, taps, at.low))
    back = Geometry(
        stride=at.input_dilation,
        low=low,
        high=low,
        kernel_dilation=at.kernel_dilation,
        input_dilation=(1,) * len(taps),
        groups=at.groups,
        flip=not at.flip,
    ).fitting(sizes, g.shape[1:-1], taps)
    return convolved(g, exchanged_channels(w, at.groups), at=back)


@misconception(
    "7.6",
    "You pad as the forward convolution did. In front of g there are d (K - 1) - l zeros: the wider the "
    "padding was, the fewer.",
)
def by_input(g, w, sizes, at):
    taps = w.shape[1:-1]
    back = Geometry(
        stride=at.input_dilation,
        low=at.low,
        high=at.low,
        kernel_dilation=at.kernel_dilation,
        input_dilation=at.stride,
        groups=at.groups,
        flip=not at.flip,
    ).fitting(sizes, g.shape[1:-1], taps)
    return convolved(g, exchanged_channels(w, at.groups), at=back)


@misconception(
    "7.6",
    "Flipped, but not exchanged: on the way back the kernel's outputs are its inputs. "
    "exchanged_channels does that.",
)
def by_input(g, w, sizes, at):
    taps = w.shape[1:-1]
    low = tuple(d * (k - 1) - a for d, k, a in zip(at.kernel_dilation, taps, at.low))
    back = Geometry(
        stride=at.input_dilation,
        low=low,
        high=low,
        kernel_dilation=at.kernel_dilation,
        input_dilation=at.stride,
        groups=at.groups,
        flip=not at.flip,
    ).fitting(sizes, g.shape[1:-1], taps)
    w = reshape(w, (-1, *taps, w.shape[0] // at.groups))
    return convolved(g, w, at=back)


@misconception(
    "7.7",
    "Stride and distance have not changed places. Neighbouring taps see the picture d apart, so d is "
    "the stride here; neighbours in g stand the old stride apart.",
)
def by_kernel(g, x, taps, at):
    across = Geometry(
        stride=(1,) * len(taps),
        low=at.low,
        high=at.low,
        kernel_dilation=at.stride,
        input_dilation=at.input_dilation,
        groups=at.groups,
    ).fitting(taps, x.shape[1:-1], g.shape[1:-1])
    gw = convolved(batch_as_channels(x, at.groups), swapaxes(g, 0, -1), at=across)
    gw = swapaxes(gw, 0, -1)
    return flipped(gw, tuple(range(1, gw.ndim - 1))) if at.flip else gw


@misconception(
    "7.7",
    "You forget the stride: neighbours in g belong to windows that are a stride apart, so as a kernel "
    "g is dilated by it.",
)
def by_kernel(g, x, taps, at):
    across = Geometry(
        stride=at.kernel_dilation,
        low=at.low,
        high=at.low,
        kernel_dilation=(1,) * len(taps),
        input_dilation=at.input_dilation,
        groups=at.groups,
    ).fitting(taps, x.shape[1:-1], g.shape[1:-1])
    gw = convolved(batch_as_channels(x, at.groups), swapaxes(g, 0, -1), at=across)
    gw = swapaxes(gw, 0, -1)
    return flipped(gw, tuple(range(1, gw.ndim - 1))) if at.flip else gw


@misconception(
    "7.7",
    "You turn g round. Tap k receives the product of g_o with what it saw at output o: both are "
    "counted in the same direction.",
)
def by_kernel(g, x, taps, at):
    across = Geometry(
        stride=at.kernel_dilation,
        low=at.low,
        high=at.low,
        kernel_dilation=at.stride,
        input_dilation=at.input_dilation,
        groups=at.groups,
        flip=True,
    ).fitting(taps, x.shape[1:-1], g.shape[1:-1])
    gw = convolved(batch_as_channels(x, at.groups), swapaxes(g, 0, -1), at=across)
    gw = swapaxes(gw, 0, -1)
    return flipped(gw, tuple(range(1, gw.ndim - 1))) if at.flip else gw


@misconception(
    "7.7",
    "You divide by the number of examples. Whether the loss is a mean is in g already; here slopes "
    "are summed.",
)
def by_kernel(g, x, taps, at):
    across = Geometry(
        stride=at.kernel_dilation,
        low=at.low,
        high=at.low,
        kernel_dilation=at.stride,
        input_dilation=at.input_dilation,
        groups=at.groups,
    ).fitting(taps, x.shape[1:-1], g.shape[1:-1])
    gw = convolved(batch_as_channels(x, at.groups), swapaxes(g, 0, -1), at=across)
    gw = swapaxes(gw, 0, -1) / x.shape[0]
    return flipped(gw, tuple(range(1, gw.ndim - 1))) if at.flip else gw


@misconception(
    "7.7",
    "Where the forward convolution reads its kernel in reverse order, your slope still is in the order "
    "of reading: reverse it.",
)
def by_kernel(g, x, taps, at):
    across = Geometry(
        stride=at.kernel_dilation,
        low=at.low,
        high=at.low,
        kernel_dilation=at.stride,
        input_dilation=at.input_dilation,
        groups=at.groups,
    ).fitting(taps, x.shape[1:-1], g.shape[1:-1])
    gw = convolved(batch_as_channels(x, at.groups), swapaxes(g, 0, -1), at=across)
    return swapaxes(gw, 0, -1)


@misconception(
    "7.8",
    "You append zeros for output_padding. It adds places at which the kernel still lies: more zeros "
    "behind the input, before the convolution.",
)
def conv_transpose(
    dims, input, weight, stride=1, padding=0, dilation=1, output_padding=0, groups=1, stream=None
):
    x, w = as_array(input), as_array(weight)
    check_spatial(dims, x, w)
    p, d = each_axis("padding", padding, dims), each_axis("kernel dilation", dilation, dims)
    more = each_axis("output padding", output_padding, dims)
    low = [d * (k - 1) - p for k, p, d in zip(w.shape[1:-1], p, d)]
    high = [n + extra for n, extra in zip(low, more)]
    y = conv_general(x, w, 1, (low, high), dilation, stride, groups, flip=True, stream=stream)
    for axis, extra in enumerate(more, start=1):
        kept = as_array([1.0] * (y.shape[axis] - extra) + [0.0] * extra)
        y = y * kept.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    return y


@misconception(
    "7.8",
    "You pad with p. Here padding takes away: it says how much the forward convolution padded, so "
    "there are d (K - 1) - p zeros.",
)
def conv_transpose(
    dims, input, weight, stride=1, padding=0, dilation=1, output_padding=0, groups=1, stream=None
):
    x, w = as_array(input), as_array(weight)
    check_spatial(dims, x, w)
    p, d = each_axis("padding", padding, dims), each_axis("kernel dilation", dilation, dims)
    more = each_axis("output padding", output_padding, dims)
    low = [d * (k - 1) + p for k, p, d in zip(w.shape[1:-1], p, d)]
    high = [n + extra for n, extra in zip(low, more)]
    return conv_general(x, w, 1, (low, high), dilation, stride, groups, flip=True, stream=stream)


@misconception(
    "7.8",
    "You do not turn the kernel round: each element must lay down the kernel as it is, and a "
    "convolution lays it down reversed.",
)
def conv_transpose(
    dims, input, weight, stride=1, padding=0, dilation=1, output_padding=0, groups=1, stream=None
):
    x, w = as_array(input), as_array(weight)
    check_spatial(dims, x, w)
    p, d = each_axis("padding", padding, dims), each_axis("kernel dilation", dilation, dims)
    more = each_axis("output padding", output_padding, dims)
    low = [d * (k - 1) - p for k, p, d in zip(w.shape[1:-1], p, d)]
    high = [n + extra for n, extra in zip(low, more)]
    return conv_general(x, w, 1, (low, high), dilation, stride, groups, stream=stream)


@misconception(
    "7.9",
    "You pad with 0. If all numbers of a window are negative, the border wins: pad with self.border.",
    symbol="_Pool._windows",
)
def _windows(self, x):
    if x.ndim != self.dims + 2:
        raise ValueError(f"The input should not have the shape {x.shape}.")
    if any(self._padding):
        border = [(0, 0), *((n, n) for n in self._padding), (0, 0)]
        x = core.pad(x, border)
    return cut(x, self._kernel_size, self._stride)


@misconception(
    "7.9",
    "Your windows do not take the stride into account: they begin self._stride apart.",
    symbol="_Pool._windows",
)
def _windows(self, x):
    if x.ndim != self.dims + 2:
        raise ValueError(f"The input should not have the shape {x.shape}.")
    if any(self._padding):
        border = [(0, 0), *((n, n) for n in self._padding), (0, 0)]
        x = core.pad(x, border, constant_values=self.border)
    return cut(x, self._kernel_size, self._kernel_size)


@misconception(
    "7.9",
    "Of equal winners you let one take all. As in MLX each of them gets the same share of the gradient: "
    "the maximum of all elements at once does that.",
    symbol="_MaxPool.__call__",
)
def __call__(self, x):
    y = self._windows(x)
    y = y.reshape(*y.shape[: self.dims + 1], -1, y.shape[-1])
    best = core.argmax(y, axis=-2, keepdims=True)
    return core.squeeze(core.take_along_axis(y, best, axis=-2), -2)


@misconception(
    "7.10",
    "You divide by size * size everywhere. At the border a window covers fewer pixels, and their mean "
    "has a smaller divisor.",
)
def average_inside(x, size, stride, padding):
    if not 0 <= padding <= size // 2:
        raise ValueError("The padding is out of range.")
    border = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    return core.mean(cut(core.pad(x, border), (size, size), (stride, stride)), axis=(3, 4))


@misconception(
    "7.10",
    "You repeat the border's pixels outwards. That counts them more than once; only what is there "
    "should count, once.",
)
def average_inside(x, size, stride, padding):
    if not 0 <= padding <= size // 2:
        raise ValueError("The padding is out of range.")
    border = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    x = core.pad(x, border, mode="edge")
    return core.mean(cut(x, (size, size), (stride, stride)), axis=(3, 4))


@misconception(
    "7.10",
    "You count the pixels that are not 0. A pixel of the picture may be 0, and it counts all the same: "
    "count in a picture of ones.",
)
def average_inside(x, size, stride, padding):
    if not 0 <= padding <= size // 2:
        raise ValueError("The padding is out of range.")
    border = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    there = (x != 0).astype(x.dtype)
    totals, counts = (
        core.sum(cut(core.pad(each, border), (size, size), (stride, stride)), axis=(3, 4))
        for each in (x, there)
    )
    return totals / core.maximum(counts, 1)


@misconception(
    "7.11",
    "Your outputs lie at i / s: the first one on the first pixel, and the picture is moved by half a "
    "pixel. Both rows must have the same middle.",
)
def places(size, scale, align_corners):
    outputs = int(scale * size)
    steps = core.arange(outputs, dtype=core.float32)
    if align_corners:
        return steps * ((size - 1) / max(outputs - 1, 1))
    return steps * (1 / scale)


@misconception(
    "7.11",
    "Your outputs lie at (i + 0.5) / s - 0.5. That leaves the edges together only if the factor "
    "leaves nothing over: both rows must have the same middle.",
)
def places(size, scale, align_corners):
    outputs = int(scale * size)
    steps = core.arange(outputs, dtype=core.float32)
    if align_corners:
        return steps * ((size - 1) / max(outputs - 1, 1))
    return (steps + 0.5) * (1 / scale) - 0.5


@misconception(
    "7.11",
    "With align_corners the first and the last output lie on the first and the last pixel: m outputs "
    "have m - 1 steps between them, n pixels n - 1.",
)
def places(size, scale, align_corners):
    outputs = int(scale * size)
    steps = core.arange(outputs, dtype=core.float32)
    if align_corners:
        return steps * (size / max(outputs, 1))
    step = 1 / scale
    return steps * step - ((outputs - 1) * step - size + 1) / 2


@misconception(
    "7.11",
    "You use the samples of the first axis for all of them. Each axis has its own.",
)
def interpolate(x, samples):
    for axis in range(1, x.ndim - 1):
        of_axis = samples[0]
        shape = [1] * x.ndim
        shape[axis] = -1
        last = x.shape[axis] - 1
        parts = [
            core.take(x, core.minimum(index, last), axis) * weight.reshape(shape)
            for index, weight in of_axis
        ]
        x = sum(parts[1:], parts[0])
    return x


@misconception(
    "7.11",
    "You divide by the sum of the weights. They are what they are: samples say how much each counts.",
)
def interpolate(x, samples):
    for axis, of_axis in enumerate(samples, start=1):
        shape = [1] * x.ndim
        shape[axis] = -1
        parts = [core.take(x, index, axis) * weight.reshape(shape) for index, weight in of_axis]
        total = sum(weight for _, weight in of_axis).reshape(shape)
        x = sum(parts[1:], parts[0]) / total
    return x


@misconception(
    "7.12",
    "You forget that strides multiply: behind a layer with stride 2, three taps are two pixels apart "
    "each.",
)
def receptive_field(layers):
    size, step = 1, 1
    for layer in layers:
        size += (layer.taps - 1) * layer.dilation
        step *= layer.stride
    return size, step


@misconception(
    "7.12",
    "A layer's own stride does not widen what it sees itself, only what later layers see: first the "
    "size, then the step.",
)
def receptive_field(layers):
    size, step = 1, 1
    for layer in layers:
        step *= layer.stride
        size += (layer.taps - 1) * layer.dilation * step
    return size, step


@misconception(
    "7.12",
    "You ask whether the slope is positive. A pixel with a negative slope is seen just as well.",
)
def seen(network, x, place):
    row, column = place
    gradient = core.grad(lambda x: core.sum(network(x)[:, row, column]))(x)
    return core.any(gradient > 0, axis=(0, 3))


@misconception(
    "7.12",
    "You add up the slopes of a pixel's channels before you compare with 0. They can cancel.",
)
def seen(network, x, place):
    row, column = place
    gradient = core.grad(lambda x: core.sum(network(x)[:, row, column]))(x)
    return core.sum(gradient, axis=(0, 3)) != 0


@misconception(
    "7.13",
    "There is a relu behind your last normalization. The branch must be able to take something away: "
    "the relu comes behind the sum.",
    symbol="BasicBlock.__call__",
)
def __call__(self, x):
    y = nn.relu(self.bn1(self.conv1(x)))
    y = nn.relu(self.depth(self.bn2(self.conv2(y))))
    return nn.relu(y + (self.shortcut(x) if "shortcut" in self else x))


@misconception(
    "7.13",
    "You leave out the relu behind the sum, as in a block with pre-activation.",
    symbol="BasicBlock.__call__",
)
def __call__(self, x):
    y = nn.relu(self.bn1(self.conv1(x)))
    y = self.depth(self.bn2(self.conv2(y)))
    return y + (self.shortcut(x) if "shortcut" in self else x)


@misconception(
    "7.13",
    "The gain of your last normalization is 1 at the start. With zeros the block starts as its "
    "shortcut, and a deep network as a shallow one.",
    symbol="BasicBlock.__init__",
)
def __init__(self, in_channels, out_channels, stride=1, drop=0.0):
    super().__init__()
    self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    self.bn1 = nn.BatchNorm(out_channels)
    self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
    self.bn2 = nn.BatchNorm(out_channels)
    self.depth = StochasticDepth(drop)
    if stride != 1 or in_channels != out_channels:
        self.shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            nn.BatchNorm(out_channels),
        )


@misconception(
    "7.13",
    "You project only where the channels change. A stride changes the shape as well.",
    symbol="BasicBlock.__init__",
)
def __init__(self, in_channels, out_channels, stride=1, drop=0.0):
    super().__init__()
    self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    self.bn1 = nn.BatchNorm(out_channels)
    self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
    self.bn2 = nn.BatchNorm(out_channels)
    self.bn2.weight = core.zeros((out_channels,))
    self.depth = StochasticDepth(drop)
    if in_channels != out_channels:
        self.shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            nn.BatchNorm(out_channels),
        )


@misconception(
    "7.14",
    "You forget the bias that the convolution had: the normalization scales it, too.",
)
def folded(convolution, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = core.rsqrt(norm.running_var + norm.eps)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = -norm.running_mean * scale
    if "weight" in norm:
        bias = bias + norm.bias
    layer = same_geometry(convolution)
    layer.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    layer.bias = bias
    return layer


@misconception(
    "7.14",
    "You scale the kernel but not the running mean: it is subtracted before the division.",
)
def folded(convolution, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = core.rsqrt(norm.running_var + norm.eps)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = (convolution.bias if "bias" in convolution else 0.0) * scale - norm.running_mean
    if "weight" in norm:
        bias = bias + norm.bias
    layer = same_geometry(convolution)
    layer.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    layer.bias = bias
    return layer


@misconception(
    "7.14",
    "You take an eps of your own. The layer knows its: norm.eps.",
)
def folded(convolution, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = core.rsqrt(norm.running_var + 1e-5)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = ((convolution.bias if "bias" in convolution else 0.0) - norm.running_mean) * scale
    if "weight" in norm:
        bias = bias + norm.bias
    layer = same_geometry(convolution)
    layer.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    layer.bias = bias
    return layer


@misconception(
    "7.14",
    "You divide by the variance. The normalization divides by its root.",
)
def folded(convolution, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = 1 / (norm.running_var + norm.eps)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = ((convolution.bias if "bias" in convolution else 0.0) - norm.running_mean) * scale
    if "weight" in norm:
        bias = bias + norm.bias
    layer = same_geometry(convolution)
    layer.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    layer.bias = bias
    return layer


@misconception(
    "7.14",
    "You leave out eps. The layer adds norm.eps to the variance.",
)
def folded(convolution, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = core.rsqrt(norm.running_var)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = ((convolution.bias if "bias" in convolution else 0.0) - norm.running_mean) * scale
    if "weight" in norm:
        bias = bias + norm.bias
    layer = same_geometry(convolution)
    layer.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    layer.bias = bias
    return layer


@misconception(
    "7.14",
    "You change the convolution that you were given. It may be in use elsewhere, or go on learning: "
    "same_geometry makes a new one.",
)
def folded(convolution, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = core.rsqrt(norm.running_var + norm.eps)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = ((convolution.bias if "bias" in convolution else 0.0) - norm.running_mean) * scale
    if "weight" in norm:
        bias = bias + norm.bias
    convolution.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    convolution.bias = bias
    return convolution


@misconception(
    "7.15",
    "You exchange top and bottom. Of (N, H, W, C), axis 2 runs from left to right.",
)
def flipped(x, which):
    return core.where(which.reshape(-1, 1, 1, 1), x[:, ::-1], x)


@misconception(
    "7.15",
    "One draw for the whole batch: all its pictures move together, and in every step the network sees "
    "a single shift.",
)
def random_crop(x, padding, key=None):
    for_rows, for_columns = several(key, 2)
    rows = core.random.randint(0, 2 * padding + 1, (1,), key=for_rows)
    columns = core.random.randint(0, 2 * padding + 1, (1,), key=for_columns)
    shape = (x.shape[0],)
    return cropped(x, core.broadcast_to(rows, shape), core.broadcast_to(columns, shape), padding)


@misconception(
    "7.15",
    "randint leaves out its upper end, so no picture ever moves all the way up or to the left: from 0 "
    "to 2 * padding there are 2 * padding + 1 numbers.",
)
def random_crop(x, padding, key=None):
    for_rows, for_columns = several(key, 2)
    shape = (x.shape[0],)
    rows = core.random.randint(0, 2 * padding, shape, key=for_rows)
    columns = core.random.randint(0, 2 * padding, shape, key=for_columns)
    return cropped(x, rows, columns, padding)


@misconception(
    "7.15",
    "Rows and columns come from the same key, so they are equal: pictures move along the diagonal only.",
)
def random_crop(x, padding, key=None):
    key = core.random.randint(0, 2**30, (2,)).astype(core.uint32) if key is None else key
    shape = (x.shape[0],)
    rows = core.random.randint(0, 2 * padding + 1, shape, key=key)
    columns = core.random.randint(0, 2 * padding + 1, shape, key=key)
    return cropped(x, rows, columns, padding)


@misconception(
    "7.15",
    "Rows and columns have changed places: the first numbers say how far down the part begins.",
)
def cropped(x, rows, columns, padding):
    n, height, width, _ = x.shape
    x = core.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    i = columns[:, None] + core.arange(height)
    j = rows[:, None] + core.arange(width)
    return x[core.arange(n)[:, None, None], i[:, :, None], j[:, None, :]]


@misconception(
    "7.16",
    "Your hole is a cross: a pixel is blank if its row or its column lies inside. Both must.",
)
def cutout(x, rows, columns, size):
    i = core.arange(x.shape[1]) - (rows[:, None] - size // 2)
    j = core.arange(x.shape[2]) - (columns[:, None] - size // 2)
    hole = ((i >= 0) & (i < size))[:, :, None] | ((j >= 0) & (j < size))[:, None, :]
    return core.where(hole[..., None], core.zeros((), x.dtype), x)


@misconception(
    "7.16",
    "Your squares have a side of 2 (size // 2) + 1: one too many where size is even.",
)
def cutout(x, rows, columns, size):
    i = core.abs(core.arange(x.shape[1]) - rows[:, None])
    j = core.abs(core.arange(x.shape[2]) - columns[:, None])
    hole = (i <= size // 2)[:, :, None] & (j <= size // 2)[:, None, :]
    return core.where(hole[..., None], core.zeros((), x.dtype), x)


@misconception(
    "7.16",
    "You mix the pictures and keep the targets of the first ones: where a dog is half of the picture, "
    "the answer must be half a dog.",
)
def mixed(x, targets, order, share):
    of_picture = share.reshape(-1, 1, 1, 1)
    return of_picture * x + (1 - of_picture) * x[order], targets


@misconception(
    "7.16",
    "One share for the whole batch. Each picture has its own.",
)
def mixed(x, targets, order, share):
    a = share[0]
    return a * x + (1 - a) * x[order], a * targets + (1 - a) * targets[order]


@misconception(
    "7.16",
    "A share of shape (N,) meets the channels, and in the targets the classes. Give it axes of size 1 "
    "behind.",
    agrees="as_many_pictures",
)
def mixed(x, targets, order, share):
    return share * x + (1 - share) * x[order], share * targets + (1 - share) * targets[order]


@misconception(
    "7.17",
    "Your rate does not reach 0 at the end of the run: it comes to rest at a part of the peak.",
)
def one_cycle(peak, steps, warm_up=0.25):
    if steps < 1 or not 0 <= warm_up < 1:
        raise ValueError("steps or warm_up is out of range.")
    top = round(warm_up * steps)

    def schedule(step):
        up = (step + 1) / (top + 1)
        down = (steps - step) / (steps - top)
        return peak * core.maximum(core.minimum(up, down), 0.1)

    return schedule


@misconception(
    "7.17",
    "The first step of your run has a rate of 0: a batch is computed, and nothing is learned from it.",
)
def one_cycle(peak, steps, warm_up=0.25):
    if steps < 1 or not 0 <= warm_up < 1:
        raise ValueError("steps or warm_up is out of range.")
    top = round(warm_up * steps)

    def schedule(step):
        up = step / max(top, 1) if top else 1.0
        down = (steps - step) / (steps - top)
        return peak * core.maximum(core.minimum(up, down), 0.0)

    return schedule


@misconception(
    "7.16",
    "The shares of the targets have changed places: the picture that is mostly a dog is answered with "
    "its partner.",
)
def mixed(x, targets, order, share):
    of_picture, of_target = share.reshape(-1, 1, 1, 1), share.reshape(-1, 1)
    return (
        of_picture * x + (1 - of_picture) * x[order],
        (1 - of_target) * targets + of_target * targets[order],
    )


@misconception(
    "7.17",
    "You cut warm_up * steps down to a whole number. Round it.",
)
def one_cycle(peak, steps, warm_up=0.25):
    if steps < 1 or not 0 <= warm_up < 1 or round(warm_up * steps) >= steps:
        raise ValueError("steps or warm_up is out of range.")
    top = int(warm_up * steps)

    def schedule(step):
        up = (step + 1) / (top + 1)
        down = (steps - step) / (steps - top)
        return peak * core.maximum(core.minimum(up, down), 0.0)

    return schedule


@misconception(
    "7.17",
    "Your rate reaches its peak one step before it should.",
)
def one_cycle(peak, steps, warm_up=0.25):
    if steps < 1 or not 0 <= warm_up < 1:
        raise ValueError("steps or warm_up is out of range.")
    top = round(warm_up * steps)

    def schedule(step):
        up = (step + 1) / max(top, 1)
        down = (steps - step - 1) / max(steps - top, 1)
        return peak * core.maximum(core.minimum(core.minimum(up, down), 1.0), 0.0)

    return schedule


@misconception(
    "7.18",
    "You divide by the eigenvalues. They are variances: dividing by their root makes the variance 1.",
)
def whitening(x, size, eps=1e-4):
    found = windows(x, taps=(size, size), stride=(1, 1))
    rows = found.reshape(-1, size * size * x.shape[-1])
    mean = core.mean(rows, axis=0)
    rows = rows - mean
    covariance = rows.T @ rows / rows.shape[0]
    values, vectors = core.linalg.eigh(covariance, stream=core.cpu)
    kernels = (vectors / (values + eps)).T[::-1]
    return kernels.reshape(-1, size, size, x.shape[-1]), -(kernels @ mean)


@misconception(
    "7.18",
    "You take the rows of the matrix of eigenvectors. eigh returns one in each column.",
)
def whitening(x, size, eps=1e-4):
    found = windows(x, taps=(size, size), stride=(1, 1))
    rows = found.reshape(-1, size * size * x.shape[-1])
    mean = core.mean(rows, axis=0)
    rows = rows - mean
    covariance = rows.T @ rows / rows.shape[0]
    values, vectors = core.linalg.eigh(covariance, stream=core.cpu)
    kernels = (vectors.T / core.sqrt(values + eps)).T[::-1]
    return kernels.reshape(-1, size, size, x.shape[-1]), -(kernels @ mean)


@misconception(
    "7.18",
    "You do not take the mean away: what your kernels make white is not centred, and the first of them "
    "spends itself on the brightness that all windows share.",
)
def whitening(x, size, eps=1e-4):
    found = windows(x, taps=(size, size), stride=(1, 1))
    rows = found.reshape(-1, size * size * x.shape[-1])
    second = rows.T @ rows / rows.shape[0]
    values, vectors = core.linalg.eigh(second, stream=core.cpu)
    kernels = (vectors / core.sqrt(values + eps)).T[::-1]
    return kernels.reshape(-1, size, size, x.shape[-1]), core.zeros((rows.shape[1],))


@misconception(
    "7.18",
    "Your kernels begin with the smallest eigenvalue, the one that is mostly noise.",
)
def whitening(x, size, eps=1e-4):
    found = windows(x, taps=(size, size), stride=(1, 1))
    rows = found.reshape(-1, size * size * x.shape[-1])
    mean = core.mean(rows, axis=0)
    rows = rows - mean
    covariance = rows.T @ rows / rows.shape[0]
    values, vectors = core.linalg.eigh(covariance, stream=core.cpu)
    kernels = (vectors / core.sqrt(values + eps)).T
    return kernels.reshape(-1, size, size, x.shape[-1]), -(kernels @ mean)


@misconception(
    "7.19",
    "Your weights are those of the whole batch: each picture has its own slopes, and its own mean of "
    "them.",
)
def class_activation(features, head, x, classes):
    maps = features(x)
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda maps: core.sum(head(maps)[each, classes]))(maps)
    weights = core.mean(slopes, axis=(0, 1, 2), keepdims=True)
    return core.maximum(core.sum(weights * maps, axis=-1), 0.0)


@misconception(
    "7.19",
    "You multiply maps and slopes place by place. The slope of a map is first averaged over its places.",
)
def class_activation(features, head, x, classes):
    maps = features(x)
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda maps: core.sum(head(maps)[each, classes]))(maps)
    return core.maximum(core.sum(slopes * maps, axis=-1), 0.0)


@misconception(
    "7.19",
    "You differentiate the sum of all logits. Only that of the class that was asked for counts, for "
    "each picture its own.",
)
def class_activation(features, head, x, classes):
    maps = features(x)
    slopes = core.grad(lambda maps: core.sum(head(maps)))(maps)
    weights = core.mean(slopes, axis=(1, 2), keepdims=True)
    return core.maximum(core.sum(weights * maps, axis=-1), 0.0)


@misconception(
    "7.18",
    "You divide the covariance by one less than there are windows, as an estimate from a sample does. "
    "Here the windows are all there are.",
)
def whitening(x, size, eps=1e-4):
    found = windows(x, taps=(size, size), stride=(1, 1))
    rows = found.reshape(-1, size * size * x.shape[-1])
    mean = core.mean(rows, axis=0)
    rows = rows - mean
    covariance = rows.T @ rows / (rows.shape[0] - 1)
    values, vectors = core.linalg.eigh(covariance, stream=core.cpu)
    kernels = (vectors / core.sqrt(values + eps)).T[::-1]
    return kernels.reshape(-1, size, size, x.shape[-1]), -(kernels @ mean)


@misconception(
    "7.18",
    "You take the mean of squares minus the square of the mean. Where the mean is large and the "
    "variance small, nothing is left of the difference: take the mean away first.",
)
def whitening(x, size, eps=1e-4):
    found = windows(x, taps=(size, size), stride=(1, 1))
    rows = found.reshape(-1, size * size * x.shape[-1])
    mean = core.mean(rows, axis=0)
    covariance = rows.T @ rows / rows.shape[0] - mean[:, None] * mean
    values, vectors = core.linalg.eigh(covariance, stream=core.cpu)
    kernels = (vectors / core.sqrt(values + eps)).T[::-1]
    return kernels.reshape(-1, size, size, x.shape[-1]), -(kernels @ mean)


@misconception(
    "7.19",
    "Your maps are negative in places. What speaks against the class is cut off, in the end.",
)
def class_activation(features, head, x, classes):
    maps = features(x)
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda maps: core.sum(head(maps)[each, classes]))(maps)
    weights = core.mean(slopes, axis=(1, 2), keepdims=True)
    return core.sum(weights * maps, axis=-1)


@misconception(
    "7.19",
    "You add the slopes of a map up. Its weight is their mean.",
)
def class_activation(features, head, x, classes):
    maps = features(x)
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda maps: core.sum(head(maps)[each, classes]))(maps)
    weights = core.sum(slopes, axis=(1, 2), keepdims=True)
    return core.maximum(core.sum(weights * maps, axis=-1), 0.0)


@misconception(
    "7.19",
    "You cut off what is negative before the sum over the channels. A channel that speaks against the "
    "class has to be able to outweigh the others.",
)
def class_activation(features, head, x, classes):
    maps = features(x)
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda maps: core.sum(head(maps)[each, classes]))(maps)
    weights = core.mean(slopes, axis=(1, 2), keepdims=True)
    return core.sum(core.maximum(weights * maps, 0.0), axis=-1)


@misconception(
    "7.20",
    "You average the logits and then take the softmax. One view that is very sure of itself then "
    "outvotes the others; average the probabilities.",
)
def averaged(model, x, views):
    if not views:
        raise ValueError("There are no views.")
    training = model.training
    model.eval()
    try:
        answers = [model(view(x)) for view in views]
    finally:
        model.train(training)
    return nn.softmax(core.mean(core.stack(answers), axis=0), axis=-1)


@misconception(
    "7.20",
    "You let the model answer in the mode in which it is. In training mode batch normalization uses "
    "this batch's statistics, and moves the running ones.",
)
def averaged(model, x, views):
    if not views:
        raise ValueError("There are no views.")
    answers = [nn.softmax(model(view(x)), axis=-1) for view in views]
    return core.mean(core.stack(answers), axis=0)


@misconception(
    "7.20",
    "Your model stays in evaluation mode: whoever goes on training it trains another network.",
)
def averaged(model, x, views):
    if not views:
        raise ValueError("There are no views.")
    model.eval()
    answers = [nn.softmax(model(view(x)), axis=-1) for view in views]
    return core.mean(core.stack(answers), axis=0)


@misconception(
    "7.20",
    "An error in a view leaves the model in evaluation mode: put the mode back in a finally.",
)
def averaged(model, x, views):
    if not views:
        raise ValueError("There are no views.")
    training = model.training
    model.eval()
    answers = [nn.softmax(model(view(x)), axis=-1) for view in views]
    model.train(training)
    return core.mean(core.stack(answers), axis=0)
