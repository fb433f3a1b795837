"""What most commands begin with: the working copy, its exercises, where the student stands."""

from __future__ import annotations

from course.errors import CourseError
from course.languages.cards import in_language
from course.languages.chosen import chosen_language
from course.languages.mistakes import Sentences
from course.paths import Project, find_project
from course.registry import Exercise, Registry, load_registry
from course.scan import Scan, Status


class Course:
    """The working copy with its cards and the state of the student's code."""

    def __init__(self) -> None:
        self.project: Project = find_project()
        self.language = chosen_language()
        english = load_registry(self.project)
        self.registry: Registry = in_language(self.project, english, self.language)
        self.sentences = Sentences(self.project, english, self.language)
        self.scan = Scan(self.project, self.registry)

    def next(self, statuses: list[Status] | None = None) -> Exercise | None:
        """Where the reader is: the exercise graded last if it is still open, or the one after it.

        ``None`` when all have passed.
        """
        statuses = statuses or self.scan.statuses()
        numbers = [status.exercise.id for status in statuses]
        here = numbers.index(self.scan.last) if self.scan.last in numbers else 0
        for status in statuses[here:] + statuses[:here]:
            if status.state != "passed":
                return status.exercise
        return None

    def exercise(self, which: str | None) -> Exercise:
        """The exercise named, or the next one."""
        if which is not None:
            found = self.registry.select(which)
            return self.first_open(found)
        following = self.next()
        if following is None:
            raise CourseError("Every exercise has passed. Name one: `tinymlx hint 3.1`.")
        return following

    def first_open(self, exercises: tuple[Exercise, ...]) -> Exercise:
        for exercise in exercises:
            if self.scan.status(exercise).state != "passed":
                return exercise
        return exercises[0]
