"""Canonical bytes of a value, for a digest where no codec is given: equal values give equal bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import attrs

from patronage.periods import format_instant


def canonical_bytes(value: object) -> bytes:
    """
    *value* and all it holds, each part with its kind and its length.

    Numbers are written exactly (1.0 as 1.00), instants in UTC, sets and mappings in order, objects
    with the name of their class and their fields. Functions and classes are written as their names:
    what their code does is not seen.
    """
    if value is None:
        return b"none"
    if isinstance(value, Enum):
        return _named(type(value).__qualname__, (value.name,))
    if isinstance(value, str):
        return _part(b"str", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return _part(b"bytes", value)
    if isinstance(value, bool):
        return _part(b"bool", b"1" if value else b"0")
    if isinstance(value, int | Decimal | Fraction):
        over, under = value.as_integer_ratio()
        return _part(b"number", f"{over:x}/{under:x}".encode())
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _part(b"instant", format_instant(value).encode())
    if isinstance(value, date | time):
        return _part(b"local", value.isoformat().encode())
    if isinstance(value, timedelta):
        return _named("timedelta", (value.days, value.seconds, value.microseconds))
    if isinstance(value, Mapping):
        return _part(b"map", b"".join(sorted(_all(pair) for pair in value.items())))
    if isinstance(value, set | frozenset):
        return _part(b"set", b"".join(sorted(map(canonical_bytes, value))))
    if isinstance(value, tuple | list):
        return _part(b"list", _all(value))
    if isinstance(value, type) or callable(getattr(value, "__get__", None)):
        return _part(b"name", f"{value.__module__}.{getattr(value, '__qualname__', '')}".encode())
    return _named(type(value).__qualname__, _fields(value))


def _fields(value: object) -> Iterable[object]:
    """The fields of an object, each with its name: of attrs, else its slots and what is in its dict."""
    cls = type(value)
    if attrs.has(cls):
        names = [field.name for field in attrs.fields(cls) if field.eq]
    else:
        slots = [name for base in cls.__mro__ for name in getattr(base, "__slots__", ())]
        names = sorted({*slots, *getattr(value, "__dict__", {})})
    return [(name, getattr(value, name, None)) for name in names]


def _all(values: Iterable[object]) -> bytes:
    return b"".join(map(canonical_bytes, values))


def _named(name: str, parts: Iterable[object]) -> bytes:
    return _part(b"object", _all((name, *parts)))


def _part(kind: bytes, data: bytes) -> bytes:
    return b"%s %d:%s;" % (kind, len(data), data)
