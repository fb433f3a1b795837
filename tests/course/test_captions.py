"""Captioned pictures: what is held out, and how much of a picture is as asked."""

import numpy as np
import pytest

from tinymlx.data import captions
from tinymlx.data.shapes import Scene, Thing, ordered, same, scenes

RED, BLUE = Thing("small", "red", "square"), Thing("large", "blue", "circle")
LEFT = Scene((RED, BLUE), "left of")


def test_every_scene_is_on_one_side_in_one_wording():
    """Nothing is lost, nothing is on both sides, no scene comes in two wordings."""
    for count, seen, new in ((1, 60, 12), (2, 6000, 4368)):
        both = captions.split(count)
        assert (len(both.seen), len(both.new)) == (seen, new)
        every = {ordered(s) for s in scenes() if len(s.things) == count}
        assert set(both.seen) | set(both.new) == every
        assert len(both.seen) + len(both.new) == len(every)
    with pytest.raises(ValueError, match="1 or 2"):
        captions.split(3)


def test_no_new_combination_is_ever_shown():
    """Of each colour one shape, of each two shapes some relations, in whatever wording."""
    shown = captions.split(2).seen
    things = {(t.colour, t.shape) for s in shown for t in s.things}
    assert len(things) == 30
    relations = {(s.things[0].shape, s.relation, s.things[1].shape) for s in shown}
    assert len(relations) == 60
    for scene in captions.split(2).new[::97]:
        assert captions.held_out(captions.other_wording(scene))
    for scene in shown[::97]:
        assert not captions.held_out(captions.other_wording(scene))


def test_the_other_wording_says_the_same():
    for scene in captions.split(2).seen[::501] + captions.split(1).seen[:3]:
        other = captions.other_wording(scene)
        assert same(scene, other)
        assert captions.other_wording(other) == scene


def test_what_is_rendered_is_as_asked():
    """Pictures are bytes, follow from the seed, and get full marks."""
    asked = [captions.other_wording(s) for s in captions.split(2).seen[::400]]
    x = np.array(captions.drawn(asked, 2, seed=3))
    assert x.dtype == np.uint8
    assert x.shape == (len(asked), 2, 32, 32, 3)
    assert np.array_equal(x, np.array(captions.drawn(asked, 2, seed=3)))
    assert not np.array_equal(x, np.array(captions.drawn(asked, 2, seed=4)))
    found = captions.score(asked, x[:, 1] / 255)
    assert found == dict.fromkeys((*captions.ATTRIBUTES, "all"), 1.0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (LEFT, (1, 1, 1, 1, 1)),
        (Scene((BLUE, RED), "right of"), (1, 1, 1, 1, 1)),
        (Scene((BLUE, RED), "left of"), (1, 1, 1, 0, 0)),
        (Scene((RED, BLUE), "above"), (1, 1, 1, 0, 0)),
        (Scene((Thing("small", "green", "square"), BLUE), "left of"), (0.5, 1, 1, 1, 0)),
        (Scene((RED, Thing("small", "blue", "ring")), "left of"), (1, 0.5, 0.5, 1, 0)),
        (Scene((RED,)), (0, 0, 0, 0, 0)),
        (None, (0, 0, 0, 0, 0)),
    ],
)
def test_marks(found, expected):
    """Each attribute by itself; all of them together only if the scene is the same."""
    marks = captions.agreement(LEFT, found)
    assert tuple(marks[name] for name in (*captions.ATTRIBUTES, "all")) == expected


def test_one_thing_has_no_relation():
    assert "relation" not in captions.agreement(Scene((RED,)), Scene((BLUE,)))
    assert "relation" not in captions.agreement(Scene((RED,)), None)
    assert captions.agreement(Scene((RED,)), Scene((RED,)))["all"] == 1
