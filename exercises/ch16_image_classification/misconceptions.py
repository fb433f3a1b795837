"""What people really write in chapter 16. Parsed, never imported: see CONTRIBUTING.md."""


# 16.1: the same picture twice


@misconception(
    "16.1",
    "A pixel belongs to the cell in which it begins, and to no other. Where a border lies within a pixel "
    "it belongs to both, in proportion; and with more cells than pixels some cells stay empty.",
)
def shares(length, count):
    edges = core.arange(count + 1) * (length / count)
    pixels = core.arange(length)
    inside = (pixels >= edges[:-1, None]) & (pixels < edges[1:, None])
    inside = inside.astype(core.float32)
    return inside / core.maximum(core.sum(inside, axis=1, keepdims=True), 1)


@misconception(
    "16.1",
    "Each row is a sum of pixels, not a mean: divide by the length of the cell.",
)
def shares(length, count):
    edges = core.arange(count + 1) * (length / count)
    pixels = core.arange(length)
    first = core.maximum(edges[:-1, None], pixels)
    last = core.minimum(edges[1:, None], pixels + 1)
    return core.maximum(last - first, 0)


@misconception(
    "16.1",
    "The overlap of two intervals that do not touch is negative with you. It is nothing.",
)
def shares(length, count):
    edges = core.arange(count + 1) * (length / count)
    pixels = core.arange(length)
    first = core.maximum(edges[:-1, None], pixels)
    last = core.minimum(edges[1:, None], pixels + 1)
    return (last - first) * (count / length)


@misconception(
    "16.1",
    "You compare with exactly 0. In a flat picture rounding decides then, and copies differ.",
)
def difference_hash(x, size=8):
    grey = core.mean(x.astype(core.float32), axis=-1)
    rows, columns = shares(x.shape[1], size), shares(x.shape[2], size + 1)
    cells = rows @ grey @ columns.T
    return (cells[:, :, 1:] - cells[:, :, :-1] > 0).reshape(x.shape[0], size * size)


@misconception(
    "16.1",
    "You compare each cell with the mean of the picture. That is another fingerprint, the average hash; "
    "here each cell is compared with its neighbour to the left.",
)
def difference_hash(x, size=8):
    grey = core.mean(x.astype(core.float32), axis=-1)
    rows, columns = shares(x.shape[1], size), shares(x.shape[2], size)
    cells = rows @ grey @ columns.T
    mean = core.mean(cells, axis=(1, 2), keepdims=True)
    return (cells - mean > MARGIN).reshape(x.shape[0], size * size)


@misconception(
    "16.1",
    "The sign is the other way round: a bit says that a cell is brighter than the one to its left.",
)
def difference_hash(x, size=8):
    grey = core.mean(x.astype(core.float32), axis=-1)
    rows, columns = shares(x.shape[1], size), shares(x.shape[2], size + 1)
    cells = rows @ grey @ columns.T
    return (cells[:, :, :-1] - cells[:, :, 1:] > MARGIN).reshape(x.shape[0], size * size)


@misconception(
    "16.1",
    "You compare each cell with the one above it. The neighbour that counts is the one to the left.",
)
def difference_hash(x, size=8):
    grey = core.mean(x.astype(core.float32), axis=-1)
    rows, columns = shares(x.shape[1], size + 1), shares(x.shape[2], size)
    cells = rows @ grey @ columns.T
    return (cells[:, 1:] - cells[:, :-1] > MARGIN).reshape(x.shape[0], size * size)


@misconception(
    "16.1",
    "You stop after one round. A picture that is near a copy of a copy belongs to the group, too.",
)
def duplicate_groups(hashes, radius, block=1024):
    if radius < 0:
        raise ValueError("[duplicate_groups] The radius should be at least 0.")
    count, bits = hashes.shape
    if not count:
        return core.arange(0)
    labels = core.arange(count)
    signs = 2 * hashes.astype(core.float32) - 1
    found = []
    for start in range(0, count, block):
        differ = (bits - signs[start : start + block] @ signs.T) / 2
        found.append(core.min(core.where(differ <= radius, labels, count), axis=1))
        core.eval(found[-1])
    return core.concatenate(found)


@misconception(
    "16.1",
    "Two pictures are near with fewer than `radius` bits between them. With exactly as many they are, too; "
    "otherwise radius 0 finds nothing.",
)
def duplicate_groups(hashes, radius, block=1024):
    if radius < 0:
        raise ValueError("[duplicate_groups] The radius should be at least 0.")
    count, bits = hashes.shape
    labels = core.arange(count)
    signs = 2 * hashes.astype(core.float32) - 1
    while count:
        found = []
        for start in range(0, count, block):
            differ = (bits - signs[start : start + block] @ signs.T) / 2
            near = core.min(core.where(differ < radius, labels, count), axis=1)
            found.append(core.minimum(near, labels[start : start + block]))
            core.eval(found[-1])
        new = core.concatenate(found)
        if core.array_equal(new, labels).item():
            break
        labels = new
    return labels


@misconception(
    "16.1",
    "All distances are in memory at once: for 50,000 pictures that is 10 GB. Compare a block of pictures "
    "with all others at a time, and evaluate before the next.",
)
def duplicate_groups(hashes, radius, block=1024):
    if radius < 0:
        raise ValueError("[duplicate_groups] The radius should be at least 0.")
    count, bits = hashes.shape
    labels = core.arange(count)
    signs = 2 * hashes.astype(core.float32) - 1
    near = (bits - signs @ signs.T) / 2 <= radius
    while count:
        new = core.min(core.where(near, labels, count), axis=1)
        if core.array_equal(new, labels).item():
            break
        labels = new
    return labels


@misconception(
    "16.1",
    "You keep for every pair whether it is near: a byte for each, 2.5 GB for 50,000 pictures. Compute the "
    "distances of a block again in each round.",
)
def duplicate_groups(hashes, radius, block=1024):
    if radius < 0:
        raise ValueError("[duplicate_groups] The radius should be at least 0.")
    count, bits = hashes.shape
    labels = core.arange(count)
    signs = 2 * hashes.astype(core.float32) - 1
    near = []
    for start in range(0, count, block):
        near.append((bits - signs[start : start + block] @ signs.T) / 2 <= radius)
        core.eval(near[-1])
    while count:
        found = []
        for one in near:
            found.append(core.min(core.where(one, labels, count), axis=1))
            core.eval(found[-1])
        new = core.concatenate(found)
        if core.array_equal(new, labels).item():
            break
        labels = new
    return labels


# 16.2: a split that keeps its promises


@misconception(
    "16.2",
    "You split examples, not groups. Of two copies of a picture one is then trained on and the other one "
    "tested on.",
)
def grouped_split(labels, groups, share, key=None):
    if not 0 < share < 1:
        raise ValueError("[grouped_split] share should be between 0 and 1.")
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError("[grouped_split] not the same length")
    classes = labels.tolist()
    missing = {c: share * count for c, count in Counter(classes).items()}
    test = []
    for i in core.random.permutation(len(classes), key=key).tolist():
        if 1 - 2 * missing[classes[i]] < 0:
            test.append(i)
            missing[classes[i]] -= 1
    train = sorted(set(range(len(classes))) - set(test))
    if not train or not test or len(set(groups.tolist())) < 2:
        raise ValueError("[grouped_split] One of the parts would be empty.")
    return core.array(train, core.int32), core.array(sorted(test), core.int32)


@misconception(
    "16.2",
    "You keep groups together and forget the classes: a rare class may be missing in one of the parts.",
)
def grouped_split(labels, groups, share, key=None):
    if not 0 < share < 1:
        raise ValueError("[grouped_split] share should be between 0 and 1.")
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError("[grouped_split] not the same length")
    names = groups.tolist()
    members = {}
    for i in core.random.permutation(len(names), key=key).tolist():
        members.setdefault(names[i], []).append(i)
    missing, test = share * len(names), []
    for group in members.values():
        if len(group) - 2 * missing < 0:
            test += group
            missing -= len(group)
    train = sorted(set(range(len(names))) - set(test))
    if not train or not test:
        raise ValueError("[grouped_split] One of the parts would be empty.")
    return core.array(train, core.int32), core.array(sorted(test), core.int32)


