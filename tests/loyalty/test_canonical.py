"""Canonical bytes: equal values give equal bytes, others do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import combinations

import attrs
import pytest

from loyalty.shop import PROGRAM, USD
from patronage import Amount, LineKind
from patronage._canonical import canonical_bytes
from patronage._frozen import FrozenMapping


class Colour(Enum):
    """An enum of the tests."""

    RED = 1
    BLUE = 2


class Plain:
    """A class of a caller's own, with slots and without attrs."""

    __slots__ = ("a", "b")

    def __init__(self, a: object, b: object) -> None:
        self.a, self.b = a, b


class Loose:
    """One with a dict."""

    def __init__(self, **values: object) -> None:
        vars(self).update(values)


@attrs.frozen
class Noted:
    """A value with a note that does not count."""

    size: int
    note: str = attrs.field(default="", eq=False)


EQUAL = [
    (1, Decimal("1.00"), Fraction(1), Decimal("1")),
    (datetime(2025, 1, 1, 12, tzinfo=UTC), datetime(2025, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, FrozenMapping({"a": 1, "b": 2})),
    ({1, 2, 3}, frozenset({3, 2, 1})),
    ((1, "a"), [1, "a"]),
    (Noted(1, "x"), Noted(1, "y")),
    (USD.of("1.00"), Amount(100, "USD")),
    (Loose(a=1, b=2), Loose(b=2, a=1)),
]

OTHER = [
    None,
    True,
    1,
    Decimal("1.5"),
    "1",
    b"1",
    "none",
    "\ud800",
    (),
    ("",),
    ("", ""),
    (("a",), "b"),
    (("a", "b"),),
    ("ab",),
    ("a", "b"),
    {},
    {"a": "b"},
    frozenset(),
    frozenset({"a"}),
    datetime(2025, 1, 1, tzinfo=UTC),
    datetime(2025, 1, 1),
    date(2025, 1, 1),
    time(1, 2),
    timedelta(days=1),
    timedelta(seconds=1),
    Colour.RED,
    Colour.BLUE,
    LineKind.GOODS,
    Plain(1, 2),
    Plain(2, 1),
    Loose(a=1),
    Noted(1),
    Noted(2),
    USD.of("1.00"),
    Plain,
    canonical_bytes,
]


@pytest.mark.parametrize("values", EQUAL)
def test_equal_values_give_equal_bytes(values: tuple[object, ...]) -> None:
    """However they were written or put in order."""
    assert len({canonical_bytes(value) for value in values}) == 1


def test_other_values_give_other_bytes() -> None:
    """No part can be taken for another: each has its kind and its length."""
    for one, other in combinations(OTHER, 2):
        assert canonical_bytes(one) != canonical_bytes(other), (one, other)


def test_a_program_has_one_form_in_every_process() -> None:
    """Another process, another hash seed: the same bytes, no address in them."""
    mapping: Mapping[str, str] = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(path for path in sys.path if path)}
    code = "from loyalty.shop import PROGRAM\nfrom patronage._canonical import canonical_bytes as c\nprint(c(PROGRAM))"
    result = subprocess.run([sys.executable, "-c", code], env=mapping, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(canonical_bytes(PROGRAM))
    assert b" at 0x" not in canonical_bytes(PROGRAM)
