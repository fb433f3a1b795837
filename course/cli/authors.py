"""``tinymlx dev``: what authors of chapters need."""

from __future__ import annotations

import subprocess
from pathlib import Path

from course.backup import write_atomic
from course.cli.project import implementation, load_script
from course.cli.terminal import console
from course.cutter import differences, write_starters
from course.errors import CourseError
from course.interpreter import module_command
from course.misconceptions import declared
from course.paths import find_project
from course.registry import Chapter, load_registry


def cut(check: bool) -> int:
    """Write the starters, or say how ``tinymlx/`` differs from them."""
    project = find_project()
    registry = load_registry(project)
    out = console()
    if not check:
        changed = write_starters(project, registry)
        for path in changed:
            out.print(f"wrote {project.relative(path)}")
        out.print(f"{len(changed)} files written; the rest was up to date.")
    found = differences(project, registry)
    for sentence in found:
        out.print(sentence, style="red")
    if found:
        out.print("`tinymlx dev cut` writes the starters again.")
    elif check:
        out.print("The starters equal a fresh cut.")
    return 1 if found else 0


def wrongs(file: Path, jobs: int) -> int:
    """Judge the wrong solutions of a file by the tests of their exercises; 1 if one passes.

    Raises:
        CourseError: the file cannot be parsed, or declares nothing that is an exercise's.
    """
    project = find_project()
    registry = load_registry(project)
    numbers = sorted({m.exercise for m in declared(registry, file.resolve())})
    if not numbers:
        raise CourseError(
            f'{file} declares no wrong solution; write @misconception("4.3", "words") above each.'
        )
    folders = {registry.chapter(registry[number].chapter).folder for number in numbers}
    command = module_command("pytest", "-q", "--no-header", "--prove", "misconceptions")
    command += ["--wrongs", str(file.resolve()), "--prove-jobs", str(jobs)]
    command += [option for number in numbers for option in ("--exercise", number)]
    # Not a whole path: pytest takes brackets in it for a test's parameters.
    command += [project.relative(project.tests / folder) for folder in sorted(folders)]
    return subprocess.run(command, cwd=project.root).returncode


def figures(chapter: int | None) -> None:
    """Draw the figures of one lesson or of all, in place, on the solutions."""
    project = find_project()
    registry = load_registry(project)
    for entry in registry.chapters if chapter is None else [registry.chapter(chapter)]:
        script = project.exercises / entry.folder / "figures" / "make.py"
        if script.is_file():
            with implementation(project, registry, "solutions"):
                load_script(script).main(script.parent)
            console().print(f"drew {project.relative(script.parent)}")


def appendices(check: bool) -> int:
    """Write the appendices that are made from the code, or say whether they are up to date."""
    from course.appendix import api, formulas, reading

    project = find_project()
    registry = load_registry(project)
    folder = project.root / "appendices"
    with implementation(project, registry, "solutions"):
        pages = {
            **api.pages(registry, folder / "api.toml"),
            **formulas.pages(registry, folder / "formulas.toml"),
            "a4_reading.md": reading.page(registry, folder / "reading.toml"),
        }
    stale = 0
    for name, text in pages.items():
        path = folder / name
        same = path.is_file() and path.read_text(encoding="utf-8") == text
        stale += not same
        if check:
            state = "is up to date" if same else "differs from what `dev appendices` would write"
            console().print(f"{project.relative(path)} {state}.")
        elif not same:
            write_atomic(path, text)
            console().print(f"wrote {project.relative(path)}")
    return int(check and stale > 0)


def translations(stamp: Path | None) -> int:
    """List what is missing, stale or different in other languages; 1 if something is different.

    Args:
        stamp: a translated page whose sections are to record what they translate, after a person
            has looked at all of them.

    Raises:
        CourseError: the page is no translation, or its headings differ from the original's.
    """
    from course.languages import cards, lettering, mistakes, parity

    project = find_project()
    out = console()
    if stamp is not None:
        _stamp(stamp)
        out.print(f"stamped {stamp}")
    found, registry = list[parity.Difference](), load_registry(project)
    for path in parity.translated(project.root):
        found += parity.differences(path, path.name.split(".")[-2])
    for language in sorted({path.name.split(".")[-2] for path in cards.translated(project)}):
        for chapter in registry.chapters:
            found += cards.differences(project, chapter, language)
    for language in sorted({path.name.split(".")[-2] for path in mistakes.translated(project)}):
        for chapter in registry.chapters:
            found += mistakes.differences(project, registry, chapter, language)
    for table in sorted(project.exercises.glob("figures.*.toml")):
        found += lettering.differences(project.exercises, table.name.split(".")[-2])
    for one in found:
        place = one.place.removeprefix(f"{project.root}/")
        style = "red" if one.is_broken else "yellow"
        out.print(f"{one.kind}: {place}: {one.sentence}", style=style)
    broken = sum(one.is_broken for one in found)
    out.print(
        f"{broken} differences, {len(found) - broken} sections, cards or sentences to look at."
    )
    return int(broken > 0)


def _stamp(path: Path) -> None:
    """Have each section of a translated page, or each card or sentence of a file, record the hash
    of what it translates now."""
    from course.languages import cards, mistakes
    from course.languages.sections import original_of, stamped

    parts = path.name.split(".")
    original = original_of(path, parts[-2]) if len(parts) > 2 else path
    if original.name == "misconceptions.toml":
        original = original.with_suffix(".py")
    if original == path or not original.is_file() or not path.is_file():
        raise CourseError(f"{path} is no translation of a page; name one, as lesson.zh-TW.md.")
    try:
        if original.suffix == ".py":
            text = mistakes.stamped(path, load_registry(find_project()), original)
        elif path.suffix == ".toml":
            text = cards.stamped(path.read_text("utf-8"), _chapter_of(original))
        else:
            text = stamped(original.read_text("utf-8"), path.read_text("utf-8"))
    except ValueError as error:
        raise CourseError(f"{path}: {error}.") from None
    write_atomic(path, text)


def _chapter_of(path: Path) -> Chapter:
    """The chapter whose English cards a file has."""
    project = find_project()
    for chapter in load_registry(project).chapters:
        if (project.exercises / chapter.folder / "exercises.toml") == path.resolve():
            return chapter
    raise CourseError(f"{path} has no cards of a chapter.")
