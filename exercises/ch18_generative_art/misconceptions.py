"""What people really write in chapter 18. Parsed, never imported: see CONTRIBUTING.md."""


# 18.1: what style is to a network


@misconception(
    "18.1",
    "Your matrix compares positions, (H W, H W). A Gram matrix compares channels and has forgotten "
    "where anything was: sum over the positions.",
)
def gram_matrix(maps):
    if maps.ndim != 4 or maps.shape[1] * maps.shape[2] == 0:
        raise ValueError("[gram_matrix] maps")
    n, height, width, channels = maps.shape
    rows = maps.astype(core.float32).reshape(n, height * width, channels)
    return rows @ rows.swapaxes(1, 2) / channels


@misconception(
    "18.1",
    "You divide by the number of channels, too. The mean is over positions alone; the channels are "
    "divided out once, by the target, in the loss.",
)
def gram_matrix(maps):
    if maps.ndim != 4 or maps.shape[1] * maps.shape[2] == 0:
        raise ValueError("[gram_matrix] maps")
    n, height, width, channels = maps.shape
    rows = maps.astype(core.float32).reshape(n, height * width, channels)
    return rows.swapaxes(1, 2) @ rows / (height * width * channels)


@misconception(
    "18.1",
    "You do not divide by the number of positions. Then a picture twice as large has another style.",
)
def gram_matrix(maps):
    if maps.ndim != 4 or maps.shape[1] * maps.shape[2] == 0:
        raise ValueError("[gram_matrix] maps")
    n, height, width, channels = maps.shape
    rows = maps.astype(core.float32).reshape(n, height * width, channels)
    return rows.swapaxes(1, 2) @ rows


@misconception(
    "18.1",
    "The products are summed in half precision: float16 ends at 65,504, and bfloat16 has three digits. "
    "Go to float32 before the product.",
)
def gram_matrix(maps):
    if maps.ndim != 4 or maps.shape[1] * maps.shape[2] == 0:
        raise ValueError("[gram_matrix] maps")
    n, height, width, channels = maps.shape
    rows = maps.reshape(n, height * width, channels)
    return (rows.swapaxes(1, 2) @ rows).astype(core.float32) / (height * width)


@misconception(
    "18.1",
    "You take the mean away first: that is a covariance. How strong a channel is on average is part of "
    "the style.",
)
def gram_matrix(maps):
    if maps.ndim != 4 or maps.shape[1] * maps.shape[2] == 0:
        raise ValueError("[gram_matrix] maps")
    n, height, width, channels = maps.shape
    rows = maps.astype(core.float32).reshape(n, height * width, channels)
    rows = rows - core.mean(rows, axis=1, keepdims=True)
    return rows.swapaxes(1, 2) @ rows / (height * width)


@misconception(
    "18.1",
    "All pictures of the batch are one to you: their matrices are mixed. Each picture has its own.",
)
def gram_matrix(maps):
    if maps.ndim != 4 or maps.shape[1] * maps.shape[2] == 0:
        raise ValueError("[gram_matrix] maps")
    rows = maps.astype(core.float32).reshape(-1, maps.shape[-1])
    y = rows.T @ rows / rows.shape[0]
    return core.broadcast_to(y, (maps.shape[0], *y.shape))


@misconception(
    "18.1",
    "The quotient is of sums over the whole batch. A picture with a small target then hardly counts: "
    "divide for each picture, and take the mean of the quotients.",
)
def relative_error(x, target):
    x, target = x.astype(core.float32), target.astype(core.float32)
    target = core.broadcast_to(target, x.shape)
    size = core.sum(core.square(target))
    return core.sum(core.square(x - target)) / core.where(size > 0, size, 1.0)


@misconception(
    "18.1",
    "You add a constant to the denominator. A target as small as the constant is not measured by "
    "itself any more: choose 1 only where it is exactly 0.",
)
def relative_error(x, target):
    x, target = x.astype(core.float32), target.astype(core.float32)
    axes = tuple(range(1, x.ndim))
    size = core.sum(core.square(target), axis=axes)
    apart = core.sum(core.square(x - target), axis=axes)
    return core.mean(apart / (size + 1e-8))


@misconception(
    "18.1",
    "A target of zeros divides by 0. Divide by 1 there.",
)
def relative_error(x, target):
    x, target = x.astype(core.float32), target.astype(core.float32)
    axes = tuple(range(1, x.ndim))
    size = core.sum(core.square(target), axis=axes)
    apart = core.sum(core.square(x - target), axis=axes)
    return core.mean(apart / size)


@misconception(
    "18.1",
    "Layers are compared in their own units: the one with the largest numbers drowns all others. "
    "Measure each by the size of its own target.",
)
def style_loss(maps, targets, weights=None):
    count = len(maps)
    if weights is None:
        weights = [1 / max(count, 1)] * count
    if not count or len(targets) != count or len(weights) != count:
        raise ValueError("[style_loss] layers")
    total = core.zeros((), core.float32)
    for layer, target, weight in zip(maps, targets, weights):
        total = total + weight * core.mean(core.square(gram_matrix(layer) - target))
    return total


@misconception(
    "18.1",
    "Without weights each layer counts 1 / the number of layers, not 1.",
)
def style_loss(maps, targets, weights=None):
    count = len(maps)
    if weights is None:
        weights = [1.0] * count
    if not count or len(targets) != count or len(weights) != count:
        raise ValueError("[style_loss] layers")
    total = core.zeros((), core.float32)
    for layer, target, weight in zip(maps, targets, weights):
        total = total + weight * relative_error(gram_matrix(layer), target)
    return total


@misconception(
    "18.1",
    "`zip` ends with the shortest: layers without a target are left out in silence. Compare the numbers.",
)
def style_loss(maps, targets, weights=None):
    if weights is None:
        weights = [1 / max(len(maps), 1)] * len(maps)
    total = core.zeros((), core.float32)
    for layer, target, weight in zip(maps, targets, weights):
        total = total + weight * relative_error(gram_matrix(layer), target)
    return total


@misconception(
    "18.1",
    "Total variation is a mean here. A sum grows with the picture, and its weight with it.",
)
def total_variation(x):
    down, across = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    return core.sum(core.square(down)) + core.sum(core.square(across))


@misconception(
    "18.1",
    "The mean over no neighbours is nan: leave out an axis that has one pixel.",
)
def total_variation(x):
    down, across = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    return core.mean(core.square(down)) + core.mean(core.square(across))


@misconception(
    "18.1",
    "Differences are squared here, not taken absolute: a minimizer wants a slope that fades at 0.",
)
def total_variation(x):
    down, across = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    parts = [core.mean(core.abs(step)) for step in (down, across) if step.size]
    return sum(parts, core.zeros((), x.dtype))


@misconception(
    "18.1",
    "A size below a threshold of yours counts as none. Every target but one of exactly 0 is measured by itself, however small.",
)
def relative_error(x, target):
    x, target = (x.astype(core.float32), target.astype(core.float32))
    axes = tuple(range(1, x.ndim))
    size = core.sum(core.square(target), axis=axes)
    apart = core.sum(core.square(x - target), axis=axes)
    return core.mean(apart / core.where(size > 1e-12, size, 1.0))


@misconception(
    "18.1",
    "No slope reaches the target with you. It is an input as the other one; who wants it fixed stops it outside.",
)
def relative_error(x, target):
    x, target = (x.astype(core.float32), core.stop_gradient(target.astype(core.float32)))
    axes = tuple(range(1, x.ndim))
    size = core.sum(core.square(target), axis=axes)
    apart = core.sum(core.square(x - target), axis=axes)
    return core.mean(apart / core.where(size > 0, size, 1.0))


@misconception(
    "18.1",
    "You ask for numbers on the way, to decide with an if. In a compiled step there are "
    "none yet: `where` decides for each picture when its turn comes.",
)
def relative_error(x, target):
    if x.shape[0] == 0:
        raise ValueError("[relative_error] There should be at least one picture.")
    x, target = x.astype(core.float32), target.astype(core.float32)
    axes = tuple(range(1, x.ndim))
    size = core.sum(core.square(target), axis=axes)
    apart = core.sum(core.square(x - target), axis=axes)
    return core.mean(apart / (size if min(size.tolist()) > 0 else core.where(size > 0, size, 1.0)))


# 18.2: eyes from a file


@misconception(
    "18.2",
    "The whole network runs, whatever was asked for. Stop behind the deepest layer of those.",
)
def __call__(self, x, layers):
    known = self.layers()
    if not layers or any(name not in known for name in layers):
        raise ValueError(f"[FeatureNet] layers {layers}")
    found = {}
    for name in known:
        if name.endswith("_1") and name != "conv1_1":
            x = halved(x)
        x = nn.relu(self[name](bordered(x, self.border)))
        found[name] = x
    return {name: found[name] for name in layers}


@misconception(
    "18.2",
    "You keep what comes out of the convolution. The maps are those behind relu.",
)
def __call__(self, x, layers):
    known = self.layers()
    if not layers or any(name not in known for name in layers):
        raise ValueError(f"[FeatureNet] layers {layers}")
    found = {}
    for name in known[: max(known.index(name) for name in layers) + 1]:
        if name.endswith("_1") and name != "conv1_1":
            x = halved(x)
        found[name] = self[name](bordered(x, self.border))
        x = nn.relu(found[name])
    return {name: found[name] for name in layers}


@misconception(
    "18.2",
    "You take the maximum of each window. Its slope reaches one pixel of four, which leaves a "
    "checkered picture: take the mean.",
)
def __call__(self, x, layers):
    known = self.layers()
    if not layers or any(name not in known for name in layers):
        raise ValueError(f"[FeatureNet] layers {layers}")
    found = {}
    for name in known[: max(known.index(name) for name in layers) + 1]:
        if name.endswith("_1") and name != "conv1_1":
            x = nn.MaxPool2d(2)(x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2])
        x = nn.relu(self[name](bordered(x, self.border)))
        found[name] = x
    return {name: found[name] for name in layers}


