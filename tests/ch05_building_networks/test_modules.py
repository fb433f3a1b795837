"""Judges of the module: attributes, parameters, updates, freezing, weights."""

import numpy as np
import pytest

from course.grading.marks import exercise

ASSIGNMENTS = {
    "containers and modules": [[k, k] for k in ("array", "list", "dict", "module", "tuple")],
    "an empty list": [["layers", "empty list"]],
    "other things": [["n", "number"], ["name", "text"], ["f", "function"], ["o", "none"]],
    "from beside into the dict": [["x", "number"], ["x", "array"], ["y", "none"], ["y", "list"]],
    "out of the dict": [["x", "array"], ["x", "number"], ["y", "module"], ["y", "none"]],
    "back and forth": [["x", k] for k in ("array", "number", "tuple", "text", "dict", "none")],
    "again": [["x", "array"], ["x", "array"], ["x", "list"], ["z", "text"], ["z", "text"]],
    "private": [["_hidden", "array"], ["_p", "number"]],
}


@exercise("5.6")
@pytest.mark.parametrize("case", ASSIGNMENTS)
def test_where_things_are_kept(probe, case):
    """Arrays and containers in the dict, other things beside it; each name has one place."""
    inside: list[str] = []
    found = probe("assignments", steps=ASSIGNMENTS[case])
    for (name, kind), step in zip(ASSIGNMENTS[case], found["steps"], strict=True):
        belongs = kind in ("array", "list", "empty list", "dict", "tuple", "module")
        inside = [key for key in inside if key != name or belongs]
        inside += [name] if belongs and name not in inside else []
        assert step == {
            "assigned": f"{name} = {kind}",
            "in the dict": belongs,
            "beside it": not belongs,
            "read again": True,
            "the same by its key": belongs or kind == "none",
        }
    assert found["keys"] == inside


@exercise("5.6")
def test_a_new_module(probe):
    """What the base class keeps stands beside the dict; a property still works."""
    assert probe("a_new_module") == {
        "keys": [], "training": True, "frozen": [], "property": 8, "length": 0,
    }  # fmt: skip


@exercise("5.6")
def test_without_super_init(probe, draw):
    """A subclass that forgets super().__init__() computes all the same."""
    x = draw.normal(3, 2)
    found = probe("without_init", x=x)
    assert np.array_equal(found["y"], x * np.array([2, 3], "float32"))
    assert found["keys"] == ["inner", "weight"]


@exercise("5.6")
def test_what_programs_say(probe, draw):
    """`"bias" in layer`, `layer["weight"]`, `layer.bias = None`, `del layer.weight`."""
    w, b = draw.normal(2, 3), draw.normal(2)
    found = probe("programs_rely_on", w=w, b=b)
    assert np.array_equal(found.pop('layer["weight"]'), w)
    assert np.array_equal(found.pop("layer.weight"), w)
    assert found == {
        '"bias" in layer': True, "the same object": True, "bias is None": True,
        '"bias" in layer, now': False, "after del": False, "still there": False,
    }  # fmt: skip


@exercise("5.6")
def test_lists_are_not_copied(probe, draw):
    """The list in the module is the very list: what is appended to it belongs to the module."""
    x = draw.normal(3)
    found = probe("list_edits", x=x)
    assert found["same"] is True and np.array_equal(found["layers"], [2 * x])


def model(draw):
    """A module with a module in a list, in a dict in a list, and with what is no parameter."""

    def leaf():
        return {"Module": {"w": draw.normal(2), "b": draw.normal(1)}}

    return {
        "Module": {
            "scale": draw.normal(3),
            "layers": [leaf(), {"deep": leaf(), "n": 3}, 4, draw.normal(2)],
            "pair": {"tuple": [draw.normal(1), draw.normal(1)]},
            "inner": {"Module": {"leaf": leaf(), "_secret": draw.normal(2), "w": draw.normal(1)}},
            "_private": draw.normal(2),
            "nothing": [],
        }
    }


