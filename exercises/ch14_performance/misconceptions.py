"""What people really write in chapter 14. Parsed, never imported: see CONTRIBUTING.md."""

# 14.1: tracing


@misconception(
    "14.1",
    "You note the placeholders as constants. They are zeros that nobody computes, and the graph "
    "becomes one that answers zeros for every input: an output is a new value without numbers.",
)
def note(self, primitive, args, params):
    inputs = tuple(self.value_of(x) for x in args)
    found = self.imagined(primitive, args, params)
    many = isinstance(found, list)
    placeholders = found if many else [found]
    outputs = tuple(Value(y.shape, y.dtype, y._value) for y in placeholders)
    node = Node(primitive, inputs, params, outputs, many, caller(), primitive is random.drawn_now)
    self.graph.nodes.append(node)
    arrays = [watched(y, self, value) for y, value in zip(placeholders, outputs)]
    return arrays if many else arrays[0]


@misconception(
    "14.1",
    "You keep only the arrays among the arguments. `1 - x` becomes `subtract(x)`: numbers are arguments, "
    "too, and stand in their places.",
)
def note(self, primitive, args, params):
    inputs = tuple(self.value_of(x) for x in args if type(x) is array)
    found = self.imagined(primitive, args, params)
    many = isinstance(found, list)
    placeholders = found if many else [found]
    outputs = tuple(Value(y.shape, y.dtype) for y in placeholders)
    node = Node(primitive, inputs, params, outputs, many, caller(), primitive is random.drawn_now)
    self.graph.nodes.append(node)
    arrays = [watched(y, self, value) for y, value in zip(placeholders, outputs)]
    return arrays if many else arrays[0]


@misconception(
    "14.1",
    "You leave the parameters out of the node. A sum along axis 0 becomes a sum of everything when the "
    "graph runs.",
)
def note(self, primitive, args, params):
    inputs = tuple(self.value_of(x) for x in args)
    found = self.imagined(primitive, args, params)
    many = isinstance(found, list)
    placeholders = found if many else [found]
    outputs = tuple(Value(y.shape, y.dtype) for y in placeholders)
    node = Node(primitive, inputs, {}, outputs, many, caller(), primitive is random.drawn_now)
    self.graph.nodes.append(node)
    arrays = [watched(y, self, value) for y, value in zip(placeholders, outputs)]
    return arrays if many else arrays[0]


@misconception(
    "14.1",
    "You note every node as one that draws no random numbers. Later passes then merge two draws, or "
    "compute one while compiling, and every call has the same numbers.",
)
def note(self, primitive, args, params):
    inputs = tuple(self.value_of(x) for x in args)
    found = self.imagined(primitive, args, params)
    many = isinstance(found, list)
    placeholders = found if many else [found]
    outputs = tuple(Value(y.shape, y.dtype) for y in placeholders)
    self.graph.nodes.append(Node(primitive, inputs, params, outputs, many, caller()))
    arrays = [watched(y, self, value) for y, value in zip(placeholders, outputs)]
    return arrays if many else arrays[0]


# 14.2: measuring


@misconception(
    "14.2",
    "You count an input as often as it stands there. `x * x` reads `x` once: the second time it is in "
    "the processor already.",
    symbol="bytes_of",
)
def bytes_of(node):
    if node.primitive in VIEWS:
        return 0
    return sum(x.nbytes for x in [*node.values, *node.outputs])


@misconception(
    "14.2",
    "You count bytes for views. A transposition moves nothing: the same memory gets other strides.",
    symbol="bytes_of",
)
def bytes_of(node):
    return sum(x.nbytes for x in {*node.values, *node.outputs})


@misconception(
    "14.2",
    "You count a multiplication and its addition in a matrix product as one operation. They are two, "
    "for every element of the sum.",
    symbol="flops_of",
)
def flops_of(node):
    if node.primitive in VIEWS or node.primitive in COPIES:
        return 0
    if node.primitive is products.matmul:
        return node.output.size * int(node.values[0].shape[-1])
    if node.primitive in REDUCTIONS:
        return node.values[0].size
    return node.output.size if is_elementwise(node) else 0


@misconception(
    "14.2",
    "You count what a reduction writes. Its work is what it reads.",
    symbol="flops_of",
)
def flops_of(node):
    if node.primitive in VIEWS or node.primitive in COPIES:
        return 0
    if node.primitive is products.matmul:
        return 2 * node.output.size * int(node.values[0].shape[-1])
    if node.primitive in REDUCTIONS:
        return node.output.size
    return node.output.size if is_elementwise(node) else 0


@misconception(
    "14.2",
    "You measure without evaluation. The call only notes what is to be done, in a few microseconds; "
    "the work is done by nobody, or later on somebody else's clock.",
    symbol="seconds_of",
)
def seconds_of(fun, repeats=5, clock=time.perf_counter, evaluate=evaluate):
    evaluate(fun())
    times = []
    for _ in range(repeats):
        start = clock()
        fun()
        times.append(clock() - start)
    return statistics.median(times)


@misconception(
    "14.2",
    "You count the first call. It traces and compiles, which happens once and takes a thousand times "
    "as long.",
    symbol="seconds_of",
)
def seconds_of(fun, repeats=5, clock=time.perf_counter, evaluate=evaluate):
    times = []
    for _ in range(repeats):
        start = clock()
        evaluate(fun())
        times.append(clock() - start)
    return statistics.median(times)


@misconception(
    "14.2",
    "You read the clock before the result has been evaluated: what follows is not measured.",
    symbol="seconds_of",
)
def seconds_of(fun, repeats=5, clock=time.perf_counter, evaluate=evaluate):
    evaluate(fun())
    times = []
    for _ in range(repeats):
        start = clock()
        y = fun()
        stop = clock()
        evaluate(y)
        times.append(stop - start)
    return statistics.median(times)


@misconception(
    "14.2",
    "You read the peak without a reset. It is that of whatever has needed most since the program "
    "began.",
    symbol="peak_of",
)
def peak_of(fun, evaluate=evaluate):
    before = mx.get_active_memory()
    evaluate(fun())
    return max(mx.get_peak_memory() - before, 0)


@misconception(
    "14.2",
    "You count what was there before. The data and the weights are not what this function needs.",
    symbol="peak_of",
)
def peak_of(fun, evaluate=evaluate):
    mx.reset_peak_memory()
    evaluate(fun())
    return mx.get_peak_memory()


# 14.3: dead code


@misconception(
    "14.3",
    "You remove what nobody reads, once. What only the removed nodes read is dead as well: decide from "
    "the last node to the first.",
)
def without_dead_code(graph):
    read = {x for node in graph.nodes for x in node.values} | set(graph.outputs)
    kept = [n for n in graph.nodes if n.random or any(y in read for y in n.outputs)]
    return Graph(graph.inputs, kept, graph.outputs)


@misconception(
    "14.3",
    "You keep a node only if all of its outputs are needed. One is enough.",
)
def without_dead_code(graph):
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if node.random or all(y in needed for y in node.outputs):
            needed.update(node.values)
            kept.append(node)
    return Graph(graph.inputs, kept[::-1], graph.outputs)


@misconception(
    "14.3",
    "You remove a draw whose numbers nobody reads. The state does not move then, and all draws behind "
    "it have other numbers than without `compile`.",
)
def without_dead_code(graph):
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if any(y in needed for y in node.outputs):
            needed.update(node.values)
            kept.append(node)
    return Graph(graph.inputs, kept[::-1], graph.outputs)


@misconception(
    "14.3",
    "You change the graph that you were given. Who holds it, to print it or to trace its gradient, has "
    "another one now: return a new one.",
)
def without_dead_code(graph):
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if node.random or any(y in needed for y in node.outputs):
            needed.update(node.values)
            kept.append(node)
    graph.nodes[:] = kept[::-1]
    return graph


# 14.4: common subexpressions


@misconception(
    "14.4",
    "You merge two random draws. They look alike and are meant to differ: two dropout masks became "
    "one.",
)
def without_repeats(graph):
    instead, first, kept = {}, {}, []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        inputs = [x if isinstance(x, Value) else frozen(x) for x in node.inputs]
        params = frozen(node.params) if not node.random else "draw"
        if params is not None and None not in inputs:
            same = first.setdefault((node.primitive, *inputs, params), node)
            if same is not node:
                instead.update(zip(node.outputs, same.outputs))
                continue
        kept.append(node)
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.4",
    "You compare inputs as they were before the pass. `exp(a - b)` twice has two differences as inputs, "
    "which are the same only after the second has been replaced.",
)
def without_repeats(graph):
    instead, first, kept = {}, {}, []
    for node in graph.nodes:
        inputs = [x if isinstance(x, Value) else frozen(x) for x in node.inputs]
        params = frozen(node.params)
        if not node.random and params is not None and None not in inputs:
            same = first.setdefault((node.primitive, *inputs, params), node)
            if same is not node:
                instead.update(zip(node.outputs, same.outputs))
                continue
        kept.append(node.on(substituted(node.inputs, instead)))
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.4",
    "You do not compare the parameters. A sum along axis 0 and one along axis 1 are two.",
)
def without_repeats(graph):
    instead, first, kept = {}, {}, []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        inputs = [x if isinstance(x, Value) else frozen(x) for x in node.inputs]
        if not node.random and None not in inputs:
            same = first.setdefault((node.primitive, *inputs), node)
            if same is not node:
                instead.update(zip(node.outputs, same.outputs))
                continue
        kept.append(node)
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.4",
    "You compare numbers by ==. To Python 1, 1.0 and True are equal, and so are 0.0 and -0.0; in a "
    "graph they make other dtypes and other quotients.",
)
def without_repeats(graph):
    instead, first, kept = {}, {}, []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        params = frozen(node.params)
        if not node.random and params is not None:
            same = first.setdefault((node.primitive, *node.inputs, params), node)
            if same is not node:
                instead.update(zip(node.outputs, same.outputs))
                continue
        kept.append(node)
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.4",
    "You forget the outputs of the graph: they, too, may be what a repeat has made, and that is gone.",
)
def without_repeats(graph):
    instead, first, kept = {}, {}, []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        inputs = [x if isinstance(x, Value) else frozen(x) for x in node.inputs]
        params = frozen(node.params)
        if not node.random and params is not None and None not in inputs:
            same = first.setdefault((node.primitive, *inputs, params), node)
            if same is not node:
                instead.update(zip(node.outputs, same.outputs))
                continue
        kept.append(node)
    return Graph(graph.inputs, kept, graph.outputs)


