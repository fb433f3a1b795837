"""``tinymlx run`` for the capstones: the brief, the milestones and the board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course.capstone import judging, scoring, work
from course.cli.project import check_data, implementation, load_script
from course.cli.terminal import console
from course.errors import CourseError
from course.paths import Project, find_project
from course.registry import Chapter, load_registry

STYLE = {"passed": "green", "failed": "red", "to do": "yellow"}


@dataclass(frozen=True)
class Asked:
    """What was asked for of a capstone.

    Attributes:
        brief, start, score: which of these.
        milestone: a number, or ``all``.
        pipeline: the reader's program, if not in the usual place.
        predictions: a file to score, if not the one that the project wrote.
        quick: a short judgement.
        folder: where the skeleton goes, or where the predictions are.
        impl: whose ``tinymlx`` it runs on.
    """

    brief: bool = False
    start: bool = False
    milestone: str | None = None
    score: bool = False
    pipeline: Path | None = None
    predictions: Path | None = None
    quick: bool = False
    folder: Path | None = None
    impl: str = "."

    def what(self) -> list[Callable[[Project, Chapter], int]]:
        """The functions that do what was asked for."""
        wanted = {
            self.show_brief: self.brief,
            self.begin: self.start,
            self.judge: self.milestone is not None,
            self.rank: self.score or self.predictions is not None,
        }
        return [do for do, is_wanted in wanted.items() if is_wanted]

    def show_brief(self, project: Project, chapter: Chapter) -> int:
        """The brief, as text."""
        from rich.markdown import Markdown

        from course.cli.cards import in_words
        from course.languages.chosen import chosen_language

        text = in_words(work.part(project, chapter, "brief.md"), chosen_language())
        console().print(Markdown(text) if console().is_terminal else text)
        return 0

    def begin(self, project: Project, chapter: Chapter) -> int:
        """The skeleton, into the reader's folder."""
        before = (self.folder or work.folder(project, chapter)) / work.PIPELINE
        was_there = before.exists()
        path = work.start(project, chapter, self.folder)
        where = project.relative(path)
        if was_there:
            console().print(f"{where} is there already and was not touched.")
        else:
            console().print(f"Your pipeline begins in {where}.")
        other = "" if self.folder is None else f" --pipeline {where}"
        console().print(
            f"Read `tinymlx run {chapter.number} --brief`; then "
            f"`tinymlx run {chapter.number} --milestone 1{other}`."
        )
        return 0

    def judge(self, project: Project, chapter: Chapter) -> int:
        """One milestone or all of them; 1 if one has failed."""
        file = work.part(project, chapter, "milestones.py")
        path = (self.pipeline or work.folder(project, chapter) / work.PIPELINE).resolve()
        outcomes = []
        with implementation(project, load_registry(project), self.impl):
            wanted = judging.chosen(judging.milestones(file), self.milestone or "all")
            pipeline = work.load(path, chapter.number)
            for milestone in wanted:
                outcomes.append(judging.judge(milestone, pipeline, path, self.quick))
                show(outcomes[-1])
        reached = sum(outcome.state == "passed" for outcome in outcomes)
        if len(outcomes) > 1:
            console().print(f"{reached} of {len(outcomes)} milestones are reached.")
        return int(any(outcome.state == "failed" for outcome in outcomes))

    def rank(self, project: Project, chapter: Chapter) -> int:
        """The reader's predictions, scored, between ours."""
        file = work.part(project, chapter, "board.py")
        there = (self.folder or project.state / "out" / chapter.folder) / scoring.PREDICTIONS
        predictions = scoring.read_predictions(self.predictions or there, chapter.number)
        with implementation(project, load_registry(project), self.impl):
            board = load_script(file).BOARD
            held, numbers = scoring.score(board, predictions)
        rows = scoring.ours(file.with_suffix(".toml"), held)
        mine = scoring.Row("yours", "you", "", "", numbers)
        show_board(board.columns, scoring.ranked(board, [*rows, mine]), mine, held)
        return 0


def show(outcome: judging.Outcome) -> None:
    """One milestone: its state, what was found, what was measured."""
    from rich.text import Text

    out, milestone = console(), outcome.milestone
    state = Text(f"{outcome.state:<6}", style=STYLE[outcome.state])
    out.print(state, f" milestone {milestone.number}: {milestone.title}", sep="")
    for sentence in outcome.sentences:
        out.print(f"  {sentence}", markup=False)
    for name, value in outcome.numbers.items():
        out.print(f"  {name}: {value:.4g}", markup=False)


def show_board(
    columns: tuple[str, ...], rows: list[scoring.Row], mine: scoring.Row, held: str
) -> None:
    """The table, the best first."""
    from rich.table import Table

    table = Table("", "model", "setting", "machine", *columns, title=f"Held out: {held}")
    for place, row in enumerate(rows, 1):
        cells = [f"{row.numbers[c]:.4g}" if c in row.numbers else "" for c in columns]
        style = "bold" if row is mine else None
        table.add_row(str(place), row.name, row.setting, row.machine, *cells, style=style)
    console().print(table)


def run(chapter: int, asked: Asked) -> int:
    """Do what was asked for; the exit status.

    Raises:
        CourseError: more than one thing was asked for, or it cannot be done.
    """
    actions = asked.what()
    if len(actions) != 1:
        raise CourseError("Ask for one of --brief, --start, --milestone and --score at a time.")
    check_data()
    project = find_project()
    return actions[0](project, load_registry(project).chapter(chapter))