def equal(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and np.array_equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    return a == b


def inside(tree):
    return tree["Module"]


@exercise("5.7")
def test_parameters(probe, draw):
    """Dicts and lists of the same length; what is no parameter is left out, or {} in a list."""
    tree = model(draw)
    m = inside(tree)
    wanted = {
        "scale": m["scale"],
        "layers": [
            inside(m["layers"][0]),
            {"deep": inside(m["layers"][1]["deep"]), "n": {}},
            {},
            m["layers"][3],
        ],
        "inner": {"leaf": inside(inside(m["inner"])["leaf"]), "w": inside(m["inner"])["w"]},
        "nothing": [],
    }
    found = probe("parts", tree=tree, names=[])
    assert equal(found["parameters"], wanted)
    assert equal(found["trainable"], wanted)
    assert found["the list is a copy"] == [True]


@exercise("5.7")
def test_each_module_has_its_own_frozen_names(probe, draw):
    """`w` is frozen in one module, `scale` in another: the filter is asked with the owner."""
    found = probe("parts", tree=model(draw), names=["scale", "layers.0.w", "inner.leaf.b"])
    assert {"scale", "w", "b"} <= {*found["parameters"], *found["parameters"]["layers"][0]}
    trainable = found["trainable"]
    assert "scale" not in trainable
    assert list(trainable["layers"][0]) == ["b"]
    assert list(trainable["layers"][1]["deep"]) == ["w", "b"]
    assert list(trainable["inner"]["leaf"]) == ["w"] and "w" in trainable["inner"]


@exercise("5.7")
def test_children_and_leaf_modules(probe, draw):
    """Where is_leaf_fn accepts a module, it is a leaf, and not looked into."""
    found = probe("parts", tree=model(draw), names=[])
    leaf = "Module of w b"
    below = {"layers": [leaf, {"deep": leaf, "n": {}}, {}, {}]}
    assert found["children"] == below | {"inner": "Module of leaf _secret w", "nothing": []}
    assert found["leaf modules"] == below | {"inner": {"leaf": leaf}, "nothing": []}


ASKED = {
    "Module": {
        "a": 1, "l": [2, {"c": 3, "b": 4}, [5]], "b": 6, "m": {"Module": {"b": 7}},
        "n": [{"Module": {"b": 8, "k": [9]}}],
    }
}  # fmt: skip


@exercise("5.7")
def test_what_the_filter_is_asked(probe):
    """Each entry once, with the module it belongs to; inside lists and dicts "l.1.c"."""
    found = probe("filtered", tree=ASKED, what="all")
    assert found["found"] == {
        "a": "leaf 1", "l": ["leaf 2", {"c": "leaf 3", "b": "leaf 4"}, ["leaf 5"]],
        "b": "leaf 6", "m": {"b": "leaf 7"}, "n": [{"b": "leaf 8", "k": ["leaf 9"]}],
    }  # fmt: skip
    top = "a l b m n"
    assert sorted(found["asked"]) == sorted([
        [top, "a", "int"], [top, "l", "list"], [top, "l.0", "int"], [top, "l.1", "dict"],
        [top, "l.1.c", "int"], [top, "l.1.b", "int"], [top, "l.2", "list"], [top, "l.2.0", "int"],
        [top, "b", "int"], [top, "m", "Part"], ["b", "b", "int"], [top, "n", "list"],
        [top, "n.0", "Part"], ["b k", "b", "int"], ["b k", "k", "list"], ["b k", "k.0", "int"],
    ])  # fmt: skip


@exercise("5.7")
def test_what_the_filter_refuses(probe):
    """It vanishes from a module; in a list or a dict {} keeps its place."""
    found = probe("filtered", tree=ASKED, what="no b")["found"]
    assert found == {
        "a": "leaf 1", "l": ["leaf 2", {"c": "leaf 3", "b": {}}, ["leaf 5"]], "m": {},
        "n": [{"k": ["leaf 9"]}],
    }  # fmt: skip
    found = probe("filtered", tree=ASKED, what="not the second")["found"]
    assert found["l"] == ["leaf 2", {}, ["leaf 5"]] and found["m"] == {"b": "leaf 7"}


@exercise("5.7")
def test_a_leaf_comes_first(check, probe, draw):
    """What is_leaf_fn accepts is mapped, even a list; where nothing is left to enter: an error."""
    tree = {"Module": {"l": [1, 2, 3], "m": {"Module": {"l": [4]}}, "d": {"x": draw.normal(2)}}}
    wanted = {"l": 3, "m": {"l": 1}, "d": {"x": "array"}}
    found = probe("stopped_early", tree=tree)
    assert found["found"] == wanted
    assert found["asked"] == sorted([
        ["l m d", "l", "list"], ["l m d", "m", "Part"], ["l", "l", "list"],
        ["l m d", "d", "dict"], ["l m d", "d.x", "array"],
    ])  # fmt: skip
    check.raises("without_leaves", "RuntimeError", match="leaf", tree=tree, endless=True)


def changed(draw):
    """A small module, new arrays for some of its places, and what it should then hold."""
    w, v, b = draw.normal(2), draw.normal(3), draw.normal(1)
    layer = {"Module": {"w": v, "b": b}}
    tree = {"Module": {"w": w, "layers": [layer, {"deep": [w]}], "n": 3, "_p": b}}
    return tree, draw.normal(2), draw.normal(5, dtype="float16")


@exercise("5.8")
def test_some_arrays_are_replaced(probe, draw):
    """Those that are mentioned; of any shape and dtype; in the same modules and lists."""
    tree, new, half = changed(draw)
    given = {"layers": [{"b": half}, {"deep": [new]}]}
    found = probe("updated", tree=tree, parameters=given, strict=True)
    m = inside(tree)
    assert equal(inside(inside(found["model"])["layers"][0])["b"], half)
    assert equal(inside(found["model"])["layers"][1]["deep"][0], new)
    assert equal(inside(inside(found["model"])["layers"][0])["w"], inside(m["layers"][0])["w"])
    assert found["returns itself"] is True
    assert found["unchanged"] == ["w", "layers.0.w", "n", "_p"]
    assert found["modules and lists are the same objects"] is True


@exercise("5.8")
def test_an_empty_place_is_skipped(probe, draw):
    """`{}` and a shorter list mention nothing."""
    tree, new, _ = changed(draw)
    for given in ({"layers": [{}], "w": new}, {"layers": [{}, {}], "w": new}):
        found = probe("updated", tree=tree, parameters=given, strict=True)
        assert equal(inside(found["model"])["w"], new)
        assert found["unchanged"] == ["layers.0.w", "layers.0.b", "layers.1.deep.0", "n", "_p"]


@exercise("5.8")
def test_from_another_module(probe, draw):
    """A module is a tree of its parameters, so it may be the source."""
    tree, new, _ = changed(draw)
    source = {"Module": {"w": new, "layers": [{"Module": {"w": new}}]}}
    found = probe("updated", tree=tree, parameters=source, strict=True)
    assert equal(inside(found["model"])["w"], new)
    assert equal(inside(inside(found["model"])["layers"][0])["w"], new)
    assert "layers.0.b" in found["unchanged"]


@exercise("5.8")
@pytest.mark.parametrize(
    "case, match",
    [("a name", '"nothing"'), ("a deep name", '"c"'), ("a position", "out of bounds"),
     ("no array", ""), ("no tree", ""), ("no list", ""), ("an array for a list", ""),
     ("an array for a module", "")],
)  # fmt: skip
def test_what_fits_no_place(check, probe, draw, case, match):
    """Strict: an error, at any depth."""
    tree, new, _ = changed(draw)
    given = {
        "a name": {"w": new, "nothing": new},
        "a deep name": {"layers": [{"c": new}]},
        "a position": {"layers": [{}, {}, {}]},
        "no array": {"w": 3, "layers": [{"w": new}]},
        "no tree": {"layers": 3},
        "no list": {"layers": [3]},
        "an array for a list": {"layers": new},
        "an array for a module": {"layers": [new]},
    }[case]
    found = probe("updated", tree=tree, parameters={"w": new}, strict=True)
    assert equal(inside(found["model"])["w"], new)
    check.raises("updated", "ValueError", match=match, tree=tree, parameters=given, strict=True)


@exercise("5.8")
def test_not_strict(probe, draw):
    """What fits no place is left out, what fits is replaced."""
    tree, new, _ = changed(draw)
    given = {"zero": new, "w": new, "layers": [{"c": new, "b": new}, {"deep": 3}, {"x": new}, new]}
    found = probe("updated", tree=tree, parameters=given, strict=False)
    assert equal(inside(found["model"])["w"], new)
    assert equal(inside(inside(found["model"])["layers"][0])["b"], new)
    assert found["unchanged"] == ["layers.0.w", "layers.1.deep.0", "n", "_p"]
    # A number in the place of an array is no error either.
    found = probe("updated", tree=tree, parameters={"w": 3, "layers": [{"w": new}]}, strict=False)
    assert equal(inside(inside(found["model"])["layers"][0])["w"], new)
    found = probe("updated", tree=tree, parameters={"w": new, "layers": [new]}, strict=False)
    assert equal(inside(found["model"])["w"], new)
    assert found["modules and lists are the same objects"] is True
    assert found["unchanged"] == ["layers.0.w", "layers.0.b", "layers.1.deep.0", "n", "_p"]


@exercise("5.8")
def test_lists_dicts_and_shared_modules(probe, draw):
    """The helper takes any of them as its target; a module that stands twice is changed once."""
    w, new = draw.normal(2), draw.normal(2)
    found = probe("replaced", w=w, new=new)
    assert equal(found["tree"], [new, {"a": new}]) and equal(inside(found["module"])["w"], new)
    assert found["the very array"] is True
    found = probe("updated_twice_held", w=w, new=new)
    assert equal(found["second"], new) and found["still one"] is True


# The parameters of the probe's network; running statistics are frozen from the start.
FREE = ["scale", "arrays.0", "arrays.1", "layers.0.weight", "layers.0.bias", "layers.1.weight",
        "layers.1.bias", "layers.2.deep.weight", "layers.2.deep.bias"]  # fmt: skip


def freezing(probe, draw, *steps):
    found = probe("freezing", w=draw.normal(2), steps=[list(step) for step in steps])["steps"]
    assert all(step["itself"] for step in found), "freeze returns the module itself"
    return [step["trainable"] for step in found]


def only(*ends):
    return [path for path in FREE if path.endswith(ends)]


def without(*ends):
    return [path for path in FREE if not path.endswith(ends)]


@exercise("5.9")
def test_everything_is_frozen(probe, draw):
    """In this module and in all below it, also twice; unfreeze undoes it."""
    names = freezing(probe, draw, ("freeze", "", {}), ("freeze", "", {}), ("unfreeze", "", {}))
    assert names[:2] == [[], []]
    # As in MLX, thawing a whole model thaws the statistics, too.
    assert [n for n in names[2] if "running" not in n] == FREE


@exercise("5.9")
def test_not_below(probe, draw):
    """With recurse=False the module's own parameters only."""
    names = freezing(probe, draw, ("freeze", "", {"recurse": False}))
    assert names == [without("scale", "arrays.0", "arrays.1")]
    names = freezing(probe, draw, ("freeze", "layers.0", {"recurse": False}))
    assert names == [[n for n in FREE if "layers.0" not in n]]


@exercise("5.9")
def test_by_name(probe, draw):
    """One name or several, in every module that has it."""
    assert freezing(probe, draw, ("freeze", "", {"keys": "bias"})) == [without("bias")]
    names = freezing(probe, draw, ("freeze", "", {"keys": ["weight", "scale"]}))
    assert names == [without("weight", "scale")]
    names = freezing(probe, draw, ("freeze", "layers.1", {"keys": ["weight"]}))
    assert names == [without("layers.1.weight")]


@exercise("5.9")
def test_frozen_step_by_step(probe, draw):
    """What is frozen already stays frozen; thawing a name thaws only it."""
    names = freezing(
        probe, draw,
        ("freeze", "", {"keys": "bias"}), ("freeze", "", {"keys": "scale"}),
        ("freeze", "layers.0", {}), ("unfreeze", "", {"keys": "bias"}),
    )  # fmt: skip
    assert names == [
        without("bias"), without("bias", "scale"), without("bias", "scale", "layers.0.weight"),
        without("scale", "layers.0.weight"),
    ]  # fmt: skip


@exercise("5.9")
def test_a_name_that_does_not_exist(check, draw):
    """Strict: an error if no module has it. Otherwise nothing happens."""
    w = draw.normal(2)
    for options in ({"keys": "wight"}, {"keys": ["bias", "wight"]},
                    {"keys": "weight", "recurse": False}):  # fmt: skip
        steps = [["freeze", "", {**options, "strict": True}]]
        check.raises("freezing", "KeyError", w=w, steps=steps)


@exercise("5.9")
def test_a_name_in_one_module_is_enough(probe, draw):
    """Strict asks whether any module has the name, not whether all have; without it none need."""
    names = freezing(probe, draw, ("freeze", "", {"keys": "running_mean", "strict": True}),
                     ("freeze", "", {"keys": ["wight"]}))  # fmt: skip
    assert names == [FREE, FREE]


@exercise("5.9")
def test_frozen_parameters_have_no_gradient(probe, draw):
    """A frozen layer takes part in the computation, and its parameters have no gradient."""
    found = probe("frozen_gradients", w=draw.normal(3, 3), x=draw.normal(4, 3))
    assert found["itself"] is True
    assert found["gradients of"] == ["layers.0.weight", "layers.0.bias"]
    assert found["structure"] == {"layers": [{"weight": "array", "bias": "array"}, {}]}


def two(draw):
    return {"layers.0.weight": draw.normal(2, 3), "layers.0.bias": draw.normal(2)}


@exercise("5.10")
def test_weights_that_fit(check, probe, draw):
    """Names and shapes are the same: no error, whatever the order and the dtype."""
    own = two(draw)
    new = {k: v.astype("float16") for k, v in reversed(own.items())}
    assert probe("checked", own=own, new=new)["answer"] is None
    check.raises("checked", "ValueError", own=own, new={**new, "x": draw.normal(1)})


MESSAGES = {
    "too many": ("Received 6 parameters not in model: \na.first,\nb,\nc,\nm,\nx,\nz.last.",
                 ["z.last", "m", "x", "c", "a.first", "b"], []),
    "too few": ("Missing 5 parameters: \na,\nlayers.0.bias,\nlayers.0.weight,\nm,\nz.last.", [],
                ["z.last", "layers.0.weight", "m", "a", "layers.0.bias"]),
    "both": ("Received 1 parameters not in model: \nlayers.0.gamma.", ["layers.0.gamma"],
             ["layers.0.weight"]),
}  # fmt: skip


@exercise("5.10")
@pytest.mark.parametrize("case", MESSAGES)
def test_names_that_do_not_fit(probe, draw, case):
    """Counted, and listed in alphabetical order; what is too much comes first."""
    message, more, less = MESSAGES[case]
    own = two(draw)
    own |= {k: draw.normal(1) for k in less if k not in own}
    new = {k: v for k, v in own.items() if k not in less} | {k: draw.normal(1) for k in more}
    if case == "both":
        found = probe("complaint", own=own, new=own | {"x": draw.normal(1)})
        assert found["message"] == "Received 1 parameters not in model: \nx."
    assert probe("complaint", own=own, new=new)["message"] == message


@exercise("5.10")
@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 1), (6,), (2, 4), (1, 3)], ids=str)
def test_shapes_that_do_not_fit(probe, draw, shape):
    """Transposed, with another axis, of as many numbers, or such that it would broadcast."""
    own = two(draw)
    message = probe("complaint", own=own, new=own | {"layers.0.weight": draw.normal(*shape)})
    assert message["message"] == (
        f"Expected shape (2, 3) but received shape {shape} for parameter layers.0.weight"
    )


@exercise("5.10")
def test_what_is_no_array(probe, draw):
    """A number has no shape to compare."""
    own = two(draw)
    message = probe("complaint", own=own, new=own | {"layers.0.bias": 3})["message"]
    assert "expected" in message.lower() and "layers.0.bias" in message and "int" in message


@exercise("5.10")
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_through_a_file(probe, draw, ending):
    """Weights come back; a model that they do not fit says why, and stays what it was."""
    w, b = draw.normal(2, 3), draw.normal(2)
    found = probe("through_a_file", w=w, b=b, ending=ending)
    assert equal(found["weight"], w) and equal(found["bias"], b)
    assert found["without bias"] == "Received 1 parameters not in model: \nbias."
    assert found["wider"] == "Expected shape (2, 4) but received shape (2, 3) for parameter weight"
    assert found["unchanged"] == [True, True]
    assert equal(found["not strict"], w) and found["keys"] == ["weight"]
