"""Trees in files: everything a run needs to go on exactly where it stopped.

A checkpoint is a ``.safetensors`` file. The arrays of the tree are its arrays, named by their
paths (by something longer where two paths read alike, since keys may have dots); the rest of the
tree (its dicts and lists, with numbers, strings, booleans and ``None``) is JSON text in the file's
metadata, with a mark in the place of each array.
"""

from __future__ import annotations

import json
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.weights import replacing

FORMAT = "tinymlx-checkpoint-1"
MARK = "__array__"  # {MARK: name} stands in the JSON text where the tree has an array


def save(file: str, tree: Any) -> None:
    """Write a tree to a file, whole or not at all.

    It goes to a new file beside it, which is forced to the disk and then takes its place: whatever
    happens meanwhile, ``file`` is either what it was or the complete new checkpoint.

    Args:
        file: the path, which ends in ``.safetensors``.
        tree: dicts (whose keys are strings), lists and tuples (which become lists), nested, with
            arrays, numbers, strings, booleans and ``None`` as leaves.

    Raises:
        ValueError: another ending, or something in the tree that cannot be written.
        OSError, RuntimeError: the file could not be written; it is as it was.
    """
    if not file.endswith(".safetensors"):
        raise ValueError(f"A checkpoint is a .safetensors file; {file} has another ending.")
    arrays: dict[str, array] = {}
    text = json.dumps(plain(tree, "", arrays))
    with replacing(file) as unfinished:
        core.save_safetensors(unfinished, arrays, {"format": FORMAT, "tree": text})


def load(file: str) -> Any:
    """The tree in a checkpoint, with all arrays computed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged or incomplete, or no checkpoint.
    """
    with open(file, "rb"):  # says clearly if it is missing or may not be read
        pass
    try:
        arrays, metadata = core.load(file, return_metadata=True)
        core.eval(arrays)
    except RuntimeError as error:
        raise ValueError(
            f"{file} is damaged, incomplete, or no .safetensors file: {error} Delete it, or copy "
            f"it again; training can start anew or from an older checkpoint."
        ) from error
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{file} holds arrays, but is no checkpoint of this library (weights alone are read by "
            f"model.load_weights)."
        )
    return restored(json.loads(metadata["tree"]), arrays)


def plain(tree: Any, path: str, arrays: dict[str, array]) -> Any:
    """The tree with a mark in the place of each array, which goes into ``arrays``.

    Args:
        tree: the tree.
        path: where it stands (``"model.layers.0"``), the name of the array if it is one and the
            name is still free.
        arrays: gets the arrays by name.

    Raises:
        ValueError: a leaf or a key cannot be written.
    """
    prefix = f"{path}." if path else ""
    if isinstance(tree, array):
        name = path or "."
        while name in arrays:
            name += "+"
        arrays[name] = tree
        return {MARK: name}
    if isinstance(tree, dict):
        if any(not isinstance(key, str) or key == MARK for key in tree):
            raise ValueError(f"The keys of {path or 'the tree'} should be strings: {list(tree)}.")
        return {key: plain(branch, f"{prefix}{key}", arrays) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [plain(branch, f"{prefix}{i}", arrays) for i, branch in enumerate(tree)]
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    raise ValueError(
        f"A checkpoint holds arrays, numbers, strings, booleans and None; {path or 'the tree'} is "
        f"a {type(tree).__name__}."
    )


def restored(tree: Any, arrays: dict[str, array]) -> Any:
    """The inverse of :func:`plain`."""
    if isinstance(tree, dict):
        if MARK in tree:
            return arrays[tree[MARK]]
        return {key: restored(branch, arrays) for key, branch in tree.items()}
    if isinstance(tree, list):
        return [restored(branch, arrays) for branch in tree]
    return tree


def random_state() -> array:
    """The state of the global random numbers, as an array of its own."""
    return core.array(core.random.state[0])


def set_random_state(state: array) -> None:
    """Continue the global random numbers from a state.

    A seed is a number of 64 bits, and its upper and lower halves are the two numbers of the state
    that it leads to. So every state is that of one seed.

    Args:
        state: what :func:`random_state` returned.
    """
    raise NotImplementedError(
        "6.16 set_random_state - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
