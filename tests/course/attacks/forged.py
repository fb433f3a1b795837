"""Submissions that answer the judge in the probe's place, without the policy in their way.

Each stands in the place of ``pick`` of the small course and has got through to everything that
Python offers; it knows the course's own code, and carries a reference of its own (`REFERENCE`).
Its ``pick`` is wrong, and it must not get the right answer across.
"""

from __future__ import annotations

from attacks.catalogue import WRONG, Attack

REFERENCE = """
import gc, json, os, queue, struct, sys, threading, time
import numpy as np
from course.grading.values import decode, encode

def frame(result):
    return encode({"result": {"y": result}})

def reference(inputs):
    x, index = inputs["x"], inputs["index"]
    e = np.exp(x[index] - x[index].max())
    return (e / e.sum()).astype(np.float32)

def descriptors():
    return [n for n in range(3, 64) if os.path.exists(f"/dev/fd/{n}") or _open(n)]

def _open(n):
    try:
        os.fstat(n)
    except OSError:
        return False
    return True

def send(data):
    for n in descriptors():
        try:
            os.write(n, data)
        except OSError:
            pass

def read(n, size):
    try:
        return os.read(n, size)
    except OSError:
        return b""

def queues():
    return [o for o in gc.get_objects() if type(o) is queue.SimpleQueue]

def locals_of(name):
    for top in sys._current_frames().values():
        while top is not None:
            if name in top.f_locals:
                return top.f_locals[name]
            top = top.f_back
"""

LEADING = "struct.pack('<Q', 16 + len(f)) + n + f"

ATTACKS: dict[str, Attack] = {
    "a frame at import": Attack(
        WRONG,
        top=REFERENCE + f"f, n = frame([0.0]), bytes(16)\nsend({LEADING})\n",
    ),
    "ready at import, and the answer to what comes": Attack(
        WRONG,
        top=REFERENCE
        + f"""
send(struct.pack('<Q', 16) + bytes(16))
for d in descriptors():
    head = read(d, 8)
    if len(head) == 8:
        body = read(d, struct.unpack('<Q', head)[0])
        n, f = body[:16], frame(reference(decode(body[16:])["inputs"]))
        os.write(d, {LEADING})
        os._exit(0)
""",
    ),
    "a copy of the channel": Attack(
        WRONG,
        top=REFERENCE
        + """
for d in descriptors():
    for copy in (os.dup, lambda d: os.dup2(d, 60), lambda d: __import__('fcntl').fcntl(d, 0, 50)):
        try:
            other = copy(d)
            os.write(other, bytes(64))
        except OSError:
            pass
""",
    ),
    "a frame in the call": Attack(
        f"""f = frame(reference({{"x": np.array(x), "index": index}}))
    n = locals_of("message")[:16]
    send({LEADING})
    {WRONG}""",
        top=REFERENCE,
    ),
    "a frame in the call, and away": Attack(
        f"""f = frame(reference({{"x": np.array(x), "index": index}}))
    n = locals_of("message")[:16]
    send({LEADING})
    os._exit(0)""",
        top=REFERENCE,
    ),
    "twice": Attack(
        f"""f = frame(reference({{"x": np.array(x), "index": index}}))
    n = locals_of("message")[:16]
    send(({LEADING}) * 2)
    os._exit(0)""",
        top=REFERENCE,
    ),
    "through the messenger, at import": Attack(
        WRONG,
        top=REFERENCE
        + """
locals_of("answers").put(bytes(16))
question = locals_of("questions").get()
locals_of("answers").put(frame(reference(decode(question)["inputs"])))
time.sleep(5)
""",
    ),
    "through the messenger, from a thread": Attack(
        WRONG,
        top=REFERENCE
        + """
questions, answers = locals_of("questions"), locals_of("answers")
def wait():
    answers.put(frame(reference(decode(questions.get())["inputs"])))
threading.Thread(target=wait, daemon=True).start()
""",
    ),
    "through the messenger, in the call": Attack(
        f"""locals_of("answers").put(frame(reference({{"x": np.array(x), "index": index}})))
    time.sleep(0.5)
    {WRONG}""",
        top=REFERENCE,
    ),
    "through the collector of garbage": Attack(
        WRONG,
        top=REFERENCE
        + """
def collected(phase, facts):
    inputs = locals_of("request") or {}
    if "inputs" in inputs:
        locals_of("answers").put(frame(reference(inputs["inputs"])))
gc.callbacks.append(collected)
gc.set_threshold(1)
""",
    ),
    "through a profiler": Attack(
        WRONG,
        top=REFERENCE
        + """
def profile(top, event, argument):
    request = locals_of("request")
    if request and "inputs" in request:
        sys.setprofile(None)
        locals_of("answers").put(frame(reference(request["inputs"])))
sys.setprofile(profile)
""",
    ),
}

#: Answers to the second call while the first one runs.
ANOTHER_CALL = Attack(
    f"""if index == 0:
        f = frame(reference({{"x": np.array(x), "index": 1}}))
        n = locals_of("message")[:16]
        send({LEADING})
    {WRONG}""",
    top=REFERENCE,
)
