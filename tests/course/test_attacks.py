"""Every attack of the catalogue is graded as a class would be, and gains nothing."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from attacks.catalogue import ATTACKS, REASONS, RETURN, Attack
from attacks.running import processes_of, right_answer, run, write
from small import MINI, Mini

from course.grading.campaign import Campaign, Plan
from course.grading.exports import outcome


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
        words = next(words for words, names in REASONS.items() if name in names)
        assert any(word in headline for word in words), headline


def test_each_attack_has_its_reason() -> None:
    named = [name for names in REASONS.values() for name in names]
    assert sorted(named) == sorted(ATTACKS)


def test_nothing_was_written_outside(graded: dict) -> None:
    mini = graded["mini"]
    assert not (mini.root / "report/records/cheat.json").exists()
    assert list(graded["scratch"].iterdir()) == []


def test_no_process_outlives_the_grading(graded: dict) -> None:
    deadline = time.monotonic() + 20
    while processes_of(graded["mini"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)


# These get the right numbers by a closed road; it is the policy that refuses them.
BY_POLICY = {"getattr", "sys.modules", "eval", "attrgetter", "dunder", "changes its input"}


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in BY_POLICY])
def test_the_fence_holds_without_the_policy(mini: Mini, tmp_path: Path, name: str) -> None:
    """The same attacks run for real, behind the fence: no right answer, no trace outside.

    Python's own builtins are theirs, too (see `course.overlay.sealed`).
    """
    write(mini, ATTACKS[name], tmp_path / "hand-in")
    assert not right_answer(run(mini, tmp_path / "hand-in", sealed=False))
    assert not (mini.root / "report").exists() and not (mini.root / ".tinymlx").exists()
    assert not processes_of(mini)
