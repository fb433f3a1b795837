"""What people really write in chapter 6. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "6.1",
    "Your slope at the logits is not divided by the number of examples: the loss is their mean.",
)
def loss_and_gradients(layers, x, labels):
    values = forward(layers, x)
    classes = mx.arange(values[-1].shape[1])
    targets = (labels[:, None] == classes).astype(x.dtype)
    delta = mx.softmax(values[-1], axis=1) - targets
    gradients = []
    for k in reversed(range(len(layers))):
        gradients.insert(0, (delta.T @ values[k], delta.sum(axis=0)))
        if k > 0:
            delta = (delta @ layers[k][0]) * (values[k] > 0)
    return cross_entropy(values[-1], labels), gradients


@misconception(
    "6.1",
    "You pass the slope back through the weights, but not through the rectified linear units: "
    "where one of them gave 0, nothing flows.",
)
def loss_and_gradients(layers, x, labels):
    values = forward(layers, x)
    classes = mx.arange(values[-1].shape[1])
    targets = (labels[:, None] == classes).astype(x.dtype)
    delta = (mx.softmax(values[-1], axis=1) - targets) / x.shape[0]
    gradients = []
    for k in reversed(range(len(layers))):
        gradients.insert(0, (delta.T @ values[k], delta.sum(axis=0)))
        if k > 0:
            delta = delta @ layers[k][0]
    return cross_entropy(values[-1], labels), gradients


@misconception(
    "6.1",
    "A bias is added to every example, so its gradient is the sum over the examples, not the mean: "
    "the division by N has been done at the logits already.",
)
def loss_and_gradients(layers, x, labels):
    values = forward(layers, x)
    classes = mx.arange(values[-1].shape[1])
    targets = (labels[:, None] == classes).astype(x.dtype)
    delta = (mx.softmax(values[-1], axis=1) - targets) / x.shape[0]
    gradients = []
    for k in reversed(range(len(layers))):
        gradients.insert(0, (delta.T @ values[k], delta.mean(axis=0)))
        if k > 0:
            delta = (delta @ layers[k][0]) * (values[k] > 0)
    return cross_entropy(values[-1], labels), gradients


@misconception(
    "6.1",
    "You mask with the values of the next layer. What flows back into h_k passes through the units "
    "that made h_k: values[k] > 0, after the product with the weights.",
)
def loss_and_gradients(layers, x, labels):
    values = forward(layers, x)
    classes = mx.arange(values[-1].shape[1])
    targets = (labels[:, None] == classes).astype(x.dtype)
    delta = (mx.softmax(values[-1], axis=1) - targets) / x.shape[0]
    gradients = []
    for k in reversed(range(len(layers))):
        gradients.insert(0, (delta.T @ values[k], delta.sum(axis=0)))
        if k > 0:
            delta = (delta * (values[k + 1] > 0)) @ layers[k][0]
    return cross_entropy(values[-1], labels), gradients


@misconception(
    "6.2",
    "You call the function with the named arguments as they came. The watched ones are in the dict "
    "that your function of positions is called with, its last argument.",
)
def named_value_and_gradient(selection, fun, args, kwargs):
    named = {name: kwargs[name] for name in selection.names}
    others = {name: value for name, value in kwargs.items() if name not in named}

    def by_position(*args, **others):
        return fun(*args[:-1], **named, **others)

    everything = Selection(selection.tag, (*selection.positions, len(args)))
    value, gradients = value_and_gradient(everything, by_position, (*args, dict(named)), others)
    if not selection.positions:
        return value, (None, gradients)
    *positional, of_names = gradients
    return value, (positional[0] if len(positional) == 1 else tuple(positional), of_names)


@misconception(
    "6.2",
    "Without positions, the first of the pair is None: nothing was asked for there.",
)
def named_value_and_gradient(selection, fun, args, kwargs):
    named = {name: kwargs[name] for name in selection.names}
    others = {name: value for name, value in kwargs.items() if name not in named}

    def by_position(*args, **others):
        return fun(*args[:-1], **args[-1], **others)

    everything = Selection(selection.tag, (*selection.positions, len(args)))
    value, gradients = value_and_gradient(everything, by_position, (*args, named), others)
    if not selection.positions:
        return value, gradients
    *positional, of_names = gradients
    return value, (positional[0] if len(positional) == 1 else tuple(positional), of_names)


@misconception(
    "6.2",
    "The gradient of a single positional argument stands alone, not in a tuple; a tuple is for "
    "several.",
)
def named_value_and_gradient(selection, fun, args, kwargs):
    named = {name: kwargs[name] for name in selection.names}
    others = {name: value for name, value in kwargs.items() if name not in named}

    def by_position(*args, **others):
        return fun(*args[:-1], **args[-1], **others)

    everything = Selection(selection.tag, (*selection.positions, len(args)))
    value, gradients = value_and_gradient(everything, by_position, (*args, named), others)
    if not selection.positions:
        return value, (None, gradients)
    return value, (tuple(gradients[:-1]), gradients[-1])


@misconception(
    "6.2",
    "You forget the positions: with `argnums` and `argnames` together, both are differentiated.",
)
def named_value_and_gradient(selection, fun, args, kwargs):
    named = {name: kwargs[name] for name in selection.names}
    others = {name: value for name, value in kwargs.items() if name not in named}

    def by_position(*args, **others):
        return fun(*args[:-1], **args[-1], **others)

    last = Selection(selection.tag, len(args))
    value, gradient = value_and_gradient(last, by_position, (*args, named), others)
    return value, (None, gradient)


@misconception(
    "6.2",
    "You differentiate all named arguments. Only those in `selection.names` were asked for; the "
    "others go on to the function as they are.",
)
def named_value_and_gradient(selection, fun, args, kwargs):
    def by_position(*args):
        return fun(*args[:-1], **args[-1])

    everything = Selection(selection.tag, (*selection.positions, len(args)))
    value, gradients = value_and_gradient(everything, by_position, (*args, dict(kwargs)), {})
    if not selection.positions:
        return value, (None, gradients)
    *positional, of_names = gradients
    return value, (positional[0] if len(positional) == 1 else tuple(positional), of_names)


@misconception(
    "6.2",
    "You copy the trees that were handed over by name. A function that reaches its model by another "
    "name then finds arrays that nobody watches: hand on the very lists and dicts.",
)
def named_value_and_gradient(selection, fun, args, kwargs):
    def copied(tree):
        if isinstance(tree, dict):
            return {key: copied(branch) for key, branch in tree.items()}
        return [copied(branch) for branch in tree] if isinstance(tree, list) else tree

    named = {name: copied(kwargs[name]) for name in selection.names}
    others = {name: value for name, value in kwargs.items() if name not in named}

    def by_position(*args, **others):
        return fun(*args[:-1], **args[-1], **others)

    everything = Selection(selection.tag, (*selection.positions, len(args)))
    value, gradients = value_and_gradient(everything, by_position, (*args, named), others)
    if not selection.positions:
        return value, (None, gradients)
    *positional, of_names = gradients
    return value, (positional[0] if len(positional) == 1 else tuple(positional), of_names)


@misconception(
    "6.3",
    "You return what the function returned, still watched: outputs leave a transform one level "
    "down (`trace.lower`).",
)
def jvp(fun, primals, tangents):
    directions = matching_tangents(primals, tangents)
    trace = Tangents()
    try:
        inputs = [watched(holder(as_array(x)), trace, v) for x, v in zip(primals, directions)]
        outputs = arrays_of(fun(*inputs))
        moved = [holder(y._record) if trace.watches(y) else at_rest(y) for y in outputs]
    finally:
        trace.finished = True
    return outputs, moved


@misconception(
    "6.3",
    "You drop the outputs that do not move. Each output has a tangent; that of a constant is 0.",
)
def jvp(fun, primals, tangents):
    directions = matching_tangents(primals, tangents)
    trace = Tangents()
    try:
        inputs = [watched(holder(as_array(x)), trace, v) for x, v in zip(primals, directions)]
        outputs = arrays_of(fun(*inputs))
        values = [holder(trace.lower(y)) for y in outputs]
        moved = [holder(y._record) for y in outputs if trace.watches(y)]
    finally:
        trace.finished = True
    return values, moved


@misconception(
    "6.3",
    "You never say that the trace has finished. An array that leaks from the function is then "
    "watched for ever, and every later operation on it carries a tangent along.",
)
def jvp(fun, primals, tangents):
    directions = matching_tangents(primals, tangents)
    trace = Tangents()
    inputs = [watched(holder(as_array(x)), trace, v) for x, v in zip(primals, directions)]
    outputs = arrays_of(fun(*inputs))
    values = [holder(trace.lower(y)) for y in outputs]
    moved = [holder(y._record) if trace.watches(y) else at_rest(y) for y in outputs]
    return values, moved


@misconception(
    "6.3",
    "You use the tangents without comparing them with the primals: fewer directions, or one of "
    "another shape, must be an error (`matching_tangents`).",
)
def jvp(fun, primals, tangents):
    trace = Tangents()
    try:
        inputs = [
            watched(holder(as_array(x)), trace, as_array(v)) for x, v in zip(primals, tangents)
        ]
        outputs = arrays_of(fun(*inputs))
        values = [holder(trace.lower(y)) for y in outputs]
        moved = [holder(y._record) if trace.watches(y) else at_rest(y) for y in outputs]
    finally:
        trace.finished = True
    return values, moved


@misconception(
    "6.3",
    "You finish the trace only if all goes well. If the function raises, what leaked from it is "
    "watched for ever: `finally`.",
)
def jvp(fun, primals, tangents):
    directions = matching_tangents(primals, tangents)
    trace = Tangents()
    inputs = [watched(holder(as_array(x)), trace, v) for x, v in zip(primals, directions)]
    outputs = arrays_of(fun(*inputs))
    values = [holder(trace.lower(y)) for y in outputs]
    moved = [holder(y._record) if trace.watches(y) else at_rest(y) for y in outputs]
    trace.finished = True
    return values, moved


@misconception(
    "6.3",
    "You return the same array twice where the function does. Each output needs a holder of its own: "
    "who changes one of them in place would change the other.",
)
def jvp(fun, primals, tangents):
    directions = matching_tangents(primals, tangents)
    trace = Tangents()
    try:
        inputs = [watched(holder(as_array(x)), trace, v) for x, v in zip(primals, directions)]
        outputs = arrays_of(fun(*inputs))
        values = [trace.lower(y) for y in outputs]
        moved = [holder(y._record) if trace.watches(y) else at_rest(y) for y in outputs]
    finally:
        trace.finished = True
    return values, moved


@misconception(
    "6.4",
    "You send the tangents through the rule for cotangents itself: that gives the transposed "
    "Jacobian times the direction. Send them back through a recording of that rule.",
)
def push(node, tangents):
    outputs = node.output if isinstance(node.output, list) else [node.output]
    directions = [
        zeros_like(y) if t is None or t.shape != y.shape else t
        for y, t in zip(outputs, [*tangents, *outputs])
    ]
    pulled = node.pull(directions if isinstance(node.output, list) else directions[0])
    found = [g for g in pulled if g is not None]
    return [found[0] if found[0].shape == y.shape else zeros_like(y) for y in outputs]


@misconception(
    "6.4",
    "Only the first argument's tangent is pushed through. An output moves with every argument that "
    "moves, and the contributions add up.",
)
def push(node, tangents):
    outputs = node.output if isinstance(node.output, list) else [node.output]
    with Tape() as tape:
        cotangents = [tape.watch(zeros_like(y)) for y in outputs]
        leaves = [tape.node_of(g) for g in cotangents]
        pulled = node.pull(cotangents if isinstance(node.output, list) else cotangents[0])
        ends, directions = [], []
        for g, x, tangent in zip(pulled, node.args, tangents):
            if g is not None and tangent is not None and tape.watches(g) and not ends:
                ends.append(match_dtype(g, x)._record)
                directions.append(tangent)
        moved = backward(ends, directions)
    return [gradient_of(leaf, moved) for leaf in leaves]


@misconception(
    "6.4",
    "You send a 1 back where the tangents belong: that adds up the columns of the Jacobian and "
    "forgets the direction.",
)
def push(node, tangents):
    outputs = node.output if isinstance(node.output, list) else [node.output]
    with Tape() as tape:
        cotangents = [tape.watch(zeros_like(y)) for y in outputs]
        leaves = [tape.node_of(g) for g in cotangents]
        pulled = node.pull(cotangents if isinstance(node.output, list) else cotangents[0])
        ends, directions = [], []
        for g, x, tangent in zip(pulled, node.args, tangents):
            if g is not None and tangent is not None and tape.watches(g):
                ends.append(match_dtype(g, x)._record)
                directions.append(zeros_like(tangent) + 1)
        moved = backward(ends, directions)
    return [gradient_of(leaf, moved) for leaf in leaves]


@misconception(
    "6.4",
    "You leave out match_dtype. Where a real number becomes a complex one, the cotangent is complex "
    "and its imaginary part is of no use: what is sent back belongs to the real part.",
)
def push(node, tangents):
    outputs = node.output if isinstance(node.output, list) else [node.output]
    with Tape() as tape:
        cotangents = [tape.watch(zeros_like(y)) for y in outputs]
        leaves = [tape.node_of(g) for g in cotangents]
        pulled = node.pull(cotangents if isinstance(node.output, list) else cotangents[0])
        ends, directions = [], []
        for g, tangent in zip(pulled, tangents):
            if g is not None and tangent is not None and tape.watches(g):
                ends.append(g._record)
                directions.append(tangent)
        moved = backward(ends, directions)
    return [gradient_of(leaf, moved) for leaf in leaves]


@misconception(
    "6.5",
    "You take an example of every argument. One without a batch is the same for all examples: "
    "its first axis is something else.",
)
def one_by_one(batch, primitive, args, batched, params):
    results = [
        primitive(*(x[i] if isinstance(x, array) else x for x in args), **params)
        for i in range(batch.size)
    ]
    if isinstance(results[0], list):
        return [joining.stack(list(outputs)) for outputs in zip(*results)]
    return joining.stack(results)


@misconception(
    "6.5",
    "You join the results at their first axis. Each example is one place of a new first axis: "
    "stack them.",
)
def one_by_one(batch, primitive, args, batched, params):
    results = [
        primitive(*(x[i] if has_batch else x for x, has_batch in zip(args, batched)), **params)
        for i in range(batch.size)
    ]
    if isinstance(results[0], list):
        return [joining.concatenate(list(outputs)) for outputs in zip(*results)]
    return joining.concatenate(results)


@misconception(
    "6.5",
    "You carry out the primitive on the whole batch without asking for its rule. That is right for "
    "functions of single elements only.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    output = primitive(*inputs, **params)
    if isinstance(output, list):
        return [watched(y, self, None) for y in output]
    return watched(output, self, None)


@misconception(
    "6.5",
    "You look into the table of rules, but not at `primitive.batch`: a primitive may bring its own "
    "rule along.",
)
def bind(self, primitive, args, params):
    inputs = [self.lower(x) for x in args]
    batched = [self.watches(x) for x in args]
    rule = rules.get(primitive, one_by_one)
    output = rule(self, primitive, inputs, batched, params)
    if isinstance(output, list):
        return [watched(y, self, None) for y in output]
    return watched(output, self, None)


@misconception(
    "6.5",
    "You stack the results as they are. A primitive with several outputs returns a list for each "
    "example: each output has a stack of its own.",
)
def one_by_one(batch, primitive, args, batched, params):
    results = [
        primitive(*(x[i] if has_batch else x for x, has_batch in zip(args, batched)), **params)
        for i in range(batch.size)
    ]
    if isinstance(results[0], list):
        return [joining.stack(outputs) for outputs in results]
    return joining.stack(results)


@misconception(
    "6.6",
    "You put the axes of size 1 in front of the batch. The batch must stay in front of all: the "
    "missing axes belong between it and the example.",
)
def aligned(args, batched):
    most = max(rank(x, b) for x, b in zip(args, batched))
    return [
        shapes.reshape(x, (*(1,) * (most + 1 - x.ndim), *x.shape)) if b else x
        for x, b in zip(args, batched)
    ]


@misconception(
    "6.6",
    "You append the axes of size 1 at the end. Broadcasting compares from the right: the axes of "
    "the example must stay the last ones.",
)
def aligned(args, batched):
    most = max(rank(x, b) for x, b in zip(args, batched))
    return [
        shapes.reshape(x, (*x.shape, *(1,) * (most + 1 - x.ndim))) if b else x
        for x, b in zip(args, batched)
    ]


@misconception(
    "6.6",
    "You leave the axes as the function for one example wrote them. Behind the batch, axis 0 of an "
    "example is axis 1.",
)
def reduction(batch, primitive, args, batched, params):
    (x,) = args
    axis = params.get("axis")
    if axis is None:
        axis = tuple(range(1, x.ndim))
    if axis == ():
        return reduced_numbers(primitive, x, params)
    return primitive(x, **{**params, "axis": axis})


@misconception(
    "6.6",
    "Without an axis you reduce everything, the batch too. No axis means all axes of one example.",
)
def reduction(batch, primitive, args, batched, params):
    (x,) = args
    axis = params.get("axis")
    if axis is None:
        y = primitive(x, **params)
        return shapes.broadcast_to(y, (batch.size, *([1] * (x.ndim - 1) if y.ndim else [])))
    return primitive(x, **{**params, "axis": all_behind(axis)})


@misconception(
    "6.7",
    "You multiply as if every example were a matrix: a batch of vectors is taken for one matrix.",
)
def matmul(batch, primitive, args, batched, params):
    return primitive(*aligned(args, batched), **params)


@misconception(
    "6.7",
    "You make a row of both vectors. The second factor's vector is a column: its new axis comes "
    "last.",
)
def matmul(batch, primitive, args, batched, params):
    a, b = args
    a_rank, b_rank = rank(a, batched[0]), rank(b, batched[1])
    if a_rank == 1:
        a = shapes.expand_dims(a, -2)
    if b_rank == 1:
        b = shapes.swapaxes(shapes.expand_dims(b, -2), -1, -2) * 1.0
    y = primitive(*aligned((a, b), batched), **params)
    if a_rank == 1 and b_rank == 1:
        return shapes.squeeze(y, -1)
    if b_rank == 1:
        y = shapes.squeeze(y, -1)
    return shapes.squeeze(y, -2) if a_rank == 1 else y


@misconception(
    "6.7",
    "You leave the axes of size 1 in the result: a matrix times a vector is a vector.",
)
def matmul(batch, primitive, args, batched, params):
    a, b = args
    if rank(a, batched[0]) == 1:
        a = shapes.expand_dims(a, -2)
    if rank(b, batched[1]) == 1:
        b = shapes.expand_dims(b, -1)
    return primitive(*aligned((a, b), batched), **params)


@misconception(
    "6.7",
    "The squeezes are in the wrong order: while b's axis is there, a's is the last but one. If that "
    "of b has gone first, a's is the last.",
)
def matmul(batch, primitive, args, batched, params):
    a, b = args
    a_rank, b_rank = rank(a, batched[0]), rank(b, batched[1])
    if a_rank == 1:
        a = shapes.expand_dims(a, -2)
    if b_rank == 1:
        b = shapes.expand_dims(b, -1)
    y = primitive(*aligned((a, b), batched), **params)
    if a_rank == 1:
        y = shapes.squeeze(y, -1)
    return shapes.squeeze(y, -1 if a_rank == 1 else -2) if b_rank == 1 else y


@misconception(
    "6.7",
    "You multiply one example after the other. That is right, and as slow as having no rule: the "
    "point of one is a single product for the whole batch.",
)
def matmul(batch, primitive, args, batched, params):
    from .. import joining

    pairs = [[x[i] if b else x for x, b in zip(args, batched)] for i in range(batch.size)]
    return joining.stack([primitive(*pair, **params) for pair in pairs])


@misconception(
    "6.8",
    "The axes of the input come first in your Jacobian. Rows belong to the output: its shape is "
    "that of y followed by that of x.",
)
def jacobian_by_rows(fun, x):
    x = as_array(x)
    y = fun(x)

    def row(cotangent):
        return vjp(fun, [x], [cotangent])[1][0]

    rows = vmap(row, out_axes=-1)(unit_arrays(y))
    return reshape(rows, (*x.shape, *y.shape))


@misconception(
    "6.8",
    "One cotangent of ones gives the sum of all rows. Each row needs a cotangent of its own.",
)
def jacobian_by_rows(fun, x):
    x = as_array(x)
    y = fun(x)
    return vjp(fun, [x], [y * 0 + 1])[1][0]


@misconception(
    "6.8",
    "The columns stand in front in your result, where rows belong. Each column has the shape of y; "
    "the axis that counts them is the last (`out_axes=-1`).",
)
def jacobian_by_columns(fun, x):
    x = as_array(x)

    def column(tangent):
        return jvp(fun, [x], [tangent])[1][0]

    columns = vmap(column)(unit_arrays(x))
    return reshape(columns, (*columns.shape[1:], *x.shape))


@misconception(
    "6.8",
    "You call the function once for each row. vmap computes all rows in one call.",
)
def jacobian_by_rows(fun, x):
    from .joining import stack

    x = as_array(x)
    y = fun(x)
    rows = [vjp(fun, [x], [cotangent])[1][0] for cotangent in unit_arrays(y)]
    return reshape(stack(rows), (*y.shape, *x.shape))


@misconception(
    "6.9",
    "You multiplied the gradient by the direction. That is the slope in its direction; the second "
    "derivative is how that gradient changes.",
)
def hessian_vector_product(fun, x, v):
    return grad(fun)(x) * v


@misconception(
    "6.9",
    "This is the derivative of the function in the direction v, a number: differentiate the "
    "gradient instead.",
)
def hessian_vector_product(fun, x, v):
    return jvp(fun, [x], [v])[1][0]


@misconception(
    "6.9",
    "You make the whole matrix of second derivatives and multiply. For a million parameters it has a "
    "million million numbers; one direction needs none of them.",
)
def hessian_vector_product(fun, x, v):
    matrix = jacobian_by_rows(grad(fun), x)
    return reshape(reshape(matrix, (v.size, v.size)) @ reshape(v, (-1,)), v.shape)


@misconception(
    "6.10",
    "You never ask for the rule that the user wrote: the function is differentiated as if there "
    "were none.",
)
def pull(self, g, y, *flat):
    return list(vjp(lambda *xs: self.run(xs), flat, g)[1])


@misconception(
    "6.10",
    "You hand the rule arrays in a row. It was written for the function's own arguments and "
    "results, with their dicts and tuples.",
)
def pull(self, g, y, *flat):
    rule = self.rules.get(Tape)
    if rule is None:
        return list(vjp(lambda *xs: self.run(xs), flat, g)[1])
    return self.in_a_row(rule(list(flat), g, y, **self.keywords(flat)))


@misconception(
    "6.10",
    "What a rule returns is a tree like its primals, perhaps with numbers in it, perhaps without "
    "its last entries. `in_a_row` brings it into the order of the arrays.",
)
def pull(self, g, y, *flat):
    rule = self.rules.get(Tape)
    if rule is None:
        return list(vjp(lambda *xs: self.run(xs), flat, g)[1])
    primals, keywords = self.primals(flat), self.keywords(flat)
    return list(leaves(rule(primals, self.result(g), self.result(y), **keywords)))


@misconception(
    "6.10",
    "You forget the keyword arguments. The rule is called with those of the call "
    "(`self.keywords(flat)`).",
)
def pull(self, g, y, *flat):
    rule = self.rules.get(Tape)
    if rule is None:
        return list(vjp(lambda *xs: self.run(xs), flat, g)[1])
    keywords = {name: 1.0 for name in self.keywords(flat)}
    return self.in_a_row(rule(self.primals(flat), self.result(g), self.result(y), **keywords))


@misconception(
    "6.10",
    "A rule gets the primals, the cotangents and the outputs, in this order.",
)
def pull(self, g, y, *flat):
    rule = self.rules.get(Tape)
    if rule is None:
        return list(vjp(lambda *xs: self.run(xs), flat, g)[1])
    primals, keywords = self.primals(flat), self.keywords(flat)
    return self.in_a_row(rule(primals, self.result(y), self.result(g), **keywords))


@misconception(
    "6.11",
    "Your function is the plain one: it gives the right gradient, and remembers every step of it.",
)
def checkpoint(fun):
    return functools.wraps(fun)(lambda *args, **kwargs: fun(*args, **kwargs))


@misconception(
    "6.11",
    "Your rule takes the primals for arrays. They may be trees, and there may be one argument "
    "only, which is then not in a tuple: bring the arrays into a row, and put them back.",
)
def checkpoint(fun):
    kept = custom_function(fun)

    @kept.vjp
    def recompute(primals, cotangents, outputs, **kwargs):
        return vjp(fun, list(primals), [cotangents])[1]

    return functools.wraps(fun)(lambda *args, **kwargs: kept(*args, **kwargs))


@misconception(
    "6.11",
    "You keep the keyword arguments out of the tree, so nothing flows back to their arrays. Hand "
    "all arguments over as one pair, `(args, kwargs)`.",
)
def checkpoint(fun):
    def checkpointed_fun(*args, **kwargs):
        kept = custom_function(lambda call: fun(*call, **kwargs))

        @kept.vjp
        def recompute(call, cotangents, outputs):
            arrays = [x for x in leaves(call) if isinstance(x, array)]
            wanted = [g for g in leaves(cotangents) if isinstance(g, array)]
            arrays = list(depends(arrays, wanted)) if arrays else arrays

            def again(*flat):
                supply = iter(flat)
                args = rebuild(lambda x: next(supply) if isinstance(x, array) else x, call)
                return list(leaves(fun(*args, **kwargs)))

            return vjp(again, arrays, wanted)[1]

        return kept(args)

    return functools.wraps(fun)(checkpointed_fun)


@misconception(
    "6.11",
    "The second computation does not wait for its cotangents (`depends`). In a compiled gradient all "
    "of them may then be carried out at once, and nothing is saved.",
)
def checkpoint(fun):
    kept = custom_function(lambda call: fun(*call[0], **call[1]))

    @kept.vjp
    def recompute(call, cotangents, outputs):
        arrays = [x for x in leaves(call) if isinstance(x, array)]
        wanted = [g for g in leaves(cotangents) if isinstance(g, array)]

        def again(*flat):
            supply = iter(flat)
            args, kwargs = rebuild(lambda x: next(supply) if isinstance(x, array) else x, call)
            return list(leaves(fun(*args, **kwargs)))

        return vjp(again, arrays, wanted)[1]

    return functools.wraps(fun)(lambda *args, **kwargs: kept((args, kwargs)))


@misconception(
    "6.12",
    "You average the pieces' means. Where the last piece is smaller, its examples then count more "
    "than the others: weight each piece with its share of the examples.",
)
def accumulated(value_and_gradient, pieces):
    if pieces < 1:
        raise ValueError(f"[accumulated] pieces should be at least 1; it is {pieces}.")

    def of_batch(*batch):
        size = batch_size(batch)
        length = -(-size // pieces)
        starts = range(0, size, length)
        total = None
        for start in starts:
            part = scaled(
                value_and_gradient(*(x[start : start + length] for x in batch)), 1 / len(starts)
            )
            total = part if total is None else tree_map(lambda a, b: a + b, total, part)
            core.eval(total)
        return total

    return of_batch


@misconception(
    "6.12",
    "You add the gradients up without weights: the sum of three means is three times too long.",
)
def accumulated(value_and_gradient, pieces):
    if pieces < 1:
        raise ValueError(f"[accumulated] pieces should be at least 1; it is {pieces}.")

    def of_batch(*batch):
        size = batch_size(batch)
        length = -(-size // pieces)
        total = None
        for start in range(0, size, length):
            part = value_and_gradient(*(x[start : start + length] for x in batch))
            total = part if total is None else tree_map(lambda a, b: a + b, total, part)
            core.eval(total)
        return total

    return of_batch


@misconception(
    "6.12",
    "You round the size of a piece down: what is left over makes one piece more, and of fewer "
    "examples than pieces nothing is left at all.",
)
def accumulated(value_and_gradient, pieces):
    if pieces < 1:
        raise ValueError(f"[accumulated] pieces should be at least 1; it is {pieces}.")

    def of_batch(*batch):
        size = batch_size(batch)
        length = max(size // pieces, 1)
        total = None
        for start in range(0, size, length):
            piece = [x[start : start + length] for x in batch]
            part = scaled(value_and_gradient(*piece), piece[0].shape[0] / size)
            total = part if total is None else tree_map(lambda a, b: a + b, total, part)
            core.eval(total)
        return total

    return of_batch


@misconception(
    "6.12",
    "Nothing is computed before all pieces have been described: as lazy graphs they are in memory "
    "together. `core.eval` what has been added up, after each piece.",
)
def accumulated(value_and_gradient, pieces):
    if pieces < 1:
        raise ValueError(f"[accumulated] pieces should be at least 1; it is {pieces}.")

    def of_batch(*batch):
        size = batch_size(batch)
        length = -(-size // pieces)
        total = None
        for start in range(0, size, length):
            piece = [x[start : start + length] for x in batch]
            part = scaled(value_and_gradient(*piece), piece[0].shape[0] / size)
            total = part if total is None else tree_map(lambda a, b: a + b, total, part)
        return total

    return of_batch


@misconception(
    "6.12",
    "You look at the number of pieces when the first batch comes. The mistake was made where the "
    "function was made.",
)
def accumulated(value_and_gradient, pieces):
    def of_batch(*batch):
        if pieces < 1:
            raise ValueError(f"[accumulated] pieces should be at least 1; it is {pieces}.")
        size = batch_size(batch)
        length = -(-size // pieces)
        total = None
        for start in range(0, size, length):
            piece = [x[start : start + length] for x in batch]
            part = scaled(value_and_gradient(*piece), piece[0].shape[0] / size)
            total = part if total is None else tree_map(lambda a, b: a + b, total, part)
            core.eval(total)
        return total

    return of_batch


@misconception(
    "6.13",
    "A bad step must start the count again: it asks for good steps in a row.",
    symbol="LossScaler.update",
)
def update(self, finite):
    scale = self.state["scale"]
    good_steps = self.state["good_steps"] + 1
    grows = good_steps >= self.growth_interval
    changed = core.where(finite, core.where(grows, scale * 2, scale), scale / 2)
    self.state["scale"] = core.clip(changed, *LIMITS)
    self.state["good_steps"] = core.where(
        finite, core.where(grows, 0, good_steps), self.state["good_steps"]
    )


@misconception(
    "6.13",
    "When the scale has grown the count starts again at 0; yours goes on, and the scale doubles in "
    "every step.",
    symbol="LossScaler.update",
)
def update(self, finite):
    scale = self.state["scale"]
    good_steps = self.state["good_steps"] + 1
    grows = good_steps >= self.growth_interval
    changed = core.where(finite, core.where(grows, scale * 2, scale), scale / 2)
    self.state["scale"] = core.clip(changed, *LIMITS)
    self.state["good_steps"] = core.where(finite, good_steps, 0)


@misconception(
    "6.13",
    "You decide by `if`. A compiled step runs that once, while it is traced, and keeps the answer "
    "for ever: choose by core.where.",
    symbol="LossScaler.update",
)
def update(self, finite):
    if not finite.item():
        self.state["scale"] = self.state["scale"] / 2
        self.state["good_steps"] = core.zeros_like(self.state["good_steps"])
        return
    self.state["good_steps"] = self.state["good_steps"] + 1
    if self.state["good_steps"].item() >= self.growth_interval:
        self.state["scale"] = self.state["scale"] * 2
        self.state["good_steps"] = core.zeros_like(self.state["good_steps"])


@misconception(
    "6.13",
    "Your scale has no limits: after enough good steps it is infinite, and no step is good again.",
    symbol="LossScaler.update",
)
def update(self, finite):
    scale = self.state["scale"]
    good_steps = self.state["good_steps"] + 1
    grows = good_steps >= self.growth_interval
    self.state["scale"] = core.where(finite, core.where(grows, scale * 2, scale), scale / 2)
    self.state["good_steps"] = core.where(finite & ~grows, good_steps, 0)


@misconception(
    "6.13",
    "You multiply by the scale once more. The gradients belong to the scaled loss: divide.",
    symbol="LossScaler.unscaled",
)
def unscaled(self, gradients):
    unscaled = tree_map(lambda g: g * self.state["scale"], gradients)
    return unscaled, all_finite(unscaled)


@misconception(
    "6.13",
    "You look at the sum of all gradients. Finite numbers may have an infinite sum: ask each of them "
    "(all_finite).",
    symbol="LossScaler.unscaled",
)
def unscaled(self, gradients):
    unscaled = tree_map(lambda g: g / self.state["scale"], gradients)
    sums = []
    tree_map(lambda g: sums.append(core.sum(g * self.state["scale"])), unscaled)
    return unscaled, core.isfinite(sum(sums[1:], sums[0]))


@misconception(
    "6.14",
    "You swapped the shares: with a decay of 0.9 the average keeps nine tenths of itself.",
    symbol="WeightAverage.update",
)
def update(self):
    self.state["parameters"] = tree_map(
        lambda a, w: (1 - self.decay) * a + self.decay * w,
        self.state["parameters"],
        self.model.trainable_parameters(),
    )


@misconception(
    "6.14",
    "You write the averages into the model. It must be trained with its own weights; the averages "
    "are kept beside it.",
    symbol="WeightAverage.update",
)
def update(self):
    self.state["parameters"] = tree_map(
        lambda a, w: self.decay * a + (1 - self.decay) * w,
        self.state["parameters"],
        self.model.trainable_parameters(),
    )
    self.model.update(self.state["parameters"])


@misconception(
    "6.14",
    "When something is raised inside, your model keeps the averages: give it its own weights back "
    "in a `finally`.",
    symbol="WeightAverage.applied",
)
@contextmanager
def applied(self):
    own = self.model.trainable_parameters()
    self.model.update(self.state["parameters"])
    yield self.model
    self.model.update(own)


@misconception(
    "6.15",
    "You count a value as better that is only equal, or better by less than min_delta.",
)
def update(self, value):
    better = value <= self.best if self.mode == "min" else value >= self.best
    if better:
        self.best, self.waited = value, 0
    else:
        self.waited += 1
    return better


@misconception(
    "6.15",
    "You compare with the value before, not with the best one: a slow way down and up again would "
    "never end.",
)
def update(self, value):
    gain = self.best - value if self.mode == "min" else value - self.best
    better = gain > self.min_delta
    self.best = value
    self.waited = 0 if better else self.waited + 1
    return better


@misconception(
    "6.15",
    "You ignore the mode: for an accuracy greater is better.",
)
def update(self, value):
    better = self.best - value > self.min_delta
    if better:
        self.best, self.waited = value, 0
    else:
        self.waited += 1
    return better


@misconception(
    "6.15",
    "You ask whether the value is worse, and no comparison with nan is true: a run whose loss is no "
    "number any more would be the best so far. Ask whether it is better.",
)
def update(self, value):
    gain = self.best - value if self.mode == "min" else value - self.best
    if gain <= self.min_delta:
        self.waited += 1
        return False
    self.best, self.waited = value, 0
    return True


@misconception(
    "6.16",
    "You restore the weights, but not the optimizer. Its running means and its count of steps are "
    "part of the run.",
)
def restore(self, state, batches=None, stopping=None):
    parts = {
        "scaler": self.scaler,
        "average": self.average,
        "batches": batches,
        "stopping": stopping,
    }
    for name, part in parts.items():
        if (part is None) != (state[name] is None):
            has, lacks = ("run", "checkpoint") if part is not None else ("checkpoint", "run")
            raise ValueError(f"[Trainer] The {has} has a {name} state, the {lacks} has not.")
    own = tree_flatten(self.model.parameters(), destination={})
    weights.check(own, tree_flatten(state["model"], destination={}))
    self.model.update(state["model"])
    checkpoints.set_random_state(state["random"])
    for name, part in parts.items():
        if part is not None:
            part.state = state[name]
    self.best, self.history = state["best"], state["history"]
    self.steps, self.total, self.seen = state["steps"], state["total"], state["seen"]
    self._step = None


@misconception(
    "6.16",
    "You forget the random numbers. Dropout then draws others than in the run that never stopped.",
)
def restore(self, state, batches=None, stopping=None):
    parts = {
        "scaler": self.scaler,
        "average": self.average,
        "batches": batches,
        "stopping": stopping,
    }
    for name, part in parts.items():
        if (part is None) != (state[name] is None):
            has, lacks = ("run", "checkpoint") if part is not None else ("checkpoint", "run")
            raise ValueError(f"[Trainer] The {has} has a {name} state, the {lacks} has not.")
    own = tree_flatten(self.model.parameters(), destination={})
    weights.check(own, tree_flatten(state["model"], destination={}))
    self.model.update(state["model"])
    self.optimizer.state = state["optimizer"]
    for name, part in parts.items():
        if part is not None:
            part.state = state[name]
    self.best, self.history = state["best"], state["history"]
    self.steps, self.total, self.seen = state["steps"], state["total"], state["seen"]
    self._step = None


@misconception(
    "6.16",
    "You put parts in place before you have compared all of them: a checkpoint that does not fit "
    "leaves a run that is half one and half the other.",
)
def restore(self, state, batches=None, stopping=None):
    self.model.update(state["model"], strict=False)
    self.optimizer.state = state["optimizer"]
    checkpoints.set_random_state(state["random"])
    parts = {
        "scaler": self.scaler,
        "average": self.average,
        "batches": batches,
        "stopping": stopping,
    }
    for name, part in parts.items():
        if (part is None) != (state[name] is None):
            has, lacks = ("run", "checkpoint") if part is not None else ("checkpoint", "run")
            raise ValueError(f"[Trainer] The {has} has a {name} state, the {lacks} has not.")
        if part is not None:
            part.state = state[name]
    own = tree_flatten(self.model.parameters(), destination={})
    weights.check(own, tree_flatten(state["model"], destination={}))
    self.best, self.history = state["best"], state["history"]
    self.steps, self.total, self.seen = state["steps"], state["total"], state["seen"]
    self._step = None


@misconception(
    "6.16",
    "The two halves of the seed are swapped: the first number of the state is the upper one.",
)
def set_random_state(state):
    high, low = state.tolist()
    core.random.seed((low << 32) | high)


@misconception(
    "6.16",
    "You keep the compiled step. It reads and changes the dicts of the state that was there before: "
    "`self._step = None` makes it anew.",
)
def restore(self, state, batches=None, stopping=None):
    parts = {
        "scaler": self.scaler,
        "average": self.average,
        "batches": batches,
        "stopping": stopping,
    }
    for name, part in parts.items():
        if (part is None) != (state[name] is None):
            raise ValueError(f"[Trainer] Either run or checkpoint has no state of {name}.")
    own = tree_flatten(self.model.parameters(), destination={})
    weights.check(own, tree_flatten(state["model"], destination={}))
    self.model.update(state["model"])
    self.optimizer.state = state["optimizer"]
    checkpoints.set_random_state(state["random"])
    for name, part in parts.items():
        if part is not None:
            part.state = state[name]
    self.best, self.history = state["best"], state["history"]
    self.steps, self.total, self.seen = state["steps"], state["total"], state["seen"]