# 14.5: constants and algebra


@misconception(
    "14.5",
    "You compute a draw while compiling, since it has no inputs that could be unknown. Every call has "
    "the same numbers then.",
    symbol="folded",
)
def folded(graph):
    instead, kept = {}, []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        known = all(x.constant is not None for x in node.values)
        if not known or sum(y.nbytes for y in node.outputs) > MOST_BYTES:
            kept.append(node)
            continue
        found = node.function()(*[x.constant if isinstance(x, Value) else x for x in node.inputs])
        for old, y in zip(node.outputs, found if node.many else [found]):
            instead[old] = Value(old.shape, old.dtype, y)
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.5",
    "You look only at the constants that there were before. What folding has just computed is a "
    "constant, too.",
    symbol="folded",
)
def folded(graph):
    instead, kept = {}, []
    for node in graph.nodes:
        known = all(x.constant is not None for x in node.values)
        if not known or node.random or sum(y.nbytes for y in node.outputs) > MOST_BYTES:
            kept.append(node.on(substituted(node.inputs, instead)))
            continue
        found = node.function()(*[x.constant if isinstance(x, Value) else x for x in node.inputs])
        for old, y in zip(node.outputs, found if node.many else [found]):
            instead[old] = Value(old.shape, old.dtype, y)
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.5",
    "You keep constants of any size. A small one that was broadcast to a million elements is held for "
    "ever, and was cheap to make again.",
    symbol="folded",
)
def folded(graph):
    instead, kept = {}, []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        if node.random or not all(x.constant is not None for x in node.values):
            kept.append(node)
            continue
        found = node.function()(*[x.constant if isinstance(x, Value) else x for x in node.inputs])
        for old, y in zip(node.outputs, found if node.many else [found]):
            instead[old] = Value(old.shape, old.dtype, y)
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])


@misconception(
    "14.5",
    "You take x + 0 for x. If x is -0.0, the sum is +0.0; only x + -0.0 and x - 0 change nothing.",
    symbol="same_value",
)
def same_value(node, makers):
    primitive, inputs = node.primitive, node.inputs
    x, other = (*inputs, None)[:2]
    found = None
    if primitive is arithmetic.multiply:
        found = x if is_number(other, 1) else other if is_number(x, 1) else None
    elif primitive is arithmetic.divide:
        found = x if is_number(other, 1) else None
    elif primitive is arithmetic.subtract:
        found = x if is_number(other, 0.0) else None
    elif primitive is arithmetic.add:
        if is_number(other, 0.0) or is_number(other, -0.0):
            found = x
        elif is_number(x, 0.0) or is_number(x, -0.0):
            found = other
    elif primitive in (astype, reshape, broadcast_to):
        found = x
    elif primitive in (arithmetic.negative, transpose):
        inner = makers.get(x)
        if inner is not None and inner.primitive is primitive:
            cancels = primitive is arithmetic.negative or cancel(node, inner)
            found = inner.inputs[0] if cancels else None
    if not isinstance(found, Value):
        return None
    same = found.shape == node.output.shape and found.dtype == node.output.dtype
    return found if same else None


@misconception(
    "14.5",
    "You do not compare shapes and dtypes. Integers times 1.0 are floating-point numbers, and a reshape "
    "to another shape is another array.",
    symbol="same_value",
)
def same_value(node, makers):
    primitive, inputs = node.primitive, node.inputs
    x, other = (*inputs, None)[:2]
    found = None
    if primitive is arithmetic.multiply:
        found = x if is_number(other, 1) else other if is_number(x, 1) else None
    elif primitive is arithmetic.divide:
        found = x if is_number(other, 1) else None
    elif primitive is arithmetic.subtract:
        found = x if is_number(other, 0.0) else None
    elif primitive is arithmetic.add:
        found = x if is_number(other, -0.0) else other if is_number(x, -0.0) else None
    elif primitive in (astype, reshape, broadcast_to):
        found = x
    elif primitive in (arithmetic.negative, transpose):
        inner = makers.get(x)
        if inner is not None and inner.primitive is primitive:
            cancels = primitive is arithmetic.negative or cancel(node, inner)
            found = inner.inputs[0] if cancels else None
    return found if isinstance(found, Value) else None


@misconception(
    "14.5",
    "You take two transpositions in a row for none. Of three axes, turned on twice, none is where it "
    "was: only the inverse order undoes the first.",
    symbol="same_value",
)
def same_value(node, makers):
    primitive, inputs = node.primitive, node.inputs
    x, other = (*inputs, None)[:2]
    found = None
    if primitive is arithmetic.multiply:
        found = x if is_number(other, 1) else other if is_number(x, 1) else None
    elif primitive is arithmetic.divide:
        found = x if is_number(other, 1) else None
    elif primitive is arithmetic.subtract:
        found = x if is_number(other, 0.0) else None
    elif primitive is arithmetic.add:
        found = x if is_number(other, -0.0) else other if is_number(x, -0.0) else None
    elif primitive in (astype, reshape, broadcast_to):
        found = x
    elif primitive in (arithmetic.negative, transpose):
        inner = makers.get(x)
        if inner is not None and inner.primitive is primitive:
            found = inner.inputs[0]
    if not isinstance(found, Value):
        return None
    same = found.shape == node.output.shape and found.dtype == node.output.dtype
    return found if same else None


# 14.6: fusion


@misconception(
    "14.6",
    "You fuse across a reduction. The kernel divides each element by a sum that is not complete yet.",
    symbol="why_not",
)
def why_not(first, second, most=24):
    if first.shape is None or second.shape is None:
        return KIND
    if first.shape != second.shape:
        return SHAPE
    if any(first in third.needs for third in second.needs if third is not first):
        return CYCLE
    arrays = {*first.reads, *second.reads, *first.made, *second.made}
    return ARRAYS if len(arrays) > most else None


@misconception(
    "14.6",
    "You fuse groups of different shapes. What has one value for each row is then computed again for "
    "every element of the row, exponentials and all.",
    symbol="why_not",
)
def why_not(first, second, most=24):
    if first.shape is None or second.shape is None:
        return KIND
    if first.reduced & set(second.reads) or (first.axes and second.axes not in (0, first.axes)):
        return REDUCTION
    if any(first in third.needs for third in second.needs if third is not first):
        return CYCLE
    arrays = {*first.reads, *second.reads, *first.made, *second.made}
    return ARRAYS if len(arrays) > most else None


@misconception(
    "14.6",
    "You do not ask whether there is a way around. If the second group needs the first by way of a "
    "third, the third can run neither before nor after the merged one.",
    symbol="why_not",
)
def why_not(first, second, most=24):
    if first.shape is None or second.shape is None:
        return KIND
    if first.reduced & set(second.reads) or (first.axes and second.axes not in (0, first.axes)):
        return REDUCTION
    if first.shape != second.shape:
        return SHAPE
    arrays = {*first.reads, *second.reads, *first.made, *second.made}
    return ARRAYS if len(arrays) > most else None


@misconception(
    "14.6",
    "You add up the arrays of both groups. What one makes and the other reads, or both read, is one "
    "array of the kernel.",
    symbol="why_not",
)
def why_not(first, second, most=24):
    if first.shape is None or second.shape is None:
        return KIND
    if first.reduced & set(second.reads) or (first.axes and second.axes not in (0, first.axes)):
        return REDUCTION
    if first.shape != second.shape:
        return SHAPE
    if any(first in third.needs for third in second.needs if third is not first):
        return CYCLE
    count = len(first.reads) + len(second.reads) + len(first.made) + len(second.made)
    return ARRAYS if count > most else None


@misconception(
    "14.6",
    "You change the needs of the merged group only. Whoever needed one of the two needs now all that "
    "both need; without it, the next merge overlooks a way around.",
    symbol="merged",
)
def merged(first, second, groups):
    first.nodes = [*first.nodes, *second.nodes]
    first.axes = first.axes or second.axes
    first.needs = (first.needs | second.needs) - {first, second}


@misconception(
    "14.6",
    "You forget the axes of the second group: with it the reduction came, and the merged group believes "
    "to have none.",
    symbol="merged",
)
def merged(first, second, groups):
    first.nodes = [*first.nodes, *second.nodes]
    first.needs = (first.needs | second.needs) - {first, second}
    for group in groups:
        if first in group.needs or second in group.needs:
            group.needs |= first.needs | {first}
            group.needs.discard(second)


# 14.7: source


