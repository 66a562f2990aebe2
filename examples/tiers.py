"""A year and a half of a hotel's guest: nights, levels, what is missing to the next one, and what a return does."""

from __future__ import annotations

from datetime import UTC, datetime

from patronage import (
    Life,
    Line,
    MultiplierRule,
    PointsPolicy,
    Program,
    Purchase,
    Refund,
    SpendRule,
    Terms,
    TierPolicy,
    Unit,
    UnitKind,
    currency,
)
from patronage.loyalty import Loyalty
from patronage.member_conditions import LevelIs
from patronage.periods import YEAR
from patronage.policies.tier import Level
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import EndOfPeriod

usd, points = currency("USD"), Unit("points")
nights = Unit("nights", kind=UnitKind.QUALIFYING)

stays = PointsPolicy(
    name="stays",
    rules=(
        SpendRule(name="base", per=usd.of(1), credit=points.of(10)),
        MultiplierRule(name="gold", factor="1.5", when=LevelIs("tier", at_least="gold")),
    ),
)
tiers = TierPolicy(
    name="tier",
    levels=(
        Level(name="member"),
        Level(name="silver", at_least=nights.of(5)),
        Level(name="gold", at_least=nights.of(10)),
    ),
    rules=(
        SpendRule(
            name="nights", per=usd.of(100), credit=nights.of(1), life=Life(expires_after=EndOfPeriod(period=YEAR))
        ),
    ),
)
terms = Terms(units=(usd, points, nights), policies=(stays, tiers))
program = Program(id="hotel", time_zone="America/New_York", terms=terms)


def main() -> None:
    """Tells the stays and prints what they come to."""
    loyalty = Loyalty(program, MemoryLedger(), clock=lambda: datetime(2028, 2, 1, tzinfo=UTC))
    for id, (year, month, day), total in (
        ("s-1", (2026, 2, 3), "600.00"),
        ("s-2", (2026, 5, 9), "400.00"),
        ("s-3", (2026, 6, 1), "200.00"),
        ("s-4", (2027, 4, 7), "700.00"),
    ):
        at = datetime(year, month, day, 15, tzinfo=UTC)
        decision = loyalty.record(Purchase(id=id, member="eve", occurred_at=at, lines=(Line(total=usd.of(total)),)))
        standing = loyalty.standing("eve", at)
        missing = [
            f"{nights.text(each.missing)} more by {each.by:%d %B %Y} for {each.level}"
            for each in standing.progress("tier")
            if each.missing and each.by is not None
        ]
        print(f"{at:%d %B %Y}: {decision.earned(points)}; {standing.level('tier')}; {'; '.join(missing) or 'the top'}")
    at = datetime(2027, 4, 20, 15, tzinfo=UTC)
    loyalty.record(Refund(id="r-1", member="eve", occurred_at=at, purchase="s-4", total=usd.of("300.00")))
    print(f"{at:%d %B %Y}: 300.00 USD came back; {loyalty.standing('eve', at).level('tier')}")
    later = datetime(2028, 1, 2, 15, tzinfo=UTC)
    print(f"{later:%d %B %Y}: {loyalty.standing('eve', later).level('tier')}")


if __name__ == "__main__":
    main()
