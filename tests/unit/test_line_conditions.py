"""What was taken off a line, by kind; what lines and activities measure."""

from __future__ import annotations

import pytest
from unit_shop import NEW_YEAR, USD, purchase

from patronage import Account, Activity, Discount, InvalidValueError, Line, Occasion, Purchase
from patronage._frozen import FrozenMapping
from patronage.conditions import Not
from patronage.ledger import Basis
from patronage.line_conditions import LineDiscounted, MeasureIs
from patronage.periods import Calendar

NEW_YORK = Calendar("America/New_York")
FREE = Line(id="free", total=USD.of("0.70"), discounts=(Discount(kind="free_drink", total=USD.of("5.50")),))
PLAIN = Line(id="plain", total=USD.of("3.80"))


def shown(event: Purchase | Activity) -> Occasion:
    """The occasion of an event."""
    return Occasion(event.occurred_at, Account.member("ann"), event, None, Basis(), NEW_YORK, FrozenMapping())


def test_a_discount_of_a_kind() -> None:
    """A line from which a free drink was taken off has one; one of another kind, or none, is none."""
    occasion = shown(purchase(FREE, PLAIN))
    assert LineDiscounted(("free_drink",)).holds(occasion, FREE)
    assert not LineDiscounted(("coupon",)).holds(occasion, FREE)
    assert not LineDiscounted(("free_drink",)).holds(occasion, PLAIN)


def test_any_discount() -> None:
    """Without kinds any discount counts; asked about the whole, it holds where some line has one."""
    occasion = shown(purchase(FREE, PLAIN))
    assert LineDiscounted().holds(occasion, FREE)
    assert not LineDiscounted().holds(occasion, PLAIN)
    assert LineDiscounted().holds(occasion, None)
    assert not LineDiscounted().holds(shown(purchase(PLAIN)), None)
    assert Not(LineDiscounted()).holds(occasion, PLAIN)


def test_a_kind_is_a_word() -> None:
    """An empty kind names nothing."""
    with pytest.raises(InvalidValueError):
        LineDiscounted(("",))


def reload(amount: str) -> Occasion:
    """A card that was topped up."""
    return shown(Activity(id="a", member="ann", occurred_at=NEW_YEAR, kind="reload", measures={"amount": amount}))


def test_a_measure_of_an_activity() -> None:
    """From 50.00 on, and below: the bound itself is at least it. What is not stated is 0."""
    assert MeasureIs("amount", at_least="50.00").holds(reload("50"), None)
    assert not MeasureIs("amount", at_least="50.00").holds(reload("49.99"), None)
    assert MeasureIs("amount", at_least="30", below="50").holds(reload("49.99"), None)
    assert not MeasureIs("amount", below="50").holds(reload("50"), None)
    assert MeasureIs("litres", below="1").holds(reload("50"), None)


def test_a_measure_of_lines() -> None:
    """A line by itself, or what all of them come to, exactly."""
    one = Line(id="1", total=USD.of(1), measures={"meals": "0.1"})
    two = Line(id="2", total=USD.of(1), measures={"meals": "0.2"})
    occasion = shown(purchase(one, two))
    assert MeasureIs("meals", at_least="0.3").holds(occasion, None)
    assert not MeasureIs("meals", at_least="0.300001").holds(occasion, None)
    assert not MeasureIs("meals", at_least="0.3").holds(occasion, two)
    assert MeasureIs("meals", at_least="0.2").holds(occasion, two)


def test_a_measure_without_a_bound() -> None:
    """It would say nothing."""
    with pytest.raises(InvalidValueError, match="at_least, below or both"):
        MeasureIs("meals")
