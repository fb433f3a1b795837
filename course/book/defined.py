"""Where in the library a public name is defined, so that the API leads to its docstring."""

from __future__ import annotations

import ast
from collections import defaultdict

from docutils import nodes

from course.book.listings import definitions, page_of


class Defined:
    """The definitions of all modules.

    Args:
        starters: file (relative to ``tinymlx/``) to its text.
    """

    def __init__(self, starters: dict[str, str]) -> None:
        self.files: dict[str, list[str]] = defaultdict(list)
        for file, text in starters.items():
            for _, name in definitions(ast.parse(text)):
                self.files[name].append(file)

    def page(self, path: str) -> str:
        """The place of a name such as ``nn.losses.mse_loss``; empty where it is not certain.

        A package hands on what its modules define, so the file is looked for below the package, and
        in the module of the name's own path first.
        """
        package, _, name = path.rpartition(".")
        inside = package.replace(".", "/")
        exact = [f"{inside}.py", f"{inside}/__init__.py"]
        there = self.files.get(name, [])
        found = [file for file in there if file in exact]
        found = found or [file for file in there if file.startswith(f"{inside}/")]
        # `nn.losses` is a module of its own at times, and at times a face of its package.
        found = found or [file for file in there if file.startswith(f"{inside.split('/')[0]}/")]
        return f"{page_of(found[0])}.html#{name}" if len(found) == 1 else ""

    def all_files(self) -> list[str]:
        """Every file that defines anything."""
        return sorted({file for files in self.files.values() for file in files})


def link_names(doctree: nodes.document, defined: Defined, to_root: str) -> None:
    """Link the names in the first cells of the API's rows to their definitions."""
    for row in doctree.findall(nodes.row):
        cell = row[0].next_node(nodes.literal)
        address = defined.page(row["ids"][0]) if row["ids"] and cell is not None else ""
        if address and cell is not None:
            link = nodes.reference("", "", refuri=to_root + address, internal=True)
            cell.parent.replace(cell, link)
            link.append(cell)
