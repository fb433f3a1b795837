"""Appendix A4 as Markdown: what to read, by chapters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from course.registry import Registry
from course.toml import load_toml

HEAD = """# A4. Reading

Made by `tinymlx dev appendices` from `reading.toml`. Each text stands at the first chapter that it
goes with, and says what to take from it; the numbers behind it are the others.
"""
#: Year and month, then a number: four digits until 2014, five from 2015 on.
ARXIV = re.compile(r"(\d\d)(0[1-9]|1[0-2])\.(\d{4,5})")


def entries(path: Path) -> list[dict[str, Any]]:
    """The texts, in the order of the file."""
    return list(load_toml(path)["text"])


def is_number(text: str) -> bool:
    """Whether a text is formed as a number of arXiv is."""
    found = ARXIV.fullmatch(text)
    return found is not None and len(found[3]) == (4 if int(found[1]) < 15 else 5)


def page(registry: Registry, path: Path) -> str:
    """The whole appendix."""
    lines, texts = [HEAD], entries(path)
    for chapter in registry.chapters:
        here = [text for text in texts if text["chapters"][0] == chapter.number]
        if here:
            lines.append(f"## Chapter {chapter.number}: {chapter.title}\n")
            lines += [item(text) for text in here]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def item(text: dict[str, Any]) -> str:
    """One text."""
    title = text["title"]
    if "arxiv" in text:
        title = f"[{title}](https://arxiv.org/abs/{text['arxiv']})"
    where = f", {text['where']}" if "where" in text else ""
    also = ", ".join(map(str, text["chapters"][1:]))
    more = f" (Also: {also}.)" if also else ""
    return f"* {text['by']}, {title}{where} ({text['year']}). {text['read']}{more}"
