"""What people really write in chapter 3. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "3.1", "You align the shapes at their first axes. Broadcasting aligns them at the last."
)
def broadcast_shapes(*shapes):
    result = [1] * max((len(shape) for shape in shapes), default=0)
    for shape in shapes:
        for i, n in enumerate(shape):
            if n != 1 and result[i] not in (1, n):
                raise ValueError(f"[broadcast_shapes] Shapes {shapes} cannot be broadcast.")
            if n != 1:
                result[i] = n
    return tuple(result)


@misconception(
    "3.1",
    "You take the greatest size of each axis: 3 and 4 do not go together, and 1 stretches to 0 "
    "too.",
)
def broadcast_shapes(*shapes):
    ndim = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(max(sizes) for sizes in zip(*padded, strict=True))


@misconception(
    "3.1",
    "`zip` stops at the shortest shape, and begins at the first axes. A shape with fewer axes gets "
    "ones in front, until all have as many.",
)
def broadcast_shapes(*shapes):
    return tuple(max(sizes) for sizes in zip(*shapes))


@misconception(
    "3.1", "You let any size that is not 1 replace the one before, without looking whether it fits."
)
def broadcast_shapes(*shapes):
    result = [1] * max((len(shape) for shape in shapes), default=0)
    for shape in shapes:
        for i, n in enumerate(reversed(shape), start=1):
            if n != 1:
                result[-i] = n
    return tuple(result)


@misconception(
    "3.2",
    "You have one window too few: the first begins at 0, so there are (n - size) // stride + 1.",
)
def sliding_windows(x, size, stride=1):
    n = x.shape[-1]
    if not 1 <= size <= n or stride < 1:
        raise ValueError(f"[sliding_windows] size {size}, stride {stride} do not fit {n} elements.")
    outer = x.shape[:-1]
    strides = [math.prod(x.shape[i + 1 :]) for i in range(len(outer))]
    return as_strided(x, [*outer, (n - size) // stride, size], [*strides, stride, 1])


@misconception(
    "3.2",
    "The two new strides are exchanged: from window to window it is `stride` elements, inside one.",
    agrees="windows_far_apart",  # elsewhere it reads past the end, whatever stands there
)
def sliding_windows(x, size, stride=1):
    n = x.shape[-1]
    if not 1 <= size <= n or stride < 1:
        raise ValueError(f"[sliding_windows] size {size}, stride {stride} do not fit {n} elements.")
    outer = x.shape[:-1]
    strides = [math.prod(x.shape[i + 1 :]) for i in range(len(outer))]
    return as_strided(x, [*outer, (n - size) // stride + 1, size], [*strides, 1, stride])


@misconception(
    "3.2",
    "The strides of the outer axes follow from the shape of x, not from the shape of the windows.",
    agrees="windows_far_apart",  # elsewhere it reads past the end, whatever stands there
)
def sliding_windows(x, size, stride=1):
    n = x.shape[-1]
    if not 1 <= size <= n or stride < 1:
        raise ValueError(f"[sliding_windows] size {size}, stride {stride} do not fit {n} elements.")
    shape = [*x.shape[:-1], (n - size) // stride + 1, size]
    strides = [math.prod(shape[i + 1 :]) for i in range(x.ndim - 1)]
    return as_strided(x, shape, [*strides, stride, 1])


@misconception(
    "3.2",
    "You pick the elements by an array of indices, which copies each one as often as it occurs. "
    "A view needs only a shape and strides.",
)
def sliding_windows(x, size, stride=1):
    n = x.shape[-1]
    if not 1 <= size <= n or stride < 1:
        raise ValueError(f"[sliding_windows] size {size}, stride {stride} do not fit {n} elements.")
    starts = mx.arange(0, n - size + 1, stride)
    return x[..., wrap(starts[:, None] + mx.arange(size))]


@misconception(
    "3.2", "You do not refuse a window that does not fit: reading past the end gives any number."
)
def sliding_windows(x, size, stride=1):
    n = x.shape[-1]
    outer = x.shape[:-1]
    strides = [math.prod(x.shape[i + 1 :]) for i in range(len(outer))]
    count = max((n - size) // max(stride, 1) + 1, 0)
    return as_strided(x, [*outer, count, max(size, 0)], [*strides, stride, 1])


@misconception(
    "3.3",
    "Without an arrow the names of the result stand in alphabetical order, not as they appear.",
)
def parse_einsum(subscripts, ndims):
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"[einsum] {subscripts!r} names {len(terms)} operands, not {len(ndims)}.")
    names = ellipsis_names(subscripts, terms, ndims)
    inputs = []
    for term, ndim in zip(terms, ndims):
        free = ndim - len(term.replace("...", ""))
        term = term.replace("...", names[len(names) - free :]) if "..." in term else term
        if len(term) != ndim:
            raise ValueError(f"[einsum] {subscripts!r} does not fit an operand with {ndim} axes.")
        inputs.append(term)
    if not arrow:
        letters = left.replace(",", "").replace("...", "")
        right = "..." + "".join(c for c in dict.fromkeys(letters) if letters.count(c) == 1)
    output = right.replace("...", names)
    known = set("".join(inputs))
    if not set(output) <= known or len(set(output)) < len(output) or not known <= LETTERS:
        raise ValueError(f"[einsum] Invalid subscripts {subscripts!r}.")
    return inputs, output


@misconception(
    "3.3",
    "Without an arrow you keep every name. What occurs twice is summed: keep those that occur "
    "once.",
)
def parse_einsum(subscripts, ndims):
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"[einsum] {subscripts!r} names {len(terms)} operands, not {len(ndims)}.")
    names = ellipsis_names(subscripts, terms, ndims)
    inputs = []
    for term, ndim in zip(terms, ndims):
        free = ndim - len(term.replace("...", ""))
        term = term.replace("...", names[len(names) - free :]) if "..." in term else term
        if len(term) != ndim:
            raise ValueError(f"[einsum] {subscripts!r} does not fit an operand with {ndim} axes.")
        inputs.append(term)
    if not arrow:
        letters = left.replace(",", "").replace("...", "")
        right = "..." + "".join(sorted(set(letters)))
    output = right.replace("...", names)
    known = set("".join(inputs))
    if not set(output) <= known or len(set(output)) < len(output) or not known <= LETTERS:
        raise ValueError(f"[einsum] Invalid subscripts {subscripts!r}.")
    return inputs, output


@misconception(
    "3.3",
    "A shorter ellipsis takes the last of the names: its axes broadcast aligned at the last one.",
)
def parse_einsum(subscripts, ndims):
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"[einsum] {subscripts!r} names {len(terms)} operands, not {len(ndims)}.")
    names = ellipsis_names(subscripts, terms, ndims)
    inputs = []
    for term, ndim in zip(terms, ndims):
        free = ndim - len(term.replace("...", ""))
        term = term.replace("...", names[:free]) if "..." in term else term
        if len(term) != ndim:
            raise ValueError(f"[einsum] {subscripts!r} does not fit an operand with {ndim} axes.")
        inputs.append(term)
    if not arrow:
        letters = left.replace(",", "").replace("...", "")
        right = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    output = right.replace("...", names)
    known = set("".join(inputs))
    if not set(output) <= known or len(set(output)) < len(output) or not known <= LETTERS:
        raise ValueError(f"[einsum] Invalid subscripts {subscripts!r}.")
    return inputs, output


@misconception(
    "3.3", "You believe the names of the result: they may come from nowhere, or occur twice."
)
def parse_einsum(subscripts, ndims):
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"[einsum] {subscripts!r} names {len(terms)} operands, not {len(ndims)}.")
    names = ellipsis_names(subscripts, terms, ndims)
    inputs = []
    for term, ndim in zip(terms, ndims):
        free = ndim - len(term.replace("...", ""))
        term = term.replace("...", names[len(names) - free :]) if "..." in term else term
        if len(term) != ndim:
            raise ValueError(f"[einsum] {subscripts!r} does not fit an operand with {ndim} axes.")
        inputs.append(term)
    if not arrow:
        letters = left.replace(",", "").replace("...", "")
        right = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return inputs, right.replace("...", names)


@misconception(
    "3.4",
    "You leave the axes as the product has them: batch, rows, columns. Order them as `result` "
    "says.",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    a = ordered(a, a_names, [*batch, *rows, *summed]).reshape(merged[0], merged[1], merged[2])
    b = ordered(b, b_names, [*batch, *summed, *columns]).reshape(merged[0], merged[2], merged[3])
    return batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])


@misconception(
    "3.4",
    "You reshape without a transpose before. Axes can merge only where they are neighbours, in the "
    "order you need: a reshape moves no element.",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    a = a.reshape(merged[0], merged[1], merged[2])
    b = b.reshape(merged[0], merged[2], merged[3])
    product = batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])
    return ordered(product, "".join([*batch, *rows, *columns]), list(result))


@misconception(
    "3.4",
    "You take the summed names in the order of each operand. Both need the same order, or the "
    "product pairs an element with a wrong one.",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    again = [c for c in b_names if c in a_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    a = ordered(a, a_names, [*batch, *rows, *summed]).reshape(merged[0], merged[1], merged[2])
    b = ordered(b, b_names, [*batch, *again, *columns]).reshape(merged[0], merged[2], merged[3])
    product = batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])
    return ordered(product, "".join([*batch, *rows, *columns]), list(result))


@misconception(
    "3.4",
    "You take the batch names in the order of each operand. Both need the same order, or matrices "
    "meet that do not belong together.",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    again = [c for c in b_names if c in a_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    a = ordered(a, a_names, [*batch, *rows, *summed]).reshape(merged[0], merged[1], merged[2])
    b = ordered(b, b_names, [*again, *summed, *columns]).reshape(merged[0], merged[2], merged[3])
    product = batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])
    return ordered(product, "".join([*batch, *rows, *columns]), list(result))


@misconception(
    "3.4",
    "You take all shared names of `b` in its own order, batch and summed ones. Both operands need "
    "the order of one of them.",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    own = [c for c in b_names if c in batch] + [c for c in b_names if c in summed]
    a = ordered(a, a_names, [*batch, *rows, *summed]).reshape(merged[0], merged[1], merged[2])
    b = ordered(b, b_names, [*own, *columns]).reshape(merged[0], merged[2], merged[3])
    product = batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])
    return ordered(product, "".join([*batch, *rows, *columns]), list(result))


@misconception(
    "3.4",
    "You make every single product and then sum: n^3 numbers at a time. matmul never holds them "
    "(batched_product).",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    names = [*result, *(c for c in a_names if c not in result)]

    def spread(x, own):
        order = [c for c in names if c in own]
        return ordered(x, own, order).reshape([size[c] if c in own else 1 for c in names])

    product = multiply(spread(a, a_names), spread(b, b_names))
    return product.sum(list(range(len(result), len(names))))


@misconception(
    "3.4",
    "You reshape `b` without a transpose before. Its axes, too, must stand in the order batch, "
    "summed, columns before they can merge.",
)
def contract_pair(a, a_names, b, b_names, result):
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    a = ordered(a, a_names, [*batch, *rows, *summed]).reshape(merged[0], merged[1], merged[2])
    b = b.reshape(merged[0], merged[2], merged[3])
    product = batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])
    return ordered(product, "".join([*batch, *rows, *columns]), list(result))


@misconception(
    "3.5",
    "You record constants, too. An index or a rounded number does not change with its argument: "
    "return it unrecorded.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    output = primitive(*inputs, **params)
    parents = [x._record if self.watches(x) else None for x in args]
    node = Node(primitive, inputs, params, output, parents)
    if isinstance(output, list):
        return self.pick_each(node)
    return watched(output, self, node)


@misconception(
    "3.5",
    "You keep the arguments as they came. A record holds values one level down, lower(x): the walk "
    "back must not record on this tape again, nor see later changes.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    output = primitive(*inputs, **params)
    if primitive.constant:
        return output
    parents = [x._record if self.watches(x) else None for x in args]
    node = Node(primitive, args, params, output, parents)
    if isinstance(output, list):
        return self.pick_each(node)
    return watched(output, self, node)


@misconception(
    "3.5",
    "You run the forward function on bare arrays, past the tapes outside. Call the primitive "
    "on the "
    "lowered arguments, so that they see the step.",
)
def bind(self, primitive, args, params):
    from .arrays import unwrap

    inputs = [self.lower(x) for x in args]
    output = primitive.forward(*(unwrap(x) for x in inputs), **params)
    output = [wrap(y) for y in output] if isinstance(output, list) else wrap(output)
    if primitive.constant:
        return output
    parents = [x._record if self.watches(x) else None for x in args]
    node = Node(primitive, inputs, params, output, parents)
    if isinstance(output, list):
        return self.pick_each(node)
    return watched(output, self, node)


@misconception(
    "3.5",
    "You take every argument's record for a parent. An array that another tape watches has a node "
    "of that tape: ask self.node_of(x).",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    output = primitive(*inputs, **params)
    if primitive.constant:
        return output
    parents = [x._record if isinstance(x, array) else None for x in args]
    node = Node(primitive, inputs, params, output, parents)
    if isinstance(output, list):
        return self.pick_each(node)
    return watched(output, self, node)


@misconception(
    "3.5", "You drop the parameters: the derivative rule needs to know the axis, and all the rest."
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    output = primitive(*inputs, **params)
    if primitive.constant:
        return output
    parents = [x._record if self.watches(x) else None for x in args]
    node = Node(primitive, inputs, {}, output, parents)
    if isinstance(output, list):
        return self.pick_each(node)
    return watched(output, self, node)


@misconception(
    "3.6",
    "Your function calls itself for each parent. Python stops at a thousand calls; keep a stack of "
    "your own.",
)
def topological_order(outputs):
    order, seen = [], set()

    def visit(node):
        if node in seen:
            return
        seen.add(node)
        for parent in node.parents:
            if parent is not None:
                visit(parent)
        order.append(node)

    for node in outputs:
        visit(node)
    return order[::-1]


@misconception(
    "3.6",
    "You list a node when you first meet it. One that is used early and late is met too early: "
    "append it when everything above it is done.",
)
def topological_order(outputs):
    order, seen, stack = [], set(), list(outputs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(p for p in node.parents if p is not None)
    return order


@misconception(
    "3.6",
    "You go through the graph by its breadth. The shortest path to a node says nothing about its "
    "other uses, which may lie further on.",
)
def topological_order(outputs):
    order, seen = [], set()
    row = list(dict.fromkeys(outputs))
    while row:
        order += row
        seen.update(row)
        above = [p for node in row for p in node.parents if p is not None and p not in seen]
        row = list(dict.fromkeys(above))
    return order


@misconception(
    "3.6",
    "You do not remember which nodes you have seen, and list a node once for each path to it.",
)
def topological_order(outputs):
    order = []
    stack = [(node, False) for node in outputs]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((p, False) for p in node.parents if p is not None)
    order.reverse()
    return order


@misconception(
    "3.6", "Your order is that of the computation, arguments first. Here results come first."
)
def topological_order(outputs):
    order, seen = [], set()
    stack = [(node, False) for node in outputs]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((p, False) for p in node.parents if p is not None and p not in seen)
    return order


@misconception(
    "3.6",
    "You search a list for every node: of ten thousand nodes that is a hundred million comparisons. "
    "A set answers at once.",
)
def topological_order(outputs):
    order, seen = [], []
    stack = [(node, False) for node in outputs]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.append(node)
            stack.append((node, True))
            stack.extend((p, False) for p in node.parents if p is not None)
    order.reverse()
    return order


@misconception(
    "3.7",
    "You overwrite what a node has received. A node that is used several times receives the sum.",
)
def backward(outputs, cotangents):
    gradients = {}
    for node, g in zip(outputs, cotangents):
        gradients[node] = add_cotangents(gradients.get(node), g)
    for node in topological_order(outputs):
        if node.primitive is None or node not in gradients:
            continue
        g = gradients.pop(node)
        for parent, g_parent in zip(node.parents, node.pull(g)):
            if parent is not None and g_parent is not None:
                gradients[parent] = match_dtype(g_parent, parent.output)
    return gradients


@misconception(
    "3.7",
    "An output that is given twice, or that others are made from, gets its cotangents summed, too.",
)
def backward(outputs, cotangents):
    gradients = dict(zip(outputs, cotangents))
    for node in topological_order(outputs):
        if node.primitive is None or node not in gradients:
            continue
        g = gradients.pop(node)
        for parent, g_parent in zip(node.parents, node.pull(g)):
            if parent is not None and g_parent is not None:
                g_parent = match_dtype(g_parent, parent.output)
                gradients[parent] = add_cotangents(gradients.get(parent), g_parent)
    return gradients


@misconception(
    "3.7",
    "You pass a cotangent on as soon as it arrives, along every path. Wait until all uses of a "
    "node "
    "have come back: walk the topological order, and pull once.",
)
def backward(outputs, cotangents):
    gradients = {}
    stack = list(zip(outputs, cotangents))
    while stack:
        node, g = stack.pop()
        if node.primitive is None:
            gradients[node] = add_cotangents(gradients.get(node), g)
            continue
        for parent, g_parent in zip(node.parents, node.pull(g)):
            if parent is not None and g_parent is not None:
                stack.append((parent, match_dtype(g_parent, parent.output)))
    return gradients


@misconception(
    "3.7",
    "You leave each cotangent in the dtype that the rule gave it. Each array's own is wanted.",
)
def backward(outputs, cotangents):
    gradients = {}
    for node, g in zip(outputs, cotangents):
        gradients[node] = add_cotangents(gradients.get(node), g)
    for node in topological_order(outputs):
        if node.primitive is None or node not in gradients:
            continue
        g = gradients.pop(node)
        for parent, g_parent in zip(node.parents, node.pull(g)):
            if parent is not None and g_parent is not None:
                gradients[parent] = add_cotangents(gradients.get(parent), g_parent)
    return gradients


@misconception(
    "3.7", "A rule may return None for an argument: nothing flows back there, and nothing is added."
)
def backward(outputs, cotangents):
    gradients = {}
    for node, g in zip(outputs, cotangents):
        gradients[node] = add_cotangents(gradients.get(node), g)
    for node in topological_order(outputs):
        if node.primitive is None or node not in gradients:
            continue
        g = gradients.pop(node)
        for parent, g_parent in zip(node.parents, node.pull(g)):
            if parent is not None:
                g_parent = match_dtype(g_parent, parent.output)
                gradients[parent] = add_cotangents(gradients.get(parent), g_parent)
    return gradients


@misconception(
    "3.7",
    "Each time something arrives at a node you send on all that it has received so far: the first "
    "arrivals are sent again. Wait until all have come, and pull once.",
)
def backward(outputs, cotangents):
    gradients, leaves = {}, {}
    pending = list(zip(outputs, cotangents))
    while pending:
        node, g = pending.pop()
        total = gradients[node] = add_cotangents(gradients.get(node), g)
        if node.primitive is None:
            leaves[node] = total
            continue
        for parent, g_parent in zip(node.parents, node.pull(total)):
            if parent is not None and g_parent is not None:
                pending.append((parent, match_dtype(g_parent, parent.output)))
    return leaves


@misconception(
    "3.7",
    "You keep what inner nodes have received. Once it is passed on nobody needs it: the result "
    "holds the leaves alone (pop).",
)
def backward(outputs, cotangents):
    gradients = {}
    for node, g in zip(outputs, cotangents):
        gradients[node] = add_cotangents(gradients.get(node), g)
    for node in topological_order(outputs):
        if node.primitive is None or node not in gradients:
            continue
        for parent, g_parent in zip(node.parents, node.pull(gradients[node])):
            if parent is not None and g_parent is not None:
                g_parent = match_dtype(g_parent, parent.output)
                gradients[parent] = add_cotangents(gradients.get(parent), g_parent)
    return gradients


@misconception(
    "3.8",
    "You ask for the nodes of the primals after fun has run. It may have changed its arguments in "
    "place: note the nodes before.",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        recorded = [(y._record, g) for y, g in zip(outputs, cotangents) if tape.watches(y)]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    values = [holder(tape.lower(y)) for y in outputs]
    return values, [gradient_of(tape.node_of(x), gradients) for x in inputs]


@misconception(
    "3.8",
    "You look up each primal in what flowed back. Where no output depends on a primal nothing did: "
    "its gradient is zeros (gradient_of).",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        recorded = [(y._record, g) for y, g in zip(outputs, cotangents) if tape.watches(y)]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    values = [holder(tape.lower(y)) for y in outputs]
    return values, [holder(gradients[node]) for node in sources]


@misconception(
    "3.8",
    "You send back the cotangent of the first output only. The products of all outputs add up.",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        gradients = {}
        if tape.watches(outputs[0]):
            gradients = backward([outputs[0]._record], cotangents[:1])
    values = [holder(tape.lower(y)) for y in outputs]
    return values, [gradient_of(node, gradients) for node in sources]


@misconception(
    "3.8",
    "You take the cotangents as they are. Their number, shapes and dtypes must be those of the "
    "outputs (matching_cotangents).",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        recorded = [
            (y._record, as_array(g)) for y, g in zip(outputs, cotangents) if tape.watches(y)
        ]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    values = [holder(tape.lower(y)) for y in outputs]
    return values, [gradient_of(node, gradients) for node in sources]


@misconception(
    "3.8",
    "You return outputs that your finished tape still watches. Bring each one level down: "
    "holder(tape.lower(y)).",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        recorded = [(y._record, g) for y, g in zip(outputs, cotangents) if tape.watches(y)]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    return outputs, [gradient_of(node, gradients) for node in sources]


@misconception(
    "3.8",
    "You run the function twice, once for the outputs and once for the gradients. One run gives "
    "both: lower what the tape watches.",
)
def vjp(fun, primals, cotangents):
    values = [holder(as_array(y)) for y in arrays_of(fun(*(holder(as_array(x)) for x in primals)))]
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        recorded = [(y._record, g) for y, g in zip(outputs, cotangents) if tape.watches(y)]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    return values, [gradient_of(node, gradients) for node in sources]


@misconception(
    "3.8",
    "You send the outputs back one by one and keep only what the last one gave. The products of "
    "all outputs add up: one call of backward takes them all.",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        gradients = {}
        for y, g in zip(outputs, cotangents):
            if tape.watches(y):
                gradients = backward([y._record], [g])
    values = [holder(tape.lower(y)) for y in outputs]
    return values, [gradient_of(node, gradients) for node in sources]


@misconception(
    "3.8",
    "You return the arrays themselves. Whoever changes one in place changes what shares it: give "
    "each output an array of its own (holder).",
)
def vjp(fun, primals, cotangents):
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        recorded = [(y._record, g) for y, g in zip(outputs, cotangents) if tape.watches(y)]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    values = [tape.lower(y) for y in outputs]
    return values, [gradient_of(node, gradients) for node in sources]


@misconception(
    "3.9",
    "You take the arrays back only when all went well. A function that raises must not keep the "
    "argument: use try and finally.",
)
def value_and_gradient(selection, fun, args, kwargs):
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        new_args, new_kwargs = loan.lend(tape)
        value = fun(*new_args, **new_kwargs)
        node = tape.node_of(loss := selection.loss_of(value))
        one = wrap(mx.ones((), loss.dtype))
        gradients = {} if node is None else backward([node], [one])
        loan.take_back(tape)
    return settled(tape, value), loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


@misconception(
    "3.9",
    "You never take the arrays back: the lists and dicts of the argument still hold watched ones.",
)
def value_and_gradient(selection, fun, args, kwargs):
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        new_args, new_kwargs = loan.lend(tape)
        value = fun(*new_args, **new_kwargs)
        node = tape.node_of(loss := selection.loss_of(value))
        one = wrap(mx.ones((), loss.dtype))
        gradients = {} if node is None else backward([node], [one])
    return settled(tape, value), loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


@misconception(
    "3.9",
    "You return the value as your tape watches it. The world outside sees settled(tape, value).",
)
def value_and_gradient(selection, fun, args, kwargs):
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        try:
            new_args, new_kwargs = loan.lend(tape)
            value = fun(*new_args, **new_kwargs)
            node = tape.node_of(loss := selection.loss_of(value))
            one = wrap(mx.ones((), loss.dtype))
            gradients = {} if node is None else backward([node], [one])
        finally:
            loan.take_back(tape)
    return value, loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


@misconception(
    "3.9",
    "A loss need not depend on what is watched. Then the tape has no node for it, nothing flows "
    "back, and the gradients are zeros.",
)
def value_and_gradient(selection, fun, args, kwargs):
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        try:
            new_args, new_kwargs = loan.lend(tape)
            value = fun(*new_args, **new_kwargs)
            loss = selection.loss_of(value)
            gradients = backward([loss._record], [wrap(mx.ones((), loss.dtype))])
        finally:
            loan.take_back(tape)
    return settled(tape, value), loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


@misconception(
    "3.9",
    "You start from the loss itself. The derivative of the loss by the loss is 1.",
)
def value_and_gradient(selection, fun, args, kwargs):
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        try:
            new_args, new_kwargs = loan.lend(tape)
            value = fun(*new_args, **new_kwargs)
            node = tape.node_of(loss := selection.loss_of(value))
            gradients = {} if node is None else backward([node], [tape.lower(loss)])
        finally:
            loan.take_back(tape)
    return settled(tape, value), loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


@misconception(
    "3.9",
    "You run the function twice, once for the value and once for its gradient. One run gives both.",
)
def value_and_gradient(selection, fun, args, kwargs):
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        try:
            new_args, new_kwargs = loan.lend(tape)
            node = tape.node_of(loss := selection.loss_of(fun(*new_args, **new_kwargs)))
            one = wrap(mx.ones((), loss.dtype))
            gradients = {} if node is None else backward([node], [one])
        finally:
            loan.take_back(tape)
    return fun(*args, **kwargs), loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


@misconception(
    "3.10",
    "You return zeros. The gradient is what vanishes; the values go through unchanged.",
)
def stop_gradient(x, /):
    return mx.zeros_like(x)


@misconception(
    "3.10", "You take the values through Python's numbers, and the dtype is lost on the way."
)
def stop_gradient(x, /):
    return mx.array(x.tolist())


@misconception(
    "3.11",
    "You take the difference to one side only, whose error is of the order of eps. The central "
    "one, f(x + eps) - f(x - eps), has eps squared.",
)
def finite_differences(fun, x, cotangent, eps=1e-3):
    slopes = []
    for i in range(x.size):
        step = (mx.arange(x.size) == i).astype(x.dtype).reshape(x.shape) * eps
        forward, here = fun(x + wrap(step)), fun(x)
        slopes.append((cotangent * (forward - here)).sum() / eps)
    if not slopes:
        return wrap(mx.zeros(x.shape, x.dtype))
    return array(slopes).reshape(x.shape).astype(x.dtype)


@misconception(
    "3.11", "From x - eps to x + eps it is twice eps: divide by 2 eps, or all slopes are double."
)
def finite_differences(fun, x, cotangent, eps=1e-3):
    slopes = []
    for i in range(x.size):
        step = (mx.arange(x.size) == i).astype(x.dtype).reshape(x.shape) * eps
        forward, back = fun(x + wrap(step)), fun(x - wrap(step))
        slopes.append((cotangent * (forward - back)).sum() / eps)
    if not slopes:
        return wrap(mx.zeros(x.shape, x.dtype))
    return array(slopes).reshape(x.shape).astype(x.dtype)


@misconception(
    "3.11",
    "You sum the outputs without the cotangent. It weighs each output, as in a vector-Jacobian "
    "product.",
)
def finite_differences(fun, x, cotangent, eps=1e-3):
    slopes = []
    for i in range(x.size):
        step = (mx.arange(x.size) == i).astype(x.dtype).reshape(x.shape) * eps
        forward, back = fun(x + wrap(step)), fun(x - wrap(step))
        slopes.append((forward - back).sum() / (2 * eps))
    if not slopes:
        return wrap(mx.zeros(x.shape, x.dtype))
    return array(slopes).reshape(x.shape).astype(x.dtype)


@misconception(
    "3.11",
    "You move all elements at once, which gives the slope in one direction. Move each one alone.",
)
def finite_differences(fun, x, cotangent, eps=1e-3):
    total = (cotangent * (fun(x + eps) - fun(x - eps))).sum() / (2 * eps)
    return (wrap(mx.ones(x.shape, x.dtype)) * total).astype(x.dtype)


@misconception(
    "3.12", "Your results come before their arguments. Turn the topological order around."
)
def graph_of(outputs):
    nodes = topological_order(outputs)
    number = {node: i for i, node in enumerate(nodes)}
    vertices, edges = [], []
    for node in nodes:
        name = "input" if node.primitive is None else node.primitive.__name__
        output = node.output[0] if isinstance(node.output, list) else node.output
        vertices.append((name, output.shape))
        edges += [(number[p], number[node]) for p in node.parents if p is not None]
    return vertices, edges


@misconception("3.12", "Your edges point from result to argument. Draw them as the numbers flow.")
def graph_of(outputs):
    nodes = topological_order(outputs)[::-1]
    number = {node: i for i, node in enumerate(nodes)}
    vertices, edges = [], []
    for node in nodes:
        name = "input" if node.primitive is None else node.primitive.__name__
        output = node.output[0] if isinstance(node.output, list) else node.output
        vertices.append((name, output.shape))
        edges += [(number[node], number[p]) for p in node.parents if p is not None]
    return vertices, edges


@misconception(
    "3.12", "You draw one edge for an argument that is used twice. Each use has an edge of its own."
)
def graph_of(outputs):
    nodes = topological_order(outputs)[::-1]
    number = {node: i for i, node in enumerate(nodes)}
    vertices, edges = [], []
    for node in nodes:
        name = "input" if node.primitive is None else node.primitive.__name__
        output = node.output[0] if isinstance(node.output, list) else node.output
        vertices.append((name, output.shape))
        parents = dict.fromkeys(p for p in node.parents if p is not None)
        edges += [(number[p], number[node]) for p in parents]
    return vertices, edges


@misconception(
    "3.13",
    "You sum over the missing axes only. Axes of size 1 were stretched, too: sum over those.",
)
def unbroadcast(g, x):
    if not isinstance(x, array):
        return None
    shape = x.shape
    if g.shape == shape:
        return g
    return g.sum(list(range(g.ndim - len(shape))))


@misconception(
    "3.13",
    "The sum over an axis of size 1 drops that axis. Reshape to the shape of x at the end.",
)
def unbroadcast(g, x):
    if not isinstance(x, array):
        return None
    shape = x.shape
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    repeated = [i + extra for i, n in enumerate(shape) if n == 1]
    return g.sum([*range(extra), *repeated])


@misconception(
    "3.13",
    "You take the mean over the copies. Each copy contributes its whole cotangent: take the sum.",
)
def unbroadcast(g, x):
    if not isinstance(x, array):
        return None
    shape = x.shape
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    repeated = [i + extra for i, n in enumerate(shape) if n == 1]
    return g.mean([*range(extra), *repeated]).reshape(shape)


@misconception(
    "3.14",
    "You give each factor its own value. The slope of a * b by a is b, the other factor.",
)
def multiply_vjp(g, y, a, b):
    return unbroadcast(g * a, a), unbroadcast(g * b, b)


@misconception(
    "3.14", "You forget the broadcast: the cotangent of a factor has the shape of that factor."
)
def multiply_vjp(g, y, a, b):
    return (g * b if isinstance(a, array) else None), (g * a if isinstance(b, array) else None)


@misconception(
    "3.14", "The sign is wrong: a quotient falls as its divisor grows, by -a / b^2 = -y / b."
)
def divide_vjp(g, y, a, b):
    ga = g / b
    return unbroadcast(ga, a), unbroadcast(ga * y, b) if isinstance(b, array) else None


@misconception(
    "3.14", "The dividend is missing in the slope by the divisor: it is -a / b^2, not -1 / b^2."
)
def divide_vjp(g, y, a, b):
    ga = g / b
    return unbroadcast(ga, a), unbroadcast(-ga / b, b) if isinstance(b, array) else None


@misconception("3.14", "You divide the cotangent of a by a. The slope of a / b by a is 1 / b.")
def divide_vjp(g, y, a, b):
    ga = g / a
    return unbroadcast(ga, a), unbroadcast(-g / b * y, b) if isinstance(b, array) else None


@misconception(
    "3.14",
    "You divide by b * b, which overflows where b does not. a / b is y already: -y / b.",
)
def divide_vjp(g, y, a, b):
    gb = unbroadcast(-g * a / (b * b), b) if isinstance(b, array) else None
    return unbroadcast(g / b, a), gb


@misconception(
    "3.15",
    "Where the exponent is 0, you compute 0 * a**-1, which at a = 0 is 0 * inf = nan. Choose a "
    "harmless exponent there.",
)
def power_vjp(g, y, a, b):
    ga = gb = None
    if isinstance(a, array):
        ga = unbroadcast(g * b * a ** (b - 1), a)
    if isinstance(b, array):
        gb = unbroadcast(g * y * exponential.log(selection.where(a == 0, 1, a)), b)
    return ga, gb


@misconception(
    "3.15",
    "Where the base is 0, you compute 0 * log(0) = 0 * -inf = nan. Choose a harmless base there.",
)
def power_vjp(g, y, a, b):
    ga = gb = None
    if isinstance(a, array):
        exponent = selection.where(b == 0, 1, b - 1) if isinstance(b, array) else b - 1 if b else 1
        ga = unbroadcast(g * b * a**exponent, a)
    if isinstance(b, array):
        gb = unbroadcast(g * y * exponential.log(a if isinstance(a, array) else array(a)), b)
    return ga, gb


@misconception("3.15", "The exponent goes down by one: the slope of a**b by a is b * a**(b - 1).")
def power_vjp(g, y, a, b):
    ga = gb = None
    if isinstance(a, array):
        ga = unbroadcast(g * b * y, a)
    if isinstance(b, array):
        gb = unbroadcast(g * y * exponential.log(selection.where(a == 0, 1, a)), b)
    return ga, gb


@misconception(
    "3.15",
    "The logarithm is missing: a**b = exp(b log a), so the slope by b is a**b times log a.",
)
def power_vjp(g, y, a, b):
    ga = gb = None
    if isinstance(a, array):
        exponent = selection.where(b == 0, 1, b - 1) if isinstance(b, array) else b - 1 if b else 1
        ga = unbroadcast(g * b * a**exponent, a)
    if isinstance(b, array):
        gb = unbroadcast(g * y, b)
    return ga, gb


@misconception("3.15", "The slope of the logarithm is 1 / x. You multiplied by x.")
def log_vjp(g, y, x):
    return (g * x,)


@misconception("3.15", "The slope of the logarithm is 1 / x, and y is log(x): you divided by y.")
def log_vjp(g, y, x):
    return (g / y,)


@misconception(
    "3.15",
    "You replace the nan of the power after it was made. The derivative of the derivative passes "
    "through the step that made it, and is nan: replace the exponent before.",
    read="powers-and-their-zeros",
)
def power_vjp(g, y, a, b):
    ga = gb = None
    if isinstance(a, array):
        slope = b * a ** (b - 1)
        ga = unbroadcast(g * selection.where(b == 0, 0, slope), a)
    if isinstance(b, array):
        gb = unbroadcast(g * y * exponential.log(selection.where(a == 0, 1, a)), b)
    return ga, gb


@misconception(
    "3.15",
    "You replace the nan of the logarithm after it was made. The derivative of the derivative "
    "passes through the step that made it, and is nan: replace the base before.",
    read="powers-and-their-zeros",
)
def power_vjp(g, y, a, b):
    ga = gb = None
    if isinstance(a, array):
        exponent = selection.where(b == 0, 1, b - 1) if isinstance(b, array) else b - 1 if b else 1
        ga = unbroadcast(g * b * a**exponent, a)
    if isinstance(b, array):
        slope = y * exponential.log(a if isinstance(a, array) else array(a))
        gb = unbroadcast(g * selection.where(a == 0, 0, slope), b)
    return ga, gb


@misconception("3.16", "The sign is wrong: the slope of the sine is +cos. It is cos whose has one.")
def sin_vjp(g, y, x):
    return (-g * cos(x),)


@misconception("3.16", "The cotangent is missing: multiply the slope by g.")
def sin_vjp(g, y, x):
    return (cos(x),)


@misconception(
    "3.16", "You square x. The slope of tanh is 1 - tanh(x)^2, and tanh(x) is the output y."
)
def tanh_vjp(g, y, x):
    return (g * (1 - x * x),)


@misconception("3.16", "The slope of tanh is 1 - y^2. y (1 - y) belongs to the logistic function.")
def tanh_vjp(g, y, x):
    return (g * (y * (1 - y)),)


@misconception("3.16", "The factor 2 / sqrt(pi) of the error function stays in its derivative.")
def erf_vjp(g, y, x):
    return (g * exp(-x * x),)


@misconception(
    "3.16",
    "You put the output into the bell. The derivative of an integral is what stands in it, "
    "at its upper end x.",
)
def erf_vjp(g, y, x):
    return (g * ((2 / math.sqrt(math.pi)) * exp(-y * y)),)


@misconception("3.17", "At 0 your slope of the absolute value is 1. By convention it is 0.")
def abs_vjp(g, y, x):
    return (selection.where(x >= 0, g, -g),)


@misconception("3.17", "You multiply by |x|. The slope is the sign of x: 1, 0 or -1.")
def abs_vjp(g, y, x):
    return (g * y,)


@misconception(
    "3.17",
    "At a tie you give half to each, as PyTorch does. Here, as in MLX, the second argument "
    "gets it.",
)
def maximum_vjp(g, y, a, b):
    first = g * (a > b) + g * (a == b) / 2
    return unbroadcast(first, a), unbroadcast(g - first, b)


@misconception(
    "3.17", "At a tie you give the whole cotangent to both arguments, and count it twice."
)
def maximum_vjp(g, y, a, b):
    return unbroadcast(g * (a >= b), a), unbroadcast(g * (b >= a), b)


@misconception(
    "3.17",
    "You send the cotangent to the smaller argument. The maximum moves with the greater one.",
)
def maximum_vjp(g, y, a, b):
    return unbroadcast(g * (a < b), a), unbroadcast(g * (a >= b), b)


@misconception(
    "3.18",
    "You multiply by the condition. 0 times inf or nan is nan: choose between g and 0 with where.",
)
def where_vjp(g, y, condition, a, b):
    chosen = as_array(condition).astype(mx.bool_).astype(g.dtype)
    return None, unbroadcast(g * chosen, a), unbroadcast(g * (1 - chosen), b)


@misconception(
    "3.18", "Each branch gets the cotangent of the other: a is chosen where the condition holds."
)
def where_vjp(g, y, condition, a, b):
    return None, unbroadcast(where(condition, 0, g), a), unbroadcast(where(condition, g, 0), b)


@misconception(
    "3.18", "You give the whole cotangent to both branches. Only what was chosen moves the result."
)
def where_vjp(g, y, condition, a, b):
    return None, unbroadcast(g, a), unbroadcast(g, b)


@misconception(
    "3.18",
    "You forget the broadcast: a branch may have been stretched, and receives the sum over its "
    "copies.",
)
def where_vjp(g, y, condition, a, b):
    ga = where(condition, g, 0) if isinstance(a, array) else None
    return None, ga, where(condition, 0, g) if isinstance(b, array) else None


@misconception(
    "3.18", "The condition receives nothing, not even the cotangent: it only says which is chosen."
)
def where_vjp(g, y, condition, a, b):
    return (
        unbroadcast(g, condition) if isinstance(condition, array) else None,
        unbroadcast(where(condition, g, 0), a),
        unbroadcast(where(condition, 0, g), b),
    )


@misconception(
    "3.19",
    "You broadcast the cotangent as it is, and it stretches along the wrong axis or along none. "
    "Give it the reduced axes first (keep_axes).",
)
def sum_vjp(g, y, x, axis=None, keepdims=False):
    return (broadcast_to(g, x.shape),)


@misconception(
    "3.19",
    "You spread the cotangent evenly over the summands, as a mean does. A sum's slope is 1 by "
    "each.",
)
def sum_vjp(g, y, x, axis=None, keepdims=False):
    return (broadcast_to(keep_axes(g / reduced_size(x, axis), x, axis), x.shape),)


@misconception("3.19", "The mean of n elements has the slope 1 / n by each of them: divide.")
def mean_vjp(g, y, x, axis=None, keepdims=False):
    return (broadcast_to(keep_axes(g, x, axis), x.shape),)


@misconception(
    "3.19", "You divide by the size of the whole array. n counts the elements of one mean only."
)
def mean_vjp(g, y, x, axis=None, keepdims=False):
    return (broadcast_to(keep_axes(g / x.size, x, axis), x.shape),)


@misconception(
    "3.20", "At a tie every winner gets the whole cotangent. They share it: divide by their number."
)
def max_vjp(g, y, x, axis=None, keepdims=False):
    greatest = x == keep_axes(y, x, axis)
    return (greatest * keep_axes(g, x, axis),)


@misconception(
    "3.20", "You give the cotangent to all elements. Only the greatest moves the maximum."
)
def max_vjp(g, y, x, axis=None, keepdims=False):
    return (broadcast_to(keep_axes(g, x, axis), x.shape),)


@misconception(
    "3.20",
    "You count the winners of the whole array. They share along the reduced axes only.",
)
def max_vjp(g, y, x, axis=None, keepdims=False):
    greatest = x == keep_axes(y, x, axis)
    return (greatest * (keep_axes(g, x, axis) / greatest.sum()),)


@misconception(
    "3.21",
    "y / x is the product of the other factors only where x is not 0. There it is 0 / 0 = nan.",
)
def prod_vjp(g, y, x, axis=None, keepdims=False):
    return (keep_axes(g * y, x, axis) / x,)


@misconception(
    "3.21",
    "Your running products include the element itself, on both sides: leave it out "
    "(inclusive=False).",
)
def prod_vjp(g, y, x, axis=None, keepdims=False):
    row = in_a_row(x, axis)
    before, after = cumprod(row, -1), cumprod(row, -1, reverse=True)
    return (keep_axes(g, x, axis) * from_a_row(before * after, x, axis),)


@misconception(
    "3.21", "You multiply only what stands before the element. What stands behind it counts, too."
)
def prod_vjp(g, y, x, axis=None, keepdims=False):
    row = in_a_row(x, axis)
    before = cumprod(row, -1, inclusive=False)
    return (keep_axes(g, x, axis) * from_a_row(before, x, axis),)


@misconception(
    "3.22",
    "exp(x) overflows for large x, and inf / inf is nan. Subtract y first: exp(x - y) is the "
    "share.",
)
def logsumexp_vjp(g, y, x, axis=None, keepdims=False):
    e = exp(x)
    return (keep_axes(g, x, axis) * (e / e.sum(axis, True)),)


@misconception(
    "3.22", "The share is exp(x - y). You left the exponential unnormalised: subtract y."
)
def logsumexp_vjp(g, y, x, axis=None, keepdims=False):
    return (keep_axes(g, x, axis) * exp(x),)


@misconception(
    "3.22",
    "You take the softmax of everything. The shares sum to 1 along the reduced axes.",
)
def logsumexp_vjp(g, y, x, axis=None, keepdims=False):
    return (keep_axes(g, x, axis) * softmax(x),)


@misconception(
    "3.22",
    "You subtract the greatest of all numbers. Rows far below it vanish, and 0 / 0 is nan: each "
    "row has its own maximum, or y.",
)
def logsumexp_vjp(g, y, x, axis=None, keepdims=False):
    e = exp(x - x.max())
    return (keep_axes(g, x, axis) * (e / e.sum(axis, True)),)


@misconception(
    "3.22",
    "Your maximum has lost its axis, and broadcasts along another one: keepdims=True, or keep_axes.",
)
def logsumexp_vjp(g, y, x, axis=None, keepdims=False):
    e = exp(x - x.max(axis))
    return (keep_axes(g, x, axis) * (e / e.sum(axis, True)),)


@misconception("3.23", "The slope of a square is twice its base: the factor 2 is missing.")
def variance_vjp(g, y, x, axis=None, keepdims=False, ddof=0):
    freedom = reduced_size(x, axis) - ddof
    slope = keep_axes(g, x, axis) * (1 / freedom if freedom > 0 else math.nan)
    return (slope * (x - mean(x, axis, True)),)


@misconception(
    "3.23",
    "You divide by n. The variance was divided by n - ddof, and so is its slope.",
)
def variance_vjp(g, y, x, axis=None, keepdims=False, ddof=0):
    slope = keep_axes(g, x, axis) * (2 / reduced_size(x, axis))
    return (slope * (x - mean(x, axis, True)),)


@misconception("3.23", "You take x itself. What is squared is its deviation, x - mean.")
def variance_vjp(g, y, x, axis=None, keepdims=False, ddof=0):
    freedom = reduced_size(x, axis) - ddof
    slope = keep_axes(g, x, axis) * (2 / freedom if freedom > 0 else math.nan)
    return (slope * x,)


@misconception(
    "3.23",
    "You take the mean of everything. Each variance has its own mean, along its axes.",
)
def variance_vjp(g, y, x, axis=None, keepdims=False, ddof=0):
    freedom = reduced_size(x, axis) - ddof
    slope = keep_axes(g, x, axis) * (2 / freedom if freedom > 0 else math.nan)
    return (slope * (x - mean(x)),)


@misconception(
    "3.23",
    "Your mean has lost its axis, and broadcasts along another one: keepdims=True.",
)
def variance_vjp(g, y, x, axis=None, keepdims=False, ddof=0):
    freedom = reduced_size(x, axis) - ddof
    slope = keep_axes(g, x, axis) * (2 / freedom if freedom > 0 else math.nan)
    return (slope * (x - mean(x, axis)),)


@misconception(
    "3.23",
    "You divide by the size of the whole array. n counts the numbers of one variance only.",
)
def variance_vjp(g, y, x, axis=None, keepdims=False, ddof=0):
    freedom = x.size - ddof
    slope = keep_axes(g, x, axis) * (2 / freedom if freedom > 0 else math.nan)
    return (slope * (x - mean(x, axis, True)),)


@misconception(
    "3.24", "You return the cotangent in the new shape. The argument's gradient has its old shape."
)
def reshape_vjp(g, y, x, shape):
    return (g,)


@misconception(
    "3.24",
    "You transpose where a reshape back is needed: a reshape leaves the order of the elements.",
)
def reshape_vjp(g, y, x, shape):
    return (g.transpose().reshape(x.shape),)


@misconception(
    "3.24",
    "You use the same permutation again. A cyclic one is not its own inverse: find the one with "
    "inverse[axes[i]] = i.",
)
def transpose_vjp(g, y, x, axes=None):
    return (g.transpose() if axes is None else g.transpose(axes),)


@misconception(
    "3.24",
    "You reshape to the old shape. That leaves the elements in the new order: transpose back.",
)
def transpose_vjp(g, y, x, axes=None):
    return (g.reshape(x.shape),)


@misconception(
    "3.25", "You take the mean over the copies. Each copy passes its whole cotangent on: sum."
)
def broadcast_to_vjp(g, y, x, shape):
    return (unbroadcast(g, x) / (g.size // max(x.size, 1)),)


@misconception(
    "3.25", "You sum over the new axes only. Axes of size 1 were repeated, too: see unbroadcast."
)
def broadcast_to_vjp(g, y, x, shape):
    return (g.sum(list(range(g.ndim - x.ndim))),)


@misconception("3.25", "You return the cotangents of all copies. The one original gets their sum.")
def broadcast_to_vjp(g, y, x, shape):
    return (g,)


@misconception(
    "3.26",
    "You cut into equal parts. The arrays may differ in size along the axis: cut at the "
    "running sums of their sizes.",
)
def concatenated_vjp(g, y, *arrays, axis=0):
    parts = split(g, len(arrays), axis or 0)
    return [part.reshape(x.shape) for part, x in zip(parts, arrays)]


@misconception(
    "3.26", "You cut at the sizes themselves. The cuts are places in y: running sums of the sizes."
)
def concatenated_vjp(g, y, *arrays, axis=0):
    sizes = [x.size if axis is None else x.shape[axis] for x in arrays]
    parts = split(g, sizes[:-1], axis or 0)
    return [part.reshape(x.shape) for part, x in zip(parts, arrays)]


@misconception("3.26", "You cut along the first axis, whatever `axis` says.")
def concatenated_vjp(g, y, *arrays, axis=0):
    ends, end = [], 0
    for x in arrays:
        end += x.shape[0]
        ends.append(end)
    return list(split(g, ends[:-1], 0))


@misconception("3.26", "You join the parts along the first axis. They were cut along `axis`.")
def split_vjp(g, y, x, indices_or_sections, axis=0):
    return (concatenate(g, 0).reshape(x.shape),)


@misconception(
    "3.26", "You join the parts' values. What flows back are their cotangents, the list g."
)
def split_vjp(g, y, x, indices_or_sections, axis=0):
    return (concatenate(y, axis),)


@misconception(
    "3.27",
    "You cut from the beginning, border and all. The inside starts behind the first border.",
)
def padded_vjp(g, y, x, pad_width, value=0):
    return (g[tuple(slice(0, n) for n in x.shape)],)


@misconception(
    "3.27",
    "You cut from each end the border of the other: low stands before, high behind.",
)
def padded_vjp(g, y, x, pad_width, value=0):
    return (g[tuple(slice(high, high + n) for (_, high), n in zip(pad_width, x.shape))],)


@misconception("3.27", "You return the cotangent as it is. A mirrored array mirrors it back.")
def flip_vjp(g, y, x, axis=None):
    return (g,)


@misconception("3.27", "You mirror along all axes. Only those of `axis` were mirrored.")
def flip_vjp(g, y, x, axis=None):
    return (flip(g, None),)


@misconception(
    "3.28",
    "The factors are in the wrong order: for Y = A B it is gA = G B^T and gB = A^T G.",
)
def matmul_vjp(g, y, a, b):
    a_shape, b_shape = a.shape, b.shape
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    ga = unbroadcast(swapaxes(b, -1, -2) @ g, a)
    gb = unbroadcast(g @ swapaxes(a, -1, -2), b)
    return ga.reshape(a_shape), gb.reshape(b_shape)


@misconception(
    "3.28",
    "You transpose all axes. In a batch only the last two are the matrix: swapaxes(-1, -2).",
)
def matmul_vjp(g, y, a, b):
    a_shape, b_shape = a.shape, b.shape
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    ga = unbroadcast(g @ b.T, a)
    gb = unbroadcast(a.T @ g, b)
    return ga.reshape(a_shape), gb.reshape(b_shape)


@misconception(
    "3.28",
    "Batch axes broadcast, like those of elementwise operations: sum over the copies "
    "(unbroadcast).",
)
def matmul_vjp(g, y, a, b):
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    return g @ swapaxes(b, -1, -2), swapaxes(a, -1, -2) @ g


@misconception(
    "3.28",
    "You treat vectors as matrices. A vector on the left is a row, on the right a column, and its "
    "axis is missing in g: put it back.",
)
def matmul_vjp(g, y, a, b):
    ga = unbroadcast(g @ swapaxes(b, -1, -2), a)
    gb = unbroadcast(swapaxes(a, -1, -2) @ g, b)
    return ga, gb


@misconception(
    "3.28",
    "You make a product for every matrix of the batch and add them up. Where `b` is one matrix for "
    "all, fold the batch into the rows: one large product.",
)
def matmul_vjp(g, y, a, b):
    a_shape, b_shape = a.shape, b.shape
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    ga = unbroadcast(g @ swapaxes(b, -1, -2), a)
    gb = unbroadcast(swapaxes(a, -1, -2) @ g, b)
    return ga.reshape(a_shape), gb.reshape(b_shape)


@misconception(
    "3.29",
    "You write into x. What was not part of the slice receives 0: start from zeros.",
)
def sliced_vjp(g, y, x, index):
    return (updated(x, g, index=index),)


@misconception("3.29", "You write ones into the slice. The cotangent belongs there.")
def sliced_vjp(g, y, x, index):
    return (updated(wrap(mx.zeros(x.shape, g.dtype)), 1, index=index),)


@misconception(
    "3.29",
    "You slice the cotangent once more. It has the shape of the slice; write it to where it was.",
)
def sliced_vjp(g, y, x, index):
    return (g[index],)


@misconception(
    "3.30",
    "You assign the cotangents: of a row that was picked twice only one remains. Add them.",
)
def gathered_vjp(g, y, x, *indices, index):
    gx = updated(wrap(mx.zeros(x.shape, g.dtype)), g, *indices, index=index)
    return gx, *(None for _ in indices)


@misconception(
    "3.30",
    "You add the cotangents to x. They are a gradient of their own: add to zeros.",
)
def gathered_vjp(g, y, x, *indices, index):
    return added(x, g, *indices, index=index), *(None for _ in indices)


@misconception(
    "3.30",
    "You pick from the cotangent with the indices of x. They say where its elements go, not where "
    "they come from.",
    agrees="more_picks_than_rows",  # on others it reads beyond the end
)
def gathered_vjp(g, y, x, *indices, index):
    return gathered(g, *indices, index=index), *(None for _ in indices)


@misconception(
    "3.31",
    "You assign where you should add: of an index that occurs twice one cotangent is lost.",
)
def take_vjp(g, y, x, indices, axis=None):
    shape = (x.size,) if axis is None else x.shape
    before = (slice(None),) * ((axis or 0) % len(shape))
    gx = array(wrap(mx.zeros(shape, g.dtype)))
    gx[(*before, indices)] = g
    return gx.reshape(x.shape), None


@misconception("3.31", "You put everything along the first axis, whatever `axis` says.")
def take_vjp(g, y, x, indices, axis=None):
    shape = (x.size,) if axis is None else x.shape
    return wrap(mx.zeros(shape, g.dtype)).at[indices].add(g).reshape(x.shape), None


@misconception(
    "3.31",
    "You put each cotangent to its place, one over the other. Where an index occurs twice in a row "
    "they add up: scatter_add_along_axis.",
)
def take_along_axis_vjp(g, y, x, indices, axis=-1):
    if axis is None:
        x1, axis = x.reshape(-1), 0
    else:
        x1 = x
    zeros = wrap(mx.zeros(along_shape(x1.shape, indices.shape, axis), g.dtype))
    gx1 = unbroadcast(put_along_axis(zeros, indices, g, axis), x1)
    return gx1.reshape(x.shape), None


@misconception(
    "3.31",
    "You take again, from the cotangent. The indices address x: add each cotangent to its place "
    "there.",
)
def take_along_axis_vjp(g, y, x, indices, axis=-1):
    return take_along_axis(g, indices, axis), None


@misconception(
    "3.31",
    "A negative axis is not counted from the end: (slice(None),) * -1 is empty, which addresses the "
    "first axis. Take axis % ndim.",
)
def take_vjp(g, y, x, indices, axis=None):
    shape = (x.size,) if axis is None else x.shape
    before = (slice(None),) * (axis or 0)
    gx = wrap(mx.zeros(shape, g.dtype)).at[(*before, indices)].add(g)
    return gx.reshape(x.shape), None


@misconception(
    "3.32",
    "What was overwritten no longer counts. The old array's cotangent is 0 at those places.",
)
def updated_vjp(g, y, x, value, *indices, index):
    gv = unassigned(at_places(g, indices, index), value)
    return g, gv, *(None for _ in indices)


@misconception(
    "3.32",
    "The value may have been broadcast to its place: sum over the copies (unassigned).",
)
def updated_vjp(g, y, x, value, *indices, index):
    gx = updated(g, 0, *indices, index=index)
    gv = at_places(g, indices, index) if isinstance(value, array) else None
    return gx, gv, *(None for _ in indices)


@misconception(
    "3.32",
    "The roles are exchanged: the value receives what g has at its places, the old array the rest.",
)
def updated_vjp(g, y, x, value, *indices, index):
    there = at_places(g, indices, index)
    gx = updated(wrap(mx.zeros(x.shape, g.dtype)), there, *indices, index=index)
    gv = unassigned(there, value)
    return gx, gv, *(None for _ in indices)


@misconception("3.32", "The value flows into the result, too: it receives the cotangent there.")
def updated_vjp(g, y, x, value, *indices, index):
    return updated(g, 0, *indices, index=index), None, *(None for _ in indices)


@misconception(
    "3.33",
    "You sum in the same direction. An element counts in all sums that follow it: sum from the "
    "end.",
)
def cumsum_vjp(g, y, x, axis=None, *, reverse=False, inclusive=True, dtype=None):
    return (cumsum(g, axis, reverse=reverse, inclusive=inclusive).reshape(x.shape),)


@misconception(
    "3.33", "You always sum from the end. A sum that ran in reverse is undone by one that runs on."
)
def cumsum_vjp(g, y, x, axis=None, *, reverse=False, inclusive=True, dtype=None):
    return (cumsum(g, axis, reverse=True, inclusive=inclusive).reshape(x.shape),)


@misconception(
    "3.33",
    "You forget `inclusive`. Where an element does not count itself, its own cotangent is left "
    "out.",
)
def cumsum_vjp(g, y, x, axis=None, *, reverse=False, inclusive=True, dtype=None):
    return (cumsum(g, axis, reverse=not reverse).reshape(x.shape),)


@misconception(
    "3.33",
    "You take the total minus the running sum. Behind a large number the small ones are lost in it: "
    "sum from the other end.",
)
def cumsum_vjp(g, y, x, axis=None, *, reverse=False, inclusive=True, dtype=None):
    total = g.sum(axis, True) if axis is not None else g.sum()
    rest = total - cumsum(g, axis, reverse=reverse, inclusive=not inclusive)
    return (rest.reshape(x.shape),)


@misconception(
    "3.34",
    "You send the cotangents along the order, and not back: y[k] came from x[order[k]], so g[k] "
    "belongs there.",
    agrees="one_row_in_a_cycle",
)
def sort_vjp(g, y, x, axis=-1):
    order = argsort(x, axis)
    gx = scatter.take_along_axis(g, order, 0 if axis is None else axis)
    return (gx.reshape(x.shape),)


@misconception("3.34", "You leave the cotangents in sorted order. Each goes back to its element.")
def sort_vjp(g, y, x, axis=-1):
    return (g.reshape(x.shape),)


@misconception("3.34", "You sort the cotangents by their own size. They follow the elements of x.")
def sort_vjp(g, y, x, axis=-1):
    return (sort(g, axis).reshape(x.shape),)


@misconception(
    "3.34",
    "You index the first axis with the order, whatever the axis. Along an axis each row has places "
    "of its own: put_along_axis.",
    agrees="their_own_inverse",
)
def sort_vjp(g, y, x, axis=-1):
    order = argsort(x, axis)
    rows = order % g.shape[0] if g.size else order
    return (wrap(mx.zeros(g.shape, g.dtype)).at[rows].add(g).reshape(x.shape),)