@misconception(
    "14.7",
    "You start as many threads as there are groups. MLX's grid counts threads: most elements are not "
    "computed by anybody, which is very fast.",
    symbol="launch",
)
def launch(size, most=256):
    group = min(most, size)
    return -(-size // group), group


@misconception(
    "14.7",
    "You put all elements into one group of threads. A device allows 1024 at most, some 512; beyond that "
    "it refuses, or answers nonsense.",
    symbol="launch",
)
def launch(size, most=256):
    return size, size


@misconception(
    "14.7",
    "You round the number of groups down. The elements behind the last whole group are left out.",
    symbol="launch",
)
def launch(size, most=256):
    group = min(most, size)
    return size // group * group, group


@misconception(
    "14.8",
    "Your threads do not ask whether there is an element for them. The last group has more threads than "
    "elements, and they write into memory that belongs to somebody else.",
    symbol="elementwise_body",
)
def elementwise_body(kernel, language):
    strides = dict(zip(kernel.reads, kernel.strides))

    def where(x):
        return offset(kernel.shape, strides[x], "i") if x in strides else "i"

    return "\n".join([INDEX[language], *statements(kernel, language, where)])


@misconception(
    "14.7",
    "You store what the last node makes, and nothing else. Whoever outside reads a value from the middle "
    "finds what was in memory by chance.",
    symbol="statements",
)
def statements(kernel, language, where):
    names, lines = load(kernel, language, where)
    for node in kernel.nodes:
        lines.append(computed(node, names, language))
    return lines + store(kernel, kernel.writes[-1:], names, language, where)


# 14.8: places and rows


@misconception(
    "14.8",
    "You take it for granted that arrays lie in a row. A transposed or sliced array reaches the kernel as "
    "well, and element i lies elsewhere.",
    symbol="offset",
)
def offset(shape, strides, index):
    axes = [(n, stride) for n, stride in zip(shape, strides) if n != 1]
    if not any(stride for _, stride in axes):
        return "0"
    terms, below, step = [], 1, 1
    for i, (n, stride) in reversed(list(enumerate(axes))):
        if stride:
            term = index if below == 1 else f"{index} / {below}"
            term = term if i == 0 else f"{term} % {n}"
            terms.append(f"({term}) * {step}")
            step *= n
        below *= n
    return " + ".join(reversed(terms)) if len(terms) < len(axes) else index


@misconception(
    "14.8",
    "You let repeated axes count: where the stride is 0, the index along the axis has no place in the sum, "
    "but here it moves on by 1.",
    symbol="offset",
)
def offset(shape, strides, index):
    terms, below = [], 1
    axes = [(n, stride) for n, stride in zip(shape, strides) if n != 1]
    for i, (n, stride) in reversed(list(enumerate(axes))):
        term = index if below == 1 else f"{index} / {below}"
        term = term if i == 0 else f"{term} % {n}"
        terms.append(f"({term}) * {stride or 1}")
        below *= n
    return " + ".join(reversed(terms)) or "0"


@misconception(
    "14.8",
    "You treat each axis on its own. An array that lies in a row needs no division at all, and a division "
    "costs as much as twenty additions: take neighbours in a row together first.",
    symbol="offset",
)
def offset(shape, strides, index):
    terms, below = [], 1
    axes = [(n, stride) for n, stride in zip(shape, strides) if n != 1]
    for i, (n, stride) in reversed(list(enumerate(axes))):
        if stride:
            term = index if below == 1 else f"{index} / {below}"
            term = term if i == 0 else f"{term} % {n}"
            terms.append(f"({term}) * {stride}")
        below *= n
    return " + ".join(reversed(terms)) or "0"


@misconception(
    "14.8",
    "You sum in the dtype of the numbers. In half precision 2048 + 1 is 2048: the sum of four thousand "
    "ones stops halfway.",
    symbol="row_parts",
)
def row_parts(kernel, language):
    where = row_places(kernel)
    names, inside = load(kernel, language, where)
    before, behind = [], []
    sums = [node for node in kernel.nodes if kernel.is_reduction(node)]
    for node in kernel.nodes:
        if node not in sums:
            inside.append(computed(node, names, language))
            continue
        name = names[node.output] = f"s{sums.index(node)}"
        value = argument(node.inputs[0], names, mx.float32, language)
        kind = TYPES[language][node.output.dtype]
        before.append(f"{kind} {name} = {START[node.primitive]};")
        inside.append(collected(node, name, f"({kind}){value}"))
        if language != "c":
            behind.append(f"{name} = {LANES[node.primitive]}({name});")
        if node.primitive is reductions.mean:
            behind.append(f"{name} = {name} / {number(kernel.row, mx.float32)};")
    reduced = [node.output for node in sums]
    inside += store(kernel, [y for y in kernel.writes if y not in reduced], names, language, where)
    behind += store(
        kernel, [y for y in kernel.writes if y in reduced], names, language, lambda y: "row"
    )
    return before, inside, behind


@misconception(
    "14.8",
    "You begin every reduction with 0. The maximum of negative numbers is negative, and the minimum of "
    "positive ones positive.",
    symbol="row_parts",
)
def row_parts(kernel, language):
    where = row_places(kernel)
    names, inside = load(kernel, language, where)
    before, behind = [], []
    sums = [node for node in kernel.nodes if kernel.is_reduction(node)]
    for node in kernel.nodes:
        if node not in sums:
            inside.append(computed(node, names, language))
            continue
        name = names[node.output] = f"s{sums.index(node)}"
        value = argument(node.inputs[0], names, mx.float32, language)
        before.append(f"float {name} = 0.0f;")
        inside.append(collected(node, name, value))
        if language != "c":
            behind.append(f"{name} = {LANES[node.primitive]}({name});")
        if node.primitive is reductions.mean:
            behind.append(f"{name} = {name} / {number(kernel.row, mx.float32)};")
    reduced = [node.output for node in sums]
    inside += store(kernel, [y for y in kernel.writes if y not in reduced], names, language, where)
    behind += store(
        kernel, [y for y in kernel.writes if y in reduced], names, language, lambda y: "row"
    )
    return before, inside, behind


@misconception(
    "14.8",
    "You leave the mean a sum: what was collected has to be divided by the length of a row.",
    symbol="row_parts",
)
def row_parts(kernel, language):
    where = row_places(kernel)
    names, inside = load(kernel, language, where)
    before, behind = [], []
    sums = [node for node in kernel.nodes if kernel.is_reduction(node)]
    for node in kernel.nodes:
        if node not in sums:
            inside.append(computed(node, names, language))
            continue
        name = names[node.output] = f"s{sums.index(node)}"
        value = argument(node.inputs[0], names, mx.float32, language)
        before.append(f"float {name} = {START[node.primitive]};")
        inside.append(collected(node, name, value))
        if language != "c":
            behind.append(f"{name} = {LANES[node.primitive]}({name});")
    reduced = [node.output for node in sums]
    inside += store(kernel, [y for y in kernel.writes if y not in reduced], names, language, where)
    behind += store(
        kernel, [y for y in kernel.writes if y in reduced], names, language, lambda y: "row"
    )
    return before, inside, behind


# 14.9: the cache


@misconception(
    "14.9",
    "Your key has no shapes: compiled once for ever. The graph of the first shape is used for all, and "
    "divides by a number of rows that is another one now.",
    symbol="signature",
)
def signature(tree):
    arrays = []

    def key(x):
        if isinstance(x, (array, mx.array)):
            arrays.append(x)
            return x.dtype
        if isinstance(x, dict):
            return ("dict", *((name, key(branch)) for name, branch in x.items()))
        if isinstance(x, (list, tuple)):
            return (type(x), *[key(branch) for branch in x])
        if x is None or isinstance(x, (bool, int, float, complex, str)):
            return (type(x), repr(x))
        raise ValueError(f"[compile] There is a {type(x).__name__} among the arguments.")

    return key(tree), arrays


@misconception(
    "14.9",
    "You compare constants by ==: 1, 1.0 and True are equal to Python, and 0.0 and -0.0 are. The graphs "
    "are not.",
    symbol="signature",
)
def signature(tree):
    arrays = []

    def key(x):
        if isinstance(x, (array, mx.array)):
            arrays.append(x)
            return (x.shape, x.dtype)
        if isinstance(x, dict):
            return ("dict", *((name, key(branch)) for name, branch in x.items()))
        if isinstance(x, (list, tuple)):
            return (type(x), *[key(branch) for branch in x])
        if x is None or isinstance(x, (bool, int, float, complex, str)):
            return ("constant", x)
        raise ValueError(f"[compile] There is a {type(x).__name__} among the arguments.")

    return key(tree), arrays


@misconception(
    "14.9",
    "You look at the leaves alone. The function sees lists, tuples and names, too, and may do something "
    "else for each.",
    symbol="signature",
)
def signature(tree):
    arrays, keys = [], []

    def visit(x):
        if isinstance(x, (array, mx.array)):
            arrays.append(x)
            keys.append((x.shape, x.dtype))
        elif isinstance(x, dict):
            for branch in x.values():
                visit(branch)
        elif isinstance(x, (list, tuple)):
            for branch in x:
                visit(branch)
        elif x is None or isinstance(x, (bool, int, float, complex, str)):
            keys.append((type(x), repr(x)))
        else:
            raise ValueError(f"[compile] There is a {type(x).__name__} among the arguments.")

    visit(tree)
    return tuple(keys), arrays


@misconception(
    "14.9",
    "Your key has no dtypes. A graph that was traced with floats answers in floats, whatever it is given "
    "next.",
    symbol="signature",
)
def signature(tree):
    arrays = []

    def key(x):
        if isinstance(x, (array, mx.array)):
            arrays.append(x)
            return x.shape
        if isinstance(x, dict):
            return ("dict", *((name, key(branch)) for name, branch in x.items()))
        if isinstance(x, (list, tuple)):
            return (type(x), *[key(branch) for branch in x])
        if x is None or isinstance(x, (bool, int, float, complex, str)):
            return (type(x), repr(x))
        raise ValueError(f"[compile] There is a {type(x).__name__} among the arguments.")

    return key(tree), arrays


@misconception(
    "14.9",
    "Your key knows what kind of thing a constant is, and not which one. The graph has the first one in "
    "it, and an `if` that asked for it was decided once for ever.",
    symbol="signature",
)
def signature(tree):
    arrays = []

    def key(x):
        if isinstance(x, (array, mx.array)):
            arrays.append(x)
            return (x.shape, x.dtype)
        if isinstance(x, dict):
            return ("dict", *((name, key(branch)) for name, branch in x.items()))
        if isinstance(x, (list, tuple)):
            return (type(x), *[key(branch) for branch in x])
        if x is None or isinstance(x, (bool, int, float, complex, str)):
            return type(x)
        raise ValueError(f"[compile] There is a {type(x).__name__} among the arguments.")

    return key(tree), arrays


@misconception(
    "14.9",
    "You run the graph although a tape watches an argument. The tape sees none of its steps, and the "
    "gradient is 0: where somebody watches, the function is called as it is.",
    symbol="Compiled.__call__",
)
def __call__(self, *args, **kwargs):
    state = self.reads.values()
    key, found = signature((args, kwargs))
    if state is None:
        return self.fun(*args, **kwargs)
    arrays = []
    for x in found:
        while isinstance(x, array):
            x = x._value
        arrays.append(x)
    key = (key, self.state_key(state))
    entry = self.entries.get(key)
    if entry is None:
        try:
            entry = self.entries[key] = self.trace(args, kwargs, state)
        except WatchedOutside:
            return self.fun(*args, **kwargs)
    outputs = self.run(entry, arrays, state)
    self.put_back(outputs[entry.count :])
    return self.result(entry, outputs)


@misconception(
    "14.9",
    "You trace in every call. The graph has to be kept under its key and found again.",
    symbol="Compiled.__call__",
)
def __call__(self, *args, **kwargs):
    state = self.reads.values()
    key, found = signature((args, kwargs))
    arrays = bare_values(found)
    if state is None or arrays is None:
        return self.fun(*args, **kwargs)
    try:
        entry = self.trace(args, kwargs, state)
    except WatchedOutside:
        return self.fun(*args, **kwargs)
    outputs = entry.ready.run([*arrays, *state])
    self.put_back(outputs[entry.count :])
    return self.result(entry, outputs)


@misconception(
    "14.9",
    "Your key knows the arguments and not the state. Its arrays can get other shapes, too.",
    symbol="Compiled.__call__",
)
def __call__(self, *args, **kwargs):
    state = self.reads.values()
    key, found = signature((args, kwargs))
    arrays = bare_values(found)
    if state is None or arrays is None:
        return self.fun(*args, **kwargs)
    entry = self.entries.get(key)
    if entry is None:
        try:
            entry = self.entries[key] = self.trace(args, kwargs, state)
        except WatchedOutside:
            return self.fun(*args, **kwargs)
    outputs = entry.ready.run([*arrays, *state])
    self.put_back(outputs[entry.count :])
    return self.result(entry, outputs)


@misconception(
    "14.9",
    "You do not put the state back. Every call begins with the same weights, and nothing is ever "
    "learned.",
    symbol="Compiled.__call__",
)
def __call__(self, *args, **kwargs):
    state = self.reads.values()
    key, found = signature((args, kwargs))
    arrays = bare_values(found)
    if state is None or arrays is None:
        return self.fun(*args, **kwargs)
    key = (key, self.state_key(state))
    entry = self.entries.get(key)
    if entry is None:
        try:
            entry = self.entries[key] = self.trace(args, kwargs, state)
        except WatchedOutside:
            return self.fun(*args, **kwargs)
    return self.result(entry, entry.ready.run([*arrays, *state]))


# 14.10: lifetimes


@misconception(
    "14.10",
    "You let outputs of the graph die with their last reader. The caller wants them: they live to the "
    "end.",
    symbol="lifetimes",
)
def lifetimes(graph):
    found = {}
    for i, node in enumerate(graph.nodes):
        for x in node.values:
            if x in found:
                found[x] = (found[x][0], i)
        found.update({y: (i, i) for y in node.outputs})
    return found


@misconception(
    "14.10",
    "You end a value at its first reader. Others may come.",
    symbol="lifetimes",
)
def lifetimes(graph):
    found = {}
    for i, node in enumerate(graph.nodes):
        for x in node.values:
            if x in found and found[x][0] == found[x][1]:
                found[x] = (found[x][0], i)
        found.update({y: (i, i) for y in node.outputs})
    for y in graph.outputs:
        if y in found:
            found[y] = (found[y][0], len(graph.nodes))
    return found


@misconception(
    "14.10",
    "You count only what is left behind each node. While it runs, its inputs and its output are there "
    "together.",
    symbol="peak",
)
def peak(graph):
    most, lives = 0, lifetimes(graph)
    for i in range(len(graph.nodes)):
        most = max(most, sum(x.nbytes for x, (a, b) in lives.items() if a <= i < b))
    return most


@misconception(
    "14.10",
    "You add up everything that is ever made. Memory of values that have died is used again.",
    symbol="peak",
)
def peak(graph):
    return sum(x.nbytes for x in lifetimes(graph))


@misconception(
    "14.10",
    "You give a node the buffer that it is reading. It would write over its input while it still needs "
    "it.",
    symbol="buffers",
)
def buffers(graph):
    sizes, ends, held = [], [], {}
    for x, (first, last) in lifetimes(graph).items():
        free = [i for i, end in enumerate(ends) if end <= first and sizes[i] >= x.nbytes]
        if free:
            place = min(free, key=sizes.__getitem__)
        else:
            place = len(sizes)
            sizes.append(x.nbytes)
            ends.append(0)
        ends[place] = last
        held[x] = place
    return sizes, held


@misconception(
    "14.10",
    "You take the first buffer that is free and large enough. A large one is then held by something "
    "small, and the next large value needs a new one: take the smallest that will do.",
    symbol="buffers",
)
def buffers(graph):
    sizes, ends, held = [], [], {}
    for x, (first, last) in lifetimes(graph).items():
        free = [i for i, end in enumerate(ends) if end < first and sizes[i] >= x.nbytes]
        if free:
            place = free[0]
        else:
            place = len(sizes)
            sizes.append(x.nbytes)
            ends.append(0)
        ends[place] = last
        held[x] = place
    return sizes, held


# 14.11: an order


@misconception(
    "14.11",
    "You leave the order as it is. It is that of the program text, and nobody wrote that with memory in "
    "mind.",
)
def ordered(graph):
    return Graph(graph.inputs, list(graph.nodes), graph.outputs)


@misconception(
    "14.11",
    "You compute what is small first. What matters is what a node leaves behind: one that makes much "
    "may free more.",
)
def ordered(graph):
    makers = graph.makers()
    left, done = list(graph.nodes), set()
    found = []
    while left:
        ready = [n for n in left if all(makers[x] in done for x in n.values if x in makers)]
        node = min(ready, key=lambda n: sum(y.nbytes for y in n.outputs))
        left.remove(node)
        done.add(node)
        found.append(node)
    return Graph(graph.inputs, found, graph.outputs)


@misconception(
    "14.11",
    "You move the draws. Each takes the next numbers of the state, so another order gives each of them "
    "other numbers.",
    agrees=["orders_that_need_little", "large_graph"],
)
def ordered(graph):
    plain = [node.on(node.inputs) for node in graph.nodes]
    for node in plain:
        node.random = False
    facts = Facts(Graph(graph.inputs, plain, graph.outputs))
    beam = [State((), 0, 0)]
    for _ in graph.nodes:
        found = {}
        for state in beam:
            for i in facts.ready(state.done):
                after = facts.after(state, i)
                key = frozenset(after.done)
                if key not in found or after.cost < found[key].cost:
                    found[key] = after
        beam = sorted(found.values(), key=lambda state: state.cost)[:WIDTH]
    best = Graph(graph.inputs, [graph.nodes[i] for i in beam[0].done], graph.outputs)
    return best if peak(best) < peak(graph) else graph


# 14.12 to 14.15: kernels


@misconception(
    "14.12",
    "You count groups in the grid. MLX counts threads: with a 256th of them, all but the first elements are never written, and the kernel seems fast because it does not do the work.",
)
def vector_add(size, dtype):
    source = """
        uint i = PLACE;
        if (i < x_shape[0]) z[i] = x[i] + y[i];
    """
    return Kernel(
        name="vector_add",
        source=source,
        inputs=["x", "y"],
        outputs={"z": ((size,), dtype)},
        grid=(whole_groups(size, 256) // 256, 1, 1),
        group=(256, 1, 1),
        template={"T": dtype},
    )


@misconception(
    "14.12",
    "You do not ask whether there is an element for the thread. The last group is rarely full, and its other threads read and write memory that belongs to somebody else.",
)
def vector_add(size, dtype):
    source = """
        uint i = PLACE;
        z[i] = x[i] + y[i];
    """
    return Kernel(
        name="vector_add",
        source=source,
        inputs=["x", "y"],
        outputs={"z": ((size,), dtype)},
        grid=(whole_groups(size, 256), 1, 1),
        group=(256, 1, 1),
        template={"T": dtype},
    )


@misconception(
    "14.12",
    "Your groups have 2,048 threads. No device allows more than 1,024, and some fewer: on one machine it may run, on the next it returns garbage.",
)
def vector_add(size, dtype):
    source = """
        uint i = PLACE;
        if (i < x_shape[0]) z[i] = x[i] + y[i];
    """
    return Kernel(
        name="vector_add",
        source=source,
        inputs=["x", "y"],
        outputs={"z": ((size,), dtype)},
        grid=(whole_groups(size, 2048), 1, 1),
        group=(2048, 1, 1),
        template={"T": dtype},
    )


@misconception(
    "14.13",
    "You do not subtract the maximum of the row: the exponential of a large number is infinite, and infinite by infinite is nan.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k]);
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.13",
    "A thread takes neighbours of its own, one after another. At each step the lanes of a warp then "
    "ask for numbers that lie far apart, and memory replies to each: element k of a thread is "
    "`k * THREADS + THREAD`.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = THREAD * K + k;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k] - top);
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = THREAD * K + k;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.13",
    "You add up in the dtype of the array. In float16 a sum of thousands of small numbers stops growing: sums are in float32.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        T total_ = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k] - top);
            total_ += v[k];
        }
        float total = total_; GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.13",
    "Threads without an element return early. The others then wait for them at the barrier in GROUP_MAX, or read what they never wrote.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        if (THREAD >= N) return; float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k] - top);
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.13",
    "You read the row more than once. What a thread has read, it can keep in an array of its own.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD; v[k] = i < N ? exp((float)from[i] - top) : 0.0f;
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.13",
    "Rows lie along y in your grid. CUDA has at most 65,535 groups along y, and a batch of tokens has more rows than that; along x there is room.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP_Y * N;
        auto to = y + (size_t)GROUP_Y * N;
        SHARED float s[32];
        float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k] - top);
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(threads, rows, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.13",
    "You look for the largest number from 0 on. In a row of negative numbers none is larger; far below zero "
    "all exponentials vanish, and 0 by 0 is nan. Begin with -INFINITY.",
)
def softmax_rows(rows, columns, dtype, threads=128):
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        float v[K];
        float top = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k] - top);
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
    )


