"""A points program in one page: preview a cart, buy, ask why, pay with points, return a part, read the statement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from patronage import (
    Enrolment,
    Life,
    Line,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    SpendRule,
    Tender,
    Terms,
    Unit,
    currency,
)
from patronage.loyalty import Loyalty
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import Until, months

usd, points = currency("USD"), Unit("points")
a_year = Life(expires_after=months(12, until=Until.END_OF_MONTH))
base = PointsPolicy(name="base", rules=(SpendRule(per=usd.of("1.00"), credit=points.of(1), life=a_year),))
pay = PayWithPoints(name="pay", points=points.of(100), value=usd.of("1.00"))
terms = Terms(units=(usd, points), policies=(base,), rewards=(pay,))
program = Program(id="shop", time_zone="America/New_York", terms=terms)

day = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
loyalty = Loyalty(program, MemoryLedger(), clock=lambda: day + timedelta(days=30))
loyalty.record(Enrolment(id="e-1", member="ada", occurred_at=day))

cart = (Line(id="boots", total=usd.of("289.90")), Line(id="socks", total=usd.of("24.00")))
order = Purchase(id="o-1", member="ada", occurred_at=day, lines=cart)
print("The cart would earn", loyalty.preview(order)[0].earned(points))
print("It earned", loyalty.record(order).earned(points))
print(loyalty.explain("ada", "o-1").text)

later = day + timedelta(days=7)
paid = Redemption(id="r-1", member="ada", occurred_at=later, reward="pay", amount=points.of(200), cart=cart)
tenders = (Tender(kind="points", total=usd.of("2.00"), redemption="r-1"), Tender(kind="card", total=usd.of("311.90")))
again = Purchase(id="o-2", member="ada", occurred_at=later, lines=cart, tenders=tenders)
redeemed, bought = loyalty.record_all([paid, again])
print("Paid with points:", *(usd.text(benefit.amount) for benefit in redeemed.benefits if benefit.amount))
back = day + timedelta(days=9)
refund = Refund(id="f-1", member="ada", occurred_at=back, purchase="o-1", lines=(RefundLine(id="socks"),))
print("The socks came back:", loyalty.record(refund).earned(points))

print("Her statement:")
for line in loyalty.statement("ada", day, day + timedelta(days=30)):
    if line.change is not None:
        print(f"  {line.entry.at:%d %B}  {line.commit.event.id}  {points.text(line.change)}")
print("Left:", loyalty.standing("ada")[points])
