"""Judges of the tree functions.

A dict with the one key "tuple", "Pair" or "Module" stands for a tuple, a named tuple or a module.
"""

import numpy as np
import pytest

from course.grading.marks import exercise

DEEP = {"a": [1, {"tuple": [2, {"b": 3}]}], "c": {}, "d": [], "e": {"tuple": []}}
KINDS = {"list": [4, 5], "tuple": {"tuple": [6, 7]}, "named": {"Pair": [8, {"tuple": [9]}]}}
# The keys of the two stand in another order.
LEFT = {"w": 1, "b": [2, 3], "p": {"Pair": [4, 5]}}
RIGHT = {"p": {"Pair": [40, 50]}, "b": [20, 30], "w": 10}


@exercise("5.1")
@pytest.mark.parametrize("tree", [DEEP, KINDS, [1, [2, [3, [4]]]], {"one": 1}], ids=str)
def test_a_map_keeps_the_structure(check, tree):
    """Lists, tuples, named tuples and dicts, empty ones too; each leaf once, from left to right."""
    check("tree_map", tree=tree, rest=[], function="negative", is_leaf="none")


@exercise("5.1")
def test_a_map_of_arrays_and_other_leaves(check, draw):
    """Arrays, and what is neither a list, a tuple nor a dict; a tree that is a single leaf."""
    tree = {"w": draw.normal(2, 3), "b": [draw.normal(3), draw.normal()]}
    check("tree_map", tree=tree, rest=[], function="negative", is_leaf="none")
    check("tree_map", tree=["text", None, True], rest=[], function="name", is_leaf="none")
    check("tree_map", tree=3, rest=[], function="negative", is_leaf="none")


@exercise("5.1")
def test_a_map_of_a_module(check, draw):
    """A module becomes a plain dict."""
    tree = {"Module": {"w": draw.normal(2), "layers": [{"Module": {"w": draw.normal(2)}}]}}
    check("tree_map", tree=tree, rest=[], function="negative", is_leaf="none")


@exercise("5.1")
@pytest.mark.parametrize("rest", [[RIGHT], [RIGHT, LEFT]], ids=["two", "three"])
def test_a_map_of_several_trees(check, rest):
    """Values meet by their keys, wherever those stand."""
    check("tree_map", tree=LEFT, rest=rest, function="joined", is_leaf="none")


@exercise("5.1")
def test_trees_with_more_branches(check):
    """The first tree gives the structure; what the others have more is not looked at."""
    more = {"x": 9, **RIGHT, "b": [20, 30, 40]}
    check("tree_map", tree=LEFT, rest=[more], function="weighted", is_leaf="none")
    below = {"w": {"m": 1, "v": 2}, "b": [[3], [4]], "p": {"Pair": [{"m": 5}, {"m": 6}]}}
    check("tree_map", tree={"w": 7}, rest=[{"w": "seven", "v": 8}], function="joined",
          is_leaf="none")  # fmt: skip
    check("tree_map", tree=LEFT, rest=[below], function="joined", is_leaf="none")


@exercise("5.1")
@pytest.mark.parametrize("stop", ["tuples", "short lists", "dicts with a name"])
def test_a_map_that_stops_early(check, stop):
    """Where is_leaf says so, the function gets the whole branch, at any depth."""
    tree = {"x": [[1, 2], [3, 4, 5], [6]], "y": [{"tuple": [1, 2, 3]}, {"name": 1, "b": 2}, 7]}
    kinds = {"tuples": [{"tuple": [1, 2]}, [{"tuple": [3]}, {"Pair": [4, 5]}]],
             "short lists": [[1, 2], [[3], [4, 5], [6]], [7]],
             "dicts with a name": {"a": {"name": 1, "b": 2}, "c": [{"name": 3}]}}[stop]  # fmt: skip
    check("tree_map", tree=kinds, rest=[], function="size", is_leaf=stop)
    if stop == "tuples":
        check("tree_map", tree={"tuple": [1, 2]}, rest=[], function="size", is_leaf=stop)
    else:
        check("tree_map", tree=kinds, rest=[kinds], function="joined", is_leaf="everything")
    assert tree["x"][0] == [1, 2]


