"""Weights as they are published: one file or several, named in an index; never a pickle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tinymlx import core
from tinymlx.core import array

INDEX = "model.safetensors.index.json"
WHOLE = "model.safetensors"

Model = TypeVar("Model")


def read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file.

    Raises:
        ValueError: there is no such file, it is no JSON, or no object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON ({error}); fetch it again.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} should hold one object; it holds a {type(found).__name__}.")
    return found


def of_sizes(path: Path, config: dict[str, Any], make: Callable[[dict[str, Any]], Model]) -> Model:
    """What ``make`` makes of the sizes in a file.

    The file is somebody else's: a text where a number should be, or a 0 where heads are counted,
    comes up somewhere inside, and there the name of the file is no longer known.

    Args:
        path: where the sizes stand, for the message.
        config: the sizes.
        make: a model's own reader; its own ``ValueError`` stays as it is.

    Raises:
        ValueError: an entry is missing, or is nothing of which a model can be made.
    """
    try:
        return make(config)
    except KeyError as error:
        raise ValueError(f"{path} lacks {error}.") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        reason = str(error).strip().split(". ")[0].splitlines()[0]
        raise ValueError(f"{path} has an entry of which no model can be made ({reason}).") from None


def only(config: dict[str, Any], known: dict[str, Any], what: str) -> None:
    """Refuses entries that would change the numbers, and that nothing here looks at.

    Args:
        config: the published entries.
        known: the value of each that is meant here, which is also what its absence means.
        what: who refuses, for the message.

    Raises:
        ValueError: an entry has another value.
    """
    for name, value in known.items():
        if config.get(name, value) != value:
            raise ValueError(f"[{what}] {name} {config[name]!r} is not known; {value!r} is.")


def read_weights(folder: Path) -> dict[str, array]:
    """All weights of a folder by name. They are read from the disk when they are used.

    Raises:
        ValueError: there are none, a part of them is missing or broken, or they are a pickle.
    """
    if (folder / INDEX).is_file():
        return read_shards(folder)
    if (folder / WHOLE).is_file():
        return read_file(folder / WHOLE)
    pickles = sorted(p.name for p in folder.glob("*.bin")) + sorted(
        p.name for p in folder.glob("*.pt*")
    )
    if pickles:
        raise ValueError(
            f"{folder} has its weights in {pickles[0]}, a pickle, which can run any program when "
            f"it is read; write them as {WHOLE} first (save_pretrained of transformers does)."
        )
    raise ValueError(f"{folder} has no weights: neither {WHOLE} nor {INDEX} is there.")


def read_shards(folder: Path) -> dict[str, array]:
    """The weights of several files, which an index names.

    Raises:
        ValueError: the index is none, or a file or weight that it names is missing.
    """
    places = read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(n, str) for n in places.values()):
        raise ValueError(f"{folder / INDEX} has no weight_map that names a file for each weight.")
    names = sorted(set(places.values()))
    beside = [n for n in names if Path(n).name == n and (folder / n).is_file()]
    if missing := [n for n in names if n not in beside]:
        raise ValueError(
            f"{folder} lacks {len(missing)} of {len(names)} files of weights: "
            f"{listed(missing)}. Fetch them again."
        )
    files = {name: read_file(folder / name) for name in names}
    if absent := [w for w, name in places.items() if w not in files[name]]:
        raise ValueError(
            f"{folder / INDEX} names {len(absent)} weights that the files do not have: "
            f"{listed(absent)}."
        )
    return {weight: files[name][weight] for weight, name in places.items()}


def read_file(path: Path) -> dict[str, array]:
    """The weights of one file.

    Raises:
        ValueError: it is no safetensors file, or not all of one.
    """
    try:
        return core.load(str(path))
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{path} is broken or no safetensors file ({reason}); fetch it again."
        ) from None


def fitted(own: dict[str, array], found: dict[str, array], what: str) -> dict[str, array]:
    """``found``, if it has every weight of a model in its shape, and no other.

    Args:
        own: the model's own weights by name.
        found: those that were read, under the model's names.
        what: where they are from, for the message.

    Raises:
        ValueError: some are missing, unexpected or of another shape. All of these are told at
            once, in these words and by name.
    """
    wrong = []
    if missing := sorted(own.keys() - found.keys()):
        wrong.append(f"{len(missing)} missing ({listed(missing)})")
    if extra := sorted(found.keys() - own.keys()):
        wrong.append(f"{len(extra)} unexpected ({listed(extra)})")
    shapes = [
        f"{n} is {found[n].shape} where the model has {own[n].shape}"
        for n in sorted(own.keys() & found.keys())
        if found[n].shape != own[n].shape
    ]
    if shapes:
        wrong.append(f"{len(shapes)} of another shape ({listed(shapes)})")
    if wrong:
        raise ValueError(
            f"The weights of {what} do not fit the sizes beside them: {'; '.join(wrong)}."
        )
    return found


def listed(names: list[str], count: int = 4) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - count
    return ", ".join(names[:count]) + (f" and {more} more" if more > 0 else "")
