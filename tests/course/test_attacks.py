"""Every attack of the catalogue is graded as a class would be, and gains nothing."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from attacks.catalogue import ATTACKS, Attack
from small import MINI, Mini

from course.grading.campaign import Campaign, Plan
from course.grading.exports import outcome
from course.grading.probing import ChangedInput
from course.grading.runners import Isolated, Limits, ProbeFailed, WorkerFailed
from course.grading.values import WrongValue
from course.overlay import Choice, make_bundle

RETURN = "    return rows.softmax(x)[index]"


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


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The records of all attacks and of the honest solution, graded in one campaign.

    Where tests run in several processes, the first that comes grades, and the others wait.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
    shared = tmp_path_factory.getbasetemp().parent
    with (shared / f"attacks-{run}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        written = shared / f"attacks-{run}.json"
        if not written.exists():
            base = tmp_path_factory.mktemp("attacks")
            written.write_text(json.dumps({"base": str(base), "records": campaign_of(base)}))
        found = json.loads(written.read_text())
    base = Path(found["base"])
    return {
        "records": found["records"],
        "mini": Mini(base / "course"),
        "scratch": base / "scratch",
    }


def campaign_of(base: Path) -> dict:
    """Grade all attacks below ``base``; the records by name."""
    shutil.copytree(MINI, base / "course", ignore=shutil.ignore_patterns("__pycache__"))
    mini = Mini(base / "course")
    folders = {}
    for number, (name, attack) in enumerate([("honest", Attack(RETURN.strip())), *ATTACKS.items()]):
        folders[name] = base / "class" / f"s{number:02d}"
        write(mini, attack, folders[name])
    registry = mini.registry
    plan = Plan(registry.select("1.2"), seeds=(7,), jobs=2, limit=2.0)
    scratch = base / "scratch"
    scratch.mkdir()
    campaign = Campaign(mini.project, registry, plan, mini.root / "report")
    paths = list(folders.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        patch.setenv("TMPDIR", str(scratch))
        campaign.run(paths)
    return {name: campaign.record(path.name) for name, path in folders.items()}


def test_the_honest_solution_passes(graded: dict) -> None:
    assert outcome(graded["records"]["honest"], "1.2") == "passed"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_nothing(graded: dict, name: str) -> None:
    record = graded["records"][name]
    assert outcome(record, "1.2") in ("failed", "to do", "incomplete"), record["exercises"]
    verdict = record["exercises"]["1.2"]["own"]
    if verdict["outcome"] == "failed":
        headline = verdict["failures"][0]["headline"]
        assert headline and "Traceback" not in headline and len(headline) < 400


def test_nothing_was_written_outside(graded: dict) -> None:
    mini = graded["mini"]
    assert not (mini.root / "report/records/cheat.json").exists()
    assert list(graded["scratch"].iterdir()) == []


def test_no_process_outlives_the_grading(graded: dict) -> None:
    deadline = time.monotonic() + 20
    while _workers(graded["mini"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _workers(mini: Mini) -> list[str]:
    found = []
    for entry in os.listdir("/proc"):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_text()
        except OSError:
            continue
        if "worker.py" in command and str(mini.root) in command:
            found.append(entry)
    return found


# These get the right numbers by a closed road; it is the policy that refuses them.
BY_POLICY = {"getattr", "sys.modules", "eval", "attrgetter", "dunder", "changes its input"}


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in BY_POLICY])
def test_the_fence_holds_without_the_policy(mini: Mini, tmp_path: Path, name: str) -> None:
    """The same attacks run for real, behind the fence: no right answer, no trace outside."""
    write(mini, ATTACKS[name], tmp_path / "hand-in")
    bundle = make_bundle(
        mini.project, mini.registry, Choice(tmp_path / "hand-in", fill=False, whole=True)
    )
    limits = Limits(seconds=2.5, memory=8 << 30)
    isolated = Isolated(mini.project, bundle, limits, fence=True)
    x = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    probes = mini.project.tests / "ch01_rows" / "probes.py"
    right = np.exp(x[2]) / np.exp(x[2]).sum()
    try:
        result = isolated.run(probes, "pick", {"x": x, "index": 2})
    except (ProbeFailed, WorkerFailed, WrongValue, ChangedInput) as error:
        assert str(error) or type(error) is ProbeFailed
    else:
        y = result["y"] if isinstance(result, dict) and "y" in result else result
        assert not (isinstance(y, np.ndarray) and y.shape == (7,) and np.allclose(y, right))
    finally:
        isolated.close()
    assert not (mini.root / "report").exists() and not (mini.root / ".tinymlx").exists()
    assert not _workers(mini)
