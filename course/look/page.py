"""A self-contained page, and code in colours."""

from __future__ import annotations

from html import escape
from importlib import resources


def document(title: str, body: str, style: str = "", script: str = "") -> str:
    """A whole page, which can load nothing and, without ``script``, run nothing.

    Args:
        title: as text.
        body: HTML.
        style: CSS besides `look.css`.
        script: JavaScript.
    """
    look = (resources.files("course.look") / "look.css").read_text(encoding="utf-8")
    allowed = "default-src 'none'; style-src 'unsafe-inline'"
    allowed += "; script-src 'unsafe-inline'" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">'
        f"<title>{escape(title)}</title><style>{look}{_colours()}{style}</style></head>"
        f"<body>{body}{f'<script>{script}</script>' if script else ''}</body></html>"
    )


def highlighted(text: str) -> list[str]:
    """The lines of the code as HTML with syntax colours."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    if not text:
        return []
    html = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return html.rstrip("\n").split("\n")


def _colours() -> str:
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=name, nobackground=True).get_style_defs("code")
        for name in ("default", "github-dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"
