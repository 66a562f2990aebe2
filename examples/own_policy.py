"""
A policy and a condition of one's own: every third visit of a month pays extra, and so does a varied basket.

Both are frozen objects with one method. They remember nothing: what the policy must know of earlier
purchases it keeps as a tally of its own, so refunds come out right without a line of code.

    python examples/own_policy.py
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import attrs

import patronage as p
from patronage.explain import ENGLISH, explain
from patronage.ledger import reason
from patronage.periods import MONTH
from patronage.terms_of_time import EndOfPeriod

usd, points, visits = p.currency("USD"), p.Unit("points"), p.Unit("visits", kind=p.UnitKind.TALLY)


@attrs.frozen
class VariedBasket:
    """The basket holds at least so many different items: a condition."""

    at_least: int

    def holds(self, occasion: p.Occasion, line: p.Line | None) -> bool:
        return len({each.sku for each in occasion.lines}) >= self.at_least


@attrs.frozen
class EveryNthVisit:
    """Credits *credit* for every *nth* purchase of a month: a policy. The tally `visits` counts, by month."""

    name: str
    nth: int
    credit: p.Amount
    reads: tuple[p.Read, ...] = (p.Read("visits", all_labels=True),)

    def effects(self, occasion: p.Occasion) -> Iterable[p.Effect]:
        if occasion.purchase is None:
            return
        month = MONTH.span(occasion.at, occasion.calendar).key
        visit = occasion.balance("visits", month) + 1
        yield p.Credit(visits.of(1), rule="count", label=month, life=p.Life(expires_after=EndOfPeriod(period=MONTH)))
        if visit % self.nth == 0:
            yield p.Credit(self.credit, rule="nth", why=reason("nth_visit", {"visit": visit, "month": month}))


varied = p.BonusRule(name="varied", credit=points.of(20), when=VariedBasket(3))
third = EveryNthVisit(name="visits", nth=3, credit=points.of(100))
terms = p.Terms(units=(usd, points, visits), policies=(p.PointsPolicy(name="base", rules=(varied,)), third))
program = p.Program(id="shop", time_zone="Europe/Vienna", terms=terms)
PHRASES = ENGLISH.replacing(
    {
        "condition.variedbasket": "a basket of at least {at_least} different items",
        "entry.nth_visit": "{amount} credited for visit number {visit} of {month}.",
    }
)


def main() -> None:
    state = p.State.of("m-1")
    for day in (5, 12, 19):
        at = datetime(2026, 3, day, 16, tzinfo=UTC)
        lines = [p.Line(total=usd.of("4.50"), sku=sku) for sku in ("tea", "milk")]
        decision = program.decide(state, p.Purchase(id=f"o-{day}", member="m-1", occurred_at=at, lines=lines))
        for commit, after in zip(decision.commits, decision.states, strict=True):
            print(explain(commit, program, phrases=PHRASES).text, end="\n\n")
            state = after


if __name__ == "__main__":
    main()
