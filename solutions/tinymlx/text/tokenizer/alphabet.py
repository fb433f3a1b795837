"""A letter for each byte, so that any text is a string of 256 letters."""

from __future__ import annotations

from functools import lru_cache


def byte_letters() -> list[str]:
    """The letter of each byte: item ``b`` is that of byte ``b``.

    A byte that Latin-1 shows as a visible character of its own is that character: those from
    ``!`` to ``~``, from ``¡`` to ``¬`` and from ``®`` to ``ÿ``. The others (controls, spaces, the
    soft hyphen) get the characters from code point 256 on, in the order of the bytes. So the space,
    byte 32, is ``Ġ``.

    Source: A. Radford et al., Language models are unsupervised multitask learners (2019),
    https://github.com/openai/gpt-2
    """
    letters, free = [], 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174:
            letters.append(chr(byte))
        else:
            letters.append(chr(free))
            free += 1
    return letters


@lru_cache(maxsize=1)
def tables() -> tuple[list[str], dict[str, int]]:
    """The letter of each byte, and the byte of each letter; made once."""
    letters = byte_letters()
    return letters, {letter: byte for byte, letter in enumerate(letters)}


def to_letters(text: str) -> str:
    """A text as letters, one for each byte of its UTF-8."""
    letters, _ = tables()
    return "".join(letters[byte] for byte in text.encode("utf-8"))


def to_bytes(letters: str) -> bytes:
    """The bytes that some letters stand for.

    Raises:
        ValueError: a character is none of the 256 letters; the message shows it.
    """
    _, bytes_of = tables()
    for letter in letters:
        if letter not in bytes_of:
            raise ValueError(f"[to_bytes] {letter!r} is the letter of no byte.")
    return bytes(bytes_of[letter] for letter in letters)
