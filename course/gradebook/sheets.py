"""Tables that spreadsheets and platforms read.

Spreadsheets run what begins with ``=``, ``+``, ``-`` or ``@``; text is guarded against it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any


def guarded(value: Any) -> Any:
    """Text that a spreadsheet takes for text, whatever it begins with."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def sheet(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A CSV file; text stands in quotes, numbers do not."""
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([guarded(cell) for cell in line] for line in lines)
    return stream.getvalue()


def split(total: float, parts: Sequence[float]) -> list[float]:
    """``total`` in shares of ``parts``, each a whole number of hundredths, with that very sum."""
    whole, cents = sum(parts), round(100 * total)
    if not whole:
        return [0.0 for _ in parts]
    exact = [cents * part / whole for part in parts]
    shares = [int(share) for share in exact]
    rest = sorted(range(len(parts)), key=lambda i: (shares[i] - exact[i], i))
    for i in rest[: cents - sum(shares)]:
        shares[i] += 1
    return [share / 100 for share in shares]