@exercise("5.1")
def test_branches_that_meet(probe):
    """Where is_leaf stops, the function gets the branch of each tree, in their order."""
    left, right = {"x": {"tuple": [1, 2]}, "y": 3}, {"y": 4, "x": {"tuple": [5, 6]}}
    found = probe("tree_map", tree=left, rest=[right], function="joined", is_leaf="tuples")
    assert found["calls"] == [[{"tuple": [1, 2]}, {"tuple": [5, 6]}], [3, 4]]
    assert found["result"] == {"x": "(1, 2) (5, 6)", "y": "3 4"}


@exercise("5.2")
@pytest.mark.parametrize("tree", [DEEP, KINDS, {"a.b": {"c": 1}, "": [2]}], ids=str)
def test_every_leaf_with_its_path(check, tree):
    """Keys and positions, with dots between; an empty branch has no leaf."""
    check("tree_flatten", tree=tree, options={}, is_leaf="none")


@exercise("5.2")
def test_paths_in_the_order_of_the_tree(check, draw):
    """As the entries stand, not sorted; a module's entries too."""
    layers = [{"Module": {"weight": draw.normal(2, 2), "bias": draw.normal(2)}} for _ in range(12)]
    check("tree_flatten", tree={"z": 1, "layers": layers, "a": 2}, options={}, is_leaf="none")


@exercise("5.2")
def test_a_leaf_has_the_empty_path(check):
    """A tree that is a leaf, alone and with a prefix; one whose root is_leaf accepts."""
    check("tree_flatten", tree=7, options={}, is_leaf="none")
    check("tree_flatten", tree=7, options={"prefix": ".model"}, is_leaf="none")
    check("tree_flatten", tree={"Pair": [1, 2]}, options={}, is_leaf="tuples")


@exercise("5.2")
def test_paths_with_a_prefix(check):
    """The first character of the prefix is dropped, the rest begins every path."""
    check("tree_flatten", tree=DEEP, options={"prefix": ".model"}, is_leaf="none")


@exercise("5.2")
def test_flattening_that_stops_early(check):
    """Where is_leaf says so, the branch is the value, at any depth."""
    tree = {"a": [[1, 2], [3, 4, 5]], "b": [[[6, 7], [8], [9]]]}
    check("tree_flatten", tree=tree, options={}, is_leaf="short lists")


@exercise("5.2")
def test_a_destination(probe):
    """What is in it stays, the leaves come after; an empty one is used as well."""
    tree = {"a": [1, 2], "b": {"c": 3}}
    pairs, named = [["a.0", 1], ["a.1", 2], ["b.c", 3]], {"a.0": 1, "a.1": 2, "b.c": 3}
    for before, after in [
        ([["x", 0]], [["x", 0], *pairs]),
        ([], pairs),
        ({"x": 0, "a.1": 5}, {"x": 0, **named}),
        ({}, named),
    ]:
        found = probe("flattened_into", tree=tree, destination=before)
        place = found["destination"]
        if isinstance(before, list):  # pairs are tuples, but for the one that was there before
            place = [pair["tuple"] if isinstance(pair, dict) else pair for pair in place]
        assert place == after
        assert found["returned"] is True
        assert found["a second call begins with nothing"] is True


@exercise("5.2")
def test_a_destination_of_another_kind(probe, check):
    """A list, a dict or None; anything else is an error."""
    assert probe("flattened_into", tree=[4], destination={})["destination"] == {"0": 4}
    check.raises("flattened_into_something_else", "ValueError", tree=[1], match="destination")


def pairs(**paths):
    return [[path.replace("_", "."), value] for path, value in paths.items()]


