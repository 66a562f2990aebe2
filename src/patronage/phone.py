"""Phone numbers as identifiers, in E.164: `+493012345678`. Wants the extra `phone`."""

from __future__ import annotations

import phonenumbers

from patronage.errors import InvalidValueError, quote

_LENGTH_MAX = 64


def phone_number(typed: str, *, region: str | None = None) -> str:
    """
    A phone number in E.164, whichever way it was typed.

    *region*, such as `"DE"`, is where a number without a country code is dialled. Done twice it
    changes nothing more. Raises InvalidValueError for what is no valid number, has an extension (it
    would be lost), or is written in other than ASCII characters.
    """
    if not isinstance(typed, str) or not typed.isascii() or not typed.isprintable() or len(typed) > _LENGTH_MAX:
        raise InvalidValueError(f"A phone number is at most {_LENGTH_MAX} ASCII characters, not {quote(typed)}.")
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidValueError(f"A region is two capital letters such as 'DE', not {quote(region)}.")
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException:
        raise InvalidValueError(
            f"{quote(typed)} is no phone number: write it with its country code, such as +49 30 ..., or give a region."
        ) from None
    if number.extension or any(letter.isalpha() for letter in typed):
        raise InvalidValueError(f"A phone number has no extension and no letters, as {quote(typed)} has.")
    if not phonenumbers.is_valid_number(number):
        raise InvalidValueError(f"{quote(typed)} is no number that is in use anywhere.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
