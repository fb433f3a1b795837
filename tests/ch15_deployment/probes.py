"""What the graders of chapter 15 run of the student's code."""

import io

import mlx.core as mx

from tinymlx import core
from tinymlx.core import array as to_array
from tinymlx.formats import gguf, safetensors
from tinymlx.formats.pieces import Reader
from tinymlx.serving import batching, engine, latency, pages, requests, scheduling, stops, streams

__all__ = ["to_array"]

# Files, 15.1 to 15.4. Bytes come and go as text of hexadecimal digits.


class Counted(io.BytesIO):
    """A file in memory that counts the bytes that are read.

    ``size``: how long it says that it is, if that is not the truth.
    """

    def __init__(self, data, size=None):
        super().__init__(data)
        self.size, self.count = size, 0

    def seek(self, place, whence=0):
        found = super().seek(place, whence)
        return self.size if whence == 2 and self.size else found

    def read(self, count=-1):
        if count < 0 or count > 1 << 20:
            raise MemoryError("as many bytes as the file claims are asked for")
        found = super().read(count)
        self.count += len(found)
        return found


def lazy(spec):
    """Arrays that nobody has computed, from their dtypes and shapes."""
    return {n: core.zeros(shape, getattr(mx, dtype)) for n, (dtype, shape) in spec.items()}


def safe_header(spec, metadata):
    found = safetensors.header(lazy(spec), metadata)
    return {"header": found.hex(), "length": len(found), "order": safetensors.in_order(lazy(spec))}


def header_without_computing(size):
    """Peak memory while the header of a lazy array is written."""
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    found = safetensors.header({"x": core.ones((size,)) * 2}, None)
    return {"small": mx.get_peak_memory() - before < size, "length": len(found)}


def safe_file(data, names):
    """A file that is opened, and some of its arrays; how many bytes were read after each step."""
    source = Counted(bytes.fromhex(data))
    opened = safetensors.SafeFile(source, "x.safetensors")
    counts = [source.count]
    found = []
    for name in names:
        found.append(opened[name])
        counts.append(source.count)
    return {
        "arrays": found,
        "counts": counts,
        "first": opened.first,
        "metadata": opened.metadata,
        "places": {n: [x.dtype, list(x.shape), x.start, x.stop] for n, x in opened.places.items()},
    }


def safe_refused(data, size=None):
    """A file that should be refused; whether bytes were asked for that are not there."""
    source = Counted(bytes.fromhex(data), size)
    return {"names": list(safetensors.SafeFile(source, "x.safetensors").places)}


def safe_missing(data, name):
    safetensors.SafeFile(Counted(bytes.fromhex(data)), "x.safetensors")[name]


def value_of(value):
    return {"bytes": gguf.value("an entry", value).hex()}


def gguf_beginning(entries, arrays):
    """The front of a file. A shape stands there as a list."""
    given = {name: (kind, tuple(shape), size) for name, (kind, shape, size) in arrays.items()}
    return {"bytes": gguf.beginning(entries, given).hex()}


def gguf_entry(data, before=0):
    """What is read about an array, and where the reader stands behind it."""
    data = bytes.fromhex(data)
    source = Counted(data)
    reader = Reader(source, "x.gguf", len(data))
    source.seek(before)
    name, found = gguf.entry(reader)
    return {
        "name": name,
        "shape": list(found.shape),
        "kind": found.kind,
        "start": found.start,
        "size": found.size,
        "place": source.tell(),
    }


# Serving


def batches(most, patience, script):
    """What a batcher answers to offers and questions, one after the other."""
    batcher = batching.Batcher(most, patience)
    said = []
    for what, *arguments in script:
        if what == "offer":
            batcher.offer(*arguments)
        elif what == "due":
            said.append(batcher.due(*arguments))
            if type(said[-1]) is not list:
                raise TypeError(f"due should return a list, not {type(said[-1]).__name__}")
        else:
            said.append(batcher.wake_up(*arguments))
    return {"said": said}


def table_after(table):
    """Everything that a table says about itself."""
    return {
        "free": list(table.free),
        "pages": [[text, list(own)] for text, own in table.pages.items()],
        "lengths": [[text, length] for text, length in table.lengths.items()],
    }


def paged(count, size, script):
    """What a table of pages answers, and how it looks after each step."""
    table = pages.PageTable(count, size)
    found = []
    for what, *arguments in script:
        try:
            said = getattr(table, what)(*arguments)
        except pages.OutOfPages:
            said = "out"
        found.append({"said": said, **table_after(table)})
    return {"steps": found}


