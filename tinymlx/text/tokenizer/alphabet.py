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
    raise NotImplementedError(
        "12.1 byte_letters - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@lru_cache(maxsize=1)
def tables() -> tuple[list[str], dict[str, int]]:
    """The letter of each byte, and the byte of each letter; made once."""
    letters = byte_letters()
    return letters, {letter: byte for byte, letter in enumerate(letters)}


def to_letters(text: str) -> str:
    """A text as letters, one for each byte of its UTF-8."""
    raise NotImplementedError(
        "12.1 to_letters - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def to_bytes(letters: str) -> bytes:
    """The bytes that some letters stand for.

    Raises:
        ValueError: a character is none of the 256 letters; the message shows it.
    """
    raise NotImplementedError(
        "12.1 to_bytes - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
