"""The worker of isolated mode: what it is given, and what is left when things go wrong."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small import Mini

from course import scratch
from course.grading import groups, runners
from course.grading.runners import Isolated, Limits, ProbeFailed, WorkerFailed
from course.grading.worker import LEAVING
from course.overlay import Choice, make_bundle
from course.paths import Project

X = np.array([[0.0, 0.0]], np.float32)


def worker(mini: Mini, body: str | None = None, **limits: float) -> Isolated:
    """A worker whose `pick` has ``body``."""
    mini.solve()
    if body is not None:
        mini.replace("    return rows.softmax(x)[index]", body)
    bundle = make_bundle(mini.project, mini.registry, Choice(mini.root, whole=True))
    return Isolated(mini.project, bundle, Limits(**{"seconds": 10.0, **limits}))  # type: ignore[arg-type]


def pick(isolated: Isolated) -> object:
    probes = isolated.project.tests / "ch01_rows" / "probes.py"
    try:
        return isolated.run(probes, "pick", {"x": X, "index": 0})
    finally:
        isolated.close()


def test_a_result_comes_back(mini: Mini) -> None:
    result = pick(worker(mini))
    np.testing.assert_array_equal(result["y"], [0.5, 0.5])  # type: ignore[index]


@pytest.mark.parametrize("seconds", [0.2, 60.0])
def test_a_thread_beside_the_answer_must_end(mini: Mini, seconds: float) -> None:
    """One that is about to end is waited for: MLX reads files of arrays in one, through Python."""
    body = (
        "    import threading, time\n"
        f"    threading.Thread(target=time.sleep, args=({seconds},), daemon=True).start()\n"
        "    return rows.softmax(x)[index]"
    )
    isolated = worker(mini, body)
    if seconds < LEAVING:
        np.testing.assert_array_equal(pick(isolated)["y"], [0.5, 0.5])  # type: ignore[index]
    else:
        with pytest.raises(WorkerFailed, match="did not come from the probe"):
            pick(isolated)


def test_each_probe_has_a_process_of_its_own(mini: Mini) -> None:
    body = "    rows.count = getattr(rows, 'count', 0) + 1\n    return mx.array(rows.count)"
    isolated = worker(mini, body)
    probes = mini.project.tests / "ch01_rows" / "probes.py"
    counts = [isolated.run(probes, "pick", {"x": X, "index": 0})["y"].item() for _ in range(3)]
    isolated.close()
    assert counts == [1, 1, 1]


def test_the_environment_is_clean_and_the_folder_is_scratch(
    mini: Mini, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_JUDGE", "42")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    body = "    import os\n    raise ValueError(repr((dict(os.environ), os.getcwd())))"
    with pytest.raises(ProbeFailed) as failed:
        pick(worker(mini, body))
    message = str(failed.value)
    assert "SECRET" not in message and "PYTHONPATH" not in message
    assert "tinymlx-worker-" in message and "'MLX_ENABLE_TF32': '0'" in message


def test_no_descriptor_of_the_judge_is_open(mini: Mini) -> None:
    body = "    import os\n    raise ValueError(os.listdir('/proc/self/fd'))"
    with pytest.raises(ProbeFailed) as failed:
        pick(worker(mini, body))
    numbers = set(eval(str(failed.value)))
    assert numbers <= {str(n) for n in range(8)}, numbers


def test_the_worker_holds_no_expected_value(mini: Mini) -> None:
    body = (
        "    import sys\n    names = {'pytest', 'reference', 'torch', 'course.grading.answers'}\n"
        "    raise ValueError(sorted(names & set(sys.modules)))"
    )
    with pytest.raises(ProbeFailed, match=r"^\[\]$"):
        pick(worker(mini, body))


FRAME = """    import os, stat, struct
    names = [int(n) for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]
    s = [n for n in names if n > 2 and stat.S_ISSOCK(os.fstat(n).st_mode)][-1]
    import sys
    frames = list(sys._current_frames().values())
    frames += [f.f_back for f in frames if f.f_back]
    number = [f.f_locals['message'] for f in frames if 'message' in f.f_locals][0][:16]
    def frame(payload): return struct.pack('<Q', 16 + len(payload)) + number + payload
    right = struct.pack('<I', 24) + b'{"dict":{"result":[1.0]}}'