@misconception(
    "14.14",
    "Your kernel adds up in the dtype of the array. The square of 300 has no place in float16, and sums of "
    "many numbers stop growing: between reading and writing everything is float32.",
)
def rms_rows_pull(rows, columns, dtype, eps, threads=128):
    source = """
        size_t first = (size_t)GROUP * N;
        SHARED float s[32];
        float v[K], h[K];
        T squares = 0, dot = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)x[first + i] : 0.0f;
            h[k] = i < N ? (float)g[first + i] : 0.0f;
            squares += v[k] * v[k];
            if (i < N) dot += v[k] * h[k] * (float)w[i];
        }
        GROUP_SUM(squares, s);
        GROUP_SUM(dot, s);
        float r = rsqrt(squares / N + EPS);
        float c = dot / N * r * r;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) {
                gx[first + i] = (T)(r * (h[k] * (float)w[i] - v[k] * c));
                gw[first + i] = h[k] * v[k] * r;
            }
        }
    """
    return Kernel(
        name="rms_rows_pull",
        source=source,
        inputs=["g", "x", "w"],
        outputs={"gx": ((rows, columns), dtype), "gw": ((rows, columns), core.float32)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
        header=f"#define EPS {eps!r}f",
    )


@misconception(
    "14.14",
    "In your kernel the mean over the row has lost the weight: what flows back into the row is g times w.",
)
def rms_rows_pull(rows, columns, dtype, eps, threads=128):
    source = """
        size_t first = (size_t)GROUP * N;
        SHARED float s[32];
        float v[K], h[K];
        float squares = 0, dot = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)x[first + i] : 0.0f;
            h[k] = i < N ? (float)g[first + i] : 0.0f;
            squares += v[k] * v[k];
            if (i < N) dot += v[k] * h[k];
        }
        GROUP_SUM(squares, s);
        GROUP_SUM(dot, s);
        float r = rsqrt(squares / N + EPS);
        float c = dot / N * r * r;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) {
                gx[first + i] = (T)(r * (h[k] * (float)w[i] - v[k] * c));
                gw[first + i] = h[k] * v[k] * r;
            }
        }
    """
    return Kernel(
        name="rms_rows_pull",
        source=source,
        inputs=["g", "x", "w"],
        outputs={"gx": ((rows, columns), dtype), "gw": ((rows, columns), core.float32)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
        header=f"#define EPS {eps!r}f",
    )


@misconception("14.14", "Your kernel takes the sum over the row where the derivative has the mean.")
def rms_rows_pull(rows, columns, dtype, eps, threads=128):
    source = """
        size_t first = (size_t)GROUP * N;
        SHARED float s[32];
        float v[K], h[K];
        float squares = 0, dot = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)x[first + i] : 0.0f;
            h[k] = i < N ? (float)g[first + i] : 0.0f;
            squares += v[k] * v[k];
            if (i < N) dot += v[k] * h[k] * (float)w[i];
        }
        GROUP_SUM(squares, s);
        GROUP_SUM(dot, s);
        float r = rsqrt(squares / N + EPS);
        float c = dot * r * r;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) {
                gx[first + i] = (T)(r * (h[k] * (float)w[i] - v[k] * c));
                gw[first + i] = h[k] * v[k] * r;
            }
        }
    """
    return Kernel(
        name="rms_rows_pull",
        source=source,
        inputs=["g", "x", "w"],
        outputs={"gx": ((rows, columns), dtype), "gw": ((rows, columns), core.float32)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
        header=f"#define EPS {eps!r}f",
    )


@misconception("14.14", "In your kernel eps is outside of the root.")
def rms_rows_pull(rows, columns, dtype, eps, threads=128):
    source = """
        size_t first = (size_t)GROUP * N;
        SHARED float s[32];
        float v[K], h[K];
        float squares = 0, dot = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)x[first + i] : 0.0f;
            h[k] = i < N ? (float)g[first + i] : 0.0f;
            squares += v[k] * v[k];
            if (i < N) dot += v[k] * h[k] * (float)w[i];
        }
        GROUP_SUM(squares, s);
        GROUP_SUM(dot, s);
        float r = 1 / (sqrt(squares / N) + EPS);
        float c = dot / N * r * r;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) {
                gx[first + i] = (T)(r * (h[k] * (float)w[i] - v[k] * c));
                gw[first + i] = h[k] * v[k] * r;
            }
        }
    """
    return Kernel(
        name="rms_rows_pull",
        source=source,
        inputs=["g", "x", "w"],
        outputs={"gx": ((rows, columns), dtype), "gw": ((rows, columns), core.float32)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
        header=f"#define EPS {eps!r}f",
    )


@misconception(
    "14.14",
    "You leave out that r depends on the row, too: the derivative of a quotient has two terms.",
)
def rms_norm_pull(g, x, w, eps):
    r = core.rsqrt(core.mean(core.square(x), axis=-1, keepdims=True) + eps)
    return g * w * r, core.sum(g * x * r, axis=tuple(range(x.ndim - 1)))


@misconception(
    "14.14",
    "The cotangent of the weight is a sum over all rows: every row used the same weight. You take their mean.",
)
def rms_norm_pull(g, x, w, eps):
    r = core.rsqrt(core.mean(core.square(x), axis=-1, keepdims=True) + eps)
    gw = g * w
    gx = r * (gw - x * r * r * core.mean(gw * x, axis=-1, keepdims=True))
    rows = x.size // x.shape[-1]
    return gx, core.sum(g * x * r, axis=tuple(range(x.ndim - 1))) / max(rows, 2)


@misconception(
    "14.14",
    "You call the forward kernel without a custom function around it: its derivative is then that of the operations, and your rule is never asked.",
)
def rms_norm(x, weight, eps):
    return _rms(x, weight, eps)


@misconception(
    "14.14",
    "Your rule returns the cotangents in another order than the function has its arguments.",
)
def rms_norm(x, weight, eps):
    @core.custom_function
    def norm(x, weight):
        return _rms(x, weight, eps)

    @norm.vjp
    def back(primals, g, y):
        x, weight = primals
        gx, gw = _rms_back(g, x, weight, eps)
        return core.broadcast_to(gw, x.shape), core.sum(gx, axis=tuple(range(x.ndim - 1)))

    return norm(x, weight)


@misconception(
    "14.15",
    "Between writing the tiles and using them there is no barrier: some threads multiply with numbers that their neighbours have not brought yet.",
)
def matmul_tiles(m, k, n, dtype):
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        float total = 0;
        for (int d = 0; d < D; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[row * D + d + THREAD] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
            BARRIER;
        }
        if (row < M && column < N) c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )


@misconception(
    "14.15",
    "Behind the products there is no barrier: the quick threads bring the next tile while slow ones still use this one.",
)
def matmul_tiles(m, k, n, dtype):
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        float total = 0;
        for (int d = 0; d < D; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[row * D + d + THREAD] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            BARRIER;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
        }
        if (row < M && column < N) c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )


@misconception(
    "14.15",
    "You leave out the last tile where 16 does not divide the common axis. It is brought like all others, with zeros where the arrays end.",
)
def matmul_tiles(m, k, n, dtype):
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        float total = 0;
        for (int d = 0; d < D / 16 * 16; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[row * D + d + THREAD] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            BARRIER;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
            BARRIER;
        }
        if (row < M && column < N) c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )


@misconception(
    "14.15",
    "You add up in the dtype of the arrays. In float16 a sum of ones stops at 2048: products are added in float32.",
)
def matmul_tiles(m, k, n, dtype):
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        T total = 0;
        for (int d = 0; d < D; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[row * D + d + THREAD] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            BARRIER;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
            BARRIER;
        }
        if (row < M && column < N) c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )


