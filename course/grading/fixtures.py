"""What a test uses: ``check``, ``probe`` and ``draw``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from course.grading.asking import Forged
from course.grading.compare import Rules, first_mismatch, worst_errors
from course.grading.pictured import pictured
from course.grading.probing import ChangedInput, describe
from course.grading.report import BROKEN_PROMISE, Failure, ToDo, raised
from course.grading.runners import ProbeFailed, WorkerFailed
from course.grading.session import Call, Grading
from course.grading.shown import inputs_of
from course.grading.values import Plain, WrongValue, plain
from course.overlay import Choice
from course.registry import Exercise
from course.syntax import STARTER

ORDER = ("float16", "bfloat16", "float32", "float64")


class Bench:
    """One test's view of the run: its exercise, its implementation, the probes it has run."""

    def __init__(
        self,
        grading: Grading,
        exercise: Exercise,
        choice: Choice,
        phase: Callable[[str], object] = lambda name: None,
        trusted: bool = False,
        origin: str = "",
    ) -> None:
        self.grading, self.exercise, self.choice = grading, exercise, choice
        self.phase, self.origin = phase, origin
        # The course's own mutants need no fence, and a process for each probe is slow.
        self.isolated = grading.settings.isolated and not trusted
        self.calls: list[Call] = []
        self.errors: dict[str, float] = {}
        self.rules = Rules(backend="cpu")

    def probe(self, name: str, /, **inputs: Any) -> Plain:
        """Run a probe; the student's own exceptions pass through in the default mode."""
        given = {key: plain(value, key) for key, value in inputs.items()}
        call = Call(name, given, rules=self.rules)
        self.calls.append(call)
        try:
            call.result = self.grading.run_patiently(
                self.exercise, call, self.choice, self.isolated
            )
        except ChangedInput as changed:
            raise self.failure(f"your code changed its input {changed}", kind="wrong") from None
        except WrongValue as error:
            raise self.failure(f"{error}", kind="wrong") from None
        except Forged as error:
            raise self.failure(f"no result from the worker: {error}", kind="forged") from None
        except WorkerFailed as error:
            raise self.failure(f"no result from the worker: {error}", kind="worker") from None
        except ProbeFailed as error:
            call.error = _kind_and_message(error.description)
            raise
        except KeyboardInterrupt as error:
            if interrupts.seen:
                raise  # a person pressed Control-C
            call.error = _kind_and_message(describe(error))
            raise ProbeFailed(describe(error)) from None
        except BaseException as error:
            call.error = _kind_and_message(describe(error))
            raise
        return call.result

    def expected(self, name: str, inputs: dict[str, Plain]) -> Plain:
        """What the reference answers; the clock of a hanging test stands still meanwhile."""
        self.phase("reference")
        try:
            return self.grading.expected(self.exercise, name, inputs)
        finally:
            self.phase("probe")

    def note_errors(self, errors: dict[str, float]) -> None:
        """Keep the largest error of each entry, in units of the tolerance."""
        for entry, error in errors.items():
            self.errors[entry] = max(error, self.errors.get(entry, 0.0))

    def failure(self, headline: str, *details: str, kind: str) -> Failure:
        graded = self.grading.graded(self.exercise)
        lines = [line for line in details if line]
        if kind in ("wrong", BROKEN_PROMISE):
            lines += self.where()
        return Failure(self.exercise, headline, lines, kind, graded=graded)

    def where(self) -> list[str]:
        """The inputs of the last probe, which told right from wrong, and the test they are from."""
        lines = inputs_of(self.calls[-1].name, self.calls[-1].inputs) if self.calls else []
        return [*lines, f"in {self.origin}"] if self.origin else lines

    def explain(self, error: BaseException) -> Failure | ToDo | None:
        """What a test's exception means for the student; ``None`` for a judge's assertion."""
        if isinstance(error, (Failure, ToDo)):
            found: Failure | ToDo | None = error
        elif isinstance(error, ProbeFailed):
            found = self._raised(error.description)
        elif (self.calls and self.calls[-1].error is not None) or isinstance(
            error, (SystemExit, NotImplementedError, RecursionError)
        ):
            found = self._raised(describe(error))
        else:
            return None
        return found

    def _raised(self, description: dict[str, Plain]) -> Failure | ToDo:
        starter = STARTER.match(description["message"])
        if "NotImplementedError" in description["classes"] and starter:
            if starter[1] == self.exercise.id:
                return ToDo(description["message"])
            return self.failure(
                f"needs exercise {starter[1]} ({starter[2]}), which is still a starter",
                "Write it first, or leave out --no-fill.",
                kind="needs",
            )
        grading = self.grading
        spans = grading.spans(self.exercise)
        description = {**description, "frames": [grading.told(f) for f in description["frames"]]}
        failure = raised(self.exercise, description, grading.shown, grading.may_show, spans)
        failure.details += self.where()
        failure.graded = self.grading.graded(self.exercise)
        return failure


