"""Submissions that answer the judge in the probe's place, without the policy in their way.

Each stands in the place of ``pick`` of the small course and has got through to everything that
Python offers; it knows the course's own code, and carries a reference of its own (`REFERENCE`).
Its ``pick`` is wrong, and it must not get the right answer across. What stopped it, it says itself
at the end (`SEEN`), or the judge does: ``says`` holds the words.
"""

from __future__ import annotations

from attacks.catalogue import WRONG, Attack

REFERENCE = """
import errno, gc, json, os, queue, struct, sys, threading, time
import numpy as np
from course.grading.values import decode, encode

SEEN = set()

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
        except OSError as error:
            SEEN.add(errno.errorcode[error.errno])

def read(n, size):
    try:
        return os.read(n, size)
    except OSError as error:
        SEEN.add(errno.errorcode[error.errno])
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

TOLD = "raise ValueError(f'seen: {sorted(SEEN)}')"
REFUSED = "seen: ['EPERM'"  # by seccomp, as the first thing seen
NOT_THE_PROBE = "did not come from the probe that was called"
LEADING = "struct.pack('<Q', 16 + len(f)) + n + f"

ATTACKS: dict[str, Attack] = {
    "a frame at import": Attack(
        TOLD,
        top=REFERENCE + f"f, n = frame([0.0]), bytes(16)\nsend({LEADING})\n",
        says=REFUSED,
    ),
    "ready at import, and the answer to what comes": Attack(
        TOLD,
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
        says=REFUSED,
    ),
    "a copy of the channel": Attack(
        TOLD,
        top=REFERENCE
        + """
for d in descriptors():
    for copy in (os.dup, lambda d: os.dup2(d, 60), lambda d: __import__('fcntl').fcntl(d, 0, 50)):
        try:
            other = copy(d)
            os.write(other, bytes(64))
        except OSError as error:
            SEEN.add(errno.errorcode[error.errno])
""",
        says=REFUSED,
    ),
    "a frame in the call": Attack(
        f"""f = frame(reference({{"x": np.array(x), "index": index}}))
    n = locals_of("message")[:16]
    send({LEADING})
    {TOLD}""",
        top=REFERENCE,
        says=REFUSED,
    ),
    "a frame in the call, and away": Attack(
        f"""f = frame(reference({{"x": np.array(x), "index": index}}))
    n = locals_of("message")[:16]
    send({LEADING})
    os._exit(sum(map(ord, "".join(SEEN))) % 256)""",
        top=REFERENCE,
        says=f"exit code {sum(map(ord, 'EPERM')) % 256} before it gave a result",
    ),
    "twice": Attack(
        f"""f = frame(reference({{"x": np.array(x), "index": index}}))
    n = locals_of("message")[:16]
    send(({LEADING}) * 2)
    {TOLD}""",
        top=REFERENCE,
        says=REFUSED,
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
        says=NOT_THE_PROBE,
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
        says=NOT_THE_PROBE,
    ),
    "through the messenger, in the call": Attack(
        f"""locals_of("answers").put(frame(reference({{"x": np.array(x), "index": index}})))
    time.sleep(0.5)
    {WRONG}""",
        top=REFERENCE,
        says=NOT_THE_PROBE,
    ),
    "through the collector of garbage": Attack(
        "raise ValueError(f'callbacks: {gc.callbacks}')",
        top=REFERENCE
        + """
def collected(phase, facts):
    inputs = locals_of("request") or {}
    if "inputs" in inputs:
        locals_of("answers").put(frame(reference(inputs["inputs"])))
gc.callbacks.append(collected)
gc.set_threshold(1)
""",
        says="callbacks: []",
    ),
    "through a profiler": Attack(
        "raise ValueError(f'profiler: {sys.getprofile()}')",
        top=REFERENCE
        + """
def profile(top, event, argument):
    request = locals_of("request")
    if request and "inputs" in request:
        sys.setprofile(None)
        locals_of("answers").put(frame(reference(request["inputs"])))
sys.setprofile(profile)
""",
        says="profiler: None",
    ),
}

#: Answers to the second call while the first one runs.
ANOTHER_CALL = Attack(
    f"""if index == 0:
        f = frame(reference({{"x": np.array(x), "index": 1}}))
        n = locals_of("message")[:16]
        send({LEADING})
    {TOLD}""",
    top=REFERENCE,
    says=REFUSED,
)
