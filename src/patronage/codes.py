"""
Codes that a person types: one strict normal form, so that no code has two spellings and no two codes one.

What could be read as another character is refused, not mapped: whoever maps `O` to `0` gives two
people one code, or one person two. Only ASCII is taken, so there is nothing to fold.
"""

from __future__ import annotations

import re
from typing import Final

from patronage.errors import InvalidValueError, quote

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What a code is made of: digits and capital letters without I, L, O and U."""
LENGTH_MAX: Final = 64
"""How many characters a code has at most, without hyphens and blanks."""

_TYPED_MAX: Final = 2 * LENGTH_MAX
_TYPED: Final = re.compile(r"[0-9A-Za-z]+(?:[- ][0-9A-Za-z]+)*", re.ASCII)
_LOOK_ALIKES: Final = {"I": "1", "L": "1", "O": "0", "U": "V"}


def code(typed: str) -> str:
    """
    The normal form of a code: capitals, without the single hyphens or blanks between its groups.

    Done twice it changes nothing more. Raises InvalidValueError for anything else than 1 to 64
    characters of ALPHABET, in small letters or capitals; for I, L, O and U it says what they may
    have been. Whether the code is anybody's is not said here, and never by how wrong it is.
    """
    if not isinstance(typed, str) or len(typed) > _TYPED_MAX or not _TYPED.fullmatch(typed):
        raise InvalidValueError(
            f"A code is ASCII digits and letters, in groups with a hyphen or a blank between, not {quote(typed)}."
        )
    normal = typed.replace("-", "").replace(" ", "").upper()
    for character in normal:
        if character not in ALPHABET:
            like = _LOOK_ALIKES[character]
            raise InvalidValueError(f"No code has the letter {character} in it: look again, it may be {like}.")
    if len(normal) > LENGTH_MAX:
        raise InvalidValueError(f"A code has at most {LENGTH_MAX} characters, not {len(normal)}.")
    return normal


def grouped(normal: str, *, size: int = 5) -> str:
    """A code in groups of *size*, with hyphens, for people to read; `code` takes it back."""
    if type(size) is not int or size < 1:
        raise InvalidValueError(f"size must be a whole number of at least 1, not {quote(size)}.")
    normal = code(normal)
    return "-".join(normal[start : start + size] for start in range(0, len(normal), size))
