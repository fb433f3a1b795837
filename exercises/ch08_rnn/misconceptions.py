"""What people really write in chapter 8. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "8.1",
    "You number the characters from 0 and have no number left for the unknown: a text with a new "
    "character cannot be encoded, or reads as another one.",
    symbol="Vocabulary.__init__",
)
def __init__(self, text, least=1):
    counts = {}
    for character in text:
        counts[character] = counts.get(character, 0) + 1
    self.characters = sorted(c for c, count in counts.items() if count >= least)
    self.numbers = {c: i for i, c in enumerate(self.characters)}


@misconception(
    "8.1",
    "You number the characters in the order in which the text has them. Another beginning of the "
    "text would give every character another number: sort them.",
    symbol="Vocabulary.__init__",
)
def __init__(self, text, least=1):
    counts = {}
    for character in text:
        counts[character] = counts.get(character, 0) + 1
    known = [c for c, count in counts.items() if count >= least and c != UNKNOWN]
    self.characters = [UNKNOWN, *known]
    self.numbers = {c: i for i, c in enumerate(self.characters)}


@misconception(
    "8.1",
    "You leave unknown characters out. The encoded text is then shorter than the text, and what "
    "stood beside an unknown character seems to stand beside another.",
    symbol="Vocabulary.encode",
)
def encode(self, text):
    return [self.numbers[c] for c in text if c in self.numbers]


@misconception(
    "8.1",
    "You look every number up in the list. Python's list takes -1 for the last character, without "
    "a word, and raises an IndexError for one that is too large: compare first.",
    symbol="Vocabulary.decode",
)
def decode(self, numbers):
    return "".join(self.characters[i] for i in numbers)


@misconception(
    "8.2",
    "You decode each piece by itself. A character whose bytes lie in two pieces is lost: keep its "
    "beginning until the rest comes.",
)
def feed(self, new):
    return new.decode("utf-8", errors="replace")


@misconception(
    "8.2",
    "You ignore what cannot be decoded. Bytes that are no text then vanish without a trace; the "
    "contract is one replacement character for each.",
)
def feed(self, new):
    rest, text = self.waiting + new, ""
    self.waiting = b""
    while rest:
        try:
            return text + rest.decode("utf-8")
        except UnicodeDecodeError as error:
            text += rest[: error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                self.waiting = rest[error.start :]
                return text
            rest = rest[error.end :]
    return text


@misconception(
    "8.2",
    "You keep waiting after bytes that can never become a character: everything behind them waits "
    "for ever. Look at the reason of the error.",
)
def feed(self, new):
    rest = self.waiting + new
    try:
        self.waiting = b""
        return rest.decode("utf-8")
    except UnicodeDecodeError as error:
        self.waiting = rest[error.start :]
        return rest[: error.start].decode("utf-8")


@misconception(
    "8.2",
    "A character that was cut short becomes several replacement characters with you, one for each "
    "byte. It is one error: one replacement, and go on at its end.",
)
def feed(self, new):
    rest, text = self.waiting + new, ""
    self.waiting = b""
    while rest:
        try:
            return text + rest.decode("utf-8")
        except UnicodeDecodeError as error:
            text += rest[: error.start].decode("utf-8")
            if error.reason == "unexpected end of data":
                self.waiting = rest[error.start :]
                return text
            text += UNKNOWN
            rest = rest[error.start + 1 :]
    return text


@misconception(
    "8.3",
    "You count only contexts of full length. The formula also needs those of every shorter length.",
    symbol="NGram.learn",
)
def learn(self, tokens):
    for i, token in enumerate(tokens):
        if i >= self.order:
            followed = self.counts.setdefault(tuple(tokens[i - self.order : i]), {})
            followed[token] = followed.get(token, 0) + 1


@misconception(
    "8.3",
    "You begin to count when a full context stands in front. The first tokens of a text have shorter "
    "contexts, and count after those.",
    symbol="NGram.learn",
)
def learn(self, tokens):
    for i, token in enumerate(tokens):
        if i < self.order:
            continue
        for n in range(self.order + 1):
            followed = self.counts.setdefault(tuple(tokens[i - n : i]), {})
            followed[token] = followed.get(token, 0) + 1


@misconception(
    "8.3",
    "You begin anew with every text. A second one adds to the counts of the first.",
    symbol="NGram.learn",
)
def learn(self, tokens):
    self.counts = {}
    for i, token in enumerate(tokens):
        for n in range(min(i, self.order) + 1):
            followed = self.counts.setdefault(tuple(tokens[i - n : i]), {})
            followed[token] = followed.get(token, 0) + 1


@misconception(
    "8.3",
    "You return the relative frequency in the longest context that occurred. A token that did not "
    "follow there gets the probability 0, and a text that has it needs infinitely many bits.",
    symbol="NGram.probability",
)
def probability(self, context, token):
    for n in reversed(range(min(len(context), self.order) + 1)):
        followed = self.counts.get(tuple(context[len(context) - n :]))
        if followed is not None:
            return followed.get(token, 0) / sum(followed.values())
    return 1 / self.size


@misconception(
    "8.3",
    "Add one to every count, and the rare context is nearly uniform: what shorter contexts know is "
    "not used. The formula mixes with p(c | h'), not with 1 / size.",
    symbol="NGram.probability",
)
def probability(self, context, token):
    for n in reversed(range(min(len(context), self.order) + 1)):
        followed = self.counts.get(tuple(context[len(context) - n :]))
        if followed is not None:
            return (followed.get(token, 0) + 1) / (sum(followed.values()) + self.size)
    return 1 / self.size


@misconception(
    "8.3",
    "You take the first tokens of the context. The nearest ones are its last.",
    symbol="NGram.probability",
)
def probability(self, context, token):
    p = 1 / self.size
    for n in range(min(len(context), self.order) + 1):
        followed = self.counts.get(tuple(context[:n]))
        if followed is None:
            break
        total, different = sum(followed.values()), len(followed)
        p = (followed.get(token, 0) + different * p) / (total + different)
    return p


@misconception(
    "8.4",
    "You divide by all places. Where there is no token there is no loss, and nothing to divide by: "
    "padding would make every model look better.",
    symbol="nats",
)
def nats(logits, targets, keep=None):
    total, count = total_nats(logits, targets, keep)
    return total / targets.size


@misconception(
    "8.4",
    "You average 1/p. Perplexity is the exponential of the mean of -log p: one unlikely token would "
    "otherwise outweigh all others.",
    symbol="perplexity",
)
def perplexity(logits, targets, keep=None):
    each = core.exp(cross_entropy(logits, targets))
    if keep is None:
        return core.mean(each)
    return core.sum(core.where(keep, each, 0)) / core.sum(keep)


@misconception(
    "8.4",
    "You raise 2 to nats. Nats belong to e, bits to 2: mixed, the perplexity is far too small.",
    symbol="perplexity",
)
def perplexity(logits, targets, keep=None):
    return core.power(2.0, nats(logits, targets, keep))


@misconception(
    "8.4",
    "You multiply by log 2. A bit is log 2 = 0.69 nats, so the same text has more bits than nats: "
    "divide.",
    symbol="bits_a_character",
)
def bits_a_character(logits, targets, keep=None, characters=None):
    total, count = total_nats(logits, targets, keep)
    return total * math.log(2) / (count if characters is None else characters)


@misconception(
    "8.4",
    "You divide by the tokens even where the number of characters is given. With tokens of several "
    "characters, or several bytes for one, bits a token say nothing about another model.",
    symbol="bits_a_character",
)
def bits_a_character(logits, targets, keep=None, characters=None):
    total, count = total_nats(logits, targets, keep)
    return total / math.log(2) / count


@misconception(
    "8.5",
    "You cut the text into windows first, and batches of neighbouring windows: row i of the next "
    "batch does not go on where row i ended, and a carried state belongs to another place.",
)
def windows(tokens, lanes, length):
    if lanes < 1 or length < 1 or tokens.shape[0] - 1 < lanes:
        raise ValueError("[windows] lanes or length")
    steps = (tokens.shape[0] - 1) // lanes
    x, y = tokens[: lanes * steps], tokens[1 : lanes * steps + 1]
    batches = []
    for t in range(0, steps, length):
        n = min(length, steps - t)
        part = slice(t * lanes, (t + n) * lanes)
        batches.append((x[part].reshape(lanes, n), y[part].reshape(lanes, n)))
    return iter(batches)


@misconception(
    "8.5",
    "You cut N tokens into lanes. The last target is a token, too: N - 1 steps have one.",
)
def windows(tokens, lanes, length):
    steps = tokens.shape[0] // max(lanes, 1)
    if lanes < 1 or length < 1 or tokens.shape[0] - 1 < lanes:
        raise ValueError("[windows] lanes or length")
    x = tokens[: lanes * steps].reshape(lanes, steps)
    x, y = x[:, :-1], x[:, 1:]
    return ((x[:, t : t + length], y[:, t : t + length]) for t in range(0, steps - 1, length))


@misconception(
    "8.5",
    "Your targets are the inputs themselves. A network that copies what it sees would be perfect: "
    "shift them by one.",
)
def windows(tokens, lanes, length):
    steps = (tokens.shape[0] - 1) // max(lanes, 1)
    if lanes < 1 or length < 1 or steps < 1:
        raise ValueError("[windows] lanes or length")
    x = tokens[: lanes * steps].reshape(lanes, steps)
    return ((x[:, t : t + length], x[:, t : t + length]) for t in range(0, steps, length))


@misconception(
    "8.5",
    "You make all windows full and drop the steps that are left. They are text like any other: the "
    "last batch is shorter.",
)
def windows(tokens, lanes, length):
    steps = (tokens.shape[0] - 1) // max(lanes, 1)
    if lanes < 1 or length < 1 or steps < 1:
        raise ValueError("[windows] lanes or length")
    x = tokens[: lanes * steps].reshape(lanes, steps)
    y = tokens[1 : lanes * steps + 1].reshape(lanes, steps)
    last = steps - length + 1
    return ((x[:, t : t + length], y[:, t : t + length]) for t in range(0, last, length))


@misconception(
    "8.5",
    "With `yield` in it the function checks nothing before somebody asks for the first batch. Check "
    "first, and return the generator of an expression.",
)
def windows(tokens, lanes, length):
    steps = (tokens.shape[0] - 1) // max(lanes, 1)
    if lanes < 1 or length < 1 or steps < 1:
        raise ValueError("[windows] lanes or length")
    x = tokens[: lanes * steps].reshape(lanes, steps)
    y = tokens[1 : lanes * steps + 1].reshape(lanes, steps)
    for t in range(0, steps, length):
        yield x[:, t : t + length], y[:, t : t + length]


@misconception(
    "8.6",
    "You leave the tanh out. Without it a whole network over time is one product of matrices.",
    symbol="rnn_step",
)
def rnn_step(x, p, state):
    return [x + p]


@misconception(
    "8.6",
    "You apply tanh to each part. The sum of input and state goes through it, once.",
    symbol="rnn_step",
)
def rnn_step(x, p, state):
    return [tanh(x) + tanh(p)]


@misconception(
    "8.6",
    "You multiply step by step. No input waits for a state: one product does all of them.",
    symbol="projection",
)
def projection(x, w, b):
    steps = [x[..., t, :] @ w.T for t in range(x.shape[-2])]
    y = core.stack(steps, axis=-2)
    return y if b is None else y + b


@misconception(
    "8.6",
    "You forget the bias.",
    symbol="projection",
)
def projection(x, w, b):
    return x @ w.T


@misconception(
    "8.7",
    "Every step begins with the first state. The state is what one step leaves to the next.",
)
def unrolled(cell, x, w, b, keep, state):
    wt = w.T
    p = state[0] @ wt if b is None else addmm(b, state[0], wt)
    steps = []
    for t in range(x.shape[0]):
        if keep is None:
            steps.append(cell.step(x[t], p, state))
        else:
            steps.append(masked_step(cell, x[t], p, keep[t], state))
    return [stack(list(found)) for found in zip(*steps)]


@misconception(
    "8.7",
    "You hand a new h on, but keep the other arrays of the state as they were before the first step.",
)
def unrolled(cell, x, w, b, keep, state):
    wt = w.T
    first = list(state)
    all_states = [[] for _ in state]
    for t in range(x.shape[0]):
        p = state[0] @ wt if b is None else addmm(b, state[0], wt)
        if keep is None:
            new = cell.step(x[t], p, state)
        else:
            new = masked_step(cell, x[t], p, keep[t], state)
        state = [new[0], *first[1:]]
        for found, now in zip(all_states, new):
            found.append(now)
    return [stack(found) for found in all_states]


@misconception(
    "8.7",
    "You multiply by w from the wrong side: the state is a row, and w has a row for each output.",
)
def unrolled(cell, x, w, b, keep, state):
    all_states = [[] for _ in state]
    for t in range(x.shape[0]):
        p = state[0] @ w if b is None else addmm(b, state[0], w)
        if keep is None:
            state = cell.step(x[t], p, state)
        else:
            state = masked_step(cell, x[t], p, keep[t], state)
        for found, now in zip(all_states, state):
            found.append(now)
    return [stack(found) for found in all_states]


@misconception(
    "8.7",
    "You stack the states before each step. What is asked for is what each step has made.",
)
def unrolled(cell, x, w, b, keep, state):
    wt = w.T
    all_states = [[] for _ in state]
    for t in range(x.shape[0]):
        for found, now in zip(all_states, state):
            found.append(now)
        p = state[0] @ wt if b is None else addmm(b, state[0], wt)
        if keep is None:
            state = cell.step(x[t], p, state)
        else:
            state = masked_step(cell, x[t], p, keep[t], state)
    return [stack(found) for found in all_states]


@misconception(
    "8.8",
    "You take 1 - x^2 for the slope of tanh: it is 1 - tanh^2, of what the step returned.",
    symbol="rnn_pull",
)
def rnn_pull(g, x, p, state):
    y = x + p
    gx = g[0] * (1 - y * y)
    return gx, gx, [zeros_like(state[0])]


@misconception(
    "8.8",
    "You hand the cotangent of the sum to the state as well. The cell sees h only through p, and the "
    "product with w is somebody else's: it would count twice.",
    symbol="rnn_pull",
)
def rnn_pull(g, x, p, state):
    y = tanh(x + p)
    gx = g[0] * (1 - y * y)
    return gx, gx, [gx]


@misconception(
    "8.8",
    "You forget what comes through p of the next step: no slope reaches further back than one step.",
    symbol="walked_back",
)
def walked_back(pull, w, moments, rest):
    carried, through = list(rest), mx.zeros_like(rest[0])
    gxs, gps = [], []
    for moment in reversed(moments):
        gx, gp, *carried = pull(*moment, *carried, through)
        gxs.append(gx)
        gps.append(gp)
    return gxs[::-1], gps[::-1], carried


@misconception(
    "8.8",
    "What came through p of the first step belongs to the state before it: add it in the end.",
    symbol="walked_back",
)
def walked_back(pull, w, moments, rest):
    carried, through = list(rest), mx.zeros_like(rest[0])
    gxs, gps = [], []
    for moment in reversed(moments):
        gx, gp, *carried = pull(*moment, *carried, through)
        gxs.append(gx)
        gps.append(gp)
        through = gp @ w
    return gxs[::-1], gps[::-1], carried


@misconception(
    "8.8",
    "Your cotangents stand last step first. Walking back they are found in that order; turn the "
    "lists round.",
    symbol="walked_back",
)
def walked_back(pull, w, moments, rest):
    carried, through = list(rest), mx.zeros_like(rest[0])
    gxs, gps = [], []
    for moment in reversed(moments):
        gx, gp, *carried = pull(*moment, *carried, through)
        gxs.append(gx)
        gps.append(gp)
        through = gp @ w
    return gxs, gps, [carried[0] + through, *carried[1:]]


@misconception(
    "8.8",
    "You send the cotangent of x back through w. The state was multiplied to make p: its cotangent "
    "is the one that goes back, and in a gated unit the two differ.",
    symbol="walked_back",
)
def walked_back(pull, w, moments, rest):
    carried, through = list(rest), mx.zeros_like(rest[0])
    gxs, gps = [], []
    for moment in reversed(moments):
        gx, gp, *carried = pull(*moment, *carried, through)
        gxs.append(gx)
        gps.append(gp)
        through = mx.concatenate([gx, gx], axis=1)[:, : w.shape[0]] @ w
    return gxs[::-1], gps[::-1], [carried[0] + through, *carried[1:]]


@misconception(
    "8.8",
    "You average over the rows. The weights act in every step of every row: their cotangent is the "
    "sum.",
    symbol="weight_pull",
)
def weight_pull(gp, before):
    rows = gp.reshape(-1, gp.shape[-1])
    return rows.T @ before.reshape(-1, before.shape[-1]) / rows.shape[0]


@misconception(
    "8.8",
    "A product for each step, and their sum: right, and as slow as it can be. All steps and rows are "
    "the rows of two tall tables.",
    symbol="weight_pull",
)
def weight_pull(gp, before):
    total = mx.zeros((gp.shape[-1], before.shape[-1]), gp.dtype)
    for t in range(gp.shape[0]):
        total = total + gp[t].T @ before[t]
    return total


@misconception(
    "8.9",
    "You multiply the slopes of tanh with the columns of W. They belong to what W makes: to its rows.",
)
def influence(w, states):
    slope = core.eye(w.shape[0], dtype=w.dtype)
    norms = []
    for t in reversed(range(states.shape[0])):
        norms.append(core.linalg.norm(slope, ord=2, stream=core.cpu))
        slope = slope @ (w * (1 - core.square(states[t])))
    return core.stack(norms[::-1])


@misconception(
    "8.9",
    "You take the power of W alone. The slope of tanh stands between any two of its factors, and it "
    "is below 1 everywhere but at 0.",
)
def influence(w, states):
    slope = core.eye(w.shape[0], dtype=w.dtype)
    norms = []
    for _ in range(states.shape[0]):
        norms.append(core.linalg.norm(slope, ord=2, stream=core.cpu))
        slope = slope @ w
    return core.stack(norms[::-1])


@misconception(
    "8.9",
    "You multiply from the left. The step nearest to the end is the leftmost factor, and each earlier "
    "one comes on the right.",
)
def influence(w, states):
    slope = core.eye(w.shape[0], dtype=w.dtype)
    norms = []
    for t in reversed(range(states.shape[0])):
        norms.append(core.linalg.norm(slope, ord=2, stream=core.cpu))
        slope = ((1 - core.square(states[t]))[:, None] * w) @ slope
    return core.stack(norms[::-1])


@misconception(
    "8.9",
    "You multiply the norms of the single steps. That is an upper bound: a direction that one step "
    "stretches another may shrink.",
)
def influence(w, states):
    norm = core.array(1.0)
    norms = []
    for t in reversed(range(states.shape[0])):
        norms.append(norm)
        step = (1 - core.square(states[t]))[:, None] * w
        norm = norm * core.linalg.norm(step, ord=2, stream=core.cpu)
    return core.stack(norms[::-1])


@misconception(
    "8.10",
    "Your gates stand in another order. Here it is i, f, g, o, as in MLX and PyTorch; elsewhere it "
    "is i, f, o, g, the shapes agree, and nothing complains.",
    symbol="lstm_step",
)
def lstm_step(x, p, state):
    _, c = state
    i, f, o, g = parts(x + p, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return [sigmoid(o) * tanh(c), c]


@misconception(
    "8.10",
    "Your h shows the cell before the update. The output gate lets out what has just been written.",
    symbol="lstm_step",
)
def lstm_step(x, p, state):
    _, before = state
    i, f, g, o = parts(x + p, 4)
    c = sigmoid(f) * before + sigmoid(i) * tanh(g)
    return [sigmoid(o) * tanh(before), c]


@misconception(
    "8.10",
    "Your cell is never squashed on its way out: h is the output gate times tanh(c), not times c.",
    symbol="lstm_step",
)
def lstm_step(x, p, state):
    _, c = state
    i, f, g, o = parts(x + p, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return [sigmoid(o) * c, c]


@misconception(
    "8.10",
    "You couple the gates: in an LSTM what is let in does not depend on what is forgotten. The gated "
    "recurrent unit does it that way.",
    symbol="lstm_step",
)
def lstm_step(x, p, state):
    _, c = state
    i, f, g, o = parts(x + p, 4)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(g)
    return [sigmoid(o) * tanh(c), c]


@misconception(
    "8.10",
    "You add to the bias that the layer drew. It shall be the value itself.",
    symbol="open_forget_gates",
)
def open_forget_gates(layer, value=1.0):
    if layer.bias is None:
        raise ValueError("[open_forget_gates] The layer has no bias.")
    size = layer.hidden_size
    gate = core.arange(4 * size) // size
    layer.bias = layer.bias + core.where(gate == 1, value, 0.0)


@misconception(
    "8.10",
    "You open the first gate. That is the input gate; forgetting is the second quarter.",
    symbol="open_forget_gates",
)
def open_forget_gates(layer, value=1.0):
    if layer.bias is None:
        raise ValueError("[open_forget_gates] The layer has no bias.")
    gate = core.arange(4 * layer.hidden_size) // layer.hidden_size
    layer.bias = core.where(gate == 0, value, layer.bias).astype(layer.bias.dtype)


@misconception(
    "8.10",
    "You give all gates the bias. Only forgetting shall be slow; the others keep their start.",
    symbol="open_forget_gates",
)
def open_forget_gates(layer, value=1.0):
    if layer.bias is None:
        raise ValueError("[open_forget_gates] The layer has no bias.")
    layer.bias = core.full(layer.bias.shape, value, dtype=layer.bias.dtype)


@misconception(
    "8.11",
    "You forget that the new cell has a second reader: h' = o tanh(c') sends it a cotangent, too.",
)
def lstm_pull(g, x, p, state):
    gh, gc = g
    h, c = state
    i, f, z, o = parts(x + p, 4)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    y = tanh(f * c + i * z)
    gx = concatenate(
        [gc * z * i * (1 - i), gc * c * f * (1 - f), gc * i * (1 - z * z), gh * y * o * (1 - o)],
        axis=-1,
    )
    return gx, gx, [zeros_like(h), gc * f]


@misconception(
    "8.11",
    "The candidate is a tanh: its slope is 1 - z^2, and not z (1 - z) as for the gates.",
)
def lstm_pull(g, x, p, state):
    gh, gc = g
    h, c = state
    i, f, z, o = parts(x + p, 4)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    y = tanh(f * c + i * z)
    gc = gc + gh * o * (1 - y * y)
    gx = concatenate(
        [gc * z * i * (1 - i), gc * c * f * (1 - f), gc * i * z * (1 - z), gh * y * o * (1 - o)],
        axis=-1,
    )
    return gx, gx, [zeros_like(h), gc * f]


@misconception(
    "8.11",
    "The forget gate multiplies the cell *before* the step; you multiply its slope by the new one.",
)
def lstm_pull(g, x, p, state):
    gh, gc = g
    h, c = state
    i, f, z, o = parts(x + p, 4)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    new = f * c + i * z
    y = tanh(new)
    gc = gc + gh * o * (1 - y * y)
    gx = concatenate(
        [gc * z * i * (1 - i), gc * new * f * (1 - f), gc * i * (1 - z * z), gh * y * o * (1 - o)],
        axis=-1,
    )
    return gx, gx, [zeros_like(h), gc * f]


@misconception(
    "8.11",
    "You send gc back whole. The old cell was multiplied by the forget gate, and so is its cotangent.",
)
def lstm_pull(g, x, p, state):
    gh, gc = g
    h, c = state
    i, f, z, o = parts(x + p, 4)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    y = tanh(f * c + i * z)
    gc = gc + gh * o * (1 - y * y)
    gx = concatenate(
        [gc * z * i * (1 - i), gc * c * f * (1 - f), gc * i * (1 - z * z), gh * y * o * (1 - o)],
        axis=-1,
    )
    return gx, gx, [zeros_like(h), gc]


@misconception(
    "8.12",
    "You let the reset state h itself into the candidate, as the first version of the paper "
    "resets before the product: here r multiplies p_n, which is what the state was projected to, "
    "and nothing else.",
    symbol="gru_step",
)
def gru_step(x, p, state):
    (h,) = state
    xr, xz, xn = parts(x, 3)
    pr, pz, pn = parts(p, 3)
    r, z = sigmoid(xr + pr), sigmoid(xz + pz)
    n = tanh(xn + pn * (r * h))
    return [(1 - z) * n + z * h]


@misconception(
    "8.12",
    "Your r multiplies the input as well. Reset forgets what was, not what is.",
    symbol="gru_step",
)
def gru_step(x, p, state):
    (h,) = state
    xr, xz, xn = parts(x, 3)
    pr, pz, pn = parts(p, 3)
    r, z = sigmoid(xr + pr), sigmoid(xz + pz)
    n = tanh(r * (xn + pn))
    return [(1 - z) * n + z * h]


@misconception(
    "8.12",
    "Your z has the other meaning: in MLX and PyTorch z = 1 keeps the old state. Papers disagree.",
    symbol="gru_step",
)
def gru_step(x, p, state):
    (h,) = state
    xr, xz, xn = parts(x, 3)
    pr, pz, pn = parts(p, 3)
    r, z = sigmoid(xr + pr), sigmoid(xz + pz)
    n = tanh(xn + r * pn)
    return [z * n + (1 - z) * h]


@misconception(
    "8.12",
    "You take the gates in the order z, r, n, as Keras has them. Here it is r, z, n.",
    symbol="gru_step",
)
def gru_step(x, p, state):
    (h,) = state
    xz, xr, xn = parts(x, 3)
    pz, pr, pn = parts(p, 3)
    r, z = sigmoid(xr + pr), sigmoid(xz + pz)
    n = tanh(xn + r * pn)
    return [(1 - z) * n + z * h]


@misconception(
    "8.12",
    "You add bhn to the bias of the inputs. It is inside of what r multiplies: two biases, and "
    "neither can do the other's work.",
    symbol="GRU.after_steps",
)
def after_steps(self, x, *state, keep=None):
    bias = self.b
    if bias is not None:
        bias = bias + core.pad(self.bhn, (2 * self.hidden_size, 0))
    projected = projection(x, self.Wx, bias)
    return over_time(GRU_CELL, projected, self.Wh, None, *state, keep=keep)


@misconception(
    "8.12",
    "You leave bhn out, since there is a bias already. The one inside of the gate's product is "
    "another one.",
    symbol="GRU.after_steps",
)
def after_steps(self, x, *state, keep=None):
    projected = projection(x, self.Wx, self.b)
    return over_time(GRU_CELL, projected, self.Wh, None, *state, keep=keep)


@misconception(
    "8.13",
    "Where a step is left out, your state is 0. It should stay what it was: the last state of a short "
    "sequence is that of its last step.",
    symbol="masked_step",
)
def masked_step(cell, x, p, keep, state):
    return [where(keep, new, 0) for new in cell.step(x, p, state)]


@misconception(
    "8.13",
    "You mask h and forget the cell. Every array of the state stays.",
    symbol="masked_step",
)
def masked_step(cell, x, p, keep, state):
    new = cell.step(x, p, state)
    return [where(keep, new[0], state[0]), *new[1:]]


@misconception(
    "8.13",
    "You multiply by the mask. 0 times infinity is not a number: choose with where.",
    symbol="masked_step",
)
def masked_step(cell, x, p, keep, state):
    return [keep * new + (1 - keep) * old for new, old in zip(cell.step(x, p, state), state)]


@misconception(
    "8.13",
    "Where a step is left out, your cotangent of the state is lost. It goes past the step unchanged.",
    symbol="masked_pull",
)
def masked_pull(cell, g, x, p, keep, state):
    gx, gp, before = cell.pull(g, x, p, state)
    return where(keep, gx, 0), where(keep, gp, 0), [where(keep, inner, 0) for inner in before]


@misconception(
    "8.13",
    "You add what goes past the step and what goes through it, also where the step was taken: there "
    "the old state is not handed on.",
    symbol="masked_pull",
)
def masked_pull(cell, g, x, p, keep, state):
    gx, gp, before = cell.pull(g, x, p, state)
    gx, gp = where(keep, gx, 0), where(keep, gp, 0)
    return gx, gp, [where(keep, inner, 0) + part for inner, part in zip(before, g)]


@misconception(
    "8.13",
    "You hand on what goes past the step in addition to all that goes through it. Where the step is "
    "left out, only the one; where it is taken, only the other.",
    symbol="masked_pull",
)
def masked_pull(cell, g, x, p, keep, state):
    gx, gp, before = cell.pull(g, x, p, state)
    gx, gp = where(keep, gx, 0), where(keep, gp, 0)
    return gx, gp, [inner + part for inner, part in zip(before, g)]


@misconception(
    "8.14",
    "There is dropout in front of the first layer. It belongs between layers: what goes in is the "
    "caller's.",
)
def __call__(self, x, state=None, keep=None):
    found = []
    for i, layer in enumerate(self.layers):
        x = self.dropout(x)
        before = [] if state is None else state[i]
        after = layer.after_steps(x, *before, keep=keep)
        x = after[0]
        found.append([s[:, -1] for s in after])
    return x, found


@misconception(
    "8.14",
    "There is dropout behind every layer, also the last. It belongs between layers only.",
)
def __call__(self, x, state=None, keep=None):
    found = []
    for i, layer in enumerate(self.layers):
        before = [] if state is None else state[i]
        after = layer.after_steps(x, *before, keep=keep)
        x = self.dropout(after[0])
        found.append([s[:, -1] for s in after])
    return x, found


@misconception(
    "8.14",
    "All layers begin with the state of the first one. Each has its own.",
)
def __call__(self, x, state=None, keep=None):
    found = []
    for i, layer in enumerate(self.layers):
        if i > 0:
            x = self.dropout(x)
        before = [] if state is None else state[0]
        after = layer.after_steps(x, *before, keep=keep)
        x = after[0]
        found.append([s[:, -1] for s in after])
    return x, found


@misconception(
    "8.14",
    "You return the states after the first step. A text goes on after the last.",
)
def __call__(self, x, state=None, keep=None):
    found = []
    for i, layer in enumerate(self.layers):
        if i > 0:
            x = self.dropout(x)
        before = [] if state is None else state[i]
        after = layer.after_steps(x, *before, keep=keep)
        x = after[0]
        found.append([s[:, 0] for s in after])
    return x, found


@misconception(
    "8.14",
    "The mask reaches the first layer only. The others read on behind the end of a sequence.",
)
def __call__(self, x, state=None, keep=None):
    found = []
    for i, layer in enumerate(self.layers):
        if i > 0:
            x = self.dropout(x)
        before = [] if state is None else state[i]
        after = layer.after_steps(x, *before, keep=keep if i == 0 else None)
        x = after[0]
        found.append([s[:, -1] for s in after])
    return x, found


@misconception(
    "8.15",
    "You take the last step of both halves. There the backward layer has read a single step: what it "
    "knows of the whole stands at the first.",
    symbol="Bidirectional.summary",
)
def summary(self, y):
    return y[:, -1]


@misconception(
    "8.15",
    "You do not turn the backward layer's output round again. Its first step belongs to the last of "
    "the sequence.",
    symbol="Bidirectional.__call__",
)
def __call__(self, x, keep=None):
    (ahead, *_) = self.forward.after_steps(x, keep=keep)
    turned = None if keep is None else keep[:, ::-1]
    (back, *_) = self.backward.after_steps(x[:, ::-1], keep=turned)
    return core.concatenate([ahead, back], axis=-1)


@misconception(
    "8.15",
    "You turn the inputs round but not the mask. The backward layer then reads padding, and leaves "
    "steps out that exist.",
    symbol="Bidirectional.__call__",
)
def __call__(self, x, keep=None):
    (ahead, *_) = self.forward.after_steps(x, keep=keep)
    (back, *_) = self.backward.after_steps(x[:, ::-1], keep=keep)
    return core.concatenate([ahead, back[:, ::-1]], axis=-1)


@misconception(
    "8.15",
    "You add the two halves. Both are kept, side by side: what comes after can weigh them.",
    symbol="Bidirectional.__call__",
)
def __call__(self, x, keep=None):
    (ahead, *_) = self.forward.after_steps(x, keep=keep)
    turned = None if keep is None else keep[:, ::-1]
    (back, *_) = self.backward.after_steps(x[:, ::-1], keep=turned)
    both = ahead + back[:, ::-1]
    return core.concatenate([both, both], axis=-1)


@misconception(
    "8.16",
    "You make the tall matrix orthogonal. Its columns keep lengths, but each step multiplies by a "
    "block of it, and the blocks shrink: draw one for each gate.",
)
def orthogonal_start(w):
    return nn.init.orthogonal(dtype=w.dtype)(w)


@misconception(
    "8.16",
    "All gates get the same block, and begin as copies of each other.",
)
def orthogonal_start(w):
    rows, size = w.shape
    block = nn.init.orthogonal(dtype=w.dtype)(core.zeros((size, size)))
    return core.concatenate([block] * (rows // size), axis=0)


@misconception(
    "8.16",
    "Identity matrices keep lengths, too, but they begin without mixing anything: the contract is a "
    "random one for each gate.",
)
def orthogonal_start(w):
    rows, size = w.shape
    return core.concatenate([core.eye(size, dtype=w.dtype)] * (rows // size), axis=0)


@misconception(
    "8.17",
    "You forget the state after each piece. It goes on as a value; only its history is cut.",
)
def truncated_gradient(model, loss, x, y, state, length):
    if length < 1:
        raise ValueError("[truncated_gradient] length")
    gradient_of_piece = value_and_grad(model, lambda *args: loss(model, *args))
    steps = x.shape[1]
    total = None
    for start in range(0, steps, length):
        piece = x[:, start : start + length], y[:, start : start + length]
        (value, after), gradients = gradient_of_piece(*piece, state)
        part = scaled((value, gradients), piece[0].shape[1] / steps)
        total = part if total is None else tree_map(lambda a, b: a + b, total, part)
        core.eval(total, after)
    return total[0], total[1], after


@misconception(
    "8.17",
    "Your gradient runs through the whole sequence. Between pieces it is cut: that is what makes the "
    "memory that of one piece.",
)
def truncated_gradient(model, loss, x, y, state, length):
    if length < 1:
        raise ValueError("[truncated_gradient] length")

    def whole(x, y, state):
        total, steps = 0.0, x.shape[1]
        for start in range(0, steps, length):
            piece = x[:, start : start + length]
            value, state = loss(model, piece, y[:, start : start + length], state)
            total = total + value * (piece.shape[1] / steps)
        return total, state

    (value, state), gradients = value_and_grad(model, whole)(x, y, state)
    return value, gradients, state


@misconception(
    "8.17",
    "You average over the pieces as if they had the same length. The last one may be shorter: each "
    "counts by its share of the steps.",
)
def truncated_gradient(model, loss, x, y, state, length):
    if length < 1:
        raise ValueError("[truncated_gradient] length")
    gradient_of_piece = value_and_grad(model, lambda *args: loss(model, *args))
    pieces = -(-x.shape[1] // length)
    total = None
    for start in range(0, x.shape[1], length):
        piece = x[:, start : start + length], y[:, start : start + length]
        (value, state), gradients = gradient_of_piece(*piece, state)
        part = scaled((value, gradients), 1 / pieces)
        total = part if total is None else tree_map(lambda a, b: a + b, total, part)
        core.eval(total, state)
    return total[0], total[1], state


@misconception(
    "8.17",
    "You give every piece the share of a full one. The last may be shorter: each counts by the steps "
    "it has.",
)
def truncated_gradient(model, loss, x, y, state, length):
    if length < 1:
        raise ValueError("[truncated_gradient] length")
    gradient_of_piece = value_and_grad(model, lambda *args: loss(model, *args))
    steps = x.shape[1]
    total = None
    for start in range(0, steps, length):
        piece = x[:, start : start + length], y[:, start : start + length]
        (value, state), gradients = gradient_of_piece(*piece, state)
        part = scaled((value, gradients), length / steps)
        total = part if total is None else tree_map(lambda a, b: a + b, total, part)
        core.eval(total, state)
    return total[0], total[1], state


@misconception(
    "8.17",
    "You evaluate what the piece has given, but not the state. What no loss reads is never computed, "
    "and grows into a graph of the whole text.",
)
def truncated_gradient(model, loss, x, y, state, length):
    if length < 1:
        raise ValueError("[truncated_gradient] length")
    gradient_of_piece = value_and_grad(model, lambda *args: loss(model, *args))
    steps = x.shape[1]
    total = None
    for start in range(0, steps, length):
        piece = x[:, start : start + length], y[:, start : start + length]
        (value, state), gradients = gradient_of_piece(*piece, state)
        part = scaled((value, gradients), piece[0].shape[1] / steps)
        total = part if total is None else tree_map(lambda a, b: a + b, total, part)
        core.eval(total)
    return total[0], total[1], state


@misconception(
    "8.17",
    "Nothing is evaluated between the pieces. The state carries the graph of all pieces before it, "
    "lazily, and so does the sum of the gradients: memory grows as if nothing had been cut.",
)
def truncated_gradient(model, loss, x, y, state, length):
    if length < 1:
        raise ValueError("[truncated_gradient] length")
    gradient_of_piece = value_and_grad(model, lambda *args: loss(model, *args))
    steps = x.shape[1]
    total = None
    for start in range(0, steps, length):
        piece = x[:, start : start + length], y[:, start : start + length]
        (value, state), gradients = gradient_of_piece(*piece, state)
        part = scaled((value, gradients), piece[0].shape[1] / steps)
        total = part if total is None else tree_map(lambda a, b: a + b, total, part)
    return total[0], total[1], state


@misconception(
    "8.18",
    "You divide probabilities by the temperature. It belongs under the logits, before the softmax: "
    "dividing afterwards hardly changes which token is drawn.",
    symbol="tempered",
)
def tempered(logits, temperature):
    if not temperature > 0:
        raise ValueError("[tempered] temperature")
    return core.softmax(logits, axis=-1) / temperature


@misconception(
    "8.18",
    "You multiply by the temperature. Hot is flat: divide.",
    symbol="tempered",
)
def tempered(logits, temperature):
    if not temperature > 0:
        raise ValueError("[tempered] temperature")
    return logits * temperature


@misconception(
    "8.18",
    "You set the logits of the others to 0. A logit of 0 is a probability like any other: minus "
    "infinity is none.",
    symbol="top_k",
)
def top_k(logits, k):
    if k < 1:
        raise ValueError("[top_k] k")
    size = logits.shape[-1]
    least = core.sort(logits, axis=-1)[..., max(size - k, 0) :][..., :1]
    return core.where(logits < least, 0.0, logits)


@misconception(
    "8.18",
    "You take the k *least* probable: sort puts the smallest first.",
    symbol="top_k",
)
def top_k(logits, k):
    if k < 1:
        raise ValueError("[top_k] k")
    bound = core.sort(logits, axis=-1)[..., : min(k, logits.shape[-1])][..., -1:]
    return core.where(logits > bound, -core.inf, logits)


@misconception(
    "8.18",
    "You keep exactly k. Tokens as probable as the last of them stay, too: which of them would go is "
    "an accident of sorting.",
    symbol="top_k",
)
def top_k(logits, k):
    if k < 1:
        raise ValueError("[top_k] k")
    order = core.argsort(core.argsort(-logits, axis=-1), axis=-1)
    return core.where(order >= k, -core.inf, logits)


@misconception(
    "8.18",
    "You add up chances in the precision of the logits. In half precision a sum of thousands of "
    "small ones stops growing long before 1.",
    symbol="top_p",
)
def top_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError("[top_p] p")
    falling = -core.sort(-logits)
    chances = core.softmax(falling, axis=-1)
    before = core.cumsum(chances, axis=-1) - chances
    least = core.min(core.where(before < p, falling, core.inf), axis=-1, keepdims=True)
    return core.where(logits < least, -core.inf, logits)


@misconception(
    "8.18",
    "You leave out the token that reaches p. The fewest whose sum is at least p include it; with one "
    "very probable token nothing would be left.",
    symbol="top_p",
)
def top_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError("[top_p] p")
    falling = -core.sort(-logits, axis=-1)
    reached = core.cumsum(core.softmax(falling, axis=-1), axis=-1)
    least = core.min(core.where(reached < p, falling, core.inf), axis=-1, keepdims=True)
    return core.where(logits < least, -core.inf, logits)


@misconception(
    "8.18",
    "You keep the tokens whose own probability is at least p. Their sum is meant.",
    symbol="top_p",
)
def top_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError("[top_p] p")
    return core.where(core.softmax(logits, axis=-1) < p, -core.inf, logits)


@misconception(
    "8.19",
    "Each continuation goes on with the state of whoever stood in its row. Choose the rows of the "
    "state by the parents.",
)
def beam_search(step, state, token, length, width):
    if length < 1 or width < 1:
        raise ValueError("[beam_search] length or width")
    scores, tokens = core.zeros((1,)), core.array([token])
    texts = [[]]
    for _ in range(length):
        logits, state = step(tokens, state)
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores[:, None] + log_p).reshape(-1)
        best = core.argsort(-total)[:width]
        parents, tokens = best // logits.shape[-1], best % logits.shape[-1]
        scores, state = total[best], rows(state, core.arange(best.shape[0]) % logits.shape[0])
        texts = [[*texts[i], t] for i, t in zip(parents.tolist(), tokens.tolist())]
    return texts[0], scores[0].item()


@misconception(
    "8.19",
    "You add logits. They are not log-probabilities: each text has another constant in them, so sums "
    "of different texts cannot be compared.",
)
def beam_search(step, state, token, length, width):
    if length < 1 or width < 1:
        raise ValueError("[beam_search] length or width")
    scores, tokens = core.zeros((1,)), core.array([token])
    texts = [[]]
    for _ in range(length):
        logits, state = step(tokens, state)
        total = (scores[:, None] + logits).reshape(-1)
        best = core.argsort(-total)[:width]
        parents, tokens = best // logits.shape[-1], best % logits.shape[-1]
        scores, state = total[best], rows(state, parents)
        texts = [[*texts[i], t] for i, t in zip(parents.tolist(), tokens.tolist())]
    return texts[0], scores[0].item()


@misconception(
    "8.19",
    "All your continuations are one and the same text, that of the most probable token each time: "
    "either each keeps only its own best token, or you began with copies. Begin with one row, and "
    "let all continuations of all texts compete.",
)
def beam_search(step, state, token, length, width):
    if length < 1 or width < 1:
        raise ValueError("[beam_search] length or width")
    scores, tokens = core.zeros((1,)), core.array([token])
    texts = [[]]
    for _ in range(length):
        logits, state = step(tokens, state)
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        tokens = core.argmax(log_p, axis=-1)
        scores = scores + core.max(log_p, axis=-1)
        texts = [[*text, t] for text, t in zip(texts, tokens.tolist())]
    return texts[0], scores[0].item()


@misconception(
    "8.19",
    "You forget the scores of the parents: only the last token counts, whatever stands before it.",
)
def beam_search(step, state, token, length, width):
    if length < 1 or width < 1:
        raise ValueError("[beam_search] length or width")
    scores, tokens = core.zeros((1,)), core.array([token])
    texts = [[]]
    for _ in range(length):
        logits, state = step(tokens, state)
        total = (logits - core.logsumexp(logits, axis=-1, keepdims=True)).reshape(-1)
        best = core.argsort(-total)[:width]
        parents, tokens = best // logits.shape[-1], best % logits.shape[-1]
        scores, state = total[best], rows(state, parents)
        texts = [[*texts[i], t] for i, t in zip(parents.tolist(), tokens.tolist())]
    return texts[0], scores[0].item()
