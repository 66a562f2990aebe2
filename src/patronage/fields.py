"""Fields of events: converters and validators for ids, words, texts, quantities and attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

import attrs

from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError, quote
from patronage.periods import utc
from patronage.units import STEPS_LIMIT, Amount, plain_decimal

ID_BYTES_MAX: Final = 255
LINES_MAX: Final = 2_000
ATTRIBUTES_MAX: Final = 64
TEXT_MAX: Final = 1_000
REASON_MAX: Final = 64

Attribute = str | int | bool
T = TypeVar("T")


def identifier(value: str) -> str:
    """An id from outside: 1 to 255 bytes of printable text that does not begin with `~`."""
    if not isinstance(value, str):
        raise InvalidValueError(f"An id must be a str, not {quote(value)} ({type(value).__name__}).")
    if not value or not value.isprintable() or len(value.encode()) > ID_BYTES_MAX:
        raise InvalidValueError(f"An id must be 1 to {ID_BYTES_MAX} bytes of printable text, not {quote(value)}.")
    if value[0] == "~":
        raise InvalidValueError(f"An id may not begin with '~' (kept for derived ids), as {quote(value)} does.")
    return value


def word(value: str) -> str:
    """A short key or code: 1 to 64 printable characters."""
    if not isinstance(value, str) or not value or len(value) > REASON_MAX or not value.isprintable():
        raise InvalidValueError(f"A key or code must be 1 to {REASON_MAX} printable characters, not {quote(value)}.")
    return value


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def text(value: str) -> str:
    """A text of at most 1,000 characters without surrogates or NUL, which some databases refuse."""
    if not isinstance(value, str) or len(value) > TEXT_MAX or _UNSTORABLE.search(value):
        raise InvalidValueError(f"A text must be a str of at most {TEXT_MAX} characters, not {quote(value)}.")
    return value


def many(value: Iterable[T]) -> tuple[T, ...]:
    """A sequence is taken and becomes a tuple; a str or a mapping is refused, for it is never meant."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidValueError(f"A sequence is needed here, not {quote(value)}.")
    return tuple(value)


def is_a(kind: type, value: object, what: str) -> None:
    """Raises InvalidValueError where *value* is not of *kind*."""
    if not isinstance(value, kind):
        raise InvalidValueError(f"{what} must be {kind.__name__}, not {quote(value)} ({type(value).__name__}).")


def word_or_none(value: str | None) -> str | None:
    """A word, or None."""
    return None if value is None else word(value)


def identifier_or_none(value: str | None) -> str | None:
    """An id, or None."""
    return None if value is None else identifier(value)


def instant_or_none(value: datetime | None) -> datetime | None:
    """An instant in UTC, or None."""
    return None if value is None else utc(value)


def labels_of(value: Iterable[str | None]) -> tuple[str | None, ...]:
    """Labels of balances, in order of priority; None is what has no label."""
    return tuple(word_or_none(label) for label in many(value))


def tags_of(value: Iterable[str]) -> tuple[str, ...]:
    """Words, each once, in order."""
    return tuple(sorted({word(tag) for tag in many(value)}))


def choices_of(value: Iterable[str]) -> tuple[str, ...]:
    """At most 64 ids of what is chosen, in order."""
    chosen = tuple(identifier(choice) for choice in many(value))
    if len(chosen) > ATTRIBUTES_MAX:
        raise InvalidValueError(f"There may be {ATTRIBUTES_MAX} choices at most, not {len(chosen)}.")
    return chosen


def attributes_of(value: Mapping[str, Attribute]) -> FrozenMapping[str, Attribute]:
    """At most 64 facts: a str, an int or a bool for each key."""
    if not isinstance(value, Mapping) or len(value) > ATTRIBUTES_MAX:
        raise InvalidValueError(f"Attributes must be a mapping of at most {ATTRIBUTES_MAX} keys, not {quote(value)}.")
    for key, fact in value.items():
        word(key)
        if type(fact) is str:
            text(fact)
        elif type(fact) is int:
            if not -STEPS_LIMIT < fact < STEPS_LIMIT:
                raise InvalidValueError(f"Attribute {quote(key)} is out of range: whole numbers have 63 bits at most.")
        elif type(fact) is not bool:
            raise InvalidValueError(f"Attribute {quote(key)} must be a str, an int or a bool, not {quote(fact)}.")
    return FrozenMapping(value)


def measures_of(value: Mapping[str, int | str | Decimal]) -> FrozenMapping[str, Decimal]:
    """At most 64 exact numbers, by name."""
    if not isinstance(value, Mapping) or len(value) > ATTRIBUTES_MAX:
        raise InvalidValueError(f"Measures must be a mapping of at most {ATTRIBUTES_MAX} keys, not {quote(value)}.")
    return FrozenMapping({word(key): plain_decimal(number) for key, number in value.items()})


def quantity_of(value: int | str | Decimal) -> Decimal:
    """An exact quantity above zero."""
    number = plain_decimal(value)
    if number <= 0:
        raise InvalidValueError(f"A quantity must be above zero, not {quote(str(value))}.")
    return number


def quantity_or_none(value: int | str | Decimal | None) -> Decimal | None:
    """A quantity, or None."""
    return None if value is None else quantity_of(value)


def not_negative(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    """A validator: an amount of at least 0."""
    is_a(Amount, value, field.name)
    if value.steps < 0:
        raise InvalidValueError(f"{field.name} must be at least 0, not {value.steps} steps.")


def positive(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    """A validator: an amount above 0."""
    is_a(Amount, value, field.name)
    if value.steps <= 0:
        raise InvalidValueError(f"{field.name} must be above 0, not {value.steps} steps.")


def whole(_: object, field: attrs.Attribute[int], value: int) -> None:
    """A validator: a whole number of at least 1."""
    if type(value) is not int or not 1 <= value < 2**31:
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1, not {quote(value)}.")


def check_all(kind: type, members: Sequence[object], what: str) -> None:
    """Raises InvalidValueError where a member is not of *kind*, or there are more than 2,000."""
    if len(members) > LINES_MAX:
        raise InvalidValueError(f"There may be {LINES_MAX} {what} at most, not {len(members)}.")
    for member in members:
        if not isinstance(member, kind):
            raise InvalidValueError(f"The {what} must each be a {kind.__name__}, not {quote(member)}.")


def sum_of(amounts: Iterable[Amount], unit: str, what: str) -> int:
    """The steps of amounts in one unit. Raises InvalidValueError for another unit, or beyond 63 bits."""
    steps = 0
    for amount in amounts:
        if amount.unit != unit:
            raise InvalidValueError(f"A purchase has one currency: {what} is in {amount.unit}, the lines in {unit}.")
        steps += amount.steps
    if steps >= STEPS_LIMIT:
        raise InvalidValueError(f"The sum of {what} leaves the range of 63 bits.")
    return steps
