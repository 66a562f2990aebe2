"""A co-operative's year: purchases, a return, the record date, a pool shared to the last cent, and who got what."""

from __future__ import annotations

from datetime import UTC, datetime

from patronage import DividendPolicy, Line, Program, Purchase, Refund, StatusGrant, Terms, currency
from patronage.conditions import HasGrant
from patronage.dividends import ClassDeclared, DividendDeclared
from patronage.loyalty import Loyalty
from patronage.periods import YEAR
from patronage.policies.dividend import PatronageClass
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import years

USD = currency("USD")
JUNE, MARCH = datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)

DIVIDEND = DividendPolicy(
    name="dividend",
    period=YEAR,
    credits="USD",
    classes=[PatronageClass(currency="USD")],
    eligible=HasGrant("owner"),
    minimum=USD.of("5.00"),
    cash="0.20",
    qualified=True,
    revolves_after=years(7),
)
PROGRAM = Program(id="co-op", time_zone="America/Chicago", terms=Terms(units=(USD,), policies=(DIVIDEND,)))


def main() -> None:
    """Plays the year, pays its dividend and prints what each member holds."""
    now = JUNE
    loyalty = Loyalty(PROGRAM, MemoryLedger(), clock=lambda: now)
    for member, spent in (("ann", "1849.99"), ("bob", "3120.45"), ("cid", "20.00"), ("dot", "900.00")):
        if member != "dot":  # Dot shops there, and is no owner.
            id = f"join-{member}"
            loyalty.record(
                StatusGrant(id=id, member=member, occurred_at=JUNE, key="owner", actor="desk", reason="share")
            )
        lines = (Line(total=USD.of(spent)),)
        loyalty.record(Purchase(id=f"order-{member}", member=member, occurred_at=JUNE, lines=lines))
    now = datetime(2024, 9, 1, tzinfo=UTC)
    back = Refund(id="back", member="ann", occurred_at=now, purchase="order-ann", total=USD.of("100.00"))
    loyalty.record(back).require()

    now = MARCH
    declared = DividendDeclared(
        id="dividend-2024",
        policy="dividend",
        occurred_at=MARCH,
        of=JUNE,
        classes=[ClassDeclared(pool=USD.of("250.00"))],
    )
    for outcome in loyalty.pay_dividend(declared):
        assert outcome.decision is not None
        told = loyalty.explain(outcome.account, outcome.decision.event.id)
        print(outcome.account.id)
        for entry in told.entries:
            print("   ", entry.item.sentence)
    again = list(loyalty.pay_dividend(declared))
    print("paid again:", len(again))


if __name__ == "__main__":
    main()
