"""Several processes on this machine: equal to one process, and to MLX's own layers."""

import importlib
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course.cli.project import implementation

PROCESSES = Path(__file__).with_name("processes")


def free_ports(count):
    """The first of so many ports in a row that nobody uses."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        taken = []
        try:
            for port in range(first, first + count):
                taken.append(socket.socket())
                taken[-1].bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        finally:
            for one in taken:
                one.close()
        return first
    raise OSError("no free ports in a row")


def launched(program, count, *args, seconds=60):
    """What ``mlx.launch`` and the processes print, and its exit status."""
    launcher = Path(sys.executable).with_name("mlx.launch")
    command = [launcher, "-n", str(count), "--backend", "ring", "--python", sys.executable]
    command += ["--starting-port", str(free_ports(count)), PROCESSES / "on_solutions.py"]
    command += [PROCESSES / program, *args]
    done = subprocess.run(
        [str(x) for x in command], capture_output=True, text=True, timeout=seconds
    )
    return done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize("count", [2, 4])
def test_members_agree(count):
    said, _ = launched("members.py", count)
    expected = re.findall(r"@check\ndef (\w+)", (PROCESSES / "members.py").read_text())
    assert re.findall(r"checked (\w+)", said) == expected, said[-3000:]
    assert len(expected) == 8


def test_who_loses_a_process_says_so_and_training_goes_on_later(tmp_path):
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    start = time.monotonic()
    undisturbed, _ = launched("training.py", 2, whole)
    usual = time.monotonic() - start
    launched("training.py", 2, broken, "4")
    assert time.monotonic() - start < 2 * usual + 10
    assert Path(f"{broken}.said").read_text() == (
        "Process 0 lost a process of its group in step 4, and stops: the others' "
        "gradients are missing. Start it again: it goes on from its last checkpoint."
    )
    again, _ = launched("training.py", 2, broken)
    assert "from 0 " in undisturbed and "from 3 " in again
    assert weights(again) == weights(undisturbed)


def test_a_launcher_that_ends_all_waits_for_the_sentence(project, registry):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("end"))
    try:
        with implementation(project, registry, "solutions"):
            lost = importlib.import_module("tinymlx.parallel.lost")
            with pytest.raises(lost.LostProcess, match="Process 1 lost"), lost.telling(1, 2, ""):
                signal.raise_signal(signal.SIGTERM)
                assert not heard
                raise RuntimeError("connection to a peer was lost")
            assert not heard
            # Where nothing was lost, the signal is heard at the end; other errors stay.
            with lost.telling(1, 2, ""):
                signal.raise_signal(signal.SIGTERM)
                assert not heard
            assert heard == ["end"]
            with pytest.raises(RuntimeError, match="another"), lost.telling(1, 2, ""):
                signal.raise_signal(signal.SIGTERM)
                raise RuntimeError("another")
            assert heard == ["end"] * 2
            with lost.telling(1, 2, ""):
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGTERM)
                assert heard == ["end"] * 3
    finally:
        signal.signal(signal.SIGTERM, before)


def weights(said):
    return re.search(r"from \d (\[\[.*\]\])", said)[1]


@pytest.fixture(scope="module")
def scaling(project, registry):
    with implementation(project, registry, "solutions"):
        yield importlib.import_module("tinymlx.parallel.scaling")


def test_a_link_is_found_in_the_times_that_it_explains(scaling):
    link = scaling.Link(latency=20e-6, bandwidth=3e9)
    sizes = [1e3, 1e5, 1e6, 1e8]
    for processes in (2, 5):
        seconds = [scaling.sum_time(size, processes, link) for size in sizes]
        found = scaling.fitted(sizes, seconds, processes)
        assert found.latency == pytest.approx(link.latency, rel=1e-6)
        assert found.bandwidth == pytest.approx(link.bandwidth, rel=1e-6)
    # Two processes exchange halves twice: two latencies, and all bytes once.
    assert scaling.sum_time(3e9, 2, link) == pytest.approx(40e-6 + 1.0)
    with pytest.raises(ValueError, match="two sizes"):
        scaling.fitted([1e3, 1e3], [1.0, 1.1], 2)
    with pytest.raises(ValueError, match="no longer"):
        scaling.fitted([1e3, 1e6], [1.0, 0.5], 2)


def test_efficiency_falls_with_processes_and_rises_with_overlap(scaling):
    link = scaling.Link(latency=20e-6, bandwidth=3e9)
    shares = [scaling.efficiency(0.1, 40e6, n, link) for n in (1, 2, 16, 1024)]
    assert shares[0] == 1 and shares == sorted(shares, reverse=True)
    assert scaling.efficiency(0.1, 40e6, 1024, link, overlap=0.6) > shares[-1]
    assert scaling.step_time(0.1, 40e6, 2, link, overlap=1.0) == 0.1


def test_an_optimizer_that_sees_matrices_is_refused(project, registry):
    with implementation(project, registry, "solutions"):
        optimizers = importlib.import_module("tinymlx.optimizers")
        state = importlib.import_module("tinymlx.parallel.sharded_state")
        with pytest.raises(ValueError, match="Muon updates a matrix as a whole"):
            state.ShardedOptimizer(optimizers.Muon(0.1))
