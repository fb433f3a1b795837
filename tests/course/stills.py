"""Draws again what stands in the place of a figure that moves, as its script draws it first.

``python tests/course/stills.py BOOK`` with the folder of a book (``build/book/en``), after a change
in `course/book/theme/static/figures`. It needs a browser.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from browsers import start
from selenium import webdriver

from course.book.playing import STILLS, figures

# The drawing with its colours as a light page has them, and the size that it has there.
TAKE = """
const place = document.querySelector(`figure.play[data-figure="${arguments[0]}"]`);
const svg = place.querySelector("svg"), copy = svg.cloneNode(true);
const drawn = [...svg.querySelectorAll("*")];
[...copy.querySelectorAll("*")].forEach((node, i) => {
  for (const name of ["fill", "stroke"])
    if (node.style[name] && node.style[name] !== "none")
      node.style[name] = getComputedStyle(drawn[i])[name];
});
const [, , wide, high] = svg.getAttribute("viewBox").split(" ");
copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
copy.setAttribute("width", `${wide * .75}pt`);
copy.setAttribute("height", `${high * .75}pt`);
copy.setAttribute("font-family", "DejaVu Sans, Verdana, sans-serif");
copy.removeAttribute("role");
copy.removeAttribute("aria-label");
return copy.outerHTML;
"""


def still(browser: webdriver.Chrome, book: Path, figure: dict[str, str]) -> str:
    """The first drawing of a figure as a file."""
    browser.get((book / f"{figure['page']}.html").as_uri())
    drawn = browser.execute_script(TAKE, figure["name"])
    return re.sub(r"rgb\((\d+), (\d+), (\d+)\)", _hexadecimal, drawn) + "\n"


def _hexadecimal(found: re.Match[str]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*map(int, found.groups()))


def main(book: Path) -> None:
    """Write them all."""
    with tempfile.TemporaryDirectory() as profile:
        browser = start(Path(profile))
        media = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for figure in figures():
            (STILLS / f"{figure['name']}.svg").write_text(still(browser, book, figure), "utf-8")
        browser.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
