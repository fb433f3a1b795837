"""The language that ``tinymlx`` speaks to a reader: ``TINYMLX_LANG``, or the locale's."""

from __future__ import annotations

import os

ENGLISH = "en"
#: By what a locale's name begins with; both halves of Chinese that are written traditionally.
SPOKEN = {"zh-tw": "zh-TW", "zh-hant": "zh-TW", "zh-hk": "zh-TW", "zh-mo": "zh-TW"}


def chosen_language() -> str:
    """``"zh-TW"`` or ``"en"``.

    ``TINYMLX_LANG`` goes before ``LC_ALL``, ``LC_MESSAGES`` and ``LANG``; a language that nobody
    has translated into is English.
    """
    for variable in ("TINYMLX_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if said := os.environ.get(variable, "").strip():
            name = said.partition(".")[0].replace("_", "-").lower()
            return next((to for start, to in SPOKEN.items() if name.startswith(start)), ENGLISH)
    return ENGLISH
