"""Partners of an airline: a hotel and a car rental fund the miles that they give, and each month is settled."""

from __future__ import annotations

from datetime import UTC, datetime

from patronage import (
    Account,
    Line,
    PartnerPolicy,
    Program,
    Purchase,
    Refund,
    SpendRule,
    Terms,
    Unit,
    currency,
)
from patronage.loyalty import Loyalty
from patronage.partners import AgreedPrice, Agreement, Partner
from patronage.periods import MONTH
from patronage.settlements import settlements
from patronage.stores.memory import MemoryLedger

usd, miles = currency("USD"), Unit("miles")
SUMMER = datetime(2026, 6, 1, tzinfo=UTC)


Instant = datetime | None


def agreement(name: str, per: str, price: str, start: Instant = None, end: Instant = None) -> Agreement:
    """A mile for every *per*, for which the partner pays *price* a thousand."""
    return Agreement(
        start=start,
        end=end,
        rules=(SpendRule(name=name, per=usd.of(per), credit=miles.of(1), whole=False),),
        funds=(AgreedPrice(per=miles.of(1000), pays=usd.of(price)),),
    )


hotel = Partner(
    name="hotel",
    agreements=(
        agreement("hotel-spring", "1.00", "11.00", end=SUMMER),
        agreement("hotel-summer", "0.50", "10.00", start=SUMMER),
    ),
)
cars = Partner(name="cars", agreements=(agreement("cars", "2.00", "12.25"),))
partners = PartnerPolicy(name="partners", partners=(hotel, cars))
program = Program(id="airline", time_zone="Europe/Paris", terms=Terms(units=(usd, miles), policies=(partners,)))


def main() -> None:
    """Tells what the partners report, and prints what they owe."""
    ledger = MemoryLedger()
    loyalty = Loyalty(program, ledger, clock=lambda: datetime(2026, 12, 31, tzinfo=UTC))
    told = [("ann", "hotel", 5, 20, "412.50"), ("bob", "cars", 5, 28, "99.99"), ("ann", "hotel", 6, 3, "200.00")]
    for n, (member, partner, month, day, total) in enumerate(told):
        sale = Purchase(
            id=f"{partner}-{n}",
            member=member,
            occurred_at=datetime(2026, month, day, 12, tzinfo=UTC),
            lines=(Line(total=usd.of(total)),),
            attributes={"partner": partner},
        )
        print(f"{member} earned {miles.text(loyalty.record(sale).earned(miles).total)} at {partner}")
    june = datetime(2026, 6, 9, tzinfo=UTC)
    loyalty.record(Refund(id="r-1", member="ann", occurred_at=june, purchase="hotel-0", total=usd.of("112.50")))
    accounts = [ledger.history(Account.member(member)) for member in ("ann", "bob")]
    print("month    partner   issued returned        owed")
    for row in settlements(program, "partners", MONTH, accounts):
        money = "" if row.money is None else usd.text(row.money)
        print(f"{row.period.key}  {row.partner:8}{row.given.steps:8}{row.returned.steps:9}  {money:>10}")


if __name__ == "__main__":
    main()
