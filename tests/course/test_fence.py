"""The fence around a worker, tried without the policy: each door by itself."""

from __future__ import annotations

import contextlib
import errno
import json
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from attacks import forged, recorder, system
from attacks.catalogue import RETURN, WRONG, Attack
from attacks.running import X, probes, right_answer, run, worker, write
from small import ROOT, Mini

from course.grading import meter
from course.grading.asking import Asking, Forged
from course.grading.door.placing import Shelf
from course.grading.door.reading import Reading
from course.grading.door.sources import source_of
from course.grading.runners import ProbeFailed, WorkerFailed
from course.grading.worker import READY, receive, send
from course.graft.grafts import Grafts
from course.overlay import Choice, make_bundle
from course.sandbox import landlock, level, levels, seccomp

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seccomp is Linux's")


# Frames


@linux
@pytest.mark.parametrize("name", forged.ATTACKS)
def test_no_answer_but_the_probes_own(mini: Mini, tmp_path: Path, name: str) -> None:
    """Without the policy and with Python's own builtins: the channel itself holds, and says how."""
    write(mini, forged.ATTACKS[name], tmp_path / "hand-in")
    result = run(mini, tmp_path / "hand-in", sealed=False)
    assert not right_answer(result)
    assert forged.ATTACKS[name].says in reason(result)


@pytest.mark.parametrize("name", forged.ATTACKS)
def test_builtins_alone_hold_against_frames(mini: Mini, tmp_path: Path, name: str) -> None:
    """Without the policy: what forging needs is not served to a student's module."""
    write(mini, forged.ATTACKS[name], tmp_path / "hand-in")
    result = run(mini, tmp_path / "hand-in", sealed=True)
    assert "is not served to the library's modules" in reason(result)


@pytest.mark.parametrize("name", forged.ATTACKS)
def test_the_graft_and_the_policy_alone_hold_against_frames(
    mini: Mini, tmp_path: Path, name: str
) -> None:
    """Nothing runs here: the top of a module stays behind, and what travels is refused."""
    write(mini, forged.ATTACKS[name], tmp_path)
    grafts, exercise = Grafts(mini.project, mini.registry, tmp_path), mini.registry["1.2"]
    refused = [violation.sentence for violation in grafts.violations(exercise)]
    travels = {piece.qualname for piece in grafts.reached(exercise).pieces}
    if not travels <= {"pick", "SEEN"}:
        assert "the library stands on mlx.core and plain Python" in refused[0]


def reason(result: object) -> str:
    if isinstance(result, ProbeFailed):
        return str(result.description["message"])
    return str(result)


@linux
def test_no_answer_to_another_call(mini: Mini, tmp_path: Path) -> None:
    write(mini, forged.ANOTHER_CALL, tmp_path / "hand-in")
    isolated = worker(mini, tmp_path / "hand-in", sealed=False)
    try:
        with isolated.conversation(probes(mini)) as ask:
            for index in (0, 1):
                with pytest.raises(ProbeFailed) as failed:
                    ask("pick", {"x": X, "index": index})
                assert forged.REFUSED in reason(failed.value)
    finally:
        isolated.close()


QUESTION, ANSWER = b"question", b"answer"


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (lambda number: [READY, number + ANSWER], ""),
        (lambda number: [bytes(16 + 6)], "before it was asked"),
        (lambda number: [READY, READY, number + ANSWER], "before it was asked"),
        (lambda number: [READY, bytes(16) + ANSWER], "to another call"),
        (lambda number: [READY, number[:15] + b"x" + ANSWER], "to another call"),
        (lambda number: [READY, number + ANSWER, number + ANSWER], "twice"),
        (lambda number: [READY, number + ANSWER, b""], "twice"),
    ],
    ids=["honest", "not ready", "early", "no number", "a guess", "twice", "an empty one"],
)
def test_the_judge_alone_takes_one_answer_to_its_question(
    says: Callable[[bytes], list[bytes]], words: str
) -> None:
    """Without a fence: whatever the other end can do, this is what it may."""
    mine, theirs = socket.socketpair()

    def answers() -> None:
        early = says(bytes(16))
        count = 2 if early[:2] == [READY, READY] else 1
        for frame in early[:count]:
            send(theirs, frame)
        with contextlib.suppress(ConnectionError):  # the judge has hung up
            question = receive(theirs, 1 << 20) or b""
            for frame in says(question[:16])[count:]:
                send(theirs, frame)

    def ask() -> bytes:
        asking = Asking(mine, 5.0)
        asking.wait_until_ready()
        time.sleep(0.05)
        answer, _ = asking.ask(QUESTION)
        time.sleep(0.05)
        asking.hang_up()
        return answer

    thread = threading.Thread(target=answers, daemon=True)
    thread.start()
    with mine, theirs:
        if not words:
            assert ask() == ANSWER
        else:
            with pytest.raises(Forged, match=words):
                ask()
        mine.close()
        thread.join(10)


