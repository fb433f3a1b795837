"""Cards, starters, lessons, tests and misconceptions agree with each other."""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import inspect
import re
import subprocess
import symtable
from pathlib import Path

import pytest

from course.cli.project import implementation, load_script
from course.cutter import differences
from course.languages.sections import original_of
from course.lessons import anchors, headings, links
from course.misconceptions import load_misconceptions
from course.paths import Project, find_project
from course.registry import Chapter, Registry, load_registry
from course.toml import load_toml

PROJECT = find_project()
CHAPTERS = load_registry(PROJECT).chapters
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[c.folder[:4] for c in CHAPTERS])


def test_starters_equal_a_fresh_cut(project: Project, registry: Registry) -> None:
    assert differences(project, registry) == []


@each_chapter
def test_a_chapter_has_all_its_files(project: Project, chapter: Chapter) -> None:
    book, tests = project.exercises / chapter.folder, project.tests / chapter.folder
    wanted = [book / name for name in ("lesson.md", "misconceptions.py", "project.py")]
    wanted += [book / "figures" / "make.py", tests / "probes.py", tests / "test_project.py"]
    wanted += [project.reference / f"{chapter.folder}.py"]
    assert [project.relative(path) for path in wanted if not path.is_file()] == []
    assert list(tests.glob("test_*.py"))


@each_chapter
def test_the_lesson_has_a_heading_for_each_card_in_order(
    project: Project, chapter: Chapter
) -> None:
    text = (project.exercises / chapter.folder / "lesson.md").read_text()
    found = [h for h in headings(text) if re.match(r"Exercise \d", h)]
    assert found == [f"Exercise {e.id}: {e.title}" for e in chapter.exercises]


@each_chapter
def test_each_exercise_is_judged_and_each_judge_has_a_card(
    project: Project, chapter: Chapter
) -> None:
    marked = set()
    for path in (project.tests / chapter.folder).glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "exercise":
                marked |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    assert marked == {e.id for e in chapter.exercises}


@each_chapter
def test_judges_import_neither_side(project: Project, chapter: Chapter) -> None:
    for path in (project.tests / chapter.folder).glob("test_*.py"):
        names = set(re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.M))
        if not path.name.startswith("test_project"):
            assert not names & {"tinymlx", "torch", "mlx", "reference"}, path


@each_chapter
def test_misconceptions_point_to_headings(
    project: Project, registry: Registry, chapter: Chapter
) -> None:
    known = anchors((project.exercises / chapter.folder / "lesson.md").read_text())
    declared = load_misconceptions(project, registry)
    for exercise in chapter.exercises:
        for misconception in declared.get(exercise.id, []):
            assert misconception.read in known, f"{misconception.file}:{misconception.line}"
            assert misconception.sentence.endswith("."), misconception.sentence


def globals_in(table: symtable.SymbolTable) -> set[str]:
    """The names that functions within read from their module."""
    found: set[str] = set()
    for inner in table.get_children():
        found |= {s.get_name() for s in inner.get_symbols() if s.is_global() and s.is_referenced()}
        found |= globals_in(inner)
    return found


def test_misconceptions_fail_by_what_they_say(project: Project, registry: Registry) -> None:
    """A name that the module has not would fail as well, whatever the mistake is."""
    known = {*vars(builtins), "__class__"}
    nodes: dict[tuple[str, int], ast.stmt] = {}
    for path in project.exercises.glob("*/misconceptions.py"):
        nodes |= {(str(path), node.lineno): node for node in ast.parse(path.read_text()).body}
    missing = []
    with implementation(project, registry, "solutions"):
        for group in load_misconceptions(project, registry).values():
            for m in group:
                node = nodes[m.file, m.line]
                assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
                node.decorator_list = []
                module = next(
                    s.module for s in registry[m.exercise].symbols if s.dotted == m.symbol
                )
                there = known | {node.name} | set(vars(importlib.import_module(module)))
                used = globals_in(symtable.symtable(ast.unparse(node), m.file, "exec"))
                missing += [f"{m.file}:{m.line}: {name}" for name in sorted(used - there)]
    assert not missing, "\n".join(missing)


@each_chapter
def test_the_lesson_shows_the_figures_that_its_script_draws(
    project: Project, registry: Registry, chapter: Chapter, tmp_path: Path
) -> None:
    """What a project draws, its own test asks for; what a figure trains, it trains shortly here."""
    folder = project.exercises / chapter.folder
    with implementation(project, registry, "solutions"):
        script = load_script(folder / "figures" / "make.py")
        trains = "quick" in inspect.signature(script.main).parameters
        script.main(tmp_path, **({"quick": True} if trains else {}))
    drawn = {path.name for path in tmp_path.iterdir()} | set(getattr(script, "FROM_PROJECT", ()))
    kept = {p.name for p in (folder / "figures").iterdir() if p.suffix in (".svg", ".png")}
    assert kept == drawn
    shown = {Path(t).name for t in links((folder / "lesson.md").read_text()) if "figures/" in t}
    assert kept == shown


def test_trained_weights_are_small_and_say_where_they_are_from(project: Project) -> None:
    told = sorted(project.exercises.glob("*/trained/provenance.toml"))
    assert {f.parent for f in project.exercises.glob("*/trained/*")} == {f.parent for f in told}
    for path in told:
        facts = load_toml(path)
        content = (path.parent / facts["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == facts["sha256"], path
        assert len(content) < 4_000_000, path
        assert {"command", "seed", "data", "machine", "versions", "score"} <= facts.keys(), path


def english(path: Path) -> Path:
    """The page itself, or the one that it translates: anchors are the same in every language."""
    parts = path.name.split(".")
    return original_of(path, parts[-2]) if len(parts) > 2 else path


def test_relative_links_resolve(project: Project) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=project.root, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    broken = []
    for name in listed:
        path = project.root / name
        text = path.read_text()
        for target in links(text):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            other = (path.parent / file).resolve() if file else path
            if not other.exists():
                broken.append(f"{name}: {target}")
            elif anchor and anchor not in anchors(english(other).read_text()):
                broken.append(f"{name}: {target} (no such heading)")
    assert broken == []


def test_no_registry_host_is_named(project: Project) -> None:
    """Nothing in the repository may pin where packages are downloaded from."""
    listed = subprocess.run(
        ["git", "ls-files", "*.toml", "*.txt", "*.lock", "*.sh", "Makefile", ".ci/*"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    named = [
        n for n in listed if re.search(r"index-url|https?://\S*(pypi|simple)", _read(project, n))
    ]
    assert named == []


def _read(project: Project, name: str) -> str:
    return (project.root / name).read_text()
