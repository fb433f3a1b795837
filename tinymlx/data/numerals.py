"""A language that needs no file: numbers and dates in English words, and in digits. Given.

"two hundred and seven" is ``207``, "the third of May nineteen ninety-eight" is ``1998-05-03``. The
word that comes last may decide about the digit that comes first, and what is not said (the 0 in
207) has to be written.
"""

from __future__ import annotations

import random

from .multi30k import Pairs, Translations

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def in_words(number: int) -> str:
    """A whole number from 0 to 999,999 in words."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{SMALL[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{SMALL[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")
    thousands, rest = divmod(number, 1000)
    joint = " and " if rest < 100 else " "
    return f"{in_words(thousands)} thousand" + (joint + in_words(rest) if rest else "")


def ordinal(day: int) -> str:
    """A day of a month in words: 21 is ``twenty-first``."""
    if day <= 20:
        return ORDINALS[day - 1]
    return f"twenty-{ORDINALS[day - 21]}" if day < 30 else ("thirtieth", "thirty-first")[day - 30]


def year_in_words(year: int) -> str:
    """A year from 1100 to 2099 as one says it."""
    hundreds, rest = divmod(year, 100)
    if hundreds == 20 and rest < 10:
        return "two thousand" + (f" and {SMALL[rest]}" if rest else "")
    last = "hundred" if rest == 0 else f"oh {SMALL[rest]}" if rest < 10 else in_words(rest)
    return f"{in_words(hundreds)} {last}"


def pair(draw: random.Random) -> tuple[str, str]:
    """A number or a date, in words and in digits."""
    if draw.random() < 0.5:
        number = draw.randrange(10 ** draw.randint(1, 6))
        return in_words(number), str(number)
    year, month = draw.randint(1100, 2099), draw.randint(1, 12)
    day = draw.randint(1, DAYS[month - 1])
    name, words = MONTHS[month - 1], year_in_words(year)
    said = f"the {ordinal(day)} of {name}" if draw.random() < 0.5 else f"{name} the {ordinal(day)},"
    return f"{said} {words}", f"{year}-{month:02d}-{day:02d}"


def load(train: int = 6000, test: int = 500, seed: int = 0) -> Translations:
    """Pairs, all different; those to be judged by are none of those to learn from.

    Args:
        train: how many to learn from.
        test: how many for validation, and as many for the test.
        seed: what they follow from.
    """
    draw, found = random.Random(seed), {}
    while len(found) < train + 2 * test:
        words, digits = pair(draw)
        found[words] = digits
    sources, targets = list(found), list(found.values())
    cuts = (0, test, 2 * test, train + 2 * test)
    judged, chosen, learned = (
        Pairs(sources[a:b], targets[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)
    )
    return Translations(f"{train:,} numbers and dates in words", learned, chosen, judged)