UNFLATTEN = {
    "nested": ([["a.0", 1], ["a.1", 2], ["b.c.d", 3]], {"a": [1, 2], "b": {"c": {"d": 3}}}),
    "positions in any order": ([["1.x", 1], ["0.x", 2], ["2", 3]], [{"x": 2}, {"x": 1}, 3]),
    "more than nine": ([[str(i), i] for i in (10, 9, 2, 1, 0, 3, 4, 5, 6, 7, 8)], list(range(11))),
    "gaps": ([["l.1", 1], ["l.4", 4]], {"l": [{}, 1, {}, {}, 4]}),
    "numbers and names": ([["0", 1], ["a", 2]], {"0": 1, "a": 2}),
    "the same number twice": ([["01", 1], ["1", 2]], {"01": 1, "1": 2}),
    "names that begin with a digit": ([["1x", 1], ["2y.0", 2]], {"1x": 1, "2y": [2]}),
    "interleaved": ([["a.x", 1], ["b", 2], ["a.y", 3]], {"a": {"x": 1, "y": 3}, "b": 2}),
    "a leaf": ([["", 5]], 5),
    "a leaf that is false": ([["a", 0], ["b", None], ["c", 1]], {"a": 0, "b": None, "c": 1}),
}


@exercise("5.3")
@pytest.mark.parametrize("as_dict", [False, True], ids=["pairs", "dict"])
@pytest.mark.parametrize("case", UNFLATTEN)
def test_paths_become_branches(probe, case, as_dict):
    """Numbers give lists, in their order and with {} in the gaps; everything else dicts."""
    given, tree = UNFLATTEN[case]
    assert probe("tree_unflatten", pairs=given, as_dict=as_dict)["tree"] == tree


@exercise("5.3")
def test_nothing_to_unflatten(probe):
    """No pairs at all give an empty list (no key that is not a number)."""
    assert probe("tree_unflatten", pairs=[], as_dict=False)["tree"] == []
    assert probe("tree_unflatten", pairs=[["a", 1]], as_dict=False)["tree"] == {"a": 1}


@exercise("5.3")
def test_there_and_back(check, draw):
    """Flattened and unflattened, a tree of dicts and lists is what it was."""
    layers = [{"weight": draw.normal(2, 3), "bias": draw.normal(3)} for _ in range(11)]
    check("there_and_back", tree={"layers": layers, "norm": {"scale": draw.normal(3)}})
    check("there_and_back", tree=KINDS)


@exercise("5.4")
@pytest.mark.parametrize("tree", [DEEP, KINDS, [[1], [2, [3]]]], ids=str)
def test_a_fold_goes_from_left_to_right(check, tree):
    """What is accumulated comes first, the leaf second; the first leaf begins."""
    check("tree_reduce", tree=tree, function="joined", initializer=None, is_leaf="none")
    check("tree_reduce_from_the_first", tree=tree, function="joined")


@exercise("5.4")
def test_a_fold_with_a_beginning(check):
    """It counts once, also where it is 0 or empty; and for a tree that is a leaf."""
    check("tree_reduce", tree=KINDS, function="joined", initializer="start", is_leaf="none")
    check("tree_reduce", tree=KINDS, function="counted", initializer=0, is_leaf="none")
    check("tree_reduce", tree=KINDS, function="counted", initializer=10, is_leaf="none")
    check("tree_reduce", tree=7, function="counted", initializer=0, is_leaf="none")


@exercise("5.4")
def test_a_fold_over_nothing(check):
    """Empty branches have no leaf: the beginning is the result, or None."""
    empty = {"a": [], "b": {"tuple": []}}
    check("tree_reduce", tree=empty, function="counted", initializer=5, is_leaf="none")
    check("tree_reduce", tree=empty, function="counted", initializer=None, is_leaf="none")
    check("tree_reduce", tree=["x", {}], function="joined", initializer=None, is_leaf="none")
    # None is a leaf like any other.
    check("tree_reduce", tree=[1, None, {"a": 2}], function="joined", initializer=None,
          is_leaf="none")  # fmt: skip


@exercise("5.4")
def test_a_fold_over_arrays(check, draw):
    """The squared norm of all gradients together."""
    tree = {"w": draw.normal(5, 4), "layers": [{"Module": {"b": draw.normal(6)}}]}
    check("tree_reduce", tree=tree, function="squares", initializer=0.0, is_leaf="none", terms=26)