@misconception(
    "14.15",
    "You read a column by column. Inputs lie row by row: from one row of a to the next it is D elements, the length of the common axis.",
)
def matmul_tiles(m, k, n, dtype):
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        float total = 0;
        for (int d = 0; d < D; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[(d + THREAD) * M + row] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            BARRIER;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
            BARRIER;
        }
        if (row < M && column < N) c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )


@misconception(
    "14.15",
    "You do not ask whether row and column exist: where a tile sticks out, memory of somebody else is written.",
)
def matmul_tiles(m, k, n, dtype):
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        float total = 0;
        for (int d = 0; d < D; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[row * D + d + THREAD] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            BARRIER;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
            BARRIER;
        }
        c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )


# 14.16 to 14.18: codes


@misconception(
    "14.16",
    "You begin at the smallest weight always. Then zero has no code of its own, and the many weights around it all get an error. The edge is the end with the larger magnitude, and its number of steps is rounded.",
)
def coded(w, group_size=64, bits=4):
    if w.shape[-1] % group_size:
        raise ValueError(f"[coded] {group_size} does not divide {w.shape[-1]}.")
    n = 2**bits - 1
    groups = core.unflatten(w.astype(core.float32), -1, (-1, group_size))
    most, least = (f(groups, axis=-1, keepdims=True) for f in (core.max, core.min))
    step = core.maximum((most - least) / n, SMALLEST_STEP)
    codes = core.clip(core.round((groups - least) / step), 0, n).astype(core.uint32)
    scales, biases = (x.squeeze(-1).astype(w.dtype) for x in (step, least))
    return core.flatten(codes, -2, -1), scales, biases