@misconception(
    "16.2",
    "You always take the first groups, in the order of the data. Data is often sorted; what is tested "
    "should be drawn.",
)
def grouped_split(labels, groups, share, key=None):
    if not 0 < share < 1:
        raise ValueError("[grouped_split] share should be between 0 and 1.")
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError("[grouped_split] not the same length")
    classes, names = labels.tolist(), groups.tolist()
    members = {}
    for i in range(len(names)):
        members.setdefault(names[i], []).append(i)
    missing = {c: share * count for c, count in Counter(classes).items()}
    test = []
    for group in members.values():
        counts = Counter(classes[i] for i in group)
        if sum(k * (k - 2 * missing[c]) for c, k in counts.items()) < 0:
            test += group
            for c, k in counts.items():
                missing[c] -= k
    train = sorted(set(range(len(names))) - set(test))
    if not train or not test:
        raise ValueError("[grouped_split] One of the parts would be empty.")
    return core.array(train, core.int32), core.array(sorted(test), core.int32)


@misconception(
    "16.2",
    "You take groups until there is enough, whatever the last one is. A group of thirty where one example "
    "was missing makes the part far too large.",
)
def grouped_split(labels, groups, share, key=None):
    if not 0 < share < 1:
        raise ValueError("[grouped_split] share should be between 0 and 1.")
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError("[grouped_split] not the same length")
    classes, names = labels.tolist(), groups.tolist()
    members = {}
    for i in core.random.permutation(len(names), key=key).tolist():
        members.setdefault(names[i], []).append(i)
    missing = {c: share * count for c, count in Counter(classes).items()}
    test = []
    for group in members.values():
        counts = Counter(classes[i] for i in group)
        if any(missing[c] > 0 for c in counts):
            test += group
            for c, k in counts.items():
                missing[c] -= k
    train = sorted(set(range(len(names))) - set(test))
    if not train or not test:
        raise ValueError("[grouped_split] One of the parts would be empty.")
    return core.array(train, core.int32), core.array(sorted(test), core.int32)


@misconception(
    "16.2",
    "You ignore the key: the same key gives another split each time, and nobody can repeat your numbers.",
)
def grouped_split(labels, groups, share, key=None):
    if not 0 < share < 1:
        raise ValueError("[grouped_split] share should be between 0 and 1.")
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError("[grouped_split] not the same length")
    classes, names = labels.tolist(), groups.tolist()
    members = {}
    for i in core.random.permutation(len(names)).tolist():
        members.setdefault(names[i], []).append(i)
    missing = {c: share * count for c, count in Counter(classes).items()}
    test = []
    for group in members.values():
        counts = Counter(classes[i] for i in group)
        if sum(k * (k - 2 * missing[c]) for c, k in counts.items()) < 0:
            test += group
            for c, k in counts.items():
                missing[c] -= k
    train = sorted(set(range(len(names))) - set(test))
    if not train or not test:
        raise ValueError("[grouped_split] One of the parts would be empty.")
    return core.array(train, core.int32), core.array(sorted(test), core.int32)


# 16.3: a picture as a sequence


