"""Handing in an attack, and running it behind the fence without the policy in its way."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from attacks.catalogue import RETURN, Attack
from small import Mini

from course.grading.probing import ChangedInput
from course.grading.runners import Isolated, Limits, ProbeFailed, WorkerFailed
from course.grading.values import WrongValue
from course.overlay import Choice, make_bundle

X = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)


def write(mini: Mini, attack: Attack, folder: Path) -> None:
    """One submission: the solution, with the attack in the place of ``pick``."""
    shutil.copytree(mini.root / "solutions" / "tinymlx", folder / "tinymlx")
    path = folder / "tinymlx" / "rows" / "softmax.py"
    text = path.read_text().replace(RETURN, f"    {attack.body}")
    text = text.replace("HOME", repr(str(mini.root)))
    path.write_text(f"{attack.top}\n{text}" if attack.top else text)
    for name, content in attack.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def worker(mini: Mini, folder: Path, sealed: bool, memory: int = 8 << 30) -> Isolated:
    """A fenced worker with the folder's modules as they are."""
    choice = Choice(folder, fill=False, whole=True)
    bundle = make_bundle(mini.project, mini.registry, choice)
    isolated = Isolated(mini.project, bundle, Limits(seconds=2.5, memory=memory), fence=True)
    isolated.sealed = sealed
    return isolated


def probes(mini: Mini) -> Path:
    return mini.project.tests / "ch01_rows" / "probes.py"


def run(mini: Mini, folder: Path, sealed: bool) -> Any:
    """What ``pick`` gives, or the exception with which the judge takes it."""
    isolated = worker(mini, folder, sealed)
    try:
        return isolated.run(probes(mini), "pick", {"x": X, "index": 2})
    except (ProbeFailed, WorkerFailed, WrongValue, ChangedInput) as error:
        assert str(error) or type(error) is ProbeFailed
        return error
    finally:
        isolated.close()


def right_answer(result: Any) -> bool:
    right = np.exp(X[2]) / np.exp(X[2]).sum()
    y = result["y"] if isinstance(result, dict) and "y" in result else result
    return isinstance(y, np.ndarray) and y.shape == (7,) and np.allclose(y, right)


def processes_of(mini: Mini) -> list[str]:
    """The workers of a small course that still run."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_text()
        except OSError:
            continue
        if "worker.py" in command and str(mini.root) in command:
            found.append(entry)
    return found