"""


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("os.write(s, b'\\xff' * 8)", "the limit is"),
        ("os.write(s, struct.pack('<Q', 10) + b'123'); os._exit(0)", "exit code 0"),
        ("os.write(s, struct.pack('<Q', 3) + b'123')", "another call"),
        ("os.write(s, frame(b'123'))", "a broken frame"),
        ("os.write(s, frame(struct.pack('<I', 2) + b'{}123'))", "a broken frame"),
        ("os.write(s, frame(struct.pack('<I', 2) + b'[]'))", "no result"),
        ("number = bytes(16); os.write(s, frame(right))", "another call"),
        ("os.write(s, frame(right) * 2)", "twice"),
        ("[os.write(s, b'\\x00') and __import__('time').sleep(9) for _ in range(99)]", "within 2"),
    ],
)
def test_forged_frames_are_refused(mini: Mini, action: str, words: str) -> None:
    isolated = worker(mini, FRAME + f"    {action}\n    os._exit(0)", seconds=2.0)
    with pytest.raises(WorkerFailed, match=words):
        pick(isolated)


def test_a_worker_serves_on_after_a_death(mini: Mini) -> None:
    isolated = worker(mini, "    import os\n    if index: os._exit(3)\n    return x")
    probes = mini.project.tests / "ch01_rows" / "probes.py"
    with pytest.raises(WorkerFailed, match="exit code 3"):
        isolated.run(probes, "pick", {"x": X, "index": 1})
    assert isolated.run(probes, "pick", {"x": X, "index": 0})["y"].shape == (1, 2)
    isolated.close()


def test_scratch_folders_are_removed(mini: Mini) -> None:
    isolated = worker(mini)
    isolated._start()
    scratch = Path(isolated._scratch)
    assert scratch.is_dir()
    isolated.close()
    assert not scratch.exists()


def test_a_folder_of_a_killed_judge_is_removed_and_a_neighbours_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    code = "from course import scratch; print(scratch.make('worker'), flush=True); input()"
    judges = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    killed, neighbour = (Path(j.stdout.readline().strip()) for j in judges)  # type: ignore[union-attr]
    (killed / "deep").mkdir()
    judges[0].kill()
    judges[0].wait()
    scratch.sweep(str(tmp_path))
    assert not killed.exists() and neighbour.is_dir()
    judges[1].kill()
    judges[1].wait()
    mine = scratch.make("worker")
    scratch.sweep(str(tmp_path))
    assert Path(mine).is_dir() and not neighbour.exists()
    scratch.remove(mine)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux kills orphans by prctl")
def test_no_process_is_left_when_the_judge_is_killed(mini: Mini) -> None:
    mini.solve()
    mini.replace("    return rows.softmax(x)[index]", "    while True:\n        pass")
    judge = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "--isolated", "--exercise", "1.2"],
        cwd=mini.root,
        env=mini.environment(),
        stdout=subprocess.DEVNULL,
    )
    wait(lambda: len(workers_of(mini)) == 2)  # the worker, and its fork with the endless loop
    judge.send_signal(signal.SIGKILL)
    judge.wait()
    wait(lambda: not workers_of(mini))


def workers_of(mini: Mini) -> list[str]:
    found = []
    for entry in os.listdir("/proc"):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_text()
        except OSError:
            continue
        if "worker.py" in command and str(mini.root) in command:
            found.append(entry)
    return found


def wait(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_memory_of_a_group_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of 40 MB each in one group; read from /proc, and as on a Mac from `ps`."""
    code = "import os, sys; b = bytearray(40 << 20); os.fork(); print(flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline(), process.stdout.readline()
        assert 80 << 20 < groups.group_memory(process.pid) < 200 << 20
        monkeypatch.setattr(groups, "PROC", Path("/nowhere"))
        assert 80 << 20 < groups.group_memory(process.pid) < 200 << 20
        assert groups.group_memory(-5) == 0
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_many_processes_may_not_fill_the_memory(
    mini: Mini, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No single process is over the limit, but all together are."""
    monkeypatch.setattr(runners, "group_memory", lambda group: (4 << 30) + 1 if group else 0)
    body = "    import time\n    time.sleep(5)"
    with pytest.raises(WorkerFailed, match="its processes took 4096 MB; the limit is 4096 MB"):
        pick(worker(mini, body, memory=4 << 30))


def test_the_limit_of_memory_follows_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups.os, "cpu_count", lambda: 4)
    for machine, share in ((2, 1), (8, 2), (32, 8), (256, 16)):
        monkeypatch.setattr(groups, "machine_memory", lambda: machine << 30)  # noqa: B023
        assert groups.memory_share() == share << 30
        assert Limits().memory == share << 30


def test_a_container_is_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "CONTAINER", tmp_path)
    whole = groups.machine_memory()
    (tmp_path / "memory.max").write_text("max\n")
    assert groups.machine_memory() == whole
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert groups.machine_memory() == 1 << 30


def test_files_that_vanish_while_they_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler removes its temporary files between the listing and the look."""
    (tmp_path / "sub").mkdir()
    for name in ("a", "b", "sub/c"):
        (tmp_path / name).write_bytes(b"123")
    scandir = os.scandir

    def listed(folder: str) -> list[os.DirEntry[str]]:
        entries = list(scandir(folder))
        (tmp_path / "a").unlink(missing_ok=True)
        return entries

    monkeypatch.setattr(runners.os, "scandir", listed)
    assert sum(runners._sizes(str(tmp_path))) == 6


def test_what_probes_take_of_the_course_is_imported_before_the_fence(project: Project) -> None:
    """Behind it the course's own files cannot be read."""
    worker = ast.parse((project.root / "course/grading/worker.py").read_text())
    (main,) = (n for n in worker.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    there = {name for name, _ in _taken(main)} | {f"{a}.{b}" for a, b in _taken(main)}
    for path in sorted(project.tests.glob("ch*/probes.py")):
        for module, name in _taken(ast.parse(path.read_text())):
            wanted = f"{module}.{name}" if module == "course.grading" else module
            assert wanted in there, f"{path}: {wanted}"


def _taken(tree: ast.AST) -> set[tuple[str, str]]:
    """What is imported of the course: module and name."""
    return {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course")
        for alias in node.names
    }
