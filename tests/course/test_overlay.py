"""Overlay and fill: what is missing works, what is written is used, tracebacks point right."""

from __future__ import annotations

import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest
from small import ROOT, Mini

from course.misconceptions import load_misconceptions
from course.overlay import Bundle, Choice, Overlay, changed_bundle, make_bundle


def overlay(mini: Mini, **options: object) -> Overlay:
    choice = Choice(mini.root, **options)  # type: ignore[arg-type]
    return Overlay(make_bundle(mini.project, mini.registry, choice))


def code_of(function: object) -> object:
    return function.__code__  # type: ignore[attr-defined]


def test_starters_are_filled_and_point_to_the_solution(mini: Mini) -> None:
    with overlay(mini).activate():
        from tinymlx import rows

        assert rows.pick(mx.array([[0.0, 0.0]]), 0).tolist() == [0.5, 0.5]
        assert "solutions" in code_of(rows.pick).co_filename  # type: ignore[attr-defined]
        with pytest.raises(ValueError) as error:
            rows.softmax(mx.array(1.0))
    last = traceback.extract_tb(error.value.__traceback__)[-1]
    assert last.filename == str(mini.root / "solutions/tinymlx/rows/softmax.py")
    assert last.line == 'raise ValueError("[softmax] x needs at least one axis.")'


def test_what_is_written_is_used_and_points_to_the_students_file(mini: Mini) -> None:
    mini.write("1.1 softmax", "return x * 3")
    with overlay(mini).activate():
        from tinymlx import rows

        assert rows.pick(mx.array([[1.0]]), 0).tolist() == [3.0]
        file = code_of(rows.softmax).co_filename  # type: ignore[attr-defined]
        assert file == str(mini.root / "tinymlx/rows/softmax.py")


def test_methods_properties_and_super_work(mini: Mini) -> None:
    with overlay(mini).activate():
        from tinymlx import rows

        counter = rows.Counter()
        counter.add(mx.ones((3, 2)))
        assert (counter.count, counter.total.item()) == (3, 6.0)


def test_without_fill_the_starter_speaks(mini: Mini) -> None:
    with overlay(mini, fill=False).activate():
        from tinymlx import rows

        with pytest.raises(NotImplementedError, match=r"1\.1 softmax - exercises/ch01_rows"):
            rows.softmax(mx.ones((2,)))


def test_one_exercise_can_stay_unfilled(mini: Mini) -> None:
    with overlay(mini, unfilled=frozenset({"1.1"})).activate():
        from tinymlx import rows

        with pytest.raises(NotImplementedError, match=r"1\.1 softmax"):
            rows.pick(mx.ones((2, 2)), 0)


def test_a_deleted_function_or_module_is_filled(mini: Mini) -> None:
    text = (mini.root / "tinymlx/rows/softmax.py").read_text()
    (mini.root / "tinymlx/rows/softmax.py").write_text(text[: text.index("def pick")])
    (mini.root / "tinymlx/rows/counter.py").unlink()
    with overlay(mini).activate() as active:
        from tinymlx import rows

        assert rows.pick(mx.array([[0.0, 0.0]]), 0).tolist() == [0.5, 0.5]
        assert rows.Counter().count == 0
    assert any("counter.py is missing" in note for note in active.bundle.notes)


def test_a_file_that_does_not_parse_is_replaced_for_the_others(mini: Mini) -> None:
    (mini.root / "tinymlx/rows/counter.py").write_text("class Counter(:\n")
    with overlay(mini).activate() as active:
        from tinymlx import rows

        assert rows.pick(mx.array([[0.0, 0.0]]), 0).tolist() == [0.5, 0.5]
    assert any("counter.py does not parse" in note for note in active.bundle.notes)


def test_two_overlays_live_side_by_side(mini: Mini) -> None:
    mine, theirs = overlay(mini, fill=False), overlay(mini)
    with mine.activate():
        from tinymlx import rows as first
    with theirs.activate():
        from tinymlx import rows as second

        assert second.pick(mx.array([[0.0]]), 0).item() == 1.0
    with mine.activate():
        from tinymlx import rows as again

        assert again is first is not second


def test_a_bundle_survives_the_wire(mini: Mini) -> None:
    from course.grading.runners import _lists
    from course.grading.values import decode, encode

    bundle = make_bundle(mini.project, mini.registry, Choice(mini.root))
    assert Bundle.from_plain(decode(encode(_lists(bundle.to_plain())))) == bundle


def test_plain_python_sees_the_plain_package(tmp_path: Path) -> None:
    code = "import tinymlx, sys; print(tinymlx.__file__); print('course' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == [str(ROOT / "tinymlx/__init__.py"), "False"]


def test_one_line_asks_for_fill(mini: Mini) -> None:
    code = (
        "import course.fill\nimport mlx.core as mx\nfrom tinymlx import rows\n"
        "print(rows.pick(mx.array([[0.0, 0.0]]), 0).tolist())"
    )
    result = mini.run(sys.executable, "-c", code)
    assert result.stdout.strip() == "[0.5, 0.5]", result.stderr


def test_compiled_code_is_remembered_and_follows_the_text(mini: Mini, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for factor in (2, 5):
        path = mini.solve()
        path.write_text(path.read_text().replace("return e / ", f"return {factor} * e / "))
        bundle = make_bundle(mini.project, mini.registry, Choice(mini.root))
        with Overlay(bundle, cache).activate():
            from tinymlx import rows

            assert rows.softmax(mx.array([0.0])).item() == factor
    assert list(cache.iterdir())


def test_a_changed_bundle_is_the_one_that_would_be_made(mini: Mini) -> None:
    perfect = Choice(mini.project.solutions)
    complete = make_bundle(mini.project, mini.registry, perfect)
    wrong = load_misconceptions(mini.project, mini.registry)["1.2"][0]
    path = mini.root / "solutions/tinymlx/rows/counter.py"
    texts = ((str(path), path.read_text().replace("+ mx.sum", "- mx.sum")),)
    for choice in (
        replace(perfect, replaced=(wrong.replacement,), texts=texts),
        replace(perfect, fill=False, cut=frozenset({"1.2"})),
        replace(perfect, zeros=frozenset({"1.3"})),
    ):
        changed = changed_bundle(complete, mini.project, mini.registry, choice)
        made = make_bundle(mini.project, mini.registry, choice)
        texts_used = {name: changed.texts[name] for name in made.texts}
        assert replace(changed, texts=texts_used) == made