@misconception(
    "14.16",
    "Weights that are all equal have a range of 0, so your step is 0, and you divide by it. A step is at least SMALLEST_STEP.",
)
def coded(w, group_size=64, bits=4):
    if w.shape[-1] % group_size:
        raise ValueError(f"[coded] {group_size} does not divide {w.shape[-1]}.")
    n = 2**bits - 1
    groups = core.unflatten(w.astype(core.float32), -1, (-1, group_size))
    most, least = (f(groups, axis=-1, keepdims=True) for f in (core.max, core.min))
    from_least = core.abs(least) > core.abs(most)
    step = (most - least) / n
    step = core.where(from_least, step, -step)
    edge = core.where(from_least, least, most)
    q0 = core.round(edge / step)
    has_zero = q0 != 0
    step = core.where(has_zero, edge / core.where(has_zero, q0, 1), step)
    bias = core.where(has_zero, edge, 0)
    codes = core.clip(core.round((groups - bias) / step), 0, n).astype(core.uint32)
    scales, biases = (x.squeeze(-1).astype(w.dtype) for x in (step, bias))
    return core.flatten(codes, -2, -1), scales, biases


@misconception(
    "14.16",
    "A group that does not divide the axis takes weights of the next row, or leaves some out, without a word. Say so: a ValueError with both numbers.",
)
def coded(w, group_size=64, bits=4):
    group_size = next(n for n in range(group_size, 0, -1) if w.shape[-1] % n == 0)
    n = 2**bits - 1
    groups = core.unflatten(w.astype(core.float32), -1, (-1, group_size))
    most, least = (f(groups, axis=-1, keepdims=True) for f in (core.max, core.min))
    from_least = core.abs(least) > core.abs(most)
    step = core.maximum((most - least) / n, SMALLEST_STEP)
    step = core.where(from_least, step, -step)
    edge = core.where(from_least, least, most)
    q0 = core.round(edge / step)
    has_zero = q0 != 0
    step = core.where(has_zero, edge / core.where(has_zero, q0, 1), step)
    bias = core.where(has_zero, edge, 0)
    codes = core.clip(core.round((groups - bias) / step), 0, n).astype(core.uint32)
    scales, biases = (x.squeeze(-1).astype(w.dtype) for x in (step, bias))
    return core.flatten(codes, -2, -1), scales, biases


@misconception(
    "14.16", "You put the first code into the highest bits. It belongs into the lowest ones."
)
def packed(codes, bits):
    chunks = core.unflatten(codes, -1, (-1, CHUNK))
    words = [core.zeros(chunks.shape[:-1], core.uint32) for _ in range(bits)]
    for i in range(CHUNK):
        word, shift = divmod(i * bits, 32)
        words[word] = words[word] | core.left_shift(chunks[..., CHUNK - 1 - i], shift)
        if shift + bits > 32:
            high = core.right_shift(chunks[..., CHUNK - 1 - i], 32 - shift)
            words[word + 1] = words[word + 1] | high
    return core.flatten(core.stack(words[::-1], axis=-1), -2, -1)


@misconception(
    "14.16",
    "A code of 3, 5 or 6 bits may begin in one word and end in the next: you lose the bits that do not fit into the first.",
    agrees=["words_without_gaps[2", "words_without_gaps[4", "words_without_gaps[8"],
)
def packed(codes, bits):
    chunks = core.unflatten(codes, -1, (-1, CHUNK))
    words = [core.zeros(chunks.shape[:-1], core.uint32) for _ in range(bits)]
    for i in range(CHUNK):
        word, shift = divmod(i * bits, 32)
        words[word] = words[word] | core.left_shift(chunks[..., i], shift)
    return core.flatten(core.stack(words, axis=-1), -2, -1)


@misconception(
    "14.16", "You do not mask: above the bits of a code there are those of its neighbours."
)
def unpacked(words, bits):
    chunks = core.unflatten(words, -1, (-1, bits))
    codes = []
    for i in range(CHUNK):
        word, shift = divmod(i * bits, 32)
        code = core.right_shift(chunks[..., word], shift)
        if shift + bits > 32:
            code = code | core.left_shift(chunks[..., word + 1], 32 - shift)
        codes.append(code)
    return core.flatten(core.stack(codes, axis=-1), -2, -1)


@misconception(
    "14.17",
    "You add the bias once for each group. It belongs to every weight of the group, so it is multiplied by the sum of the inputs there.",
)
def product(x, codes, scales, biases):
    groups = scales.shape[-1]
    parts = core.unflatten(x.astype(core.float32), -1, (groups, -1))
    q = core.unflatten(codes, -1, (groups, -1)).astype(core.float32)
    by_group = core.einsum("bgn,mgn->bmg", parts, q)
    return core.sum(by_group * scales + biases, axis=-1).astype(x.dtype)


@misconception(
    "14.17",
    "You multiply by the sum of the scales, or one of them, after adding up all groups: each group has its own scale.",
)
def product(x, codes, scales, biases):
    groups = scales.shape[-1]
    parts = core.unflatten(x.astype(core.float32), -1, (groups, -1))
    whole = x.astype(core.float32) @ codes.astype(core.float32).T
    y = whole * core.mean(scales, axis=-1) + core.sum(parts, axis=-1) @ biases.T
    return y.astype(x.dtype)


@misconception(
    "14.17",
    "You bound the error of a weight by half a step. That holds in the middle of a group; at its far end, which the stretched step may not reach, it is up to a whole one.",
)
def error_bound(x, scales):
    parts = core.unflatten(core.abs(x.astype(core.float32)), -1, (scales.shape[-1], -1))
    return core.sum(parts, axis=-1) @ (0.5 * core.abs(scales.astype(core.float32))).T


@misconception(
    "14.17",
    "Errors of both signs do not cancel in a bound: it has the magnitudes of the inputs, and of the scales, which may be negative.",
)
def error_bound(x, scales):
    parts = core.unflatten(x.astype(core.float32), -1, (scales.shape[-1], -1))
    return core.abs(core.sum(parts, axis=-1) @ scales.astype(core.float32).T)


@misconception(
    "14.18",
    "You take the mean of the inputs, in which both signs cancel. What counts is how large they are.",
)
def column_scales(x, strength):
    size = core.abs(core.mean(x.astype(core.float32), axis=tuple(range(x.ndim - 1))))
    c = core.power(core.maximum(size, 1e-4), strength)
    return c / core.sqrt(core.max(c) * core.min(c))


@misconception(
    "14.18",
    "You average over the first axis alone. Inputs may have several axes in front, such as batch and time.",
    agrees="strength_of_least_error",
)
def column_scales(x, strength):
    size = core.mean(core.abs(x.astype(core.float32)), axis=0)
    c = core.power(core.maximum(size, 1e-4), strength)
    return c / core.sqrt(core.max(c) * core.min(c))


@misconception(
    "14.18",
    "You compare weights with weights. A weight's error counts as much as its input is large: compare the products.",
)
def calibrated(w, x, group_size=64, bits=4, strengths=STRENGTHS):
    best, least = column_scales(x, strengths[0]), math.inf
    for strength in strengths:
        c = column_scales(x, strength)
        rounded = decoded(*coded(w * c, group_size, bits)) / c
        error = core.mean(core.square(rounded - w)).item()
        if error < least:
            best, least = c, error
    return best


@misconception(
    "14.18",
    "You multiply the inputs by the factors, too. They are divided, or the product is another one.",
)
def calibrated(w, x, group_size=64, bits=4, strengths=STRENGTHS):
    x = x.astype(core.float32)
    wanted = x @ w.astype(core.float32).T
    best, least = column_scales(x, strengths[0]), math.inf
    for strength in strengths:
        c = column_scales(x, strength)
        rounded = decoded(*coded(w * c, group_size, bits))
        error = core.mean(core.square((x * c) @ rounded.T - wanted)).item()
        if error < least:
            best, least = c, error
    return best


# 14.19: what to compute again


@misconception(
    "14.19",
    "You compute the cheapest blocks again until what is left fits. A cheap block may be a small one, "
    "and some better choice of others is missed.",
)
def to_recompute(blocks, budget):
    if any(block.size > budget for block in blocks):
        raise ValueError(f"[to_recompute] No plan fits into {budget} bytes.")
    again = []
    for i in sorted(range(len(blocks)), key=lambda i: blocks[i].seconds):
        if peak(blocks, again) <= budget:
            break
        again.append(i)
    return sorted(again)