# System calls


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("system")
    command = [sys.executable, system.__file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(platform.machine() != "x86_64" or not sys.platform.startswith("linux"),
                    reason="the numbers are those of x86-64")  # fmt: skip
@pytest.mark.parametrize("name", system.CALLS)
def test_a_call_is_refused(refused: dict[str, int], name: str) -> None:
    wanted = errno.ENOSYS if name == "clone3" else errno.EPERM
    assert refused[name] == wanted


@linux
def test_the_mode_of_a_file_stays(refused: dict[str, int]) -> None:
    assert refused["mode"] == 0o644


@linux
def test_what_python_numpy_and_mlx_need_is_allowed() -> None:
    assert recorder.record() == []


@linux
def test_the_recorder_names_what_is_missing() -> None:
    assert recorder.record("rename", "fsync") == ["fsync", "rename"]


@linux
def test_a_compiler_runs_where_one_is_allowed(tmp_path: Path) -> None:
    code = """
import sys, mlx.core as mx
from course.sandbox import Fence, enter
enter(Fence((sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/bin", "/etc"), sys.argv[1],
            memory=8 << 30, compiler=True))
x = mx.array([1.0, 2.0])
print(mx.compile(lambda a: mx.exp(a) * a + 1)(x).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    values = json.loads(done.stdout or "[]")
    np.testing.assert_allclose(values, [np.e + 1, 2 * np.e**2 + 1], rtol=1e-6, err_msg=done.stderr)
    assert list(tmp_path.rglob("*.so")), "no kernel was compiled"


# The reader


EXPLOIT = """
import json, os, socket, subprocess, sys
from pathlib import Path
from course.grading.door import reader

def attempt(action):
    try:
        return repr(action())
    except OSError as error:
        return type(error).__name__

def exploit(paths, shelf, scratch):
    secret, record = Path(sys.argv[1]), Path(sys.argv[2])
    shell = lambda line: subprocess.run(["/bin/sh", "-c", line], capture_output=True).stdout
    tried = {
        "reads": attempt(secret.read_text),
        "reads in a program": attempt(lambda: shell(f"cat '{secret}'")),
        "lists": attempt(lambda: os.listdir(secret.parent)),
        "the solutions": attempt(lambda: os.listdir(reader.COURSE.parent / "solutions")),
        "the user's home": attempt(lambda: os.listdir(Path.home())),
        "writes": attempt(lambda: record.write_text("{}")),
        "writes in a program": attempt(lambda: shell(f"echo '{{}}' >'{record}'; echo no")),
        "writes what it reads": attempt(lambda: (paths[0] / "new.py").write_text("")),
        "writes the course": attempt(lambda: (reader.COURSE / "new.py").write_text("")),
        "network": attempt(socket.socket),
        "a local socket": attempt(socket.socketpair),
        "signals": attempt(lambda: os.kill(os.getppid(), 0)),
        "a session of its own": attempt(os.setsid),
        "a program": attempt(lambda: shell("echo works")),
        "its own": attempt(lambda: (paths[0] / "a.py").read_text()),
    }
    return {"files": {}, "notes": [json.dumps(tried)], "problem": ""}

reader.read = exploit
reader.main()
"""


@linux
def test_an_exploit_of_a_decoder_reaches_nothing(tmp_path: Path) -> None:
    secret, record = tmp_path / "elsewhere" / "secret", tmp_path / "scratch" / "record.json"
    for folder in ("ada", "elsewhere", "scratch/door"):
        (tmp_path / folder).mkdir(parents=True)
    secret.write_text("nobody's business")
    (tmp_path / "ada" / "a.py").write_text("x = 1")
    command = (sys.executable, "-c", EXPLOIT, str(secret), str(record))
    source, shelf = source_of(tmp_path / "ada"), Shelf(frozenset(), ())
    reading = Reading(source, shelf, tmp_path / "scratch" / "door", command)
    found = reading.result()
    assert found.notes, found.problem
    tried = json.loads(found.notes[0])
    assert tried.pop("its own") == "'x = 1'"
    # git has to be started; whatever is started is behind the same fence.
    assert tried.pop("a program") == repr(b"works\n")
    assert tried.pop("reads in a program") == repr(b"")
    assert tried.pop("writes in a program") == repr(b"no\n")
    assert {name: said for name, said in tried.items() if said != "PermissionError"} == {}
    assert not record.exists()


@linux
def test_what_a_reader_leaves_behind_is_ended(tmp_path: Path) -> None:
    body = "import os, subprocess, sys\nprint(subprocess.Popen(['sleep', '600']).pid)"
    command = (sys.executable, "-c", body)
    (tmp_path / "ada").mkdir()
    reading = Reading(source_of(tmp_path / "ada"), Shelf(frozenset(), ()), tmp_path / "s", command)
    while not reading.is_over():
        time.sleep(0.01)
    pid = int((tmp_path / "s" / "answer").read_text())
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# What is claimed


@pytest.mark.parametrize(
    ("abi", "filtered", "held", "loose"),
    [
        (7, True, ["files", "attributes of files", "network", "signals", "processes"], []),
        (1, True, ["files", "attributes of files", "network", "signals", "processes"], []),
        (1, False, [], ["files", "attributes of files", "network", "signals", "processes"]),
        (5, False, ["files"], ["attributes of files", "network", "signals", "processes"]),
        (6, False, ["files", "signals"], ["attributes of files", "network", "processes"]),
        (0, True, ["attributes of files", "network", "signals", "processes"], ["files"]),
    ],
)
def test_only_what_holds_is_claimed(
    monkeypatch: pytest.MonkeyPatch, abi: int, filtered: bool, held: list[str], loose: list[str]
) -> None:
    monkeypatch.setattr(levels.sys, "platform", "linux")
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    monkeypatch.setattr(seccomp, "available", lambda: filtered)
    sentence = level().sentence
    assert ("not fenced in: " + ", ".join(loose) in sentence) == bool(loose)
    assert ("; fenced in: " + ", ".join(held) in sentence) == bool(held)


# Meters


PATCHED = """
import gc, os, resource, sys, time
import mlx.core as mx
mx.get_peak_memory = lambda: 0
resource.getrusage = lambda who: (0,) * 16
time.perf_counter = time.monotonic = time.time = lambda: 0.0
for o in gc.get_objects():
    if type(o) is dict and o.get("ru_maxrss"): o["ru_maxrss"] = 0
"""


@linux
def test_time_and_memory_are_read_outside(mini: Mini, tmp_path: Path) -> None:
    slow = "y = bytearray(b'1') * (300 << 20)\n    t = os.times().elapsed\n"
    slow += "    while os.times().elapsed < t + 0.3: pass\n    " + WRONG
    peaks, seconds = [], []
    for number, body in enumerate((WRONG, slow)):
        write(mini, Attack(body, top=PATCHED), tmp_path / str(number))
        isolated = worker(mini, tmp_path / str(number), sealed=False)
        try:
            with isolated.conversation(probes(mini)) as ask:
                spent = [ask("pick", {"x": X, "index": 0})[1] for _ in range(2)]
        finally:
            isolated.close()
        peaks.append(isolated.peak * 1024)
        seconds.append(min(spent))
    assert peaks[1] - peaks[0] > 250 << 20
    assert seconds[1] > 0.25


def test_a_reset_in_between_hides_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "reset_peak_memory", mx.reset_peak_memory)  # puts it back afterwards
    forget = mx.reset_peak_memory
    meter.install()
    meter.reset()
    mx.eval(mx.zeros((1 << 22,)))
    mx.reset_peak_memory()
    mx.clear_cache()
    assert mx.get_peak_memory() < 1 << 24 <= meter.peak()
    forget()
    meter.reset()
    assert meter.peak() < 1 << 24


# Memory


# The pattern is not what it looks for, so only another's text can be found; OWN shows that it is.
SEARCH = """import ctypes, gc, os, re
    libc, size, own = ctypes.CDLL(None), 1 << 16, b"MARKOF-THE-OWN"
    marks = re.compile(b"MARKOF-THE-([S]OLUTION|[C]OMMENT|[O]WN)")
    out = os.open("out", os.O_RDWR | os.O_CREAT)
    starts = {id(o) >> 26 << 26 for o in gc.get_objects()}
    starts |= {id(bytes(1 << n)) >> 26 << 26 for n in range(4, 26)}
    found = set()
    for start in sorted(starts):
        for at in range(start, start + (1 << 26), size):
            if libc.pwrite(out, ctypes.c_void_p(at), ctypes.c_size_t(size), ctypes.c_long(0)) > 0:
                found |= {bytes(mark) for mark in marks.findall(os.pread(out, size, 0))}
    raise ValueError(sorted(mark.decode() for mark in found))"""
MARKED = f"    mark = 'MARKOF-THE-SOLUTION'  # MARKOF-THE-COMMENT\n{RETURN}"


@linux
@pytest.mark.parametrize("whole", [True, False])
def test_a_search_through_memory_finds_no_solution(mini: Mini, tmp_path: Path, whole: bool) -> None:
    """The solution of the exercise itself, as text or as code, is nowhere in its worker."""
    path = mini.root / "solutions" / "tinymlx" / "rows" / "softmax.py"
    write(mini, Attack(SEARCH if whole else WRONG), tmp_path)
    path.write_text(path.read_text().replace(RETURN, MARKED))
    isolated = worker(mini, tmp_path, sealed=False)
    if not whole:  # grafted; the policy would not let the search travel, so it is put in afterwards
        choice = Choice(tmp_path, keep=frozenset({"1.2"}))
        bundle = make_bundle(mini.project, mini.registry, choice)
        texts = {key: text.replace(WRONG, SEARCH) for key, text in bundle.texts.items()}
        assert texts != bundle.texts
        isolated.bundle = replace(bundle, texts=texts)
    try:
        with pytest.raises(ProbeFailed) as failed:
            isolated.run(probes(mini), "pick", {"x": X, "index": 2})
    finally:
        isolated.close()
    assert str(failed.value) == "['OWN']"


# Builtins


@pytest.mark.parametrize(
    ("top", "body", "words"),
    [
        ("import os", WRONG, "os is not served"),
        ("import ctypes", WRONG, "ctypes is not served"),
        ("import mlx.nn", WRONG, "mlx.nn is not served"),
        ("import course.grading.probing", WRONG, "is not served"),
        ("", "return __import__('gc').get_objects()", "gc is not served"),
        ("", "return open('/etc/passwd').read()", "name 'open' is not defined"),
        ("", "return eval('mx.softmax')(x)", "name 'eval' is not defined"),
        ("import sys", "return sys.modules['os']", "no attribute 'modules'"),
        ("import sys", "return sys._getframe()", "no attribute '_getframe'"),
        ("import random", "return random._os.getpid()", "no attribute '_os'"),
        ("import contextlib", "return contextlib.os", "no attribute 'os'"),
        ("import dataclasses", "return dataclasses.sys.modules", "no attribute 'sys'"),
        ("import functools", "return functools.namedtuple", "no attribute 'namedtuple'"),
    ],
)
def test_builtins_are_the_librarys_own(
    mini: Mini, tmp_path: Path, top: str, body: str, words: str
) -> None:
    write(mini, Attack(body, top=top), tmp_path / "hand-in")
    error = run(mini, tmp_path / "hand-in", sealed=True)
    assert isinstance(error, ProbeFailed) and words in error.description["message"]


def test_honest_modules_do_not_notice(mini: Mini, tmp_path: Path) -> None:
    top = """
import collections.abc
import math, re, sys, operator
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple, Any

@dataclass(frozen=True)
class Point:
    x: float = 0.0
    y: list = field(default_factory=list)

class Pair(NamedTuple):
    a: int = 1

class Base:
    def __init__(self): self.kept = deque([1])
class Derived(Base):
    def __init__(self): super().__init__()
"""
    body = """print("here", file=sys.stderr)
    assert isinstance([], collections.abc.Sequence) and math.sqrt(4) == 2 and re.match("a", "ab")
    assert Point(1.0).x == Pair().a == len(Derived().kept) and partial(max, 1)(2) == 2
    from itertools import chain
    return rows.softmax(x)[index]"""
    write(mini, Attack(body, top=top), tmp_path / "hand-in")
    assert right_answer(run(mini, tmp_path / "hand-in", sealed=True))


def test_workers_failed_is_told(mini: Mini, tmp_path: Path) -> None:
    write(mini, forged.ATTACKS["through the messenger, at import"], tmp_path / "hand-in")
    error = run(mini, tmp_path / "hand-in", sealed=False)
    assert isinstance(error, WorkerFailed) and "did not come from the probe" in str(error)