def _kind_and_message(description: dict[str, Plain]) -> list[str]:
    return [description["classes"][0], description["message"]]


class Interrupts:
    """Tells a person's Control-C from a `KeyboardInterrupt` that student code raises."""

    seen = False

    def install(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.seen = True
        raise KeyboardInterrupt


interrupts = Interrupts()


class Check:
    """The ``check`` fixture: probe and reference on the same inputs, compared entry by entry."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def __call__(
        self,
        name: str,
        /,
        *,
        terms: int = 1,
        scale: float | None = None,
        reference: str | None = None,
        **inputs: Any,
    ) -> Plain:
        """Run probe ``name`` and reference ``reference or name`` and compare all they return.

        Args:
            name: the probe.
            terms: length of the longest sum behind one number of the result.
            scale: the magnitude that rounding is relative to, instead of ``max(1, max|expected|)``.
            reference: the reference's name where it differs from the probe's.
            inputs: NumPy arrays and plain data for both.

        Returns:
            The probe's result, for further judgement.
        """
        bench = self.bench
        dtype, backend = float_dtype(inputs), bench.grading.backend
        bench.rules = Rules(dtype, terms, scale, backend if dtype != "float64" else "cpu")
        result = bench.probe(name, **inputs)
        given = bench.calls[-1].inputs
        expected = bench.expected(reference or name, given)
        bench.note_errors(worst_errors(result, expected, bench.rules))
        mismatch = first_mismatch(result, expected, bench.rules)
        if mismatch is not None:
            failure = bench.failure(mismatch.headline, mismatch.detail, kind="wrong")
            failure.drawing = pictured(mismatch.pair)
            raise failure
        return result

    def raises(self, name: str, error: str, /, match: str = "", **inputs: Any) -> None:
        """The probe must raise ``error`` (or a subclass) with ``match`` in its message."""
        bench = self.bench
        try:
            bench.probe(name, **inputs)
        except ProbeFailed as failed:
            description = failed.description
        except Failure:
            raise
        except Exception as raised_here:  # noqa: BLE001 - any class: what is compared is its name
            description = describe(raised_here)
        else:
            raise bench.failure(
                f"it should raise {error} for these inputs, and returned", kind=BROKEN_PROMISE
            )
        starter = STARTER.match(description["message"])
        if "NotImplementedError" in description["classes"] and starter:
            raise ProbeFailed(description)
        if error not in description["classes"]:
            kind = description["classes"][0]
            raise bench.failure(
                f"it should raise {error} for these inputs, and raised {kind}",
                description["message"].splitlines()[0] if description["message"] else "",
                kind=BROKEN_PROMISE,
            )
        if match and match.lower() not in description["message"].lower():
            raise bench.failure(
                f"the message of its {error} should mention {match!r}",
                f"it says: {description['message']!r}",
                kind=BROKEN_PROMISE,
            )
        bench.calls[-1].promised = True


def float_dtype(inputs: dict[str, Any]) -> str:
    """The floating dtype that results are expected in: the inputs', by MLX's promotion."""
    found: set[str] = set()

    def visit(value: Any) -> None:
        if isinstance(value, np.ndarray):
            name = {"complex64": "float32", "complex128": "float64"}.get(
                value.dtype.name, value.dtype.name
            )
            if name in ORDER:
                found.add(name)
        elif isinstance(value, (list, tuple)):
            for item in value:
                visit(item)
        elif isinstance(value, dict):
            visit(list(value.values()))

    visit(inputs)
    if not found or found == {"float16", "bfloat16"}:
        return "float32"
    return max(found, key=ORDER.index)
