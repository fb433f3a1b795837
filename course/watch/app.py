"""The loop of ``tinymlx watch``: keys, saves and answers change the state; the state is drawn."""

from __future__ import annotations

import os
import sys
import time

from rich.live import Live
from rich.text import Text

from course.cli.cards import difference, next_hint, put_back
from course.cli.open import Course
from course.cli.terminal import console
from course.cli.verdicts import verdict as render_verdict
from course.errors import CourseError
from course.registry import Exercise
from course.scan import Scan
from course.watch.files import Watched
from course.watch.grader import Answer, Grader
from course.watch.keys import next_keys, single_keys
from course.watch.screen import END, State, render

LOOK_SECONDS = 0.01
TEST_SECONDS = 10.0


def run(which: str | None) -> None:
    """Watch the exercise named, or the next one, until the user quits."""
    course = Course()
    exercise = course.exercise(which)
    grader = Grader(course.project, course.registry, TEST_SECONDS)
    try:
        able = sys.stdin.isatty() and sys.stdout.isatty() and not console().is_dumb_terminal
        if able:
            # A full screen is as large as the terminal, whatever a shell has noted of another one.
            for name in ("LINES", "COLUMNS"):
                os.environ.pop(name, None)
            _Loop(course, grader, exercise).run()
        else:
            _plain(course, grader, exercise)
    finally:
        grader.close()


class _Loop:
    def __init__(self, course: Course, grader: Grader, exercise: Exercise) -> None:
        self.course, self.grader = course, grader
        self.files = Watched(course.project.tinymlx)
        self.console = console()
        self.state = State(exercise, course.scan.statuses())
        self.quit = False

    def run(self) -> None:
        self.check()
        size = self.console.size
        with (
            single_keys(),
            Live(
                render(self.state, self.console),
                console=self.console,
                screen=True,
                auto_refresh=False,
                transient=True,
            ) as live,
        ):
            while not self.quit:
                dirty = self.step(next_keys(LOOK_SECONDS, self.grader.wake))
                if dirty or self.console.size != size:
                    size = self.console.size
                    live.update(render(self.state, self.console), refresh=True)

    def step(self, keys: list[str]) -> bool:
        """One turn; returns whether the screen has to be drawn again."""
        dirty = bool(keys)
        for key in keys:
            self.press(key)
        if self.files.changed():
            self.course.scan = Scan(self.course.project, self.course.registry)
            self.state.message, self.state.scroll = "", 0
            self.check()
            dirty = True
        answer = self.grader.answer()
        if answer is not None and answer.exercise is self.state.exercise:
            self.take(answer)
            dirty = True
        return dirty

    def check(self) -> None:
        self.state.busy = True
        self.grader.ask(self.state.exercise)

    def take(self, answer: Answer) -> None:
        state, number = self.state, answer.exercise.id
        state.busy, state.seconds = False, answer.seconds
        if answer.trouble:
            self.say(answer.trouble)
            return
        state.verdict, trouble = self.course.sentences.shown(number, answer.verdict)
        state.message = trouble or state.message
        self.course.scan.record({number: answer.verdict["outcome"]})
        state.statuses = self.course.scan.statuses()

    def go(self, exercise: Exercise) -> None:
        self.state = State(exercise, self.state.statuses)
        self.check()

    def press(self, key: str) -> None:
        state = self.state
        if state.view == "confirm reset":
            state.view = "card"
            if key == "y":
                self.reset()
            return
        moves = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10}
        if key in moves:
            if state.view == "list":
                self.move(moves[key])
            else:
                state.scroll += moves[key]
            return
        if key == "enter" and state.view == "list":
            self.go(state.statuses[state.cursor].exercise)
            return
        action = {
            "q": self.stop,
            "n": self.next,
            "p": self.previous,
            "h": self.hint,
            "l": self.toggle_list,
            "d": self.toggle_diff,
            "r": self.ask_reset,
            "c": self.check,
            "escape": self.back,
        }.get(key)
        if action is not None:
            state.message = ""
            action()

    def stop(self) -> None:
        self.quit = True

    def back(self) -> None:
        self.state.view, self.state.scroll = "card", 0

    def next(self) -> None:
        """The next exercise that has not passed, after this one, then from the beginning."""
        numbers = [s.exercise.id for s in self.state.statuses]
        here = numbers.index(self.state.exercise.id)
        later = self.state.statuses[here + 1 :] + self.state.statuses[:here]
        for status in later:
            if status.state != "passed":
                self.go(status.exercise)
                return
        self.say("Every other exercise has passed.")

    def previous(self) -> None:
        numbers = [s.exercise.id for s in self.state.statuses]
        here = numbers.index(self.state.exercise.id)
        self.go(self.state.statuses[max(0, here - 1)].exercise)

    def move(self, steps: int) -> None:
        state = self.state
        state.cursor = max(0, min(len(state.statuses) - 1, state.cursor + steps))
        room = max(1, self.console.size.height - 6)
        state.scroll = max(state.cursor - room + 1, min(state.scroll, state.cursor))

    def hint(self) -> None:
        self.back()
        if len(self.state.hints) < 3:
            level = len(self.state.hints) + 1
            _, text = next_hint(self.course.project, self.state.exercise, level)
            self.state.hints.append(text)
        self.state.scroll = END  # hints stand last

    def toggle_list(self) -> None:
        state = self.state
        state.view = "card" if state.view == "list" else "list"
        state.scroll = 0
        numbers = [s.exercise.id for s in state.statuses]
        state.cursor = numbers.index(state.exercise.id)
        if state.view == "list":
            self.move(0)

    def toggle_diff(self) -> None:
        state = self.state
        if state.view == "diff":
            self.back()
            return
        if state.verdict is None or state.verdict["outcome"] != "passed":
            self.say("The solution shows itself once yours passes.")
            return
        try:
            text = difference(self.course.project, state.exercise)
        except CourseError as error:  # the file has changed since
            self.say(str(error))
            return
        state.view, state.scroll = "diff", 0
        state.difference = text or "Yours equals the solution to the letter."

    def ask_reset(self) -> None:
        self.back()
        self.state.view = "confirm reset"

    def reset(self) -> None:
        try:
            folder = put_back(self.course.project, self.course.scan, self.state.exercise)
        except CourseError as error:
            self.say(str(error))
            return
        kept = self.course.project.relative(folder) if folder else ""
        self.say(f"The starter is back; your work is kept in {kept}.")

    def say(self, message: str) -> None:
        """Show a sentence where the eye is, whatever was scrolled to."""
        self.state.message, self.state.scroll = message, 0


def _plain(course: Course, grader: Grader, exercise: Exercise) -> None:
    """Without a terminal that can move its cursor (a pipe, a shell in Emacs): one verdict for each
    save, until the process is ended."""
    out = console()
    files = Watched(course.project.tinymlx)
    grader.ask(exercise)
    while True:
        if files.changed():
            grader.ask(exercise)
        answer = grader.answer()
        if answer is not None:
            if answer.trouble:
                out.print(answer.trouble)
            else:
                said, trouble = course.sentences.shown(exercise.id, answer.verdict)
                out.print(render_verdict(exercise, said))
                if trouble:
                    out.print(Text(trouble, style="yellow"))
            out.print(f"({answer.seconds * 1000:.0f} ms)", style="bright_black")
            sys.stdout.flush()
        time.sleep(LOOK_SECONDS)