@misconception(
    "18.2",
    'The border is always zeros with you. With "wrap" a map continues at its opposite side.',
)
def __call__(self, x, layers):
    known = self.layers()
    if not layers or any(name not in known for name in layers):
        raise ValueError(f"[FeatureNet] layers {layers}")
    found = {}
    for name in known[: max(known.index(name) for name in layers) + 1]:
        if name.endswith("_1") and name != "conv1_1":
            x = halved(x)
        x = nn.relu(self[name](bordered(x, "zeros")))
        found[name] = x
    return {name: found[name] for name in layers}


@misconception(
    "18.2",
    "The maps come back in the order of the network, and are wanted in the order asked for.",
)
def __call__(self, x, layers):
    known = self.layers()
    if not layers or any(name not in known for name in layers):
        raise ValueError(f"[FeatureNet] layers {layers}")
    found = {}
    for name in known[: max(known.index(name) for name in layers) + 1]:
        if name.endswith("_1") and name != "conv1_1":
            x = halved(x)
        x = nn.relu(self[name](bordered(x, self.border)))
        if name in layers:
            found[name] = x
    return found


@misconception(
    "18.2",
    "Red is still first. These weights were trained with blue, green, red.",
)
def prepared(x):
    return 255 * x - core.array(MEANS, x.dtype)


@misconception(
    "18.2",
    "You subtract the means of blue, green, red from red, green, blue: turn the channels first.",
)
def prepared(x):
    return (255 * x - core.array(MEANS, x.dtype))[..., ::-1]


@misconception(
    "18.2",
    "The weights expect 0 to 255, and you give them 0 to 1: everything is nearly black to them.",
)
def prepared(x):
    return x[..., ::-1] - core.array(MEANS, x.dtype)


@misconception(
    "18.2",
    "The axes are in another order: (KH, KW, in, out) there, (out, KH, KW, in) here.",
)
def renamed(published):
    found = []
    for name, weight in published.items():
        parts = name.split("/")
        if len(parts) != 5 or not parts[0].startswith("block") or "conv2d" not in parts[2]:
            continue
        group, place = parts[0].removeprefix("block"), parts[2].removeprefix("conv2d").strip("_")
        kernel = parts[4] == "0"
        if weight.ndim != (4 if kernel else 1):
            raise ValueError(f"[renamed] {name} has {weight.ndim} axes.")
        ours = f"conv{group}_{int(place or 0) + 1}.{'weight' if kernel else 'bias'}"
        found.append((ours, weight.transpose(3, 1, 0, 2) if kernel else weight))
    return found


@misconception(
    "18.2",
    "The file counts from 0 and leaves the 0 out; here the first convolution is number 1.",
)
def renamed(published):
    found = []
    for name, weight in published.items():
        parts = name.split("/")
        if len(parts) != 5 or not parts[0].startswith("block") or "conv2d" not in parts[2]:
            continue
        group, place = parts[0].removeprefix("block"), parts[2].removeprefix("conv2d").strip("_")
        kernel = parts[4] == "0"
        if weight.ndim != (4 if kernel else 1):
            raise ValueError(f"[renamed] {name} has {weight.ndim} axes.")
        ours = f"conv{group}_{int(place or 0)}.{'weight' if kernel else 'bias'}"
        found.append((ours, weight.transpose(3, 0, 1, 2) if kernel else weight))
    return found


@misconception(
    "18.2",
    "Pixels are cut off at 0 and 1 first. A search leaves that range for a while, and what is cut has no slope.",
)
def prepared(x):
    return 255 * core.clip(x, 0, 1)[..., ::-1] - core.array(MEANS, x.dtype)


@misconception(
    "18.2",
    "Numbers of blocks and layers are taken to have one digit: `conv2d_10` is the eleventh layer, not the first.",
)
def renamed(published):
    found = []
    for name, weight in published.items():
        parts = name.split("/")
        if len(parts) != 5 or not parts[0].startswith("block") or "conv2d" not in parts[2]:
            continue
        group, place = (parts[0].removeprefix("block"), parts[2].removeprefix("conv2d").strip("_"))
        kernel = parts[4] == "0"
        if weight.ndim != (4 if kernel else 1):
            raise ValueError(f"[renamed] {name} has {weight.ndim} axes.")
        ours = f"conv{group}_{int((place or '0')[-1]) + 1}.{('weight' if kernel else 'bias')}"
        found.append((ours, weight.transpose(3, 0, 1, 2) if kernel else weight))
    return found


# 18.3: curvature from the last few steps


@misconception(
    "18.3",
    "The direction leads up: it is minus the curvature times the gradient.",
)
def direction(gradient, steps, changes):
    q, shares = gradient, []
    for s, y in zip(reversed(steps), reversed(changes)):
        shares.append(dot(s, q) / dot(s, y))
        q = q - shares[-1] * y
    if steps:
        q = q * (dot(steps[-1], changes[-1]) / dot(changes[-1], changes[-1]))
    for s, y, share in zip(steps, changes, reversed(shares)):
        q = q + (share - dot(y, q) / dot(s, y)) * s
    return q


@misconception(
    "18.3",
    "Both loops go from the oldest step to the newest. The first one has to undo the newest first.",
)
def direction(gradient, steps, changes):
    q, shares = gradient, []
    for s, y in zip(steps, changes):
        shares.append(dot(s, q) / dot(s, y))
        q = q - shares[-1] * y
    if steps:
        q = q * (dot(steps[-1], changes[-1]) / dot(changes[-1], changes[-1]))
    for s, y, share in zip(steps, changes, shares):
        q = q + (share - dot(y, q) / dot(s, y)) * s
    return -q


@misconception(
    "18.3",
    "You begin with the identity. Without the scale of the last step, s.y / y.y, the first length that "
    "is tried is far off in every search.",
)
def direction(gradient, steps, changes):
    q, shares = gradient, []
    for s, y in zip(reversed(steps), reversed(changes)):
        shares.append(dot(s, q) / dot(s, y))
        q = q - shares[-1] * y
    for s, y, share in zip(steps, changes, reversed(shares)):
        q = q + (share - dot(y, q) / dot(s, y)) * s
    return -q


@misconception(
    "18.3",
    "The scale is that of the oldest step that is remembered. The newest one knows more of here.",
)
def direction(gradient, steps, changes):
    q, shares = gradient, []
    for s, y in zip(reversed(steps), reversed(changes)):
        shares.append(dot(s, q) / dot(s, y))
        q = q - shares[-1] * y
    if steps:
        q = q * (dot(steps[0], changes[0]) / dot(changes[0], changes[0]))
    for s, y, share in zip(steps, changes, reversed(shares)):
        q = q + (share - dot(y, q) / dot(s, y)) * s
    return -q


@misconception(
    "18.3",
    "The shares of the first loop are used in the order in which they were found; the second loop runs "
    "the other way.",
)
def direction(gradient, steps, changes):
    q, shares = gradient, []
    for s, y in zip(reversed(steps), reversed(changes)):
        shares.append(dot(s, q) / dot(s, y))
        q = q - shares[-1] * y
    if steps:
        q = q * (dot(steps[-1], changes[-1]) / dot(changes[-1], changes[-1]))
    for s, y, share in zip(steps, changes, shares):
        q = q + (share - dot(y, q) / dot(s, y)) * s
    return -q


@misconception(
    "18.3",
    "Only the decrease is asked for. A step that is much too short passes, and its change of the "
    "gradient says nothing of the curvature: ask for the second condition, too.",
)
def line_search(function, start, towards, first=1.0, most=20, decrease=1e-4, curvature=0.9):
    slope = dot(start.gradient, towards)
    if not slope < 0:
        raise ValueError(f"[line_search] direction {slope}")
    t, best = first, start
    for asked in range(1, most + 1):
        x = start.x + t * towards
        value, gradient = function(x)
        here = Point(x, value.item(), gradient)
        if here.value < best.value:
            best = here
        if here.value <= start.value + decrease * t * slope:
            return here, asked
        t = t / 2
    return best, most


@misconception(
    "18.3",
    "nan is neither above nor below: `value > bound` is false for it, and you walk on beyond the wall. "
    "Ask whether the value is *not* at most the bound.",
)
def line_search(function, start, towards, first=1.0, most=20, decrease=1e-4, curvature=0.9):
    slope = dot(start.gradient, towards)
    if not slope < 0:
        raise ValueError(f"[line_search] direction {slope}")
    low, high, t, best = 0.0, float("inf"), first, start
    for asked in range(1, most + 1):
        x = start.x + t * towards
        value, gradient = function(x)
        here = Point(x, value.item(), gradient)
        if here.value < best.value:
            best = here
        if here.value > start.value + decrease * t * slope:
            high = t
        elif dot(here.gradient, towards) < curvature * slope:
            low = t
        else:
            return here, asked
        t = 2 * t if high == float("inf") else (low + high) / 2
    return best, most


@misconception(
    "18.3",
    "When time is up you return the last place. Return the lowest that was seen, even if it is the start.",
)
def line_search(function, start, towards, first=1.0, most=20, decrease=1e-4, curvature=0.9):
    slope = dot(start.gradient, towards)
    if not slope < 0:
        raise ValueError(f"[line_search] direction {slope}")
    low, high, t, here = 0.0, float("inf"), first, start
    for asked in range(1, most + 1):
        x = start.x + t * towards
        value, gradient = function(x)
        here = Point(x, value.item(), gradient)
        if not here.value <= start.value + decrease * t * slope:
            high = t
        elif dot(here.gradient, towards) < curvature * slope:
            low = t
        else:
            return here, asked
        t = 2 * t if high == float("inf") else (low + high) / 2
    return here, most