@misconception(
    "16.3",
    "You reshape without exchanging axes. The pixels of a patch are then taken from whole rows of the "
    "picture, not from a square.",
)
def patches(x, side):
    n, height, width, channels = x.shape
    if height % side or width % side:
        raise ValueError(f"[patches] Height and width should be a multiple of {side}.")
    return x.reshape(n, height // side, width // side, side * side * channels)


@misconception(
    "16.3",
    "The pixels of a patch stand column by column. Kernels are written row by row.",
)
def patches(x, side):
    n, height, width, channels = x.shape
    if height % side or width % side:
        raise ValueError(f"[patches] Height and width should be a multiple of {side}.")
    x = x.reshape(n, height // side, side, width // side, side, channels)
    return x.transpose(0, 1, 3, 4, 2, 5).flatten(3)


@misconception(
    "16.3",
    "The channels come first within a patch. Here channels are last, as in the kernels of a convolution.",
)
def patches(x, side):
    n, height, width, channels = x.shape
    if height % side or width % side:
        raise ValueError(f"[patches] Height and width should be a multiple of {side}.")
    x = x.reshape(n, height // side, side, width // side, side, channels)
    return x.transpose(0, 1, 3, 5, 2, 4).flatten(3)


@misconception(
    "16.3",
    "You put the first old cell onto the first new one and the last onto the last. Cells have an extent: "
    "what is kept are the outer edges, so middles are at halves.",
)
def resized(positions, rows, columns):
    if (rows, columns) == positions.shape[:2]:
        return positions

    def weights(old, new):
        places = core.arange(new) * ((old - 1) / max(new - 1, 1))
        near = core.maximum(1 - core.abs(places[:, None] - core.arange(old)), 0)
        return near.astype(positions.dtype)

    high, wide = weights(positions.shape[0], rows), weights(positions.shape[1], columns)
    return core.einsum("ir,rcd,jc->ijd", high, positions, wide)


@misconception(
    "16.3",
    "You take the nearest old position. Neighbours among the new ones are then the same, and the network "
    "cannot tell them apart.",
)
def resized(positions, rows, columns):
    old_rows, old_columns = positions.shape[:2]
    i = core.floor((core.arange(rows) + 0.5) * (old_rows / rows)).astype(core.int32)
    j = core.floor((core.arange(columns) + 0.5) * (old_columns / columns)).astype(core.int32)
    return positions[i][:, j]


@misconception(
    "16.3",
    "Beyond the first and the last middle your positions become smaller: the weights there do not sum to 1. "
    "Move the place to the middle first.",
)
def resized(positions, rows, columns):
    if (rows, columns) == positions.shape[:2]:
        return positions

    def weights(old, new):
        places = (core.arange(new) + 0.5) * (old / new) - 0.5
        near = core.maximum(1 - core.abs(places[:, None] - core.arange(old)), 0)
        return near.astype(positions.dtype)

    high, wide = weights(positions.shape[0], rows), weights(positions.shape[1], columns)
    return core.einsum("ir,rcd,jc->ijd", high, positions, wide)


@misconception(
    "16.3",
    "The class token stands at the end. It comes first: the head looks for it there.",
    symbol="Tokens.__call__",
)
def __call__(self, x):
    maps = self.linear(patches(x, self.patch)) if "linear" in self else self.stem(x)
    maps = maps + resized(self.positions, maps.shape[1], maps.shape[2])
    tokens = maps.flatten(1, 2)
    if "token" not in self:
        return tokens
    first = core.broadcast_to(self.token, (tokens.shape[0], 1, tokens.shape[2]))
    return core.concatenate([tokens, first], axis=1)


@misconception(
    "16.3",
    "No positions are added. Attention does not know any order by itself: to it the picture is a bag of "
    "patches.",
    symbol="Tokens.__call__",
)
def __call__(self, x):
    maps = self.linear(patches(x, self.patch)) if "linear" in self else self.stem(x)
    tokens = maps.flatten(1, 2)
    if "token" not in self:
        return tokens
    first = core.broadcast_to(self.token, (tokens.shape[0], 1, tokens.shape[2]))
    return core.concatenate([first, tokens], axis=1)


@misconception(
    "16.3",
    "For a smaller picture you take the corner of the grid of positions. Its last token is then told that it "
    "is in the middle: the grid is stretched over the picture, also where it shrinks.",
    symbol="Tokens.__call__",
)
def __call__(self, x):
    maps = self.linear(patches(x, self.patch)) if "linear" in self else self.stem(x)
    rows, columns = maps.shape[1:3]
    if rows <= self.positions.shape[0] and columns <= self.positions.shape[1]:
        maps = maps + self.positions[:rows, :columns]
    else:
        maps = maps + resized(self.positions, rows, columns)
    tokens = maps.flatten(1, 2)
    if "token" not in self:
        return tokens
    first = core.broadcast_to(self.token, (tokens.shape[0], 1, tokens.shape[2]))
    return core.concatenate([first, tokens], axis=1)


@misconception(
    "16.3",
    "You count the middles of cells in the dtype of the positions. Half precision knows no 300.3: middles "
    "move by a part of a cell.",
)
def resized(positions, rows, columns):
    if (rows, columns) == positions.shape[:2]:
        return positions

    def weights(old, new):
        half = positions.dtype
        places = core.clip((core.arange(new).astype(half) + 0.5) * (old / new) - 0.5, 0, old - 1)
        return core.maximum(1 - core.abs(places[:, None] - core.arange(old).astype(half)), 0)

    high, wide = weights(positions.shape[0], rows), weights(positions.shape[1], columns)
    return core.einsum("ir,rcd,jc->ijd", high, positions, wide)


# 16.4: the transformer looks


@misconception(
    "16.4",
    "You normalize behind the sum, as the first Transformer did. Here the norm comes first, and nothing "
    "stands in the way of the sum.",
    symbol="EncoderBlock.__call__",
)
def __call__(self, x):
    x = self.ln1(x + self.depth(self.attention(x, x, x)))
    return self.ln2(x + self.depth(self.linear2(nn.gelu(self.linear1(x)))))


@misconception(
    "16.4",
    "The residual starts from the normalized tokens. What is added to is x as it came.",
    symbol="EncoderBlock.__call__",
)
def __call__(self, x):
    y = self.ln1(x)
    x = y + self.depth(self.attention(y, y, y))
    y = self.ln2(x)
    return y + self.depth(self.linear2(nn.gelu(self.linear1(y))))


@misconception(
    "16.4",
    "Queries and keys are normalized with you, values are not. The attention gets the normalized tokens "
    "three times.",
    symbol="EncoderBlock.__call__",
)
def __call__(self, x):
    y = self.ln1(x)
    x = x + self.depth(self.attention(y, y, x))
    y = self.linear2(nn.gelu(self.linear1(self.ln2(x))))
    return x + self.depth(y)


@misconception(
    "16.4",
    "You drop the sum instead of the branch: where nothing should be added, everything is lost.",
    symbol="EncoderBlock.__call__",
)
def __call__(self, x):
    y = self.ln1(x)
    x = self.depth(x + self.attention(y, y, y))
    y = self.linear2(nn.gelu(self.linear1(self.ln2(x))))
    return self.depth(x + y)


@misconception(
    "16.4",
    "relu stands between the two linear layers. Here it is gelu.",
    symbol="EncoderBlock.__call__",
)
def __call__(self, x):
    y = self.ln1(x)
    x = x + self.depth(self.attention(y, y, y))
    y = self.linear2(nn.relu(self.linear1(self.ln2(x))))
    return x + self.depth(y)


@misconception(
    "16.4",
    "The softmax goes along the last axis, which has one number: every weight is 1, and the result the sum "
    "of all tokens.",
    symbol="SequencePool.__call__",
)
def __call__(self, x):
    weights = nn.softmax(self.score(x), axis=-1)
    return core.sum(weights * x, axis=1)


@misconception(
    "16.4",
    "You divide by the number of tokens although the weights already sum to 1.",
    symbol="SequencePool.__call__",
)
def __call__(self, x):
    weights = nn.softmax(self.score(x), axis=1)
    return core.mean(weights * x, axis=1)


@misconception(
    "16.4",
    "The last norm is missing. Behind blocks with the norm first nothing has been normalized: the sum has "
    "grown with each block.",
)
def features(self, x):
    x = self.tokens(x)
    for block in self.blocks:
        x = block(x)
    return x


@misconception(
    "16.4",
    "With a class token you take the mean of all tokens. The first one has collected what is asked for.",
)
def head(self, features):
    if self.config.pool == "sequence":
        return self.linear(self.pool(features))
    return self.linear(core.mean(features, axis=1))


@misconception(
    "16.4",
    "You normalize once more in the head. `features` are normalized already.",
)
def head(self, features):
    features = self.ln(features)
    if self.config.pool == "token":
        return self.linear(features[:, 0])
    if self.config.pool == "mean":
        return self.linear(core.mean(features, axis=1))
    return self.linear(self.pool(features))


# 16.5: one budget for both


@misconception(
    "16.5",
    "You count one operation for a multiplication with its addition. By the convention of this course they "
    "are two.",
)
def resnet_size(widths, blocks, strides, stem=(3, 1), side=32, classes=10, channels=3):
    parameters = flops = 0

    def convolution(inputs, outputs, taps, pixels):
        nonlocal parameters, flops
        weights = inputs * outputs * taps * taps
        parameters += weights + 2 * outputs
        flops += weights * pixels * pixels

    taps, step = stem
    side = (side + 2 * ((taps - 1) // 2) - taps) // step + 1
    convolution(channels, widths[0], taps, side)
    before = widths[0]
    for width, count, stride in zip(widths, blocks, strides):
        for i in range(count):
            step = stride if i == 0 else 1
            side = (side - 1) // step + 1
            convolution(before, width, 3, side)
            convolution(width, width, 3, side)
            if step != 1 or before != width:
                convolution(before, width, 1, side)
            before = width
    return Size(parameters + (before + 1) * classes, flops + before * classes)


@misconception(
    "16.5",
    "The shortcuts are missing. Where a block changes channels or stride they are convolutions with a norm.",
)
def resnet_size(widths, blocks, strides, stem=(3, 1), side=32, classes=10, channels=3):
    parameters = flops = 0

    def convolution(inputs, outputs, taps, pixels):
        nonlocal parameters, flops
        weights = inputs * outputs * taps * taps
        parameters += weights + 2 * outputs
        flops += 2 * weights * pixels * pixels

    taps, step = stem
    side = (side + 2 * ((taps - 1) // 2) - taps) // step + 1
    convolution(channels, widths[0], taps, side)
    before = widths[0]
    for width, count, stride in zip(widths, blocks, strides):
        for i in range(count):
            step = stride if i == 0 else 1
            side = (side - 1) // step + 1
            convolution(before, width, 3, side)
            convolution(width, width, 3, side)
            before = width
    return Size(parameters + (before + 1) * classes, flops + 2 * before * classes)


@misconception(
    "16.5",
    "You halve sides by whole division. With padding 1 a convolution with stride 2 makes 9 of 17 pixels, "
    "not 8: (17 - 1) // 2 + 1.",
)
def resnet_size(widths, blocks, strides, stem=(3, 1), side=32, classes=10, channels=3):
    parameters = flops = 0

    def convolution(inputs, outputs, taps, pixels):
        nonlocal parameters, flops
        weights = inputs * outputs * taps * taps
        parameters += weights + 2 * outputs
        flops += 2 * weights * pixels * pixels

    taps, step = stem
    side = side // step
    convolution(channels, widths[0], taps, side)
    before = widths[0]
    for width, count, stride in zip(widths, blocks, strides):
        for i in range(count):
            step = stride if i == 0 else 1
            side = side // step
            convolution(before, width, 3, side)
            convolution(width, width, 3, side)
            if step != 1 or before != width:
                convolution(before, width, 1, side)
            before = width
    return Size(parameters + (before + 1) * classes, flops + 2 * before * classes)


@misconception(
    "16.5",
    "You forget the two products of attention. They have no parameters, but for many tokens they cost more "
    "than all linear layers.",
)
def vit_size(config):
    dims, grid = config.dims, config.grid
    tokens = grid * grid + (config.pool == "token")
    parameters = flops = 0

    def linear(inputs, outputs, times):
        nonlocal parameters, flops
        parameters += (inputs + 1) * outputs
        flops += 2 * inputs * outputs * times

    if config.tokenizer == "patches":
        linear(config.patch**2 * config.channels, dims, grid * grid)
    else:
        widths, side = config.stem(), config.side
        for before, after in zip(widths, widths[1:]):
            side //= 2
            linear(9 * before, after, side * side)
    parameters += dims * grid * grid + dims * (config.pool == "token")
    for _ in range(config.layers):
        for inputs, outputs in [(dims, dims)] * 4 + [(dims, config.mlp * dims)]:
            linear(inputs, outputs, tokens)
        linear(config.mlp * dims, dims, tokens)
        parameters += 4 * dims
    parameters += 2 * dims
    if config.pool == "sequence":
        linear(dims, 1, tokens)
        flops += 2 * tokens * dims
    linear(dims, config.classes, 1)
    return Size(parameters, flops)


@misconception(
    "16.5",
    "The class token is a token: it goes through every block, too.",
)
def vit_size(config):
    dims, grid = config.dims, config.grid
    tokens = grid * grid
    parameters = flops = 0

    def linear(inputs, outputs, times):
        nonlocal parameters, flops
        parameters += (inputs + 1) * outputs
        flops += 2 * inputs * outputs * times

    if config.tokenizer == "patches":
        linear(config.patch**2 * config.channels, dims, grid * grid)
    else:
        widths, side = config.stem(), config.side
        for before, after in zip(widths, widths[1:]):
            side //= 2
            linear(9 * before, after, side * side)
    parameters += dims * grid * grid + dims * (config.pool == "token")
    for _ in range(config.layers):
        for inputs, outputs in [(dims, dims)] * 4 + [(dims, config.mlp * dims)]:
            linear(inputs, outputs, tokens)
        linear(config.mlp * dims, dims, tokens)
        parameters += 4 * dims
        flops += 4 * tokens * tokens * dims
    parameters += 2 * dims
    if config.pool == "sequence":
        linear(dims, 1, tokens)
        flops += 2 * tokens * dims
    linear(dims, config.classes, 1)
    return Size(parameters, flops)


@misconception(
    "16.5",
    "You go through all widths. A larger one never costs less, so one question rules out half of them.",
)
def widest(cost, budget, widths):
    fitting = [width for width in widths if cost(width) <= budget]
    if not fitting:
        raise ValueError("[widest] No width fits the budget.")
    return fitting[-1]


@misconception(
    "16.5",
    "What costs exactly as much as the budget is not allowed with you.",
)
def widest(cost, budget, widths):
    low, high = 0, len(widths)
    while low < high:
        middle = (low + high) // 2
        if cost(widths[middle]) < budget:
            low = middle + 1
        else:
            high = middle
    if not low:
        raise ValueError("[widest] No width fits the budget.")
    return widths[low - 1]


# 16.6: which rate, and what decays


@misconception(
    "16.6",
    "The rates grow by equal steps. Almost all of them are then of the size of the largest.",
)
def sweep(step, low=1e-6, high=10.0, count=100, decay=0.9):
    if not 0 < low < high or count < 2:
        raise ValueError("[sweep] rates")
    if not 0 <= decay < 1:
        raise ValueError("[sweep] decay")
    rates, losses, mean = [], [], 0.0
    for i in range(count):
        rate = low + (high - low) * i / (count - 1)
        loss = step(rate)
        if not math.isfinite(loss):
            break
        mean = decay * mean + (1 - decay) * loss
        rates.append(rate)
        losses.append(mean / (1 - decay ** (i + 1)))
        if losses[-1] > 4 * min(losses):
            break
    return Sweep(rates, losses)


@misconception(
    "16.6",
    "The running mean began at 0, and nothing makes up for it: the first losses seem tiny, and the sweep "
    "seems to get worse from the beginning.",
)
def sweep(step, low=1e-6, high=10.0, count=100, decay=0.9):
    if not 0 < low < high or count < 2:
        raise ValueError("[sweep] rates")
    if not 0 <= decay < 1:
        raise ValueError("[sweep] decay")
    rates, losses, mean = [], [], 0.0
    for i in range(count):
        rate = low * (high / low) ** (i / (count - 1))
        loss = step(rate)
        if not math.isfinite(loss):
            break
        mean = decay * mean + (1 - decay) * loss
        rates.append(rate)
        losses.append(mean)
        if losses[-1] > 4 * min(losses):
            break
    return Sweep(rates, losses)


@misconception(
    "16.6",
    "You compare with the first loss. After the loss has fallen to a tenth it may then grow to forty times "
    "its best before you stop.",
)
def sweep(step, low=1e-6, high=10.0, count=100, decay=0.9):
    if not 0 < low < high or count < 2:
        raise ValueError("[sweep] rates")
    if not 0 <= decay < 1:
        raise ValueError("[sweep] decay")
    rates, losses, mean = [], [], 0.0
    for i in range(count):
        rate = low * (high / low) ** (i / (count - 1))
        loss = step(rate)
        if not math.isfinite(loss):
            break
        mean = decay * mean + (1 - decay) * loss
        rates.append(rate)
        losses.append(mean / (1 - decay ** (i + 1)))
        if losses[-1] > 4 * losses[0]:
            break
    return Sweep(rates, losses)


@misconception(
    "16.6",
    "A loss that is no number goes into the mean, and makes all that follow no numbers, too.",
)
def sweep(step, low=1e-6, high=10.0, count=100, decay=0.9):
    if not 0 < low < high or count < 2:
        raise ValueError("[sweep] rates")
    if not 0 <= decay < 1:
        raise ValueError("[sweep] decay")
    rates, losses, mean = [], [], 0.0
    for i in range(count):
        rate = low * (high / low) ** (i / (count - 1))
        loss = step(rate)
        mean = decay * mean + (1 - decay) * loss
        rates.append(rate)
        losses.append(mean / (1 - decay ** (i + 1)))
        if losses[-1] > 4 * min(losses):
            break
    return Sweep(rates, losses)


@misconception(
    "16.6",
    "You take the rate with the smallest loss. There the loss is about to grow again: it is too large to "
    "train with.",
)
def steepest(found):
    losses = found.losses
    if len(losses) < 3 or not any(b < a for a, b in zip(losses, losses[2:])):
        raise ValueError("[steepest] The loss falls nowhere.")
    return found.rates[losses.index(min(losses))]


@misconception(
    "16.6",
    "The difference of two losses belongs to the rate between them. You return the one before.",
)
def steepest(found):
    losses = found.losses
    falls = [losses[i + 1] - losses[i - 1] for i in range(1, len(losses) - 1)]
    if not falls or min(falls) >= 0:
        raise ValueError("[steepest] The loss falls nowhere.")
    return found.rates[falls.index(min(falls))]


@misconception(
    "16.6",
    "Whatever has two or more axes decays with you. Positions have, and are pulled towards being equal.",
)
def decays(path, weight):
    return weight.ndim >= 2


@misconception(
    "16.6",
    "Whatever is called weight decays with you: also the gains of norms, which have one axis.",
)
def decays(path, weight):
    return path.split(".")[-1] == "weight"


@misconception(
    "16.6",
    "You look for `weight` anywhere in the path. Only its last part is the name of the parameter.",
)
def decays(path, weight):
    return weight.ndim >= 2 and "weight" in path


@misconception(
    "16.6",
    "You stop at a single loss, not at the smoothed one. One hard batch ends the sweep.",
)
def sweep(step, low=1e-6, high=10.0, count=100, decay=0.9):
    if not 0 < low < high < math.inf or count < 2:
        raise ValueError("[sweep] There should be two or more rates, from above 0 upwards.")
    if not 0 <= decay < 1:
        raise ValueError("[sweep] decay should be in [0, 1).")
    rates, losses, mean = [], [], 0.0
    for i in range(count):
        rate = low * (high / low) ** (i / (count - 1))
        loss = step(rate)
        if not math.isfinite(loss):
            break
        mean = decay * mean + (1 - decay) * loss
        rates.append(rate)
        losses.append(mean / (1 - decay ** (i + 1)))
        if loss > 4 * min(losses):
            break
    return Sweep(rates, losses)


# 16.7: any place of a picture


@misconception(
    "16.7",
    "You put -1 and 1 onto the middles of the outer pixels. They are the outer edges: the first middle is "
    "half a pixel further in.",
)
def affine_grid(theta, height, width):
    u = 2 * core.arange(width) / max(width - 1, 1) - 1
    v = 2 * core.arange(height) / max(height - 1, 1) - 1
    u, v = core.meshgrid(u, v, indexing="xy")
    places = core.stack([u, v, core.ones_like(u)], axis=-1).astype(theta.dtype)
    return places @ theta[:, None].swapaxes(-1, -2)


@misconception(
    "16.7",
    "Height and width are exchanged: the first of the two numbers counts along the width.",
)
def affine_grid(theta, height, width):
    u = (2 * core.arange(width) + 1) / width - 1
    v = (2 * core.arange(height) + 1) / height - 1
    u, v = core.meshgrid(u, v, indexing="xy")
    places = core.stack([v, u, core.ones_like(u)], axis=-1).astype(theta.dtype)
    return places @ theta[:, None].swapaxes(-1, -2)


@misconception(
    "16.7",
    "You scale -1 to 1 onto the middles of the outer pixels. It reaches from edge to edge: half a pixel "
    "more on each side.",
)
def grid_sample(x, grid, padding="zeros"):
    if padding not in ("zeros", "border"):
        raise ValueError("[grid_sample] padding")
    n, height, width, _ = x.shape
    grid = grid.astype(core.float32)
    beyond = 0 if padding == "border" else 1
    column = core.clip((grid[..., 0] + 1) * (width - 1) / 2, -beyond, width - 1 + beyond)
    row = core.clip((grid[..., 1] + 1) * (height - 1) / 2, -beyond, height - 1 + beyond)
    top, left = core.floor(row), core.floor(column)
    down, right = row - top, column - left
    each = core.arange(n)[:, None, None]
    total = core.zeros((), core.float32)
    for i, of_row in ((top, 1 - down), (top + 1, down)):
        for j, of_column in ((left, 1 - right), (left + 1, right)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            at = core.clip(i, 0, height - 1), core.clip(j, 0, width - 1)
            pixels = x[each, at[0].astype(core.int32), at[1].astype(core.int32)]
            weight = core.where(inside, of_row * of_column, 0.0)
            total = total + weight[..., None] * pixels.astype(core.float32)
    return total.astype(x.dtype)


@misconception(
    "16.7",
    "You take the nearest pixel. Turned pictures get steps at their edges, and nothing flows back to places.",
)
def grid_sample(x, grid, padding="zeros"):
    if padding not in ("zeros", "border"):
        raise ValueError("[grid_sample] padding")
    n, height, width, _ = x.shape
    grid = grid.astype(core.float32)
    column = core.clip(core.floor((grid[..., 0] + 1) * width / 2), -1, width)
    row = core.clip(core.floor((grid[..., 1] + 1) * height / 2), -1, height)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    at = core.clip(row, 0, height - 1), core.clip(column, 0, width - 1)
    pixels = x[core.arange(n)[:, None, None], at[0].astype(core.int32), at[1].astype(core.int32)]
    if padding == "border":
        return pixels
    return core.where(inside[..., None], pixels, core.zeros((), x.dtype))


@misconception(
    "16.7",
    "The first number of a place counts along the width, you use it for the rows.",
)
def grid_sample(x, grid, padding="zeros"):
    if padding not in ("zeros", "border"):
        raise ValueError("[grid_sample] padding")
    n, height, width, _ = x.shape
    grid = grid.astype(core.float32)
    beyond = 0 if padding == "border" else 1
    column = core.clip(((grid[..., 1] + 1) * width - 1) / 2, -beyond, width - 1 + beyond)
    row = core.clip(((grid[..., 0] + 1) * height - 1) / 2, -beyond, height - 1 + beyond)
    top, left = core.floor(row), core.floor(column)
    down, right = row - top, column - left
    each = core.arange(n)[:, None, None]
    total = core.zeros((), core.float32)
    for i, of_row in ((top, 1 - down), (top + 1, down)):
        for j, of_column in ((left, 1 - right), (left + 1, right)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            at = core.clip(i, 0, height - 1), core.clip(j, 0, width - 1)
            pixels = x[each, at[0].astype(core.int32), at[1].astype(core.int32)]
            weight = core.where(inside, of_row * of_column, 0.0)
            total = total + weight[..., None] * pixels.astype(core.float32)
    return total.astype(x.dtype)


@misconception(
    "16.7",
    "You clip indices and keep their weights. With zeros a pixel outside counts nothing: the border must "
    "not be repeated.",
)
def grid_sample(x, grid, padding="zeros"):
    if padding not in ("zeros", "border"):
        raise ValueError("[grid_sample] padding")
    n, height, width, _ = x.shape
    grid = grid.astype(core.float32)
    column = core.clip(((grid[..., 0] + 1) * width - 1) / 2, 0, width - 1)
    row = core.clip(((grid[..., 1] + 1) * height - 1) / 2, 0, height - 1)
    top, left = core.floor(row), core.floor(column)
    down, right = row - top, column - left
    each = core.arange(n)[:, None, None]
    total = core.zeros((), core.float32)
    for i, of_row in ((top, 1 - down), (top + 1, down)):
        for j, of_column in ((left, 1 - right), (left + 1, right)):
            at = core.clip(i, 0, height - 1), core.clip(j, 0, width - 1)
            pixels = x[each, at[0].astype(core.int32), at[1].astype(core.int32)]
            total = total + (of_row * of_column)[..., None] * pixels.astype(core.float32)
    return total.astype(x.dtype)


@misconception(
    "16.7",
    "Places are computed in the dtype of the grid. In half precision there is no column 2049.",
)
def grid_sample(x, grid, padding="zeros"):
    if padding not in ("zeros", "border"):
        raise ValueError("[grid_sample] padding")
    n, height, width, _ = x.shape
    beyond = 0 if padding == "border" else 1
    column = core.clip(((grid[..., 0] + 1) * width - 1) / 2, -beyond, width - 1 + beyond)
    row = core.clip(((grid[..., 1] + 1) * height - 1) / 2, -beyond, height - 1 + beyond)
    top, left = core.floor(row), core.floor(column)
    down, right = row - top, column - left
    each = core.arange(n)[:, None, None]
    total = core.zeros((), x.dtype)
    for i, of_row in ((top, 1 - down), (top + 1, down)):
        for j, of_column in ((left, 1 - right), (left + 1, right)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            at = core.clip(i, 0, height - 1), core.clip(j, 0, width - 1)
            pixels = x[each, at[0].astype(core.int32), at[1].astype(core.int32)]
            weight = core.where(inside, of_row * of_column, 0.0)
            total = total + weight[..., None] * pixels
    return total.astype(x.dtype)


# 16.8: a teacher's doubts


@misconception(
    "16.8",
    "The factor T squared is missing. At temperature 4 the teacher's slopes are then sixteen times too small, "
    "and the labels decide alone.",
)
def distillation_loss(student, teacher, labels, temperature=4.0, share=0.9):
    if temperature <= 0:
        raise ValueError("[distillation_loss] temperature")
    if not 0 <= share <= 1:
        raise ValueError("[distillation_loss] share")
    if student.shape != teacher.shape:
        raise ValueError("[distillation_loss] shape")
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    log_p = nn.log_softmax(teacher / temperature, axis=-1)
    log_q = nn.log_softmax(student / temperature, axis=-1)
    apart = core.mean(core.sum(core.exp(log_p) * (log_p - log_q), axis=-1))
    truth = nn.losses.cross_entropy(student, labels, reduction="mean")
    return share * apart + (1 - share) * truth


@misconception(
    "16.8",
    "The divergence is the wrong way round: expectations are taken over the teacher's classes, not the "
    "student's.",
)
def distillation_loss(student, teacher, labels, temperature=4.0, share=0.9):
    if temperature <= 0:
        raise ValueError("[distillation_loss] temperature")
    if not 0 <= share <= 1:
        raise ValueError("[distillation_loss] share")
    if student.shape != teacher.shape:
        raise ValueError("[distillation_loss] shape")
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    log_p = nn.log_softmax(teacher / temperature, axis=-1)
    log_q = nn.log_softmax(student / temperature, axis=-1)
    apart = core.mean(core.sum(core.exp(log_q) * (log_q - log_p), axis=-1))
    truth = nn.losses.cross_entropy(student, labels, reduction="mean")
    return share * temperature**2 * apart + (1 - share) * truth


@misconception(
    "16.8",
    "Only the student is divided by the temperature. Both have to be: otherwise they never agree.",
)
def distillation_loss(student, teacher, labels, temperature=4.0, share=0.9):
    if temperature <= 0:
        raise ValueError("[distillation_loss] temperature")
    if not 0 <= share <= 1:
        raise ValueError("[distillation_loss] share")
    if student.shape != teacher.shape:
        raise ValueError("[distillation_loss] shape")
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    log_p = nn.log_softmax(teacher, axis=-1)
    log_q = nn.log_softmax(student / temperature, axis=-1)
    apart = core.mean(core.sum(core.exp(log_p) * (log_p - log_q), axis=-1))
    truth = nn.losses.cross_entropy(student, labels, reduction="mean")
    return share * temperature**2 * apart + (1 - share) * truth


@misconception(
    "16.8",
    "The labels are compared at the temperature, too. The student's own answers are at temperature 1.",
)
def distillation_loss(student, teacher, labels, temperature=4.0, share=0.9):
    if temperature <= 0:
        raise ValueError("[distillation_loss] temperature")
    if not 0 <= share <= 1:
        raise ValueError("[distillation_loss] share")
    if student.shape != teacher.shape:
        raise ValueError("[distillation_loss] shape")
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    log_p = nn.log_softmax(teacher / temperature, axis=-1)
    log_q = nn.log_softmax(student / temperature, axis=-1)
    apart = core.mean(core.sum(core.exp(log_p) * (log_p - log_q), axis=-1))
    truth = nn.losses.cross_entropy(student / temperature, labels, reduction="mean")
    return share * temperature**2 * apart + (1 - share) * truth


@misconception(
    "16.8",
    "The mean goes over classes as well. The divergence of one example is a sum over its classes.",
)
def distillation_loss(student, teacher, labels, temperature=4.0, share=0.9):
    if temperature <= 0:
        raise ValueError("[distillation_loss] temperature")
    if not 0 <= share <= 1:
        raise ValueError("[distillation_loss] share")
    if student.shape != teacher.shape:
        raise ValueError("[distillation_loss] shape")
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    log_p = nn.log_softmax(teacher / temperature, axis=-1)
    log_q = nn.log_softmax(student / temperature, axis=-1)
    apart = core.mean(core.exp(log_p) * (log_p - log_q))
    truth = nn.losses.cross_entropy(student, labels, reduction="mean")
    return share * temperature**2 * apart + (1 - share) * truth


@misconception(
    "16.8",
    "You take the logarithm of a softmax. Where a probability is exactly 0 that is minus infinity, and 0 "
    "times it is no number.",
)
def distillation_loss(student, teacher, labels, temperature=4.0, share=0.9):
    if temperature <= 0:
        raise ValueError("[distillation_loss] temperature")
    if not 0 <= share <= 1:
        raise ValueError("[distillation_loss] share")
    if student.shape != teacher.shape:
        raise ValueError("[distillation_loss] shape")
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    p = nn.softmax(teacher / temperature, axis=-1)
    q = nn.softmax(student / temperature, axis=-1)
    apart = core.mean(core.sum(p * (core.log(p) - core.log(q)), axis=-1))
    truth = nn.losses.cross_entropy(student, labels, reduction="mean")
    return share * temperature**2 * apart + (1 - share) * truth


@misconception(
    "16.8",
    "The teacher is asked in training mode: its batch norms normalize with the batch, and their running "
    "statistics move with every picture of the student.",
)
def distilled(teacher, change, temperature=4.0, share=0.9):
    def loss(model, x, y):
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        x = change(x)
        before = teacher.training
        teacher.train()
        try:
            answers = core.stop_gradient(teacher(x))
        finally:
            teacher.train(before)
        return distillation_loss(model(x), answers, y, temperature, share)

    return loss


@misconception(
    "16.8",
    "Teacher and student see two different changes of a picture. What the teacher says then is about another "
    "picture.",
)
def distilled(teacher, change, temperature=4.0, share=0.9):
    def loss(model, x, y):
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        before = teacher.training
        teacher.eval()
        try:
            answers = teacher(change(x))
        finally:
            teacher.train(before)
        return distillation_loss(model(change(x)), answers, y, temperature, share)

    return loss


@misconception(
    "16.8",
    "The teacher stays in evaluation mode when you are done with it.",
)
def distilled(teacher, change, temperature=4.0, share=0.9):
    def loss(model, x, y):
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        x = change(x)
        teacher.eval()
        return distillation_loss(model(x), teacher(x), y, temperature, share)

    return loss


@misconception(
    "16.8",
    "In validation you change pictures and ask the teacher as well. Validation asks how good the student is.",
)
def distilled(teacher, change, temperature=4.0, share=0.9):
    def loss(model, x, y):
        x = change(x)
        before = teacher.training
        teacher.eval()
        try:
            answers = teacher(x)
        finally:
            teacher.train(before)
        return distillation_loss(model(x), answers, y, temperature, share)

    return loss


@misconception(
    "16.8",
    "You keep what the teacher said of the first batch. Every batch is another one, and so is every change of "
    "a picture: the teacher is asked anew.",
)
def distilled(teacher, change, temperature=4.0, share=0.9):
    known = {}

    def loss(model, x, y):
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        x = change(x)
        before = teacher.training
        teacher.eval()
        try:
            if x.shape not in known:
                known[x.shape] = teacher(x)
        finally:
            teacher.train(before)
        return distillation_loss(model(x), known[x.shape], y, temperature, share)

    return loss


# 16.9: ninety percent sure


@misconception(
    "16.9",
    "The confidence is the probability of the right class with you. Nobody knows the right class when the "
    "network answers: it is the largest probability.",
)
def reliability(probabilities, labels, bins=15):
    own = core.take_along_axis(probabilities, labels[:, None], axis=-1)[:, 0]
    right = core.argmax(probabilities, axis=-1) == labels
    return calibration(core.minimum(own, 1.0), right, bins)


@misconception(
    "16.9",
    "You ask whether the label is 1. What a confidence foretells is that the answer is right.",
)
def reliability(probabilities, labels, bins=15):
    confidence = core.minimum(core.max(probabilities, axis=-1), 1.0)
    return calibration(confidence, labels == 1, bins)


@misconception(
    "16.9",
    "A softmax may round to a little more than 1, and then `calibration` refuses all of it.",
)
def reliability(probabilities, labels, bins=15):
    right = core.argmax(probabilities, axis=-1) == labels
    return calibration(core.max(probabilities, axis=-1), right, bins)


@misconception(
    "16.9",
    "You return b. The temperature is 1 / b.",
)
def fitted_temperature(logits, labels, rounds=50):
    if not logits.shape[0]:
        raise ValueError("[fitted_temperature] There are no examples.")
    z = logits.astype(core.float32)
    z = z - core.max(z, axis=-1, keepdims=True)
    if not core.all(core.isfinite(z)).item():
        raise ValueError("[fitted_temperature] Every logit should be finite.")
    own = core.mean(core.take_along_axis(z, labels[:, None], axis=-1))
    if own.item() == 0 and core.min(z).item() < 0:
        return LEAST

    def slopes(b):
        p = nn.softmax(b * z, axis=-1)
        mean = core.sum(p * z, axis=-1, keepdims=True)
        spread = core.sum(p * (z - mean) ** 2, axis=-1)
        return (core.mean(mean) - own).item(), core.mean(spread).item()

    low, high = 1 / MOST, 1 / LEAST
    if slopes(low)[0] >= 0:
        return low
    if slopes(high)[0] <= 0:
        return high
    b = 1.0
    for _ in range(rounds):
        first, second = slopes(b)
        if first > 0:
            high = b
        else:
            low = b
        new = b - first / second if second > 0 else math.inf
        if abs(new - b) <= 1e-7 * b:
            break
        if not low < new < high:
            new = (low + high) / 2
        b = new
    return b


@misconception(
    "16.9",
    "Newton alone, without an interval: where the curvature is small it jumps far out, to negative "
    "temperatures even, and never comes back.",
)
def fitted_temperature(logits, labels, rounds=50):
    if not logits.shape[0]:
        raise ValueError("[fitted_temperature] There are no examples.")
    z = logits.astype(core.float32)
    z = z - core.max(z, axis=-1, keepdims=True)
    if not core.all(core.isfinite(z)).item():
        raise ValueError("[fitted_temperature] Every logit should be finite.")
    own = core.mean(core.take_along_axis(z, labels[:, None], axis=-1))
    if own.item() == 0 and core.min(z).item() < 0:
        return LEAST

    def slopes(b):
        p = nn.softmax(b * z, axis=-1)
        mean = core.sum(p * z, axis=-1, keepdims=True)
        spread = core.sum(p * (z - mean) ** 2, axis=-1)
        return (core.mean(mean) - own).item(), core.mean(spread).item()

    if slopes(1 / MOST)[0] >= 0:
        return MOST
    if slopes(1 / LEAST)[0] <= 0:
        return LEAST
    b = 1.0
    for _ in range(rounds):
        first, second = slopes(b)
        b = b - first / (second + 1e-12)
    return 1 / b


@misconception(
    "16.9",
    "You leave the constant in the logits and take the difference of two large means. In float32 their last "
    "digits are gone: subtract the largest logit of each example first.",
)
def fitted_temperature(logits, labels, rounds=50):
    if not logits.shape[0]:
        raise ValueError("[fitted_temperature] There are no examples.")
    z = logits.astype(core.float32)
    if not core.all(core.isfinite(z)).item():
        raise ValueError("[fitted_temperature] Every logit should be finite.")
    own = core.mean(core.take_along_axis(z, labels[:, None], axis=-1))

    def slopes(b):
        p = nn.softmax(b * z, axis=-1)
        mean = core.sum(p * z, axis=-1, keepdims=True)
        spread = core.sum(p * (z - mean) ** 2, axis=-1)
        return (core.mean(mean) - own).item(), core.mean(spread).item()

    low, high = 1 / MOST, 1 / LEAST
    if slopes(low)[0] >= 0:
        return MOST
    if slopes(high)[0] <= 0:
        return LEAST
    b = 1.0
    for _ in range(rounds):
        first, second = slopes(b)
        if first > 0:
            high = b
        else:
            low = b
        new = b - first / second if second > 0 else math.inf
        if abs(new - b) <= 1e-7 * b:
            break
        if not low < new < high:
            new = (low + high) / 2
        b = new
    return 1 / b


@misconception(
    "16.9",
    "You halve the interval and leave Newton out. After five steps that is three percent of the interval; "
    "Newton doubles the right digits with each step.",
)
def fitted_temperature(logits, labels, rounds=50):
    if not logits.shape[0]:
        raise ValueError("[fitted_temperature] There are no examples.")
    z = logits.astype(core.float32)
    z = z - core.max(z, axis=-1, keepdims=True)
    if not core.all(core.isfinite(z)).item():
        raise ValueError("[fitted_temperature] Every logit should be finite.")
    own = core.mean(core.take_along_axis(z, labels[:, None], axis=-1))
    if own.item() == 0 and core.min(z).item() < 0:
        return LEAST

    def slope(b):
        p = nn.softmax(b * z, axis=-1)
        return (core.mean(core.sum(p * z, axis=-1)) - own).item()

    low, high = 1 / MOST, 1 / LEAST
    if slope(low) >= 0:
        return MOST
    if slope(high) <= 0:
        return LEAST
    b = 1.0
    for _ in range(rounds):
        if slope(b) > 0:
            high = b
        else:
            low = b
        b = (low + high) / 2
    return 1 / b


@misconception(
    "16.9",
    "Where several classes are equally probable you count the answer as right if the label is among them. "
    "One class is answered, the first: a network that says nothing would be right always.",
)
def reliability(probabilities, labels, bins=15):
    confidence = core.minimum(core.max(probabilities, axis=-1), 1.0)
    own = core.take_along_axis(probabilities, labels[:, None], axis=-1)[:, 0]
    return calibration(confidence, own == core.max(probabilities, axis=-1), bins)


@misconception(
    "16.9",
    "In half precision you subtract before you cast: the difference of two logits may be infinite there.",
)
def fitted_temperature(logits, labels, rounds=50):
    if not logits.shape[0]:
        raise ValueError("[fitted_temperature] There are no examples.")
    z = (logits - core.max(logits, axis=-1, keepdims=True)).astype(core.float32)
    if not core.all(core.isfinite(z)).item():
        raise ValueError("[fitted_temperature] Every logit should be finite.")
    own = core.mean(core.take_along_axis(z, labels[:, None], axis=-1))
    if own.item() == 0 and core.min(z).item() < 0:
        return LEAST

    def slopes(b):
        p = nn.softmax(b * z, axis=-1)
        mean = core.sum(p * z, axis=-1, keepdims=True)
        spread = core.sum(p * (z - mean) ** 2, axis=-1)
        return (core.mean(mean) - own).item(), core.mean(spread).item()

    low, high = 1 / MOST, 1 / LEAST
    if slopes(low)[0] >= 0:
        return MOST
    b = 1.0
    for _ in range(rounds):
        first, second = slopes(b)
        if first > 0:
            high = b
        else:
            low = b
        new = b - first / second if second > 0 else math.inf
        if abs(new - b) <= 1e-7 * b:
            break
        if not low < new < high:
            new = (low + high) / 2
        b = new
    return 1 / b


@misconception(
    "16.9",
    "With logits of thousands and every answer right no slope is left at any temperature, and you take that "
    "for logits that say nothing. Every answer is right: the coldest temperature.",
)
def fitted_temperature(logits, labels, rounds=50):
    if not logits.shape[0]:
        raise ValueError("[fitted_temperature] There are no examples.")
    z = logits.astype(core.float32)
    z = z - core.max(z, axis=-1, keepdims=True)
    if not core.all(core.isfinite(z)).item():
        raise ValueError("[fitted_temperature] Every logit should be finite.")
    own = core.mean(core.take_along_axis(z, labels[:, None], axis=-1))

    def slopes(b):
        p = nn.softmax(b * z, axis=-1)
        mean = core.sum(p * z, axis=-1, keepdims=True)
        spread = core.sum(p * (z - mean) ** 2, axis=-1)
        return (core.mean(mean) - own).item(), core.mean(spread).item()

    low, high = 1 / MOST, 1 / LEAST
    if slopes(low)[0] >= 0:
        return MOST
    b = 1.0
    for _ in range(rounds):
        first, second = slopes(b)
        if first > 0:
            high = b
        else:
            low = b
        new = b - first / second if second > 0 else math.inf
        if abs(new - b) <= 1e-7 * b:
            break
        if not low < new < high:
            new = (low + high) / 2
        b = new
    return 1 / b


# 16.10: is it really better?


@misconception(
    "16.10",
    "That is the simple interval, the accuracy plus and minus z deviations. Where all answers are right its "
    "width is 0, as if nothing were in doubt.",
)
def wilson(right, total, confidence=0.95):
    if not 0 <= right <= total or total < 1:
        raise ValueError("[wilson] right of total cannot be.")
    if not 0 < confidence < 1:
        raise ValueError("[wilson] confidence should be between 0 and 1.")
    z = math.sqrt(2) * core.erfinv(core.array(confidence)).item()
    p = right / total
    reach = z * math.sqrt(p * (1 - p) / total)
    return Interval(max(p - reach, 0.0), min(p + reach, 1.0))


@misconception(
    "16.10",
    "You leave out 5 % on one side: 1.64 deviations instead of 1.96. Both sides share what "
    "is left out.",
)
def wilson(right, total, confidence=0.95):
    if not 0 <= right <= total or total < 1:
        raise ValueError("[wilson] right of total cannot be.")
    if not 0 < confidence < 1:
        raise ValueError("[wilson] confidence should be between 0 and 1.")
    z = math.sqrt(2) * core.erfinv(core.array(2 * confidence - 1)).item()
    p, more = right / total, z * z / total
    middle = p + more / 2
    reach = math.sqrt(more * (p * (1 - p) + more / 4))
    low, high = (middle - reach) / (1 + more), (middle + reach) / (1 + more)
    return Interval(max(low, 0.0), min(high, 1.0))


@misconception(
    "16.10",
    "The root of 2 is missing: erfinv counts in deviations divided by it.",
)
def wilson(right, total, confidence=0.95):
    if not 0 <= right <= total or total < 1:
        raise ValueError("[wilson] right of total cannot be.")
    if not 0 < confidence < 1:
        raise ValueError("[wilson] confidence should be between 0 and 1.")
    z = core.erfinv(core.array(confidence)).item()
    p, more = right / total, z * z / total
    middle = p + more / 2
    reach = math.sqrt(more * (p * (1 - p) + more / 4))
    low, high = (middle - reach) / (1 + more), (middle + reach) / (1 + more)
    return Interval(max(low, 0.0), min(high, 1.0))


@misconception(
    "16.10",
    "You count one side only. Nobody said beforehand which of the two would be better: both tails count.",
)
def mcnemar(first, second):
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError("[mcnemar] Both should have one length.")
    one, other = core.sum(first & ~second).item(), core.sum(second & ~first).item()
    n, k = one + other, min(one, other)
    if not n:
        return 1.0
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


@misconception(
    "16.10",
    "Twice a tail may be more than 1, where both sides are equal. A probability is at most 1.",
)
def mcnemar(first, second):
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError("[mcnemar] Both should have one length.")
    one, other = core.sum(first & ~second).item(), core.sum(second & ~first).item()
    n, k = one + other, min(one, other)
    if not n:
        return 1.0
    return 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n


@misconception(
    "16.10",
    "You multiply by 0.5 ** n. For more than 1074 differences that is 0, and with it every answer.",
)
def mcnemar(first, second):
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError("[mcnemar] Both should have one length.")
    one, other = core.sum(first & ~second).item(), core.sum(second & ~first).item()
    n, k = one + other, min(one, other)
    if n > 1020:
        return 0.0
    return min(2 * sum(math.comb(n, i) for i in range(k + 1)) * 0.5**n, 1.0)


@misconception(
    "16.10",
    "That is the chi-squared approximation. For a handful of differences it is far from exact.",
)
def mcnemar(first, second):
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError("[mcnemar] Both should have one length.")
    one, other = core.sum(first & ~second).item(), core.sum(second & ~first).item()
    if not one + other:
        return 1.0
    return math.erfc(abs(one - other) / math.sqrt(2 * (one + other)))


@misconception(
    "16.10",
    "The line goes through the first and the last point. Least squares asks all of them.",
)
def power_law(examples, errors):
    if len(examples) != len(errors) or len(set(examples)) < 2:
        raise ValueError("[power_law] It takes at least two different numbers of examples.")
    if min(examples) <= 0 or min(errors) <= 0:
        raise ValueError("[power_law] They should be above 0.")
    slope = math.log(errors[-1] / errors[0]) / math.log(examples[-1] / examples[0])
    return PowerLaw(errors[0] * examples[0] ** -slope, -slope)


@misconception(
    "16.10",
    "The exponent has the wrong sign: the error is the factor times n to the power of minus the exponent.",
)
def power_law(examples, errors):
    if len(examples) != len(errors) or len(set(examples)) < 2:
        raise ValueError("[power_law] It takes at least two different numbers of examples.")
    if min(examples) <= 0 or min(errors) <= 0:
        raise ValueError("[power_law] They should be above 0.")
    x, y = [math.log(n) for n in examples], [math.log(e) for e in errors]
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    across = math.fsum((a - mean_x) ** 2 for a in x)
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / across
    return PowerLaw(math.exp(mean_y - slope * mean_x), slope)


@misconception(
    "16.10",
    "The factor is still a logarithm.",
)
def power_law(examples, errors):
    if len(examples) != len(errors) or len(set(examples)) < 2:
        raise ValueError("[power_law] It takes at least two different numbers of examples.")
    if min(examples) <= 0 or min(errors) <= 0:
        raise ValueError("[power_law] They should be above 0.")
    x, y = [math.log(n) for n in examples], [math.log(e) for e in errors]
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    across = math.fsum((a - mean_x) ** 2 for a in x)
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / across
    return PowerLaw(mean_y - slope * mean_x, -slope)


# 16.11: where it looked, asked twice


@misconception(
    "16.11",
    "The residual is missing: a token also keeps what it was, so half of each block's mixture is the identity.",
)
def rollout(attentions):
    if not attentions:
        raise ValueError("[rollout] There are no blocks.")
    total = core.mean(attentions[0], axis=1)
    for attention in attentions[1:]:
        total = core.mean(attention, axis=1) @ total
    return total


@misconception(
    "16.11",
    "The product is the wrong way round. The first block works on the input: its matrix stands on the right.",
)
def rollout(attentions):
    if not attentions:
        raise ValueError("[rollout] There are no blocks.")
    total = identity = core.eye(attentions[0].shape[-1], dtype=attentions[0].dtype)
    for attention in attentions:
        total = total @ ((core.mean(attention, axis=1) + identity) / 2)
    return total


@misconception(
    "16.11",
    "You add the identity and do not divide by 2: rows no longer sum to 1, and double with every block.",
)
def rollout(attentions):
    if not attentions:
        raise ValueError("[rollout] There are no blocks.")
    total = identity = core.eye(attentions[0].shape[-1], dtype=attentions[0].dtype)
    for attention in attentions:
        total = (core.mean(attention, axis=1) + identity) @ total
    return total


@misconception(
    "16.11",
    "You take the head that attends most instead of the mean over all of them.",
)
def rollout(attentions):
    if not attentions:
        raise ValueError("[rollout] There are no blocks.")
    total = identity = core.eye(attentions[0].shape[-1], dtype=attentions[0].dtype)
    for attention in attentions:
        mixed = (core.max(attention, axis=1) + identity) / 2
        total = mixed / core.sum(mixed, axis=-1, keepdims=True) @ total
    return total


@misconception(
    "16.11",
    "The sign is the other way round: where covering takes probability away the number is positive.",
)
def occlusion(network, x, classes, side, stride, fill=0.0):
    def probability(x):
        p = nn.softmax(network(x), axis=-1)
        return core.take_along_axis(p, classes[:, None], axis=-1)[:, 0]

    height, width = x.shape[1:3]
    i, j = core.arange(height), core.arange(width)
    whole = probability(x)
    rows = []
    for top in range(0, height - side + 1, stride):
        row = []
        for left in range(0, width - side + 1, stride):
            inside = ((i >= top) & (i < top + side))[:, None] & (j >= left) & (j < left + side)
            covered = core.where(inside[:, :, None], core.array(fill, x.dtype), x)
            row.append(probability(covered) - whole)
            core.eval(row[-1])
        rows.append(core.stack(row, axis=-1))
    return core.stack(rows, axis=1)


@misconception(
    "16.11",
    "You compare logits. A logit that falls means nothing if all others fall as well: compare probabilities.",
)
def occlusion(network, x, classes, side, stride, fill=0.0):
    def score(x):
        return core.take_along_axis(network(x), classes[:, None], axis=-1)[:, 0]

    height, width = x.shape[1:3]
    i, j = core.arange(height), core.arange(width)
    whole = score(x)
    rows = []
    for top in range(0, height - side + 1, stride):
        row = []
        for left in range(0, width - side + 1, stride):
            inside = ((i >= top) & (i < top + side))[:, None] & (j >= left) & (j < left + side)
            covered = core.where(inside[:, :, None], core.array(fill, x.dtype), x)
            row.append(whole - score(covered))
            core.eval(row[-1])
        rows.append(core.stack(row, axis=-1))
    return core.stack(rows, axis=1)


@misconception(
    "16.11",
    "The last place of each row and column is missing: range() leaves out its end.",
)
def occlusion(network, x, classes, side, stride, fill=0.0):
    def probability(x):
        p = nn.softmax(network(x), axis=-1)
        return core.take_along_axis(p, classes[:, None], axis=-1)[:, 0]

    height, width = x.shape[1:3]
    i, j = core.arange(height), core.arange(width)
    whole = probability(x)
    rows = []
    for top in range(0, max(height - side, 1), stride):
        row = []
        for left in range(0, max(width - side, 1), stride):
            inside = ((i >= top) & (i < top + side))[:, None] & (j >= left) & (j < left + side)
            covered = core.where(inside[:, :, None], core.array(fill, x.dtype), x)
            row.append(whole - probability(covered))
            core.eval(row[-1])
        rows.append(core.stack(row, axis=-1))
    return core.stack(rows, axis=1)
