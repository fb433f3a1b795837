"""The files of published tokenizers: ``tokenizer.json``, or ``vocab.json`` with ``merges.txt``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .byte_level import ByteLevelTokenizer, Form
from .pairs import Pair
from .patterns import GPT2
from .sentences import MARK, SentenceTokenizer

Tokenizer = ByteLevelTokenizer | SentenceTokenizer
END = "<|endoftext|>"


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer in a folder of a published model.

    Args:
        folder: a folder with ``tokenizer.json``, or with ``vocab.json`` and ``merges.txt``. Which
            token ends a text stands in ``tokenizer_config.json``, where there is one.

    Returns:
        An object with ``encode(text)``, ``decode(numbers)``, ``eos`` and ``size``.

    Raises:
        ValueError: the folder has no such files, or a file is damaged, or of a kind of tokenizer
            that this library does not have.
    """
    folder = Path(folder)
    try:
        if (folder / "tokenizer.json").is_file():
            return of_description(folder)
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            return of_two_files(folder)
    except (AttributeError, LookupError, TypeError) as error:  # JSON, but of another form
        raise ValueError(
            f"The files of the tokenizer in {folder} have another form than published ones "
            f"({error})."
        ) from None
    raise ValueError(
        f"There is no tokenizer in {folder}: neither tokenizer.json nor vocab.json with merges.txt."
    )


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file in UTF-8, or damaged: {error}.") from error


def of_two_files(folder: Path) -> ByteLevelTokenizer:
    """As GPT-2 published it."""
    vocabulary = checked_vocabulary(read_json(folder / "vocab.json"), folder / "vocab.json")
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    if lines[0].startswith("#version"):
        lines = lines[1:]
    merges = [as_pair(line, folder / "merges.txt") for line in lines if line.strip()]
    special = {END: vocabulary.pop(END)} if END in vocabulary else {}
    eos = end_of_text(folder, special)
    return ByteLevelTokenizer(vocabulary, merges, special, GPT2, eos)


def of_description(folder: Path) -> Tokenizer:
    """As the library ``tokenizers`` describes one."""
    path = folder / "tokenizer.json"
    told = read_json(path)
    model = told.get("model") if isinstance(told, dict) else None
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE" or "merges" not in model:
        kind = model.get("type") if isinstance(model, dict) else None
        raise ValueError(
            f"{path} describes a tokenizer of the kind {kind}; only byte-pair encoding can be "
            f"loaded."
        )
    vocabulary = checked_vocabulary(model.get("vocab"), path)
    merges = [as_pair(pair, path) for pair in model["merges"]]
    special = {t["content"]: t["id"] for t in told.get("added_tokens") or []}
    vocabulary = {t: n for t, n in vocabulary.items() if special.get(t) != n}
    eos = end_of_text(folder, special)
    if model.get("byte_fallback"):
        return SentenceTokenizer(vocabulary, merges, special, eos, prefix_of(told, path))
    return ByteLevelTokenizer(
        vocabulary,
        merges,
        special,
        patterns_of(told.get("pre_tokenizer"), path),
        eos,
        whole_first=bool(model.get("ignore_merges")),
        normal=normal_form(told.get("normalizer"), path),
    )


def checked_vocabulary(told: Any, path: Path) -> dict[str, int]:
    """A table from tokens to numbers.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(told, dict) or not all(type(n) is int and n >= 0 for n in told.values()):
        raise ValueError(f"{path} has no vocabulary that gives each token a number.")
    return told


def as_pair(told: Any, path: Path) -> Pair:
    """A merge, which is written as a line with a space in it, or as a list of two.

    Raises:
        ValueError: it is neither.
    """
    parts = told.split(" ") if isinstance(told, str) else told
    if not isinstance(parts, list) or len(parts) != 2 or not all(parts):
        raise ValueError(f"{path} lists {told!r}, which is no pair of tokens.")
    return parts[0], parts[1]


def end_of_text(folder: Path, special: dict[str, int]) -> str | None:
    """The name of the token that ends a text: what the folder says, else GPT-2's, if it is there.

    Raises:
        ValueError: the folder names a token that the tokenizer does not have.
    """
    path = folder / "tokenizer_config.json"
    told = read_json(path).get("eos_token") if path.is_file() else None
    name = told["content"] if isinstance(told, dict) else told
    if name is None:
        return END if END in special else None
    if name not in special:
        raise ValueError(f"{path} ends a text with {name!r}, which is no token of the tokenizer.")
    return name


def parts_of(told: Any, key: str) -> list[dict[str, Any]]:
    """A description as a list: of nothing, one step, or several."""
    if told is None:
        return []
    return list(told[key]) if told["type"] == "Sequence" else [told]


def patterns_of(told: Any, path: Path) -> list[str]:
    """The patterns that cut a text, one after the other.

    Raises:
        ValueError: a step is of another kind.
    """
    found, bytes_too = [], False
    for step in parts_of(told, "pretokenizers"):
        if step["type"] == "ByteLevel" and not step.get("add_prefix_space"):
            bytes_too = True
            found += [GPT2] if step.get("use_regex", True) else []
        elif step["type"] == "Split" and (step["behavior"], step["invert"]) in (
            ("Isolated", False),
            ("Removed", True),
        ):
            pattern = step["pattern"]
            found.append(pattern["Regex"] if "Regex" in pattern else re.escape(pattern["String"]))
        elif step["type"] == "Digits":
            found.append(r"\p{N}" if step.get("individual_digits") else r"\p{N}+")
        else:
            raise ValueError(f"{path} cuts a text by {step}, which this library does not have.")
    if not bytes_too:
        raise ValueError(f"{path} does not write a text as bytes, as it should (ByteLevel).")
    return found


def normal_form(told: Any, path: Path) -> Form | None:
    """The normal form of Unicode.

    Raises:
        ValueError: there is another change than one of the four.
    """
    steps = [step["type"] for step in parts_of(told, "normalizers")]
    if len(steps) > 1 or any(step not in ("NFC", "NFD", "NFKC", "NFKD") for step in steps):
        raise ValueError(f"{path} changes a text by {steps}, which this library does not have.")
    return steps[0] if steps else None


def prefix_of(told: dict[str, Any], path: Path) -> str:
    """Where a space is put in front, of a tokenizer for whole sentences.

    Raises:
        ValueError: spaces are treated in another way.
    """
    cut = told.get("pre_tokenizer")
    steps = [step["type"] for step in parts_of(told.get("normalizer"), "normalizers")]
    if cut is None and steps in (["Prepend", "Replace"], ["Replace"]):
        return "always" if "Prepend" in steps else "never"
    if cut is not None and not steps and cut["type"] == "Metaspace":
        if cut.get("replacement") == MARK and not cut.get("split", True):
            scheme = cut.get("prepend_scheme", "always")
            return {"always": "missing"}.get(scheme, scheme)
    raise ValueError(f"{path} treats spaces in a way that this library does not have.")
