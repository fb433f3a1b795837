"""From scratch means from scratch: closed names, in every spelling that a syntax tree shows."""

from __future__ import annotations

import pytest
from small import Mini

from course.graft.grafts import Grafts

BODY = "    e = mx.exp(shift(x, axis))\n"


def sentences(mini: Mini, number: str = "1.1") -> list[str]:
    exercise = mini.registry[number]
    grafts = Grafts(mini.project, mini.registry, mini.root)
    return [v.sentence for v in grafts.violations(exercise)]


def test_the_solution_is_clean(mini: Mini) -> None:
    mini.solve()
    assert sentences(mini) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("    return mx.softmax(x, axis)\n", "mx.softmax, which this exercise asks you to write"),
        ("    return x.softmax(axis)\n", "calls .softmax"),
        ("    from mlx.core import softmax as s\n    return s(x)\n", "uses mx.softmax"),
        ("    import mlx.core\n    return mlx.core.softmax(x)\n", "uses mx.softmax"),
        ("    f = mx.grad(lambda x: x)\n", "mx.grad; the course builds that itself"),
        ("    mx.fast.rms_norm(x)\n", "uses mx.fast"),
        ("    import mlx.nn as nn\n", "uses mlx.nn; the course builds that itself"),
        ("    from mlx import nn\n", "uses mlx.nn"),
        ("    from mlx.utils import tree_map\n", "uses mlx.utils"),
        ("    import mlx\n    return mlx.utils.tree_map(abs, x)\n", "uses mlx.utils.tree_map"),
        ("    import torch\n", "imports torch; the library stands on mlx.core"),
        ("    import numpy as np\n", "imports numpy"),
        ("    import importlib\n", "imports importlib"),
        ("    import os\n", "imports os"),
        ("    f = getattr\n    return f(mx, 'exp')(x)\n", "passes getattr on"),
        ("    import operator\n    operator.attrgetter('exp')(x)\n", "operator.attrgetter"),
        ("    return mx.__getattribute__('exp')(x)\n", "uses __getattribute__"),
        ("    import sys\n    sys._getframe()\n", "uses sys._getframe"),
        ("    return type(x).__subclasses__()\n", "uses __subclasses__"),
        ("    return open('x').read()\n", "uses open"),
        ("    return __import__('torch')\n", "uses __import__, which hides"),
        ("    return eval('mx')\n", "uses eval"),
        ("    return getattr(mx, 'soft' + 'max')(x)\n", "reaches for a name with getattr"),
        ("    import sys\n    return sys.modules['mlx']\n", "uses sys.modules"),
        ("    return mx.__dict__['softmax'](x)\n", "uses __dict__"),
    ],
)
def test_closed_names_are_found(mini: Mini, code: str, words: str) -> None:
    mini.solve()
    mini.replace(BODY, code + BODY)
    found = sentences(mini)
    assert found and words in " ".join(found)
    assert found[0].startswith("tinymlx/rows/softmax.py:")


def test_plain_python_is_welcome(mini: Mini) -> None:
    mini.solve()
    code = "    import math, itertools, pdb, time\n    d = getattr(x, 'ndim', 0)\n    breakpoint\n"
    mini.replace(BODY, code + BODY)
    assert sentences(mini) == []


def test_a_helper_that_the_exercise_calls_is_read_too(mini: Mini) -> None:
    mini.solve()
    mini.replace(BODY, "    return helper(x)\n" + BODY)
    path = mini.replace("def pick", "def helper(x):\n    return mx.softmax(x)\n\n\ndef pick")
    assert "uses mx.softmax" in sentences(mini)[0]
    assert sentences(mini, "1.2") == [], path.read_text()


def test_an_import_that_was_added_is_read_where_it_is_used(mini: Mini) -> None:
    mini.solve()
    mini.replace("import mlx.core as mx\n", "import mlx.core as mx\nimport torch\n")
    assert sentences(mini) == []  # it does not travel
    mini.replace(BODY, "    torch.softmax(x)\n" + BODY)
    assert "imports torch" in sentences(mini)[0]


def test_closed_names_of_one_exercise_are_open_in_another(mini: Mini) -> None:
    mini.solve()
    mini.replace("rows.softmax(x)[index]", "mx.softmax(x)[index]")
    assert sentences(mini, "1.2") == []


def test_it_is_reported_as_policy(mini: Mini) -> None:
    mini.solve()
    mini.replace(BODY, "    return mx.softmax(x, axis)\n" + BODY)
    result = mini.tinymlx("check", "1.1")
    assert result.returncode == 1
    assert "uses mx.softmax, which this exercise asks you to write yourself" in result.stdout
    assert "differs" not in result.stdout
