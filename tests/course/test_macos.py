"""The profile for macOS, without a Mac: `sandbox-exec` is played by scripts.

What is tested is the decision: a program that does not fence, or does not start a worker, must not
be believed. That the profile itself is right has not been seen on a Mac.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.sandbox import level, macos

FENCES = "#!/bin/sh\necho fenced\n"  # as if the file outside could not be read
RUNS_ONLY = '#!/bin/sh\nshift 2\nexec "$@"\n'  # drops the profile and runs the program
FAILS = "#!/bin/sh\nexit 71\n"


@pytest.fixture(autouse=True)
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "platform", "darwin")
    macos.works.cache_clear()
    yield
    macos.works.cache_clear()


def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None) -> None:
    program = tmp_path / "sandbox-exec"
    if script is not None:
        program.write_text(script)
        program.chmod(0o755)
    monkeypatch.setattr(macos, "PROGRAM", str(program))


@pytest.mark.parametrize("script", [None, RUNS_ONLY, FAILS], ids=["absent", "no fence", "fails"])
def test_a_profile_that_does_not_prove_itself_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None
) -> None:
    play(monkeypatch, tmp_path, script)
    assert macos.prefix(tmp_path, [], str(tmp_path)) == []
    assert level().name == "limits" and "not fenced in: files" in level().sentence


def test_a_profile_that_proves_itself_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    play(monkeypatch, tmp_path, FENCES)
    probes = tmp_path / 'a "chapter"' / "probes.py"
    program, option, profile = macos.prefix(tmp_path, [probes], "/scratch")
    assert (program, option) == (macos.PROGRAM, "-p")
    assert level().name == "sandbox-exec" and "not fenced in" not in level().sentence
    assert profile.startswith("(version 1)\n(deny default)")
    assert f'(subpath "{tmp_path}/course")' in profile
    assert '(allow file-read* file-write* (subpath "/scratch"))' in profile
    assert 'a \\"chapter\\"/probes.py' in profile and "solutions" not in profile
    assert "network" not in profile  # what is not allowed is denied
