"""Answers for the engines of chapter 15: what serving looks like without any model."""

from reference.kit import in_numpy

# An engine that knows no keys and no values, only whole texts.


class Text:
    """A request: its number, its tokens, how many of them are the prompt's."""

    def __init__(self, number, prompt, most, ends):
        self.number, self.tokens, self.begin = number, list(prompt), len(prompt)
        self.most, self.ends, self.positions = most, set(ends), 0

    def pages(self, size):
        return -(-self.positions // size)

    def next(self, vocabulary=61):
        """What the model of the probe would say; the event."""
        token = sum((t + 1) * (i + 1) for i, t in enumerate(self.tokens)) % vocabulary
        if token in self.ends:
            return [self.number, None, "stop"]
        self.tokens.append(token)
        done = len(self.tokens) - self.begin == self.most
        return [self.number, token, "length" if done else None]


@in_numpy
def served(count, size, rows, budget, coming, leaving):
    """First those who run get room, then those who wait; the last one let in pays."""
    running, waiting, steps = [], [], []

    def free():
        return count - sum(text.pages(size) for text in running)

    for at in range(120):
        arrived = [(number, what) for number, what in enumerate(coming) if what[0] == at]
        waiting += [Text(number, *what[1:]) for number, what in arrived]
        gone = {number for step, number in leaving if step == at}
        running = [text for text in running if text.number not in gone]
        waiting = [text for text in waiting if text.number not in gone]
        turn = 0
        while turn < len(running):
            text = running[turn]
            full = text.positions % size == 0
            if full and not free():
                last = running.pop()
                last.positions = 0
                waiting.insert(0, last)
            else:
                text.positions += 1
                turn += 1
        older, newer = list(running), []
        while waiting and len(running) < rows:
            text = waiting[0]
            longest = max(len(x.tokens) for x in [*newer, text])
            if newer and longest * (len(newer) + 1) > budget:
                break
            if -(-len(text.tokens) // size) > free():
                break
            text.positions = len(text.tokens)
            newer.append(waiting.pop(0))
            running.append(newer[-1])
        calls = [[len(older), 1]] if older else []
        calls += [[len(newer), max(len(x.tokens) for x in newer)]] if newer else []
        events = [text.next() for text in [*older, *newer]]
        done = {number for number, _, reason in events if reason is not None}
        running = [text for text in running if text.number not in done]
        steps.append(
            {
                "calls": calls,
                "events": sorted(events),
                "running": [text.number for text in running],
                "waiting": [text.number for text in waiting],
                "free": free(),
            }
        )
        if not running and not waiting and all(what[0] <= at for what in coming):
            break
    return {"steps": steps}


@in_numpy
def room_for(count, size, lengths, turn, new):
    """As many rows stay as have room, from the first one on."""
    wanted = [length + (new if i == turn else 0) for i, length in enumerate(lengths)]
    stay, pages = len(wanted), [-(-length // size) for length in wanted]
    while sum(pages[:stay]) > count and stay > turn:
        stay -= 1
    return {
        "positions": [[i, wanted[i]] for i in range(stay)],
        "waiting": list(range(stay, len(wanted))),
        "free": count - sum(pages[:stay]),
    }


# The same engine with prompts in parts.


def parts_of(kind, jobs, budget):
    """The schedulers of the probe: ``jobs`` are ``[number, prompt, written, waited]``."""
    order = {
        "last": lambda i, job: -i,
        "waited": lambda i, job: (-job[3], job[0]),
    }.get(kind, lambda i, job: i)
    found = {}
    for _, job in sorted(enumerate(jobs), key=lambda pair: order(*pair)):
        most = 3 if kind == "pieces" else budget
        count = min(job[1] or 1, budget - sum(found.values()), most)
        if count > 0:
            found[job[0]] = count
    return found


@in_numpy
def chunked(count, size, rows, budget, kind, coming, leaving):
    """Let in who has room for its text beside all others; then ask the scheduler."""
    running, waiting, steps, waited = [], [], [], {}

    def free():
        return count - sum(text.pages(size) for text in running)

    def whole(texts):
        return sum(-(-len(text.tokens) // size) for text in texts)

    for at in range(150):
        arrived = [(number, what) for number, what in enumerate(coming) if what[0] == at]
        waiting += [Text(number, *what[1:]) for number, what in arrived]
        gone = {number for step, number in leaving if step == at}
        running = [text for text in running if text.number not in gone]
        waiting = [text for text in waiting if text.number not in gone]
        while waiting and len(running) < rows and whole([*running, waiting[0]]) <= count:
            running.append(waiting.pop(0))
            waited[running[-1].number] = 0
        told = []
        for text in running:
            left, written = len(text.tokens) - text.positions, len(text.tokens) - text.begin
            prompt = 0 if written and left == 1 else left
            told.append([text.number, prompt, written, waited[text.number]])
        got = parts_of(kind, told, budget) if running else {}
        for text in list(running):
            waited[text.number] = 0 if text.number in got else waited[text.number] + 1
            after = text.positions + got.get(text.number, 0)
            while text in running and -(-after // size) - text.pages(size) > free():
                running[-1].positions = 0
                waiting.insert(0, running.pop())
            if text in running:
                text.positions = after
        taking = [text for text in running if text.number in got]
        ready = [text for text in taking if text.positions == len(text.tokens)]
        events = [text.next() for text in ready]
        done = {number for number, _, reason in events if reason is not None}
        running = [text for text in running if text.number not in done]
        steps.append(
            {
                "scheduler is told": [[named(JOB, job) for job in told]] if told else [],
                "parts computed": len(taking),
                "one call a length": True,
                "events": [named(EVENT, event) for event in sorted(events)],
                "who runs": [text.number for text in running],
                "who waits": [text.number for text in waiting],
                "steps without a share": [waited[text.number] for text in running],
                "positions": [text.positions for text in running],
                "free pages": free(),
            }
        )
        if not running and not waiting and all(what[0] <= at for what in coming):
            break
    return {"steps": [*steps, *[{"nothing left to do": True}] * (150 - len(steps))]}


JOB, EVENT = ("who", "prompt", "written", "waited"), ("who", "token", "reason")


def named(names, values):
    """Values by what they are, so that a difference says it."""
    return dict(zip(names, values, strict=True))


@in_numpy
def let_in_alone(count, size, rows, texts, inside):
    """As long as there are rows and pages for all of them."""
    pages, found = sum(-(-length // size) for length in inside), []
    for number, length in enumerate(texts[: rows - len(inside)]):
        pages += -(-length // size)
        if pages > count:
            break
        found.append({"who": number, "waited": 0})
    waiting = list(range(len(found), len(texts)))
    return {"let in": found, "free pages": count, "who waits": waiting}
