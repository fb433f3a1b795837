"""Tables of frequencies that learn from what was coded, the same in encoder and decoder.

Nothing about the probabilities has to be in the file: both sides begin knowing nothing and learn
from every symbol, after it is coded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from tinymlx.compression.arithmetic import Decoder, Encoder

STEP, MOST = 24, 1 << 16  # what a symbol adds to its frequency; when all frequencies are halved


class Table:
    """Frequencies of ``size`` symbols, each at least 1.

    Attributes:
        frequencies: of each symbol.
    """

    def __init__(self, size: int) -> None:
        self.frequencies = [1] * size

    def sums(self) -> list[int]:
        """Running sums from 0 to the total."""
        return list(accumulate(self.frequencies, initial=0))

    def learn(self, symbol: int) -> None:
        """Count a symbol; old ones fade, because now and then everything is halved."""
        self.frequencies[symbol] += STEP
        if sum(self.frequencies) > MOST:
            self.frequencies = [(f + 1) // 2 for f in self.frequencies]


def coded(rows: Sequence[Sequence[int]], size: int) -> tuple[bytes, float]:
    """Rows of symbols as bytes; every column has a table of its own.

    Args:
        rows: equally long rows of numbers from 0 to ``size - 1``.
        size: the number of symbols.

    Returns:
        The bytes, and the bits that the tables allow for them: the sum of -log2 p.
    """
    tables = [Table(size) for _ in rows[0]] if rows else []
    encoder, bits = Encoder(), 0.0
    for row in rows:
        for table, symbol in zip(tables, row):
            sums = table.sums()
            encoder.encode(sums[symbol], sums[symbol + 1], sums[-1])
            bits += math.log2(sums[-1] / table.frequencies[symbol])
            table.learn(symbol)
    return encoder.finish(), bits


def decoded(data: bytes, count: int, width: int, size: int) -> list[list[int]]:
    """The inverse of :func:`coded`.

    Args:
        data: the bytes.
        count: the number of rows.
        width: the number of columns.
        size: the number of symbols.
    """
    tables = [Table(size) for _ in range(width)]
    decoder, rows = Decoder(data), []
    for _ in range(count):
        row = []
        for table in tables:
            row.append(decoder.decode(table.sums()))
            table.learn(row[-1])
        rows.append(row)
    return rows
