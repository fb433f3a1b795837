"""Arithmetic coding: a sequence of symbols as one binary number, as short as they are probable.

Encoder and decoder hold an interval of whole numbers, ``low`` to ``high`` (which is outside of it),
and narrow it in the same way, symbol by symbol. As soon as the first binary digit of everything in
it is certain, the digit is written and the interval doubled.

Source: I. Witten, R. Neal and J. Cleary, Arithmetic coding for data compression (1987).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

BITS = 32
WHOLE = 1 << BITS
HALF, QUARTER = WHOLE // 2, WHOLE // 4


def narrowed(low: int, high: int, start: int, end: int, total: int) -> tuple[int, int]:
    """The part of an interval that belongs to a symbol.

    The interval is divided in proportion to the frequencies: of ``total`` parts the symbol has
    those from ``start`` up to ``end``. All in whole numbers, rounded down, so that encoder and
    decoder find exactly the same, and the parts of all symbols fill the interval without gaps.

    Args:
        low, high: the interval; it has more than ``QUARTER`` numbers.
        start, end: the sum of the frequencies of all symbols before this one, and with it.
        total: the sum of all frequencies, at most ``QUARTER``.

    Returns:
        The new ``low`` and ``high``.

    Raises:
        ValueError: the frequency is 0, since what is impossible has no code, or the frequencies
            are not ``0 <= start < end <= total <= QUARTER``; or the interval has become too small.
    """
    if not 0 <= start < end <= total <= QUARTER:
        raise ValueError(
            f"A symbol has the frequencies from {start} up to {end} of {total}; it needs "
            f"0 <= start < end <= total <= {QUARTER}."
        )
    size = high - low
    if size <= QUARTER:
        raise ValueError(f"The interval has {size} numbers left, too few to tell symbols apart.")
    return low + size * start // total, low + size * end // total


class Encoder:
    """Writes symbols into bits.

    Attributes:
        low, high: the interval.
        waiting: how many digits are undecided: each is the opposite of the next digit that is
            certain.
        bits: the digits so far, a list of 0 and 1.
    """

    def __init__(self) -> None:
        self.low, self.high = 0, WHOLE
        self.waiting = 0
        self.bits: list[int] = []

    def encode(self, start: int, end: int, total: int) -> None:
        """Narrow the interval to the part of a symbol, and write what has become certain.

        While it is possible, in this order:

        * all of the interval lies in the lower half (``high <= HALF``): the digit 0;
        * all of it lies in the upper half (``low >= HALF``): the digit 1, and ``HALF`` is taken
          from both ends;
        * all of it lies in the two middle quarters: undecided, ``waiting`` grows by 1, and
          ``QUARTER`` is taken from both ends;

        each followed by doubling both ends. A digit is written by :meth:`put`.

        Args, raises: as for :func:`narrowed`.
        """
        self.low, self.high = narrowed(self.low, self.high, start, end, total)
        while True:
            if self.high <= HALF:
                self.put(0)
                taken = 0
            elif self.low >= HALF:
                self.put(1)
                taken = HALF
            elif self.low >= QUARTER and self.high <= HALF + QUARTER:
                self.waiting += 1
                taken = QUARTER
            else:
                return
            self.low, self.high = 2 * (self.low - taken), 2 * (self.high - taken)

    def put(self, digit: int) -> None:
        """Write a digit, and behind it the opposite for every one that waited."""
        self.bits += [digit] + [1 - digit] * self.waiting
        self.waiting = 0

    def finish(self) -> bytes:
        """All digits and two more, which say in which quarter of the interval we are, as bytes. The
        last byte is filled up with zeros."""
        self.waiting += 1
        self.put(0 if self.low < QUARTER else 1)
        digits = self.bits + [0] * (-len(self.bits) % 8)
        number = int("".join(map(str, digits)), 2)
        return number.to_bytes(len(digits) // 8, "big")


class Decoder:
    """Reads symbols from the bits of an :class:`Encoder`.

    Attributes:
        low, high: the interval, the same as the encoder's at this symbol.
        value: ``BITS`` digits of the number, seen from where the interval is now.

    Args:
        data: what :meth:`Encoder.finish` returned. Behind its end there are zeros.
    """

    def __init__(self, data: bytes) -> None:
        self.low, self.high = 0, WHOLE
        self.data, self.place = data, 0
        self.value = 0
        for _ in range(BITS):
            self.value = 2 * self.value + self.digit()

    def digit(self) -> int:
        """The next binary digit."""
        byte, place = divmod(self.place, 8)
        self.place += 1
        return self.data[byte] >> (7 - place) & 1 if byte < len(self.data) else 0

    def decode(self, sums: Sequence[int]) -> int:
        """The next symbol.

        It is the one whose part of the interval holds ``self.value``. Then the interval is narrowed
        and doubled as the encoder does it; for every doubling, what was taken from both ends is
        taken from ``value``, too, and the next digit is appended.

        Args:
            sums: running sums of the frequencies, from 0 to the total: symbol ``k`` has those from
                ``sums[k]`` up to ``sums[k + 1]``.

        Returns:
            The symbol, from 0 to ``len(sums) - 2``.
        """
        size, total = self.high - self.low, sums[-1]
        # The largest number of parts whose (rounded) beginning is not above the value.
        parts = ((self.value - self.low + 1) * total - 1) // size
        symbol = bisect_right(sums, parts) - 1
        self.low, self.high = narrowed(self.low, self.high, sums[symbol], sums[symbol + 1], total)
        while True:
            if self.high <= HALF:
                taken = 0
            elif self.low >= HALF:
                taken = HALF
            elif self.low >= QUARTER and self.high <= HALF + QUARTER:
                taken = QUARTER
            else:
                return symbol
            self.low, self.high = 2 * (self.low - taken), 2 * (self.high - taken)
            self.value = 2 * (self.value - taken) + self.digit()
