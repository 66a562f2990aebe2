"""LineDiscounted: what was taken off a line, by kind."""

from __future__ import annotations

import pytest
from unit_shop import USD, purchase

from patronage import Account, Discount, InvalidValueError, Line, Occasion, Purchase
from patronage._frozen import FrozenMapping
from patronage.conditions import Not
from patronage.ledger import Basis
from patronage.line_conditions import LineDiscounted
from patronage.periods import Calendar

NEW_YORK = Calendar("America/New_York")
FREE = Line(id="free", total=USD.of("0.70"), discounts=(Discount(kind="free_drink", total=USD.of("5.50")),))
PLAIN = Line(id="plain", total=USD.of("3.80"))


def shown(event: Purchase) -> Occasion:
    """The occasion of a purchase."""
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