class Walked(list):
    """A list that notes when somebody goes through it."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return super().__iter__()

    def __contains__(self, x):
        self.walks += 1
        return super().__contains__(x)


def price_of_a_page(count):
    """Whether growth and release go through the free pages or copy them."""
    table = pages.PageTable(count, 4)
    table.free = free = Walked(table.free)
    for new in (1, 9, 40):
        table.grow(1, new)
        table.grow(2, new)
    own = table.pages[1]
    table.grow(1, 4)
    stayed = table.pages[1] is own
    table.release(2)
    return {"same": table.free is free, "walks": free.walks, "stayed": stayed}


def plan_of(texts, size, new, order):
    """The plan for texts that have grown in pieces; and which pages they have."""
    table = pages.PageTable(64, size)
    for text, grown in texts:
        table.grow(text, grown)
    plan = pages.planned(table, order, new)
    found = {"write": plan.write, "read": plan.read, "padding": plan.padding}
    own = [list(table.pages[text]) for text in order]
    return {**found, "pages": own, "offset": plan.offset, "nowhere": table.nowhere}


class Adding:
    """A model whose next token is easy to say, and wrong if one position is missing or moved.

    It is the sum of (token + 1) * (position + 1) over the whole text, modulo the vocabulary. The
    products stand in the cache, so that they have to come back from their pages.
    """

    vocabulary = 61

    def __init__(self):
        self.calls = []

    def make_cache(self):
        return [None, None]

    def __call__(self, tokens, cache, padding):
        n, length = tokens.shape
        self.calls.append([n, length])
        offset = cache[0].offset
        places = offset + core.arange(length) - padding[:, None]
        products = ((tokens + 1) * (places + 1)).astype(core.float32)
        for layer in cache:
            _, kept = layer.update_and_fetch(products[:, None, :, None], products[:, None, :, None])
        kept = kept[:, 0, :, 0]
        asked = core.arange(offset + length)
        allowed = (asked <= offset + core.arange(length)[:, None])[None]
        allowed = allowed & (asked >= padding[:, None, None])
        sums = core.where(allowed, kept[:, None], 0.0).sum(axis=-1)
        return -core.abs(core.arange(self.vocabulary) - (sums % self.vocabulary)[..., None])


def served(count, size, rows, budget, coming, leaving):
    """All steps of an engine: what the model was asked, what happened, who runs and waits.

    ``coming`` are steps, prompts, numbers of tokens, and tokens that end; ``leaving`` steps and
    numbers of requests that are cancelled.
    """
    model = Adding()
    machine = engine.Engine(model, pages.PageTable(count, size), rows, budget)
    steps = []
    for at in range(120):
        for number, (step, prompt, most, ends) in enumerate(coming):
            if step == at:
                ended = frozenset(ends)
                machine.submit(requests.Request(number, prompt, most, ends=ended))
        for step, number in leaving:
            if step == at:
                machine.cancel(number)
        model.calls.clear()
        events = machine.step()
        steps.append(
            {
                "calls": [list(call) for call in model.calls],
                "events": sorted([e.number, e.token, e.reason] for e in events),
                "running": [row.number for row in machine.running],
                "waiting": [row.number for row in machine.waiting],
                "free": len(machine.table.free),
            }
        )
        if machine.idle and all(step <= at for step, *_ in coming):
            break
    return {"steps": steps}


def strings_in(thing):
    """The characters in all strings that an object holds."""
    if isinstance(thing, str):
        return len(thing)
    if isinstance(thing, (list, tuple)):
        return sum(map(strings_in, thing))
    return 0


def stopped(sequences, texts):
    """What is handed on of a text in pieces, what waits after each, and the end."""
    stream = stops.Stops(sequences)
    before = strings_in(list(vars(stream).values()))
    said, waits, kept = [], [], []
    for text in texts:
        said.append(stream.feed(text))
        waits.append(stream.waiting)
        kept.append(strings_in(list(vars(stream).values())) - before)
    ended = stream.stopped
    return {"said": said, "waits": waits, "kept": kept, "stopped": ended, "end": stream.finish()}


def shown(sequences, pieces):
    """What is shown of bytes in pieces, and the end."""
    stream = streams.TextStream(sequences)
    said = [stream.feed(bytes(piece)) for piece in pieces]
    before = stream.stopped
    end = stream.finish()
    return {"said": said, "end": end, "before": before, "stopped": stream.stopped}


def percentiles(values, shares):
    """Percentiles of a list, and whether it is as it was."""
    given = values.tolist()
    found = [float(latency.percentile(given, q)) for q in shares]
    return {"found": found, "unchanged": given == values.tolist()}


def flying(starts, ends, windows):
    """How many were there at a time, in each window."""
    return {"found": [float(latency.in_flight(starts, ends, a, b)) for a, b in windows]}


def scheduled(coming, budget, most):
    """A server that asks the scheduler before each step: all shares of all steps.

    ``coming`` are steps, tokens of prompts, and tokens of answers.
    """
    jobs, steps = {}, []
    while (len(steps) < most) and (jobs or any(c[0] >= len(steps) for c in coming)):
        for number, (step, prompt, _) in enumerate(coming):
            if step == len(steps):
                jobs[number] = scheduling.Job(number, prompt, 0, 0)
        got = scheduling.shares(list(jobs.values()), budget)
        steps.append([[int(number), int(share)] for number, share in got.items()])
        for number, job in list(jobs.items()):
            share = got.get(number, 0)
            if not share:
                jobs[number] = scheduling.Job(number, job.prompt, job.written, job.waited + 1)
                continue
            prompt = max(job.prompt - share, 0)
            written = job.written + (prompt == 0)
            jobs[number] = scheduling.Job(number, prompt, written, 0)
            if written == coming[number][2]:
                del jobs[number]
    return {"steps": steps}


def asked_for_shares(budget):
    """A single question."""
    return {"share": int(scheduling.shares([scheduling.Job(7, 5, 0, 0)], budget)[7])}
