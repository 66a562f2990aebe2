"""
New codes that nobody can guess. Not part of the core: it asks the operating system for chance.

A code that is worth something is all that its bearer has to show; so it is drawn, never counted.
"""

from __future__ import annotations

import secrets
from typing import Final

from patronage.errors import InvalidValueError, quote

UNAMBIGUOUS: Final = "3479CDFHJKMNPQRTVWXY"
"""What new codes are made of: no two characters that look alike, and no vowels, so that none spells a word."""
BITS_MIN: Final = 80
"""How much chance is in a code that is worth something."""

_BITS_MAX: Final = 256


def new_code(*, bits: int = BITS_MIN) -> str:
    """
    A new code of at least *bits* of chance, in the normal form of `patronage.codes.code`.

    80 bits are 19 characters: enough that whoever tries a thousand codes a second against a million
    vouchers finds none in thirty million years. Less is for codes that are worth nothing by
    themselves. Raises InvalidValueError for less than 20 bits or more than 256.
    """
    if type(bits) is not int or not 20 <= bits <= _BITS_MAX:
        raise InvalidValueError(f"bits must be a whole number from 20 to {_BITS_MAX}, not {quote(bits)}.")
    length = 1
    while len(UNAMBIGUOUS) ** length < 1 << bits:
        length += 1
    return "".join(secrets.choice(UNAMBIGUOUS) for _ in range(length))