@exercise("5.4")
def test_a_fold_that_stops_early(check):
    """Branches that is_leaf accepts are combined as they are."""
    tree = {"a": [[1, 2], [3, 4, 5]], "b": [[[6, 7], [8], [9]]]}
    check("tree_reduce", tree=tree, function="sizes", initializer=100, is_leaf="short lists")


MERGES = {
    "keys of both": ({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}, "e": 4},
                     {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}),
    "lists place by place": ([1, {}, []], [{}, 2, []], [1, 2, []]),
    "the longer list stays": ([[1], {}], [{}, [2], 3, [4]], [[1], [2], 3, [4]]),
    "None is empty": ({"a": None, "b": 1}, {"a": 2, "b": None}, {"a": 2, "b": 1}),
    "false is not empty": ({"a": 0, "b": False, "c": ""}, {"d": 4},
                           {"a": 0, "b": False, "c": "", "d": 4}),
    "empty left": ({}, {"a": [1]}, {"a": [1]}),
    "empty right": ([1, 2], [], [1, 2]),
    "two empty dicts": ({"a": {}, "b": 1}, {"a": {}}, {"a": {}, "b": 1}),
    "a tuple and a list": ({"tuple": [1, {}]}, [{}, 2], {"tuple": [1, 2]}),
    "named tuples": ({"Pair": [{"x": 1}, {}]}, {"Pair": [{"y": 2}, 3]},
                     {"Pair": [{"x": 1, "y": 2}, 3]}),
    "nothing and something": (None, 3, 3),
}  # fmt: skip


@exercise("5.5")
@pytest.mark.parametrize("case", MERGES)
def test_leaves_of_both(probe, case):
    """Each leaf keeps its place; what is empty gives way."""
    a, b, merged = MERGES[case]
    found = probe("tree_merge", a=a, b=b, merge="none")
    assert found["merged"] == merged
    assert found["both as they were"] is True


@exercise("5.5")
def test_keys_in_order(probe):
    """First those of the left tree, then what the right one adds."""
    found = probe("tree_merge", a={"z": 1, "b": 2}, b={"c": 3, "b": {}, "a": 4}, merge="none")
    assert found["merged"] == {"z": 1, "b": 2, "c": 3, "a": 4}
    assert found["keys in order"] == ["z", "b", "c", "a"]


@exercise("5.5")
def test_two_leaves_at_one_place(probe, draw):
    """The function decides, with the left leaf first."""
    a, b = {"x": [1, {"y": 2}], "z": 5}, {"x": [10, {"y": 20}]}
    found = probe("tree_merge", a=a, b=b, merge="both")
    assert found["merged"] == {"x": ["1 then 10", {"y": "2 then 20"}], "z": 5}
    w, v = draw.normal(3), draw.normal(3)
    found = probe("tree_merge", a={"w": w}, b={"w": v}, merge="difference")
    assert np.array_equal(found["merged"]["w"], w - v)


@exercise("5.5")
@pytest.mark.parametrize(
    "a, b",
    [
        ({"a": 1}, {"a": 2}),
        ([1], [2]),
        ([0], [0]),
        ({"a": [1]}, {"a": 3}),
        ({"a": [1]}, {"a": {"b": 1}}),
        ({"a": 3}, {"a": [1]}),
        ({"a": 3}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": [1]}),
    ],
)
def test_a_conflict_is_an_error(check, probe, a, b):
    """Nothing is lost silently: two leaves at one place, or a leaf and a branch."""
    assert probe("tree_merge", a=a, b=None, merge="none")["merged"] == a
    check.raises("tree_merge", "ValueError", a=a, b=b, merge="none")


@exercise("5.5")
def test_empty_branches_of_two_types(check, probe):
    """An empty list and an empty dict: nobody can say which is meant."""
    assert probe("tree_merge", a={"a": []}, b={"b": 1, "a": [2]}, merge="none")["merged"] == {
        "a": [2],
        "b": 1,
    }
    for a, b in ([], {}), ({"x": {"tuple": []}}, {"x": []}):
        check.raises("tree_merge", "ValueError", a=a, b=b, merge="none")
