"""Answers for the serving half of chapter 15, from the standard library and NumPy."""

import codecs
import io

import numpy as np

from reference.kit import in_numpy


@in_numpy
def batches(most, patience, script):
    """Batches from a list of arrivals."""
    waiting, said = [], []
    for what, *arguments in script:
        now = arguments[-1]
        if what == "offer":
            waiting.append((arguments[0], now))
            continue
        full = len(waiting) >= most
        left = waiting[0][1] + patience - now if waiting else None
        if what == "due":
            count = min(most, len(waiting)) if waiting and (full or left <= 0) else 0
            said.append([item for item, _ in waiting[:count]])
            del waiting[:count]
        else:
            said.append(None if left is None else 0.0 if full else max(left, 0.0))
    return {"said": said}


def out_before(text, sequences):
    """What may be shown of a text, and whether a sequence is complete in it."""
    for end in range(len(text) + 1):
        complete = [s for s in sequences if text[:end].endswith(s)]
        if complete:
            return text[: end - max(map(len, complete))], True
    beginnings = {s[:n] for s in sequences for n in range(1, len(s))}
    held = max((len(b) for b in beginnings if text.endswith(b)), default=0)
    return text[: len(text) - held], False


@in_numpy
def stopped(sequences, texts):
    """All from the whole text so far, each time."""
    said, waits, text, shown, ended = [], [], "", "", False
    for piece in texts:
        if not ended:
            text += piece
            whole, ended = out_before(text, sequences)
            said.append(whole[len(shown) :])
            shown = whole
        else:
            said.append("")
        waits.append("" if ended else text[len(shown) :])
    kept = [len(w) for w in waits]
    end = "" if ended else text[len(shown) :]
    return {"said": said, "waits": waits, "kept": kept, "stopped": ended, "end": end}


@in_numpy
def shown(sequences, pieces):
    """The same of what Python's own decoder says."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(bytes(piece)) for piece in pieces]
    before = stopped(sequences, texts)
    after = stopped(sequences, [*texts, decoder.decode(b"", True)])
    return {
        "said": before["said"],
        "end": after["said"][-1] + after["end"],
        "before": before["stopped"],
        "stopped": after["stopped"],
    }


@in_numpy
def sent(texts):
    """Universal newlines, as Python reads files."""
    found = []
    for text in texts:
        lines = io.StringIO(text, newline=None).read().split("\n")
        found.append(list("\n".join([*(f"data: {line}" for line in lines), "", ""]).encode()))
    return {"bytes": found}


@in_numpy
def heard(pieces):
    """All events of the whole so far, less those that were there before."""
    whole, before, said = b"", 0, []
    for piece in pieces:
        whole += bytes(piece)
        complete = whole[: whole.rfind(b"\n") + 1].replace(b"\r\n", b"\n")
        found = []
        for block in complete.decode("utf-8", "replace").split("\n\n")[:-1]:
            lines = [line.split(":", 1) for line in block.split("\n")]
            data = [(line[1:] or [""])[0] for line in lines if line[0] == "data"]
            if data:
                found.append("\n".join(x[1:] if x[:1] == " " else x for x in data))
        said.append(found[before:])
        before = len(found)
    return {"said": said}


@in_numpy
def percentiles(values, shares):
    return {"found": [float(x) for x in np.percentile(values, shares)], "unchanged": True}


@in_numpy
def flying(starts, ends, windows):
    """The number between each two events, times how long it lasts."""
    found = []
    for begin, end in windows:
        edges = {begin, end, *starts, *ends}
        events = sorted(x for x in edges if begin <= x <= end)
        area = 0.0
        for a, b in zip(events, events[1:]):
            middle = (a + b) / 2
            area += sum(s <= middle < e for s, e in zip(starts, ends)) * (b - a)
        found.append(area / (end - begin))
    return {"found": found}