@misconception(
    "18.3",
    "The first length is 1 also where nothing is known of the curvature. A gradient of 300 is then a "
    "step of 300.",
)
def minimize(function, x, evaluations=100, memory=10, enough=1e-6):
    if evaluations < 1 or memory < 1:
        raise ValueError("[minimize] evaluations and memory")
    value, gradient = function(x)
    here, asked = Point(x, value.item(), gradient), 1
    if not abs(here.value) < float("inf"):
        raise ValueError("[minimize] not finite")
    steps, changes = [], []
    while asked < evaluations and core.max(core.abs(here.gradient)).item() > enough:
        towards = direction(here.gradient, steps, changes)
        if not dot(towards, here.gradient) < 0:
            steps, changes, towards = [], [], -here.gradient
        new, more = line_search(function, here, towards, 1.0, min(20, evaluations - asked))
        asked += more
        if new.value >= here.value:
            break
        s, y = new.x - here.x, new.gradient - here.gradient
        core.eval(s, y)
        if dot(s, y) > 0:
            steps, changes = [*steps, s][-memory:], [*changes, y][-memory:]
        here = new
    return Minimum(here.x, here.value, asked)


@misconception(
    "18.3",
    "Every search may ask 20 times, also when only three questions are left: more is asked than allowed.",
)
def minimize(function, x, evaluations=100, memory=10, enough=1e-6):
    if evaluations < 1 or memory < 1:
        raise ValueError("[minimize] evaluations and memory")
    value, gradient = function(x)
    here, asked = Point(x, value.item(), gradient), 1
    if not abs(here.value) < float("inf"):
        raise ValueError("[minimize] not finite")
    steps, changes = [], []
    while asked < evaluations and core.max(core.abs(here.gradient)).item() > enough:
        towards = direction(here.gradient, steps, changes)
        if not dot(towards, here.gradient) < 0:
            steps, changes, towards = [], [], -here.gradient
        first = 1.0 if steps else min(1.0, 1 / core.sum(core.abs(here.gradient)).item())
        new, more = line_search(function, here, towards, first)
        asked += more
        if new.value >= here.value:
            break
        s, y = new.x - here.x, new.gradient - here.gradient
        core.eval(s, y)
        if dot(s, y) > 0:
            steps, changes = [*steps, s][-memory:], [*changes, y][-memory:]
        here = new
    return Minimum(here.x, here.value, asked)


@misconception(
    "18.3",
    "All steps are remembered. Each is two pictures; forget all but the last `memory`.",
)
def minimize(function, x, evaluations=100, memory=10, enough=1e-6):
    if evaluations < 1 or memory < 1:
        raise ValueError("[minimize] evaluations and memory")
    value, gradient = function(x)
    here, asked = Point(x, value.item(), gradient), 1
    if not abs(here.value) < float("inf"):
        raise ValueError("[minimize] not finite")
    steps, changes = [], []
    while asked < evaluations and core.max(core.abs(here.gradient)).item() > enough:
        towards = direction(here.gradient, steps, changes)
        if not dot(towards, here.gradient) < 0:
            steps, changes, towards = [], [], -here.gradient
        first = 1.0 if steps else min(1.0, 1 / core.sum(core.abs(here.gradient)).item())
        new, more = line_search(function, here, towards, first, min(20, evaluations - asked))
        asked += more
        if new.value >= here.value:
            break
        s, y = new.x - here.x, new.gradient - here.gradient
        core.eval(s, y)
        if dot(s, y) > 0:
            steps, changes = [*steps, s], [*changes, y]
        here = new
    return Minimum(here.x, here.value, asked)


@misconception(
    "18.3",
    "Minus infinity is a great deal lower, and no place to walk to: a value that is not finite was too far.",
)
def line_search(function, start, towards, first=1.0, most=20, decrease=0.0001, curvature=0.9):
    slope = dot(start.gradient, towards)
    if not slope < 0:
        raise ValueError(f"[line_search] The slope in the direction is {slope}; it should fall.")
    low, high, t, best = (0.0, float("inf"), first, start)
    for asked in range(1, most + 1):
        x = start.x + t * towards
        value, gradient = function(x)
        here = Point(x, value.item(), gradient)
        if here.value < best.value:
            best = here
        if not here.value <= start.value + decrease * t * slope:
            high = t
        elif dot(here.gradient, towards) < curvature * slope:
            low = t
        else:
            return (here, asked)
        t = 2 * t if high == float("inf") else (low + high) / 2
    return (best, most)


@misconception(
    "18.3",
    "The length of the whole gradient is compared with `enough`. It is the largest slope that counts: a length grows with the picture.",
)
def minimize(function, x, evaluations=100, memory=10, enough=1e-06):
    if evaluations < 1 or memory < 1:
        raise ValueError(
            f"[minimize] evaluations and memory should be at least 1; they are {evaluations} and {memory}."
        )
    value, gradient = function(x)
    here, asked = (Point(x, value.item(), gradient), 1)
    if not abs(here.value) < float("inf"):
        raise ValueError(f"[minimize] The value at the start is not finite: {here.value}.")
    steps: list[array] = []
    changes: list[array] = []
    while asked < evaluations and core.linalg.norm(here.gradient).item() > enough:
        towards = direction(here.gradient, steps, changes)
        if not dot(towards, here.gradient) < 0:
            steps, changes, towards = ([], [], -here.gradient)
        first = 1.0 if steps else min(1.0, 1 / core.sum(core.abs(here.gradient)).item())
        new, more = line_search(function, here, towards, first, min(20, evaluations - asked))
        asked += more
        if new.value >= here.value:
            break
        s, y = (new.x - here.x, new.gradient - here.gradient)
        if dot(s, y) > 0:
            steps, changes = ([*steps, s][-memory:], [*changes, y][-memory:])
        here = new
    return Minimum(here.x, here.value, asked)


@misconception(
    "18.3",
    "Steps are forgotten if their product with the change is below a threshold of yours: near a minimum all are. It has to be positive, no more.",
)
def minimize(function, x, evaluations=100, memory=10, enough=1e-06):
    if evaluations < 1 or memory < 1:
        raise ValueError(
            f"[minimize] evaluations and memory should be at least 1; they are {evaluations} and {memory}."
        )
    value, gradient = function(x)
    here, asked = (Point(x, value.item(), gradient), 1)
    if not abs(here.value) < float("inf"):
        raise ValueError(f"[minimize] The value at the start is not finite: {here.value}.")
    steps: list[array] = []
    changes: list[array] = []
    while asked < evaluations and core.max(core.abs(here.gradient)).item() > enough:
        towards = direction(here.gradient, steps, changes)
        if not dot(towards, here.gradient) < 0:
            steps, changes, towards = ([], [], -here.gradient)
        first = 1.0 if steps else min(1.0, 1 / core.sum(core.abs(here.gradient)).item())
        new, more = line_search(function, here, towards, first, min(20, evaluations - asked))
        asked += more
        if new.value >= here.value:
            break
        s, y = (new.x - here.x, new.gradient - here.gradient)
        if dot(s, y) > 1e-10:
            steps, changes = ([*steps, s][-memory:], [*changes, y][-memory:])
        here = new
    return Minimum(here.x, here.value, asked)


# 18.4: shadows on lines


@misconception(
    "18.4",
    "Uniform numbers in a cube point to its corners more often than to its faces. Normal numbers, "
    "brought to length 1, prefer no direction.",
)
def random_directions(count, dims, key=None):
    x = core.random.uniform(-1, 1, (count, dims), key=key)
    return x / core.linalg.norm(x, axis=1, keepdims=True)


@misconception(
    "18.4",
    "The directions do not have length 1: the shadow on a longer one is larger.",
)
def random_directions(count, dims, key=None):
    return core.random.normal((count, dims), key=key) / dims**0.5


@misconception(
    "18.4",
    "The key is not used: the same key has to give the same directions.",
)
def random_directions(count, dims, key=None):
    x = core.random.normal((count, dims))
    return x / core.linalg.norm(x, axis=1, keepdims=True)


