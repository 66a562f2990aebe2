"""A ready occasion for tests of policies and conditions."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from patronage import Activity, Lot, Unit
from patronage.conditions import BalanceIs, HasGrant, Weekday
from patronage.ledger import ALWAYS, Balance
from patronage.occasions import LotEnded
from patronage.testing import grant, occasion, purchase
from patronage.testing.kit import AT, POINTS, USD


def test_without_arguments_it_is_a_purchase_of_a_hundred() -> None:
    """100.00 USD in one line, by m-1, on a Thursday."""
    shown = occasion()
    assert shown.purchase is not None
    assert shown.purchase.total == 10_000
    assert shown.at == AT
    assert shown.account.id == "m-1"
    assert Weekday([3]).holds(shown, None)


def test_each_part_can_be_given() -> None:
    """Event, instant, grants, balances, units and zone are the caller's."""
    miles = Unit("miles")
    at = datetime(2026, 3, 7, 2, tzinfo=UTC)
    shown = occasion(
        Activity(id="a-1", member="m-2", occurred_at=AT, kind="review"),
        at=at,
        grants=[grant("tier", "gold")],
        balances=[POINTS.of(500), Balance("miles", "partner", 7)],
        units=(USD, POINTS, miles),
        time_zone="America/New_York",
    )
    assert shown.activity is not None
    assert (shown.at, shown.account.id) == (at, "m-2")
    assert HasGrant("tier", values=["gold"]).holds(shown, None)
    assert BalanceIs(at_least=POINTS.of(500)).holds(shown, None)
    assert shown.balance("miles", "partner") == 7
    assert shown.units["miles"] == miles
    assert Weekday([4]).holds(shown, None), "a Saturday in UTC is a Friday in New York"


def test_a_grant_holds_from_before_until_its_end() -> None:
    """In force at the kit's instant; one that has ended or has no uses is not."""
    assert occasion(grants=[grant("tier")]).grants("tier")
    assert not occasion(grants=[grant("tier", until=AT)]).grants("tier")
    assert not occasion(grants=[grant("tier", uses=0)]).grants("tier")


def test_with_a_trigger_there_is_no_event() -> None:
    """What time does is shown without an event."""
    lot = Lot("points", 5, None, ALWAYS, None, None, None)
    shown = occasion(trigger=LotEnded(lot))
    assert shown.event is None
    assert shown.trigger == LotEnded(lot)
    assert (shown.at, shown.account.id) == (AT, "m-1")


def test_a_purchase_takes_any_amount() -> None:
    """A text is US dollars, an amount is its own currency."""
    assert purchase("1.50").total == 150
    assert purchase(Unit("EUR", decimals=2).of(2)).currency == "EUR"


def test_nothing_of_it_is_loaded_by_the_library() -> None:
    """`import patronage` loads neither the kit nor hypothesis; the kit loads no hypothesis."""
    code = (
        "import sys, patronage\n"
        "assert not any(m.startswith(('patronage.testing', 'hypothesis')) for m in sys.modules)\n"
        "import patronage.testing\n"
        "assert not any(m.startswith('hypothesis') for m in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