@misconception(
    "14.19",
    "You compute those blocks again that free most bytes for each second, one after another. That is "
    "a good guess, not the best plan.",
)
def to_recompute(blocks, budget):
    if any(block.size > budget for block in blocks):
        raise ValueError(f"[to_recompute] No plan fits into {budget} bytes.")
    again = []
    for i in sorted(range(len(blocks)), key=lambda i: blocks[i].seconds / blocks[i].size):
        if peak(blocks, again) <= budget:
            break
        again.append(i)
    return sorted(again)


@misconception(
    "14.19",
    "You only see to it that the kept blocks fit together. While a block is computed again, all it "
    "made is there once more.",
)
def to_recompute(blocks, budget):
    plans = {0: (0.0, ())}
    for i, block in enumerate(blocks):
        if block.size > budget:
            raise ValueError(f"[to_recompute] Block {i} alone keeps {block.size}.")
        grown = {}
        for kept, (seconds, again) in plans.items():
            if kept + block.size <= budget:
                offer = (seconds, again)
                if kept + block.size not in grown or offer < grown[kept + block.size]:
                    grown[kept + block.size] = offer
            offer = (seconds + block.seconds, (*again, i))
            if kept not in grown or offer < grown[kept]:
                grown[kept] = offer
        plans = undominated(grown)
    return list(min(plans.values())[1])


@misconception(
    "14.19",
    "You let a block that is computed again stand beside all kept ones, also those behind it. When the "
    "backward pass has come to it, they have gone.",
)
def to_recompute(blocks, budget):
    plans = {(0, 0): (0.0, ())}
    for i, block in enumerate(blocks):
        grown = {}
        for (kept, extra), (seconds, again) in plans.items():
            keep, drop = (kept + block.size, extra), (kept, max(extra, block.size))
            for key, offer in (
                (keep, (seconds, again)),
                (drop, (seconds + block.seconds, (*again, i))),
            ):
                if sum(key) <= budget and (key not in grown or offer < grown[key]):
                    grown[key] = offer
        if not grown:
            raise ValueError(f"[to_recompute] No plan fits into {budget} bytes.")
        plans = grown
    return list(min(plans.values())[1])


@misconception(
    "14.19",
    "You return the blocks that are kept. Asked for are those that are computed again.",
)
def to_recompute(blocks, budget):
    plans = {0: (0.0, ())}
    for i, block in enumerate(blocks):
        grown = {}
        for kept, (seconds, again) in plans.items():
            if kept + block.size > budget:
                continue
            for size, plan in (
                (kept + block.size, (seconds, again)),
                (kept, (seconds + block.seconds, (*again, i))),
            ):
                if size not in grown or plan[0] < grown[size][0]:
                    grown[size] = plan
        plans = undominated(grown)
        if not plans:
            raise ValueError(f"[to_recompute] No plan fits into {budget} bytes.")
    again = min(plans.values())[1]
    return [i for i in range(len(blocks)) if i not in again]


# 14.20: lengths that repeat