@misconception(
    "18.4",
    "The shadows are compared in the order of the points. Sort both: the cheapest way keeps the order "
    "of the places, not of the list.",
)
def sliced_wasserstein(a, b, directions):
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError("[sliced_wasserstein] features")
    lines = directions.astype(core.float32).T
    first, second = a.astype(core.float32) @ lines, b.astype(core.float32) @ lines
    n, m = a.shape[0], b.shape[0]
    if n == m:
        return core.mean(core.square(first - second))
    ends = core.sort(core.concatenate([_multiples(n, m), _multiples(m, n)]))
    widths = (ends - core.concatenate([core.zeros((1,), core.int64), ends[:-1]])) / (n * m)
    apart = first[(ends - 1) // m] - second[(ends - 1) // n]
    return core.mean(core.sum(widths[:, None] * core.square(apart), axis=0))


@misconception(
    "18.4",
    "You sort along the directions. Each column is a shadow: sort along the points, axis 0.",
)
def sliced_wasserstein(a, b, directions):
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError("[sliced_wasserstein] features")
    lines = directions.astype(core.float32).T
    first = core.sort(a.astype(core.float32) @ lines, axis=1)
    second = core.sort(b.astype(core.float32) @ lines, axis=1)
    n, m = a.shape[0], b.shape[0]
    if n == m:
        return core.mean(core.square(first - second))
    ends = core.sort(core.concatenate([_multiples(n, m), _multiples(m, n)]))
    widths = (ends - core.concatenate([core.zeros((1,), core.int64), ends[:-1]])) / (n * m)
    apart = first[(ends - 1) // m] - second[(ends - 1) // n]
    return core.mean(core.sum(widths[:, None] * core.square(apart), axis=0))


@misconception(
    "18.4",
    "The larger cloud is cut to the size of the smaller one after sorting: its largest numbers are gone. "
    "Compare the two staircases piece by piece.",
)
def sliced_wasserstein(a, b, directions):
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError("[sliced_wasserstein] features")
    lines = directions.astype(core.float32).T
    first = core.sort(a.astype(core.float32) @ lines, axis=0)
    second = core.sort(b.astype(core.float32) @ lines, axis=0)
    count = min(a.shape[0], b.shape[0])
    return core.mean(core.square(first[:count] - second[:count]))


@misconception(
    "18.4",
    "Each piece between two ends counts as much as any other. Some are longer: weigh each with its width.",
)
def sliced_wasserstein(a, b, directions):
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError("[sliced_wasserstein] features")
    lines = directions.astype(core.float32).T
    first = core.sort(a.astype(core.float32) @ lines, axis=0)
    second = core.sort(b.astype(core.float32) @ lines, axis=0)
    n, m = a.shape[0], b.shape[0]
    if n == m:
        return core.mean(core.square(first - second))
    ends = core.sort(core.concatenate([_multiples(n, m), _multiples(m, n)]))
    apart = first[(ends - 1) // m] - second[(ends - 1) // n]
    return core.mean(core.square(apart))


@misconception(
    "18.4",
    "You take absolute differences: that is the first Wasserstein distance. Here it is the squared second.",
)
def sliced_wasserstein(a, b, directions):
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError("[sliced_wasserstein] features")
    lines = directions.astype(core.float32).T
    first = core.sort(a.astype(core.float32) @ lines, axis=0)
    second = core.sort(b.astype(core.float32) @ lines, axis=0)
    n, m = a.shape[0], b.shape[0]
    ends = core.sort(core.concatenate([_multiples(n, m), _multiples(m, n)]))
    widths = (ends - core.concatenate([core.zeros((1,), core.int64), ends[:-1]])) / (n * m)
    apart = first[(ends - 1) // m] - second[(ends - 1) // n]
    return core.mean(core.sum(widths[:, None] * core.abs(apart), axis=0))


@misconception(
    "18.4",
    "You bring the directions to length 1 yourself. They are used as they are given.",
)
def sliced_wasserstein(a, b, directions):
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(
            f"[sliced_wasserstein] Clouds and directions should be tables with as many features, and not empty; they are {a.shape}, {b.shape} and {directions.shape}."
        )
    lines = directions.astype(core.float32).T
    lines = lines / core.linalg.norm(lines, axis=0, keepdims=True)
    first = core.sort(a.astype(core.float32) @ lines, axis=0)
    second = core.sort(b.astype(core.float32) @ lines, axis=0)
    n, m = (a.shape[0], b.shape[0])
    if n == m:
        return core.mean(core.square(first - second))
    ends = core.sort(core.concatenate([_multiples(n, m), _multiples(m, n)]))
    widths = (ends - core.concatenate([core.zeros((1,), core.int64), ends[:-1]])) / (n * m)
    apart = first[(ends - 1) // m] - second[(ends - 1) // n]
    return core.mean(core.sum(widths[:, None] * core.square(apart), axis=0))


@misconception(
    "18.4",
    "Half of the directions are the others turned around: they see what those saw already. Draw each anew.",
)
def random_directions(count, dims, key=None):
    x = core.random.normal(((count + 1) // 2, dims), key=key)
    x = core.concatenate([x, -x])[:count]
    return x / core.linalg.norm(x, axis=1, keepdims=True)


# 18.5: another picture's statistics


@misconception(
    "18.5",
    "Statistics over the channels, too: then all channels have one mean. Only places are averaged over.",
)
def statistics(maps, mask=None, eps=1e-5):
    maps = maps.astype(core.float32)
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = core.broadcast_to(mask.astype(core.float32)[..., None], maps.shape)
    total = core.sum(share, axis=(1, 2, 3), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(1, 2, 3), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(1, 2, 3), keepdims=True)
    shape = (maps.shape[0], 1, 1, maps.shape[-1])
    return core.broadcast_to(mean, shape), core.broadcast_to(core.sqrt(variance + eps), shape)


@misconception(
    "18.5",
    "Statistics over the whole batch: the pictures take each other's colours. Each has its own.",
)
def statistics(maps, mask=None, eps=1e-5):
    maps = maps.astype(core.float32)
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = core.broadcast_to(mask.astype(core.float32)[..., None], (*maps.shape[:3], 1))
    total = core.sum(share, axis=(0, 1, 2), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(0, 1, 2), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(0, 1, 2), keepdims=True)
    shape = (maps.shape[0], 1, 1, maps.shape[-1])
    return core.broadcast_to(mean, shape), core.broadcast_to(core.sqrt(variance + eps), shape)


@misconception(
    "18.5",
    "The mean of squares less the square of the mean: for numbers far from 0 the difference is rounding. "
    "Take the mean away before squaring.",
)
def statistics(maps, mask=None, eps=1e-5):
    maps = maps.astype(core.float32)
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = mask.astype(core.float32)[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True)
    square = core.sum(share * core.square(maps), axis=(1, 2), keepdims=True)
    known = core.sum(share, axis=(1, 2), keepdims=True)
    variance = core.maximum(square - core.square(mean) * core.where(known > 0, known, 1.0), 0)
    return mean, core.sqrt(variance + eps)


@misconception(
    "18.5",
    "The epsilon is added to the deviation. It belongs under the root, to the variance.",
)
def statistics(maps, mask=None, eps=1e-5):
    maps = maps.astype(core.float32)
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = mask.astype(core.float32)[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(1, 2), keepdims=True)
    return mean, core.sqrt(variance) + eps


@misconception(
    "18.5",
    "The variance is the unbiased one, divided by one place less. Here it is the mean square.",
)
def statistics(maps, mask=None, eps=1e-5):
    maps = maps.astype(core.float32)
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = mask.astype(core.float32)[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True) / core.where(total > 0, total, 1.0)
    square = core.sum(share * core.square(maps - mean), axis=(1, 2), keepdims=True)
    return mean, core.sqrt(square / core.where(total > 1, total - 1, 1.0) + eps)


@misconception(
    "18.5",
    "The shift is the content's own mean: only the contrast has changed. Mean and deviation both come "
    "from the style.",
)
def adain(content, style, strength=1.0, mask=None, eps=1e-5):
    if content.shape[-1] != style.shape[-1]:
        raise ValueError("[adain] channels")
    x = content.astype(core.float32)
    mean, deviation = statistics(x, mask, eps)
    _, new_deviation = statistics(style, None, eps)
    y = new_deviation * ((x - mean) / deviation) + mean
    share = strength if mask is None else strength * mask.astype(core.float32)[..., None]
    return (x + share * (y - x)).astype(content.dtype)


@misconception(
    "18.5",
    "The statistics are mixed with the strength, not the maps: half of it is then something else "
    "than halfway. Step from x towards y.",
    agrees=["statistics", "with_itself", "within_the_mask"],
)
def adain(content, style, strength=1.0, mask=None, eps=1e-5):
    if content.shape[-1] != style.shape[-1]:
        raise ValueError("[adain] channels")
    x = content.astype(core.float32)
    mean, deviation = statistics(x, mask, eps)
    new_mean, new_deviation = statistics(style, None, eps)
    mixed = core.exp((1 - strength) * core.log(deviation) + strength * core.log(new_deviation))
    y = mixed * ((x - mean) / deviation) + mean + strength * (new_mean - mean)
    share = 1.0 if mask is None else mask.astype(core.float32)[..., None]
    return (x + share * (y - x)).astype(content.dtype)


@misconception(
    "18.5",
    "The content's statistics are those of the whole picture. Within a mask they are those within it.",
)
def adain(content, style, strength=1.0, mask=None, eps=1e-5):
    if content.shape[-1] != style.shape[-1]:
        raise ValueError("[adain] channels")
    x = content.astype(core.float32)
    mean, deviation = statistics(x, None, eps)
    new_mean, new_deviation = statistics(style, None, eps)
    y = new_deviation * ((x - mean) / deviation) + new_mean
    share = strength if mask is None else strength * mask.astype(core.float32)[..., None]
    return (x + share * (y - x)).astype(content.dtype)


@misconception(
    "18.5",
    "The mask's sum is taken to be at least 1, or something is added to it: a mask of small numbers then counts less. Only a sum of exactly 0 is replaced.",
)
def statistics(maps, mask=None, eps=1e-05):
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = mask.astype(core.float32)[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    share = share / (total + 1e-8)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(1, 2), keepdims=True)
    return (mean, core.sqrt(variance + eps))


@misconception(
    "18.5",
    "A mask is not yes or no: a place with 0.5 counts half.",
)
def statistics(maps, mask=None, eps=1e-05):
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = (mask > 0).astype(core.float32)[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(1, 2), keepdims=True)
    return (mean, core.sqrt(variance + eps))


@misconception(
    "18.5",
    "The mask is laid over the style, too. It says where in the content something changes; a style is looked at as a whole.",
)
def adain(content, style, strength=1.0, mask=None, eps=1e-05):
    if content.shape[-1] != style.shape[-1]:
        raise ValueError(
            f"[adain] Content and style should have the same channels; they have {content.shape[-1]} and {style.shape[-1]}."
        )
    mean, deviation = statistics(content, mask, eps)
    new_mean, new_deviation = statistics(
        style, mask if mask is not None and mask.shape[1:] == style.shape[1:3] else None, eps
    )
    y = new_deviation * ((content - mean) / deviation) + new_mean
    share = strength if mask is None else strength * mask.astype(core.float32)[..., None]
    return (content + share * (y - content)).astype(content.dtype)


@misconception(
    "18.5",
    "No slope reaches the mask with you. It is an input as the maps are; who wants it fixed "
    "stops it outside.",
)
def statistics(maps, mask=None, eps=1e-05):
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = core.stop_gradient(mask.astype(core.float32))[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(1, 2), keepdims=True)
    return mean, core.sqrt(variance + eps)


# 18.6: painted in one pass


@misconception(
    "18.6",
    "All pictures get the gain and offset of the first one's style. Each picture has its own.",
    symbol="ConditionalInstanceNorm.__call__",
)
def __call__(self, x, styles):
    integers = core.issubdtype(styles.dtype, core.integer)
    wanted = x.shape[:1] if integers else (x.shape[0], self.weight.shape[0])
    if styles.shape != tuple(wanted):
        raise ValueError("[ConditionalInstanceNorm] styles")
    gain, offset = (w[styles] if integers else styles @ w for w in (self.weight, self.bias))
    mean, deviation = statistics(x, None, self.eps)
    return (gain[0] * ((x.astype(core.float32) - mean) / deviation) + offset[0]).astype(x.dtype)


@misconception(
    "18.6",
    "Shares are brought to a sum of 1. They are used as given: twice as much of everything is allowed.",
    symbol="ConditionalInstanceNorm.__call__",
)
def __call__(self, x, styles):
    integers = core.issubdtype(styles.dtype, core.integer)
    wanted = x.shape[:1] if integers else (x.shape[0], self.weight.shape[0])
    if styles.shape != tuple(wanted):
        raise ValueError("[ConditionalInstanceNorm] styles")
    if not integers:
        styles = styles / core.sum(styles, axis=1, keepdims=True)
    gain, offset = (w[styles] if integers else styles @ w for w in (self.weight, self.bias))
    mean, deviation = statistics(x, None, self.eps)
    y = gain[:, None, None] * ((x.astype(core.float32) - mean) / deviation)
    return (y + offset[:, None, None]).astype(x.dtype)


@misconception(
    "18.6",
    "The norm's own epsilon is not used.",
    symbol="ConditionalInstanceNorm.__call__",
)
def __call__(self, x, styles):
    integers = core.issubdtype(styles.dtype, core.integer)
    wanted = x.shape[:1] if integers else (x.shape[0], self.weight.shape[0])
    if styles.shape != tuple(wanted):
        raise ValueError("[ConditionalInstanceNorm] styles")
    gain, offset = (w[styles] if integers else styles @ w for w in (self.weight, self.bias))
    mean, deviation = statistics(x)
    y = gain[:, None, None] * ((x.astype(core.float32) - mean) / deviation)
    return (y + offset[:, None, None]).astype(x.dtype)


@misconception(
    "18.6",
    "The border repeats the outermost pixel. A mirror at that pixel begins with the one before it.",
    symbol="ReflectConv.__call__",
)
def __call__(self, x):
    width = self.conv.weight.shape[1] // 2
    if min(x.shape[1:3]) <= width:
        raise ValueError("[ReflectConv] side")
    border = [(0, 0), (width, width), (width, width), (0, 0)]
    return self.conv(core.pad(x, border, mode="symmetric"))


@misconception(
    "18.6",
    "The border is black: pictures get a dark frame. Mirror what is inside.",
    symbol="ReflectConv.__call__",
)
def __call__(self, x):
    width = self.conv.weight.shape[1] // 2
    if min(x.shape[1:3]) <= width:
        raise ValueError("[ReflectConv] side")
    return self.conv(core.pad(x, [(0, 0), (width, width), (width, width), (0, 0)]))


@misconception(
    "18.6",
    "A map of 9 rows that was halved to 5 comes back with 10: cut it to what it was on the way down.",
    symbol="TransformerNet.__call__",
)
def __call__(self, x, styles):
    for conv, norm in zip([self.first, *self.down], self.down_norms):
        x = nn.relu(norm(conv(x), styles))
    for block in self.blocks:
        x = block(x, styles)
    for conv, norm in zip(self.up, self.up_norms):
        x = core.repeat(core.repeat(x, 2, axis=1), 2, axis=2)
        x = nn.relu(norm(conv(x), styles))
    return nn.sigmoid(self.last(x))


@misconception(
    "18.6",
    "The norm comes behind relu. It belongs between convolution and relu.",
    symbol="TransformerNet.__call__",
)
def __call__(self, x, styles):
    sizes = []
    for conv, norm in zip([self.first, *self.down], self.down_norms):
        sizes.append(x.shape[1:3])
        x = norm(nn.relu(conv(x)), styles)
    for block in self.blocks:
        x = block(x, styles)
    for conv, norm, (height, width) in zip(self.up, self.up_norms, sizes[:0:-1]):
        x = core.repeat(core.repeat(x, 2, axis=1), 2, axis=2)[:, :height, :width]
        x = norm(nn.relu(conv(x)), styles)
    return nn.sigmoid(self.last(x))


@misconception(
    "18.6",
    "The last layer has no sigmoid: colours leave 0 to 1.",
    symbol="TransformerNet.__call__",
)
def __call__(self, x, styles):
    sizes = []
    for conv, norm in zip([self.first, *self.down], self.down_norms):
        sizes.append(x.shape[1:3])
        x = nn.relu(norm(conv(x), styles))
    for block in self.blocks:
        x = block(x, styles)
    for conv, norm, (height, width) in zip(self.up, self.up_norms, sizes[:0:-1]):
        x = core.repeat(core.repeat(x, 2, axis=1), 2, axis=2)[:, :height, :width]
        x = nn.relu(norm(conv(x), styles))
    return self.last(x)


@misconception(
    "18.6",
    "A slope reaches the content's maps. They are a target: it must not move towards the painting.",
)
def perceptual_loss(painted, content, targets, layers, content_layer, style_weight=1.0):
    style = style_loss([painted[name] for name in layers], targets)
    return relative_error(painted[content_layer], content[content_layer]) + style_weight * style


@misconception(
    "18.6",
    "Content and style are measured at the same layers with you. Content has a layer of its own.",
)
def perceptual_loss(painted, content, targets, layers, content_layer, style_weight=1.0):
    told = core.stop_gradient(content.get(layers[-1], content[content_layer]))
    name = layers[-1] if layers[-1] in content else content_layer
    style = style_loss([painted[name] for name in layers], targets)
    return relative_error(painted[name], told) + style_weight * style


# 18.7: in its own colours


@misconception(
    "18.7",
    "The colours are of the stylized picture and the luminance is the content's: the other way round.",
)
def with_colours_of(x, colours):
    if x.shape[1:] != colours.shape[1:] or x.shape[-1] != 3:
        raise ValueError("[with_colours_of] pictures")
    weights = core.array(YIQ[0], core.float32)
    x32, kept = x.astype(core.float32), colours.astype(core.float32)
    lighter = core.sum((kept - x32) * weights, axis=-1, keepdims=True)
    return core.clip(x32 + lighter, 0.0, 1.0).astype(x.dtype)


@misconception(
    "18.7",
    "Luminance is not the mean of red, green and blue: to eyes green is five times as bright as blue. "
    "Use the weights of YIQ.",
)
def with_colours_of(x, colours):
    if x.shape[1:] != colours.shape[1:] or x.shape[-1] != 3:
        raise ValueError("[with_colours_of] pictures")
    x32, kept = x.astype(core.float32), colours.astype(core.float32)
    lighter = core.mean(x32 - kept, axis=-1, keepdims=True)
    return core.clip(kept + lighter, 0.0, 1.0).astype(x.dtype)


@misconception(
    "18.7",
    "Colours beyond 0 and 1 are not cut off.",
)
def with_colours_of(x, colours):
    if x.shape[1:] != colours.shape[1:] or x.shape[-1] != 3:
        raise ValueError("[with_colours_of] pictures")
    weights = core.array(YIQ[0], core.float32)
    x32, kept = x.astype(core.float32), colours.astype(core.float32)
    lighter = core.sum((x32 - kept) * weights, axis=-1, keepdims=True)
    return (kept + lighter).astype(x.dtype)


@misconception(
    "18.7",
    "You scale each pixel's colour with the quotient of both luminances. Then saturation changes, and "
    "black has none: the difference is added to all three channels.",
)
def with_colours_of(x, colours):
    if x.shape[1:] != colours.shape[1:] or x.shape[-1] != 3:
        raise ValueError("[with_colours_of] pictures")
    weights = core.array(YIQ[0], core.float32)
    x32, kept = x.astype(core.float32), colours.astype(core.float32)
    first = core.sum(x32 * weights, axis=-1, keepdims=True)
    second = core.sum(kept * weights, axis=-1, keepdims=True)
    return core.clip(kept * (first / core.maximum(second, 1e-6)), 0.0, 1.0).astype(x.dtype)


@misconception(
    "18.7",
    "Sorted values are exchanged by rank, which needs two pictures of one size; in others you take the "
    "nearest. Between two values of the reference lies a straight line.",
)
def match_histograms(x, reference):
    if x.shape[-1] != reference.shape[-1]:
        raise ValueError("[match_histograms] channels")
    if x.size == 0 or reference.size == 0:
        raise ValueError("[match_histograms] pixels")
    n, channels = x.shape[0], x.shape[-1]
    rows = x.reshape(n, -1, channels)
    known = core.broadcast_to(reference, (n, *reference.shape[1:])).reshape(n, -1, channels)
    count, m = rows.shape[1], known.shape[1]
    place = core.argsort(core.argsort(rows, axis=1), axis=1)
    place = ((place + 1) * m + count - 1) // count - 1
    y = core.take_along_axis(core.sort(known, axis=1), place.astype(core.int32), axis=1)
    return y.reshape(x.shape).astype(x.dtype)


@misconception(
    "18.7",
    "You give each channel mean and deviation of the reference. That is a straight line for all values; "
    "a histogram has more than two numbers.",
)
def match_histograms(x, reference):
    if x.shape[-1] != reference.shape[-1]:
        raise ValueError("[match_histograms] channels")
    if x.size == 0 or reference.size == 0:
        raise ValueError("[match_histograms] pixels")
    y = x.astype(core.float32)
    mean, deviation = (f(y, axis=(1, 2), keepdims=True) for f in (core.mean, core.std))
    new_mean, new = (f(reference, axis=(1, 2), keepdims=True) for f in (core.mean, core.std))
    y = (y - mean) / core.where(deviation > 0, deviation, 1.0) * new + new_mean
    return y.astype(x.dtype)


@misconception(
    "18.7",
    "All channels are matched as one. Red is matched with red, green with green, blue with blue.",
)
def match_histograms(x, reference):
    if x.shape[-1] != reference.shape[-1]:
        raise ValueError("[match_histograms] channels")
    if x.size == 0 or reference.size == 0:
        raise ValueError("[match_histograms] pixels")
    n = x.shape[0]
    rows = x.reshape(n, -1)
    known = core.broadcast_to(reference, (n, *reference.shape[1:])).reshape(n, -1)

    def matched(x, reference):
        n, m = x.shape[0], reference.shape[0]
        ordered = core.sort(reference)
        rank = core.searchsorted(core.sort(x), x, side="right").astype(core.int64)
        value = ordered[(rank * m + n - 1) // n - 1]
        first = core.searchsorted(ordered, value, side="left").astype(core.int64)
        last = core.searchsorted(ordered, value, side="right").astype(core.int64)
        before = core.where(first > 0, ordered[core.maximum(first - 1, 0)], value)
        along = (rank * m - first * n).astype(core.float32) / ((last - first) * n)
        return before + (value - before) * along

    y = core.stack([matched(rows[i], known[i]) for i in range(n)])
    return y.reshape(x.shape).astype(x.dtype)


# 18.8: a discriminator that cannot cram


@misconception(
    "18.8",
    "Colours are cut off at -1 and 1. What is cut has no slope, and the generator learns nothing there.",
)
def recoloured(x, brightness, saturation, contrast):
    b, s, c = (f.reshape(-1, 1, 1, 1).astype(x.dtype) for f in (brightness, saturation, contrast))
    x = x + b
    grey = core.mean(x, axis=-1, keepdims=True)
    x = grey + s * (x - grey)
    middle = core.mean(x, axis=(1, 2, 3), keepdims=True)
    return core.clip(middle + c * (x - middle), -1, 1)


@misconception(
    "18.8",
    "Brightness is added here, not multiplied with.",
)
def recoloured(x, brightness, saturation, contrast):
    b, s, c = (f.reshape(-1, 1, 1, 1).astype(x.dtype) for f in (brightness, saturation, contrast))
    x = x * (1 + b)
    grey = core.mean(x, axis=-1, keepdims=True)
    x = grey + s * (x - grey)
    middle = core.mean(x, axis=(1, 2, 3), keepdims=True)
    return middle + c * (x - middle)


@misconception(
    "18.8",
    "Contrast turns around the mean of the whole batch. Each picture has a mean of its own.",
)
def recoloured(x, brightness, saturation, contrast):
    b, s, c = (f.reshape(-1, 1, 1, 1).astype(x.dtype) for f in (brightness, saturation, contrast))
    x = x + b
    grey = core.mean(x, axis=-1, keepdims=True)
    x = grey + s * (x - grey)
    middle = core.mean(x)
    return middle + c * (x - middle)


@misconception(
    "18.8",
    "Contrast turns around each channel's mean. The mean is that of the whole picture, over its channels, "
    "too.",
)
def recoloured(x, brightness, saturation, contrast):
    b, s, c = (f.reshape(-1, 1, 1, 1).astype(x.dtype) for f in (brightness, saturation, contrast))
    x = x + b
    grey = core.mean(x, axis=-1, keepdims=True)
    x = grey + s * (x - grey)
    middle = core.mean(x, axis=(1, 2), keepdims=True)
    return middle + c * (x - middle)


@misconception(
    "18.8",
    "One draw for the whole batch: a discriminator that compares pictures sees through it. Draw for each.",
)
def diff_augment(x, shift=0.125, hole=0.5, share=1.0, key=None):
    for name, value in (("shift", shift), ("hole", hole), ("share", share)):
        if not 0 <= value <= 1:
            raise ValueError(f"[diff_augment] {name}")
    n, height, width, _ = x.shape
    keys = several(key, 8)
    ranges = ((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5))
    factors = [
        core.broadcast_to(core.random.uniform(low, high, (1,), key=k), (n,))
        for (low, high), k in zip(ranges, keys)
    ]
    y = recoloured(x, *factors)
    down, across = int(shift * height + 0.5), int(shift * width + 0.5)
    most = max(down, across)
    rows = most + core.random.randint(-down, down + 1, (1,), key=keys[3])
    columns = most + core.random.randint(-across, across + 1, (1,), key=keys[4])
    y = cropped(y, core.broadcast_to(rows, (n,)), core.broadcast_to(columns, (n,)), most)
    side = int(hole * height + 0.5)
    if side:
        rows = core.random.randint(0, height, (1,), key=keys[5])
        columns = core.random.randint(0, width, (1,), key=keys[6])
        y = cutout(y, core.broadcast_to(rows, (n,)), core.broadcast_to(columns, (n,)), side)
    return core.where(core.random.bernoulli(share, (n, 1, 1, 1), key=keys[7]), y, x)


@misconception(
    "18.8",
    "One key serves all draws: brightness, saturation and contrast are the same number in other units.",
)
def diff_augment(x, shift=0.125, hole=0.5, share=1.0, key=None):
    for name, value in (("shift", shift), ("hole", hole), ("share", share)):
        if not 0 <= value <= 1:
            raise ValueError(f"[diff_augment] {name}")
    n, height, width, _ = x.shape
    ranges = ((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5))
    y = recoloured(x, *[core.random.uniform(a, b, (n,), key=key) for a, b in ranges])
    down, across = int(shift * height + 0.5), int(shift * width + 0.5)
    most = max(down, across)
    rows = most + core.random.randint(-down, down + 1, (n,), key=key)
    columns = most + core.random.randint(-across, across + 1, (n,), key=key)
    y = cropped(y, rows, columns, most)
    side = int(hole * height + 0.5)
    if side:
        rows = core.random.randint(0, height, (n,), key=key)
        columns = core.random.randint(0, width, (n,), key=key)
        y = cutout(y, rows, columns, side)
    return core.where(core.random.bernoulli(share, (n, 1, 1, 1), key=key), y, x)


@misconception(
    "18.8",
    "The picture never moves as far as it may to the right: `randint` leaves its upper end out.",
)
def diff_augment(x, shift=0.125, hole=0.5, share=1.0, key=None):
    for name, value in (("shift", shift), ("hole", hole), ("share", share)):
        if not 0 <= value <= 1:
            raise ValueError(f"[diff_augment] {name}")
    n, height, width, _ = x.shape
    keys = several(key, 8)
    ranges = ((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5))
    y = recoloured(x, *[core.random.uniform(a, b, (n,), key=k) for (a, b), k in zip(ranges, keys)])
    down, across = int(shift * height + 0.5), int(shift * width + 0.5)
    most = max(down, across)
    rows = most + core.random.randint(-down, max(down, 1 - down), (n,), key=keys[3])
    columns = most + core.random.randint(-across, max(across, 1 - across), (n,), key=keys[4])
    y = cropped(y, rows, columns, most)
    side = int(hole * height + 0.5)
    if side:
        rows = core.random.randint(0, height, (n,), key=keys[5])
        columns = core.random.randint(0, width, (n,), key=keys[6])
        y = cutout(y, rows, columns, side)
    return core.where(core.random.bernoulli(share, (n, 1, 1, 1), key=keys[7]), y, x)


@misconception(
    "18.8",
    "The hole comes before the picture is moved, and moves with it. The order is colours, place, hole.",
)
def diff_augment(x, shift=0.125, hole=0.5, share=1.0, key=None):
    for name, value in (("shift", shift), ("hole", hole), ("share", share)):
        if not 0 <= value <= 1:
            raise ValueError(f"[diff_augment] {name} should be from 0 to 1; it is {value}.")
    n, height, width, _ = x.shape
    keys = several(key, 8)
    factors = [
        core.random.uniform(low, high, (n,), key=k)
        for (low, high), k in zip(((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)), keys)
    ]
    y = recoloured(x, *factors)
    down, across = (int(shift * height + 0.5), int(shift * width + 0.5))
    most = max(down, across)
    rows = most + core.random.randint(-down, down + 1, (n,), key=keys[3])
    columns = most + core.random.randint(-across, across + 1, (n,), key=keys[4])
    moved = rows, columns
    side = int(hole * height + 0.5)
    rows = core.random.randint(0, height, (n,), key=keys[5])
    columns = core.random.randint(0, width, (n,), key=keys[6])
    y = cropped(cutout(y, rows, columns, side), *moved, most)
    changed = core.random.bernoulli(share, (n, 1, 1, 1), key=keys[7])
    return core.where(changed, y, x)


@misconception(
    "18.8",
    "`round` goes to the even number: it makes 2 of 2.5. The docstring has `int(... + 0.5)`.",
)
def diff_augment(x, shift=0.125, hole=0.5, share=1.0, key=None):
    for name, value in (("shift", shift), ("hole", hole), ("share", share)):
        if not 0 <= value <= 1:
            raise ValueError(f"[diff_augment] {name} should be from 0 to 1; it is {value}.")
    n, height, width, _ = x.shape
    keys = several(key, 8)
    factors = [
        core.random.uniform(low, high, (n,), key=k)
        for (low, high), k in zip(((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)), keys)
    ]
    y = recoloured(x, *factors)
    down, across = (int(shift * height + 0.5), int(shift * width + 0.5))
    most = max(down, across)
    rows = most + core.random.randint(-down, down + 1, (n,), key=keys[3])
    columns = most + core.random.randint(-across, across + 1, (n,), key=keys[4])
    y = cropped(y, rows, columns, most)
    side = round(hole * height)
    rows = core.random.randint(0, height, (n,), key=keys[5])
    columns = core.random.randint(0, width, (n,), key=keys[6])
    y = cutout(y, rows, columns, side)
    changed = core.random.bernoulli(share, (n, 1, 1, 1), key=keys[7])
    return core.where(changed, y, x)


# 18.9: coarse from one, fine from another


@misconception(
    "18.9",
    "Kernels of every picture are made, and one convolution each: right, but N times the memory. Scale "
    "the channels of the input and of the output.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-8):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError("[modulated_conv2d] style")
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    kernels = weight[None] * style[:, None, None, None]
    if demodulate:
        kernels = kernels * core.rsqrt(
            core.sum(core.square(kernels), axis=(2, 3, 4), keepdims=True) + eps
        )
    core.eval(kernels)
    rows = [core.conv2d(x[n : n + 1], kernels[n], padding=padding) for n in range(x.shape[0])]
    return core.concatenate(rows)


@misconception(
    "18.9",
    "The length of a kernel is taken without its style: what the style makes stronger stays stronger.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-8):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError("[modulated_conv2d] style")
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.conv2d(x * style[:, None, None], weight, padding=padding)
    if not demodulate:
        return y
    return y * core.rsqrt(core.sum(core.square(weight), axis=(1, 2, 3)) + eps)


@misconception(
    "18.9",
    "The length is a sum over the places of the kernel *and* its input channels, not a mean over places.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-8):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError("[modulated_conv2d] style")
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.conv2d(x * style[:, None, None], weight, padding=padding)
    if not demodulate:
        return y
    strength = core.mean(core.square(weight), axis=(1, 2))
    return y * core.rsqrt(core.square(style) @ strength.T + eps)[:, None, None]


@misconception(
    "18.9",
    "You normalize the outputs that there are, as an instance norm does. The length of the kernels is "
    "known before: statistics of maps are what leaves droplets in pictures.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-8):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError("[modulated_conv2d] style")
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.conv2d(x * style[:, None, None], weight, padding=padding)
    if not demodulate:
        return y
    return y * core.rsqrt(core.mean(core.square(y), axis=(1, 2), keepdims=True) + eps)


@misconception(
    "18.9",
    "The lengths are divided out always, also without `demodulate`: the last layer needs its strength.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-8):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError("[modulated_conv2d] style")
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.conv2d(x * style[:, None, None], weight, padding=padding)
    strength = core.sum(core.square(weight), axis=(1, 2))
    return y * core.rsqrt(core.square(style) @ strength.T + eps)[:, None, None]


@misconception(
    "18.9",
    "The vector is brought to length 1. Its mean square is to be 1: a length of the root of its size.",
)
def __call__(self, z):
    x = z * core.rsqrt(core.sum(core.square(z), axis=-1, keepdims=True) + 1e-8)
    for layer in self.layers:
        x = nn.leaky_relu(layer(x), 0.2)
    return x


@misconception(
    "18.9",
    "The last layer has a leaky relu, too.",
)
def __call__(self, z):
    x = z * core.rsqrt(core.mean(core.square(z), axis=-1, keepdims=True) + 1e-8)
    for layer in self.layers[:-1]:
        x = nn.leaky_relu(layer(x), 0.2)
    return self.layers[-1](x)


@misconception(
    "18.9",
    "The latent vector goes in as it is. Only its direction should count.",
)
def __call__(self, z):
    x = z
    for layer in self.layers:
        x = nn.leaky_relu(layer(x), 0.2)
    return x


@misconception(
    "18.9",
    "One layer too many is the first one's: layer `l` is, if `l` is below the crossover.",
)
def mixed_styles(first, second, crossover, layers):
    if first.shape != second.shape:
        raise ValueError("[mixed_styles] shapes")
    before = core.arange(layers) <= crossover[:, None]
    return core.where(before[..., None], first[:, None], second[:, None])


@misconception(
    "18.9",
    "First and second are exchanged: the first has the coarse layers, which come first.",
)
def mixed_styles(first, second, crossover, layers):
    if first.shape != second.shape:
        raise ValueError("[mixed_styles] shapes")
    before = core.arange(layers) < crossover[:, None]
    return core.where(before[..., None], second[:, None], first[:, None])


@misconception(
    "18.9",
    "Every picture has a convolution of its own with you. Once the channels of the input are scaled, one serves all.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-08):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError(
            f"[modulated_conv2d] The style should be (N, I), here {(x.shape[0], x.shape[-1])}; it is {style.shape}."
        )
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.concatenate(
        [core.conv2d(x[i : i + 1] * style[i], weight, padding=padding) for i in range(x.shape[0])]
    )
    if not demodulate:
        return y
    strength = core.sum(core.square(weight), axis=(1, 2))
    scale = core.rsqrt(core.square(style) @ strength.T + eps)
    return y * scale[:, None, None]


@misconception(
    "18.9",
    "Lengths are computed in half precision: there 1e-8 is 0, so that a style of zeros is 0 "
    "by 0, and the square of 300 is infinite. Go to float32 for them.",
)
def modulated_conv2d(x, weight, style, demodulate=True, eps=1e-08):
    if style.shape != (x.shape[0], x.shape[-1]):
        raise ValueError(
            f"[modulated_conv2d] The style should be (N, I), here {(x.shape[0], x.shape[-1])}; it "
            f"is {style.shape}."
        )
    padding = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = core.conv2d(x * style[:, None, None], weight, padding=padding)
    if not demodulate:
        return y.astype(x.dtype)
    strength = core.sum(core.square(weight), axis=(1, 2))  # (O, I)
    scale = core.rsqrt(core.square(style) @ strength.T + eps)  # (N, O)
    return (y * scale[:, None, None]).astype(x.dtype)


@misconception(
    "18.9",
    "The mean square is computed in half precision: there 1e-8 is 0, so that a vector of "
    "zeros is 0 by 0, and the square of 300 is infinite. Go to float32 and come back.",
)
def __call__(self, z):
    x = z
    x = x * core.rsqrt(core.mean(core.square(x), axis=-1, keepdims=True) + 1e-8)
    x = x.astype(z.dtype)
    for layer in self.layers:
        x = nn.leaky_relu(layer(x), 0.2)
    return x


@misconception(
    "18.9",
    "You turn the crossovers into numbers and walk through pictures and layers. Compare "
    "them with all layers at once: a compiled step knows no numbers.",
)
def mixed_styles(first, second, crossover, layers):
    if first.shape != second.shape:
        raise ValueError(
            f"[mixed_styles] Both should have equal shapes; {first.shape}, {second.shape}."
        )
    rows = []
    for n, c in enumerate(crossover.tolist()):
        rows.append(core.stack([first[n] if i < c else second[n] for i in range(layers)]))
    return core.stack(rows)


# 18.10: is it a copy, and are they all the same?


@misconception(
    "18.10",
    "The limit comes from the training examples' distances to each other: each is at distance 0 from "
    "itself. Ask others, that nobody has learned from.",
)
def copied(made, known, other, level=0.05):
    if not 0 < level < 1:
        raise ValueError("[copied] level")
    if 0 in (made.shape[0], known.shape[0], other.shape[0]):
        raise ValueError("[copied] empty")
    ordered = core.sort(nearest(known, known)[1])
    limit = ordered[max(math.floor(level * known.shape[0]), 1) - 1]
    count = int(core.sum(nearest(made, known)[1] < limit).item())
    low, high = wilson(count, made.shape[0])
    return Share(count / made.shape[0], low, high, limit.item())


@misconception(
    "18.10",
    "As near as the limit counts with you. Only what is nearer does.",
)
def copied(made, known, other, level=0.05):
    if not 0 < level < 1:
        raise ValueError("[copied] level")
    if 0 in (made.shape[0], known.shape[0], other.shape[0]):
        raise ValueError("[copied] empty")
    ordered = core.sort(nearest(other, known)[1])
    limit = ordered[max(math.floor(level * other.shape[0]), 1) - 1]
    count = int(core.sum(nearest(made, known)[1] <= limit).item())
    low, high = wilson(count, made.shape[0])
    return Share(count / made.shape[0], low, high, limit.item())


@misconception(
    "18.10",
    "Neighbours are looked for from the known examples: which made one is nearest to each. A generator "
    "that copies one example a thousand times is then innocent.",
)
def copied(made, known, other, level=0.05):
    if not 0 < level < 1:
        raise ValueError("[copied] level")
    if 0 in (made.shape[0], known.shape[0], other.shape[0]):
        raise ValueError("[copied] empty")
    ordered = core.sort(nearest(known, other)[1])
    limit = ordered[max(math.floor(level * known.shape[0]), 1) - 1]
    count = int(core.sum(nearest(known, made)[1] < limit).item())
    low, high = wilson(count, known.shape[0])
    return Share(count / known.shape[0], low, high, limit.item())


@misconception(
    "18.10",
    "The mean is over all pairs, with each example's distance to itself. Those are n zeros among n * n.",
)
def diversity(features):
    n = features.shape[0]
    if n < 3:
        raise ValueError("[diversity] three")
    x = features - core.mean(features, axis=0)
    distances = core.sqrt(core.where(core.eye(n) > 0, 0.0, squared_distances(x, x)))
    sums = core.sum(distances, axis=1)
    total = core.sum(sums)
    without = (total - 2 * sums) / ((n - 1) * (n - 1))
    variance = (n - 1) * core.var(without)
    middle, reach = (total / (n * n)).item(), 1.959964 * math.sqrt(variance.item())
    return Spread(middle, max(middle - reach, 0.0), middle + reach)


@misconception(
    "18.10",
    "The interval treats all pairs as independent. Each example is in n - 1 of them: the jackknife "
    "leaves out examples, not pairs.",
)
def diversity(features):
    n = features.shape[0]
    if n < 3:
        raise ValueError("[diversity] three")
    x = features - core.mean(features, axis=0)
    distances = core.sqrt(core.where(core.eye(n) > 0, 0.0, squared_distances(x, x)))
    pairs = n * (n - 1)
    mean = core.sum(distances) / pairs
    variance = core.sum(core.square(distances)) / pairs - core.square(mean)
    middle = mean.item()
    reach = 1.959964 * math.sqrt(max(variance.item(), 0.0) / (pairs / 2))
    return Spread(middle, max(middle - reach, 0.0), middle + reach)


@misconception(
    "18.10",
    "You average squared distances. One picture far from all others then counts for many.",
)
def diversity(features):
    n = features.shape[0]
    if n < 3:
        raise ValueError("[diversity] three")
    x = features - core.mean(features, axis=0)
    distances = core.where(core.eye(n) > 0, 0.0, squared_distances(x, x))
    sums = core.sum(distances, axis=1)
    total = core.sum(sums)
    without = (total - 2 * sums) / ((n - 1) * (n - 2))
    variance = (n - 1) * core.var(without)
    middle, reach = (total / (n * (n - 1))).item(), 1.959964 * math.sqrt(variance.item())
    return Spread(middle, max(middle - reach, 0.0), middle + reach)


@misconception(
    "18.10",
    "0 * log 0 is nan in floating point, though its limit is 0: choose before the logarithm.",
)
def vendi_score(features):
    n = features.shape[0]
    if n < 1:
        raise ValueError("[vendi_score] examples")
    with core.stream(core.cpu):
        x = features.astype(core.float32)
        length = core.linalg.norm(x, axis=1, keepdims=True)
        x = x / core.where(length > 0, length, 1.0)
        cosines = core.where(core.eye(n) > 0, 1.0, x @ x.T)
        values = core.maximum(core.linalg.eigvalsh(cosines / n), 0)
        return core.exp(-core.sum(values * core.log(values)))


@misconception(
    "18.10",
    "The features are not normalized: eigenvalues sum to something else than 1, and the score depends on "
    "the units.",
)
def vendi_score(features):
    n = features.shape[0]
    if n < 1:
        raise ValueError("[vendi_score] examples")
    with core.stream(core.cpu):
        x = features.astype(core.float32)
        values = core.maximum(core.linalg.eigvalsh(x @ x.T / n), 0)
        terms = values * core.log(core.where(values > 0, values, 1.0))
        return core.exp(-core.sum(terms))


@misconception(
    "18.10",
    "The entropy itself is in nats. Its exponential is a number of pictures.",
)
def vendi_score(features):
    n = features.shape[0]
    if n < 1:
        raise ValueError("[vendi_score] examples")
    with core.stream(core.cpu):
        x = features.astype(core.float32)
        length = core.linalg.norm(x, axis=1, keepdims=True)
        x = x / core.where(length > 0, length, 1.0)
        cosines = core.where(core.eye(n) > 0, 1.0, x @ x.T)
        values = core.maximum(core.linalg.eigvalsh(cosines / n), 0)
        terms = values * core.log(core.where(values > 0, values, 1.0))
        return -core.sum(terms)


@misconception(
    "18.10",
    "What all features have in common stays in them: squares of thousands are subtracted, and their rounding decides who is near. Take the mean away first.",
)
def copied(made, known, other, level=0.05):
    if not 0 < level < 1:
        raise ValueError(f"[copied] level should be between 0 and 1; it is {level}.")
    if 0 in (made.shape[0], known.shape[0], other.shape[0]):
        raise ValueError("[copied] One of the three is empty.")
    middle = 0.0
    made, known, other = (x.astype(core.float32) - middle for x in (made, known, other))
    ordered = core.sort(nearest(other, known)[1])
    limit = ordered[max(math.floor(level * other.shape[0]), 1) - 1]
    count = int(core.sum(nearest(made, known)[1] < limit).item())
    low, high = wilson(count, made.shape[0])
    return Share(count / made.shape[0], low, high, limit.item())


@misconception(
    "18.10",
    "For each example you go through its distances again. The sum of each example's pairs "
    "is one operation for all of them, and all that the jackknife needs.",
)
def diversity(features):
    n = features.shape[0]
    if n < 3:
        raise ValueError(f"[diversity] There should be at least three examples; there are {n}.")
    itself = core.eye(n) > 0
    x = features.astype(core.float32)
    x = x - core.mean(x, axis=0)
    squares = squared_distances(x, x)
    distances = core.sqrt(core.where(itself, 0.0, squares))
    sums = core.sum(distances, axis=1)  # of each example's pairs
    total = core.sum(sums)  # every pair twice
    mean = total / (n * (n - 1))
    without = core.stack(
        [(total - 2 * core.sum(distances[i])) / ((n - 1) * (n - 2)) for i in range(n)]
    )
    variance = (n - 1) * core.var(without)
    middle, reach = mean.item(), 1.959964 * math.sqrt(variance.item())
    return Spread(middle, max(middle - reach, 0.0), middle + reach)


# 18.11: a picture without end


@misconception(
    "18.11",
    "The picture is mirrored: there is no seam, but it is another picture, with the old one in a "
    "quarter of it.",
)
def seamless(x):
    height, width = x.shape[1:3]
    i = core.minimum(core.arange(height), height - 1 - core.arange(height)) * 2
    j = core.minimum(core.arange(width), width - 1 - core.arange(width)) * 2
    i, j = core.clip(i, 0, height - 1), core.clip(j, 0, width - 1)
    return x[:, i][:, :, j]


@misconception(
    "18.11",
    "The picture is moved by half: the edges fit, and the seam is a cross in the middle now.",
)
def seamless(x):
    return core.roll(x, (x.shape[1] // 2, x.shape[2] // 2), axis=(1, 2))


@misconception(
    "18.11",
    "Where two unrelated pictures are mixed half and half, the contrast is 0.7 of what it was: divide the "
    "deviation from the mean by the root of the sum of the squared shares.",
)
def seamless(x):
    y = x.astype(core.float32)
    for axis in (1, 2):
        n = y.shape[axis]
        moved = core.roll(y, n // 2, axis=axis)
        u = core.minimum(core.arange(n), n - core.arange(n)) / max(n // 2, 1)
        u = core.minimum(u, 1.0)
        share = core.square(core.sin(u * (core.pi / 2)))
        share = share.reshape(-1, 1, 1) if axis == 1 else share.reshape(-1, 1)
        y = share * y + (1 - share) * moved
    return y.astype(x.dtype)


@misconception(
    "18.11",
    "Both edges are faded to the mean colour. There is no seam any more, and nothing to see there either.",
)
def seamless(x):
    y = x.astype(core.float32)
    mean = core.mean(y, axis=(1, 2), keepdims=True)
    for axis in (1, 2):
        n = y.shape[axis]
        u = core.minimum(core.arange(n), n - core.arange(n)) / max(n // 2, 1)
        share = core.square(core.sin(core.minimum(u, 1.0) * (core.pi / 2)))
        share = share.reshape(-1, 1, 1) if axis == 1 else share.reshape(-1, 1)
        y = mean + share * (y - mean)
    return y.astype(x.dtype)


@misconception(
    "18.11",
    "The range is that of the whole batch: one picture's black becomes another one's.",
)
def seamless(x):
    y = x.astype(core.float32)
    low, high = core.min(y), core.max(y)
    mean = core.mean(y)
    for axis in (1, 2):
        n = y.shape[axis]
        moved = core.roll(y, n // 2, axis=axis)
        u = core.minimum(core.arange(n), n - core.arange(n)) / max(n // 2, 1)
        share = core.square(core.sin(core.minimum(u, 1.0) * (core.pi / 2)))
        share = share.reshape(-1, 1, 1) if axis == 1 else share.reshape(-1, 1)
        kept = core.sqrt(core.square(share) + core.square(1 - share))
        y = mean + (share * (y - mean) + (1 - share) * (moved - mean)) / kept
    return core.clip(y, low, high).astype(x.dtype)


@misconception(
    "18.11",
    "What leaves the picture's own range stays: a tile of a black and white picture has grey beyond both.",
)
def seamless(x):
    y = x.astype(core.float32)
    mean = core.mean(y, axis=(1, 2), keepdims=True)
    for axis in (1, 2):
        n = y.shape[axis]
        moved = core.roll(y, n // 2, axis=axis)
        u = core.minimum(core.arange(n), n - core.arange(n)) / max(n // 2, 1)
        share = core.square(core.sin(core.minimum(u, 1.0) * (core.pi / 2)))
        share = share.reshape(-1, 1, 1) if axis == 1 else share.reshape(-1, 1)
        kept = core.sqrt(core.square(share) + core.square(1 - share))
        y = mean + (share * (y - mean) + (1 - share) * (moved - mean)) / kept
    return y.astype(x.dtype)