@misconception(
    "14.20",
    "You give every bucket equally many sequences. With a long tail, a few long sequences then drag "
    "many short ones along.",
)
def bounds(lengths, count):
    if not lengths or count < 1:
        raise ValueError(f"[bounds] {len(lengths)} lengths and {count} bounds.")
    ranked = sorted(lengths)
    return sorted({ranked[-(-len(ranked) * (i + 1) // count) - 1] for i in range(count)})


@misconception(
    "14.20",
    "You take bounds at equal distances. What matters is where the lengths lie.",
)
def bounds(lengths, count):
    if not lengths or count < 1:
        raise ValueError(f"[bounds] {len(lengths)} lengths and {count} bounds.")
    most = max(lengths)
    return sorted({max(1, most * (i + 1) // count) for i in range(count)})


@misconception(
    "14.20",
    "You count each length once. One that a hundred sequences have costs a hundred times its padding.",
)
def bounds(lengths, count):
    if not lengths or count < 1:
        raise ValueError(f"[bounds] {len(lengths)} lengths and {count} bounds.")
    counts = Counter(set(lengths))
    found = sorted(counts)
    padded = [0] * (len(found) + 1)
    before = []
    for row in range(min(count, len(found))):
        new, places = [0] * len(padded), [0] * len(padded)
        for end in range(1, len(padded)):
            options = starts_and_padding(found, counts, end, first_only=row == 0)
            new[end], places[end] = min((padded[start] + more, start) for start, more in options)
        padded = new
        before.append(places)
    chosen, end = [], len(found)
    for places in reversed(before):
        chosen.append(found[end - 1])
        end = places[end]
    return chosen[::-1]


@misconception(
    "14.20",
    "You always cut where it helps most now, and never move a bound again. The best two bounds need "
    "not contain the best single one.",
)
def bounds(lengths, count):
    if not lengths or count < 1:
        raise ValueError(f"[bounds] {len(lengths)} lengths and {count} bounds.")
    counts = Counter(lengths)
    chosen = [max(counts)]

    def cost(bounds):
        return sum(times * min(b - n for b in bounds if b >= n) for n, times in counts.items())

    while len(chosen) < min(count, len(counts)):
        rest = [n for n in counts if n not in chosen]
        chosen.append(min(rest, key=lambda n: (cost([*chosen, n]), n)))
    return sorted(chosen)


# 14.21: where the time goes


@misconception(
    "14.21",
    "You never evaluate the result. What you time is how long it takes to write down what shall be "
    "done.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    core.eval([x for x in inputs if type(x) is array])
    start = time.perf_counter()
    output = primitive(*inputs, **params)
    seconds = time.perf_counter() - start
    outputs = output if isinstance(output, list) else [output]
    self.events.append(
        Event(
            primitive.__name__,
            start - self.began,
            seconds,
            tuple(y.shape for y in outputs),
            sum(y.nbytes for y in outputs),
            mx.get_active_memory(),
        )
    )
    made = [watched(y, self, None) for y in outputs]
    return made if isinstance(output, list) else made[0]


@misconception(
    "14.21",
    "You start the clock while an argument is still waiting for its own operation; this one then pays "
    "for that one.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    start = time.perf_counter()
    output = primitive(*inputs, **params)
    core.eval(output)
    seconds = time.perf_counter() - start
    outputs = output if isinstance(output, list) else [output]
    self.events.append(
        Event(
            primitive.__name__,
            start - self.began,
            seconds,
            tuple(y.shape for y in outputs),
            sum(y.nbytes for y in outputs),
            mx.get_active_memory(),
        )
    )
    made = [watched(y, self, None) for y in outputs]
    return made if isinstance(output, list) else made[0]


@misconception(
    "14.21",
    "You return the result as it is, watched by nobody. The profile ends with the first operation.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    core.eval([x for x in inputs if type(x) is array])
    start = time.perf_counter()
    output = primitive(*inputs, **params)
    core.eval(output)
    seconds = time.perf_counter() - start
    outputs = output if isinstance(output, list) else [output]
    self.events.append(
        Event(
            primitive.__name__,
            start - self.began,
            seconds,
            tuple(y.shape for y in outputs),
            sum(y.nbytes for y in outputs),
            mx.get_active_memory(),
        )
    )
    return output


@misconception(
    "14.21",
    "You write down how many numbers were made. A number of float32 has four bytes.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    core.eval([x for x in inputs if type(x) is array])
    start = time.perf_counter()
    output = primitive(*inputs, **params)
    core.eval(output)
    seconds = time.perf_counter() - start
    outputs = output if isinstance(output, list) else [output]
    self.events.append(
        Event(
            primitive.__name__,
            start - self.began,
            seconds,
            tuple(y.shape for y in outputs),
            sum(y.size for y in outputs),
            mx.get_active_memory(),
        )
    )
    made = [watched(y, self, None) for y in outputs]
    return made if isinstance(output, list) else made[0]


# 14.22: around the ring


@misconception(
    "14.22",
    "You send whole arrays around. The sum is right, but the messages of a round are `size` times as "
    "long as they need to be.",
)
def ring_sum(x, rank, size):
    total, message = x, x
    for _ in range(size - 1):
        message = (yield message.reshape(-1)).reshape(x.shape)
        total = total + message
    return total


@misconception(
    "14.22",
    "In the second half you add what you receive. It is a sum already: it takes the place of your part.",
)
def ring_sum(x, rank, size):
    parts = equal_parts(x, size)
    for round in range(size - 1):
        received = yield parts[(rank - round) % size]
        place = (rank - round - 1) % size
        parts[place] = parts[place] + received
    for round in range(size - 1):
        received = yield parts[(rank + 1 - round) % size]
        place = (rank - round) % size
        parts[place] = parts[place] + received
    return core.concatenate(parts)[: x.size].reshape(x.shape)


@misconception(
    "14.22",
    "Your second half begins with part `rank`. After the first half the whole sum of part `rank + 1` is "
    "with you; part `rank` is whole one process before.",
)
def ring_sum(x, rank, size):
    parts = equal_parts(x, size)
    for round in range(size - 1):
        received = yield parts[(rank - round) % size]
        place = (rank - round - 1) % size
        parts[place] = parts[place] + received
    for round in range(size - 1):
        received = yield parts[(rank - round) % size]
        parts[(rank - round - 1) % size] = received
    return core.concatenate(parts)[: x.size].reshape(x.shape)


@misconception(
    "14.22",
    "You send your own part in every round, without what you have added. Each part must collect the "
    "sum on its way.",
)
def ring_sum(x, rank, size):
    parts = equal_parts(x, size)
    own = list(parts)
    for round in range(size - 1):
        received = yield own[(rank - round) % size]
        place = (rank - round - 1) % size
        parts[place] = parts[place] + received
    for round in range(size - 1):
        received = yield parts[(rank + 1 - round) % size]
        parts[(rank - round) % size] = received
    return core.concatenate(parts)[: x.size].reshape(x.shape)


@misconception(
    "14.22",
    "You return the parts in one row, with the zeros that filled up the last one. The sum has the "
    "shape of `x`.",
)
def ring_sum(x, rank, size):
    parts = equal_parts(x, size)
    for round in range(size - 1):
        received = yield parts[(rank - round) % size]
        place = (rank - round - 1) % size
        parts[place] = parts[place] + received
    for round in range(size - 1):
        received = yield parts[(rank + 1 - round) % size]
        parts[(rank - round) % size] = received
    return core.concatenate(parts)


# 14.23: parts of a matrix


@misconception(
    "14.23",
    "You cut the whole axis, without regard to its segments. One process then has all queries, the "
    "other all values.",
)
def own_part(parameters, chosen, group):
    size, rank = group.size(), group.rank()

    def part(path, weight):
        if not isinstance(weight, array):
            return weight
        answer = chosen(path, weight)
        if answer is None:
            return weight
        axis = answer[0] if isinstance(answer, tuple) else answer
        if not isinstance(axis, int):
            raise ValueError("The sharding function should return int or tuple[int, list]")
        return core.contiguous(core.split(weight, size, axis=axis)[rank])

    return tree_map_with_path(part, parameters)


@misconception(
    "14.23",
    "You take every `size`-th row. What belongs together lies side by side: a process has one stretch "
    "of each segment.",
)
def own_part(parameters, chosen, group):
    size, rank = group.size(), group.rank()

    def part(path, weight):
        if not isinstance(weight, array):
            return weight
        answer = chosen(path, weight)
        if answer is None:
            return weight
        axis, segments = answer if isinstance(answer, tuple) else (answer, 1)
        if not isinstance(axis, int):
            raise ValueError("The sharding function should return int or tuple[int, list]")
        own = [
            core.moveaxis(core.moveaxis(piece, axis, 0)[rank::size], 0, axis)
            for piece in cut(weight, segments, axis)
        ]
        return core.contiguous(core.concatenate(own, axis=axis))

    return tree_map_with_path(part, parameters)


@misconception(
    "14.23",
    "You leave out what is not cut. A parameter for which the answer is None is whole in every process.",
)
def own_part(parameters, chosen, group):
    size, rank = group.size(), group.rank()

    def part(path, weight):
        if not isinstance(weight, array):
            return weight
        answer = chosen(path, weight)
        if answer is None:
            return core.zeros((0,))
        axis, segments = answer if isinstance(answer, tuple) else (answer, 1)
        if not isinstance(axis, int):
            raise ValueError("The sharding function should return int or tuple[int, list]")
        own = [core.split(p, size, axis=axis)[rank] for p in cut(weight, segments, axis)]
        return core.contiguous(core.concatenate(own, axis=axis))

    return tree_map_with_path(part, parameters)


@misconception(
    "14.23",
    "Your part is a view of the whole matrix, and keeps all of it in memory. `core.contiguous` makes "
    "a copy of its own.",
)
def own_part(parameters, chosen, group):
    size, rank = group.size(), group.rank()

    def part(path, weight):
        if not isinstance(weight, array):
            return weight
        answer = chosen(path, weight)
        if answer is None:
            return weight
        axis, segments = answer if isinstance(answer, tuple) else (answer, 1)
        if not isinstance(axis, int):
            raise ValueError("The sharding function should return int or tuple[int, list]")
        pieces = cut(weight, segments, axis)
        own = [core.split(piece, size, axis=axis)[rank] for piece in pieces]
        return own[0] if len(own) == 1 else core.concatenate(own, axis=axis)

    return tree_map_with_path(part, parameters)


# 14.24: learning to be rounded


@misconception(
    "14.24",
    "Your rounding has its own derivative, which is 0. Nothing in front of it ever learns: let the "
    "derivative of the identity through.",
)
def rounded(x, scale, zero, low=LOW, high=HIGH):
    codes = core.stop_gradient(core.round(x / scale) + zero)
    return ((core.clip(codes, low, high) - zero) * scale).astype(x.dtype)


@misconception(
    "14.24",
    "You let the derivative through everywhere. Where the code was cut off, the output does not move with "
    "the input any more, and the number would drift further and further out.",
)
def rounded(x, scale, zero, low=LOW, high=HIGH):
    codes = core.round(x / scale) + zero
    y = core.stop_gradient((core.clip(codes, low, high) - zero) * scale)
    return y.astype(x.dtype) + (x - core.stop_gradient(x))


@misconception(
    "14.24",
    "You clip before the zero is added. The limits are those of codes, and a code has its zero in it.",
)
def rounded(x, scale, zero, low=LOW, high=HIGH):
    steps = core.round(x / scale)
    inside = (steps >= low) & (steps <= high)
    y = core.stop_gradient(core.clip(steps, low, high) * scale)
    return y.astype(x.dtype) + core.where(inside, x - core.stop_gradient(x), 0)


@misconception(
    "14.24",
    "You cut the fraction off. That rounds towards zero, makes everything smaller on the mean, and "
    "its error is twice as large.",
)
def rounded(x, scale, zero, low=LOW, high=HIGH):
    ratio = x / scale
    codes = core.sign(ratio) * core.floor(core.abs(ratio)) + zero
    inside = (codes >= low) & (codes <= high)
    y = core.stop_gradient((core.clip(codes, low, high) - zero) * scale)
    return y.astype(x.dtype) + core.where(inside, x - core.stop_gradient(x), 0)


@misconception(
    "14.24",
    "Zero is not in your range if all numbers are on one side of it. Then no code stands for 0, and zeros "
    "of a padding or a relu become something else.",
)
def grid(least, most, low=LOW, high=HIGH):
    least, most = least.astype(core.float32), most.astype(core.float32)
    scale = (most - least) / (high - low)
    scale = core.where(scale > 0, scale, 1)
    return scale, core.clip(core.round(low - least / scale), low, high)


@misconception(
    "14.24",
    "From the least code to the largest there is one step less than there are codes.",
)
def grid(least, most, low=LOW, high=HIGH):
    least = core.minimum(least.astype(core.float32), 0)
    most = core.maximum(most.astype(core.float32), 0)
    scale = (most - least) / (high - low + 1)
    scale = core.where(scale > 0, scale, 1)
    return scale, core.clip(core.round(low - least / scale), low, high)


@misconception(
    "14.24",
    "Your zero is no whole number. A code is one, so none of them stands for 0 exactly.",
)
def grid(least, most, low=LOW, high=HIGH):
    least = core.minimum(least.astype(core.float32), 0)
    most = core.maximum(most.astype(core.float32), 0)
    scale = (most - least) / (high - low)
    scale = core.where(scale > 0, scale, 1)
    return scale, core.clip(low - least / scale, low, high)


@misconception(
    "14.24",
    "Your range begins at 0 and grows into the data slowly. For the first batches nearly everything is cut "
    "off: the first one sets the range.",
)
def __call__(self, x):
    if self.training:
        seen = core.stop_gradient(x)
        self.least = self.least + self.share * (core.min(seen) - self.least)
        self.most = self.most + self.share * (core.max(seen) - self.most)
        self.batches = self.batches + 1
    scale, zero = grid(self.least, self.most, self.low, self.high)
    return rounded(x, scale, zero, self.low, self.high)


@misconception(
    "14.24",
    "You have exchanged the weights of old and new: the newest batch counts with `share`, not with the rest.",
)
def __call__(self, x):
    if self.training:
        seen = core.stop_gradient(x)
        old = core.where(self.batches > 0, self.share, 0.0)
        self.least = old * self.least + (1 - old) * core.min(seen)
        self.most = old * self.most + (1 - old) * core.max(seen)
        self.batches = self.batches + 1
    scale, zero = grid(self.least, self.most, self.low, self.high)
    return rounded(x, scale, zero, self.low, self.high)


@misconception(
    "14.24",
    "Your range moves in evaluation mode, too. What a network answers would depend on what it was asked "
    "before.",
)
def __call__(self, x):
    seen = core.stop_gradient(x)
    new = core.where(self.batches > 0, self.share, 1.0)
    self.least = self.least + new * (core.min(seen) - self.least)
    self.most = self.most + new * (core.max(seen) - self.most)
    self.batches = self.batches + 1
    scale, zero = grid(self.least, self.most, self.low, self.high)
    return rounded(x, scale, zero, self.low, self.high)


@misconception(
    "14.24",
    "While training you round by the batch's own range, and later by the running one. The network has not "
    "been trained with the rounding that it will have.",
)
def __call__(self, x):
    if not self.training:
        scale, zero = grid(self.least, self.most, self.low, self.high)
        return rounded(x, scale, zero, self.low, self.high)
    seen = core.stop_gradient(x)
    new = core.where(self.batches > 0, self.share, 1.0)
    self.least = self.least + new * (core.min(seen) - self.least)
    self.most = self.most + new * (core.max(seen) - self.most)
    self.batches = self.batches + 1
    scale, zero = grid(core.min(seen), core.max(seen), self.low, self.high)
    return rounded(x, scale, zero, self.low, self.high)


@misconception(
    "14.24",
    "The first batch sets your range, also in evaluation mode. What is asked of a network changes "
    "nothing in it: only training does.",
)
def __call__(self, x):
    first = self.batches == 0
    if self.training or first.item():
        seen = core.stop_gradient(x)
        new = core.where(first, 1.0, self.share)
        self.least = self.least + new * (core.min(seen) - self.least)
        self.most = self.most + new * (core.max(seen) - self.most)
        self.batches = self.batches + 1
    scale, zero = grid(self.least, self.most, self.low, self.high)
    return rounded(x, scale, zero, self.low, self.high)
